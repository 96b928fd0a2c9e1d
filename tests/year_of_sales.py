"""A year of a small shop's sales, written by rule, and what the preflight finds in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from features.check import check_tables
from features.shop import Shop
from features.store import Store
from training.finding import Finding
from training.preflight import Preflight, preflight
from training.study import Study

TODAY = date(2024, 12, 31)
FIRST = date(2024, 1, 1)
Rows = list[dict[str, Any]]


def sales(customers: int = 60, days: int = 364, every: int = 14, leavers: int = 20, **more: Any) -> Rows:
    """Customers who buy every so many days; of `leavers`, one after the other stops, evenly over the year."""
    rows = []
    for who in range(customers):
        stops = days * (who + 1) // (leavers + 1) if who < leavers else days
        rows += [
            {"customer_id": f"c{who}", "timestamp": str(FIRST + timedelta(days=day)), "amount": 5 + who % 7, **more}
            for day in range(who % every, stops, every)
        ]
    return rows


SMALL = {"minimums": {"customers": 20, "churners": 1}}


def looked_at(shop: Shop, store: Store, today: date = TODAY, **study: Any) -> Preflight:
    return preflight(shop, Study.model_validate(study), check_tables(shop, store, today), today)


def named(found: Preflight, name: str, column: str | None = None) -> list[Finding]:
    return [f for f in found.findings if f.name == name and column in (None, f.column)]


def the(found: Preflight, name: str, column: str | None = None) -> Finding:
    [finding] = named(found, name, column)
    return finding


def rated(rows: Iterable[dict[str, Any]], **columns: Callable[[int], Any]) -> Rows:
    return [{**row, **{name: value(k) for name, value in columns.items()}} for k, row in enumerate(rows)]


def without(rows: Rows, first: str, last: str) -> Rows:
    return [row for row in rows if not first <= row["timestamp"] <= last]


def people(customers: int = 60, **columns: Callable[[int], Any]) -> Rows:
    return rated([{"customer_id": f"c{k}"} for k in range(customers)], **columns)
