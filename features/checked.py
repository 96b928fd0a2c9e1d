"""A shop's tables that have passed the check: where their files lie, and what is known of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from features.column_report import ColumnReport
from features.quarantine import Fault
from features.refusal import Refusal
from features.shop import Engine
from features.snapshot import EPOCH
from features.sources import escaped, parquet


@dataclass(frozen=True)
class TableReport:
    """How many rows were read, used and quarantined; read = used + quarantined."""

    table: str
    read: int
    used: int
    quarantined: int
    quarantine_file: str | None
    columns: tuple[ColumnReport, ...]
    warnings: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class CheckedTables:
    """A shop's tables that have passed the check, what is known of them, and what computes with them."""

    folder: Path
    fingerprint: str
    known_until: date
    first_day: date
    last_day: date
    columns: dict[str, tuple[str, ...]]
    attributes: dict[str, str]
    given: dict[str, str] = field(default_factory=dict)
    reports: tuple[TableReport, ...] = field(default=())
    checked_on: date = date(1970, 1, 1)
    future_rows: int = 0
    engine: Engine = "duckdb"
    postgres_url: str | None = field(default=None, repr=False)

    @property
    def is_of_its_day(self) -> bool:
        """Whether another day's check may find more: rows lay in the future, or its own day was under way."""
        return self.future_rows > 0 or self.last_day >= self.checked_on

    @property
    def spanned(self) -> str:
        """Of which days the tables tell, as a sentence without its end; a shop of undated rows alone tells of none."""
        if self.first_day == EPOCH:
            return f"Rows without a day, taken for what is known on {self.known_until}"
        return f"Events from {self.first_day} to {self.last_day}, complete up to {self.known_until}"

    def path(self, table: str) -> Path:
        """The Parquet file of a checked table."""
        return self.folder / f"{table}.parquet"

    def rows(self, table: str, *options: str) -> str:
        """SQL of all rows of a checked table, wherever it lies."""
        return parquet(escaped(self.path(table).absolute()), *options)

    @property
    def purchases(self) -> str:
        """SQL of the rows of `transactions` that are purchases: all but returns."""
        if "is_return" not in self.columns["transactions"]:
            return self.rows("transactions")
        return f"(select * from {self.rows('transactions')} where is_return is distinct from 1)"

    def require_known(self, cutoff: date) -> None:
        """Refuse (HF206) a cut-off before the first event or after what the tables cover."""
        if not self.first_day < cutoff <= self.known_until:
            raise Refusal(
                "HF206", f"the cut-off {cutoff} lies outside what is known, {self.first_day} to {self.known_until}.",
                "Choose a cut-off after the first and not after the last of these days.",
            )  # fmt: skip


def remembered(folder: Path) -> CheckedTables | None:
    """What an earlier check wrote into `folder`, or None."""
    try:
        content = json.loads((folder / "report.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    reports = tuple(
        TableReport(
            **{
                **table,
                "columns": tuple(ColumnReport(**column) for column in table["columns"]),
                "warnings": tuple(table["warnings"]),
                "faults": tuple(Fault(**fault) for fault in table["faults"]),
            }
        )
        for table in content["reports"]
    )
    days = {k: date.fromisoformat(content[k]) for k in ("known_until", "first_day", "last_day", "checked_on")}
    columns = {table: tuple(names) for table, names in content["columns"].items()}
    return replace(CheckedTables(**{**content, **days, "reports": reports, "columns": columns}), folder=folder)
