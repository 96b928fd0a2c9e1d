"""Other futures: a shop's checked tables as they might have gone on after a cut-off, with the same past.

What is known at a cut-off is stated here a second time, apart from features/relations.py, as a witness to it: a row
from its own day on; a resolution with the satisfaction it brought, an answer to an offer and a notice from theirs; an
end of contract from its day or from its notice on, whichever is first; a row of `vectors` from its `as_of` on, and
whether the customer churned never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from features.checked import CheckedTables
from features.sources import connect, quoted

KINDS = {
    "deleted": "everything later is gone",
    "added": "more happened later",
    "moved": "what happened later happened on other days, with other values",
    "shuffled": "what happened later happened to others",
}
"""What is done with all that lies at or after the cut-off."""

_OWN_DAY = {"transactions": "day", "interactions": "day", "offers": "day", "subscriptions": "started_day", "vectors": "as_of_day"}  # fmt: skip
_LATER_VALUES = {
    "interactions": {"resolved_day": "resolved_day", "satisfaction": "resolved_day", "expectation": "resolved_day"},
    "offers": {"responded_day": "responded_day"},
    "subscriptions": {"cancelled_day": "cancelled_day", "ended_day": "least(ended_day, cancelled_day)"},
    "customers": {"signed_up_day": "signed_up_day"},
}
"""Of rows that are known, values that may become known later: the column, and the day from whose next on it is."""
_OTHER_NUMBERS = {"amount", "quantity", "value", "price", "cost", "discount"}
_WITHIN = 400  # days from the cut-off in which another future lies


def sampled(checked: CheckedTables, folder: Path, customers: int) -> CheckedTables:
    """The tables of so many customers, always the same ones of a shop, written into `folder`."""
    everyone = " union ".join(f"select customer_id from {checked.rows(name)}" for name in checked.columns)
    with connect() as connection:
        connection.execute("set threads = 2")
        connection.execute(
            f"create temp table chosen as select customer_id from ({everyone}) order by hash(customer_id), customer_id"
            f" limit {int(customers)}"
        )
        for name in checked.columns:
            _write(connection, f"select * from {checked.rows(name)} where customer_id in (select customer_id from chosen)",
                   folder / f"{name}.parquet")  # fmt: skip
    return replace(checked, folder=folder, engine="duckdb")


def altered(checked: CheckedTables, kind: str, cutoff: int, folder: Path) -> CheckedTables:
    """The same tables up to a cut-off (a day number), and another future of one of the KINDS after it."""
    with connect() as connection:
        for name, columns in checked.columns.items():
            _write(connection, _altered(checked, name, columns, kind, cutoff), folder / f"{name}.parquet")
    return replace(checked, folder=folder)


def _altered(checked: CheckedTables, name: str, columns: Sequence[str], kind: str, cutoff: int) -> str:
    rows = f"(select *, file_row_number as n from {checked.rows(name, 'file_row_number = true')})"
    known, own = _known_part(name, columns, kind, cutoff), _OWN_DAY.get(name)
    if own is None or own not in columns:
        return f"select {known} from {rows}"  # attributes hold at any time, and so does a vector without as_of
    later = f"coalesce({own}, 0) {'>' if own == 'as_of_day' else '>='} {cutoff}"
    past = f"select {known} from {rows} where not ({later})"
    match kind:
        case "deleted":
            return past
        case "added":
            return (
                f"{past} union all select {', '.join(columns)} from {rows} where {later}"
                f" union all select {_redated(columns, own, cutoff)} from {rows} where hash(n) % 3 = 0"
            )
        case "moved":
            numbers = ", ".join(f"3 * {c} + 1 as {c}" for c in columns if c in _OTHER_NUMBERS)
            others = f"(select * replace ({numbers}) from {rows})" if numbers else rows
            return f"{past} union all select {_redated(columns, own, cutoff)} from {others} where {later}"
        case "shuffled":
            dealt = ", ".join("others.customer_id" if c == "customer_id" else f"mine.{c}" for c in columns)
            future = (
                f"select {dealt} from (select *, row_number() over (order by n) as seat from {rows} where {later}) as mine"
                f" join (select customer_id, row_number() over (order by hash(n)) as seat from {rows} where {later})"
                " as others using (seat)"
            )
            return f"{past} union all {future}"
        case _:
            raise ValueError(f"unknown kind {kind!r}")


def _known_part(name: str, columns: Sequence[str], kind: str, cutoff: int) -> str:
    """The columns of a known row, with another value where theirs becomes known later."""
    found = []
    for column in columns:
        since = _LATER_VALUES.get(name, {}).get(column)
        if name == "vectors" and column == "churned":
            found.append("cast(null as integer) as churned" if kind == "deleted" else "1 - churned as churned")
        elif since is None or kind not in ("deleted", "moved"):
            found.append(column)
        else:
            for absent in {"ended_day", "cancelled_day", "resolved_day"} - set(columns):
                since = since.replace(absent, "null")
            other = _some_later_day(cutoff) if column.endswith("_day") else f"{column} + 1"
            other = "null" if kind == "deleted" else other
            found.append(
                f"case when {since} >= {cutoff} and {column} is not null then {other} else {column} end as {column}"
            )
    return ", ".join(found)


def _redated(columns: Sequence[str], own: str, cutoff: int) -> str:
    """The columns of a row that lies after the cut-off; each of its days moves by as much."""
    day = f"{_some_later_day(cutoff)} + {int(own == 'as_of_day')}"
    moved = {own: f"{day} as {own}"}
    moved |= {c: f"{c} + {day} - {own} as {c}" for c in columns if c.endswith("_day") and c != own}
    return ", ".join(moved.get(column, column) for column in columns)


def _some_later_day(cutoff: int) -> str:
    return f"{cutoff} + cast(hash(n, 7) % {_WITHIN} as integer)"


def _write(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    connection.execute(f"copy ({query}) to {quoted(file)} (format parquet)")
