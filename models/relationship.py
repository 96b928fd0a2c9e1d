"""The relationship words of CRM theory: state, stage, RFM quintiles, value quadrant and tier.

The thresholds are data: rules come from study.toml, edges are fitted once and kept in the bundle, so that what a
customer is called never depends on who else is scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.habits import COLUMNS, MARGIN, USUAL

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.str_]

STATES = ("prospect", "first_time", "repeat", "loyal", "won_back", "lost")
STAGES = ("acquisition", "growth", "maturity", "decline")
QUADRANTS = ("lead", "iron", "gold", "jade")
TIERS = ("small", "ordinary", "key", "key_top")


def worth(columns: Mapping[str, Floats]) -> Floats:
    """What a customer usually brings in 28 days: margin where cost is known, else spend. The risk has no part in it."""
    return np.nan_to_num(columns[MARGIN] if MARGIN in columns else columns[USUAL])


@dataclass(frozen=True)
class RelationshipRules:
    """Documented thresholds; `[relationship]` of study.toml."""

    loyal_active_weeks_of_13: int = 8
    acquisition_days: int = 42
    growing_above: float = 1.15
    declining_below: float = 0.75


@dataclass(frozen=True)
class Relationship:
    """Rules and fitted edges that give every customer their relationship words.

    Attributes
    ----------
    rfm_edges
        For recency, frequency and money the four inner quintile edges.
    value_edge, growth_edge
        Where current value (spend in 91 days) and growth potential (spend trend) count as high.
    tier_edges
        Worth from which a customer is ordinary, key, key_top (best 20 %, 5 %, 1 %).
    """

    active_within_days: int
    rules: RelationshipRules
    rfm_edges: dict[str, tuple[float, ...]]
    value_edge: float
    growth_edge: float
    tier_edges: tuple[float, float, float]

    def words(self, columns: Mapping[str, Floats], has_bought: npt.NDArray[np.bool_]) -> dict[str, Words]:
        """`state`, `stage`, `rfm`, `value_quadrant`, `tier`: arrays of shape (rows,), empty texts where nothing tells.

        Parameters
        ----------
        columns
            As `models.habits.habits` gives them.
        """
        unknown = np.full(len(has_bought), "")
        words = dict.fromkeys(("state", "stage", "rfm", "value_quadrant", "tier"), unknown)
        if set(COLUMNS) <= columns.keys():
            words |= {
                "state": self._state(columns, has_bought), "stage": self._stage(columns), "rfm": self._rfm(columns),
                "value_quadrant": self._quadrant(columns),
            }  # fmt: skip
        if USUAL in columns:
            words["tier"] = np.array(TIERS)[np.searchsorted(self.tier_edges, worth(columns), side="right")]
        return words

    def _state(self, columns: Mapping[str, Floats], has_bought: npt.NDArray[np.bool_]) -> Words:
        silence = columns["days_since_last_purchase"]
        bought = columns["purchase_days_182d"]
        away = columns["last_gap_days"] > self.active_within_days
        conditions = [
            ~has_bought,
            ~(silence <= self.active_within_days),
            away,
            columns["active_weeks_91d"] >= self.rules.loyal_active_weeks_of_13,
            bought >= 2,
        ]
        return np.select(conditions, ["prospect", "lost", "won_back", "loyal", "repeat"], "first_time")

    def _stage(self, columns: Mapping[str, Floats]) -> Words:
        trend = columns["spend_trend_56d_182d"]
        lost = ~(columns["days_since_last_purchase"] <= self.active_within_days)
        conditions = [
            columns["days_since_first_purchase"] <= self.rules.acquisition_days,
            lost | (trend < self.rules.declining_below),
            trend > self.rules.growing_above,
        ]
        return np.select(conditions, ["acquisition", "decline", "growth"], "maturity")

    def _rfm(self, columns: Mapping[str, Floats]) -> Words:
        recency = 5 - np.searchsorted(self.rfm_edges["recency"], columns["days_since_last_purchase"])
        frequency = 1 + np.searchsorted(self.rfm_edges["frequency"], columns["purchase_days_182d"], side="right")
        money = 1 + np.searchsorted(self.rfm_edges["money"], columns["spend_182d"], side="right")
        return np.array([f"{r}{f}{m}" for r, f, m in zip(recency, frequency, money, strict=True)])

    def _quadrant(self, columns: Mapping[str, Floats]) -> Words:
        valuable = columns["spend_91d"] >= self.value_edge
        growing = columns["spend_trend_56d_182d"] >= self.growth_edge
        return np.asarray(np.array(QUADRANTS)[2 * valuable + growing])

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Relationship:
        return cls(
            **{
                **plain,
                "rules": RelationshipRules(**plain["rules"]),
                "rfm_edges": {name: tuple(edges) for name, edges in plain["rfm_edges"].items()},
                "tier_edges": tuple(plain["tier_edges"]),
            }
        )
