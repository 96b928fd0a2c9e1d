"""Fitting further horizons: the panel of each, and its model as the champion's is made."""

from __future__ import annotations

from collections.abc import Mapping

from features.catalog import Catalog
from features.checked import CheckedTables
from models.churn import ChurnModel
from models.definition import ChurnDefinition
from training.fit_churn import churn_model, fit_split
from training.labels import churn_labels
from training.panel import Panel, over_horizon
from training.plan import Plan
from training.study import FitSettings, Minimums


def horizon_panels(
    checked: CheckedTables, definition: ChurnDefinition, panel: Panel, planned: Plan, minimums: Minimums
) -> dict[int, Panel]:
    """By its days the panel of each further horizon that is planned, the shortest first.

    Raises
    ------
    Refusal
        HF301, HF302 where one has too few customers or churners at its last cut-off.
    """
    return {
        days: over_horizon(
            panel, churn_labels(checked, panel.vectors, definition.over(days)), of.cutoffs, days, minimums
        )
        for days, of in planned.further.items()
    }


def fit_horizons(
    panels: Mapping[int, Panel], planned: Plan, catalog: Catalog, categories: Mapping[str, tuple[str, ...]],
    settings: FitSettings,
) -> dict[int, ChurnModel]:  # fmt: skip
    """By its days the calibrated model of each further horizon, fitted on all of its panel."""
    return {
        days: churn_model(fit_split(panels[days], of.final, catalog, settings), catalog, categories)
        for days, of in planned.further.items()
    }
