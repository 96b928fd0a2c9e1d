"""Calibration: a line in log-odds, which keeps ranks and reasons, from rows that the trees have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold

from models.churn import sigmoid
from training.measures import calibration_intercept

Floats = npt.NDArray[np.float64]
Held = tuple[Floats, npt.NDArray[np.bool_]]
"""Log-odds and truth of rows that the trees have not seen, shape (rows,)."""

_FEWEST = 10  # of each class
_SLOPES = (0.5, 2.0)  # a day that can nearly be told apart would ask for any
_FEWEST_DAYS = 3  # two agree too easily by chance


@dataclass(frozen=True)
class Platt:
    """Calibrated log-odds = slope x margin + intercept (Platt 1999), slope above 0 so that ranks are kept."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, margin: Floats) -> Floats:
        return self.slope * margin + self.intercept


def fit_platt(margin: Floats, churned: npt.NDArray[np.bool_], seed: int) -> Platt:
    """Platt scaling, or the identity where it does not lower the log loss out of fold, or has too few to learn from."""
    if not tells(churned):
        return Platt()
    folds = KFold(5, shuffle=True, random_state=seed).split(margin)
    scaled = np.empty_like(margin)
    for others, held in folds:
        scaled[held] = line(margin[others], churned[others])(margin[held])
    if log_loss(churned, sigmoid(scaled)) < log_loss(churned, sigmoid(margin)):
        found = line(margin, churned)
        if found.slope > 0:
            return found
    return Platt()


def fit_platt_over_days(days: Sequence[Held]) -> Platt:
    """A line for days to come, from what was said and came true on some past ones, the latest first.

    What one day asks for is half luck on the next, and as to the level mostly its season. The slope is that of the
    latest day, half way to 1 in logarithms and within `_SLOPES`, with what is said on the whole kept. The level moves by
    the mean of what the days ask for, shrunk by how little they agree, and not at all for fewer than three. Days whose
    horizons overlap agree the more for that.
    """
    days = [(margin, churned) for margin, churned in days if tells(churned)]
    if not days:
        return Platt()
    margin, _ = days[0]
    asked = line(*days[0]).slope
    slope = float(np.clip(asked**0.5, *_SLOPES)) if asked > 0 else 1.0
    kept = _level(slope * margin, sigmoid(margin))
    return Platt(slope, kept + _shrunk(np.array([_level(*day) for day in days])))


def tells(churned: npt.NDArray[np.bool_]) -> bool:
    """Whether enough of either kind are among them to say anything of a level."""
    return min(int(churned.sum()), int((~churned).sum())) >= _FEWEST


def _level(margin: Floats, came: npt.NDArray[np.bool_] | Floats) -> float:
    """Log-odds by which less was said on the whole than came."""
    return float(calibration_intercept(came.astype(float), sigmoid(margin), np.ones((1, len(margin))))[0])


def _shrunk(asked: Floats) -> float:
    """The mean, less what chance alone would make of it."""
    mean = float(asked.mean())
    if len(asked) < _FEWEST_DAYS or not mean:
        return 0.0
    return mean * max(0.0, 1 - float(asked.var(ddof=1)) / len(asked) / mean**2)


def line(margin: Floats, churned: npt.NDArray[np.bool_]) -> Platt:
    """The line of least log loss, whatever its slope."""
    fitted = LogisticRegression(C=1e6).fit(margin[:, None], churned)
    return Platt(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))
