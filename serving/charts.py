"""Charts: where the marks of a picture lie. Templates draw them as SVG (pages/parts.html); nothing is drawn by scripts.

All lengths are units of the picture's own box, which scales with the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROOM = 0.14  # of the width, for a day's name


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram or of a row."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str


@dataclass(frozen=True)
class Tick:
    """A mark of an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Dot:
    """A point, its size and what it is."""

    x: float
    y: float
    size: float
    kind: str
    label: str


@dataclass(frozen=True)
class Histogram:
    """Upright bars."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    width: float
    height: float


@dataclass(frozen=True)
class Lines:
    """Points over time, joined per kind, with a grid behind them."""

    dots: tuple[Dot, ...]
    paths: tuple[tuple[str, str], ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    width: float
    height: float


def histogram(
    counts: Sequence[int], kinds: Sequence[str], labels: Sequence[str], ticks: Sequence[Tick],
    width: float = 400, height: float = 190,
) -> Histogram:  # fmt: skip
    """Bars of these counts; heights by square root, so that the few at high risk are seen beside the many at low."""
    most = max(counts, default=0) or 1
    step = width / max(len(counts), 1)
    bars = []
    for i, (count, kind, label) in enumerate(zip(counts, kinds, labels, strict=True)):
        tall = max(math.sqrt(count / most) * height, 2.0) if count else 0.0
        bars.append(Bar(i * step + 1, height - tall, step - 2, tall, kind, label))
    return Histogram(tuple(bars), tuple(Tick(tick.at * width, tick.label) for tick in ticks), width, height)


def lines(
    series: Sequence[tuple[str, Sequence[tuple[float, float, str]]]], across: Sequence[Tick], top: float,
    up: Sequence[Tick], width: float = 380, height: float = 150,
) -> Lines:  # fmt: skip
    """Series of (position in [0, 1], value, label) under a ceiling of `top`; ticks up are values, across positions.

    Of the ticks across those are kept that have room before the next one, the last of them always.
    """
    ceiling = top or 1.0

    def place(at: float, value: float) -> tuple[float, float]:
        return round(at * width, 1), round(height - value / ceiling * height, 1)

    dots, paths = [], []
    for kind, points in series:
        places = [place(at, value) for at, value, _ in points]
        if len(places) > 1:
            paths.append((kind, "M" + "L".join(f"{x} {y}" for x, y in places)))
        dots += [Dot(x, y, 4, kind, label) for (x, y), (_, _, label) in zip(places, points, strict=True)]
    return Lines(
        tuple(dots), tuple(paths),
        tuple(Tick(tick.at * width, tick.label) for tick in _with_room(across)),
        tuple(Tick(height - tick.at / ceiling * height, tick.label) for tick in up), width, height,
    )  # fmt: skip


def _with_room(ticks: Sequence[Tick]) -> list[Tick]:
    kept: list[Tick] = []
    for tick in reversed(ticks):
        if not kept or kept[0].at - tick.at >= _ROOM:
            kept.insert(0, tick)
    return kept


def ceiling(most: float) -> float:
    """A round number not below `most`, for the top of a share's axis, which ends at 1."""
    return next((top for top in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if most <= top), 1.0)


@dataclass(frozen=True)
class Strip:
    """A customer's year as a line of days: dots for purchases, marks for what else happened."""

    dots: tuple[Dot, ...]
    months: tuple[Tick, ...]
    width: float
    height: float

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its dots, for a key to them."""
        return frozenset(dot.kind for dot in self.dots)


def strip(
    purchases: Sequence[tuple[float, float, str]], marks: Sequence[tuple[float, str, str]], months: Sequence[Tick],
    width: float = 900,
) -> Strip:  # fmt: skip
    """Purchases as (position in [0, 1], amount, label), larger for more, and marks as (position, kind, label).

    A mark's kind is `complaint`, `contact` or `offer`.
    """
    most = max((amount for _, amount, _ in purchases), default=0.0) or 1.0
    dots = [
        Dot(round(at * width, 1), 46, round(3 + 9 * math.sqrt(max(amount, 0.0) / most), 1), "purchase", label)
        for at, amount, label in purchases
    ]
    rows = {"complaint": 12, "contact": 26, "offer": 78}
    dots += [Dot(round(at * width, 1), rows[kind], 5, kind, label) for at, kind, label in marks]
    return Strip(tuple(dots), tuple(Tick(tick.at * width, tick.label) for tick in months), width, 112)
