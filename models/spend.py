"""Spend models: what customers are expected to spend in each of the next periods; each is plain data and answers alike.

A period is the churn horizon. Which of the models a bundle holds was decided out of time (training/judge_value.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ValueRows:
    """The customers whose spend is asked for; arrays of shape (rows,).

    Attributes
    ----------
    column
        Their behaviour columns by name, NaN where missing.
    usual_spend_per_28d
        Money, at least 0; 0 where nothing tells.
    churn_probability
        1 for whom the churn definition is not about.
    """

    column: Mapping[str, Floats]
    usual_spend_per_28d: Floats
    churn_probability: Floats

    def __len__(self) -> int:
        return len(self.usual_spend_per_28d)


class SpendModel(Protocol):
    """Expected spend, and itself as plain data."""

    @property
    def kind(self) -> str: ...

    @property
    def text(self) -> str: ...

    def by_period(self, rows: ValueRows, periods: int) -> Floats: ...

    def as_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class UsualSpend:
    """The usual spend, by a constant chance of staying per period (Gupta & Lehmann 2003, eq. 1).

    Attributes
    ----------
    level
        Spend observed over spend expected from the usual one.
    """

    period_days: int
    level: float

    kind = "usual_spend"
    text = ""

    def by_period(self, rows: ValueRows, periods: int) -> Floats:
        """Shape (rows, periods), money."""
        staying = (1 - rows.churn_probability)[:, None]
        usual = rows.usual_spend_per_28d * (self.period_days / 28) * self.level
        return np.asarray(usual[:, None] * staying ** np.arange(1, periods + 1), float)

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class BoostedSpend:
    """Gradient-boosted trees that multiply what the usual spend promises; then every window brings `decline` of the last.

    expected = (usual spend of a window, drawn towards `typical`) x exp(trees); so where the trees rise with the usual
    spend, the whole does.

    Attributes
    ----------
    text
        LightGBM model text, on the logarithm.
    window_periods
        Periods that the trees were fitted on, together.
    typical
        Mean spend of a window.
    decline
        Spend of a window over that of the one before, at most 1.
    """

    period_days: int
    window_periods: int
    typical: float
    decline: float
    features: tuple[str, ...]
    text: str = field(repr=False)
    _booster: lgb.Booster = field(init=False, repr=False, compare=False)

    kind = "boosted_spend"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_booster", lgb.Booster(model_str=self.text))

    def by_period(self, rows: ValueRows, periods: int) -> Floats:
        """Shape (rows, periods), money; within a window evenly."""
        if not len(rows):
            return np.zeros((0, periods))
        X = np.column_stack([rows.column[name] for name in self.features])
        risen = np.asarray(self._booster.predict(X, raw_score=True, num_threads=1), float)
        window = np.exp(risen + start(rows, self.period_days * self.window_periods, self.typical))
        going_on = self.decline ** (np.arange(periods) // self.window_periods)
        return np.asarray(window[:, None] / self.window_periods * going_on, float)

    def as_dict(self) -> dict[str, Any]:
        """All but the text, which is a file of its own."""
        names = ("kind", "period_days", "window_periods", "typical", "decline")
        return {name: getattr(self, name) for name in names} | {"features": list(self.features)}


def start(rows: ValueRows, window_days: int, typical: float) -> Floats:
    """What the trees of `BoostedSpend` start from: the logarithm of a window's usual spend, drawn towards the typical."""
    return np.asarray(np.log((rows.usual_spend_per_28d * (window_days / 28) + typical) / 2), float)
