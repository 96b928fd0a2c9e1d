"""The vector of one customer from posted events, by the same SQL that made the vectors learned from."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from features.catalog import Catalog
from features.events import TABLES
from features.on_duckdb import OWN_TABLES, create_empty, only_reading
from features.references import NUMBERS, PRICES, VectorReferences
from features.snapshot import day_number
from features.sources import connect
from features.vector_query import KEYS, vector_query

Tables = Mapping[str, Sequence[Mapping[str, Any]]]
_OPTIMIZERS = ["expression_rewriter", "build_side_probe_side"]


class LiveVectors:
    """The catalog's statement prepared once, with one JSON text of all rows as its parameter; safe to share between threads.

    DuckDB 2.0.0 plans a prepared statement anew at each execution where it reads a table of the database, and not where
    its rows come with a parameter.
    """

    def __init__(self, catalog: Catalog, memory_days: int, references: VectorReferences | None = None) -> None:
        self.catalog = catalog
        self.memory_days = memory_days
        self._prices = references.prices if references else {}
        self._lock = threading.Lock()
        self.connection = connect(threads=1)
        schemas = {table.name: dict(table.checked_schema) for table in TABLES.values()}
        for feature in catalog.features:
            owner = {"attributes": "customers", "given": "vectors"}.get(feature.relation)
            if owner:
                schemas[owner][feature.name] = "varchar" if feature.unit == "category" else "double"
        self._columns = {name: tuple(schema) for name, schema in schemas.items()}
        # what is bound is checked against empty tables of the same names, which the prepared statement then hides
        numbers = (references or VectorReferences(date.min)).numbers_query()
        create_empty(self.connection, schemas, numbers)
        # a customer's few rows need hardly a better plan than the one written down; what inlines a CTE runs it often
        others = "select string_agg(name, ',') from duckdb_optimizers() where not list_contains(?, name)"
        (disabled,) = self.connection.execute(others, [_OPTIMIZERS]).fetchall()[0]
        self.connection.execute(f"set disabled_optimizers = '{disabled}'")
        posted = {**schemas, **OWN_TABLES}
        with only_reading(self.connection, catalog):
            parts = [
                f"posted as materialized (select from_json_strict(cast($1 as varchar), '{_structure(posted)}') as p)"
            ]
            for name, schema in posted.items():
                # a table in a CTE of its own: what is scanned is allocated, and a scan of `posted` has all tables' columns
                parts.append(f"posted_{name} as materialized (select p.{name} as p from posted)")
                columns = ", ".join(f"unnest(p.{column}) as {column}" for column in schema)
                parts.append(f"{name} as (select {columns} from posted_{name})")
            parts.append(f"{NUMBERS} as ({numbers})")
            parts += [f"{name} as ({sql})" for name, sql in catalog.reductions.items()]
            query = vector_query(catalog).removeprefix("with ")
            self.connection.execute(f"prepare vector as with {', '.join(parts)}, {query}")

    def vector(self, tables: Tables, cutoff: date) -> dict[str, Any] | None:
        """The vector of the customer whose checked rows these are; None without any row before the cut-off.

        Parameters
        ----------
        tables
            Table name to rows of the checked schema (day numbers, doubles, strings), all of one customer.
        """
        text = self.posted_text(tables, cutoff)
        with self._lock:
            found = self.connection.execute(f"execute vector('{text}')").fetchall()
        if not found:
            return None
        return dict(zip((*KEYS, *self.catalog.names), found[0], strict=True))

    def posted_text(self, tables: Tables, cutoff: date) -> str:
        """The rows, the cut-off and the prices of the products as the statement's one parameter, quotes doubled."""
        posted: dict[str, Any] = dict.fromkeys((*self._columns, PRICES))
        posted |= {name: self._by_column(name, rows) for name, rows in tables.items() if rows}
        posted["cutoffs"] = {"cutoff": [day_number(cutoff)], "memory_days": [self.memory_days]}
        if self._prices:
            bought = {str(row.get("product")) for row in tables.get("transactions", ())}
            known = [product for product in bought if product in self._prices]
            posted[PRICES] = {"product": known, "price": [self._prices[product] for product in known]}
        return json.dumps(posted, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("'", "''")

    def _by_column(self, table: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any] | None]:
        """Rows as columns of equal length; one without values is none, which is null in all rows."""
        columns = {column: [row.get(column) for row in rows] for column in self._columns[table]}
        return {column: values if any(value is not None for value in values) else None
                for column, values in columns.items()}  # fmt: skip


def _structure(schemas: Mapping[str, Mapping[str, str]]) -> str:
    """What the posted JSON holds: each table as an object of columns, each a list of values."""
    return json.dumps({name: {column: [kind] for column, kind in schema.items()} for name, schema in schemas.items()})
