"""Measures of an expected spend, for many weightings of the same customers at once, as in training/measures.py.

Each takes what was spent and what was expected, of shape (n,), and weights of shape (draws, n); one value per draw.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.bootstrap import Measure

Floats = npt.NDArray[np.float64]
_NOTHING = 1e-9


def rmse(spent: Floats, expected: Floats, weights: Floats) -> Floats:
    """Root of the mean squared difference, in money."""
    return np.asarray(np.sqrt(weights @ (spent - expected) ** 2 / weights.sum(axis=1)), float)


def mae(spent: Floats, expected: Floats, weights: Floats) -> Floats:
    """Mean absolute difference, in money; where most spend nothing, expecting nothing of anybody does well by it."""
    return np.asarray(weights @ np.abs(spent - expected) / weights.sum(axis=1), float)


def deviance(spent: Floats, expected: Floats, weights: Floats) -> Floats:
    """Mean Tweedie deviance of power 1.5 (Jorgensen 1987): least for the true mean, and not ruled by the few largest.

    What is expected counts as at least a hundredth of the mean spend: nobody is certain to spend nothing.
    """
    expected = np.maximum(expected, max(float(spent.mean()), _NOTHING) / 100)
    loss = 4 * (spent / np.sqrt(expected) - 2 * np.sqrt(np.maximum(spent, 0)) + np.sqrt(expected))
    return np.asarray(weights @ loss / weights.sum(axis=1), float)


def correlation(spent: Floats, expected: Floats, weights: Floats) -> Floats:
    """Pearson's; NaN where either is constant."""
    total = weights.sum(axis=1)
    mean_spent, mean_expected = weights @ spent / total, weights @ expected / total
    both = weights @ (spent * expected) / total - mean_spent * mean_expected
    spread = (weights @ spent**2 / total - mean_spent**2) * (weights @ expected**2 / total - mean_expected**2)
    return np.divide(both, np.sqrt(np.maximum(spread, 0)), out=np.full(len(both), np.nan), where=spread > 0)


def gini(spent: Floats, expected: Floats, weights: Floats) -> Floats:
    """How well the ranking finds who spends: its Gini coefficient over that of the perfect ranking, at most 1."""
    return _concentration(spent, expected, weights) / _concentration(spent, spent, weights)


def total_ratio(spent: Floats, expected: Floats, weights: Floats) -> Floats:
    """Expected over spent, of all together: above 1 too much was expected. NaN where nothing was spent."""
    total = weights @ spent
    return np.divide(weights @ expected, total, out=np.full(len(total), np.nan), where=total > 0)


def _concentration(spent: Floats, by: Floats, weights: Floats) -> Floats:
    """Area between the share of spend and the share of customers, the highest `by` first; NaN where nothing was spent."""
    order = np.argsort(-by, kind="stable")
    drawn = weights[:, order]
    share = np.cumsum(drawn * spent[order], axis=1)
    total = share[:, -1]
    middle = (share - drawn * spent[order] / 2) * drawn
    return (
        np.divide(middle.sum(axis=1), total * drawn.sum(axis=1), out=np.full(len(total), np.nan), where=total > 0) - 0.5
    )


VALUE_MEASURES: dict[str, Measure] = {
    "rmse": rmse, "mae": mae, "deviance": deviance, "correlation": correlation, "gini": gini, "total_ratio": total_ratio,
}  # fmt: skip
