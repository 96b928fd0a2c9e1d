"""Fitting how much a purchase brings: gamma-gamma by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]
_STARTS = ((2.0, 3.0, 1.0), (6.0, 4.0, 0.5), (0.5, 4.0, 2.0))  # p, q, v in mean spend
_LOWEST, _HIGHEST = (1e-3, 1.01, 1e-4), (1e3, 1e3, 1e4)  # of q: the mean spend of all is p v / (q - 1)
_FEWEST = 20


@dataclass(frozen=True)
class SpendPerPurchase:
    """A purchase's spend is gamma(p, rate nu), and nu over customers gamma(q, rate v); v in money."""

    p: float
    q: float
    v: float
    log_likelihood: float


def fit_spend_per_purchase(purchases: Floats, mean: Floats) -> SpendPerPurchase | None:
    """The gamma-gamma parameters (Fader & Hardie 2013, eq. 1a); None with fewer than 20 customers.

    Parameters
    ----------
    purchases, mean
        How often a customer bought and what they spent at a time, shape (customers,); who has neither above 0 is left
        out.
    """
    known = (purchases > 0) & (mean > 0)
    count, seen = purchases[known], mean[known]
    if len(seen) < _FEWEST:
        return None
    unit = float(seen.mean())
    seen = seen / unit

    def loss(logs: Floats) -> float:
        return -log_likelihood(*np.exp(logs), count, seen) / len(seen)

    bounds = list(zip(np.log(_LOWEST), np.log(_HIGHEST), strict=True))
    found = min(
        (minimize(loss, np.log(first), method="L-BFGS-B", bounds=bounds, options={"maxiter": 500, "ftol": 1e-13})
         for first in _STARTS),
        key=lambda one: float(one.fun),
    )  # fmt: skip
    p, q, v = np.exp(found.x)
    total = log_likelihood(p, q, v * unit, count, seen * unit)
    return SpendPerPurchase(float(p), float(q), float(v * unit), total)


def log_likelihood(p: float, q: float, v: float, purchases: Floats, mean: Floats) -> float:
    """The sum over customers of Fader & Hardie 2013, eq. 1a, as a logarithm."""
    shape = p * purchases
    return float(
        np.sum(
            gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v) + (shape - 1) * np.log(mean)
            + shape * np.log(purchases) - (shape + q) * np.log(purchases * mean + v)
        )
    )  # fmt: skip
