"""The plan of a training: at which cut-offs customers are looked at, and what is fitted and judged on which."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from features.checked import CheckedTables
from features.refusal import Refusal
from features.snapshot import day_date
from features.sources import connect
from training.folds import FOLDS
from training.labels import require_told
from training.panel import Split, judging_splits, matured_cutoffs, split_before
from training.study import Study


@dataclass(frozen=True)
class Plan:
    """Cut-offs, oldest first; the splits to judge on, and the one that the champion's calibration comes from."""

    cutoffs: tuple[date, ...]
    splits: tuple[Split, ...]
    final: Split

    @property
    def first_judged(self) -> date:
        """The day up to which all may be known that a judged vector leans on."""
        days = [split.judge for split in self.splits if isinstance(split.judge, date)]
        return days[0] if days else self.cutoffs[0]

    @property
    def is_in_time(self) -> bool:
        """Whether each judged part lies after what its model was fitted on; else folds are judged."""
        return isinstance(self.final.calibrate, date)


def plan(checked: CheckedTables, study: Study) -> Plan:
    """What is fitted and judged on which.

    A shop that gives its own labels is looked at on the days that these are of; where they are of too few days, or of
    none, folds are judged instead of later cut-offs.

    Raises
    ------
    Refusal
        HF207 where nothing tells who churned; HF303 where history is too short to fit, calibrate and judge.
    """
    definition, judged = study.churn.meant, study.cutoffs.judged
    require_told(checked, definition)
    if definition.kind != "given":
        cutoffs = matured_cutoffs(checked, study.cutoffs, definition.label_days)
        return _in_time(cutoffs, judged, definition.label_days)
    cutoffs = _labelled_days(checked, study.cutoffs.last)
    if len(judging_splits(cutoffs, judged, definition.label_days)) == judged:
        return _in_time(cutoffs, judged, definition.label_days)
    return Plan(cutoffs, fold_splits(), Split(tuple(range(2, FOLDS + 1)), 1, None))


def fold_splits() -> tuple[Split, ...]:
    """Each fold judged once: calibrated on the next one, fitted on the others."""
    every = range(1, FOLDS + 1)
    return tuple(Split(tuple(f for f in every if f not in (k, k % FOLDS + 1)), k % FOLDS + 1, k) for k in every)


def _in_time(cutoffs: tuple[date, ...], judged: int, label_days: int) -> Plan:
    final = split_before(cutoffs, None, label_days)
    assert final is not None, "there is something to judge, and with it enough for this"
    return Plan(cutoffs, tuple(judging_splits(cutoffs, judged, label_days)), final)


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
