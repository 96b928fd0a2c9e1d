"""Tables written by hand: as raw CSV shops for the check, and as checked rows for the vectors."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.behavior import CATALOG
from features.behavior.peers import PEERS, ventile_names
from features.check import check_tables
from features.checked import CheckedTables
from features.events import TABLES
from features.references import VectorReferences
from features.refusal import Refusal
from features.shop import Shop
from features.snapshot import day_number
from features.store import Store
from features.vectors import vectors

TODAY = date(2024, 7, 1)
TinyShop = Callable[..., Shop]


def purchases(count: int = 20) -> list[dict[str, Any]]:
    """A purchase of 1.50 a day by customers c1 to c4 in turn, from 2024-01-01; row n is order o<n>."""
    return [
        {
            "customer_id": f"c{n % 4 + 1}",
            "timestamp": f"2024-01-{n:02d} 10:00:00",
            "amount": "1.50",
            "order_id": f"o{n}",
        }
        for n in range(1, count + 1)
    ]


def check(shop: Shop, store: Store) -> CheckedTables:
    return check_tables(shop, store, TODAY)


def rows_of(checked: CheckedTables, table: str = "transactions") -> list[dict[str, Any]]:
    return pq.read_table(checked.path(table)).to_pylist()


def quarantine(store: Store, table: str = "transactions") -> list[tuple[str, ...]]:
    """The lines of a quarantine file: row, column, value, reason."""
    with (store.quarantine / f"tiny.{table}.csv").open(encoding="utf-8") as file:
        lines = [tuple(line) for line in csv.reader(file)]
    assert lines[0] == ("row", "column", "value", "reason")
    return lines[1:]


def refusal_of(shop: Shop, store: Store) -> Refusal:
    with pytest.raises(Refusal) as refused:
        check(shop, store)
    return refused.value


CUTOFF = date(2024, 7, 1)  # a Monday
DAY = day_number(CUTOFF)
MEMORY = 182
ATTRIBUTES = {"region": "text", "age": "number"}
GIVEN = {"usage": "number", "cluster": "text"}
_COLUMNS = {name: tuple(table.checked_schema) for name, table in TABLES.items()}
REFERENCES = VectorReferences(
    date(2024, 1, 1),
    {"purchase_r": 0.5, "purchase_alpha": 14.0, "purchase_a": 0.25, "purchase_b": 3.0}
    | {name: float(place) for feature in PEERS for place, name in enumerate(ventile_names(feature), 1)},
    {"milk": 8.0, "bread": 12.0},
)
ALL = CATALOG.available(_COLUMNS, ATTRIBUTES, GIVEN)
"""Every column that needs no references."""
EVERY = CATALOG.available(_COLUMNS, ATTRIBUTES, GIVEN, REFERENCES)
"""Every column there is."""
_TYPES = {"varchar": pa.string(), "integer": pa.int32(), "double": pa.float64()}
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def _schema(table: str) -> dict[str, str]:
    kinds = {"text": "varchar", "number": "double"}
    further: dict[str, str] = {}
    if table == "customers":
        further = {f"attribute_{name}": kinds[kind] for name, kind in ATTRIBUTES.items()}
    if table == "vectors":
        further = {f"given_{name}": kinds[kind] for name, kind in GIVEN.items()}
    return TABLES[table].checked_schema | further


def checked_by_hand(folder: Path, rows: Rows) -> CheckedTables:
    """Checked tables with these rows; what a row does not say is null."""
    for table in TABLES:
        schema = pa.schema([(name, _TYPES[kind]) for name, kind in _schema(table).items()])
        pq.write_table(pa.Table.from_pylist(list(rows.get(table, ())), schema=schema), folder / f"{table}.parquet")
    return CheckedTables(
        folder=folder,
        fingerprint="by hand",
        known_until=date(2030, 1, 1),
        first_day=date(2000, 1, 1),
        last_day=date(2029, 12, 31),
        columns={table: tuple(_schema(table)) for table in TABLES},
        attributes=ATTRIBUTES,
        given=GIVEN,
    )


Vector = dict[str, Any]


def vectors_by_hand(folder: Path, rows: Rows, cutoffs: Sequence[date] = (CUTOFF,)) -> dict[tuple[int, str], Vector]:
    """Vectors by cut-off and customer."""
    table = vectors(checked_by_hand(folder, rows), EVERY, cutoffs, MEMORY, references=REFERENCES)
    return {(row.pop("cutoff"), row.pop("customer_id")): row for row in table.to_pylist()}


def same(one: Vector, other: Vector) -> None:
    """Equal in every column, to 1e-9; null equals null."""
    assert set(one) == set(other)
    different = {
        name: (one[name], other[name])
        for name in one
        if not (
            one[name] == other[name]
            or (isinstance(one[name], float) and isinstance(other[name], float)
                and math.isclose(one[name], other[name], rel_tol=1e-9, abs_tol=1e-9))
        )
    }  # fmt: skip
    assert different == {}


def all_the_same(ours: dict[tuple[int, str], Vector], theirs: dict[tuple[int, str], Vector]) -> None:
    assert set(ours) == set(theirs)
    for key, vector in ours.items():
        same(vector, theirs[key])
