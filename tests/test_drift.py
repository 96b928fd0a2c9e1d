"""Drift: a shop that stays as it is stays quiet, one that has changed is told, and noise is no drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.drift_reference import DriftReference, Spread, counts
from training.drift import _between, _state, chance_of, holm, leading_shares, psi
from training.fit_drift_reference import _spread
from training.study import MonitorSettings

SHOPS = 200


def test_every_value_is_counted_once_in_the_bin_it_ends_in() -> None:
    """Up to 0, up to 10, above; then the missing one. An edge belongs to the bin below it."""
    values = np.array([-1.0, 0.0, 0.1, 10.0, 11.0, np.nan])

    assert [2, 2, 1, 1] == counts(values, (0.0, 10.0)).tolist()


def test_the_index_by_hand() -> None:
    """Half a customer more in each bin: shares 0.5, 0.5 then and 0.75, 0.25 now."""
    by_hand = 0.25 * np.log(0.75 / 0.5) - 0.25 * np.log(0.25 / 0.5)

    assert by_hand == pytest.approx(psi(np.array([9.5, 9.5]), np.array([14.5, 4.5])))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6), st.lists(st.integers(0, 50), min_size=6, max_size=6))
def test_the_index_is_the_same_both_ways_never_below_nothing_and_nothing_between_equals(
    one: list[int], other: list[int]
) -> None:
    before, now = np.array(one, float), np.array(other[: len(one)], float)

    assert psi(before, now) == pytest.approx(psi(now, before))
    assert psi(before, now) >= 0
    assert psi(before, before) == 0


def test_p_values_after_holm_by_hand() -> None:
    """Four columns: the smallest times 4, the next times 3; none falls below one before it."""
    assert [0.04, 0.06, 0.06, 0.5] == pytest.approx(holm([0.01, 0.03, 0.02, 0.5]))
    assert [] == holm([])


@pytest.mark.parametrize(("customers", "bins"), [(150, 10), (800, 10), (800, 3)])
def test_chance_alone_is_told_as_such_in_shops_of_any_size(customers: int, bins: int) -> None:
    """Of p-values where nothing has changed, about one in a hundred lies below 0.01: not many more, in 2,000 tries."""
    random = np.random.default_rng(1)
    shares = np.full(bins, 1 / bins)
    before, now = (random.multinomial(customers, shares, size=2000).astype(float) for _ in range(2))
    p_values = [chance_of(psi(*pair), bins, customers, customers) for pair in zip(before, now, strict=True)]

    assert 0.002 <= np.mean(np.array(p_values) < 0.01) <= 0.02
    assert 0.4 <= np.mean(p_values) <= 0.6


def test_small_shops_cross_the_usual_thresholds_by_chance_alone() -> None:
    """Why an index alone is no alarm: 150 customers, nothing changed, and it lies above 0.1 in most shops."""
    random = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    indexes = [psi(*random.multinomial(150, shares, size=2).astype(float)) for _ in range(SHOPS)]

    assert np.mean(np.array(indexes) > 0.1) > 0.5


def states(random: np.random.Generator, customers: int, columns: int, moved_by: float) -> list[str]:
    """Of columns whose values are drawn anew, normally spread, their middle moved by so many standard deviations."""
    spreads = [_spread([random.normal(size=customers)], [True], None) for _ in range(columns)]
    found = [_between(spread, random.normal(moved_by, size=customers), customers) for spread in spreads]
    adjusted = holm([p_value for _, p_value in found])
    return [_state(index, 0.0, p, MonitorSettings()) for (index, _), p in zip(found, adjusted, strict=True)]


@pytest.mark.parametrize("customers", [100, 1000])
def test_a_shop_in_which_nothing_has_changed_is_quiet_whatever_its_size(customers: int) -> None:
    """Of 25 shops of 50 columns each, one may have a column that is told (Holm at 0.01)."""
    random = np.random.default_rng(2)
    told = sum(states(random, customers, 50, 0.0).count("ok") < 50 for _ in range(25))

    assert told <= 1


@pytest.mark.parametrize(
    ("customers", "moved_by", "state"), [(1000, 0.4, "watch"), (1000, 0.8, "alarm"), (100, 1.2, "alarm")]
)
def test_a_shop_that_has_changed_is_told(customers: int, moved_by: float, state: str) -> None:
    found = states(np.random.default_rng(2), customers, 50, moved_by)

    assert found.count(state) >= 45


def test_what_is_usual_is_the_largest_distance_of_a_cutoff_from_those_before_it() -> None:
    calm, moved = np.arange(100.0), np.arange(100.0) + 50
    spread = _spread([calm, calm, moved], [False, True, True], None)

    assert spread.usual_psi == pytest.approx(
        psi(2.0 * counts(calm, spread.edges), counts(moved, spread.edges).astype(float)), abs=1e-3
    )
    assert 0 == _spread([calm, calm], [True, True], None).usual_psi


def test_a_level_is_a_bin_of_its_own_and_one_never_seen_is_missing() -> None:
    spread = _spread([np.array([0.0, 0.0, 1.0, 2.0])], [True], ["a", "b", "c"])

    assert (0.5, 0.25, 0.25, 0.0) == spread.shares
    assert spread.mean is None


def test_a_column_of_one_value_or_of_none_has_a_spread() -> None:
    assert 1.0 == sum(_spread([np.zeros(5)], [True], None).shares)
    assert 1.0 == _spread([np.full(5, np.nan)], [True], None).missing


def test_a_driver_leads_where_it_is_among_the_three_strongest_towards_leaving() -> None:
    """A push of nothing, or away from leaving, leads nobody."""
    pushes = {"a": np.array([4.0, -1]), "b": np.array([3.0, 0]), "c": np.array([2.0, 1]), "d": np.array([1.0, 2])}

    assert {"a": 0.5, "b": 0.5, "c": 1.0, "d": 0.5} == leading_shares(pushes)


def test_a_reference_comes_back_as_it_was_written() -> None:
    spread = Spread((1.0,), (0.5, 0.4, 0.1), 0.7, 0.02)
    reference = DriftReference((), 10, {"x": spread}, {}, spread, {"auc": 0.8})

    assert reference == DriftReference.from_dict(reference.as_dict())
