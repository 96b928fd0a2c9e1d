"""Vectors kept in the store are taken again exactly as long as nothing that they rest on has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from by_hand import ALL, CUTOFF, DAY, MEMORY, checked_by_hand

from features.behavior import CATALOG
from features.catalog import Catalog
from features.checked import CheckedTables
from features.references import VectorReferences
from features.snapshot import day_number
from features.store import Store
from features.vectors import vectors

EARLIER = CUTOFF - timedelta(days=28)
CUTOFFS = (EARLIER, CUTOFF)
FAMILIES = {feature.family for feature in ALL.features}
Rows = Mapping[str, Sequence[Mapping[str, Any]]]

ROWS: Rows = {
    "transactions": [
        {"customer_id": c, "day": DAY - age, "amount": 10.0 + age, "order_id": f"{c}{age}", "category": "tea"}
        for c in ("a", "b") for age in (3, 31, 60)
    ],
    "customers": [{"customer_id": "a", "attribute_region": "north"}],
    "interactions": [{"customer_id": "a", "day": DAY - 40, "kind": "complaint"}],
    "offers": [{"customer_id": "b", "day": DAY - 35, "action": "coupon"}],
    "subscriptions": [{"customer_id": "b", "started_day": DAY - 90, "price": 9.0, "period_days": 30.0}],
}  # fmt: skip


class Shop:
    """Tables by hand with a store; tells which (family, cut-off) were computed."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "store")
        self.folder = folder / "tables"
        self.folder.mkdir()

    def computed(
        self, rows: Rows, catalog: Catalog = ALL, cutoffs: Sequence[date] = CUTOFFS, memory: int = MEMORY,
        references: VectorReferences | None = None,
    ) -> set[tuple[str, date]]:  # fmt: skip
        """The families and cut-offs that were not there yet; the table always equals one computed afresh."""
        checked = checked_by_hand(self.folder, rows)
        before = self._files()
        found = vectors(checked, catalog, cutoffs, memory, self.store, references=references)
        assert found.equals(vectors(checked, catalog, cutoffs, memory, references=references))
        return {(file.name.rpartition("-")[0], date.fromisoformat(file.parent.name)) for file in self._files() - before}

    def _files(self) -> set[Path]:
        return set(self.store.vectors.rglob("*.parquet"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.computed(ROWS)
    return made


def _and(table: str, row: Mapping[str, Any]) -> Rows:
    return {**ROWS, table: [*ROWS.get(table, ()), row]}


def _changed(table: str, **values: Any) -> Rows:
    """The last row of a table with other values."""
    return {**ROWS, table: [*ROWS[table][:-1], {**ROWS[table][-1], **values}]}


def test_every_family_is_computed_once_for_each_cut_off(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    assert shop.computed(ROWS) == {(family, cutoff) for family in FAMILIES for cutoff in CUTOFFS}
    assert shop.computed(ROWS) == set()
    assert shop.computed({table: list(reversed(rows)) for table, rows in ROWS.items()}) == set()


def test_a_new_cut_off_is_computed_alone(shop: Shop) -> None:
    later = CUTOFF + timedelta(days=1)
    assert shop.computed(ROWS, cutoffs=(*CUTOFFS, later)) == {(family, later) for family in FAMILIES}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("transactions", {"customer_id": "a", "day": DAY, "amount": 1.0}),
        ("transactions", {"customer_id": "new", "day": DAY + 3, "amount": 1.0}),
        ("interactions", {"customer_id": "a", "day": DAY, "kind": "visit"}),
        ("customers", {"customer_id": "new", "attribute_region": "south"}),
    ],
)
def test_a_new_day_of_events_leaves_former_cut_offs_as_they_are(shop: Shop, table: str, row: Mapping[str, Any]) -> None:
    assert shop.computed(_and(table, row)) == set()


@pytest.mark.parametrize(
    "rows",
    [
        _changed("interactions", resolved_day=DAY + 2),
        _changed("offers", responded_day=DAY),
        _changed("subscriptions", cancelled_day=DAY + 1, ended_day=DAY + 20),
    ],
    ids=["a complaint is resolved", "an offer is answered", "notice is given"],
)
def test_what_becomes_known_later_leaves_former_cut_offs_as_they_are(shop: Shop, rows: Rows) -> None:
    assert shop.computed(rows) == set()


def test_a_complaint_resolved_between_two_cut_offs_changes_the_later_one(shop: Shop) -> None:
    found = shop.computed(_changed("interactions", resolved_day=day_number(EARLIER) + 1))
    assert ("service", CUTOFF) in found
    assert {cutoff for _, cutoff in found} == {CUTOFF}
    assert not {"monetary", "recency", "offers"} & {family for family, _ in found}


def test_an_event_that_arrives_late_changes_the_cut_offs_after_it(shop: Shop) -> None:
    found = shop.computed(_and("transactions", {"customer_id": "a", "day": day_number(EARLIER), "amount": 1.0}))
    assert ("monetary", CUTOFF) in found
    assert ("contract", CUTOFF) not in found, "it reads no transactions"
    assert {cutoff for _, cutoff in found} == {CUTOFF}


def test_a_customer_who_was_known_earlier_than_thought_changes_every_family(shop: Shop) -> None:
    rows = _and("transactions", {"customer_id": "new", "day": DAY - 1, "amount": 1.0})
    assert shop.computed(rows) == {(family, CUTOFF) for family in FAMILIES}


def test_a_changed_attribute_changes_only_what_reads_the_customers_table(shop: Shop) -> None:
    rows = {**ROWS, "customers": [{"customer_id": "a", "attribute_region": "south"}]}
    assert {family for family, _ in shop.computed(rows)} == {"attributes", "recency"}


def test_a_changed_feature_changes_its_family_and_those_that_name_it(shop: Shop) -> None:
    changed = tuple(
        replace(f, sql="sum(case when age <= 28 then amount else 0 end) + 0") if f.name == "spend_28d" else f
        for f in ALL.features
    )
    families = {family for family, _ in shop.computed(ROWS, replace(ALL, features=changed))}
    assert "monetary" in families
    assert "trend" in families, "it names spend_28d"
    assert not {"recency", "service", "offers"} & families


def test_another_memory_changes_everything(shop: Shop) -> None:
    assert shop.computed(ROWS, memory=MEMORY - 1) == {(f, c) for f in FAMILIES for c in CUTOFFS}


def test_other_references_change_only_what_needs_them(shop: Shop) -> None:
    assert shop.computed(ROWS, references=VectorReferences(EARLIER, {}, {})) == set()


def test_the_example_shop_is_kept_as_it_is_computed(checked: CheckedTables, store: Store) -> None:
    catalog = CATALOG.available(checked.columns, checked.attributes)
    cutoffs = [checked.known_until - timedelta(days=days) for days in (56, 28, 0)]
    once = vectors(checked, catalog, cutoffs, MEMORY, store)
    again = vectors(checked, catalog, cutoffs, MEMORY, store)
    assert once.equals(again)
    assert once.equals(vectors(checked, catalog, cutoffs, MEMORY))
