"""Fitting how often customers buy and when they stop: BG/NBD by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]
_STARTS = ((1.0, 1.0, 1.0, 2.0), (0.3, 0.5, 0.5, 2.0), (3.0, 2.0, 0.3, 3.0))  # r, alpha in mean T, a, b
_WITHIN = (1e-4, 1e5)


@dataclass(frozen=True)
class PurchaseRate:
    """Purchase rates spread as gamma(r, rate alpha), chances to stop after a purchase as beta(a, b).

    `alpha` is in the unit of the times fitted on; `log_likelihood` is the sum over customers.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


def fit_purchase_rate(repeats: Floats, last: Floats, observed: Floats) -> PurchaseRate | None:
    """The BG/NBD parameters (Fader, Hardie & Lee 2005, eq. 6), or None where nobody bought twice.

    Parameters
    ----------
    repeats
        Purchases after the first, shape (customers,).
    last, observed
        Time from the first purchase to the last one, and to now; the same unit, shape (customers,).
    """
    if not len(repeats) or not repeats.any():
        return None
    unit = float(observed.mean())
    last, observed = last / unit, observed / unit

    def loss(logs: Floats) -> float:
        return -log_likelihood(*np.exp(logs), repeats, last, observed) / len(repeats)

    bounds = [(np.log(_WITHIN[0]), np.log(_WITHIN[1]))] * 4
    found = min(
        (minimize(loss, np.log(start), method="L-BFGS-B", bounds=bounds, options={"maxiter": 500, "ftol": 1e-12})
         for start in _STARTS),
        key=lambda one: float(one.fun),
    )  # fmt: skip
    r, alpha, a, b = np.exp(found.x)
    alpha = alpha * unit
    total = log_likelihood(r, alpha, a, b, repeats, last * unit, observed * unit)
    return PurchaseRate(float(r), float(alpha), float(a), float(b), total)


def log_likelihood(
    r: float, alpha: float, a: float, b: float, repeats: Floats, last: Floats, observed: Floats
) -> float:
    """The sum over customers of Fader, Hardie & Lee 2005, eq. 3, as a logarithm."""
    buying = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
    staying = gammaln(a + b) + gammaln(b + repeats) - gammaln(b) - gammaln(a + b + repeats)
    alive = -(r + repeats) * np.log(alpha + observed)
    bought = repeats > 0
    gone = np.full(len(repeats), -np.inf)
    gone[bought] = np.log(a) - np.log(b + repeats[bought] - 1) - (r + repeats[bought]) * np.log(alpha + last[bought])
    return float(np.sum(buying + staying + np.logaddexp(alive, gone)))
