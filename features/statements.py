"""What a server computes for a catalog's vectors: the tables it loads, the statements it runs, in its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.checked import CheckedTables
from features.dialects import Dialect
from features.events import TABLES
from features.on_duckdb import create_empty, only_reading
from features.references import NUMBERS, PRICES, VectorReferences
from features.sources import connect
from features.vector_query import KEYS, vector_query

_PLAIN = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class LoadedColumn:
    """A column of a loaded table: what the checked file calls it (None: it has none), what the server does, its type."""

    source: str | None
    name: str
    kind: str


@dataclass(frozen=True)
class Statements:
    """Everything to run, in order: load `tables`, create `reductions`, ask `query`.

    Attributes
    ----------
    tables
        Those of the contract that anything reads, by name.
    reductions
        Name to SELECT; each may read the tables and the reductions before it.
    numbers
        SELECT of the one row of `reference_numbers`.
    reads_prices
        Whether `reference_prices` is read.
    query
        SELECT of the vectors, in no order.
    columns
        What the columns of `query` are to be called, in its order.
    texts
        Those of `columns` that are texts; `cutoff` and `has_bought` are integers, the rest doubles.
    """

    tables: Mapping[str, tuple[LoadedColumn, ...]]
    reductions: Mapping[str, str]
    numbers: str
    reads_prices: bool
    query: str
    columns: tuple[str, ...]
    texts: frozenset[str]


def statements(
    dialect: Dialect, checked: CheckedTables, catalog: Catalog, references: VectorReferences | None
) -> Statements:
    """The catalog's SQL, found to be nothing but portable SELECTs over the contract's tables.

    Raises
    ------
    Refusal
        HF104 for SQL that is not portable, HF402 for SQL that asks for what is not there.
    """
    schemas = {name: _schema(checked, name) for name in TABLES}
    query = vector_query(catalog)
    numbers = (references or VectorReferences(checked.first_day)).numbers_query()
    _require_sound(catalog, schemas, query, numbers)
    read = set(re.findall(r"\w+", query))
    for name, sql in reversed(list(catalog.reductions.items())):  # each stands on earlier ones alone
        if name in read:
            read |= set(re.findall(r"\w+", sql))
    named = [*catalog.names, *catalog.reductions, *(column for schema in schemas.values() for column in schema)]
    odd = [name for name in dict.fromkeys(named) if not _PLAIN.fullmatch(name)]
    names = {name: f"odd_{number}" for number, name in enumerate(odd)}
    return Statements(
        tables={
            table: tuple(
                LoadedColumn(column if column in checked.columns.get(table, ()) else None, names.get(column, column), kind)
                for column, kind in schema.items()
            )
            for table, schema in schemas.items() if table in read
        },
        reductions={
            names.get(name, name): dialect.say(sql, name, names) for name, sql in catalog.reductions.items() if name in read
        },
        numbers=dialect.say(numbers, NUMBERS, names),
        reads_prices=PRICES in read,
        query=dialect.say(query, "the catalog", names),
        columns=(*KEYS, *catalog.names),
        texts=frozenset({"customer_id", *(f.name for f in catalog.features if f.unit == "category")}),
    )  # fmt: skip


def _schema(checked: CheckedTables, table: str) -> dict[str, str]:
    """The contract's columns, and those that this shop adds."""
    schema = dict(TABLES[table].checked_schema)
    if table in checked.columns:
        for column in pq.read_schema(checked.path(table)):
            schema.setdefault(column.name, "varchar" if pa.types.is_string(column.type) else "double")
    return schema


def _require_sound(catalog: Catalog, schemas: Mapping[str, Mapping[str, str]], query: str, numbers: str) -> None:
    """What DuckDB will not bind over empty tables is asked of no server."""
    with connect() as connection:
        create_empty(connection, schemas, numbers)
        with only_reading(connection, catalog):
            for name, sql in catalog.reductions.items():
                connection.execute(f"create table {name} as {sql}")
            connection.execute(f"prepare vector as {query}")
