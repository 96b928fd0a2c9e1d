"""Features that tell too much: alone, or as more than half of what a quick model with too good a result looks at.

A feature passed the proof that it looks at nothing after its cut-off; what it rests on may still have been written, or
dated, afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.catalog import Catalog, Feature
from features.snapshot import day_number
from training.finding import Finding
from training.measures import auc
from training.telltale import alone, auc_limits

TOO_GOOD = 0.95  # what a whole vector does not reach where there is something to predict
MOST = 0.5
_AT_LEAST = 0.9  # where even the lower limit of the AUC must lie
_FEWEST = 20
_ROUNDS = 80
_UNDATED = ("attributes", "given")
_BARE = {"transactions.customer_id", "transactions.day", "transactions.amount"}


def lone_features(
    X: npt.NDArray[np.float64], churned: npt.NDArray[np.bool_], catalog: Catalog, told: str
) -> Iterator[Finding]:
    """HF212 for features whose values alone tell who churned after a cut-off; arrays of its eligible rows.

    Those that rest on nothing but who bought when and for how much are left out: their past cannot be rewritten without
    the events themselves, and in some shops silence alone tells nearly everything.
    """
    asked = [(j, f) for j, f in enumerate(catalog.features) if set(f.needs) - _BARE and f.family not in _UNDATED]
    if min(int(churned.sum()), int((~churned).sum())) < _FEWEST:
        return
    for j, feature in asked:
        if evidence := alone(X[:, j], churned, len(asked), told, TOO_GOOD):
            yield Finding(
                "tells who left", "train", "warning", feature.name, tables_behind(feature), f"Of {', '.join(feature.needs)}: {evidence.told}.",
                "HF212", evidence.measured, TOO_GOOD,
                "Find out when these columns were written; if only afterwards, leave them out of shop.toml.",
            )  # fmt: skip


def dominance(
    X: npt.NDArray[np.float64], churned: npt.NDArray[np.bool_], cutoff: npt.NDArray[np.int32],
    catalog: Catalog, cutoffs: Sequence[date], label_days: int, seed: int,
) -> Iterator[Finding]:  # fmt: skip
    """HF219 where a model of earlier cut-offs is too good at the last one by one feature; arrays of the eligible rows."""
    last = cutoffs[-1]
    earlier = [day_number(c) for c in cutoffs if c + timedelta(days=label_days) <= last]
    fit, judged = np.isin(cutoff, earlier), cutoff == day_number(last)
    if min(*(int((churned[rows] == side).sum()) for rows in (fit, judged) for side in (True, False))) < _FEWEST:
        return
    parameters = {
        "objective": "binary", "verbose": -1, "num_threads": 1, "seed": seed, "deterministic": True,
        "force_row_wise": True, "learning_rate": 0.1, "num_leaves": 15, "max_depth": 5,
        "min_data_in_leaf": max(5, min(100, int(fit.sum()) // 20)),
    }  # fmt: skip
    data = lgb.Dataset(X[fit], churned[fit].astype(float), feature_name=list(catalog.names))
    booster = lgb.train(parameters, data, num_boost_round=_ROUNDS)
    gain = booster.feature_importance("gain")
    place = int(np.argmax(gain))
    share = float(gain[place] / gain.sum()) if gain.sum() else 0.0
    margin = np.asarray(booster.predict(X[judged], raw_score=True, num_threads=1), float)
    value = float(auc(churned[judged].astype(float), margin, np.ones((1, int(judged.sum()))))[0])
    lower, _ = auc_limits(value, churned[judged], 1)
    if share <= MOST or value <= TOO_GOOD or lower < _AT_LEAST:
        return
    feature = catalog.features[place]
    own = feature.family in _UNDATED
    yield Finding(
        "one feature tells it all", "train", "error" if own else "warning", feature.name, tables_behind(feature),
        f"It makes {share:.0%} of what a quick model gains, whose AUC at {last} is {value:.3f}: too good for what was known.",
        "HF219", round(share, 4), MOST,
        "Find out when its values were written; if only afterwards, leave the column out of shop.toml."
        + ("" if own else " If not, the question is an easy one: look at churn.active_within_days."),
    )  # fmt: skip


def tables_behind(feature: Feature) -> str:
    """The tables whose columns a feature needs."""
    tables = {need.partition(".")[0] for need in feature.needs} - {"references"}
    return ", ".join(sorted(tables or {"transactions"}))
