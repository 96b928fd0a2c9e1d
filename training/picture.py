"""Pictures of bars for a page, in the units of their box; pages/picture.html draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640.0, 150.0


@dataclass(frozen=True)
class Bar:
    """An upright bar in units of the picture's box; `part` is how much of its height is filled in another colour.

    `low` and `high` are the heights between which an interval is drawn over it, if there is one.
    """

    x: float
    y: float
    width: float
    height: float
    part: float
    label: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Mark:
    """A line across or down a picture, or a word at its edge."""

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


def bars_of(
    counts: Sequence[float],
    labels: Sequence[str],
    parts: Sequence[float] | None = None,
    ceiling: float = 0.0,
    intervals: Sequence[tuple[float, float] | None] = (),
) -> tuple[Bar, ...]:
    """A bar for each count, the highest (or one of `ceiling`) as tall as the picture; `parts` are shares of the bar."""
    top = max([*counts, ceiling, *(high for _, high in filter(None, intervals))]) or 1.0
    step = WIDTH / max(len(counts), 1)
    gap = min(2.0, step / 4)
    bars, spans = [], [*intervals, *[None] * (len(counts) - len(intervals))]
    for k, (count, label) in enumerate(zip(counts, labels, strict=True)):
        tall = count / top * HEIGHT
        part = tall * (parts[k] if parts else 0.0)
        at, under = round(k * step + gap / 2, 2), round(HEIGHT - tall, 2)
        low, high = (round(HEIGHT - end / top * HEIGHT, 2) for end in spans[k]) if spans[k] else (None, None)
        bars.append(Bar(at, under, round(step - gap, 2), round(tall, 2), round(part, 2), label, low, high))
    return tuple(bars)


def words_of(labels: Sequence[str], most: int) -> tuple[Mark, ...]:
    """Some of the labels, evenly drawn, each at the middle of its bar."""
    every = math.ceil(len(labels) / most)
    return tuple(
        Mark(round((k + 0.5) * WIDTH / len(labels), 2), label) for k, label in enumerate(labels) if k % every == 0
    )
