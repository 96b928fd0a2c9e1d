"""Behaviour vectors: one row per customer and cut-off, from checked tables or from posted events."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.catalog import Catalog, Feature
from features.check import CheckedTables
from features.events import TABLES
from features.refusal import Refusal
from features.snapshot import day_number
from features.sources import connect, quoted
from features.store import Store, written_whole

_RATIO = "create macro ratio(a, b) as case when b = 0 then null else cast(a as double) / cast(b as double) end"

KEYS = ("cutoff", "customer_id", "has_bought")


def vector_query(catalog: Catalog) -> str:
    """One SQL statement that gives `cutoff`, `customer_id`, `has_bought` and every column of the catalog.

    It reads the catalog's reductions and the table `cutoffs` (cutoff, memory_days), so that the
    same text serves one cut-off or many, and is prepared once.
    """
    by_relation: dict[str, list[Feature]] = {}
    for feature in catalog.features:
        by_relation.setdefault(feature.relation, []).append(feature)
    by_relation.pop("vector", None)
    attributes = by_relation.pop("attributes", [])
    parts = [
        "spine as (select c.cutoff, k.customer_id,"
        " case when k.first_purchase_day < c.cutoff then 1 else 0 end as has_bought from known_customers as k"
        " join cutoffs as c on k.first_day < c.cutoff)"
    ]
    columns, joins = [f"s.{name}" for name in KEYS], []
    for relation, features in by_relation.items():
        aggregates = ", ".join(f"{f.sql} as {f.name}" for f in features)
        parts.append(
            f"{relation}_features as (select cutoff, customer_id, {aggregates}"
            f" from ({catalog.relations[relation]}) as r group by cutoff, customer_id)"
        )
        joins.append(
            f"left join {relation}_features as {relation}"
            f" on {relation}.cutoff = s.cutoff and {relation}.customer_id = s.customer_id"
        )
        columns += [_column(f, f"{relation}.{f.name}") for f in features]
    if attributes:
        joins.append("left join customers as a on a.customer_id = s.customer_id")
        columns += [f"a.{f.sql} as {f.name}" for f in attributes]
    parts.append(f"gathered as (select {', '.join(columns)} from spine as s {' '.join(joins)})")
    last = [_column(f, f.sql) if f.relation == "vector" else f.name for f in catalog.features]
    return f"with {', '.join(parts)} select {', '.join((*KEYS, *last))} from gathered"


def _column(feature: Feature, sql: str) -> str:
    filled = f"coalesce({sql}, 0)" if feature.missing == "0" else sql
    return f"cast({filled} as double) as {feature.name}"


def vectors(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, store: Store | None = None,
    threads: int = 1,
) -> pa.Table:  # fmt: skip
    """The vectors of every customer known at each cut-off, ordered by cut-off and customer.

    Returns
    -------
    pyarrow.Table
        `cutoff` (day number), `customer_id`, `has_bought` (1, or 0 for who only signed up), then the catalog's
        columns: doubles, or strings for categories; null where the catalog says unknown.

    With a store, the table is kept there and taken again while tables, catalog and cut-offs are the same. On one
    thread the values are the same to the last bit each time; several are quicker and add up in changing order.
    """
    for cutoff in cutoffs:
        checked.require_known(cutoff)
    if store is None:
        return _compute(checked, catalog, cutoffs, memory_days, threads)
    what = (checked.fingerprint, catalog.fingerprint, [str(c) for c in cutoffs], memory_days)
    file = store.vectors / f"{hashlib.sha256(repr(what).encode()).hexdigest()[:16]}.parquet"
    if file.exists():
        return pq.read_table(file)
    table = _compute(checked, catalog, cutoffs, memory_days, threads)
    with written_whole(file) as beside:
        pq.write_table(table, beside, compression="zstd")
    return table


def _compute(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, threads: int
) -> pa.Table:
    with connect() as connection:
        connection.execute(f"set threads = {int(threads)}")
        connection.execute(_RATIO)
        _view_tables(connection, checked)
        _set_cutoffs(connection, cutoffs, memory_days)
        connection.execute(f"set allowed_directories = [{quoted(checked.folder.absolute())}]")
        with _only_reading(connection, catalog):
            for name, sql in catalog.reductions.items():
                connection.execute(f"create temp table {name} as {sql}")
            query = f"{vector_query(catalog)} order by cutoff, customer_id"
            return connection.sql(query).to_arrow_table()


@contextmanager
def _only_reading(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> Iterator[None]:
    """For the SQL that a bundle brings: nothing but SELECTs, on a database locked off from other files.

    Raises
    ------
    Refusal
        HF402 for a text that is not one SELECT, for a name that is more than a name, and for SQL that asks for what
        is not there or not allowed.
    """
    names = [*catalog.reductions, *(f.sql for f in catalog.features if f.relation == "attributes")]
    odd = [name for name in names if not name.isidentifier()]
    if odd:
        raise Refusal("HF402", f"the catalog names a column {odd[0]!r}.", "Publish the bundle again.")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    try:
        for name, sql in {**catalog.reductions, **catalog.relations, "vector": vector_query(catalog)}.items():
            kinds = [statement.type for statement in connection.extract_statements(sql)]
            if kinds != [duckdb.StatementType.SELECT]:
                raise Refusal("HF402", f"the catalog's SQL of {name} is not one SELECT.", "Publish the bundle again.")
        yield
    except (
        duckdb.ParserException,
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.PermissionException,
    ) as error:
        raise Refusal(
            "HF402", f"the catalog's SQL cannot be run: {str(error).splitlines()[0]}", "Publish the bundle again."
        ) from None  # fmt: skip


def _view_tables(connection: duckdb.DuckDBPyConnection, checked: CheckedTables) -> None:
    """Views of the contract's tables over the checked files; what the shop does not bring is null."""
    for table in TABLES.values():
        have = checked.columns.get(table.name, ())
        columns = [
            name if name in have else f"cast(null as {kind}) as {name}" for name, kind in table.checked_schema.items()
        ]
        columns += [name for name in have if name.startswith("attribute_")]
        source = f"read_parquet({quoted(checked.path(table.name).absolute())})" if have else "(select 1 where false)"
        connection.execute(f"create view {table.name} as select {', '.join(columns)} from {source}")


def _set_cutoffs(connection: duckdb.DuckDBPyConnection, cutoffs: Iterable[date], memory_days: int) -> None:
    connection.execute("create temp table cutoffs (cutoff integer, memory_days integer)")
    connection.executemany(
        "insert into cutoffs values (?, ?)", [(day_number(cutoff), memory_days) for cutoff in cutoffs]
    )


class LiveVectors:
    """The same SQL for one customer's posted events, prepared once; safe to share between threads."""

    def __init__(self, catalog: Catalog, memory_days: int) -> None:
        self.catalog = catalog
        self.memory_days = memory_days
        self._lock = threading.Lock()
        self._connection = connect()
        self._connection.execute("set threads = 1")
        self._connection.execute(_RATIO)
        self._attributes = {f.sql: "varchar" if f.unit == "category" else "double"
                            for f in catalog.features if f.relation == "attributes"}  # fmt: skip
        self._schemas: dict[str, pa.Schema] = {}
        for table in TABLES.values():
            columns = dict(table.checked_schema)
            if table.name == "customers":
                columns |= self._attributes
            spec = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            self._connection.execute(f"create table {table.name} ({spec})")
            self._schemas[table.name] = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
        self._connection.execute("create table cutoffs (cutoff integer, memory_days integer)")
        # DuckDB 2.0.0 plans this prepared statement anew at each execution, 25 of 45 ms in the optimizer; a customer's
        # few rows need no better plan than the one written down.
        self._connection.execute("pragma disable_optimizer")
        with _only_reading(self._connection, catalog):
            for name, sql in catalog.reductions.items():
                self._connection.execute(f"create view {name} as {sql}")
            self._connection.execute(f"prepare vector as {vector_query(catalog)}")

    def vector(self, tables: Mapping[str, Sequence[Mapping[str, Any]]], cutoff: date) -> dict[str, Any] | None:
        """The vector of the customer whose checked rows these are; None without any row before the cut-off.

        Parameters
        ----------
        tables
            Table name to rows of the checked schema (day numbers, doubles, strings), all of one customer.
        """
        with self._lock:
            try:
                self._connection.execute("insert into cutoffs values (?, ?)", [day_number(cutoff), self.memory_days])
                for name, rows in tables.items():
                    if rows:
                        self._connection.register(
                            "posted", pa.Table.from_pylist(list(rows), schema=self._schemas[name])
                        )
                        self._connection.execute(f"insert into {name} select * from posted")
                        self._connection.unregister("posted")
                found = self._connection.execute("execute vector").fetchall()
            finally:
                for name in ("cutoffs", *tables):
                    self._connection.execute(f"delete from {name}")
        if not found:
            return None
        return dict(zip((*KEYS, *self.catalog.names), found[0], strict=True))


_ARROW = {"varchar": pa.string(), "integer": pa.int32(), "double": pa.float64()}
