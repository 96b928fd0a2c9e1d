"""What was known before each cut-off, as a fingerprint per table: rows that come later leave it as it was."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from datetime import date

from features.checked import CheckedTables
from features.events import TABLES
from features.snapshot import day_number
from features.sources import connect

Known = tuple[int, int]
"""How many rows, or later parts of rows, and the sum of their hashes."""

_OWN_DAY = {
    "transactions": "day", "interactions": "day", "offers": "day", "subscriptions": "started_day",
    "vectors": "coalesce(as_of_day - 1, 0)",
}  # fmt: skip

# What of a row becomes known after the row: the columns, and SQL of the day on which they do. The rules are those of
# features/relations.py.
_LATER: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "interactions": [(("resolved_day", "satisfaction", "expectation"), "coalesce(resolved_day, day)")],
    "offers": [(("responded_day",), "responded_day")],
    "subscriptions": [(("cancelled_day",), "cancelled_day"), (("ended_day",), "least(ended_day, cancelled_day)")],
}


def known_rows(checked: CheckedTables, cutoffs: Sequence[date]) -> dict[str, list[Known]]:
    """For every table of the shop what was known before each of the cut-offs, in their order.

    Equal where the same rows, in any order, hold the same values as far as they were known; a customer's attributes
    count from the first event of the customer on.
    """
    with connect() as connection:
        for name in checked.columns:
            connection.execute(f"create view {name} as from {checked.rows(name)}")
        dated = [name for name in checked.columns if name in _OWN_DAY]
        found = {}
        for name in checked.columns:
            parts = _parts(name, checked.columns[name], dated)
            by_day = connection.execute(
                "select day, count(*), cast(sum(cast(fingerprint as hugeint)) % 18446744073709551616 as ubigint)"
                f" from ({' union all '.join(parts)}) where day is not null group by day order by day"
            ).fetchall()
            found[name] = _before(by_day, [day_number(cutoff) for cutoff in cutoffs])
    return found


def _parts(name: str, columns: Sequence[str], dated: Sequence[str]) -> list[str]:
    """SELECTs of (day, fingerprint) that together tell of every value of the table, each on the day it was known."""
    if name not in _OWN_DAY:
        signed_up = ["select customer_id, signed_up_day as day from customers"] if "signed_up_day" in columns else []
        seen = [f"select customer_id, {_OWN_DAY[table]} as day from {table}" for table in dated] + signed_up
        return [
            f"select f.day, hash({', '.join(f't.{column}' for column in columns)}) as fingerprint from {name} as t join"
            f" (select customer_id, min(day) as day from ({' union all '.join(seen)}) group by customer_id) as f"
            " on f.customer_id = t.customer_id"
        ]
    later = [(tuple(c for c in of if c in columns), day) for of, day in _LATER.get(name, [])]
    late = {column for of, _ in later for column in of}
    first = [column for column in columns if column not in late]
    parts = [f"select {_own_day(name, columns)} as day, hash({', '.join(first)}) as fingerprint from {name}"]
    for of, day in later:
        if of:
            known = _with_absent(day, columns, TABLES[name].checked_schema)
            given = " or ".join(f"{column} is not null" for column in of)
            parts.append(
                f"select {known} as day, hash('{of[0]}', {', '.join((*first, *of))}) as fingerprint from {name} where {given}"
            )
    return parts


def _own_day(name: str, columns: Sequence[str]) -> str:
    return _with_absent(_OWN_DAY[name], columns, TABLES[name].checked_schema)


def _with_absent(sql: str, columns: Sequence[str], schema: Mapping[str, str]) -> str:
    """The SQL with null in the place of columns that the shop does not map."""
    for column in schema:
        if column not in columns and column in sql:
            sql = sql.replace(column, "null")
    return sql


def _before(by_day: Sequence[tuple[int, int, int]], cutoffs: Sequence[int]) -> list[Known]:
    days = [day for day, _, _ in by_day]
    counts = [0, *itertools.accumulate(count for _, count, _ in by_day)]
    sums = [0, *itertools.accumulate(total for _, _, total in by_day)]
    places = [bisect.bisect_left(days, cutoff) for cutoff in cutoffs]
    return [(counts[place], sums[place] % 2**64) for place in places]
