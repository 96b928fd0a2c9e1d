"""Reading a shop's tables once, strictly: bad rows to quarantine, bad tables refused, the rest checked.

Everything downstream reads what this module wrote: `transactions.parquet` and its siblings, with moments as
integer day numbers, numbers as doubles, ids and texts as strings, flags as 0 and 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from features.checked import CheckedTables, TableReport, remembered
from features.column_report import column_report
from features.delimited import require_closed_quotes, unreadable
from features.events import TABLES, Column, Table
from features.raw_values import NUMERIC, typed_value, wrong_value
from features.refusal import Refusal, did_you_mean
from features.shop import Shop, TableSource
from features.snapshot import day_date
from features.sources import connect, faults_view, fingerprint_of_sources, main_file, open_files, quoted, row_column
from features.store import Store, written_whole

ENOUGH = ("transactions", "subscriptions", "vectors")
FORMAT = 4  # of the checked tables; a change makes every table be read again


def check_tables(
    shop: Shop, store: Store, today: date, tell: Callable[[str], object] = lambda _: None
) -> CheckedTables:
    """The shop's tables, checked; read again only where files or mapping have changed.

    Parameters
    ----------
    today
        Rows dated later are quarantined as not yet possible.
    tell
        Called with the name of each table when it has been read.

    Raises
    ------
    Refusal
        HF201 to HF207.
    """
    if not set(ENOUGH) & set(shop.tables):
        raise Refusal(
            "HF207", "shop.toml maps none of transactions, subscriptions and vectors; one of them is enough.",
            "Add [tables.transactions], [tables.subscriptions] or [tables.vectors].",
        )  # fmt: skip
    key = fingerprint_of_sources(FORMAT, shop)
    folder = store.tables / key
    known = remembered(folder)
    if known and (not known.is_of_its_day or known.checked_on == today):
        for report in known.reports:
            tell(report.table)
        return known
    connection = connect()
    open_files(connection, shop)
    with written_whole(folder) as beside:
        beside.mkdir()
        reader = _Reader(connection, shop, store, beside, today)
        reports = []
        for name in TABLES:
            if name in shop.tables:
                reports.append(reader.read(TABLES[name], shop.tables[name]))
                tell(name)
        first, last = reader.first_and_last_day()
        checked = CheckedTables(
            folder=folder,
            fingerprint=reader.content_fingerprint(),
            known_until=shop.known_until or (today if last is None else min(day_date(last + 1), today)),
            first_day=day_date(first or 0),
            last_day=day_date(last or 0),
            columns=reader.columns,
            attributes=reader.attributes,
            given=reader.given,
            reports=tuple(reports),
            checked_on=today,
            future_rows=reader.future_rows,
        )
        (beside / "report.json").write_text(json.dumps(asdict(checked), default=str, indent=1))
    connection.close()
    return checked


@dataclass
class _Reader:
    """Reads one table after another into `checked_<name>` and Parquet; collects what was found."""

    connection: duckdb.DuckDBPyConnection
    shop: Shop
    store: Store
    folder: Path
    today: date
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    future_rows: int = 0

    def read(self, table: Table, source: TableSource) -> TableReport:
        """Check one table; write its good rows and its quarantine."""
        self.connection.execute("set preserve_insertion_order = true")
        present, types = self._load_raw(table, source)
        warnings = self._count_join(table, source)
        self._quarantine_faulty_lines(table, source)
        read = self._one(f"select (select count(*) from raw_{table.name}) + (select count(*) from bad_{table.name})")
        if read == 0:
            raise Refusal("HF203", f"{table.name}: the table is empty.", "Give a table with rows.")
        rules = self._type_columns(table, present, types)
        self._quarantine_rules(table, rules)
        warnings += self._quarantine_repeats(table, source, present)
        quarantined = self._one(f"select count(distinct row_number) from bad_{table.name}")
        self._refuse_if_too_bad(table, source, read, quarantined)
        self._write_checked(table, present)
        return TableReport(
            table.name, read, read - quarantined, quarantined,
            self._write_quarantine(table, quarantined),
            tuple(column_report(self.connection, table, column, column.name in source.columns) for column in present),
            tuple(warnings),
        )  # fmt: skip

    def first_and_last_day(self) -> tuple[int | None, int | None]:
        """Of all dated events; None where a shop has only undated rows of `vectors`."""
        if "transactions" in self.columns:
            dated = [("transactions", "day")]
        else:
            of = {"interactions": "day", "offers": "day", "subscriptions": "started_day", "vectors": "as_of_day"}
            dated = [(table, day) for table, day in of.items() if day in self.columns.get(table, ())]
        if not dated:
            return None, None
        days = " union all ".join(f"select {day} as day from checked_{table}" for table, day in dated)
        first, last = self.connection.execute(f"select min(day), max(day) from ({days})").fetchall()[0]
        return first, last

    def content_fingerprint(self) -> str:
        """Depends on the checked rows alone, not on their order or on files' names and times."""
        parts = []
        for table, columns in self.columns.items():
            names = ", ".join(f"cast({name} as varchar)" for name in columns)
            # a sum, since equal rows would cancel out in an exclusive or
            count, total = self.connection.execute(
                f"select count(*), sum(cast(hash({names}) as hugeint)) from checked_{table}"
            ).fetchall()[0]
            parts.append(f"{table}({', '.join(columns)}):{count}:{total}")
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def _one(self, query: str) -> Any:
        row = self.connection.execute(query).fetchone()
        return row[0] if row else None

    def _load_raw(self, table: Table, source: TableSource) -> tuple[list[Column], dict[str, str]]:
        for column in table.columns:
            if column.required and column.name not in source.columns:
                raise Refusal(
                    "HF202", f"{table.name}: no column is mapped to {column.name} ({column.meaning}).",
                    f"Add it under [tables.{table.name}.columns].",
                )  # fmt: skip
        main = main_file(self.shop, source)
        try:
            available = [
                row[0] for row in self.connection.execute(f"describe select * from {source.source}").fetchall()
            ]
        except duckdb.Error as error:
            raise Refusal(
                "HF205", f"{table.name}: `from` cannot be read: {str(error).splitlines()[0]}.", "Mend the SQL."
            ) from None
        present = [column for column in table.columns if column.name in source.columns]
        prefix = "given_" if table.name == "vectors" else "attribute_"
        present += [Column(f"{prefix}{name}", "text", name) for name in source.attributes]
        theirs = {**source.columns, **{f"{prefix}{k}": v for k, v in source.attributes.items()}}
        selected = []
        for column in present:
            name = theirs[column.name]
            if name.isidentifier() and name not in available:
                theirs_all = [a for a in available if not a.endswith("_row")]
                raise Refusal(
                    "HF202", f"{table.name}: {column.name} is mapped to {name!r}, which {main} does not have;"
                    f" it has {', '.join(theirs_all)}.",
                    did_you_mean(name, theirs_all),
                )  # fmt: skip
            selected.append(f'({_quoted(name, available)}) as "{column.name}"')
        try:
            self.connection.execute(
                f"create temp table raw_{table.name} as select {row_column(main)} as row_number,"
                f" {', '.join(selected)} from {source.source}"
            )
        except duckdb.Error as error:
            if place := unreadable(error):
                raise Refusal("HF201", f"files.{main}: {place}.", "Mend the file at that line.") from None
            raise Refusal(
                "HF205", f"{table.name}: {str(error).splitlines()[0]}.",
                f"Mend the expressions under [tables.{table.name}.columns].",
            ) from None  # fmt: skip
        described = self.connection.execute(f"describe raw_{table.name}").fetchall()
        return present, {row[0]: row[1] for row in described}

    def _count_join(self, table: Table, source: TableSource) -> list[str]:
        """A join must neither multiply rows nor lose them in silence."""
        main = main_file(self.shop, source)
        repeated = self._one(f"select count(*) - count(distinct row_number) from raw_{table.name}")
        if repeated:
            raise Refusal(
                "HF205", f"{table.name}: the join in `from` repeats {repeated:,} rows of {main}.",
                "Join on columns that name each row of the other file once.",
            )  # fmt: skip
        lost = self._one(f'select (select count(*) from "{main}") - (select count(*) from raw_{table.name})')
        return [f"{lost:,} rows of {main} have no partner in `from` and are left out"] if lost else []

    def _type_columns(self, table: Table, present: list[Column], types: dict[str, str]) -> list[tuple[str, str, str]]:
        """Create `typed_<name>`; return the rules as (column, condition that is bad, reason)."""
        rules: list[tuple[str, str, str]] = []
        selected = []
        for column in present:
            kind: str = column.kind
            if column.name.startswith("attribute_"):
                kind = self._attribute_kind(table, column.name, types[column.name])
                self.attributes[column.name.removeprefix("attribute_")] = kind
            if column.name.startswith("given_"):
                kind = self._attribute_kind(table, column.name, types[column.name])
                self.given[column.name.removeprefix("given_")] = kind
            raw, typed = f'r."{column.name}"', f't."{column.name}"'
            selected.append(f'{typed_value(raw, kind, types[column.name], self.shop.time_zone)} as "{column.name}"')
            given = f"nullif(trim(cast({raw} as varchar)), '') is not null"
            if column.required:
                rules.append((column.name, f"not ({given})", "is missing"))
            rules += [(column.name, bad, reason) for bad, reason in wrong_value(raw, typed, kind)]
            if kind == "moment":
                rules.append((column.name, f"{typed} < timestamp '1970-01-01'", "lies before 1970"))
                if column.name != "ended_at":
                    rules.append((column.name, f"cast({typed} as date) > date '{self.today}'", "lies in the future"))
        self.connection.execute(
            f"create temp table typed_{table.name} as select r.row_number, {', '.join(selected)}"
            f" from raw_{table.name} r"
        )
        return rules

    def _attribute_kind(self, table: Table, name: str, sql_type: str) -> str:
        if sql_type in NUMERIC or sql_type.startswith("DECIMAL"):
            return "number"
        odd = self._one(
            f'select count(*) from raw_{table.name} where "{name}" is not null'
            f' and trim(cast("{name}" as varchar)) <> \'\' and try_cast("{name}" as double) is null'
        )
        return "text" if odd else "number"

    def _quarantine_faulty_lines(self, table: Table, source: TableSource) -> None:
        """Create `bad_<name>` with the lines of the table's file that have a field too many or too few."""
        main = main_file(self.shop, source)
        self.connection.execute(
            f"create temp table bad_{table.name} as select cast(row_number as bigint) as row_number,"
            f" cast('line' as varchar) as \"column\", line as value, fault as reason"
            f" from {faults_view(main)}"
        )
        last = self._one(f"select max(row_number) from bad_{table.name}")
        if last and last > self._one(f"select coalesce(max(row_number), 0) from raw_{table.name}"):
            require_closed_quotes(self.shop.folder / self.shop.files[main], f"files.{main}", last)

    def _quarantine_rules(self, table: Table, rules: list[tuple[str, str, str]]) -> None:
        found = self.connection.execute(
            f"select {', '.join(f'count(case when {bad} then 1 end)' for _, bad, _ in rules)}"
            f" from raw_{table.name} r join typed_{table.name} t using (row_number)"
        ).fetchall()[0]
        for (column, bad, reason), count in zip(rules, found, strict=True):
            if count:
                self.connection.execute(
                    f"insert into bad_{table.name} select row_number, '{column}',"
                    f" cast(r.\"{column}\" as varchar), '{reason}'"
                    f" from raw_{table.name} r join typed_{table.name} t using (row_number) where {bad}"
                )
            if reason == "lies in the future":
                self.future_rows += count

    def _quarantine_repeats(self, table: Table, source: TableSource, present: list[Column]) -> list[str]:
        """Quarantine rows seen before: equal ones, or a second row of a customer in `customers`."""
        names = [column.name for column in present]
        same = ["customer_id"] if table.one_row_per_customer else names
        keys = ", ".join(f'"{name}"' for name in same)
        repeats = (
            f"select row_number from (select row_number, row_number() over (partition by {keys}"
            f" order by row_number) as nth from typed_{table.name}"
            f" where row_number not in (select row_number from bad_{table.name})"
            f" and hash({keys}) in (select hash({keys}) from typed_{table.name} group by 1 having count(*) > 1))"
            " where nth > 1"
        )
        count = self._one(f"select count(*) from ({repeats})")
        if not count:
            return []
        keep = "keep" if "order_id" not in names and not table.one_row_per_customer else "quarantine"
        if (source.duplicates or keep) == "keep":
            mend = "map order_id" if table.name == "transactions" else 'set duplicates = "quarantine"'
            return [f"{count:,} rows equal an earlier one and are kept; {mend} to have them quarantined"]
        reason = "repeats an earlier row" + (" of this customer" if table.one_row_per_customer else "")
        self.connection.execute(
            f"insert into bad_{table.name} select row_number, 'customer_id', customer_id, '{reason}'"
            f" from typed_{table.name} where row_number in ({repeats})"
        )
        return []

    def _refuse_if_too_bad(self, table: Table, source: TableSource, read: int, quarantined: int) -> None:
        if quarantined <= source.max_bad_share * read and quarantined < read:
            return
        row = self.connection.execute(
            f'select row_number, "column", value, reason from bad_{table.name} order by row_number limit 1'
        ).fetchall()[0]
        where = self._write_quarantine(table, quarantined)
        raise Refusal(
            "HF204", f"{table.name}: {quarantined:,} of {read:,} rows are bad (allowed: {source.max_bad_share:.0%});"
            f" the first is row {row[0]}: {row[1]} is {row[2]!r}, {row[3]}.",
            f"All are in {where}. Mend the table, or convert in shop.toml: strptime(timestamp, '%d.%m.%Y'), replace(amount, ',', '.').",
        )  # fmt: skip

    def _write_checked(self, table: Table, present: list[Column]) -> None:
        selected = []
        for column in present:
            if column.kind == "moment":
                day = f"cast(date_diff('day', date '1970-01-01', cast(\"{column.name}\" as date)) as integer)"
                selected.append(f"{day} as {column.checked_name}")
            else:
                selected.append(f'"{column.name}"')
        returns = table.name == "transactions" and "is_return" not in [column.name for column in present]
        if returns and self._one("select count(*) from typed_transactions where amount < 0"):
            selected.append("case when amount < 0 then 1 else 0 end as is_return")
            present = [*present, Column("is_return", "flag", "a return, since the amount is negative")]
        self.connection.execute(
            f"create temp table checked_{table.name} as select {', '.join(selected)} from typed_{table.name}"
            f" where row_number not in (select row_number from bad_{table.name}) order by row_number"
        )
        self.columns[table.name] = tuple(column.checked_name for column in present)
        self.connection.execute(
            f"copy checked_{table.name} to {quoted(self.folder / f'{table.name}.parquet')} (format parquet, compression zstd)"
        )

    def _write_quarantine(self, table: Table, quarantined: int) -> str | None:
        file = self.store.quarantine / f"{self.shop.name}.{table.name}.csv"
        if not quarantined:
            file.unlink(missing_ok=True)
            return None
        # a text that a spreadsheet would take for a formula is written as text; a number is none
        defused = (
            "case when regexp_matches(value, '^[=+@\\t\\r-]') and try_cast(value as double) is null"
            " then chr(39) || value else value end"
        )
        with written_whole(file) as beside:
            self.connection.execute(
                f'copy (select row_number as "row", "column", {defused} as value, reason from bad_{table.name}'
                f" order by row_number) to {quoted(beside)} (format csv, header true)"
            )
        return str(file)


def _quoted(expression: str, available: list[str]) -> str:
    return f'"{expression}"' if expression in available else expression
