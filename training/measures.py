"""Measures of a churn probability, for many weightings of the same customers at once.

Each takes the truth and the probability of shape (n,) and weights of shape (draws, n), and gives one value per
draw. A bootstrap of customers is then one call: the weights are how often each customer was drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull
from scipy.special import betainc

from models.churn import sigmoid
from training.bootstrap import Measure
from training.study import ProfitSettings

Floats = npt.NDArray[np.float64]
_SETTLED, _FLAT = 1e-9, 1e-9


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
    return gain(churned, probability, weights, 0.1) / 0.1


def gain(churned: Floats, probability: Floats, weights: Floats, share: float) -> Floats:
    """Share of all churners who are among this share of customers, the riskiest; of those who are alike, as many as fit."""
    positives, negatives = (side[:, ::-1] for side in _by_rising_value(churned, probability, weights))
    drawn = positives + negatives
    most = drawn.sum(axis=1, keepdims=True) * share
    before = np.cumsum(drawn, axis=1) - drawn
    inside = np.divide(np.clip(most - before, 0, drawn), drawn, out=np.zeros_like(drawn), where=drawn > 0)
    return np.asarray((positives * inside).sum(axis=1) / positives.sum(axis=1), float)


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
    gaps = np.abs(weights @ (_bins(probability, bins) * (probability - churned)[:, None]))
    return np.asarray(gaps.sum(axis=1) / weights.sum(axis=1), float)


def calibration_error_noise(
    probabilities: Sequence[Floats], seed: int, level: float = 0.95, simulated: int = 1000
) -> float:
    """The mean calibration error that chance alone stays below in this share of cases, were every probability true.

    Labels are drawn from the probabilities themselves: a small sample always shows some error.
    """
    random = np.random.default_rng(seed)
    errors = np.zeros(simulated)
    for probability in probabilities:
        member = _bins(probability, 10)
        for k in range(simulated):
            gaps = ((random.random(len(probability)) < probability) - probability) @ member
            errors[k] += np.abs(gaps).sum() / len(probability) / len(probabilities)
    return float(np.quantile(errors, level))


def _bins(probability: Floats, bins: int) -> Floats:
    """How much of each row is in which bin of equal count, shape (n, bins): all in one, unless those alike straddle."""
    order, starts = _ties(probability)
    in_order = np.eye(bins)[np.arange(len(order)) * bins // len(order)]
    alike = np.diff(np.r_[starts, len(order)])
    member = np.empty_like(in_order)
    member[order] = (np.add.reduceat(in_order, starts, axis=0) / alike[:, None]).repeat(alike, axis=0)
    return np.asarray(member, float)


def calibration_slope(churned: Floats, probability: Floats, weights: Floats) -> Floats:
    """Slope of the log-odds that happened over those said (Cox 1958): 1 is right, below it the extremes are overdone.

    0 where the same is said of all.
    """
    return _recalibrated(churned, probability, weights, slope_is_free=True)[1]


def calibration_intercept(churned: Floats, probability: Floats, weights: Floats) -> Floats:
    """Log-odds by which too little was said on the whole (calibration in the large): 0 is right, above it too few."""
    return _recalibrated(churned, probability, weights, slope_is_free=False)[0]


def _recalibrated(
    churned: Floats, probability: Floats, weights: Floats, slope_is_free: bool, steps: int = 25
) -> tuple[Floats, Floats]:
    """Intercept and slope of a logistic regression on the log-odds said, for each draw, by Newton's method."""
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    said = np.log(clipped) - np.log1p(-clipped)
    intercept = np.zeros(len(weights))
    slope = np.zeros(len(weights)) if slope_is_free else np.ones(len(weights))  # from 0 the steps do not overshoot
    for _ in range(steps):
        now = sigmoid(intercept[:, None] + slope[:, None] * said)
        missing, curved = weights * (churned - now), weights * now * (1 - now)
        g, h = missing.sum(axis=1), curved.sum(axis=1)
        gx, hx, hxx = (missing @ said, curved @ said, curved @ said**2) if slope_is_free else (0.0, 0.0, 1.0)
        of = h * hxx - hx * hx
        per = np.divide(1.0, of, out=np.zeros_like(of), where=of > _FLAT)
        change = np.clip((hxx * g - hx * gx) * per, -2, 2), np.clip((h * gx - hx * g) * per, -2, 2)
        intercept, slope = intercept + change[0], slope + (change[1] if slope_is_free else 0.0)
        if np.abs(change).max(initial=0.0) < _SETTLED:
            break
    return intercept, slope


def expected_maximum_profit(churned: Floats, probability: Floats, weights: Floats, profit: ProfitSettings) -> Floats:
    """Profit per customer if the best share of customers gets an offer that an uncertain share of churners takes.

    EMPC of Verbraken, Verbeke & Baesens (2013), eq. 12, exact over the convex hull of the ROC curve; NaN for a draw of
    one class. Equal to `empulse.metrics.empc_score`, which takes seconds to import.
    """
    positives, negatives = (side[:, ::-1] for side in _by_rising_value(churned, probability, weights))
    found = np.full(len(weights), np.nan)
    for k, (won, lost) in enumerate(zip(positives.cumsum(axis=1), negatives.cumsum(axis=1), strict=True)):
        if won[-1] > 0 and lost[-1] > 0:
            found[k] = _profit(won, lost, profit)
    return found


def _profit(won: Floats, lost: Floats, profit: ProfitSettings) -> float:
    """EMPC of one draw, from the churners and the others at and above each falling probability."""
    everyone = won[-1] + lost[-1]
    hull = _upper_hull(np.r_[0.0, lost] / lost[-1], np.r_[0.0, won] / won[-1])
    of_others, of_churners = hull[:, 0] * lost[-1] / everyone, hull[:, 1] * won[-1] / everyone
    # the share of churners kept from which each next stretch of the hull pays
    keeps, costs = profit.customer_value - profit.incentive_cost, profit.incentive_cost + profit.contact_cost
    with np.errstate(divide="ignore"):
        from_share = (costs * np.diff(of_others) / np.diff(of_churners) + profit.contact_cost) / keeps
    edges = np.r_[0.0, np.clip(from_share, 0, 1), 1.0]
    a, b = profit.accept
    chance = np.diff(betainc(a, b, edges))
    share = a / (a + b) * np.diff(betainc(a + 1, b, edges))  # the mean of the share kept, over this stretch
    gains = (keeps * share - profit.contact_cost * chance) * of_churners - costs * chance * of_others
    return float(gains.sum())


def _upper_hull(x: Floats, y: Floats) -> Floats:
    """The corners of the upper convex hull of points from (0, 0) to (1, 1), shape (corners, 2)."""
    below = np.array([[1.0, 0.0]])  # a hull of points on one line would have no area
    points = np.concatenate([np.column_stack([x, y]), below])
    corners = points[np.setdiff1d(ConvexHull(points).vertices, len(points) - 1)]
    return corners[np.lexsort((corners[:, 1], corners[:, 0]))]


MEASURES: Mapping[str, Measure] = MappingProxyType({
    "auc": auc,
    "average_precision": average_precision,
    "lift_at_10": lift_at_10,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
})  # fmt: skip
"""What is measured on every draw of the bootstrap."""

DISTANCES = frozenset({"calibration_error"})
"""Those that chance adds to: drawn anew they lie above what they are of all."""


def further_measures(profit: ProfitSettings) -> dict[str, Measure]:
    """What is measured on fewer draws: calibration as a line, gains, profit."""
    gains = {f"gain_at_{share}": partial(gain, share=share / 100) for share in (5, 10, 20, 30)}
    return {
        "calibration_slope": calibration_slope, "calibration_intercept": calibration_intercept, **gains,
        "expected_maximum_profit": partial(expected_maximum_profit, profit=profit),
    }  # fmt: skip


def _by_rising_value(churned: Floats, probability: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of churners and of the others at each distinct probability, rising; shape (draws, values)."""
    order, starts = _ties(probability)
    drawn, truth = weights[:, order], churned[order]
    return np.add.reduceat(drawn * truth, starts, axis=1), np.add.reduceat(drawn * (1 - truth), starts, axis=1)


def _ties(probability: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows by rising probability, and where in that order each distinct one starts."""
    order = np.argsort(probability, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(probability[order]) > 0])
