"""What is usable of one column of a checked table."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from features.events import Column, Table
from features.snapshot import day_date


@dataclass(frozen=True)
class ColumnReport:
    """What is usable of one column. `state` is ok, warning or absent."""

    table: str
    column: str
    state: str
    missing_share: float
    distinct: int
    low: str
    high: str
    detail: str = ""


def column_report(
    connection: duckdb.DuckDBPyConnection, table: Table, column: Column, mapped: bool, checked: str
) -> ColumnReport:
    """What the checked rows, an SQL relation, hold in this column; a warning only where the shop mapped it."""
    name = f'"{column.checked_name}"'
    missing, distinct, low, high = connection.execute(
        f"select avg(case when {name} is null then 1 else 0 end), count(distinct {name}),"
        f" cast(min({name}) as varchar), cast(max({name}) as varchar) from {checked}"
    ).fetchall()[0]
    if column.kind == "moment":
        low, high = (str(day_date(int(day))) if day is not None else "" for day in (low, high))
    detail = ""
    if missing == 1:
        detail = "no value in any row; features that need it are empty"
    elif missing > 0.2:
        detail = f"{missing:.0%} of the rows have no value"
    elif distinct == 1:
        detail = "one value in all rows; it tells customers nothing apart"
    state = "warning" if detail and mapped else "ok"
    if column.kind in ("id", "text"):
        low = high = ""  # personal data stays out of reports
    return ColumnReport(
        table.name, column.name, state, round(missing or 0.0, 4), distinct, low or "", high or "", detail
    )
