"""What the preflight says about tables: each oddity with its figure and what to do."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from by_hand import TinyShop
from year_of_sales import SMALL, looked_at, named, people, rated, sales, the, without

from features.store import Store


@pytest.mark.parametrize(
    ("name", "column", "state", "said", "tables"),
    [
        ("gap in the events", "timestamp", "warning", "2 of 51 weeks have no event, lately that from 2024-06",
         {"transactions": without(sales(), "2024-06-01", "2024-06-20")}),
        ("last week", "timestamp", "warning", "The last 7 days before 2024-12-30 have 12 events",
         {"transactions": without(sales(every=7), "2024-12-24", "2024-12-28")}),
        ("one customer, one id", "customer_id", "warning", "The busiest of 121 customers has 35.3% of all rows.",
         {"transactions": sales(120) + [{**row, "customer_id": "walk-in"} for row in sales(70)]}),
        ("amounts", "amount", "warning", "The largest amount, 1,000,000.00 EUR, is 9",
         {"transactions": [*sales(), {"customer_id": "c1", "timestamp": "2024-05-05", "amount": 1e6}]}),
        ("one currency", "amount", "warning", "Of 4 products sold 20 times or more, 4 have prices that differ more than tw",
         {"transactions": rated(sales(), product=lambda k: f"p{k % 4}", amount=lambda k: 4 if k % 8 < 4 else 600)}),
        ("one currency", "amount", "ok", "Of 4 products sold 20 times or more, 0 have",
         {"transactions": rated(sales(), product=lambda k: f"p{k % 4}", amount=lambda k: 4 + k % 3)}),
        ("missing values", "category", "warning", "67% of the rows have no value.",
         {"transactions": rated(sales(), category=lambda k: "tea" if k % 3 == 0 else "")}),
        ("missing values", "store", "warning", "No row has a value", {"transactions": rated(sales(), store=lambda k: "")}),
        ("missing values", "customer_id", "recommendation", "94 rows are in quarantine: customer_id is missing (7.2%).",
         {"transactions": rated(sales(), customer_id=lambda k: "" if k % 14 == 0 else f"c{k % 60}")}),
        ("rows used", "", "warning", "1,209 of 1,303 rows are used; 94 are in quarantine (7.2%).",
         {"transactions": rated(sales(), customer_id=lambda k: "" if k % 14 == 0 else f"c{k % 60}")}),
        ("constant column", "channel", "recommendation", "One value in all rows", {"transactions": sales(channel="shop")}),
        ("levels", "attribute_email", "warning", "60 levels: nearly each customer has one of their own",
         {"transactions": sales(), "customers": people(email=lambda k: f"{k}@x.org"), "attributes": ["email"]}),
        ("levels", "attribute_town", "recommendation", "55 levels.",
         {"transactions": sales(150), "customers": people(150, town=lambda k: f"town {k % 55}"), "attributes": ["town"]}),
        ("known customers", "customer_id", "recommendation", "30 of 60 customers who bought have no row here",
         {"transactions": sales(), "customers": people(30, size=lambda k: k % 3), "attributes": ["size"]}),
        ("opted out", "profiling_opt_out", "warning", "50.0% of the customers object to being profiled",
         {"transactions": sales(), "customers": people(profiling_opt_out=lambda k: k % 2)}),
        ("control group", "arm", "recommendation", "No arm is mapped",
         {"transactions": sales(), "offers": [{"customer_id": "c1", "timestamp": "2024-04-01", "action": "card"}]}),
        ("control group", "arm", "recommendation", "0 of 1 offers were withheld",
         {"transactions": sales(), "offers": [{"customer_id": "c1", "timestamp": "2024-04-01", "action": "card", "arm": "treat"}]}),
        ("not mapped", "category", "recommendation", "features need this column and are left out.", {"transactions": sales()}),
        ("consent", "consent", "recommendation", "the list cannot say whom you may write to", {"transactions": sales()}),
        ("class share", "", "warning", "Where nearly all do the same", {"transactions": sales(leavers=0)}),
        ("purchases per customer", "", "warning", "% of the eligible customers bought on two days or more",
         {"transactions": sales(every=200)}),
        ("steady population", "", "warning", "customers are eligible, by cut-off",
         {"transactions": [row for row in sales(200) if row["customer_id"] in ("c7", "c8") or row["timestamp"] > "2024-08"]}),
    ],
)  # fmt: skip
def test_what_is_odd_about_tables_is_told_with_its_figure(
    tiny_shop: TinyShop, store: Store, name: str, column: str, state: str, said: str, tables: dict[str, Any]
) -> None:
    found = looked_at(tiny_shop(**tables), store, **SMALL)
    told = [f for f in named(found, name, column) if f.state == state]

    assert said in " ".join(f.details for f in told)
    assert all(f.mend for f in told if state != "ok")
    assert all(f.measured is not None and f.required is not None for f in told if name != "consent")


def test_columns_that_only_some_rows_can_have_are_as_they_should_be(tiny_shop: TinyShop, store: Store) -> None:
    kinds = [{"customer_id": f"c{k}", "timestamp": "2024-05-01", "kind": "ticket" if k == 1 else "visit",
              "resolved_at": "2024-05-03" if k == 1 else ""} for k in range(30)]  # fmt: skip
    found = looked_at(tiny_shop(sales(), interactions=kinds), store, **SMALL)

    assert the(found, "column", "resolved_at").state == "ok"


def test_events_after_what_is_known_are_told(tiny_shop: TinyShop, store: Store) -> None:
    found = looked_at(tiny_shop(sales(), top="known_until = 2024-12-20"), store, **SMALL)

    assert "events lie after 2024-12-20" in the(found, "known until").details
    assert named(looked_at(tiny_shop(sales(), top="known_until = 2024-12-29"), store, **SMALL), "known until") == []


def test_a_memory_beyond_the_history_is_told_with_the_days_there_are(tiny_shop: TinyShop, store: Store) -> None:
    found = looked_at(tiny_shop(sales()), store, **SMALL, vectors={"memory_days": 400})

    assert (the(found, "memory").state, the(found, "memory").measured) == ("warning", 364)
    assert the(found, "memory").mend == "Set vectors.memory_days in study.toml to 364 or less."


def test_data_that_are_old_are_told_with_their_age(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(sales())

    assert the(looked_at(shop, store, date(2025, 1, 20), **SMALL), "fresh").state == "ok"
    old = the(looked_at(shop, store, date(2025, 3, 1), **SMALL), "fresh")
    assert (old.state, old.measured, old.required) == ("warning", 61, 30)
