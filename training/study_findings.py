"""Findings on a study: whether history, customers and churners carry what is to be learned, and today's scores."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from features.checked import CheckedTables
from features.consent import opted_out
from features.refusal import Refusal
from training.auc_variance import auc_variance
from training.definition_findings import CLASS_SHARES, definition_findings
from training.finding import Finding, refused
from training.gaps import Gaps
from training.labels import TOLD_BY, churn_labels, require_told
from training.panel import Panel, build_panel, cutoff_grid, cutoffs_needed, over_horizon
from training.plan import Plan, plan, require_both_kinds
from training.population import CutoffCount, Population
from training.study import Study

TWO_YEARS = 730
SMALL = 1_000
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
    settings = study.cutoffs
    try:
        return plan(checked, study).cutoffs
    except Refusal as refusal:
        if refusal.code == "HF207" or study.churn.definition == "given":
            return ()
        matured = checked.known_until - timedelta(days=study.churn.meant.label_days)
        last = min(settings.last or matured, matured)
        first = checked.first_day + timedelta(days=settings.min_history_days)
        return cutoff_grid(first, last, settings.every_days)


def auc_half_width(churned: int, stayed: int, auc: float = _LIKELY_AUC) -> float:
    """Half of the 95 % interval of an AUC so high from so many customers, rather too wide; infinite for none."""
    return 1.96 * math.sqrt(auc_variance(auc, churned, stayed)) if churned and stayed else math.inf


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
    planned = yield from _history(checked, study)
    if "transactions" in checked.columns or "interactions" in checked.columns:
        yield from _memory(checked, study)
    if found is not None:
        counts = found.counts()
        yield from _fit_to_train(checked, study, found, planned)
        yield from _few(study, counts)
        yield from _steady(counts)
    yield from definition_findings(checked, study, found, gaps)
    yield _objecting(checked, found)
    yield _fresh(checked, study, today)


def _history(checked: CheckedTables, study: Study) -> Generator[Finding, None, Plan | None]:
    """Too short a history in the words of the refusal that training would give; else how much more would help.

    Returns
    -------
    Plan or None
        What training would take; None where it would refuse.
    """
    days, needed = (checked.known_until - checked.first_day).days, history_needed(study)
    try:
        planned = plan(checked, study)
    except Refusal as refusal:
        yield refused("history", "train", refusal, days, needed)
        return None
    cutoffs = planned.cutoffs
    if not planned.is_in_time:
        yield Finding(
            "history", "train", "recommendation", "", "vectors",
            f"Labels are of {len(cutoffs)} day{'s' if len(cutoffs) > 1 else ''}: the model is judged on random fifths of the"
            " customers, not on later days.", "", len(cutoffs), study.cutoffs.judged + 2,
            "Bring vectors of several days, with as_of, where you have them.",
        )  # fmt: skip
        return planned
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
    return planned


def _memory(checked: CheckedTables, study: Study) -> Iterator[Finding]:
    days, memory = (checked.known_until - checked.first_day).days, study.vectors.memory_days
    short = memory > days
    yield Finding(
        "memory", "vectors", "warning" if short else "ok", "", "",
        f"Vectors look {memory} days back; the tables hold {days}."
        + (" Reasons would speak of days that are not there." if short else ""), "", days, memory,
        f"Set vectors.memory_days in study.toml to {max(days, 28)} or less." if short else "",
    )  # fmt: skip


def _fit_to_train(checked: CheckedTables, study: Study, found: Population, planned: Plan | None) -> Iterator[Finding]:
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
            in_time=planned is None or planned.is_in_time,
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
    if planned is not None:  # too short a history is told of by itself
        yield from _both_kinds(checked, study, planned, panel)


def _both_kinds(checked: CheckedTables, study: Study, planned: Plan, panel: Panel) -> Iterator[Finding]:
    """How many churned over each further horizon, and days without one or the other kind, up to what training refuses.

    Who is in a fold depends on columns that are not looked at here: of tables without days only the whole is told of.
    """
    further: dict[int, Panel] = {}
    minimums, (low, high) = study.minimums, CLASS_SHARES
    for days, of in planned.further.items():
        labels = churn_labels(checked, panel.vectors, study.churn.meant.over(days))
        last = labels[panel.at(of.cutoffs[-1])]
        churned = int(last.churned.sum())
        fewer, share = min(churned, len(last) - churned), churned / max(len(last), 1)
        try:
            further[days] = over_horizon(panel, labels, of.cutoffs, days, minimums)
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
    if planned.is_in_time:
        try:
            require_both_kinds(planned, panel, further)
        except Refusal as refusal:
            yield refused("both kinds", "train", refusal, 0, 1)


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
