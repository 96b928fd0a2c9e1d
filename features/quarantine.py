"""The quarantine: rows that cannot be used, each with its place, column, value and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from features.parquet_files import FILE_ROWS
from features.sources import quoted
from features.store import written_whole

MISSING = "is missing"


@dataclass(frozen=True)
class Fault:
    """What is wrong with how many rows of a table, and an expression of shop.toml that may mend it."""

    column: str
    reason: str
    rows: int
    mend: str = ""


class Quarantine:
    """The bad rows of one table as they are found; a row with two faults has two lines and counts once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[str]) -> None:
        self._connection = connection
        self._files = files
        self.file: str | None = None
        self.rows = f'"bad {table}"'
        connection.execute(
            f'create or replace temp table {self.rows} (row_number bigint, "column" varchar, value varchar, reason varchar)'
        )

    def add(self, query: str) -> int:
        """Take in what a query gives as (row_number, column, value, reason); how many lines."""
        return int(self._one(f"insert into {self.rows} {query}"))

    def count(self, where: str = "true") -> int:
        """How many rows have a fault, or one that `where` tells."""
        return int(self._one(f"select count(distinct row_number) from {self.rows} where {where}"))

    def faults(self) -> list[Fault]:
        """What is wrong, the most frequent first."""
        found = self._connection.execute(
            f'select "column", reason, count(distinct row_number) as n from {self.rows} group by all'
            ' order by n desc, "column", reason'
        ).fetchall()
        return [Fault(*fault) for fault in found]

    def first(self) -> str:
        """The first bad row, in words."""
        number, column, value, reason = self._connection.execute(
            f'select row_number, "column", value, reason from {self.rows} order by row_number limit 1'
        ).fetchall()[0]
        place = f"row {number % FILE_ROWS}"
        if self._files:
            place += f" of {self._files[number // FILE_ROWS]}"
        shown = value if value is None or len(value) <= 80 else f"{value[:79]}…"
        return f"{place}: {column} is {shown!r}, {reason}"

    def write(self, file: Path) -> str | None:
        """Write all lines as CSV, with the file of each row where there are several; the name, or None without any."""
        if not self.count():
            file.unlink(missing_ok=True)
            return None
        # a text that a spreadsheet would take for a formula is written as text; a number is none
        defused = (
            "case when regexp_matches(value, '^[=+@\\t\\r-]') and try_cast(value as double) is null"
            " then chr(39) || value else value end"
        )
        where = ""
        if self._files:
            names = ", ".join("'" + name.replace("'", "''") + "'" for name in self._files)
            where = f"([{names}])[row_number // {FILE_ROWS} + 1] as file, "
        with written_whole(file) as beside:
            self._connection.execute(
                f'copy (select {where}row_number % {FILE_ROWS} as "row", "column", {defused} as value, reason'
                f" from {self.rows} order by row_number) to {quoted(beside)} (format csv, header true)"
            )
        self.file = str(file)
        return self.file

    def _one(self, query: str) -> Any:
        row = self._connection.execute(query).fetchone()
        return row[0] if row else 0
