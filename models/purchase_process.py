"""The purchase process: BG/NBD tells how often customers still buy, gamma-gamma how much a purchase day brings.

Given p, the chance to stop after a purchase, someone alive who buys at a rate of gamma(r + x, alpha + T) makes
(1 - (1 + p t / (alpha + T))^-(r + x)) / p purchases within t (Fader, Hardie & Lee 2005, before eq. 10). Over p, which
given x is beta(a, b + x), that is a Gauss-Jacobi sum instead of a hypergeometric series, to some 1e-3 at worst.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.spend import ValueRows

Floats = npt.NDArray[np.float64]
_NODES = 20
NEEDS = (
    "purchase_days_in_memory", "days_since_first_purchase", "days_since_last_purchase", "usual_spend_per_28d",
    "usual_purchase_days_per_28d",
)  # fmt: skip
"""The behaviour columns that tell a customer's purchases so far."""


@dataclass(frozen=True)
class PurchaseProcess:
    """BG/NBD in days (r, alpha, a, b) and the spend of a purchase day by gamma-gamma (p, q, v)."""

    period_days: int
    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    v: float

    kind = "purchase_process"
    text = ""

    def by_period(self, rows: ValueRows, periods: int) -> Floats:
        """Shape (rows, periods), money; 0 for who never bought."""
        days, first, last, spend, visits = (rows.column[name] for name in NEEDS)
        bought = days >= 1
        found = np.zeros((len(rows), periods))
        if bought.any():
            ends = self.period_days * np.arange(1, periods + 1.0)
            repeats, observed = days[bought] - 1, first[bought]
            purchases = self.purchases(repeats, observed - last[bought], observed, ends)
            money = self.spend_per_purchase(days[bought], spend[bought] / visits[bought])
            found[bought] = np.diff(purchases, axis=1, prepend=0) * money[:, None]
        return found

    def alive(self, repeats: Floats, last: Floats, observed: Floats) -> Floats:
        """Chance of not having stopped (Fader & Hardie 2008), shape (rows,); 1 for who bought once.

        `last` and `observed` are the time from the first purchase to the last one, and to now.
        """
        once = repeats <= 0
        odds = self.a / np.where(once, 1, self.b + repeats - 1)
        odds = odds * ((self.alpha + observed) / (self.alpha + last)) ** (self.r + repeats)
        return np.asarray(1 / (1 + np.where(once, 0, odds)), float)

    def purchases(self, repeats: Floats, last: Floats, observed: Floats, ends: Floats) -> Floats:
        """Expected purchases until each of `ends` from now, shape (rows, ends)."""
        counts, which = np.unique(repeats, return_inverse=True)
        nodes, weights = _beta_nodes(self.a, self.b + counts)
        p, weight = nodes[which][:, None, :], weights[which][:, None, :]
        ratio = (ends / (self.alpha + observed)[:, None])[:, :, None]
        made = -np.expm1(-(self.r + repeats)[:, None, None] * np.log1p(p * ratio)) / p
        return np.asarray(self.alive(repeats, last, observed)[:, None] * (made * weight).sum(axis=2), float)

    def spend_per_purchase(self, purchases: Floats, mean: Floats) -> Floats:
        """Expected spend of a purchase (Fader & Hardie 2013, eq. 5), shape (rows,); the mean of all where unknown."""
        count = np.where(np.isnan(mean), 0, purchases)
        seen = np.maximum(np.nan_to_num(mean), 0)
        return np.asarray(self.p * (self.v + count * seen) / (self.p * count + self.q - 1), float)

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


def _beta_nodes(a: float, b: Floats) -> tuple[Floats, Floats]:
    """Nodes in (0, 1) and weights, each of shape (len(b), nodes), that integrate over beta(a, b) (Golub & Welsch 1969)."""
    right, left = (b - 1)[:, None], a - 1
    k = np.arange(_NODES, dtype=float)
    both = 2 * k + right + left
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (left**2 - right**2) / (both * (both + 2))
    middle[:, 0] = (left - right[:, 0]) / (left + right[:, 0] + 2)
    k, both = k[1:], both[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        beside = 4 * k * (k + right) * (k + left) * (k + right + left) / (both**2 * (both + 1) * (both - 1))
    total = left + right[:, 0]
    beside[:, 0] = 4 * (1 + right[:, 0]) * (1 + left) / ((2 + total) ** 2 * (3 + total))
    matrix = np.zeros((len(b), _NODES, _NODES))
    at = np.arange(_NODES)
    matrix[:, at, at] = middle
    matrix[:, at[1:], at[:-1]] = np.sqrt(beside)
    places, vectors = np.linalg.eigh(matrix)  # reads the lower triangle
    return (1 + places) / 2, vectors[:, 0, :] ** 2
