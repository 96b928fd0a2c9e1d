"""Fitting customer value: the candidate that the judge keeps, refitted on all there is, with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from features.checked import CheckedTables
from features.snapshot import day_date
from models.churn import sigmoid
from models.cost_of_leaving import CostOfLeaving
from models.habits import ValueColumn
from models.lifetime import LifetimeModel, Spread
from models.spend import UsualSpend, ValueRows
from training.bootstrap import draws
from training.fit_churn import fit_split
from training.fit_cost_of_leaving import fit_cost_of_leaving
from training.fit_spend import candidates_of, fit_kept, without_references
from training.judge import JudgedCutoff
from training.judge_value import ValueJudgment, fit_spread, judge_value
from training.panel import Panel, split_before
from training.plan import Plan
from training.spending import KnownCustomers, Spending, Window, longest_window, spending
from training.study import Study

Floats = npt.NDArray[np.float64]
_STRAYING = (0.1, 0.9)


def fit_lifetime(
    checked: CheckedTables, planned: Plan, panel: Panel, known: KnownCustomers, judged: Sequence[JudgedCutoff],
    catalog: Catalog, value: ValueColumn, study: Study,
) -> tuple[LifetimeModel, ValueJudgment | None]:  # fmt: skip
    """The value model and how it was judged; not judged, but the usual spend, where there is no time or no money spent."""
    window = None
    if planned.is_in_time:
        days = (study.churn.horizon_days, study.value.days, study.cutoffs.judged)
        window = longest_window(planned.cutoffs, checked.known_until, *days)
    if window is None:
        return _unjudged(judged, catalog.names, value, study), None
    chances = _probabilities(planned, panel, judged, window, catalog, study)
    seen = spending(checked, known, catalog, value, window.days, chances)
    if not np.nansum(seen.spend):
        return _unjudged(judged, catalog.names, value, study), None
    candidates = candidates_of(catalog)
    found = judge_value(seen, window, candidates, study)
    model = fit_kept(found.chosen, candidates, seen, window.cutoffs, window.periods, study)
    assert model is not None, "what fewer cut-offs allow, more do"
    which, spent = (np.concatenate([getattr(one, part) for one in found.judged]) for part in ("which", "spent"))
    expected = np.concatenate([one.expected[found.chosen] for one in found.judged])
    lifetime = LifetimeModel(
        study.churn.horizon_days, study.value.days, study.value.yearly_discount, model,
        _cost_of_leaving(seen, which, expected, spent),
        fit_spread(spent, expected, window.periods), _total(seen, found, study.fit.seed), window.days,
    )  # fmt: skip
    return lifetime, found


def _probabilities(
    planned: Plan, panel: Panel, judged: Sequence[JudgedCutoff], window: Window, catalog: Catalog, study: Study
) -> dict[date, tuple[npt.NDArray[np.object_], Floats]]:
    """By cut-off the eligible customers and their probability of leaving, by a model trained strictly before it.

    Before the first judged cut-off that is a model without what leans on references, which were fitted up to that day.
    """
    found = {
        day_date(day): (one.customer_ids[one.day == day], one.probability["holdfast"][one.day == day])
        for one in judged for day in np.unique(one.day).tolist()
    }  # fmt: skip
    wanted = {part for split in window.splits for part in (split.judge, split.calibrate) if isinstance(part, date)}
    missing = sorted(wanted - found.keys())
    if missing:
        catalog, X = without_references(catalog, panel.X)
        panel = replace(panel, X=X)
    for cutoff in missing:
        split = split_before(planned.cutoffs, cutoff, study.churn.meant.label_days)
        if split:
            rows = panel.at(cutoff)
            log_odds = fit_split(panel, split, catalog, study.fit).log_odds(panel.X[rows])
            found[cutoff] = (panel.customer_ids[rows], sigmoid(log_odds))
    return found


def _cost_of_leaving(seen: Spending, which: npt.NDArray[np.intp], expected: Floats, spent: Floats) -> CostOfLeaving:
    """From those of some rows whose probability of leaving was told before, and who are known to have left or stayed."""
    left, probability = seen.left[which], seen.probability[which]
    told = ~np.isnan(left) & ~np.isnan(probability)
    return fit_cost_of_leaving(probability[told], left[told], expected[told], spent[told])


def _total(seen: Spending, found: ValueJudgment, seed: int) -> tuple[float, float]:
    """How far what all spent together strayed from what was expected: 80 % of draws, at the cut-offs farthest off.

    As far to the other side: from one or two cut-offs nobody can tell which way the next sum will stray.
    """
    ratios: list[list[Floats]] = [[] for _ in found.judged]
    for weights in draws([seen.customer_ids[one.which] for one in found.judged], seed):
        for ratio, one, drawn in zip(ratios, found.judged, weights, strict=True):
            ratio.append((drawn @ one.spent) / np.maximum(drawn @ one.expected[found.chosen], 1e-9))
    edges = [np.quantile(np.concatenate(ratio[1:]), _STRAYING) for ratio in ratios]
    farthest = max(1.0, *(max(float(high), 1 / max(float(low), 1e-9)) for low, high in edges))
    return 1 / farthest, farthest


def _unjudged(
    judged: Sequence[JudgedCutoff], names: tuple[str, ...], value: ValueColumn, study: Study
) -> LifetimeModel:
    """The usual spend by the chance of staying, its level and spread those of the judged rows where money tells them."""
    days = study.churn.horizon_days
    X, spent = (np.concatenate([getattr(one, part) for one in judged]) for part in ("X", "spend"))
    chance = np.concatenate([one.probability["holdfast"] for one in judged])
    brought = value.per_28d({name: X[:, j] for j, name in enumerate(names)})
    usual = np.zeros(len(X)) if brought is None else np.maximum(np.nan_to_num(brought), 0)
    expected = UsualSpend(days, 1.0).by_period(ValueRows({}, usual, chance), 1)[:, 0]
    level = float(spent.sum() / expected.sum()) if expected.sum() > 0 and spent.sum() > 0 else 1.0
    spread = fit_spread(spent, level * expected, 1) if spent.any() else Spread((), (1.0,), (1.0,))
    return LifetimeModel(
        days, study.value.days, study.value.yearly_discount, UsualSpend(days, level), spread=spread
    )  # fmt: skip
