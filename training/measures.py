"""Measures of a churn probability, for many weightings of the same customers at once.

Each takes the truth and the probability of shape (n,) and weights of shape (draws, n), and gives one value per
draw. A bootstrap of customers is then one call: the weights are how often each customer was drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Measure = Callable[[Floats, Floats, Floats], Floats]


def auc(churned: Floats, probability: Floats, weights: Floats) -> Floats:
    """Chance that a churner is ranked above one who stayed, ties counting half."""
    positives, negatives = _by_rising_value(churned, probability, weights)
    below = np.cumsum(negatives, axis=1) - negatives
    wins = (positives * (below + negatives / 2)).sum(axis=1)
    return wins / (positives.sum(axis=1) * negatives.sum(axis=1))


def average_precision(churned: Floats, probability: Floats, weights: Floats) -> Floats:
    """Precision averaged over the churners found, from the riskiest down."""
    positives, negatives = (side[:, ::-1] for side in _by_rising_value(churned, probability, weights))
    found = np.cumsum(positives, axis=1)
    looked_at = found + np.cumsum(negatives, axis=1)
    precision = np.divide(found, looked_at, out=np.zeros_like(found), where=looked_at > 0)
    return np.asarray((positives * precision).sum(axis=1) / positives.sum(axis=1), float)


def lift_at_10(churned: Floats, probability: Floats, weights: Floats) -> Floats:
    """Churn rate among the riskiest tenth over the churn rate of all."""
    order = np.argsort(-probability, kind="stable")
    drawn, truth = weights[:, order], churned[order]
    tenth = drawn.sum(axis=1, keepdims=True) / 10
    before = np.cumsum(drawn, axis=1) - drawn
    inside = np.clip(tenth - before, 0, drawn)
    return np.asarray((inside @ truth) / tenth[:, 0] / ((drawn @ truth) / drawn.sum(axis=1)), float)


def brier(churned: Floats, probability: Floats, weights: Floats) -> Floats:
    """Mean squared difference between probability and truth (Brier 1950)."""
    return np.asarray(weights @ (probability - churned) ** 2 / weights.sum(axis=1), float)


def log_loss(churned: Floats, probability: Floats, weights: Floats) -> Floats:
    """Mean negative log-likelihood, in nats."""
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    loss = -np.where(churned > 0, np.log(clipped), np.log1p(-clipped))
    return np.asarray(weights @ loss / weights.sum(axis=1), float)


def calibration_error(churned: Floats, probability: Floats, weights: Floats, bins: int = 10) -> Floats:
    """Mean distance between probability and churn rate over bins of equal count (expected calibration error)."""
    rank = np.argsort(np.argsort(probability, kind="stable"), kind="stable")
    member = np.eye(bins)[np.minimum(rank * bins // len(rank), bins - 1)]
    gaps = np.abs(weights @ (member * (probability - churned)[:, None]))
    return np.asarray(gaps.sum(axis=1) / weights.sum(axis=1), float)


MEASURES: dict[str, Measure] = {
    "auc": auc,
    "average_precision": average_precision,
    "lift_at_10": lift_at_10,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
}


def _by_rising_value(churned: Floats, probability: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of churners and of the others at each distinct probability, rising; shape (draws, values)."""
    order = np.argsort(probability, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(probability[order]) > 0])
    drawn, truth = weights[:, order], churned[order]
    return np.add.reduceat(drawn * truth, starts, axis=1), np.add.reduceat(drawn * (1 - truth), starts, axis=1)
