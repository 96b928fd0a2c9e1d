"""Customer value: what a customer is expected to spend over a year, and what is lost if they leave now.

What a customer who stays through this period is expected to spend over the year has two parts: by the chance of
staying it is the lifetime value, by the chance of leaving the value at risk. So the value at risk of a likely leaver,
above one half, is more than their lifetime value, which already counts on their leaving.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LifetimeModel:
    """Expected spend with a constant chance of staying per period (Gupta & Lehmann 2003, eq. 1, finite horizon).

    Attributes
    ----------
    period_days, days
        The churn horizon, and the horizon of the value.
    yearly_discount
        Rate at which later money counts less.
    level
        Spend observed over spend expected from the usual one, fitted.
    low, high
        10 % and 90 % quantiles of observed over usual spend (times `level`), over customers who stayed.
    """

    period_days: int
    days: int
    yearly_discount: float
    level: float
    low: float
    high: float

    def __repr__(self) -> str:
        return f"<LifetimeModel: {self.days} days in periods of {self.period_days}, level {self.level:.2f}>"

    def value(self, usual_spend_per_28d: Floats, churn_probability: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean, low and high of spend over `days`, in the shop's currency, each of shape (rows,).

        Low is what a customer spends who stays as long as nine in ten do and spends at the low quantile; high what one
        does who stays as long as one in ten does and spends at the high one.
        """
        staying = 1 - churn_probability
        spend = self._per_period(usual_spend_per_28d)
        mean = spend * self._sum(staying, first=1)
        low = spend * self.low * self._until(staying, chance=0.9)
        high = spend * self.high * self._until(staying, chance=0.1)
        return mean, np.minimum(low, mean), np.maximum(high, mean)

    def lost_if_gone(self, usual_spend_per_28d: Floats, churn_probability: Floats) -> Floats:
        """Expected spend over `days` of a customer who stays through this period: what leaving would cost."""
        return self._per_period(usual_spend_per_28d) * self._sum(1 - churn_probability, first=0)

    def _per_period(self, usual_spend_per_28d: Floats) -> Floats:
        return np.maximum(np.nan_to_num(usual_spend_per_28d), 0) * (self.period_days / 28) * self.level

    def _sum(self, staying: Floats, first: int) -> Floats:
        discount = self._discount()
        periods = np.arange(len(discount))
        return np.asarray((discount * staying[:, None] ** (periods + first)).sum(axis=1), float)

    def _until(self, staying: Floats, chance: float) -> Floats:
        """Discounted periods that a customer stays through with at least this chance."""
        within = np.concatenate([[0.0], np.cumsum(self._discount())])
        with np.errstate(divide="ignore"):
            periods = np.log(chance) / np.log(np.clip(staying, 0.0, 1.0))
        periods = np.where(staying >= 1, len(within) - 1, periods)
        return np.asarray(within[np.clip(periods, 0, len(within) - 1).astype(int)], float)

    def _discount(self) -> Floats:
        periods = np.arange(max(1, round(self.days / self.period_days)))
        return np.asarray((1 + self.yearly_discount) ** (-periods * self.period_days / 365), float)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
