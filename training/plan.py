"""The plan of a training: at which cut-offs customers are looked at, and what is fitted and judged on which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np

from features.checked import CheckedTables
from features.refusal import Refusal
from features.snapshot import day_date
from features.sources import connect
from training.folds import FOLDS
from training.labels import is_matured, require_told
from training.panel import (
    Panel,
    Part,
    Split,
    Tried,
    cutoffs_needed,
    judging_splits,
    matured_cutoffs,
    split_before,
    tried_before,
)
from training.study import Study

_TRIED_ON = 2  # parts per search: one alone would be tuned to its own chance


@dataclass(frozen=True)
class Plan:
    """Cut-offs, oldest first; the splits to judge on, and the one that the champion's calibration comes from.

    Attributes
    ----------
    searches
        What the settings of the fit are tried on: once before anything is judged, or, of folds, for each split and
        for the champion. Empty where too little comes before the first judged cut-off.
    further
        By its days the plan of each further horizon, without a search: those of `cutoffs` at which its label is known
        by the day on which the last label of `cutoffs` is, and the splits among them.
    """

    cutoffs: tuple[date, ...]
    splits: tuple[Split, ...]
    final: Split
    searches: tuple[tuple[Tried, ...], ...]
    further: Mapping[int, Plan] = field(default_factory=dict)

    @property
    def first_judged(self) -> date:
        """The day up to which all may be known that a judged vector leans on, over whatever horizon it is judged."""
        days = [split.judge for split in self.splits if isinstance(split.judge, date)]
        return min([days[0] if days else self.cutoffs[0], *(of.first_judged for of in self.further.values())])

    @property
    def is_in_time(self) -> bool:
        """Whether each judged part lies after what its model was fitted on; else folds are judged."""
        return self.final.calibrate is not None


def plan(checked: CheckedTables, study: Study) -> Plan:
    """What is fitted and judged on which.

    A shop that gives its own labels is looked at on the days that these are of; where they are of too few days, or of
    none, folds are judged instead of later cut-offs.

    Raises
    ------
    Refusal
        HF207 where nothing tells who churned; HF303 where history is too short to fit, calibrate and judge, over each
        horizon that is asked for.
    """
    definition, judged = study.churn.meant, study.cutoffs.judged
    require_told(checked, definition)
    if definition.kind != "given":
        cutoffs = matured_cutoffs(checked, study.cutoffs, definition.label_days)
        further = {days: _over(days, cutoffs, study) for days in study.churn.further_horizons_days}
        return _in_time(cutoffs, judged, definition.label_days, further)
    cutoffs = _labelled_days(checked, study.cutoffs.last)
    if len(judging_splits(cutoffs, judged, definition.label_days)) == judged:
        return _in_time(cutoffs, judged, definition.label_days)
    splits, final = fold_splits(), _of_folds(None)
    return Plan(cutoffs, splits, final, tuple(tried_folds(split.fit) for split in (*splits, final)))


def fold_splits() -> tuple[Split, ...]:
    """Each fold judged once, by a model of all the others."""
    return tuple(_of_folds(fold) for fold in range(1, FOLDS + 1))


def _of_folds(judge: int | None) -> Split:
    others = tuple(fold for fold in range(1, FOLDS + 1) if fold != judge)
    return Split(others, None, judge, others)


def _in_time(
    cutoffs: tuple[date, ...], judged: int, label_days: int, further: Mapping[int, Plan] = MappingProxyType({})
) -> Plan:
    final = split_before(cutoffs, None, label_days)
    assert final is not None, "there is something to judge, and with it enough for this"
    planned = Plan(cutoffs, tuple(judging_splits(cutoffs, judged, label_days)), final, (), further)
    searched = split_before(cutoffs, planned.first_judged, label_days)
    assert searched is not None, "what is judged over any horizon has enough before it"
    return replace(planned, searches=(tried_before(searched.fit, label_days, _TRIED_ON),))


def _over(days: int, cutoffs: tuple[date, ...], study: Study) -> Plan:
    """The plan of a further horizon, at those of the study's cut-offs at which its label is known."""
    definition, judged = study.churn.meant, study.cutoffs.judged
    label_days, known_until = definition.over(days).label_days, cutoffs[-1] + timedelta(days=definition.label_days)
    own = tuple(cutoff for cutoff in cutoffs if is_matured(cutoff, label_days, known_until))
    splits, final = judging_splits(own, judged, label_days), split_before(own, None, label_days)
    if final is None or len(splits) < judged:
        raise Refusal(
            "HF303", f"At {len(own)} of the {len(cutoffs)} matured cut-offs it is known who churned within {days} days;"
            f" fitting, calibrating and judging {judged} of them needs at least {cutoffs_needed(study.cutoffs, label_days)}.",
            f"Leave {days} out of churn.further_horizons_days, bring more history (or a later --until), or lower"
            " cutoffs.judged, cutoffs.every_days or cutoffs.min_history_days.",
        )  # fmt: skip
    return Plan(own, tuple(splits), final, ())


def require_both_kinds(planned: Plan, panel: Panel, further: Mapping[int, Panel]) -> None:
    """Refuse (HF302) a split with none who churned, or none who stayed, in what is fitted, known or judged.

    Parameters
    ----------
    further
        The panels of the further horizons that are planned, by their days.
    """
    lower = "lower cutoffs.judged"
    _require_both_kinds(planned, panel, "", f"or {lower}")
    for days, of in planned.further.items():
        without = f"{lower}, or leave {days} out of churn.further_horizons_days"
        _require_both_kinds(of, further[days], f" within {days} days", without)


def _require_both_kinds(planned: Plan, panel: Panel, within: str, otherwise: str) -> None:
    for split in (*planned.splits, planned.final):
        for parts in (split.fit, split.known, () if split.judge is None else (split.judge,)):
            churned = panel.churned[panel.at(*parts)] if parts else np.array([True, False])
            if churned.all() or not churned.any():
                raise Refusal(
                    "HF302", f"none of {len(churned)} customers {'stayed' if len(churned) and churned.all() else 'churned'}"
                    f"{within} in what is learned from or judged: {', '.join(map(str, parts))}.",
                    f"Raise cutoffs.min_history_days to leave out days of which the tables do not tell yet, {otherwise}.",
                )  # fmt: skip


def tried_folds(folds: Sequence[Part]) -> tuple[Tried, ...]:
    """The first of some folds, each to be tried on by what is fitted on the others."""
    return tuple(Tried(tuple(other for other in folds if other != on), on) for on in folds[:_TRIED_ON])


def _labelled_days(checked: CheckedTables, last: date | None) -> tuple[date, ...]:
    """The days of which the shop's own table says who churned, oldest first; what is known until, without days."""
    until = min(last or checked.known_until, checked.known_until)
    if "as_of_day" not in checked.columns["vectors"]:
        return (until,)
    with connect() as connection:
        found = connection.sql(
            f"select distinct as_of_day from {checked.rows('vectors')} where churned is not null order by as_of_day"
        ).fetchall()
    days = tuple(day_date(day) for (day,) in found if day is not None and checked.first_day < day_date(day) <= until)
    if found and not days and all(day is None for (day,) in found):
        return (until,)
    if not days:
        raise Refusal(
            "HF303", f"No row of vectors up to {until} says who churned.",
            "Map the column that says it as `churned` (0 or 1), in rows whose outcome is known.",
        )  # fmt: skip
    return days
