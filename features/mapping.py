"""A shop's mapping of one table, looked up in its sources: each of our columns with the SQL and type of theirs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from features.events import CURRENCY, Column, Table
from features.raw_values import RawColumn, RawType, text_of
from features.refusal import Refusal, did_you_mean
from features.shop import TableSource


@dataclass(frozen=True)
class MappedColumn(RawColumn):
    """One of our columns, and what it is made of: `theirs` is SQL over the columns of the sources."""

    theirs: str

    @property
    def name(self) -> str:
        return self.column.name

    def as_setting(self, expression: str) -> str:
        """The line of shop.toml that maps this column to an SQL expression."""
        return f"{self.name.removeprefix('attribute_').removeprefix('given_')} = {json.dumps(expression, ensure_ascii=False)}"


def mapped_columns(
    connection: duckdb.DuckDBPyConnection, table: Table, source: TableSource, main: str
) -> list[MappedColumn]:
    """Our columns that the shop maps, in the order of the contract, then the attributes.

    Raises
    ------
    Refusal
        HF202 for a column that is not there, HF205 for SQL that makes no sense, HF209 for a type of no use.
    """
    for column in table.columns:
        if column.required and column.name not in source.columns:
            raise Refusal(
                "HF202", f"{table.name}: no column is mapped to {column.name} ({column.meaning}).",
                f"Add it under [tables.{table.name}.columns].",
            )  # fmt: skip
    try:
        available = [row[0] for row in connection.execute(f"describe select * from {source.source}").fetchall()]
    except duckdb.Error as error:
        raise Refusal(
            "HF205", f"{table.name}: `from` cannot be read: {str(error).splitlines()[0]}.", "Mend the SQL."
        ) from None
    prefix = table.attribute_prefix
    ours = [column for column in (*table.columns, CURRENCY) if column.name in source.columns]
    ours += [Column(f"{prefix}{name}", "text", name) for name in source.attributes]
    theirs = {**source.columns, **{f"{prefix}{name}": of for name, of in source.attributes.items()}}
    expressions = [_expression(table, column, theirs[column.name], available, main) for column in ours]
    selected = ", ".join(f'({sql}) as "{column.name}"' for column, sql in zip(ours, expressions, strict=True))
    try:
        described = connection.execute(f"describe select {selected} from {source.source}").fetchall()
    except duckdb.Error as error:
        raise not_evaluated(table, error) from None
    found = [MappedColumn(c, RawType(row[1]), sql) for c, sql, row in zip(ours, expressions, described, strict=True)]
    for one in found:
        if one.sql_type.is_nested:
            part = f"{one.theirs}[1]" if one.sql_type.name.endswith("]") else f"{one.theirs}.FIELD"
            raise Refusal(
                "HF209", f"{table.name}: {one.name} is of type {one.sql_type.name}, of which one value holds several.",
                f"Say which of them: {one.as_setting(part)}",
            )  # fmt: skip
    return _with_kinds(connection, table, source, found)


def not_evaluated(table: Table, error: duckdb.Error) -> Refusal:
    """HF205 for what DuckDB says of the expressions of a table's columns."""
    mend = f"Mend the expressions under [tables.{table.name}.columns]."
    return Refusal("HF205", f"{table.name}: {str(error).splitlines()[0]}.", mend)


def _expression(table: Table, column: Column, name: str, available: Sequence[str], main: str) -> str:
    if name in available:
        return '"' + name.replace('"', '""') + '"'
    if name.isidentifier():
        theirs = [one for one in available if not one.endswith("_row")]
        raise Refusal(
            "HF202", f"{table.name}: {column.name} is mapped to {name!r}, which {main} does not have;"
            f" it has {', '.join(theirs)}.",
            did_you_mean(name, theirs),
        )  # fmt: skip
    return name


def _with_kinds(
    connection: duckdb.DuckDBPyConnection, table: Table, source: TableSource, found: list[MappedColumn]
) -> list[MappedColumn]:
    """An attribute is a number where all its values are, else text."""
    own = [one for one in found if one.name.removeprefix(table.attribute_prefix) in source.attributes]
    own = [one for one in own if one.name.startswith(table.attribute_prefix)]
    asked = [one for one in own if not one.sql_type.is_number]
    numbers = {one.name for one in own} - {one.name for one in asked}
    if asked:
        counts = ", ".join(
            f"count(case when {one.text} is not null and try_cast({one.text} as double) is null then 1 end)"
            for one in asked
        )
        values = ", ".join(f"{text_of(f'({one.theirs})', one.sql_type)} as {one.text}" for one in asked)
        try:
            odd = connection.execute(f"select {counts} from (select {values} from {source.source})").fetchall()[0]
        except duckdb.Error as error:
            raise not_evaluated(table, error) from None
        numbers |= {one.name for one, count in zip(asked, odd, strict=True) if not count}
    return [replace(one, column=replace(one.column, kind="number")) if one.name in numbers else one for one in found]
