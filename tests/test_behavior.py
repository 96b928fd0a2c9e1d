"""The families: what every column holds for events that can be checked by eye."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
from by_hand import CUTOFF, DAY, EVERY, REFERENCES, checked_by_hand, vectors_by_hand
from counted_by_eye import EXPECTED, ME, line, term

from features.vectors import vectors


def test_every_family_and_every_column_is_checked_by_eye() -> None:
    expected = {family: set(columns) for family, columns in EXPECTED.items()}
    assert expected == {f.family: {g.name for g in EVERY.features if g.family == f.family} for f in EVERY.features}


@pytest.mark.parametrize("family", EXPECTED)
def test_each_familys_columns_for_a_customer_checked_by_eye(family: str, tmp_path: Path) -> None:
    vector = vectors_by_hand(tmp_path, ME)[DAY, "me"]
    assert {name: vector[name] for name in EXPECTED[family]} == {
        name: value if value is None or isinstance(value, str) else pytest.approx(value, rel=1e-12)
        for name, value in EXPECTED[family].items()
    }


def test_a_regular_category_not_bought_of_late_is_dropped(tmp_path: Path) -> None:
    """Bread was bought on three days, the last 29 days ago; milk on three, the last 28 days ago; tea on two days."""
    ages = {"bread": (29, 40, 50), "milk": (28, 40, 50), "tea": (40, 50)}
    lines = [line(age, age, 1.0, what, category=what) for what, days in ages.items() for age in days]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert (vector["dropped_categories"], vector["categories_28d"], vector["categories_182d"]) == (1, 1, 3)
    assert vector["kept_category_share"] == pytest.approx(1 / 3)
    assert vector["dropped_category_spend_share"] == pytest.approx(3 / 8), "three of eight, each for 1"


def test_the_category_mix_is_compared_to_what_was_bought_before_56_days(tmp_path: Path) -> None:
    """Day 56 is of late, day 57 is not: 3 of bread and 4 of milk against 5 of bread."""
    bought = ((56, 3.0, "bread"), (1, 4.0, "milk"), (57, 5.0, "bread"))
    lines = [line(age, age, amount, what, category=what) for age, amount, what in bought]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert vector["category_mix_similarity"] == pytest.approx(3 * 5 / (5 * 5))


def test_who_stopped_coming_falls_short_since_then(tmp_path: Path) -> None:
    """Four visits, the last 60 days ago: 4/26, 8/26 and 13/26 - 1/4 of them are lacking in 28, 56 and 91 days."""
    lines = [line(age, age, 1.0, "milk") for age in (60, 100, 120, 180)]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert vector["visit_shortfall_share"] == vector["spend_shortfall_share"] == pytest.approx(8 / 26)
    assert vector["days_since_visits_turned"] == 56
    # spans of four weeks, oldest first: 0, 1, 1, 1, 0, 0, for day 180 lies before them
    assert vector["visit_slope_per_28d"] == pytest.approx((-1.5 - 0.5 + 0.5) / 17.5)


def test_each_weekday_has_a_share_of_its_own(tmp_path: Path) -> None:
    """The cut-off is a Monday: 7 days before it is one too, 6 days before it a Tuesday. Ten visits of two weeks."""
    ages = {
        "monday": (7, 14),
        "tuesday": (6,),
        "wednesday": (5,),
        "thursday": (4,),
        "friday": (3, 10, 17),
        "sunday": (1, 8),
    }
    lines = [line(age, age, 1.0, "milk") for days in ages.values() for age in days]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert {day: vector[f"{day}_share"] for day in (*ages, "saturday")} == {
        **{day: pytest.approx(len(days) / 10) for day, days in ages.items()}, "saturday": 0
    }  # fmt: skip
    assert vector["favourite_weekday_share"] == pytest.approx(3 / 10)
    assert vector["weekday_concentration"] == pytest.approx((4 + 1 + 1 + 1 + 9 + 4) / 100)


def test_who_bought_once_is_alive_for_all_that_is_known(tmp_path: Path) -> None:
    """The model lets nobody stop before a second purchase; p = a / (a + b) = 1 / 13, and spend is 5 a visit."""
    vector = vectors_by_hand(tmp_path, {"transactions": [line(3, 1, 5.0, "milk")]})[DAY, "me"]
    to_expect = 13 * (1 - (1 + 28 / 13 / (14 + 3)) ** -0.5)
    assert vector["alive_probability"] == 1
    assert vector["expected_purchases_28d"] == pytest.approx(to_expect)
    assert vector["expected_spend_28d"] == pytest.approx(5 * to_expect)


def test_of_who_never_bought_no_chance_to_be_alive_is_known(tmp_path: Path) -> None:
    vector = vectors_by_hand(tmp_path, {"customers": [{"customer_id": "me", "signed_up_day": DAY - 9}]})[DAY, "me"]
    assert (vector["alive_probability"], vector["expected_purchases_28d"]) == (None, None)


def test_the_coming_week_is_22_to_28_days_after_its_like(tmp_path: Path) -> None:
    lines = [line(age, age, 1.0, "milk") for age in (21, 22, 28, 29, 50, 56)]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert vector["coming_week_of_four_share"] == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("ages", "days", "spend"),
    [((365, 364, 337, 336), 2, 364 + 337), ((365, 300), 0, 0), ((363, 340), None, None)],
)
def test_the_same_weeks_of_last_year_are_known_where_memory_holds_all_of_them(
    ages: tuple[int, ...], days: int | None, spend: float | None, tmp_path: Path
) -> None:
    """Of Monday to Sunday four weeks on, 52 whole weeks ago. A line of each day costs its age."""
    checked = checked_by_hand(tmp_path, {"transactions": [line(age, age, float(age), "milk") for age in ages]})
    vector = vectors(checked, EVERY, [CUTOFF], 400, references=REFERENCES).to_pylist()[0]
    assert (vector["purchase_days_same_weeks_last_year"], vector["spend_same_weeks_last_year"]) == (days, spend)


def test_a_contract_renews_on_the_day_that_ends_its_period(tmp_path: Path) -> None:
    """Today is 0 days to go; an end that lies ahead is not known without notice."""
    terms = [term(60, DAY + 5, "basic", 10.0, 30)]
    vector = vectors_by_hand(tmp_path, {"subscriptions": terms})[DAY, "me"]
    assert (vector["days_to_renewal"], vector["elapsed_period_share"], vector["days_until_contract_end"]) == (
        0,
        0,
        None,
    )
    assert (vector["running_contracts"], vector["contracts_under_notice"], vector["has_bought"]) == (1, 0, 1)


def test_a_contract_that_ended_yesterday_no_longer_runs(tmp_path: Path) -> None:
    """One that ends today still does, as far as is known before today."""
    terms = [term(60, DAY - 1, "basic", 10.0, 30), term(50, DAY, "plus", 10.0, 30)]
    vector = vectors_by_hand(tmp_path, {"subscriptions": terms})[DAY, "me"]
    assert (vector["running_contracts"], vector["days_since_contract_end"]) == (1, 1)
    assert vector["longest_contract_gap_days"] is None, "they overlap"


def test_a_window_of_n_days_holds_the_nth_day_and_not_the_next(tmp_path: Path) -> None:
    lines = [line(age, age, 1.0, "milk") for age in (7, 8, 28, 29, 182, 183)]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    windows = {days: vector[f"purchase_days_{days}d"] for days in (7, 14, 28, 56, 91, 182)}
    assert windows == {7: 1, 14: 2, 28: 3, 56: 4, 91: 4, 182: 5}
    assert vector["days_since_first_purchase"] == 182, "day 183 lies before memory"
    assert vector["longest_gap_days"] == 153, "the gap from day 183 to day 182 is not known"


def test_the_day_of_the_cut_off_is_not_yet_known(tmp_path: Path) -> None:
    lines = [line(1, 1, 1.0, "milk"), line(0, 2, 5.0, "milk")]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert (vector["days_since_last_purchase"], vector["spend_28d"]) == (1, 1.0)


def test_the_last_purchase_day_is_the_last_one_known(tmp_path: Path) -> None:
    """Whatever is bought later: the gap and spend of the last day are those seen from the cut-off."""
    lines = [line(30, 1, 3.0, "milk"), line(20, 2, 7.0, "milk"), line(-10, 3, 50.0, "milk")]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert (vector["last_purchase_day_spend"], vector["last_gap_days"]) == (7.0, 10)


def test_a_resolution_and_a_response_are_known_from_the_day_after(tmp_path: Path) -> None:
    rows = {
        "transactions": [line(30, 1, 1.0, "milk")],
        "interactions": [{"customer_id": "me", "day": DAY - 9, "kind": "ticket", "resolved_day": DAY}],
        "offers": [{"customer_id": "me", "day": DAY - 9, "action": "call", "responded_day": DAY}],
    }
    found = vectors_by_hand(tmp_path, rows, [CUTOFF, CUTOFF + timedelta(days=1)])
    columns = ("open_complaints", "mean_days_to_resolve", "offer_responses_182d", "days_since_last_response")
    assert [found[DAY, "me"][name] for name in columns] == [1, None, 0, None]
    assert [found[DAY + 1, "me"][name] for name in columns] == [0, 9, 1, 1]


@pytest.mark.parametrize(("resolved", "index"), [(None, 3 / 4), (DAY - 1, 3 / 4), (DAY, None), (DAY + 9, None)])
def test_satisfaction_and_expectation_are_known_with_the_resolution(
    resolved: int | None, index: float | None, tmp_path: Path
) -> None:
    """A resolution at or after the cut-off tells nothing before it."""
    ticket = {"customer_id": "me", "day": DAY - 9, "kind": "ticket", "satisfaction": 3.0, "expectation": 4.0}
    rows = {"transactions": [line(30, 1, 1.0, "milk")], "interactions": [{**ticket, "resolved_day": resolved}]}
    assert vectors_by_hand(tmp_path, rows)[DAY, "me"]["satisfaction_index"] == index


def test_an_offer_counts_unless_it_was_drawn_as_control(tmp_path: Path) -> None:
    """With no arm, or another, it was made to the customer."""
    offers = [
        {"customer_id": "me", "day": DAY - age, "action": "coupon", "arm": arm}
        for age, arm in ((9, None), (8, "treat"), (7, "control"))
    ]
    vector = vectors_by_hand(tmp_path, {"transactions": [line(30, 1, 1.0, "milk")], "offers": offers})[DAY, "me"]
    assert (vector["offers_28d"], vector["days_since_last_offer"]) == (2, 8)


def test_who_is_known_by_a_return_alone_has_bought(tmp_path: Path) -> None:
    """What is brought back was bought once, though the purchase itself is not known."""
    vector = vectors_by_hand(tmp_path, {"transactions": [line(3, 1, -2.0, "milk", is_return=1)]})[DAY, "me"]
    assert (vector["has_bought"], vector["days_since_last_purchase"], vector["return_lines_91d"]) == (1, None, 1)


def test_who_has_only_signed_up_is_known_from_the_day_after(tmp_path: Path) -> None:
    rows = {
        "transactions": [line(30, 1, 1.0, "milk")],
        "customers": [
            {"customer_id": "early", "signed_up_day": DAY - 1},
            {"customer_id": "late", "signed_up_day": DAY},
            {"customer_id": "never"},
        ],
    }
    found = vectors_by_hand(tmp_path, rows)
    assert {customer: vector["has_bought"] for (_, customer), vector in found.items()} == {"early": 0, "me": 1}


def test_many_orders_of_a_day_are_one_purchase_day(tmp_path: Path) -> None:
    lines = [line(3, order, 1.0, "milk") for order in (1, 2, 3)]
    vector = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    assert (vector["purchase_days_28d"], vector["orders_28d"], vector["lines_per_visit_28d"]) == (1, 3, 3)


def test_a_day_without_order_ids_is_one_order(tmp_path: Path) -> None:
    lines = [line(3, 1, amount, "milk", order_id=None) for amount in (1.0, 2.0)]
    assert vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]["orders_28d"] == 1


def test_one_purchase_has_no_rhythm_yet(tmp_path: Path) -> None:
    vector = vectors_by_hand(tmp_path, {"transactions": [line(3, 1, 1.0, "milk")]})[DAY, "me"]
    unknown = ("mean_gap_days", "gap_spread_days", "longest_gap_days", "last_gap_days", "overdue_ratio", "spend_spread")
    assert [vector[name] for name in unknown] == [None] * len(unknown)


def test_free_goods_divide_nothing_by_zero(tmp_path: Path) -> None:
    """A ratio over 0 is unknown, never infinite."""
    vector = vectors_by_hand(tmp_path, {"transactions": [line(3, 1, 0.0, "milk")]})[DAY, "me"]
    assert [vector[name] for name in ("spend_trend_28d_91d", "discount_share_28d", "top_category_share")] == [None] * 3
    assert not [name for name, value in vector.items() if isinstance(value, float) and not math.isfinite(value)]
