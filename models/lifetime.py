"""Customer value: what a customer is expected to spend over a year, and what is lost if they leave now.

A customer's value counts on their leaving with the chance p. What one who stays would spend is value + value at risk, and
the value at risk is p times the cost of leaving; so that of a likely leaver can be more than their value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.combined_spend import CombinedSpend
from models.contract_spend import ContractSpend
from models.cost_of_leaving import CostOfLeaving
from models.purchase_process import PurchaseProcess
from models.spend import BoostedSpend, SpendModel, UsualSpend, ValueRows

Floats = npt.NDArray[np.float64]
_NOT_MEASURED = CostOfLeaving()


@dataclass(frozen=True)
class Spread:
    """How far spend strays from what is expected, by class of expected spend per period.

    Attributes
    ----------
    edges
        Between the classes, rising, in money per period.
    low, high
        By class the 10 % and the 90 % quantile of observed over expected spend.
    """

    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def around(self, mean: Floats, periods: float) -> tuple[Floats, Floats]:
        """Low and high of a spend expected over so many periods, shape as given; low <= mean <= high."""
        which = np.searchsorted(self.edges, mean / periods, side="right")
        low, high = mean * np.array(self.low)[which], mean * np.array(self.high)[which]
        return np.minimum(low, mean), np.maximum(high, mean)


_NOT_STRAYING = Spread((), (1.0,), (1.0,))


@dataclass(frozen=True)
class LifetimeModel:
    """The value over `days`: a spend model, discounted, with its interval.

    Attributes
    ----------
    period_days, days
        The churn horizon, and the horizon of the value.
    yearly_discount
        Rate at which later money counts less.
    spend
        The model that was chosen out of time, refitted.
    cost_of_leaving
        As a multiple of the value, by churn probability.
    spread
        Of a customer's spend.
    total
        Low and high of the spend of all customers together over what was expected of them.
    judged_days
        Days that spread and total were measured over; beyond them spend goes on as the spend model says.
    """

    period_days: int
    days: int
    yearly_discount: float
    spend: SpendModel
    cost_of_leaving: CostOfLeaving = _NOT_MEASURED
    spread: Spread = _NOT_STRAYING
    total: tuple[float, float] = (1.0, 1.0)
    judged_days: int = 0

    def __repr__(self) -> str:
        return f"<LifetimeModel: {self.days} days in periods of {self.period_days} by {self.spend.kind}>"

    @property
    def has_interval(self) -> bool:
        """Whether it is known how far spend strays; nothing tells where no later days were judged."""
        return self.spread != _NOT_STRAYING

    @property
    def periods(self) -> int:
        """Of how many the last begins within `days`."""
        return -(-self.days // self.period_days)

    def value(self, rows: ValueRows) -> tuple[Floats, Floats, Floats]:
        """Mean, low and high of spend over `days`, at least 0, in the shop's currency, each of shape (rows,).

        One customer in ten spends less than low, one in ten more than high, as far as the judged days tell.
        """
        begun = np.arange(self.periods) * self.period_days
        within = np.minimum(1, (self.days - begun) / self.period_days)  # the part of the last period that still counts
        counted = within * (1 + self.yearly_discount) ** (-begun / 365)
        mean = np.maximum(self.spend.by_period(rows, self.periods) @ counted, 0.0)
        return mean, *self.spread.around(mean, float(counted.sum()))

    def lost_if_gone(self, value: Floats, churn_probability: Floats) -> Floats:
        """What leaving would cost: expected spend over `days` of who stays, less that of who leaves; shape (rows,)."""
        return self.cost_of_leaving.of(value, churn_probability)

    def equity(self, value: float) -> tuple[float, float]:
        """Low and high of the value of all customers together."""
        return value * self.total[0], value * self.total[1]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, all but `spend.text`."""
        return {
            "period_days": self.period_days, "days": self.days, "yearly_discount": self.yearly_discount,
            "spend": self.spend.as_dict(), "cost_of_leaving": vars(self.cost_of_leaving) | {},
            "spread": vars(self.spread) | {},
            "total": list(self.total), "judged_days": self.judged_days,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], text: str = "") -> LifetimeModel:
        """The inverse of `as_dict`; also reads what bundles before format 4 hold, whose spend was the usual one."""
        if "spend" not in plain:
            spend: SpendModel = UsualSpend(plain["period_days"], plain["level"])
            spread = Spread((), (plain["low"],), (plain["high"],))
            return cls(plain["period_days"], plain["days"], plain["yearly_discount"], spend, spread=spread)
        leaving = CostOfLeaving(**{name: tuple(values) for name, values in plain.get("cost_of_leaving", {}).items()})
        spread = Spread(**{name: tuple(values) for name, values in plain["spread"].items()})
        return cls(
            plain["period_days"], plain["days"], plain["yearly_discount"], _spend(plain["spend"], text),
            leaving, spread, (plain["total"][0], plain["total"][1]), plain["judged_days"],
        )  # fmt: skip


def _spend(plain: Mapping[str, Any], text: str) -> SpendModel:
    content = {name: value for name, value in plain.items() if name != "kind"}
    match plain["kind"]:
        case UsualSpend.kind:
            return UsualSpend(**content)
        case PurchaseProcess.kind:
            return _process(content)
        case ContractSpend.kind:
            return ContractSpend.from_dict(content)
        case BoostedSpend.kind if text:
            return _boosted(content, text)
        case CombinedSpend.kind if text:
            return CombinedSpend(_process(content["process"]), _boosted(content["boosted"], text))
        case other:
            raise ValueError(f"there is no spend model {other!r}, or its text is missing")


def _process(plain: Mapping[str, Any]) -> PurchaseProcess:
    return PurchaseProcess(**{name: value for name, value in plain.items() if name != "kind"})


def _boosted(plain: Mapping[str, Any], text: str) -> BoostedSpend:
    content = {name: value for name, value in plain.items() if name not in ("kind", "features")}
    return BoostedSpend(**content, features=tuple(plain["features"]), text=text)
