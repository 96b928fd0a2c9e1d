"""Moments that cannot be when things happened: later than their load, ended before begun, or the date of a batch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import duckdb

from features.checked import CheckedTables
from features.shop import Shop, TableSource
from features.snapshot import day_date, day_number
from features.sources import connect, locations
from training.finding import Finding

BATCH = 0.5  # of the rows on a hundredth of the days: twelve bills a year are no batch, three loads are
_FEWEST_ROWS, _FEWEST_DAYS = 200, 60
_PLANNED = {"ended_day"}  # may lie ahead
_EVENT_DAYS = {
    "transactions": "day",
    "interactions": "day",
    "subscriptions": "started_day",
    "customers": "signed_up_day",
}
_THEN = {"interactions": (("resolved_day", "day"),), "offers": (("responded_day", "day"),),
         "subscriptions": (("ended_day", "started_day"), ("cancelled_day", "started_day"))}  # fmt: skip


def moment_findings(shop: Shop, checked: CheckedTables) -> Iterator[Finding]:
    """Findings HF216, HF217 and HF218; none where every moment can be what it says."""
    with connect() as connection:
        for table, columns in checked.columns.items():
            connection.execute(f"create view {table} as from {checked.rows(table)}")
            loaded = loaded_on(shop, shop.tables[table]) if table in shop.tables else None
            for column in columns:
                if (column == "day" or column.endswith("_day")) and column not in _PLANNED:
                    yield from _later_than_load(connection, checked, table, column, loaded)
            for end, start in _THEN.get(table, ()):
                if end in columns:
                    yield from _ends_before(connection, table, end, start)
            day = _EVENT_DAYS.get(table)
            if day in columns:
                yield from _batch(connection, table, str(day))


def loaded_on(shop: Shop, source: TableSource) -> date | None:
    """The latest day on which a file of a table was written, in the shop's time zone; None where there is no file."""
    times = [
        path.stat().st_mtime
        for name, location in locations(shop).items()
        if re.search(rf"\b{name}\b", source.source)
        for path in location.paths
    ]
    return datetime.fromtimestamp(max(times), ZoneInfo(shop.time_zone)).date() if times else None


def _later_than_load(
    connection: duckdb.DuckDBPyConnection, checked: CheckedTables, table: str, column: str, loaded: date | None
) -> Iterator[Finding]:
    known = day_number(checked.known_until)  # that day may have been under way
    written = day_number(loaded) + 1 if loaded else None  # a day's grace, for zones
    rows, after_known, after_file, last = connection.execute(
        f"select count({column}), count(case when {column} > {known} then 1 end),"
        f" count(case when {column} > {written if written is not None else 'null'} then 1 end), max({column}) from {table}"
    ).fetchall()[0]
    if after_file and after_file <= rows / 2:  # else the file's time is not that of the load, as after unpacking
        late, told = after_file, f"the file was last written on {loaded}"
    elif after_known:
        late, told = after_known, f"the table is said to be complete up to {checked.known_until}"
    else:
        return
    yield Finding(
        "later than the load", "read", "warning", _theirs(column), table,
        f"{late:,} of {rows:,} moments lie later, up to {day_date(last)}, though {told}.", "HF216", late, 0,
        "Map when things happened, not when they are planned; or correct known_until.",
    )  # fmt: skip


def _ends_before(connection: duckdb.DuckDBPyConnection, table: str, end: str, start: str) -> Iterator[Finding]:
    rows, odd = connection.execute(
        f"select count({end}), count(case when {end} < {start} then 1 end) from {table}"
    ).fetchall()[0]
    if odd:
        yield Finding(
            "ends before it begins", "read", "warning", _theirs(end), table,
            f"{odd:,} of {rows:,} lie before the row's own {_theirs(start)}: at a cut-off between them, the end would be"
            " known before the beginning.", "HF217", odd, 0, "Look whether the two columns are swapped, or filled in later.",
        )  # fmt: skip


def _batch(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> Iterator[Finding]:
    rows, first, last = connection.execute(
        f"select count({column}), min({column}), max({column}) from {table}"
    ).fetchall()[0]
    if rows < _FEWEST_ROWS or last - first < _FEWEST_DAYS:
        return
    days = math.ceil((last - first + 1) / 100)
    busiest = connection.execute(
        f"select {column}, count(*) from {table} where {column} is not null group by 1 order by 2 desc, 1 limit {days}"
    ).fetchall()
    count = sum(n for _, n in busiest)
    if count / rows > BATCH:
        yield Finding(
            "batch date", "read", "warning", _theirs(column), table,
            f"{count:,} of {rows:,} rows bear one of {len(busiest)} dates, {day_date(busiest[0][0])} most often, of"
            f" {last - first + 1:,} days: that is when rows were loaded, not when things happened.", "HF218",
            round(count / rows, 4), BATCH, "Map the moment of the event, if the source has it.",
        )  # fmt: skip


def _theirs(column: str) -> str:
    """The column as shop.toml calls it."""
    return {"day": "timestamp", "as_of_day": "as_of"}.get(column, column.removesuffix("_day") + "_at")
