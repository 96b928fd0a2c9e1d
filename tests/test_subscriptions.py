"""Shops of contracts, and shops with a feature table of their own: what a row may be, and what days are known."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from by_hand import TODAY, TinyShop, check, purchases, quarantine, refusal_of, rows_of

from features.check import check_tables
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.snapshot import day_number
from features.store import Store

FIRST = date(1970, 1, 1)


def without_transactions(folder: Path, top: str = "", attributes: tuple[str, ...] = (), **tables: Any) -> Shop:
    """A shop of these tables alone; `attributes` are those of `vectors`."""
    lines = ['name = "tiny"', 'currency = "EUR"', top, "[files]", *(f'{name} = "{name}.csv"' for name in tables)]
    for name, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        own = attributes if name == "vectors" else ()
        lines += [f"[tables.{name}]", f'from = "{name}"', f"[tables.{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in columns if column not in own]
        lines += [f"[tables.{name}.attributes]", *(f'{column} = "{column}"' for column in own)] if own else []
    (folder / "shop.toml").write_text("\n".join(lines), encoding="utf-8")
    return read_shop(folder)


def terms(count: int = 10, **more: str) -> list[dict[str, Any]]:
    """A term a customer, the nth from the nth of January 2024 on."""
    return [
        {"customer_id": f"c{n}", "started_at": f"2024-01-{n:02d}", **dict.fromkeys(more, ""), **more}
        for n in range(1, count + 1)
    ]


# ---- subscriptions --------------------------------------------------------------------------------------------------


def test_terms_are_read_with_their_days_flags_and_prices(tmp_path: Path, store: Store) -> None:
    rows = terms(2)
    rows[0] |= {
        "ended_at": "2024-03-01 18:00",
        "plan": "gold",
        "price": "9.99",
        "period_days": "30",
        "auto_renew": "yes",
        "cancelled_at": "2024-02-01",
    }
    checked = check(without_transactions(tmp_path, subscriptions=rows), store)
    assert rows_of(checked, "subscriptions") == [
        {"customer_id": "c1", "started_day": day_number(date(2024, 1, 1)), "ended_day": day_number(date(2024, 3, 1)),
         "plan": "gold", "price": 9.99, "period_days": 30.0, "auto_renew": 1, "cancelled_day": day_number(date(2024, 2, 1))},
        {"customer_id": "c2", "started_day": day_number(date(2024, 1, 2)), "ended_day": None, "plan": None, "price": None,
         "period_days": None, "auto_renew": None, "cancelled_day": None},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("odd", "line"),
    [
        ({"ended_at": "2024-01-08"}, ("9", "ended_at", "2024-01-08", "lies before started_at")),
        ({"price": "-1"}, ("9", "price", "-1", "is negative")),
        ({"price": "nan"}, ("9", "price", "nan", "expected a number")),
        ({"period_days": "0"}, ("9", "period_days", "0", "is not above 0")),
        ({"period_days": "-30"}, ("9", "period_days", "-30", "is not above 0")),
        ({"started_at": "2024-07-02"}, ("9", "started_at", "2024-07-02", "lies in the future")),
        ({"cancelled_at": "2024-07-02"}, ("9", "cancelled_at", "2024-07-02", "lies in the future")),
        ({"ended_at": "1969-12-31"}, ("9", "ended_at", "1969-12-31", "lies before 1970")),
        ({"ended_at": "soon"}, ("9", "ended_at", "soon", "expected a date or timestamp")),
        ({"auto_renew": "perhaps"}, ("9", "auto_renew", "perhaps", "expected true or false")),
        ({"customer_id": ""}, ("9", "customer_id", "", "is missing")),
    ],
)
def test_a_term_that_cannot_be_is_quarantined(
    odd: dict[str, str], line: tuple[str, ...], tmp_path: Path, store: Store
) -> None:
    rows = terms()
    rows[8] |= odd
    checked = check(without_transactions(tmp_path, subscriptions=rows), store)
    assert line in quarantine(store, "subscriptions")
    report = checked.reports[0]
    assert (report.read, report.used, report.quarantined) == (10, 9, 1)


@pytest.mark.parametrize("odd", [{"ended_at": "2024-12-31"}, {"ended_at": "9999-12-31"}, {"ended_at": "2024-01-09"}, {"price": "0"}, {"period_days": "0.5"}])  # fmt: skip
def test_an_end_may_lie_ahead_or_on_the_first_day_and_a_price_may_be_nothing(
    odd: dict[str, str], tmp_path: Path, store: Store
) -> None:
    rows = terms()
    rows[8] |= odd
    assert check(without_transactions(tmp_path, subscriptions=rows), store).reports[0].used == 10


def test_a_rule_over_two_columns_holds_only_where_both_are_mapped(tmp_path: Path, store: Store) -> None:
    assert check(without_transactions(tmp_path, subscriptions=terms(price="1")), store).reports[0].used == 10


def test_equal_terms_may_be_two_contracts_and_are_kept(tmp_path: Path, store: Store) -> None:
    report = check(without_transactions(tmp_path, subscriptions=[*terms(), terms()[0]]), store).reports[0]
    assert report.used == 11
    assert report.warnings == (
        '1 rows equal an earlier one and are kept; set duplicates = "quarantine" to have them quarantined',
    )


@pytest.mark.parametrize(
    ("last", "known_until"),
    [
        ({}, date(2024, 1, 11)),
        ({"ended_at": "2024-03-01"}, date(2024, 1, 11)),
        ({"cancelled_at": "2024-03-01", "ended_at": "2024-12-31"}, date(2024, 3, 2)),
        ({"ended_at": "2024-12-31"}, date(2024, 1, 11)),
        ({"ended_at": "2024-07-01"}, date(2024, 1, 11)),
    ],
)
def test_what_has_come_is_known_and_what_is_planned_is_not(
    last: dict[str, str], known_until: date, tmp_path: Path, store: Store
) -> None:
    """Notices are events; an end may have been planned long before, and does not tell how far the tables go."""
    rows = terms()
    rows[4] |= {"ended_at": "", "cancelled_at": "", **last}
    checked = check(without_transactions(tmp_path, subscriptions=rows), store)
    assert (checked.first_day, checked.known_until) == (date(2024, 1, 1), known_until)


def test_where_there_are_transactions_they_say_what_days_are_known(tiny_shop: TinyShop, store: Store) -> None:
    checked = check(tiny_shop(purchases(5), subscriptions=terms(20)), store)
    assert (checked.first_day, checked.last_day, checked.known_until) == (
        date(2024, 1, 1), date(2024, 1, 5), date(2024, 1, 6),
    )  # fmt: skip


def test_signing_up_is_no_event_but_visits_are(tmp_path: Path, store: Store) -> None:
    people = [{"customer_id": "c1", "signed_up_at": "2020-01-01"}]
    visits = [{"customer_id": "c1", "timestamp": "2024-02-01", "kind": "visit"}]
    checked = check(without_transactions(tmp_path, subscriptions=terms(), customers=people, interactions=visits), store)
    assert (checked.first_day, checked.last_day) == (date(2024, 1, 1), date(2024, 2, 1))


# ---- a feature table of one's own -----------------------------------------------------------------------------------


def snapshot(count: int = 10, **more: str) -> list[dict[str, Any]]:
    return [
        {"customer_id": f"c{n}", "tenure": str(n), "plan": "gold" if n % 2 else "silver", **more}
        for n in range(1, count + 1)
    ]


OWN = ("tenure", "plan")


def test_further_columns_of_vectors_are_given_under_names_of_their_own(tmp_path: Path, store: Store) -> None:
    rows = snapshot(2, churned="no", cost_false_positive="1.5", as_of="2024-01-10")
    shop = without_transactions(tmp_path, vectors=rows, attributes=OWN)
    checked = check(shop, store)
    assert checked.given == {"tenure": "number", "plan": "text"}
    assert checked.attributes == {}
    assert rows_of(checked, "vectors")[0] == {
        "customer_id": "c1", "as_of_day": day_number(date(2024, 1, 10)), "churned": 0, "cost_false_positive": 1.5,
        "given_tenure": 1.0, "given_plan": "gold",
    }  # fmt: skip
    assert check(read_shop(shop.folder), store) == checked, "what is remembered is the same"


def test_rows_without_a_date_hold_at_any_time_up_to_today(tmp_path: Path, store: Store) -> None:
    shop = without_transactions(tmp_path, vectors=snapshot(), attributes=OWN)
    checked = check(shop, store)
    assert (checked.first_day, checked.last_day, checked.known_until) == (FIRST, TODAY, TODAY)
    checked.require_known(date(2024, 1, 1))
    assert check_tables(shop, store, date(2024, 7, 2)).known_until == date(2024, 7, 2), (
        "the next day it is looked at again"
    )


def test_rows_without_a_date_are_known_up_to_the_shops_word(tmp_path: Path, store: Store) -> None:
    shop = without_transactions(tmp_path, top="known_until = 2024-02-01", vectors=snapshot(), attributes=OWN)
    assert check(shop, store).known_until == date(2024, 2, 1)


def test_a_row_as_of_a_midnight_is_known_at_that_midnight(tmp_path: Path, store: Store) -> None:
    rows = [*snapshot(as_of="2024-01-10"), *snapshot(as_of="2024-02-10")]
    checked = check(without_transactions(tmp_path, vectors=rows, attributes=OWN), store)
    assert (checked.first_day, checked.known_until) == (date(2024, 1, 9), date(2024, 2, 10))
    checked.require_known(date(2024, 1, 10))
    checked.require_known(date(2024, 2, 10))
    with pytest.raises(Refusal, match="HF206"):
        checked.require_known(date(2024, 2, 11))


@pytest.mark.parametrize(
    ("as_of", "midnight"),
    [
        ("2024-01-10", date(2024, 1, 10)),
        ("2024-01-10 00:00:00", date(2024, 1, 10)),
        ("2024-01-10 00:00:01", date(2024, 1, 11)),
        ("2024-01-10 18:30:00", date(2024, 1, 11)),
        ("2024-01-09T23:00:00Z", date(2024, 1, 10)),  # midnight in Paris
    ],
)
def test_what_was_known_in_the_course_of_a_day_counts_from_the_next_midnight(
    as_of: str, midnight: date, tmp_path: Path, store: Store
) -> None:
    rows = snapshot(as_of=as_of)
    shop = without_transactions(tmp_path, top='time_zone = "Europe/Paris"', vectors=rows, attributes=OWN)
    assert {row["as_of_day"] for row in rows_of(check(shop, store), "vectors")} == {day_number(midnight)}


def test_a_second_row_of_a_customer_and_midnight_is_quarantined(tmp_path: Path, store: Store) -> None:
    rows = [
        *snapshot(as_of="2024-01-10"),
        {**snapshot()[0], "as_of": "2024-01-09 12:00"},
        {**snapshot()[1], "as_of": ""},
    ]
    checked = check(without_transactions(tmp_path, vectors=rows, attributes=OWN), store)
    assert quarantine(store, "vectors") == [
        ("11", "customer_id", "c1", "repeats an earlier row of this customer and as_of")
    ]
    assert checked.reports[0].used == 11


def test_without_dates_a_customer_has_one_row(tmp_path: Path, store: Store) -> None:
    rows = [*snapshot(), snapshot()[2]]
    check(without_transactions(tmp_path, vectors=rows, attributes=OWN), store)
    assert quarantine(store, "vectors") == [("11", "customer_id", "c3", "repeats an earlier row of this customer")]


@pytest.mark.parametrize("table", ["customers", "vectors"])
def test_such_rows_cannot_be_kept(table: str, tiny_shop: TinyShop) -> None:
    shop = tiny_shop(purchases(), **{table: [{"customer_id": "a"}]})
    text = (
        (shop.folder / "shop.toml").read_text().replace(f'from = "{table}"', f'from = "{table}"\nduplicates = "keep"')
    )
    (shop.folder / "shop.toml").write_text(text)
    with pytest.raises(Refusal, match=f"HF104 .*table {table} has one row per customer_id.*; drop duplicates"):
        read_shop(shop.folder)


def test_vectors_without_ids_are_refused(tmp_path: Path, store: Store) -> None:
    """Nobody's row in a feature table is a mistake; only among events it is usual."""
    rows = [{**row, "customer_id": "" if n < 4 else row["customer_id"]} for n, row in enumerate(snapshot())]
    assert refusal_of(without_transactions(tmp_path, vectors=rows, attributes=OWN), store).code == "HF204"


@pytest.mark.parametrize("table", ["customers", "offers"])
def test_tables_that_only_add_to_others_are_not_enough(table: str, tiny_shop: TinyShop, store: Store) -> None:
    rows = [{"customer_id": "a", "timestamp": "2024-01-01", "action": "call"}]
    shop = tiny_shop([], **{table: [{key: row[key] for key in ("customer_id",)} for row in rows]})
    refusal = refusal_of(shop.model_copy(update={"tables": {table: shop.tables[table]}}), store)
    assert refusal.code == "HF207"
