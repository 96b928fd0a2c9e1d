"""Stability of reasons: whether customers would be told the same, had other customers been learned from."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from models.reasons import drivers_of
from training.bootstrap import redrawn
from training.fit_churn import fit_trees
from training.panel import Panel, Split
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
_MOST_ROWS = 1000  # of the judged ones, drawn
_TOP = 3


def reason_stability(
    panel: Panel, split: Split, catalog: Catalog, settings: FitSettings, refits: int, at_risk_from: float,
    probability: Floats,
) -> dict[str, Any] | None:  # fmt: skip
    """How far pairs of models, fitted on redrawn customers of the split, agree on the reasons of those it judges.

    `same_first` is the share of customers with the same first driver, `top_3_overlap` the mean share of common ones
    among the drivers that either has in its first three (Jaccard 1912); of `all`, and of those `at_risk`, whose
    probability is at least `at_risk_from` (None where there are none); `drivers` is how many there are to choose from.
    None for fewer than two refits or two drivers: then there is nothing to differ.
    """
    drivers, member = drivers_of(catalog)
    if refits < 2 or len(drivers) < 2 or split.judge is None:
        return None
    random = np.random.default_rng(settings.seed)
    fit, judged = panel.at(*split.known), np.flatnonzero(panel.at(split.judge))
    drawn = np.sort(random.permutation(len(judged))[:_MOST_ROWS])
    everyone, who = np.unique(panel.customer_ids[fit], return_inverse=True)
    ranked = []
    for _ in range(refits):
        rows = np.repeat(np.arange(len(who)), redrawn(len(everyone), random)[who])
        booster = fit_trees(catalog, panel.X[fit][rows], panel.churned[fit][rows], settings)
        ranked.append(_ranked(booster, member, panel.X[judged[drawn]]))
    pairs = [(ranked[a], ranked[b]) for a in range(refits) for b in range(a)]
    same = np.mean([one[:, 0] == other[:, 0] for one, other in pairs], axis=0)
    overlap = np.mean([_overlap(one[:, :_TOP], other[:, :_TOP]) for one, other in pairs], axis=0)
    groups = {"all": np.ones(len(drawn), bool), "at_risk": probability[drawn] >= at_risk_from}
    return {
        "refits": refits,
        "drivers": len(drivers),
        **{name: _told(same, overlap, who) for name, who in groups.items()},
    }


def _ranked(booster: lgb.Booster, member: Floats, X: Floats) -> npt.NDArray[np.intp]:
    """For each row the drivers, the strongest push towards leaving first; `member` of shape (features, drivers)."""
    pushes = np.asarray(booster.predict(X, pred_contrib=True), float)[:, :-1]
    return np.argsort(-(pushes @ member), axis=1, kind="stable")


def _overlap(one: npt.NDArray[np.intp], other: npt.NDArray[np.intp]) -> Floats:
    """Of each row the number of common drivers over the number in either."""
    common = (one[:, :, None] == other[:, None, :]).any(axis=2).sum(axis=1)
    return np.asarray(common / (one.shape[1] + other.shape[1] - common), float)


def _told(same: Floats, overlap: Floats, who: npt.NDArray[np.bool_]) -> dict[str, Any] | None:
    if not who.any():
        return None
    return {
        "customers": int(who.sum()), "same_first": round(float(same[who].mean()), 4),
        "top_3_overlap": round(float(overlap[who].mean()), 4),
    }  # fmt: skip
