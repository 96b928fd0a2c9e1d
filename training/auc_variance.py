"""How far an AUC may lie from the true one by chance alone; light, for what runs before anything is fitted."""

from __future__ import annotations


def auc_variance(auc: float, churned: int, stayed: int) -> float:
    """The variance of an AUC of so many customers, some of either kind, rather too high.

    Hanley and McNeil 1982, by the exponential distributions that they hold for conservative.
    """
    both, twice = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (churned - 1) * (both - auc**2) + (stayed - 1) * (twice - auc**2)
    return max(variance, 0.0) / (churned * stayed)
