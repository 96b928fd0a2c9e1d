"""The judge of further horizons: each on its own judged cut-offs, by what is told of it there.

What is told is in order with the horizons between it and the main one (models/horizons.py), so these are asked at the
same cut-offs too, each by a model that was fitted strictly before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from models.churn import sigmoid
from models.definition import ChurnDefinition
from models.horizons import in_order
from training.bootstrap import DRAWS, FEWER, Measure, measured, over_parts
from training.fit_churn import fit_split
from training.judge import JudgedCutoff
from training.measures import DISTANCES, MEASURES, calibration_error_noise, calibration_slope
from training.panel import Panel, split_before
from training.plan import Plan
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
_ON_MANY = MappingProxyType({name: MEASURES[name] for name in ("auc", "log_loss", "brier", "calibration_error")})
_ON_FEWER: Mapping[str, Measure] = MappingProxyType({"calibration_slope": calibration_slope})


def judge_horizons(
    definition: ChurnDefinition, panel: Panel, panels: Mapping[int, Panel], planned: Plan,
    judged: Sequence[JudgedCutoff], catalog: Catalog, settings: FitSettings,
) -> list[dict[str, Any]]:  # fmt: skip
    """How each further horizon did, as `holdfast judge --json` prints it; none where there is no further one.

    Parameters
    ----------
    panels
        Of the further horizons, by their days.
    judged
        What the main horizon was found to say; where a further one is judged elsewhere, the main one is fitted anew.

    Returns
    -------
    list of dict
        `horizon_days`, `cutoffs`, `customers` and `churn_rate` at the last of them, `measures`, each with its
        interval, `calibration_error_noise`, and `moved`, the share of probabilities that the order has moved.
    """
    own = definition.horizon_days
    known = {one.cutoff: one.probability["holdfast"] for one in judged}
    asked = {
        own: (panel, planned.cutoffs),
        **{days: (panels[days], of.cutoffs) for days, of in planned.further.items()},
    }

    @cache
    def said(days: int, cutoff: date) -> Floats:
        """Of the eligible at a cut-off, by a model fitted before it."""
        if days == own and cutoff in known:
            return known[cutoff]
        of, cutoffs = asked[days]
        split = split_before(cutoffs, cutoff, definition.over(days).label_days)
        assert split is not None, "what a longer horizon can be judged on, a shorter one can"
        return sigmoid(fit_split(of, split, catalog, settings).log_odds(of.X[of.at(cutoff)]))

    found = []
    for days, of in planned.further.items():
        between = [other for other in asked if min(own, days) <= other <= max(own, days)]
        cutoffs = [split.judge for split in of.splits if isinstance(split.judge, date)]
        told = [in_order(definition, {other: said(other, cutoff) for other in between})[days] for cutoff in cutoffs]
        moved = [float(np.mean(of_day != said(days, cutoff))) for of_day, cutoff in zip(told, cutoffs, strict=True)]
        found.append({"horizon_days": days, **_measured(panels[days], cutoffs, told, settings.seed),
                      "moved": round(float(np.mean(moved)), 4)})  # fmt: skip
    return found


def _measured(panel: Panel, cutoffs: Sequence[date], told: Sequence[Floats], seed: int) -> dict[str, Any]:
    parts = [panel.at(cutoff) for cutoff in cutoffs]
    churned, ids = [panel.churned[at].astype(float) for at in parts], [panel.customer_ids[at] for at in parts]
    values: dict[str, Floats] = {}
    for measures, draws in ((_ON_MANY, DRAWS), (_ON_FEWER, FEWER)):
        values |= measured(churned, {"told": told}, ids, measures, seed, draws)["told"]
    return {
        "cutoffs": [str(cutoff) for cutoff in cutoffs],
        "customers": len(churned[-1]),
        "churn_rate": round(float(churned[-1].mean()), 4),
        "measures": {name: over_parts(of_measure, name in DISTANCES) for name, of_measure in values.items()},
        "calibration_error_noise": round(calibration_error_noise(told, seed), 6),
    }
