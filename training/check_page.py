"""The preflight as a page: one HTML file that needs nothing else, for those who decide whether to go on."""

from __future__ import annotations

from pathlib import Path

from training.finding import STATES, STEPS
from training.paper import write_page
from training.picture import HEIGHT, WIDTH, Mark, Picture, bars_of, words_of
from training.preflight import Preflight


def write_check_page(path: Path, found: Preflight) -> None:
    """Write the page; what was there goes on until the new one is whole."""
    groups = {state: [f for f in found.findings if f.state == state] for state in STATES}
    write_page(path, "check.html", found=found, groups=groups, steps=STEPS, pictures=pictures(found))


def pictures(found: Preflight) -> tuple[Picture, ...]:
    """Events by week and table, eligible customers by cut-off, customers by their usual gap; those there are."""
    drawn = [_weeks(found, table) for table in found.weeks]
    if found.cutoffs:
        drawn.append(_cutoffs(found))
    if len(found.gaps.usual):
        drawn.append(_gaps(found))
    return tuple(drawn)


def _weeks(found: Preflight, table: str) -> Picture:
    counts = found.weeks[table]
    starts = [found.week_start(table, week) for week in range(len(counts))]
    words = words_of([f"{start:%b %Y}" for start in starts], 6)
    labels = [f"week from {start}: {count:,}" for start, count in zip(starts, counts, strict=True)]
    usual = sorted(counts)[len(counts) // 2] if counts else 0
    return Picture(f"{table.capitalize()} by week", f"{len(counts)} weeks, {usual:,} rows in the middle one of them.",
                   bars_of(counts, labels), words)  # fmt: skip


def _cutoffs(found: Preflight) -> Picture:
    sizes = [count.eligible for count in found.cutoffs]
    shares = [count.churn_share or 0.0 for count in found.cutoffs]
    least = found.study.minimums.customers
    labels = [
        f"{count.cutoff}: {count.eligible:,} eligible, {share:.1%} churned"
        for count, share in zip(found.cutoffs, shares, strict=True)
    ]
    top = max([*sizes, least]) or 1
    lowest, highest = min(shares), max(shares)
    return Picture(
        "Eligible customers and churn at each cut-off",
        f"{len(sizes)} cut-offs; at the last of them {sizes[-1]:,} customers are eligible. Between {lowest:.1%} and"
        f" {highest:.1%} churn within {found.study.churn.horizon_days} days (the darker part).",
        bars_of(sizes, labels, shares, top),
        words_of([f"{count.cutoff:%d %b %y}" for count in found.cutoffs], 7),
        across=(Mark(round(HEIGHT - least / top * HEIGHT, 2), f"needed: {least:,}"),),
    )  # fmt: skip


def _gaps(found: Preflight) -> Picture:
    counts = found.gaps.by_week
    horizon = found.study.churn.horizon_days
    labels = [f"{k} to {k + 1} weeks: {count:,} customers" for k, count in enumerate(counts[:-1])]
    labels.append(f"{len(counts) - 1} weeks and more: {counts[-1]:,} customers")
    names = [*(str(k) for k in range(len(counts) - 1)), f"{len(counts) - 1}+"]
    place = min(horizon / 7, len(counts)) * WIDTH / len(counts)
    return Picture(
        "How long customers usually wait between purchases, in weeks",
        f"Half usually buy again within {found.gaps.within(0.5):.0f} days, nine of ten within {found.gaps.within(0.9):.0f}."
        f" Who waits longer than the horizon of {horizon} days counts as churned meanwhile.",
        bars_of(counts, labels), words_of(names, 14), down=(Mark(round(place, 2), f"horizon: {horizon} days"),),
    )  # fmt: skip
