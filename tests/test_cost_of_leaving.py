"""What leaving costs: measured beside what was expected, by class of churn probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cost_of_leaving import CostOfLeaving
from training.fit_cost_of_leaving import fit_cost_of_leaving

Floats = np.ndarray
CUSTOMERS = 20_000


def shop(kept: float, seed: int = 1) -> tuple[Floats, Floats, Floats, Floats]:
    """Who stays spends 100, who leaves the share `kept` of it; value and probability are told exactly."""
    random = np.random.default_rng(seed)
    chance = random.beta(0.6, 2.0, CUSTOMERS)
    left = (random.random(CUSTOMERS) < chance).astype(float)
    return chance, left, 100 * (1 - chance + chance * kept), 100 * np.where(left == 1, kept, 1.0)


@pytest.mark.parametrize("kept", [0.0, 0.4])
def test_what_leaving_costs_comes_out_alike_for_safe_and_doomed(kept: float) -> None:
    """All would spend 100 if they stayed: leaving costs 100 less what is kept, though values differ five times."""
    chance, left, value, spent = shop(kept)
    cost = fit_cost_of_leaving(chance, left, value, spent).of(value, chance)

    measured = chance < 0.8  # above, few stayed
    assert np.abs(cost[measured] / (100 * (1 - kept)) - 1).max() < 0.1
    assert value[chance > 0.8].mean() < (0.2 + 0.8 * kept) * 100


def test_beyond_the_last_who_were_measured_nothing_is_read() -> None:
    line = CostOfLeaving((0.1, 0.8), (0.5, 4.0))

    assert line.of(np.full(3, 10.0), np.array([0.0, 0.8, 0.999])).tolist() == [5.0, 40.0, 40.0]
    assert line.of(np.array([10.0]), np.array([0.45]))[0] == pytest.approx(
        5 + 35 * (1 / 0.55 - 1 / 0.9) / (1 / 0.2 - 1 / 0.9)
    )


def test_where_nothing_was_measured_who_leaves_spends_nothing() -> None:
    assert [125.0, 200.0] == CostOfLeaving().of(np.full(2, 100.0), np.array([0.2, 0.5])).tolist()
    assert np.isfinite(CostOfLeaving().of(np.array([1.0]), np.array([1.0]))).all()


@pytest.mark.parametrize(("stayers", "leavers"), [(500, 29), (29, 500), (0, 0), (500, 0)])
def test_too_few_who_stayed_or_left_tell_nothing(stayers: int, leavers: int) -> None:
    left = np.repeat([0.0, 1.0], [stayers, leavers])
    ones = np.ones(len(left))

    assert fit_cost_of_leaving(0.5 * ones, left, ones, ones) == CostOfLeaving()


def test_customers_of_whom_nothing_was_expected_tell_nothing() -> None:
    left = np.tile([0.0, 1.0], 100)

    assert fit_cost_of_leaving(left * 0.5, left, np.zeros(200), np.ones(200)) == CostOfLeaving()


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), rows=st.integers(60, 600), noise=st.floats(0, 2))
def test_leaving_never_costs_less_the_likelier_it_is_and_never_less_than_nothing(
    seed: int, rows: int, noise: float
) -> None:
    random = np.random.default_rng(seed)
    chance = random.random(rows)
    left = (random.random(rows) < 0.5).astype(float)
    line = fit_cost_of_leaving(chance, left, random.gamma(1, 10, rows), noise * random.gamma(0.2, 10, rows))

    assert list(line.churn_probability) == sorted(line.churn_probability)
    assert list(line.multiple) == sorted(line.multiple)
    assert all(multiple >= 0 for multiple in line.multiple)
