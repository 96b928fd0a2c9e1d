"""Spend by contract: the price by the day for as long as the contract is expected to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.spend import ValueRows

Floats = npt.NDArray[np.float64]
_AGE, _RENEWS_IN, _TERM = "days_since_first_contract", "days_to_renewal", "contract_period_days"
_MOST = 0.9999  # of a chance to leave, so that its odds are finite


@dataclass(frozen=True)
class ContractSpend:
    """Discrete-time survival: a chance to leave in each period, by the contract's age and whether it is up for renewal.

    The churn probability rules the first period. Later ones have the odds of `hazard`, times those by which the
    customer's first one differs from it to the power of `lasting`: 0 where what is special about a customer is over
    with the period, 1 where it stays for good. A period's spend is the usual one times `level` for who is there at its
    end, and the share `last_share` of it for who leaves within it.

    Attributes
    ----------
    age_edges
        Days since the first contract that part the classes, rising.
    hazard
        Chance to leave within a period, shape (classes + 1, 2): without, and with a renewal in it.
    """

    period_days: int
    level: float
    age_edges: tuple[float, ...]
    hazard: tuple[tuple[float, float], ...]
    lasting: float
    last_share: float

    kind = "contract_spend"
    text = ""

    def by_period(self, rows: ValueRows, periods: int) -> Floats:
        """Shape (rows, periods), money."""
        leaving = self._leaving(rows, periods)
        there = np.cumprod(1 - leaving, axis=1)
        before = np.concatenate([np.ones((len(rows), 1)), there[:, :-1]], axis=1)
        price = rows.usual_spend_per_28d * (self.period_days / 28) * self.level
        return np.asarray(price[:, None] * (there + self.last_share * (before - there)), float)

    def _leaving(self, rows: ValueRows, periods: int) -> Floats:
        """Chance to leave in each period of who is there at its beginning."""
        hazard = np.stack([self.hazard_of(*contract_phase(rows, self.period_days, k)) for k in range(periods)], axis=1)
        usual, own = _odds(hazard), _odds(np.minimum(rows.churn_probability, _MOST))
        special = (own / usual[:, 0]) ** self.lasting
        odds = usual * special[:, None]
        odds[:, 0] = own
        leaving = odds / (1 + odds)
        leaving[:, 0] = rows.churn_probability
        return np.asarray(leaving, float)

    def hazard_of(self, age_days: Floats, renews: npt.NDArray[np.bool_]) -> Floats:
        """Chance to leave within a period, shape as given."""
        which = np.searchsorted(self.age_edges, age_days, side="right")
        return np.asarray(np.array(self.hazard)[which, renews.astype(int)], float)

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ContractSpend:
        """The inverse of `as_dict`."""
        hazard = tuple((float(without), float(at_renewal)) for without, at_renewal in plain["hazard"])
        return cls(**{**plain, "age_edges": tuple(plain["age_edges"]), "hazard": hazard})


def contract_phase(rows: ValueRows, period_days: int, later: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Of the period that begins `later` periods from now: the contract's age then, and whether it is up for renewal in it.

    A contract without a known term counts as up for renewal at any time.
    """
    unknown = np.full(len(rows), np.nan)
    begins = later * period_days
    age = np.nan_to_num(rows.column.get(_AGE, unknown)) + begins
    renews_in, term = rows.column.get(_RENEWS_IN, unknown), rows.column.get(_TERM, unknown)
    known = ~np.isnan(renews_in) & (term >= 1)
    next_renewal = np.mod(np.where(known, renews_in, 0) - begins, np.where(known, term, 1))
    return age, ~known | (next_renewal < period_days)


def _odds(chance: Floats) -> Floats:
    return np.asarray(chance / (1 - chance), float)
