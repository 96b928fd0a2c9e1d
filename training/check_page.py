"""The preflight as a page: one HTML file that needs nothing else, for those who decide whether to go on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.store import written_whole
from training.finding import STATES, STEPS
from training.preflight import Preflight

WIDTH, HEIGHT = 640.0, 150.0
_PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True)
class Bar:
    """An upright bar in units of the picture's box; `part` is how much of its height is filled in another colour."""

    x: float
    y: float
    width: float
    height: float
    part: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A line across or down the picture, or a word under it."""

    at: float
    label: str


@dataclass(frozen=True)
class Picture:
    """Bars with words under them, marks across (a height) and down (a place)."""

    title: str
    said: str
    bars: tuple[Bar, ...]
    words: tuple[Mark, ...]
    across: tuple[Mark, ...] = ()
    down: tuple[Mark, ...] = ()
    width: float = WIDTH
    height: float = HEIGHT


def write_check_page(path: Path, found: Preflight) -> None:
    """Write the page; what was there goes on until the new one is whole."""
    groups = {state: [f for f in found.findings if f.state == state] for state in STATES}
    report_page(path, "check.html", found=found, groups=groups, steps=STEPS, pictures=pictures(found))


def report_page(path: Path, template: str, **content: object) -> None:
    """Render a template of training/pages with this content into one HTML file, whole or not at all."""
    pages = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = pages.get_template(template).render(**content)
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def pictures(found: Preflight) -> tuple[Picture, ...]:
    """Events by week and table, eligible customers by cut-off, customers by their usual gap; those there are."""
    drawn = [_weeks(found, table) for table in found.weeks]
    if found.cutoffs:
        drawn.append(_cutoffs(found))
    if len(found.gaps.usual):
        drawn.append(_gaps(found))
    return tuple(drawn)


def _bars(
    counts: Sequence[float], labels: Sequence[str], parts: Sequence[float] | None = None, ceiling: float = 0.0
) -> tuple[Bar, ...]:
    top = max([*counts, ceiling]) or 1.0
    step = WIDTH / max(len(counts), 1)
    gap = min(2.0, step / 4)
    bars = []
    for k, (count, label) in enumerate(zip(counts, labels, strict=True)):
        tall = count / top * HEIGHT
        part = tall * (parts[k] if parts else 0.0)
        at, under = round(k * step + gap / 2, 2), round(HEIGHT - tall, 2)
        bars.append(Bar(at, under, round(step - gap, 2), round(tall, 2), round(part, 2), label))
    return tuple(bars)


def _words(labels: Sequence[str], most: int) -> tuple[Mark, ...]:
    """Some of the labels, evenly drawn, each at the middle of its bar."""
    every = math.ceil(len(labels) / most)
    return tuple(
        Mark(round((k + 0.5) * WIDTH / len(labels), 2), label) for k, label in enumerate(labels) if k % every == 0
    )


def _weeks(found: Preflight, table: str) -> Picture:
    counts = found.weeks[table]
    starts = [found.week_start(table, week) for week in range(len(counts))]
    words = _words([f"{start:%b %Y}" for start in starts], 6)
    labels = [f"week from {start}: {count:,}" for start, count in zip(starts, counts, strict=True)]
    usual = sorted(counts)[len(counts) // 2] if counts else 0
    return Picture(f"{table.capitalize()} by week", f"{len(counts)} weeks, {usual:,} rows in the middle one of them.",
                   _bars(counts, labels), words)  # fmt: skip


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
        _bars(sizes, labels, shares, top),
        _words([f"{count.cutoff:%d %b %y}" for count in found.cutoffs], 7),
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
        _bars(counts, labels), _words(names, 14), down=(Mark(round(place, 2), f"horizon: {horizon} days"),),
    )  # fmt: skip
