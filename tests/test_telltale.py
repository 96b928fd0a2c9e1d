"""The statistics behind a telltale column: chance raises no alarm, however many columns and however small the shop."""

from __future__ import annotations

import numpy as np
import pytest

from training.telltale import CHANCE, alone, auc_alone, auc_limits, grows_with_the_future, telltale

COLUMNS = 20


def drawn(random: np.random.Generator, kind: int, size: int) -> np.ndarray:
    """A column without any knowledge: numbers, few and many levels, with and without gaps."""
    levels = np.array([f"l{k}" for k in random.integers(0, int(random.choice([2, 5, 30, size])), size)], object)
    numbers = random.normal(size=size)
    absent = random.random(size) < random.random()
    match kind:
        case 0:
            return numbers
        case 1:
            return random.integers(0, 3, size).astype(float)
        case 2:
            return levels
        case 3:
            return np.where(absent, np.nan, numbers)
        case _:
            return np.where(absent, None, levels)


@pytest.mark.parametrize("size", [25, 60, 200, 800])
def test_no_column_drawn_at_random_raises_an_alarm(size: int) -> None:
    alarms = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        left = random.random(size) < random.choice([0.05, 0.15, 0.3, 0.5, 0.8])
        alarms += [telltale(drawn(random, k % 5, size), left, COLUMNS, "left") for k in range(COLUMNS)]

    assert len(alarms) == 40 * COLUMNS
    assert set(alarms) == {None}


def test_no_honest_signal_raises_an_alarm() -> None:
    """Columns as telling as a good model: their AUC alone is 0.8, and no more."""
    for seed in range(200):
        random = np.random.default_rng(seed)
        left = random.random(150) < 0.2
        assert telltale(random.normal(1.19 * left), left, COLUMNS, "left") is None


@pytest.mark.parametrize("size", [60, 300, 3000])
def test_what_was_computed_from_the_answer_does(size: int) -> None:
    random = np.random.default_rng(1)
    left = np.arange(size) % 4 == 0

    assert telltale(random.normal(4 * left), left, COLUMNS, "left") is not None
    found = telltale(np.where(left, "closed", None), left, COLUMNS, "left")
    assert found is not None
    assert found.how == "repeats"


def test_an_alarm_needs_enough_customers() -> None:
    left = np.arange(24) % 3 == 0

    assert telltale(left.astype(float), left, COLUMNS, "left") is None, "8 who left are too few"


def test_the_auc_alone_of_a_column_by_hand() -> None:
    """Of 40 customers the 20 with the highest values left; a hump in the middle is seen as well as a slope."""
    values = np.arange(400.0)

    assert auc_alone(values, values >= 200) == 1
    assert auc_alone(-values, values >= 200) == 1
    assert auc_alone(values, abs(values - 200) < 50) > 0.95
    assert auc_alone(np.ones(400), values >= 200) == pytest.approx(0.5, abs=0.06)


def test_limits_widen_with_the_columns_looked_at() -> None:
    left = np.arange(300) % 5 == 0
    few, many = auc_limits(0.92, left, 1), auc_limits(0.92, left, 500)

    assert 0.8 < many[0] < few[0] < 0.92
    assert few[1] == many[1] < CHANCE
    assert alone(np.random.default_rng(2).normal(2.2 * left), left, 1, "left", most=0.99) is None


def test_a_total_of_today_is_told_from_what_was_said_beforehand() -> None:
    """Purchases by a rate of one's own: the total to the end, the total then, the rate itself, and the tenure."""
    random = np.random.default_rng(4)
    rate = random.lognormal(0, 1, 400)
    before, after = random.poisson(13 * rate).astype(float), random.poisson(30 * rate * (random.random(400) > 0.3))
    ever = before + after

    assert grows_with_the_future(ever, before, ever, "purchases") is not None
    assert grows_with_the_future(-3 * ever + 1, before, ever, "purchases") is not None
    assert grows_with_the_future(before, before, ever, "purchases") is None
    assert grows_with_the_future(rate, before, ever, "purchases") is None
    assert grows_with_the_future(random.normal(size=400), before, ever, "purchases") is None
    assert grows_with_the_future(ever, ever, ever, "purchases") is None, "nothing came after"
