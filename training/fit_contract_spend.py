"""Fitting how long contracts run: a discrete hazard by age and renewal, on the labels of the churn definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt

from features.snapshot import day_number
from models.contract_spend import ContractSpend, contract_phase
from training.spending import Spending
from training.study import Study

Floats = npt.NDArray[np.float64]
_AGE_CLASSES = 6
_PRIOR = 50.0  # contracts at the mean hazard that every class begins with
_LASTING = (0.0, 0.25, 0.5, 0.75, 1.0)


def fit_contract_spend(spending: Spending, cutoffs: Sequence[date], periods: int, study: Study) -> ContractSpend | None:
    """The hazard on all cut-offs whose label is known by then, level and lasting on the spend of the last window."""
    days = study.churn.horizon_days
    last = day_number(max(cutoffs)) + periods * days - study.churn.meant.label_days
    known = np.flatnonzero(~np.isnan(spending.left) & (spending.cutoff <= last))
    if not len(known):
        return None
    age, renews = contract_phase(spending.rows(known), days, 0)
    edges = np.unique(np.quantile(age, np.linspace(0, 1, _AGE_CLASSES + 1)[1:-1]))
    mean = float(np.clip(spending.left[known].mean(), 1e-4, 1 - 1e-4))
    cell = 2 * np.searchsorted(edges, age, side="right") + renews
    size = 2 * (len(edges) + 1)
    left = np.bincount(cell, spending.left[known], size) + _PRIOR * mean
    hazard = (left / (np.bincount(cell, minlength=size) + _PRIOR)).reshape(-1, 2)
    model = ContractSpend(
        days, 1.0, tuple(map(float, edges)), tuple((float(a), float(b)) for a, b in hazard), 0.0,
        _last_share(spending, known, days, periods),
    )  # fmt: skip
    which = spending.at(max(cutoffs))
    rows, spent = spending.rows(which), spending.spend[which]
    found = []
    for lasting in _LASTING:
        tried = replace(model, lasting=lasting)
        expected = tried.by_period(rows, periods).sum(axis=1)
        promised = float(expected.sum())
        level = float(spent.sum()) / promised if promised > 0 and spent.sum() > 0 else 1.0
        found.append((float(np.mean((level * expected - spent) ** 2)), lasting, level))
    _, lasting, level = min(found)
    return replace(model, lasting=lasting, level=level)


def _last_share(spending: Spending, known: npt.NDArray[np.intp], days: int, periods: int) -> float:
    """What who leaves within a period pays in it, over what they would have; one half where windows tell of no single period."""
    if periods > 1:
        return 0.5
    left = known[(spending.left[known] == 1) & ~np.isnan(spending.spend[known])]
    due = float(spending.usual_spend_per_28d[left].sum()) * days / 28
    return float(np.clip(spending.spend[left].sum() / due, 0.0, 1.0)) if due > 0 else 0.5
