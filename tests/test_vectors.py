"""Behaviour vectors: the laws of time, live equals batch, and the shape of the table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from by_hand import (
    ALL,
    CUTOFF,
    DAY,
    EVERY,
    MEMORY,
    Rows,
    Vector,
    all_the_same,
    checked_by_hand,
    same,
    vectors_by_hand,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.behavior import CATALOG
from features.catalog import Catalog
from features.checked import CheckedTables
from features.events import TABLES
from features.live_vectors import LiveVectors
from features.refusal import Refusal
from features.snapshot import day_number
from features.vector_query import KEYS
from features.vectors import vectors

# ---- the laws of time -----------------------------------------------------------------------------------------------

customers = st.sampled_from("abcde")
before = st.integers(1, 400).map(lambda age: DAY - age)
later = st.integers(0, 60).map(lambda days: DAY + days)
money = st.integers(-2000, 20000).map(lambda cents: cents / 100)
maybe = st.sampled_from([0.0, 0.25, 1.5, None])


def _purchases(day: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "customer_id": customers, "day": day, "amount": money,
            "order_id": st.sampled_from(["o1", "o2", None]), "product": st.sampled_from(["milk", "q", None]),
            "category": st.sampled_from(["x", "y", None]), "store": st.sampled_from(["S", "T", None]),
            "channel": st.sampled_from(["web", "shop", None]), "quantity": st.sampled_from([None, -1.0, 0.5, 3.0]),
            "discount": maybe, "is_return": st.sampled_from([0, 1, None]), "cost": maybe,
        }
    )  # fmt: skip


def _contacts(day: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    kinds = st.sampled_from(["visit", "complaint", "ticket", "email_open", "call", "payment_failed"])
    resolved = st.one_of(st.none(), st.integers(DAY - 90, DAY + 60))
    grade = st.sampled_from([None, 1.0, 4.0])
    return st.fixed_dictionaries(
        {
            "customer_id": customers, "day": day, "kind": kinds, "resolved_day": resolved,
            "satisfaction": grade, "expectation": grade, "topic": st.sampled_from(["price", "delivery", None]),
        }
    )  # fmt: skip


def _sent(day: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    responded = st.one_of(st.none(), st.integers(DAY - 90, DAY + 60))
    return st.fixed_dictionaries(
        {"customer_id": customers, "day": day, "action": st.just("coupon"), "responded_day": responded}
    )


some_day = st.one_of(st.none(), st.integers(DAY - 400, DAY + 60))


def _terms(day: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "customer_id": customers, "started_day": day, "ended_day": some_day, "cancelled_day": some_day,
            "plan": st.sampled_from(["basic", "full", None]), "price": st.sampled_from([0.0, 10.0, 12.5, None]),
            "period_days": st.sampled_from([30.0, 365.0, 0.0, None]), "auto_renew": st.sampled_from([0, 1, None]),
        }
    )  # fmt: skip


def _given_by_the_shop(day: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    """A row is known on the day before the midnight it bears."""
    return st.fixed_dictionaries(
        {
            "customer_id": customers, "as_of_day": day.map(lambda known: known + 1),
            "given_usage": st.sampled_from([None, 1.0, 2.5]), "given_cluster": st.sampled_from([None, "k", "l"]),
        }
    )  # fmt: skip


def _events(day: st.SearchStrategy[int], most: int = 24) -> st.SearchStrategy[dict[str, list[dict[str, Any]]]]:
    return st.fixed_dictionaries(
        {
            "transactions": st.lists(_purchases(day), max_size=most),
            "interactions": st.lists(_contacts(day), max_size=most // 3),
            "offers": st.lists(_sent(day), max_size=most // 3),
            "subscriptions": st.lists(_terms(day), max_size=most // 3),
            "vectors": st.lists(_given_by_the_shop(day), max_size=most // 4),
        }
    )


def _together(*all_rows: Rows) -> dict[str, list[Mapping[str, Any]]]:
    return {table: [row for rows in all_rows for row in rows.get(table, ())] for table in TABLES}


# a pass costs 0.3 s whatever it holds: few examples, each of many customers and events
law = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@law
@given(known=_events(before), future=_events(later), another_future=_events(later))
def test_what_happens_at_or_after_the_cut_off_never_changes_a_vector(
    tmp_path: Path, known: Rows, future: Rows, another_future: Rows
) -> None:
    ours = vectors_by_hand(tmp_path, _together(known, future))
    all_the_same(ours, vectors_by_hand(tmp_path, _together(known, another_future)))


def _as_it_turned_out(row: Mapping[str, Any], ended: int | None, cancelled: int | None) -> Mapping[str, Any]:
    """The term with another future: notice not yet given may come or not, an end not yet known may be any later day."""
    past = {name: row[name] is not None and row[name] < DAY for name in ("ended_day", "cancelled_day")}
    if not any(past.values()):
        row = {**row, "ended_day": ended}
    return row if past["cancelled_day"] else {**row, "cancelled_day": cancelled}


@law
@given(
    known=_events(before),
    futures=st.lists(st.tuples(st.none() | later, st.none() | later), min_size=8, max_size=8),
)
def test_how_a_contract_goes_on_after_the_cut_off_never_changes_a_vector(
    tmp_path: Path, known: Rows, futures: list[tuple[int | None, int | None]]
) -> None:
    terms = [_as_it_turned_out(row, *future) for row, future in zip(known["subscriptions"], futures, strict=False)]
    all_the_same(vectors_by_hand(tmp_path, known), vectors_by_hand(tmp_path, {**known, "subscriptions": terms}))


@law
@given(known=_events(before), data=st.data())
def test_the_order_of_events_never_changes_a_vector(tmp_path: Path, known: Rows, data: st.DataObject) -> None:
    shuffled = {table: data.draw(st.permutations(rows)) for table, rows in known.items()}
    all_the_same(vectors_by_hand(tmp_path, known), vectors_by_hand(tmp_path, shuffled))


@law
@given(known=_events(before), stranger=_events(before))
def test_a_stranger_never_changes_my_vector(tmp_path: Path, known: Rows, stranger: Rows) -> None:
    strangers = {table: [{**row, "customer_id": "z"} for row in rows] for table, rows in stranger.items()}
    mine = vectors_by_hand(tmp_path, known)
    with_others = vectors_by_hand(tmp_path, _together(strangers, known))
    all_the_same(mine, {key: vector for key, vector in with_others.items() if key[1] != "z"})


@law
@given(known=_events(before), cut=st.integers(0, 24))
def test_a_file_split_in_two_and_put_together_never_changes_a_vector(tmp_path: Path, known: Rows, cut: int) -> None:
    """Wherever it is split, and whichever part comes first."""
    parts = {table: [*rows[cut:], *rows[:cut]] for table, rows in known.items()}
    all_the_same(vectors_by_hand(tmp_path, known), vectors_by_hand(tmp_path, parts))


@law
@given(known=_events(before), ages=st.lists(st.integers(0, 200), min_size=2, max_size=3, unique=True))
def test_many_cut_offs_in_one_pass_equal_one_at_a_time(tmp_path: Path, known: Rows, ages: list[int]) -> None:
    cutoffs = [CUTOFF - timedelta(days=age) for age in ages]
    one_at_a_time: dict[tuple[int, str], Vector] = {}
    for cutoff in cutoffs:
        one_at_a_time |= vectors_by_hand(tmp_path, known, [cutoff])
    all_the_same(vectors_by_hand(tmp_path, known, cutoffs), one_at_a_time)


remembered = st.integers(1, MEMORY).map(lambda age: DAY - age)
forgotten = st.integers(MEMORY + 1, 900).map(lambda age: DAY - age)


def _without_memory() -> set[str]:
    """Columns that know no memory: of contracts, memberships and what is given, and those that name such a column."""
    found = {f.name for f in EVERY.features if f.relation in {"term_history", "membership", "given"}}
    while more := {
        f.name
        for f in EVERY.features
        if f.relation == "vector" and f.name not in found and found & set(re.findall(r"\w+", f.sql))
    }:
        found |= more
    return found


@law
@given(recent=_events(remembered), old=_events(forgotten))
def test_what_is_older_than_memory_makes_a_customer_known_and_changes_nothing_else(
    tmp_path: Path, recent: Rows, old: Rows
) -> None:
    """Who bought only before memory gets what a customer without history gets; contracts are remembered for ever."""
    nobody = {"vectors": [{"customer_id": "nobody", "as_of_day": DAY}]}
    with_old = vectors_by_hand(tmp_path, _together(recent, old))
    without = vectors_by_hand(tmp_path, _together(recent, nobody))
    nothing = without.pop((DAY, "nobody"))
    bought = {
        row["customer_id"]
        for rows in (recent, old)
        for table in ("transactions", "subscriptions", "vectors")
        for row in rows[table]
    }
    assert {customer for _, customer in with_old} == bought
    silent = {row["customer_id"] for table in ("interactions", "offers") for row in recent[table]}
    lasting = _without_memory()
    for key, vector in with_old.items():
        if key in without or key[1] not in silent:
            expected = without.get(key, nothing)
            same(vector, {**expected, **{name: vector[name] for name in lasting}})


# ---- live equals batch ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example_catalog(checked: CheckedTables) -> Catalog:
    return CATALOG.available(checked.columns, checked.attributes)


def _rows_of(checked: CheckedTables, customer: str) -> dict[str, list[dict[str, Any]]]:
    return {
        table: pq.read_table(checked.path(table), filters=[("customer_id", "=", customer)]).to_pylist()
        for table in checked.columns
    }


def test_a_customer_from_posted_rows_equals_the_same_customer_in_the_batch(
    checked: CheckedTables, example_catalog: Catalog
) -> None:
    """In all columns, for 60 customers of the example shop at two cut-offs, with future rows posted too."""
    live = LiveVectors(example_catalog, MEMORY)
    cutoffs = [checked.known_until - timedelta(days=days) for days in (100, 0)]
    batch = vectors(checked, example_catalog, cutoffs, MEMORY).to_pylist()
    by_key = {(row["cutoff"], row["customer_id"]): row for row in batch}
    chosen = sorted({row["customer_id"] for row in batch})[::13]
    assert len(chosen) >= 60
    for customer in chosen:
        rows = _rows_of(checked, customer)
        for cutoff in cutoffs:
            found = live.vector(rows, cutoff)
            expected = by_key.get((day_number(cutoff), customer))
            assert (found is None) == (expected is None)
            if found is not None and expected is not None:
                same(found, expected)


def test_posted_rows_leave_nothing_behind_for_the_next_customer(example_catalog: Catalog) -> None:
    live = LiveVectors(example_catalog, MEMORY)
    row = {"customer_id": "x", "day": DAY - 5, "amount": 3.0}
    first = live.vector({"transactions": [row]}, CUTOFF)
    live.vector({"transactions": [{**row, "customer_id": "y", "amount": 9.0}]}, CUTOFF)
    again = live.vector({"transactions": [row]}, CUTOFF)
    assert first is not None
    assert again is not None
    same(first, again)


def test_rows_that_cannot_be_read_leave_nothing_behind(example_catalog: Catalog) -> None:
    live = LiveVectors(example_catalog, MEMORY)
    good = {"customer_id": "x", "day": DAY - 5, "amount": 3.0}
    with pytest.raises(duckdb.Error):
        live.vector({"transactions": [good], "offers": [{"customer_id": "x", "day": "soon"}]}, CUTOFF)
    other = live.vector({"transactions": [{**good, "customer_id": "y"}]}, CUTOFF)
    assert other is not None
    assert other["customer_id"] == "y"


def test_without_a_row_before_the_cut_off_there_is_no_vector(example_catalog: Catalog) -> None:
    live = LiveVectors(example_catalog, MEMORY)
    assert live.vector({}, CUTOFF) is None
    assert live.vector({"transactions": [{"customer_id": "x", "day": DAY, "amount": 3.0}]}, CUTOFF) is None


def test_the_live_database_reaches_no_file(example_catalog: Catalog, tmp_path: Path) -> None:
    """What is posted is data; whatever it holds, it is not read as SQL, and no file could be."""
    live = LiveVectors(example_catalog, MEMORY)
    nasty = "x'; drop table transactions; --"
    found = live.vector({"transactions": [{"customer_id": nasty, "day": DAY - 1, "amount": 1.0}]}, CUTOFF)
    assert found is not None
    assert found["customer_id"] == nasty
    with pytest.raises(duckdb.PermissionException):
        live.connection.execute(f"copy cutoffs to '{tmp_path / 'leak.csv'}'")


def _tampered(text: str, where: str) -> Catalog:
    """The whole catalog with `text` put after the SQL of one reduction, one relation or one feature."""
    if where == "feature":
        first = ALL.features[0]
        return replace(ALL, features=(replace(first, sql=f"{first.sql} {text}"), *ALL.features[1:]))
    texts = getattr(ALL, where)
    name = next(iter(texts))
    return replace(ALL, **{where: {**texts, name: f"{texts[name]} {text}"}})


@pytest.mark.parametrize("door", ["live", "batch"])
@pytest.mark.parametrize("where", ["reductions", "relations", "feature"])
def test_a_catalog_whose_sql_is_more_than_one_select_is_refused_and_does_nothing(
    where: str, door: str, tmp_path: Path
) -> None:
    leak = tmp_path / "leak.csv"
    catalog = _tampered(f"; copy (select 1) to '{leak}'", where)
    with pytest.raises(Refusal, match="HF402"):
        LiveVectors(catalog, MEMORY) if door == "live" else vectors(
            checked_by_hand(tmp_path, {}), catalog, [CUTOFF], MEMORY
        )
    assert not leak.exists()


@pytest.mark.parametrize("door", ["live", "batch"])
def test_a_select_that_reads_another_file_is_refused(door: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("customer_id,day\nx,1\n")
    tables = tmp_path / "tables"
    tables.mkdir()
    catalog = replace(ALL, reductions={**ALL.reductions, "customer_days": f"select * from read_csv('{secret}')"})
    with pytest.raises(Refusal, match=re.escape("HF402 the catalog's SQL cannot be run: ")):
        LiveVectors(catalog, MEMORY) if door == "live" else vectors(
            checked_by_hand(tables, {}), catalog, [CUTOFF], MEMORY
        )


def test_a_name_that_is_more_than_a_name_is_refused(tmp_path: Path) -> None:
    catalog = replace(ALL, reductions={"a as select 1; drop table transactions; --": "select 1"})
    with pytest.raises(Refusal, match="HF402 the catalog names a column 'a as select 1"):
        LiveVectors(catalog, MEMORY)


# ---- the table ------------------------------------------------------------------------------------------------------


def test_the_table_is_ordered_typed_and_named_as_the_catalog(checked: CheckedTables, example_catalog: Catalog) -> None:
    cutoffs = [checked.known_until, checked.known_until - timedelta(days=56)]
    table = vectors(checked, example_catalog, cutoffs, MEMORY)
    assert table.column_names == [*KEYS, *example_catalog.names]
    types = {f.name: pa.string() if f.unit == "category" else pa.float64() for f in example_catalog.features}
    assert {name: table.schema.field(name).type for name in example_catalog.names} == types
    keys = list(zip(table["cutoff"].to_pylist(), table["customer_id"].to_pylist(), strict=True))
    assert keys == sorted(set(keys))


def test_a_cut_off_where_nothing_is_known_is_refused(checked: CheckedTables, example_catalog: Catalog) -> None:
    with pytest.raises(Refusal, match="HF206"):
        vectors(checked, example_catalog, [checked.known_until + timedelta(days=1)], MEMORY)


def test_no_vector_of_the_example_is_infinite_or_not_a_number(checked: CheckedTables, example_catalog: Catalog) -> None:
    table = vectors(checked, example_catalog, [checked.known_until], MEMORY)
    bad = {
        name
        for name in example_catalog.names
        for value in table[name].to_pylist()
        if isinstance(value, float) and not math.isfinite(value)
    }
    assert bad == set()
