"""Which column is the value of customers, and the edges that the relationship words and risk bands need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from models.bundle import References
from models.churn import ChurnModel
from models.habits import USUAL, ValueColumn, habits
from models.relationship import Relationship, RelationshipRules, worth
from training.judge import JudgedCutoff
from training.study import Study

Floats = npt.NDArray[np.float64]
_ROWS_FOR_DIRECTION = 2000
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


def fit_references(
    catalog: Catalog, model: ChurnModel, X: Floats, last: JudgedCutoff, base_rate: float, study: Study
) -> References:
    """What is typical of every numeric column, which way it pushes, and how out-of-time probabilities are spread."""
    rows = np.random.default_rng(study.fit.seed).permutation(len(X))[:_ROWS_FOR_DIRECTION]
    pushes, _ = model.contributions(X[rows])
    typical, direction = {}, {}
    for j, feature in enumerate(catalog.features):
        known = X[~np.isnan(X[:, j]), j]
        if feature.unit != "category" and len(known):
            typical[feature.name] = float(np.median(known))
            both = ~np.isnan(X[rows, j])
            together = np.cov(X[rows, j][both], pushes[both, j])[0, 1] if both.sum() > 1 else 0.0
            if together:
                direction[feature.name] = float(np.sign(together))
    quantiles = np.quantile(last.probability["holdfast"], np.linspace(0, 1, 101))
    odds = base_rate / (1 - base_rate)
    medium, high = (odds * times / (1 + odds * times) for times in (study.bands.medium_from, study.bands.high_from))
    return References(typical, tuple(float(q) for q in quantiles), (medium, high), base_rate, direction)
