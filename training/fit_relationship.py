"""Fitting the relationship: the edges that its words and the pyramid of tiers need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.habits import USUAL, ValueColumn, habits
from models.relationship import Relationship, RelationshipRules, worth
from training.judge import JudgedCutoff
from training.study import Study

Floats = npt.NDArray[np.float64]
_QUINTILES = (0.2, 0.4, 0.6, 0.8)
_PYRAMID = (0.80, 0.95, 0.99)  # small, then ordinary, key and key_top begin


def fit_relationship(last: JudgedCutoff, names: tuple[str, ...], value: ValueColumn, study: Study) -> Relationship:
    """Quintiles, medians and the pyramid's edges among the eligible customers of the last judged cut-off.

    Edges of what no column tells are 0, and no word is said by them.
    """
    column = habits({name: last.X[:, j] for j, name in enumerate(names)}, value)
    nothing = np.zeros(len(last.X))

    def edges(name: str) -> tuple[float, ...]:
        return tuple(float(edge) for edge in np.nanquantile(column.get(name, nothing), _QUINTILES))

    def middle(name: str) -> float:
        return float(np.nanmedian(column.get(name, nothing)))

    growth = middle("spend_trend_56d_182d")
    buys = "days_since_last_purchase" in names
    if not buys:
        growth = max(growth, np.nextafter(1, 2))  # most contracts cost what they did: that is no growth
    return Relationship(
        active_within_days=study.churn.active_within_days if buys else max(1, study.churn.grace_days),
        rules=RelationshipRules(**study.relationship.model_dump()),
        rfm_edges={
            "recency": edges("days_since_last_purchase"),
            "frequency": edges("purchase_days_182d"),
            "money": edges("spend_182d"),
        },
        value_edge=middle("spend_91d"),
        growth_edge=growth,
        tier_edges=tier_edges(worth(column)) if USUAL in column else (0.0, 0.0, 0.0),
    )


def tier_edges(brought: Floats) -> tuple[float, float, float]:
    """What a customer brings from which they are ordinary, key and key_top.

    Where so many tie at an edge that more than twice as many as meant would reach it, it lies above them all: a third
    of the customers who pay the dearest of three prices are no top per cent.
    """
    above = float(np.nextafter(brought.max(), np.inf))
    ordinary, key, key_top = (
        above if (brought >= edge).mean() > max(2 * (1 - share), 1 / len(brought)) else float(edge)
        for edge, share in zip(np.quantile(brought, _PYRAMID), _PYRAMID, strict=True)
    )
    key = min(key, key_top)
    return min(ordinary, key), key, key_top
