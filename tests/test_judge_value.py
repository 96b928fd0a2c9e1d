"""The judge of value: measures by hand, intervals that hold what they say, and a rule that keeps the simplest."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from by_hand import TODAY, TinyShop, purchases

from features.catalog import Catalog
from features.check import check_tables
from features.snapshot import day_number
from features.store import Store
from models.habits import ValueColumn
from models.spend import UsualSpend
from training.judge_value import fit_spread, judge_value
from training.labels import Labels
from training.panel import cutoff_grid
from training.spending import Spending, Window, known_customers, longest_window, spending
from training.study import Study
from training.value_measures import VALUE_MEASURES

FIRST = date(2024, 1, 1)
ONES = np.ones((1, 4))


def measured(spent: list[float], expected: list[float]) -> dict[str, float]:
    weights = np.ones((1, len(spent)))
    return {name: float(of(np.array(spent), np.array(expected), weights)[0]) for name, of in VALUE_MEASURES.items()}


def test_measures_by_hand() -> None:
    found = measured([0.0, 0.0, 10.0, 30.0], [2.0, 2.0, 8.0, 20.0])

    assert found["rmse"] == pytest.approx(np.sqrt((4 + 4 + 4 + 100) / 4))
    assert found["mae"] == pytest.approx(4.0)
    assert found["total_ratio"] == pytest.approx(0.8)
    assert found["gini"] == pytest.approx(1.0)
    assert found["correlation"] == pytest.approx(1.0)


def test_a_ranking_upside_down_has_the_gini_of_minus_one() -> None:
    assert measured([0.0, 0.0, 10.0, 30.0], [4.0, 3.0, 2.0, 1.0])["gini"] == pytest.approx(-1.0)


def test_the_deviance_is_least_for_the_mean_and_none_where_nothing_is_off() -> None:
    spent = [0.0, 0.0, 10.0, 30.0]
    at = {level: measured(spent, [level] * 4)["deviance"] for level in (5.0, 9.0, 10.0, 11.0, 20.0)}

    assert min(at, key=lambda level: at[level]) == 10.0
    assert measured([5.0, 7.0], [5.0, 7.0])["deviance"] == pytest.approx(0.0)


def test_drawing_a_customer_twice_is_having_them_twice() -> None:
    spent, expected = np.array([0.0, 4.0, 10.0, 30.0]), np.array([2.0, 3.0, 8.0, 20.0])
    weights = np.array([[1.0, 2.0, 0.0, 1.0]])
    drawn = np.array([0, 1, 1, 3])
    for name, measure in VALUE_MEASURES.items():
        if name != "deviance":  # its floor is of the mean of all
            assert measure(spent, expected, weights) == pytest.approx(measure(spent[drawn], expected[drawn], ONES)), (
                name
            )


def test_the_interval_holds_four_in_five_of_customers_like_those_it_was_fitted_on() -> None:
    random = np.random.default_rng(3)
    expected = random.gamma(1, 100, 4000)
    spent = expected * random.gamma(2, 0.5, 4000)
    low, high = fit_spread(spent[:2000], expected[:2000], 3).around(expected[2000:], 3)

    assert np.mean((spent[2000:] >= low) & (spent[2000:] <= high)) == pytest.approx(0.8, abs=0.03)


def test_where_more_than_a_tenth_spend_nothing_the_interval_begins_at_0() -> None:
    random = np.random.default_rng(3)
    expected = np.full(500, 50.0)
    spent = np.where(random.random(500) < 0.3, 0.0, 70.0)
    low, high = fit_spread(spent, expected, 1).around(np.array([50.0]), 1)

    assert (0.0, 70.0) == (low[0], pytest.approx(high[0]))


def test_the_window_is_the_longest_that_can_be_fitted_calibrated_and_judged() -> None:
    """A year of cut-offs from the 91st day on: 252 days make three windows of 84, and none of 112."""
    known = FIRST + timedelta(days=364)
    cutoffs = cutoff_grid(FIRST + timedelta(days=91), known - timedelta(days=28), 28)
    window = longest_window(cutoffs, known, 28, 365, 3)

    assert window is not None
    assert (84, 3, 1) == (window.days, window.periods, len(window.splits))
    for split in window.splits:
        ends = [c + timedelta(days=84) for c in (*split.fit, split.calibrate, split.judge) if isinstance(c, date)]
        assert max(ends[:-2]) <= split.calibrate
        assert ends[-2] <= split.judge
        assert ends[-1] <= known
    assert longest_window(cutoffs[:1], known, 28, 365, 3) is None


def shop(seed: int = 3) -> tuple[Spending, Window]:
    """600 customers at 10 cut-offs, who spend by chance around half of what is usual."""
    random = np.random.default_rng(seed)
    cutoffs = cutoff_grid(FIRST, FIRST + timedelta(days=9 * 28), 28)
    cutoff = np.repeat([day_number(c) for c in cutoffs], 600).astype(np.int32)
    usual = np.tile(random.gamma(2, 30, 600), 10)
    spent = 0.5 * usual * random.gamma(2, 0.5, 6000)
    ids = np.tile(np.array([str(k) for k in range(600)], object), 10)
    nothing = np.full(6000, np.nan)
    window = longest_window(cutoffs, FIRST + timedelta(days=10 * 28), 28, 28, 2)
    assert window is not None
    everyone, left = np.ones(6000, bool), np.zeros(6000)
    return Spending(Catalog(()), np.zeros((6000, 0)), cutoff, ids, everyone, left, usual, spent, nothing, left), window


def keeps(*levels: float) -> str:
    """Which of candidates that multiply the usual spend is kept."""
    spending, window = shop()
    candidates = {
        name: (lambda *_, level=level: UsualSpend(28, level))
        for name, level in zip(("usual_spend", "purchase_process", "boosted_spend"), levels, strict=False)
    }
    return judge_value(spending, window, candidates, Study()).chosen


def test_the_simplest_is_kept_unless_another_is_reliably_closer() -> None:
    assert keeps(0.5, 0.5, 0.5001) == "usual_spend"
    assert keeps(0.5, 0.7) == "usual_spend"
    assert keeps(0.9, 0.5) == "purchase_process"
    assert keeps(0.9, 0.7, 0.5) == "boosted_spend"


def test_a_candidate_that_cannot_be_fitted_is_left_out() -> None:
    spending, window = shop()
    candidates = {"usual_spend": lambda *_: UsualSpend(28, 0.5), "boosted_spend": lambda *_: None}
    found = judge_value(spending, window, candidates, Study())

    assert ["usual_spend"] == list(found.models)
    assert "nothing else could be fitted" in found.because
    assert found.coverage["within"] == pytest.approx(0.8, abs=0.05)


def test_rows_without_a_probability_take_the_churn_rate_and_the_ineligible_alone_count_as_gone(
    tiny_shop: TinyShop, store: Store
) -> None:
    """Of five one is ineligible, and of another the shop has not said yet whether they left."""
    checked = check_tables(tiny_shop(purchases()), store, TODAY)
    table = pa.table({"cutoff": pa.array([day_number(FIRST)] * 5, pa.int32()), "customer_id": list("abcde")})
    eligible, matured = np.array([True, True, False, True, True]), np.array([True, True, True, True, False])
    labels = Labels.of(np.array([False, True, True, False, True]), np.zeros(5), matured)
    known = known_customers(checked, table, np.zeros((5, 0)), labels, eligible, 7)
    found = spending(checked, known, Catalog(()), ValueColumn(""), 28, {FIRST: ("a", np.array([0.2]))})

    assert known.left == pytest.approx([0, 1, np.nan, 0, np.nan], nan_ok=True)
    assert found.rows(np.arange(5)).churn_probability == pytest.approx([0.2, 1 / 3, 1.0, 1 / 3, 1 / 3])
