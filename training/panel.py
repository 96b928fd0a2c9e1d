"""The panel: many cut-offs per customer, and the splits that never let a label window reach into what it judges."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.checked import CheckedTables
from features.refusal import Refusal
from features.snapshot import day_number
from training.folds import folds, thirds, together
from training.labels import Labels, is_matured
from training.study import CutoffSettings, Minimums, Study

Part = date | int
"""A part of the panel that is fitted, calibrated or judged on whole: a cut-off, or a fold where there is no time."""


_EARLIER = 3  # days to calibrate on beside the last one


@dataclass(frozen=True)
class Tried:
    """Parts to fit on, and the one to try that fit on: a later cut-off, or another fold."""

    fit: tuple[Part, ...]
    on: Part


@dataclass(frozen=True)
class Split:
    """Cut-offs to fit on, the later one to calibrate on, and the still later one to judge on; or folds for these.

    Every label window used to fit ends at or before `calibrate`; those of `known` end at or before `judge`.

    Attributes
    ----------
    calibrate
        None for folds: there parts of each of `fit` are held out in turn to calibrate on.
    known
        All that is known when `judge` comes: what the calibrated model is refitted on, as a champion is.
    earlier
        What could be fitted and calibrated on at up to three cut-offs before `calibrate`, the latest first; a search may
        have looked at them.
    """

    fit: tuple[Part, ...]
    calibrate: Part | None
    judge: Part | None
    known: tuple[Part, ...]
    earlier: tuple[Tried, ...] = ()

    def __post_init__(self) -> None:
        if not self.fit:
            raise ValueError("a split needs a cut-off to fit on")


@dataclass(frozen=True)
class Panel:
    """Eligible customers at every matured cut-off; arrays of shape (rows,) in the order of `vectors`.

    Attributes
    ----------
    fold
        From 1 to FOLDS. Rows of one customer and rows of equal values share a fold. All 0 where parts are cut-offs.
    third
        From 1 to THIRDS, of each fold: what is held out of it at once to calibrate on. All 0 where parts are cut-offs.
    trees
        Texts of the models that training/fit_churn.py has fitted on some parts: what one split knows, a later one holds
        its calibration against.
    """

    vectors: pa.Table
    X: npt.NDArray[np.float64]
    churned: npt.NDArray[np.bool_]
    spend: npt.NDArray[np.float64]
    cutoff: npt.NDArray[np.int32]
    customer_ids: npt.NDArray[np.object_]
    fold: npt.NDArray[np.int32]
    third: npt.NDArray[np.int32]
    trees: dict[Hashable, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def at(self, *parts: Part) -> npt.NDArray[np.bool_]:
        """The rows of some cut-offs or folds, as a mask."""
        if any(isinstance(part, int) for part in parts):
            return np.isin(self.fold, parts)
        return np.isin(self.cutoff, [day_number(part) for part in parts if isinstance(part, date)])


def known_by(until: date, study: Study, checked: CheckedTables) -> tuple[Study, CheckedTables]:
    """Study and tables as on the midnight `until`, when nothing later was known: no label ends after it.

    The checked rows stay as they are, and with them the vectors: those of a cut-off never hold what came after it.

    Raises
    ------
    Refusal
        HF206 where the tables know nothing of that day.
    """
    if not checked.first_day < until <= checked.known_until:
        raise Refusal(
            "HF206", f"--until {until} lies outside what is known, {checked.first_day} to {checked.known_until}.",
            "Choose a day after the first and not after the last of these.",
        )  # fmt: skip
    last = until - timedelta(days=study.churn.meant.label_days)
    cutoffs = study.cutoffs.model_copy(update={"last": min(study.cutoffs.last or last, last)})
    return study.model_copy(update={"cutoffs": cutoffs}), replace(checked, known_until=until)


def matured_cutoffs(checked: CheckedTables, settings: CutoffSettings, label_days: int) -> tuple[date, ...]:
    """Every cut-off whose labels are known, oldest first.

    Raises
    ------
    Refusal
        HF303 where history is too short to fit, calibrate and judge.
    """
    last = settings.last or checked.known_until - timedelta(days=label_days)
    if not is_matured(last, label_days, checked.known_until):
        raise Refusal(
            "HF303", f"cutoffs.last {last} + {label_days} days lies after {checked.known_until},"
            " up to which the tables are complete.", "Choose an earlier cutoffs.last.",
        )  # fmt: skip
    first = checked.first_day + timedelta(days=settings.min_history_days)
    if last < first:
        days = (checked.known_until - checked.first_day).days
        raise Refusal(
            "HF303", f"{days} days of history hold no cut-off: {settings.min_history_days} days must lie before one and"
            f" {label_days} after it.", "Bring more history, or shorten churn.horizon_days or cutoffs.min_history_days.",
        )  # fmt: skip
    found = cutoff_grid(first, last, settings.every_days)
    if len(judging_splits(found, settings.judged, label_days)) < settings.judged:
        raise Refusal(
            "HF303", f"{len(found)} matured cut-offs lie between {first} and {last};"
            f" fitting, calibrating and judging {settings.judged} of them needs at least"
            f" {cutoffs_needed(settings, label_days)}.",
            "Bring more history (or a later --until), or lower cutoffs.judged, cutoffs.every_days or"
            " cutoffs.min_history_days.",
        )  # fmt: skip
    return found


def cutoffs_needed(settings: CutoffSettings, label_days: int) -> int:
    """The fewest matured cut-offs that can be fitted, calibrated and judged, each after the labels of the one before."""
    return settings.judged + 2 * -(-label_days // settings.every_days)


def cutoff_grid(first: date, last: date, every_days: int) -> tuple[date, ...]:
    """Cut-offs so many days apart from `last` back to not before `first`, oldest first; none where last lies before."""
    count = (last - first).days // every_days + 1 if last >= first else 0
    return tuple(last - timedelta(days=every_days * k) for k in range(count))[::-1]


def judging_splits(cutoffs: Sequence[date], judged: int, label_days: int) -> list[Split]:
    """One split for each of the last `judged` cut-offs that have enough before them, oldest first."""
    splits = [split_before(cutoffs, judge, label_days) for judge in cutoffs[-judged:]]
    return [split for split in splits if split]


def split_before(cutoffs: Sequence[date], judge: date | None, label_days: int) -> Split | None:
    """The split that judges `judge`, or with None the one that calibrates on the last cut-off."""
    known = tuple(c for c in cutoffs if judge is None or c + timedelta(days=label_days) <= judge)
    tried = tried_before(known, label_days, 1 + _EARLIER)
    return Split(tried[0].fit, tried[0].on, judge, known, tried[1:]) if tried else None


def tried_before(cutoffs: Sequence[Part], label_days: int, most: int) -> tuple[Tried, ...]:
    """The last of some cut-offs, each to be tried on by what is fitted on those whose labels were known by then."""
    days = [part for part in cutoffs if isinstance(part, date)]
    found = [Tried(tuple(c for c in days if c + timedelta(days=label_days) <= on), on) for on in reversed(days)]
    return tuple(tried for tried in found if tried.fit)[:most]


def build_panel(
    vectors: pa.Table, X: npt.NDArray[np.float64], labels: Labels, eligible: npt.NDArray[np.bool_], minimums: Minimums,
    seed: int = 0, in_time: bool = True,
) -> Panel:  # fmt: skip
    """The panel of the eligible rows whose labels are matured.

    Raises
    ------
    Refusal
        HF301, HF302 where the last cut-off, or all together where they are not judged in time, has fewer customers or
        churners than `[minimums]` asks.
    """
    kept = np.flatnonzero(eligible & labels.matured)
    cutoff = vectors.column("cutoff").to_numpy()
    last = kept[cutoff[kept] == cutoff.max()] if len(cutoff) and in_time else kept
    where, more, otherwise = "in all", "customers", "Look how `churned` is mapped in shop.toml"
    if in_time:
        where, more = "at the last matured cut-off", "history"
        otherwise = "Change churn.horizon_days or the rest of [churn]"
    _require_enough(labels[last], minimums, where, more, otherwise)
    taken, known = vectors.take(kept), labels[kept]
    ids = np.array(taken.column("customer_id").to_pylist(), object)
    fold = third = np.zeros(len(kept), np.int32)
    if not in_time:
        group = together(X[kept], ids)
        fold, third = folds(group, seed), thirds(group, seed)
    return Panel(taken, X[kept], known.churned, known.spend, cutoff[kept], ids, fold, third)


def over_horizon(panel: Panel, labels: Labels, cutoffs: Sequence[date], horizon_days: int, minimums: Minimums) -> Panel:
    """The panel of a further horizon: the same customers at those of its cut-offs whose labels over it are known.

    Parameters
    ----------
    labels
        Over the further horizon, in the order of the panel's rows.
    cutoffs
        The first of the panel's, oldest first.

    Raises
    ------
    Refusal
        HF301, HF302 where the last of them has fewer customers or churners than `[minimums]` asks.
    """
    own = slice(0, int(panel.at(*cutoffs).sum()))  # rows come by rising cut-off, so that nothing is copied
    known = labels[own]
    without = f"leave {horizon_days} out of churn.further_horizons_days"
    _require_enough(
        known[panel.cutoff[own] == day_number(cutoffs[-1])], minimums,
        f"at the last cut-off matured over {horizon_days} days", f"history, {without}", without.capitalize(),
    )  # fmt: skip
    return Panel(
        panel.vectors.slice(0, own.stop), panel.X[own], known.churned, known.spend, panel.cutoff[own],
        panel.customer_ids[own], panel.fold[own], panel.third[own],
    )  # fmt: skip


def _require_enough(last: Labels, minimums: Minimums, where: str, more: str, otherwise: str) -> None:
    """Refuse (HF301, HF302) too few customers, or too few of either kind; `where` they are, and what would mend it."""
    if len(last) < minimums.customers:
        raise Refusal(
            "HF301", f"only {len(last)} {'customer is' if len(last) == 1 else 'customers are'} eligible {where}; training"
            f" needs {minimums.customers}.", f"Bring more {more} or lower minimums.customers in study.toml.",
        )  # fmt: skip
    churners = int(last.churned.sum())
    for count, who in ((churners, "churned"), (len(last) - churners, "stayed")):
        if count < minimums.churners:
            raise Refusal(
                "HF302", f"{count} of {len(last)} customers {who} {where}; training needs {minimums.churners}.",
                f"{otherwise}, or lower minimums.churners in study.toml.",
            )  # fmt: skip
