"""Fitting what later score runs are compared with: the judged cut-offs' customers, and how cut-offs usually differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from features.snapshot import day_number
from models.churn import ChurnModel
from models.drift_reference import DriftReference, DriverReference, Spread, counts
from training.drift import leading_shares, psi, pushes_by_driver
from training.judge import Judgment
from training.panel import Panel
from training.performance_estimate import estimate_performance

Floats = npt.NDArray[np.float64]
_MOST_ROWS = 20_000
_MOST_EXPLAINED = 1_000
_MOST_LEVELS = 20
_DECILES = np.linspace(0.1, 0.9, 9)


def fit_drift_reference(
    panel: Panel, judgment: Judgment, catalog: Catalog, model: ChurnModel, settled_from: int, seed: int
) -> DriftReference:
    """The reference of the judged cut-offs; where folds were judged, of every cut-off.

    Parameters
    ----------
    settled_from
        The day number from which vectors see as far back as their memory reaches; an earlier cut-off differs from a later
        one by that alone, and says nothing of what is usual.
    """
    judged = judgment.judged
    random = np.random.default_rng(seed)
    days = np.unique(panel.cutoff)
    recent = {day_number(j.cutoff) for j in judged} if judgment.is_in_time else set(days.tolist())
    days = np.array([day for day in days if day >= settled_from or day in recent])
    parts = [random.permutation(np.flatnonzero(panel.cutoff == day))[:_MOST_ROWS] for day in days]
    of_reference = [rows for day, rows in zip(days, parts, strict=True) if day in recent]
    columns = {}
    for j, feature in enumerate(catalog.features):
        levels = model.categories.get(feature.name)
        values = [panel.X[rows, j] for rows in parts]
        columns[feature.name] = _spread(values, [day in recent for day in days], levels)
    estimates = [found for j in judged if (found := estimate_performance(j.probability["holdfast"], seed=seed))]
    names = estimates[0].measures if estimates else ()
    return DriftReference(
        cutoffs=tuple(j.cutoff for j in judged),
        customers=round(sum(map(len, of_reference)) / len(of_reference)),
        columns=columns,
        drivers=_drivers(panel, of_reference, catalog, model),
        probability=_spread(
            [model.probability(panel.X[rows]) for rows in of_reference], [True] * len(of_reference), None
        ),
        expected={name: round(float(np.mean([e.measures[name].value for e in estimates])), 6) for name in names},
    )


def _spread(by_cutoff: Sequence[Floats], is_recent: Sequence[bool], levels: Sequence[str] | None) -> Spread:
    """The spread of the recent cut-offs together, each with its weight in customers."""
    recent = np.concatenate([values for values, wanted in zip(by_cutoff, is_recent, strict=True) if wanted])
    known = recent[~np.isnan(recent)]
    if levels is not None:
        ends = np.arange(min(len(levels), _MOST_LEVELS) - 1, dtype=float)
    else:
        ends = np.unique(np.quantile(known, _DECILES)) if len(known) else np.empty(0)
    edges = tuple(float(end) for end in ends)
    of_recent = counts(recent, edges)
    several = sum(is_recent)
    by_day = np.array([counts(values, edges) for values in by_cutoff], float)
    usual = [psi(by_day[max(0, k - several) : k].sum(axis=0), by_day[k]) for k in range(1, len(by_day))]
    mean = round(float(known.mean()), 6) if len(known) and levels is None else None
    shares = tuple(round(float(share), 6) for share in of_recent / len(recent))
    return Spread(edges, shares, mean, round(max(usual, default=0.0), 4))


def _drivers(
    panel: Panel, parts: Sequence[npt.NDArray[np.intp]], catalog: Catalog, model: ChurnModel
) -> dict[str, DriverReference]:
    """How each driver pushed at the cut-offs of the reference."""
    by_cutoff = [pushes_by_driver(catalog, model.contributions(panel.X[rows[:_MOST_EXPLAINED]])[0]) for rows in parts]
    together = {driver: np.concatenate([found[driver] for found in by_cutoff]) for driver in by_cutoff[0]}
    leading = leading_shares(together)
    return {
        driver: DriverReference(
            push=round(float(pushes.mean()), 6),
            deviation=round(float(pushes.std()), 6),
            leading=round(leading[driver], 6),
            usual_shift=round(_largest_shift([found[driver] for found in by_cutoff]), 6),
        )
        for driver, pushes in together.items()
    }


def _largest_shift(by_cutoff: Sequence[Floats]) -> float:
    """The largest distance of a cut-off's mean from that of those before it."""
    return max(
        (abs(float(by_cutoff[k].mean() - np.concatenate(by_cutoff[:k]).mean())) for k in range(1, len(by_cutoff))),
        default=0.0,
    )
