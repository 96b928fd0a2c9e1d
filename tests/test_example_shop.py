"""The example shop: what its truth says is what its tables show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest

from features.behavior import CATALOG
from features.check import check_tables
from features.checked import CheckedTables
from features.events import TABLES
from features.example_people import EFFECTS
from features.example_shop import ExampleShop, simulate, write_example_shop
from features.shop import read_shop
from features.snapshot import day_number
from features.store import Store
from features.vectors import vectors

TODAY = date(2025, 6, 1)
TABLE_NAMES = ("transactions", "customers", "interactions", "offers")
Vector = dict[str, Any]


@pytest.fixture(scope="module")
def truth(example: ExampleShop) -> dict[str, dict[str, Any]]:
    """The truth by customer."""
    return {row["customer_id"]: row for row in example.truth.to_pylist()}


@pytest.fixture(scope="module")
def before_leaving(checked: CheckedTables, truth: dict[str, dict[str, Any]]) -> dict[str, list[Vector]]:
    """By cause, the churners' vectors of the last cut-off before they left; of who stays, those in mid-simulation."""
    cutoffs = [checked.first_day + timedelta(days=days) for days in range(112, 420, 14)]
    catalog = CATALOG.available(checked.columns, checked.attributes)
    found: dict[str, list[Vector]] = {"stays": [], "price": [], "service": [], "drifting": [], "sudden": []}
    for row in vectors(checked, catalog, cutoffs, 182).to_pylist():
        about = truth[row["customer_id"]]
        if about["cause"] == "stays":
            if about["warned_on"] is None and row["cutoff"] == day_number(cutoffs[8]):
                found["stays"].append(row)
        elif about["churned_on"] and 0 <= day_number(about["churned_on"]) - row["cutoff"] < 14:
            found[about["cause"]].append(row)
    return found


def _mean(rows: list[Vector], column: str) -> float:
    return float(np.mean([row[column] for row in rows if row[column] is not None]))


def test_the_same_arguments_give_the_same_tables() -> None:
    one, other = (simulate(customers=60, days=200, seed=3) for _ in range(2))
    assert [getattr(one, name).equals(getattr(other, name)) for name in (*TABLE_NAMES, "truth")] == [True] * 5


def test_another_seed_gives_another_shop_and_numpys_own_state_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()
    assert not simulate(60, 200, seed=3).transactions.equals(simulate(60, 200, seed=4).transactions)
    assert np.random.get_state()[1].tolist() == before


def test_two_thousand_customers_over_500_days_take_5_seconds_of_work() -> None:
    begin = process_time()
    shop = simulate(customers=2000, days=500)
    assert process_time() - begin < 5
    assert shop.customers.num_rows == shop.truth.num_rows == 2000


@pytest.mark.parametrize(("customers", "days"), [(0, 200), (10, 89)])
def test_too_small_a_shop_is_refused(customers: int, days: int) -> None:
    with pytest.raises(ValueError, match=f"got {customers} customers over {days} days; needs at least 1 over 90"):
        simulate(customers, days)


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_columns_are_the_contracts(table: str, example: ExampleShop) -> None:
    known = {column.name for column in TABLES[table].columns} | {"region", "age"}
    assert set(getattr(example, table).column_names) <= known


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_the_written_shop_passes_the_check_whole(file_format: Any, tmp_path: Path, store: Store) -> None:
    """Not a row in quarantine, in either format, and the same rows in both."""
    small = simulate(customers=60, days=200, seed=3)
    shop = write_example_shop(
        tmp_path, small, file_format=file_format, currency="CNY", time_zone="Asia/Shanghai", language="zh"
    )
    assert shop == read_shop(tmp_path)
    assert (shop.currency, shop.time_zone, shop.language) == ("CNY", "Asia/Shanghai", "zh")
    checked = check_tables(shop, store, TODAY)
    used = {report.table: (report.used, report.quarantined, report.warnings) for report in checked.reports}
    assert used == {name: (getattr(small, name).num_rows, 0, ()) for name in TABLE_NAMES}
    assert checked.attributes == {"region": "text", "age": "number"}
    assert checked.known_until == date(2023, 1, 1) + timedelta(days=200)


def test_every_cause_has_churners_and_some_of_all_customers_stay(truth: dict[str, dict[str, Any]]) -> None:
    left = {about["cause"] for about in truth.values() if about["churned_on"]}
    assert left == {"price", "service", "drifting", "sudden"}
    stays = [about for about in truth.values() if about["cause"] == "stays"]
    assert 0.5 < len(stays) / len(truth) < 0.7
    assert {about["churned_on"] for about in stays} == {None}


@pytest.mark.parametrize("table", ["transactions", "interactions"])
def test_a_churner_does_nothing_from_the_day_of_leaving(
    table: str, example: ExampleShop, truth: dict[str, dict[str, Any]]
) -> None:
    events = getattr(example, table)
    last: dict[str, date] = {}
    for customer, moment in zip(events["customer_id"].to_pylist(), events["timestamp"].to_pylist(), strict=True):
        last[customer] = max(last.get(customer, date.min), moment.date())
    late = [c for c, day in last.items() if truth[c]["churned_on"] and day >= truth[c]["churned_on"]]
    assert late == []


def test_who_stays_keeps_buying(example: ExampleShop, truth: dict[str, dict[str, Any]]) -> None:
    """In the last eight weeks almost all of them, and more often than who has left, who never does."""
    since = example.first_day + timedelta(days=example.days - 56)
    lines = example.transactions.select(["customer_id", "timestamp"]).to_pylist()
    recent = {line["customer_id"] for line in lines if line["timestamp"].date() >= since}
    stayers = {customer for customer, about in truth.items() if about["cause"] == "stays"}
    gone = {c for c, about in truth.items() if about["churned_on"] and about["churned_on"] < since}
    assert len(stayers & recent) / len(stayers) > 0.93
    assert gone & recent == set()


@pytest.mark.parametrize(
    ("cause", "column", "against_who_stays"),
    [
        ("price", "discount_share_28d", lambda theirs, ours: theirs < 0.6 * ours),
        ("price", "discount_change", lambda theirs, ours: theirs < ours - 0.02),
        ("price", "price_change", lambda theirs, ours: theirs > ours + 0.1),
        ("service", "complaints_91d", lambda theirs, ours: theirs > ours + 1.5),
        ("service", "open_complaints", lambda theirs, ours: theirs > ours + 0.5),
        ("service", "satisfaction_index", lambda theirs, ours: theirs < ours - 0.2),
        ("service", "mean_days_to_resolve", lambda theirs, ours: theirs > 2 * ours),
        ("drifting", "visit_trend_28d_91d", lambda theirs, ours: theirs < 0.85 * ours),
        ("drifting", "categories_28d", lambda theirs, ours: theirs < 0.6 * ours),
        ("drifting", "lines_per_visit_28d", lambda theirs, ours: theirs < 0.85 * ours),
        ("drifting", "engagement_trend", lambda theirs, ours: theirs < 0.85 * ours),
    ],
)
def test_a_cause_shows_in_the_vectors_before_leaving(
    cause: str, column: str, against_who_stays: Callable[[float, float], bool], before_leaving: dict[str, list[Vector]]
) -> None:
    theirs, ours = _mean(before_leaving[cause], column), _mean(before_leaving["stays"], column)
    assert against_who_stays(theirs, ours), f"{column}: {theirs:.3f} before leaving, {ours:.3f} of who stays"


@pytest.mark.parametrize(
    ("column", "near"),
    [("discount_change", 0.03), ("complaints_91d", 0.2), ("discount_share_28d", 0.03), ("price_change", 0.1)],
)
def test_a_sudden_leaving_shows_in_nothing(column: str, near: float, before_leaving: dict[str, list[Vector]]) -> None:
    theirs, ours = _mean(before_leaving["sudden"], column), _mean(before_leaving["stays"], column)
    assert theirs == pytest.approx(ours, abs=near)


def test_some_who_stay_were_warned_too(truth: dict[str, dict[str, Any]]) -> None:
    """A warning is not yet a churner: else the task were trivial."""
    stays = [about for about in truth.values() if about["cause"] == "stays"]
    assert 0.05 < np.mean([about["warned_on"] is not None for about in stays]) < 0.2
    assert {about["warned_on"] for about in truth.values() if about["cause"] == "sudden"} == {None}


def test_effects_in_the_truth_are_those_of_the_cause(truth: dict[str, dict[str, Any]]) -> None:
    for action, by_cause in EFFECTS.items():
        for cause in ("stays", "price", "service", "drifting", "sudden"):
            effects = [about[f"effect_{action}"] for about in truth.values() if about["cause"] == cause]
            assert np.mean(effects) == pytest.approx(by_cause.get(cause, 0.0), rel=0.1)


@pytest.mark.slow
def test_an_action_saves_whom_it_can_and_the_control_arm_nobody() -> None:
    """Of customers about to leave for their price, an offer keeps as many more than no offer as the truth says."""
    shop = simulate(customers=12000, days=420, seed=11)
    truth = {row["customer_id"]: row for row in shop.truth.to_pylist()}
    kept: dict[str, list[bool]] = {"treat": [], "control": []}
    first = {}
    for offer in shop.offers.to_pylist():
        first.setdefault(offer["customer_id"], offer)
    for customer, offer in first.items():
        about = truth[customer]
        if about["cause"] == "price" and offer["action"] == "price_offer":
            within = about["churned_on"] and about["churned_on"] < offer["timestamp"].date() + timedelta(days=84)
            saved_now = about["saved_by"] == "price_offer" and offer["arm"] == "treat"
            if within or saved_now:
                kept[offer["arm"]].append(saved_now)
    assert set(kept["control"]) == {False}
    assert np.mean(kept["treat"]) == pytest.approx(EFFECTS["price_offer"]["price"], abs=0.15)


def test_the_arms_are_drawn_with_the_propensity_they_carry(example: ExampleShop) -> None:
    offers = example.offers.to_pylist()
    assert {(offer["arm"], round(offer["propensity"], 2)) for offer in offers} == {("treat", 0.7), ("control", 0.3)}
    assert np.mean([offer["arm"] == "treat" for offer in offers]) == pytest.approx(0.7, abs=0.05)
    of_control = [offer for offer in offers if offer["arm"] == "control"]
    assert {(offer["cost"], offer["responded_at"]) for offer in of_control} == {(0.0, None)}


def test_responses_and_resolutions_come_after_what_they_answer(example: ExampleShop) -> None:
    for table, answer in (("offers", "responded_at"), ("interactions", "resolved_at")):
        rows = getattr(example, table).to_pylist()
        answered = [row for row in rows if row[answer]]
        assert answered
        assert [row for row in answered if row[answer] < row["timestamp"]] == []


@pytest.mark.slow
def test_churn_is_learnable_but_not_trivially(checked: CheckedTables) -> None:
    """Silence for 28 days among those active within 91: 8 to 20 % churn; LightGBM on the vectors 0.80 to 0.92 AUC."""
    import duckdb
    import lightgbm as lgb
    from sklearn.metrics import roc_auc_score

    catalog = CATALOG.available(checked.columns, checked.attributes)
    end = checked.known_until
    cutoffs = [end - timedelta(days=28 * n) for n in range(1, 10)]
    table = vectors(checked, catalog, cutoffs, 182)
    with duckdb.connect() as connection:
        days = connection.execute(
            f"select customer_id, day from read_parquet('{checked.path('transactions')}') group by all"
        ).fetchall()
    by_customer: dict[str, list[int]] = {}
    for customer, day in days:
        by_customer.setdefault(customer, []).append(day)
    cutoff = table["cutoff"].to_numpy()
    customers = table["customer_id"].to_pylist()
    bought = [np.array(by_customer.get(customer, [0])) for customer in customers]
    label = np.array([not ((b >= c) & (b < c + 28)).any() for b, c in zip(bought, cutoff, strict=True)])
    active = np.array([((b < c) & (b >= c - 91)).any() for b, c in zip(bought, cutoff, strict=True)])
    names = [feature.name for feature in catalog.features if feature.unit != "category"]
    X = np.column_stack([table[name].to_numpy(zero_copy_only=False).astype(float) for name in names])
    judged = active & (cutoff == day_number(end) - 28)
    known = active & (cutoff <= day_number(end) - 56)
    settings = {
        "objective": "binary",
        "max_depth": 4,
        "learning_rate": 0.05,
        "verbose": -1,
        "num_threads": 2,
        "seed": 1,
    }
    model = lgb.train(settings, lgb.Dataset(X[known], label[known]), 120)
    assert 0.08 <= label[judged].mean() <= 0.20
    assert 0.80 <= roc_auc_score(label[judged], model.predict(X[judged])) <= 0.92
