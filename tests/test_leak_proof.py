"""The proof by other futures: what looks past a cut-off is found by name, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from by_hand import ATTRIBUTES, checked_by_hand
from motley import motley_shop

from features.behavior import CATALOG
from features.catalog import Catalog, Feature
from features.checked import CheckedTables
from features.events import TABLES
from features.references import VectorReferences
from features.snapshot import day_date, day_number
from features.vectors import vectors
from training.altered_tables import KINDS, altered, sampled
from training.fit_vector_references import fit_vector_references
from training.leak_proof import LeakProof, prove

CUTOFFS = (date(2024, 3, 1), date(2024, 6, 30))
DAY = day_number(CUTOFFS[0])
MEMORY = 182
GIVEN = {"region": "text", "age": "number", "KundenNr": "number"}


@pytest.fixture(scope="module")
def motley(tmp_path_factory: pytest.TempPathFactory) -> CheckedTables:
    return replace(motley_shop(tmp_path_factory.mktemp("motley")), given=GIVEN)


@pytest.fixture(scope="module")
def references(motley: CheckedTables) -> VectorReferences:
    return fit_vector_references(motley, CUTOFFS[0], MEMORY, seed=7)


@pytest.fixture(scope="module")
def catalog(motley: CheckedTables, references: VectorReferences) -> Catalog:
    return CATALOG.available(motley.columns, motley.attributes, motley.given, references)


def test_no_family_knows_what_lies_after_the_cutoff(
    motley: CheckedTables, catalog: Catalog, references: VectorReferences
) -> None:
    proof = prove(motley, catalog, CUTOFFS, MEMORY, references)

    assert proof.changed == ()
    known = [vectors(motley, catalog.naming(["orders_28d"]), [cutoff], MEMORY).num_rows for cutoff in CUTOFFS]
    assert proof.vectors == sum(known) * len(KINDS)
    assert proof.values == proof.vectors * len(catalog.names)
    assert {f.family for f in catalog.features} > {"contract", "peers", "alive", "given", "attributes"}


@pytest.mark.parametrize("kind", KINDS)
def test_references_know_nothing_of_what_lies_after_their_day(
    motley: CheckedTables, references: VectorReferences, tmp_path: Path, kind: str
) -> None:
    other = fit_vector_references(altered(motley, kind, DAY, tmp_path), CUTOFFS[0], MEMORY, seed=7)

    assert other.numbers == pytest.approx(references.numbers, rel=1e-6)
    assert other.prices == pytest.approx(references.prices)
    assert len(references.numbers) > 20


def own(catalog: Catalog, name: str, sql: str, relation: str = "history") -> Catalog:
    """The catalog of a shop whose own family has this feature alone."""
    some = catalog.features[0]
    feature: Feature = replace(some, name=name, sql=sql, family="own", relation=relation, usual="", missing="unknown")
    return replace(catalog, features=(feature,))


def with_relation(catalog: Catalog, name: str, old: str, new: str) -> Catalog:
    assert old in catalog.relations[name], "the relation has changed; write the leak anew"
    return replace(catalog, relations={**catalog.relations, name: catalog.relations[name].replace(old, new)})


LEAKS: dict[str, tuple[str, Callable[[Catalog], Catalog]]] = {
    "a family that asks the table itself": (
        "orders_ever",
        lambda c: own(c, "orders_ever", "max((select count(*) from transactions as t where t.customer_id = r.customer_id))"),
    ),
    "the day of the cut-off counted as known": (
        "purchase_days_28d",
        lambda c: with_relation(c.naming(["purchase_days_28d"]), "history", "d.day < c.cutoff and", "d.day <= c.cutoff and"),
    ),
    "a month of the future in the relation": (
        "orders_28d",
        lambda c: with_relation(c.naming(["orders_28d"]), "history", "d.day < c.cutoff and", "d.day < c.cutoff + 28 and"),
    ),
    "the next purchase, before it has happened": (
        "next_one",
        lambda c: with_relation(own(c, "next_one", "min(next_age)"), "history", "case when d.next_day < c.cutoff then", "case when true then"),
    ),
    "resolutions that are still to come": (
        "open_complaints",
        lambda c: with_relation(c.naming(["open_complaints"]), "interaction_history",
                                "case when d.resolved_day < c.cutoff then", "case when true then"),
    ),
    "satisfaction that came with a later resolution": (
        "satisfaction_index",
        lambda c: with_relation(c.naming(["satisfaction_index"]), "interaction_history",
                                "when d.resolved_day >= c.cutoff then null", "when false then null"),
    ),
    "answers to offers that are still to come": (
        "answered",
        lambda c: with_relation(own(c, "answered", "count(responded_age)", "offer_history"), "offer_history",
                                "case when d.responded_day < c.cutoff then", "case when true then"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("leak", LEAKS)
def test_a_feature_that_looks_past_the_cutoff_is_named(motley: CheckedTables, catalog: Catalog, leak: str) -> None:
    column, plant = LEAKS[leak]
    proof = prove(motley, plant(catalog), CUTOFFS[:1], MEMORY)

    assert {change.column for change in proof.changed} == {column}
    assert all(0 < change.customers <= change.of == proof.vectors // len(KINDS) for change in proof.changed)
    assert all(change.before != change.after for change in proof.changed)


def test_a_customer_who_is_known_too_early_is_named(motley: CheckedTables, catalog: Catalog) -> None:
    early = catalog.reductions["known_customers"].replace(
        "min(day) as day, min(day)", "min(day) - 60 as day, min(day) - 60"
    )
    assert early != catalog.reductions["known_customers"]
    leaking = replace(catalog.naming(["orders_28d"]), reductions={**catalog.reductions, "known_customers": early})
    proof = prove(motley, leaking, [day_date(DAY - 270)], MEMORY)

    assert {change.column for change in proof.changed} == {"customer_id"}


ROWS = {
    "transactions": [
        {"customer_id": "c", "day": DAY - 1, "amount": 5.0, "product": "p"},
        {"customer_id": "c", "day": DAY, "amount": 7.0, "product": "q"},
        {"customer_id": "d", "day": DAY + 3, "amount": 9.0, "product": "r"},
    ],
    "interactions": [
        {"customer_id": "c", "day": DAY - 9, "kind": "ticket", "resolved_day": DAY - 2, "satisfaction": 4.0},
        {"customer_id": "c", "day": DAY - 8, "kind": "ticket", "resolved_day": DAY, "satisfaction": 2.0},
    ],
    "subscriptions": [
        {"customer_id": "c", "started_day": DAY - 90, "ended_day": DAY + 30, "cancelled_day": DAY - 1},
        {"customer_id": "d", "started_day": DAY - 90, "ended_day": DAY + 30, "cancelled_day": DAY + 1},
    ],
    "vectors": [
        {"customer_id": "c", "as_of_day": DAY, "churned": 1},
        {"customer_id": "c", "as_of_day": DAY + 1, "churned": 0},
    ],
    "customers": [{"customer_id": "c", "signed_up_day": DAY + 5, "attribute_region": "north"}],
}


@pytest.fixture
def by_hand(tmp_path: Path) -> CheckedTables:
    (tmp_path / "base").mkdir()
    return checked_by_hand(tmp_path / "base", ROWS)


def rows_of(checked: CheckedTables, table: str, *columns: str) -> list[tuple[object, ...]]:
    found = pq.read_table(checked.path(table)).select(list(columns)).to_pylist()
    return sorted((tuple(row.values()) for row in found), key=repr)


def test_what_is_deleted_is_all_that_was_not_yet_known(by_hand: CheckedTables, tmp_path: Path) -> None:
    other = altered(by_hand, "deleted", DAY, tmp_path)

    assert rows_of(other, "transactions", "customer_id", "day") == [("c", DAY - 1)]
    assert rows_of(other, "interactions", "resolved_day", "satisfaction") == [(DAY - 2, 4.0), (None, None)]
    assert rows_of(other, "subscriptions", "customer_id", "ended_day", "cancelled_day") == [
        ("c", DAY + 30, DAY - 1),
        ("d", None, None),
    ]
    assert rows_of(other, "vectors", "as_of_day", "churned") == [(DAY, None)]
    assert rows_of(other, "customers", "signed_up_day", "attribute_region") == [(None, "north")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_future_has_the_same_past_and_differs_after_it(by_hand: CheckedTables, tmp_path: Path, kind: str) -> None:
    other = altered(by_hand, kind, DAY, tmp_path)
    past, future = (pq.read_table(one.path("transactions")).to_pylist() for one in (by_hand, other))

    assert [row for row in future if row["day"] < DAY] == [row for row in past if row["day"] < DAY]
    assert sorted(map(repr, future)) != sorted(map(repr, past))
    for table in TABLES:
        assert pq.read_schema(other.path(table)).names == pq.read_schema(by_hand.path(table)).names


def test_the_sample_is_whole_customers_and_the_same_each_time(motley: CheckedTables, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    one, other = (sampled(motley, folder, 20) for folder in folders)
    ids = {row[0] for table in TABLES for row in rows_of(one, table, "customer_id")}

    assert len(ids) == 20
    for table in TABLES:
        mine = [row for row in rows_of(motley, table, "customer_id", *motley.columns[table][1:]) if row[0] in ids]
        assert rows_of(one, table, *motley.columns[table]) == mine == rows_of(other, table, *motley.columns[table])


def test_the_proof_counts_what_it_compared(by_hand: CheckedTables) -> None:
    some = CATALOG.available(by_hand.columns, ATTRIBUTES).naming(["orders_28d", "open_complaints"])
    proof: LeakProof = prove(by_hand, some, CUTOFFS[:1], MEMORY)

    assert (proof.customers, proof.columns, proof.vectors, proof.values) == (2, 2, 8, 16)
