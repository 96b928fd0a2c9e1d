"""Findings on a study: whether history, customers and churners carry what is to be learned, and today's scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from features.checked import CheckedTables
from features.consent import opted_out
from features.refusal import Refusal
from features.snapshot import day_number
from features.sources import connect
from training.finding import Finding, refused
from training.gaps import Gaps, came_back
from training.labels import EVENT_TABLES, TOLD_BY, churn_labels, require_told
from training.panel import Panel, build_panel, cutoff_grid, cutoffs_needed, over_horizon
from training.plan import plan
from training.population import CutoffCount, Population
from training.study import Study

TWO_YEARS = 730
SMALL = 1_000
CLASS_SHARES = (0.05, 0.95)  # beyond them RudderStack declines to train
_LIKELY_AUC = 0.8


def history_needed(study: Study) -> int:
    """Days of history without which nothing can be fitted, calibrated and judged, over every horizon asked for."""
    definition, cutoffs = study.churn.meant, study.cutoffs
    needed = []
    for days in (definition.horizon_days, *study.churn.further_horizons_days):
        label_days = definition.over(days).label_days
        unknown = max(0, -((definition.label_days - label_days) // cutoffs.every_days))  # of the last cut-offs
        needed.append(
            cutoffs.min_history_days
            + (cutoffs_needed(cutoffs, label_days) - 1 + unknown) * cutoffs.every_days
            + definition.label_days
        )
    return max(needed)


def usable_cutoffs(checked: CheckedTables, study: Study) -> tuple[date, ...]:
    """The matured cut-offs that training would take, or as many as there are where it would refuse; oldest first."""
    settings, horizon = study.cutoffs, timedelta(days=study.churn.meant.label_days)
    try:
        return plan(checked, study).cutoffs
    except Refusal as refusal:
        if refusal.code == "HF207" or study.churn.definition == "given":
            return ()
        matured = checked.known_until - horizon
        last = min(settings.last or matured, matured)
        first = checked.first_day + timedelta(days=max(settings.min_history_days, 1))
        return cutoff_grid(first, last, settings.every_days)


def auc_half_width(churned: int, stayed: int, auc: float = _LIKELY_AUC) -> float:
    """Half of the 95 % interval of an AUC so high from so many customers, rather too wide; infinite for none.

    Hanley and McNeil 1982, by the exponential distributions that they hold for conservative.
    """
    if not churned or not stayed:
        return math.inf
    both, twice = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (churned - 1) * (both - auc**2) + (stayed - 1) * (twice - auc**2)
    return 1.96 * math.sqrt(variance / (churned * stayed))


def study_findings(
    checked: CheckedTables, study: Study, found: Population | None, gaps: Gaps, today: date
) -> Iterator[Finding]:
    """Every finding for the steps train and score, and those on memory.

    Parameters
    ----------
    found
        The population at `usable_cutoffs`; None where there are none.
    """
    try:
        require_told(checked, study.churn.meant)
    except Refusal as refusal:
        yield replace(refused("churn definition", "train", refusal, 0, 1), table=TOLD_BY[study.churn.definition][0])
        return
    yield from _history(checked, study)
    yield from _given_labels(checked, study)
    if "transactions" in checked.columns or "interactions" in checked.columns:
        yield from _memory(checked, study)
    if found is not None:
        counts = found.counts()
        in_time = study.churn.definition != "given" or plan(checked, study).is_in_time
        yield from _fit_to_train(checked, study, found, in_time)
        yield from _class_shares(study, counts)
        yield from _few(study, counts)
        yield from _steady(counts)
    if study.churn.definition == "silence":
        if found is not None:
            yield from _purchases(found)
            yield from _sleepers(checked, study, found)
        yield from _horizon(study, gaps)
    yield _objecting(checked, found)
    yield _fresh(checked, study, today)


def _history(checked: CheckedTables, study: Study) -> Iterator[Finding]:
    """Too short a history in the words of the refusal that training would give; else how much more would help."""
    days, needed = (checked.known_until - checked.first_day).days, history_needed(study)
    try:
        planned = plan(checked, study)
    except Refusal as refusal:
        yield refused("history", "train", refusal, days, needed)
        return
    cutoffs = planned.cutoffs
    if not planned.is_in_time:
        yield Finding(
            "history", "train", "recommendation", "", "vectors",
            f"Labels are of {len(cutoffs)} day{'s' if len(cutoffs) > 1 else ''}: the model is judged on random fifths of the"
            " customers, not on later days.", "", len(cutoffs), study.cutoffs.judged + 2,
            "Bring vectors of several days, with as_of, where you have them.",
        )  # fmt: skip
        return
    told = f"{days:,} days carry {len(cutoffs)} matured cut-offs, {cutoffs[0]} to {cutoffs[-1]}"
    whole = needed + max(0, study.vectors.memory_days - study.cutoffs.min_history_days)
    if days < whole:
        yield Finding("history", "train", "recommendation", "", "", f"{told}; the earliest see less than the memory.", "",
                      days, whole, "Bring more history, where you have it.")  # fmt: skip
    elif days < TWO_YEARS:
        yield Finding("history", "train", "recommendation", "", "", f"{told}. A season is seen only once: it cannot be told"
                      " from a change.", "", days, TWO_YEARS, "Bring two years or three, where you have them.")  # fmt: skip
    else:
        yield Finding("history", "train", "ok", "", "", f"{told}.", "", days, needed)


def _given_labels(checked: CheckedTables, study: Study) -> Iterator[Finding]:
    """Labels that a shop brings: where all are known nobody is left to foretell; beside events they need a day, long ago."""
    if study.churn.definition != "given":
        return
    beside, dated = [t for t in EVENT_TABLES if t in checked.columns], "as_of_day" in checked.columns["vectors"]
    matured, horizon = checked.known_until - timedelta(days=study.churn.horizon_days), study.churn.horizon_days
    is_early = f"as_of_day > {day_number(matured)}" if dated else "false"
    with connect() as connection:
        [(rows, known, early)] = connection.sql(
            f"select count(*), count(churned), count(churned) filter ({is_early}) from {checked.rows('vectors')}"
        ).fetchall()
    if rows == known and not dated:
        yield Finding(
            "labelled rows", "score", "recommendation", "churned", "vectors",
            f"All {rows:,} rows say who left: their scores look back, and those who have left would get actions too.", "",
            rows - known, 1, "Add customers whose label is empty, for that is not known yet, and act on these.",
        )  # fmt: skip
    if not beside:
        return
    if not dated:
        yield Finding(
            "undated labels", "train", "warning", "churned", "vectors",
            f"Labels have no day, and the events of {', '.join(beside)} are looked at up to {checked.known_until}: whoever"
            " left before is told by having none since.", "HF210", len(beside), 0,
            "Map the midnight that the label looks forward from as `as_of`.",
        )  # fmt: skip
        return
    if early:
        yield Finding(
            "early labels", "train", "warning", "churned", "vectors",
            f"{early:,} labels are of days after {matured}, whose {horizon} days are not over by {checked.known_until}, up to"
            f" which the events of {', '.join(beside)} are complete: who still buys may yet leave.", "", early, 0,
            "Bring later events, lower churn.horizon_days, or leave the label empty where it is not known yet.",
        )  # fmt: skip


def _memory(checked: CheckedTables, study: Study) -> Iterator[Finding]:
    days, memory = (checked.known_until - checked.first_day).days, study.vectors.memory_days
    short = memory > days
    yield Finding(
        "memory", "vectors", "warning" if short else "ok", "", "",
        f"Vectors look {memory} days back; the tables hold {days}."
        + (" Reasons would speak of days that are not there." if short else ""), "", days, memory,
        f"Set vectors.memory_days in study.toml to {max(days, 28)} or less." if short else "",
    )  # fmt: skip


def _fit_to_train(checked: CheckedTables, study: Study, found: Population, in_time: bool) -> Iterator[Finding]:
    """HF301 and HF302, foretold by the functions that refuse, of further horizons too."""
    last = found.counts()[-1]
    churned = last.churned or 0
    try:
        panel = build_panel(
            found.vectors,
            np.empty((found.vectors.num_rows, 0)),
            found.labels,
            found.eligible,
            study.minimums,
            in_time=in_time,
        )
    except Refusal as refusal:
        of_customers = refusal.code == "HF301"
        measured = last.eligible if of_customers else min(churned, last.eligible - churned)
        needed = study.minimums.customers if of_customers else study.minimums.churners
        yield refused("customers" if of_customers else "churners", "train", refusal, measured, needed)
        return
    yield Finding("customers", "train", "ok", "", "", f"{last.eligible:,} customers are eligible at {last.cutoff}.", "",
                  last.eligible, study.minimums.customers)  # fmt: skip
    yield Finding("churners", "train", "ok", "", "", f"{churned:,} of them churned, {last.eligible - churned:,} stayed.", "",
                  min(churned, last.eligible - churned), study.minimums.churners)  # fmt: skip
    yield from _further_horizons(checked, study, panel)


def _further_horizons(checked: CheckedTables, study: Study, panel: Panel) -> Iterator[Finding]:
    """How many churned over each further horizon, up to the first that training would refuse."""
    try:
        planned = plan(checked, study)
    except Refusal:  # too short a history is told of by itself
        return
    minimums, (low, high) = study.minimums, CLASS_SHARES
    for days, of in planned.further.items():
        labels = churn_labels(checked, panel.vectors, study.churn.meant.over(days))
        last = labels[panel.at(of.cutoffs[-1])]
        churned = int(last.churned.sum())
        fewer, share = min(churned, len(last) - churned), churned / max(len(last), 1)
        try:
            over_horizon(panel, labels, of.cutoffs, days, minimums)
        except Refusal as refusal:
            few = (len(last), minimums.customers) if refusal.code == "HF301" else (fewer, minimums.churners)
            yield refused("further horizon", "train", refusal, *few)
            return
        odd = not low <= share <= high
        yield Finding(
            "further horizon", "train", "warning" if odd else "ok", "", "",
            f"Of {len(last):,} customers eligible at {of.cutoffs[-1]}, {churned:,} churned within {days} days ({share:.1%})."
            + (" Where nearly all do the same, there is little to tell apart." if odd else ""), "",
            fewer, minimums.churners, f"Leave {days} out of churn.further_horizons_days in study.toml." if odd else "",
        )  # fmt: skip


def _class_shares(study: Study, counts: tuple[CutoffCount, ...]) -> Iterator[Finding]:
    shares = [count.churn_share for count in counts if count.churn_share is not None]
    if not shares:
        return
    low, high = CLASS_SHARES
    odd = not all(low <= share <= high for share in shares)
    yield Finding(
        "class share", "train", "warning" if odd else "ok", "", "",
        f"Between {min(shares):.1%} and {max(shares):.1%} churn, by cut-off."
        + (" Where nearly all do the same, there is little to tell apart." if odd else ""), "",
        round(min(shares) if min(shares) < low else max(shares), 4), f"{low:.0%} to {high:.0%}",
        _mend_of_shares(study) if odd else "",
    )  # fmt: skip


def _mend_of_shares(study: Study) -> str:
    """The settings that the question of the study has."""
    return {
        "silence": "Change churn.horizon_days or churn.active_within_days in study.toml.",
        "contract": "Change churn.horizon_days or churn.grace_days in study.toml.",
        "event": "Change churn.horizon_days, churn.active_within_days or churn.event_kinds in study.toml.",
        "given": "Look at what the column `churned` means, or bring the rows of other days.",
    }[study.churn.definition]


def _few(study: Study, counts: tuple[CutoffCount, ...]) -> Iterator[Finding]:
    """What a small shop loses, short of being refused."""
    last = counts[-1]
    churned = last.churned or 0
    stayed = last.eligible - churned
    width = auc_half_width(churned, stayed)
    if math.isfinite(width):
        sure = width <= 0.03
        losses = [f"an AUC of {_LIKELY_AUC} would be known to within {width:.3f} either way"]
        if min(churned, stayed) < 10 * study.segments.most:
            losses.append("segments are too small to be judged one by one")
        yield Finding(
            "certainty", "train", "ok" if sure else "recommendation" if width <= 0.06 else "warning", "", "",
            f"With {churned:,} who churned and {stayed:,} who stayed at a cut-off, {'; '.join(losses)}.", "",
            round(width, 4), 0.03, "" if sure else "More customers or more history; until then, act on clear differences only.",
        )  # fmt: skip
    if study.minimums.customers <= last.eligible < SMALL:
        yield Finding(
            "size", "train", "recommendation", "", "",
            f"{last.eligible:,} customers are eligible: it works, with wide intervals.", "", last.eligible, SMALL,
            "Look at intervals before at means.",
        )  # fmt: skip
    horizon = timedelta(days=study.churn.meant.label_days)
    calibrate = [c for c in counts if c.cutoff + horizon <= last.cutoff]
    rows = sum(c.eligible for c in counts if calibrate and c.cutoff + horizon <= calibrate[-1].cutoff)
    leaf = study.fit.min_customers_in_leaf
    if rows and rows < 20 * leaf:
        yield Finding(
            "leaves", "train", "recommendation", "", "",
            f"{rows:,} rows are fitted on; with {leaf} in each leaf the trees see little.", "", rows, 20 * leaf,
            f"Set fit.min_customers_in_leaf in study.toml to {max(5, rows // 20)}.",
        )  # fmt: skip


def _steady(counts: tuple[CutoffCount, ...]) -> Iterator[Finding]:
    """Whether cut-offs are about the same shop."""
    sizes = [count.eligible for count in counts]
    most, least = max(sizes), min(sizes)
    odd = most > 3 * least
    yield Finding(
        "steady population", "train", "warning" if odd else "ok", "", "",
        f"Between {least:,} and {most:,} customers are eligible, by cut-off.", "", round(most / max(least, 1), 2), 3,
        "Leave out times when the shop was another, with cutoffs.min_history_days or an expression in shop.toml." if odd else "",
    )  # fmt: skip


def _purchases(found: Population) -> Iterator[Finding]:
    rows = found.at(found.cutoffs[-1])
    if not rows.any():
        return
    share = float((found.column("purchase_days_182d")[rows] >= 2).mean())
    enough = share >= 0.5
    yield Finding(
        "purchases per customer", "train", "ok" if enough else "warning", "", "transactions",
        f"{share:.0%} of the eligible customers bought on two days or more in the half year before {found.cutoffs[-1]}.",
        "", round(share, 4), 0.5,
        "" if enough else "Of who bought once there is little to learn: bring longer history, or set a longer"
        " churn.active_within_days and churn.horizon_days.",
    )  # fmt: skip


def _sleepers(checked: CheckedTables, study: Study, found: Population) -> Iterator[Finding]:
    """How many who count as churned at an early cut-off bought again later, where there was time to see it."""
    horizon = study.churn.horizon_days
    early = [c for c in found.cutoffs if c + timedelta(days=3 * horizon) <= checked.known_until]
    if not early:
        return
    cutoff = early[0]
    rows = np.flatnonzero(found.at(cutoff) & found.labels.matured)
    rows = rows[found.labels[rows].churned]
    count = len(rows)
    if count < 20:
        return
    customers = [found.vectors.column("customer_id")[int(row)].as_py() for row in rows]
    back = came_back(checked, cutoff, horizon, customers)
    share = back / count
    odd = share > 0.5
    yield Finding(
        "sleepers", "train", "recommendation" if odd else "ok", "", "transactions",
        f"Of {count:,} customers silent for {horizon} days from {cutoff} on, {back:,} bought again by {checked.known_until}"
        f" ({share:.0%})." + (" Churn means such a silence here, seldom a loss for good." if odd else ""),
        "", round(share, 4), 0.5, "A longer churn.horizon_days in study.toml counts fewer sleepers." if odd else "",
    )  # fmt: skip


def _horizon(study: Study, gaps: Gaps) -> Iterator[Finding]:
    """Horizon and active window against how long customers usually wait."""
    if len(gaps.usual) < 20:
        return
    half, most, nearly_all = gaps.within(0.5), gaps.within(0.75), gaps.within(0.9)
    wanted = 7 * math.ceil(max(nearly_all, 1) / 7)
    horizon, active = study.churn.horizon_days, study.churn.active_within_days
    told = (
        f"Half of the customers usually buy again within {half:.0f} days, three quarters within {most:.0f},"
        f" nine of ten within {nearly_all:.0f}"
    )
    short = horizon < most
    yield Finding(
        "horizon", "train", "warning" if horizon < half else "recommendation" if short else "ok", "", "transactions",
        f"{told}; the horizon is {horizon}." + (" Who sleeps as usual would count as lost." if short else ""), "", horizon,
        math.ceil(most), f"Set churn.horizon_days in study.toml to {wanted}." if short else "",
    )  # fmt: skip
    narrow = active < nearly_all
    yield Finding(
        "active window", "train", "recommendation" if narrow else "ok", "", "transactions",
        f"Customers count as active for {active} days after a purchase; nine of ten usually buy again within {nearly_all:.0f}.",
        "", active, math.ceil(nearly_all), f"Set churn.active_within_days in study.toml to {wanted} or more." if narrow else "",
    )  # fmt: skip


def _objecting(checked: CheckedTables, found: Population | None) -> Finding:
    if found is None:
        share = 0.0
    else:
        ids = set(found.vectors.column("customer_id").to_pylist())
        share = len(opted_out(checked) & ids) / max(len(ids), 1)
    many = share > 0.2
    return Finding(
        "opted out", "score", "warning" if many else "ok", "profiling_opt_out", "customers",
        f"{share:.1%} of the customers object to being profiled; they are neither learned from nor scored.", "",
        round(share, 4), 0.2, "Who objects may differ from who is left: do not read the results as the whole shop's." if many else "",
    )  # fmt: skip


def _fresh(checked: CheckedTables, study: Study, today: date) -> Finding:
    age = (today - checked.known_until).days
    most = max(study.churn.horizon_days, 30)
    old = age > most
    return Finding(
        "fresh", "score", "warning" if old else "ok", "", "",
        f"What is known ends on {checked.known_until}, {max(age, 0):,} days before today."
        + (" Scores would be about a day whose labels have long been decided." if old else ""), "", age, most,
        "Load newer events." if old else "",
    )  # fmt: skip
