"""The model card's pictures as points in units of their box, drawn by pages/card.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.picture import Mark
from training.spoken import SPOKEN

WIDTH, HEIGHT = 320.0, 220.0


@dataclass(frozen=True)
class Line:
    """A line through points, as SVG writes them; `style` is ours, other or even."""

    label: str
    points: str
    style: str


@dataclass(frozen=True)
class Dot:
    """What was seen at a place, and its interval from `low` to `high`."""

    x: float
    y: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Lines and dots over two axes from 0."""

    title: str
    said: str
    x_label: str
    y_label: str
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    width: float = WIDTH
    height: float = HEIGHT


def gains(curves: Mapping[str, Sequence[Sequence[float]]]) -> Chart:
    """The share of churners among the riskiest customers, for each model."""
    found = dict(curves["holdfast"])
    return Chart(
        "Gains", f"The riskiest 10 % of customers hold {found[0.1]:.0%} of those who leave, the riskiest 30 % {found[0.3]:.0%}.",
        "share of customers, riskiest first", "share of those who leave", _ticks(1, 4, WIDTH, "{:.0%}"), _up(1, 4, "{:.0%}"),
        (Line("chance", _points([(0, 0), (1, 1)], 1, 1), "even"),
         *(Line(_called(name), _points([(0, 0), *points], 1, 1), _style(name)) for name, points in reversed(curves.items()))),
    )  # fmt: skip


def lift(curves: Mapping[str, Sequence[Sequence[float]]]) -> Chart:
    """How many times as many leave among the riskiest as among all, for each model."""
    of = {name: [(share, gain / share) for share, gain in points] for name, points in curves.items()}
    top = max(1.0, *(high for points in of.values() for _, high in points)) * 1.05
    steps = max(1, int(top))
    return Chart(
        "Lift", f"Among the riskiest 10 %, {dict(of['holdfast'])[0.1]:.1f} times as many leave as among all.",
        "share of customers, riskiest first", "times the churn of all", _ticks(1, 4, WIDTH, "{:.0%}"),
        tuple(Mark(_y(k, top), f"{k}") for k in range(steps + 1)),
        (Line("chance", _points([(0, 1), (1, 1)], 1, top), "even"),
         *(Line(_called(name), _points(points, 1, top), _style(name)) for name, points in reversed(of.items()))),
    )  # fmt: skip


def reliability(points: Sequence[Mapping[str, Any]], noise: float, error: float) -> Chart:
    """What was said and what was seen, by tenths of the customers."""
    top = min(1.0, max(*(p["high"] for p in points), *(p["said"] for p in points)) * 1.05)
    steps = 4
    less = "no more" if error <= noise else "more"
    return Chart(
        "Reliability", f"Each dot is a tenth of the customers, with its 95 % interval. On average said and seen are {error:.1%}"
        f" apart; chance alone gives up to {noise:.1%}, so this is {less} than chance.",
        "churn probability said", "churn seen", _ticks(top, steps, WIDTH, "{:.0%}"), _up(top, steps, "{:.0%}"),
        (Line("said is seen", _points([(0, 0), (top, top)], top, top), "even"),),
        tuple(
            Dot(_x(p["said"], top), _y(p["seen"], top), _y(p["low"], top), _y(p["high"], top),
                f"{p['customers']:,} customers: said {p['said']:.1%}, seen {p['seen']:.1%} ({p['low']:.1%} to {p['high']:.1%})")
            for p in points
        ),
    )  # fmt: skip


def _called(name: str) -> str:
    return SPOKEN.get(name, name)


def _style(name: str) -> str:
    return "ours" if name == "holdfast" else "other"


def _x(value: float, top: float) -> float:
    return round(value / top * WIDTH, 2)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - value / top * HEIGHT, 2)


def _points(places: Sequence[Sequence[float]], right: float, top: float) -> str:
    return " ".join(f"{_x(x, right)},{_y(y, top)}" for x, y in places)


def _ticks(top: float, steps: int, size: float, form: str) -> tuple[Mark, ...]:
    return tuple(Mark(round(k / steps * size, 2), form.format(top * k / steps)) for k in range(steps + 1))


def _up(top: float, steps: int, form: str) -> tuple[Mark, ...]:
    return tuple(Mark(HEIGHT - tick.at, tick.label) for tick in _ticks(top, steps, HEIGHT, form))
