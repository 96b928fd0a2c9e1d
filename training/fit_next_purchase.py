"""Fitting when customers buy next: how silences end, from all cut-offs, counted only while they could be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from features.checked import CheckedTables
from features.snapshot import day_number
from features.sources import connect
from models.next_purchase import NEEDS, NextPurchase, SilenceCurve
from training.panel import Split
from training.spending import KnownCustomers

Floats = npt.NDArray[np.float64]
_FEW = 3
_FEWEST_SILENT = 20
_POINTS = 200


@dataclass(frozen=True)
class Rhythms:
    """What is known of customers at cut-offs, and when they bought next; arrays of shape (rows,).

    Attributes
    ----------
    wait_days
        From the cut-off to the next purchase, 0 where it was that very day; infinite where none is known.
    """

    cutoff: npt.NDArray[np.int32]
    visits: Floats
    since: Floats
    gap: Floats
    wait_days: Floats


def rhythms(checked: CheckedTables, known: KnownCustomers, names: tuple[str, ...]) -> Rhythms | None:
    """The rhythms of known customers; None where the shop's customers do not purchase."""
    if not set(NEEDS) <= set(names):
        return None
    asked = known.table.append_column("row", [np.arange(known.table.num_rows)])
    with connect() as connection:
        connection.register("asked", asked)
        found = connection.sql(
            f"with days as (select distinct customer_id, day from {checked.purchases}"
            f" where day < {day_number(checked.known_until)})"
            " select a.row, min(d.day) - a.cutoff as wait from asked as a left join days as d"
            " on d.customer_id = a.customer_id and d.day >= a.cutoff group by a.row, a.cutoff order by a.row"
        ).fetchnumpy()["wait"]
    wait = np.ma.filled(np.ma.asarray(found, float), np.inf)
    visits, since, gap = (known.X[:, names.index(name)] for name in NEEDS)
    return Rhythms(known.cutoff, visits, since, gap, wait)


def fit_next_purchase(seen: Rhythms, until: date) -> NextPurchase:
    """Curves from the cut-offs before a midnight, when nothing later was known."""
    day = day_number(until)
    before = seen.cutoff < day
    visits, since, gap = (column[before] for column in (seen.visits, seen.since, seen.gap))
    left = day - seen.cutoff[before]
    bought = seen.wait_days[before] < left
    end = since + np.where(bought, seen.wait_days[before], left - 1)

    def curve(who: npt.NDArray[np.bool_], unit: Floats) -> SilenceCurve:
        who = who & (unit > 0)
        return silence_curve((since[who] - 1) / unit[who], end[who] / unit[who], bought[who])

    return NextPurchase(
        _FEW, curve(visits == 1, np.ones_like(gap)), curve((visits > 1) & (visits <= _FEW), gap),
        curve(visits > _FEW, gap),
    )  # fmt: skip


def silence_curve(begin: Floats, end: Floats, bought: npt.NDArray[np.bool_]) -> SilenceCurve:
    """Kaplan & Meier's estimate from silences seen from `begin` to `end`, which a purchase ended or did not.

    Silences that began to be seen late count only from then on (left truncation). The curve ends where fewer than 20
    are silent.
    """
    if not bought.any():
        return SilenceCurve((), ())
    times, deaths = np.unique(end[bought], return_counts=True)
    silent = np.searchsorted(np.sort(begin), times, side="left") - np.searchsorted(np.sort(end), times, side="left")
    enough = silent >= _FEWEST_SILENT
    times, share = times[enough], np.cumprod(1 - deaths[enough] / silent[enough])
    if not len(times):
        return SilenceCurve((), ())
    kept = np.unique(np.searchsorted(-share, -np.linspace(share[0], share[-1], _POINTS)).clip(0, len(share) - 1))
    return SilenceCurve(tuple(map(float, times[kept])), tuple(map(float, share[kept])))


def judge_next_purchase(seen: Rhythms, splits: Sequence[Split], known_until: date) -> dict[str, float]:
    """How the day is met out of time: of whom one is told (`told`), and how many of them had bought by it (`bought`).

    By curves fitted before each judged cut-off; of the days that are past by `known_until`.
    """
    told, bought, late = [], [], []
    for split in splits:
        assert isinstance(split.judge, date)
        model = fit_next_purchase(seen, split.judge)
        rows = (seen.cutoff == day_number(split.judge)) & (seen.visits >= 1)
        visits, since, gap = (column[rows] for column in (seen.visits, seen.since, seen.gap))
        days = model.days(dict(zip(NEEDS, (visits, since, gap), strict=True)))
        told.append(~np.isnan(days))
        past = np.round(days) < day_number(known_until) - day_number(split.judge)
        bought.append(seen.wait_days[rows][past] <= np.round(days[past]))
        late.append(np.abs(seen.wait_days[rows][past] - np.round(days[past])))
    if not sum(len(one) for one in bought):
        return {}
    off = float(np.median(np.concatenate(late)))  # infinite where most never bought again
    return {
        "told": round(float(np.concatenate(told).mean()), 4),
        "bought": round(float(np.concatenate(bought).mean()), 4),
        **({"median_days_off": round(off, 2)} if np.isfinite(off) else {}),
    }
