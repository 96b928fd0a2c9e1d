"""Savings by a table's own costs: counted by eye, and told where the table has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from flat_table import HONEST, LEFT, PEOPLE, TODAY, learned

from features.check import check_tables
from features.shop import Shop
from features.snapshot import day_number
from features.store import Store
from training.judge import JudgedCutoff
from training.savings import Costs, savings

# an offer in vain costs 10, a loss 100, an offer in time 30
TEN = Costs(np.full(4, 10.0), np.full(4, 100.0), np.full(4, 30.0))


def test_an_offer_goes_to_whom_it_costs_less_than_none() -> None:
    """30 p + 10 (1 - p) < 100 p from p = 1/8 on."""
    assert [False, False, True, True] == TEN.pays(np.array([0.0, 0.124, 0.126, 1.0])).tolist()


def test_what_came_of_it_is_the_cost_of_each_mistake() -> None:
    churned = np.array([1.0, 1.0, 0.0, 0.0])

    assert [30.0, 100.0, 10.0, 0.0] == TEN.of(np.array([True, False, True, False]), churned).tolist()


@pytest.mark.slow
def test_a_table_with_costs_is_judged_by_them_and_one_without_is_not(tmp_path: Path) -> None:
    costs = {
        "cost_false_positive": [10.0] * PEOPLE, "cost_false_negative": [40.0] * PEOPLE,
        "cost_true_positive": [None] + [12.0] * (PEOPLE - 1),
    }  # fmt: skip
    trained = learned(tmp_path / "with", HONEST, LEFT, costs=costs, fit={"trees": 80, "min_customers_in_leaf": 10})
    found = trained.judgment.further["savings"]

    assert PEOPLE - 1 == found["customers"]
    assert set(trained.judgment.models) == set(found["models"])
    ours = found["models"]["holdfast"]["least_expected_cost"]
    assert 0.05 < ours["saved"]["value"] < 1
    assert ours["saved"]["low"] < ours["saved"]["value"] < ours["saved"]["high"]
    assert 0 < ours["targeted"] < 1
    assert "Saved by deciding customer by customer" in trained.bundle.card_page

    assert learned(tmp_path / "without", HONEST, LEFT).judgment.further["savings"] is None


@pytest.mark.slow
def test_where_the_simple_ways_cost_nothing_no_share_is_told(tmp_path: Path) -> None:
    """An offer in time brings 50 here: to offer to everybody is a gain, and a share of it would mislead."""
    costs = {"cost_false_positive": [5.0] * PEOPLE, "cost_false_negative": [0.0] * PEOPLE,
             "cost_true_positive": [-50.0] * PEOPLE}  # fmt: skip

    assert learned(tmp_path / "shop", HONEST, LEFT, costs=costs).judgment.further["savings"] is None


def test_each_row_has_the_costs_of_its_own_day(tiny_shop: Callable[..., Shop], store: Store) -> None:
    """A loss costs 100 on the first day and nothing on the second: only on the first an offer is worth its cost."""
    people, days = [f"c{k}" for k in range(40)], ("2024-01-01", "2024-02-01")
    checked = check_tables(
        tiny_shop([{"customer_id": "c0", "timestamp": "2023-12-01", "amount": 1}], vectors=[
            {"customer_id": c, "as_of": day, "churned": k % 2, "cost_false_positive": 10, "cost_true_positive": 30,
             "cost_false_negative": 100 if day == days[0] else 0}
            for k, c in enumerate(people) for day in days
        ]), store, TODAY,
    )  # fmt: skip
    ids, churned = np.array(people * 2, object), np.array([k % 2 for k in range(40)] * 2, float)
    day = np.repeat([day_number(date.fromisoformat(d)) for d in days], 40).astype(np.int32)
    folds = JudgedCutoff(date(2024, 2, 1), ids, day, churned, churned, churned[:, None], {"holdfast": churned})

    assert 0.25 == savings([folds], checked, seed=1)["models"]["holdfast"]["least_expected_cost"]["targeted"]
