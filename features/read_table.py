"""Reading one table of a shop: its good rows as checked Parquet, its bad ones in quarantine, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from features.checked import TableReport
from features.column_report import column_report
from features.events import CURRENCY, Column, Table
from features.mapping import MappedColumn, mapped_columns, not_evaluated
from features.mends import mend_of
from features.quarantine import MISSING, Fault, Quarantine
from features.raw_values import Zones, text_of
from features.refusal import Refusal
from features.rules import FUTURE, Check, checks, rate
from features.shop import Shop, TableSource
from features.sources import OpenSource, escaped, faults_view, main_file, parquet, quoted, row_column
from features.store import Store, file_refusal

_MEND = (
    "Mend the table, or convert in shop.toml with SQL: try_strptime(timestamp, '%d.%m.%Y'), replace(amount, ',', '.')."
)
_BITS = 62  # of a bigint that tells which checks a row fails


@dataclass
class TableReader:
    """Reads one table after another; collects what the shop's checked tables are described by."""

    connection: duckdb.DuckDBPyConnection
    shop: Shop
    opened: Mapping[str, OpenSource]
    store: Store
    folder: Path
    scratch: Path
    today: date
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    future_rows: int = 0

    def read(self, table: Table, source: TableSource) -> TableReport:
        """Check one table; write its good rows and its quarantine.

        Raises
        ------
        Refusal
            HF201 to HF205, HF209.
        """
        main = main_file(self.shop, source)
        mapped = mapped_columns(self.connection, table, source, main)
        todo = checks(table, mapped, self.shop, self.today)
        quarantine = Quarantine(self.connection, table.name, self.opened[main].files)
        rows = self._lay_out(table, source, main, mapped, todo)
        warnings = [*self._said_of(source, main), *self._count_join(table, source, main, rows)]
        quarantine.add(f"select row_number, 'line', line, fault from {faults_view(main)}")
        read = self._one(f"select (select count(*) from {rows}) + (select count(*) from {quarantine.rows})")
        if read == 0:
            raise Refusal("HF203", f"{table.name}: the table is empty.", "Give a table with rows.")
        self._find_failed(rows, mapped, todo, quarantine)
        warnings += self._find_repeats(table, source, rows, mapped, quarantine)
        faults = [mend_of(self.connection, quarantine, fault, mapped) for fault in quarantine.faults()]
        quarantined = quarantine.count()
        file = quarantine.write(self.store.quarantine / f"{self.shop.name}.{table.name}.csv")
        nameless = quarantine.count(f"\"column\" = 'customer_id' and reason = '{MISSING}'") if table.anonymous else 0
        if quarantined == read or quarantined - nameless > source.max_bad_share * (read - nameless):
            raise _too_bad(table, source, read, quarantined, nameless, quarantine, faults)
        if nameless:
            share = f"{nameless:,} of {read:,} rows ({nameless / read:.0%})"
            warnings.append(f"{share} have no customer_id; they are in the quarantine")
        warnings += [
            f"{fault.rows:,} rows: {fault.column}: {fault.reason}. {fault.mend}" for fault in faults if fault.mend
        ]
        warnings += self._odd_ids(rows, mapped)
        kept = self._write_checked(table, rows, mapped, quarantine)
        reports = [column_report(self.connection, table, c, c.name in source.columns, self._file(table)) for c in kept]
        return TableReport(
            table.name, read, read - quarantined, quarantined, file, tuple(reports), tuple(warnings), tuple(faults)
        )

    def _one(self, query: str) -> Any:
        row = self.connection.execute(query).fetchone()
        return row[0] if row else None

    def _file(self, table: Table) -> str:
        return parquet(escaped(self.folder / f"{table.name}.parquet"))

    def _lay_out(
        self, table: Table, source: TableSource, main: str, mapped: Sequence[MappedColumn], todo: Sequence[Check]
    ) -> str:
        """Write every row once: row_number, checked values, which checks it fails and, if any, its raw values."""
        zones = Zones(self.shop.time_zone, source.time_zone or self.shop.time_zone)
        given = ", ".join(f"({one.theirs}) as {one.raw}" for one in mapped)
        texts = ", ".join(f"{text_of(one.raw, one.sql_type)} as {one.text}" for one in mapped)
        typed = ", ".join(f"{one.typed_value(zones)} as {one.typed}" for one in mapped)
        masks = [
            " + ".join(f"case when {check.broken} then {1 << bit} else 0 end" for bit, check in enumerate(part))
            for part in (todo[k : k + _BITS] for k in range(0, len(todo), _BITS))
        ]
        failed = ", ".join(f'{mask} as "failed {k}"' for k, mask in enumerate(masks))
        any_failed = " or ".join(f'"failed {k}" <> 0' for k in range(len(masks)))
        in_currency = CURRENCY.name in source.columns
        exchanged = [
            f"{one.typed} * {rate(self.shop)} as {one.typed}" for one in mapped if in_currency and one.column.money
        ]
        replaced = f"replace ({', '.join(exchanged)})" if exchanged else ""
        values = ", ".join(f"cast({one.raw} as varchar)" for one in mapped)
        passing = ", ".join(f"{one.raw}, {one.text}" for one in mapped)
        file = self.scratch / f"{table.name}.parquet"
        try:
            self.connection.execute(
                f"copy (select * exclude ({passing}) {replaced}, case when {any_failed} then [{values}] end as raw_values"
                f" from (select *, {failed} from (select *, {typed} from (select *, {texts}"
                f' from (select "{row_column(main)}" as row_number, {given} from {source.source})))))'
                f" to {quoted(file)} (format parquet, compression lz4)"
            )
        except duckdb.Error as error:
            raise _not_read(table, error) from None
        return parquet(escaped(file))

    def _said_of(self, source: TableSource, main: str) -> list[str]:
        """What there is to say of the sources of a table, and of lines that are no rows in those that it joins."""
        said: list[str] = []
        for name, opened in self.opened.items():
            if name in source.source:
                said += opened.warnings
                lost = 0 if name == main else self._one(f"select count(*) from {faults_view(name)}")
                said += [f"{lost:,} lines of {name} have a field too many or too few and are left out"] if lost else []
        return said

    def _count_join(self, table: Table, source: TableSource, main: str, rows: str) -> list[str]:
        """A join must neither multiply rows nor lose them in silence."""
        if source.source.strip() == main:
            return []
        read, different = self.connection.execute(
            f"select count(*), count(distinct row_number) from {rows}"
        ).fetchall()[0]
        if read > different:
            raise Refusal(
                "HF205", f"{table.name}: the join in `from` repeats {read - different:,} rows of {main}.",
                "Join on columns that name each row of the other file once.",
            )  # fmt: skip
        lost = self._one(f'select count(*) from "{main}"') - read
        return [f"{lost:,} rows of {main} have no partner in `from` and are left out"] if lost else []

    def _find_failed(
        self, rows: str, mapped: Sequence[MappedColumn], todo: Sequence[Check], quarantine: Quarantine
    ) -> None:
        bits = [f'("failed {k // _BITS}" >> {k % _BITS}) & 1' for k in range(len(todo))]
        counts = ", ".join(f"coalesce(sum({bit}), 0)" for bit in bits)
        found = self.connection.execute(f"select {counts} from {rows} where raw_values is not null").fetchall()[0]
        place = {one.name: number for number, one in enumerate(mapped, 1)}
        for check, bit, count in zip(todo, bits, found, strict=True):
            if count:
                reason = check.reason.replace("'", "''")
                quarantine.add(
                    f"select row_number, '{check.column}', raw_values[{place[check.column]}], '{reason}'"
                    f" from {rows} where raw_values is not null and {bit} = 1"
                )
            if check.reason == FUTURE:
                self.future_rows += int(count)

    def _find_repeats(
        self, table: Table, source: TableSource, rows: str, mapped: Sequence[MappedColumn], quarantine: Quarantine
    ) -> list[str]:
        """Quarantine rows seen before: equal ones, or a second one of what a table holds one row of."""
        names = [one.name for one in mapped]
        keys = ", ".join(f'"{name}"' for name in names if name in (table.unique or names))
        good = f"{rows} where row_number not in (select row_number from {quarantine.rows})"
        repeats = (
            f"select row_number from (select row_number, row_number() over (partition by {keys}"
            f" order by row_number) as nth from {good}"
            f" and hash({keys}) in (select hash({keys}) from {good} group by 1 having count(*) > 1))"
            " where nth > 1"
        )
        count = self._one(f"select count(*) from ({repeats})")
        if not count:
            return []
        usual = "quarantine" if table.unique or "order_id" in names else "keep"
        if (source.duplicates or usual) == "keep":
            mend = "map order_id" if table.name == "transactions" else 'set duplicates = "quarantine"'
            return [f"{count:,} rows equal an earlier one and are kept; {mend} to have them quarantined"]
        of = " and ".join(column.replace("customer_id", "customer") for column in table.unique if column in names)
        quarantine.add(
            f"select row_number, 'customer_id', customer_id, 'repeats an earlier row{of and f' of this {of}'}'"
            f" from {rows} where row_number in ({repeats})"
        )
        return []

    def _odd_ids(self, rows: str, mapped: Sequence[MappedColumn]) -> list[str]:
        """Ids that a program has made numbers with a fraction of, on the way here."""
        said = []
        for one in mapped:
            if one.column.kind != "id":
                continue
            if one.sql_type.is_number and not one.sql_type.is_whole:
                said.append(
                    f"{one.name} is of type {one.sql_type.name}; a whole number like 123.0 is read as the id '123'"
                )
            elif self._one(f"select bool_and(ends_with({one.typed}, '.0')) from {rows} where {one.typed} is not null"):
                mend = one.as_setting(f"regexp_replace({one.theirs}, '\\.0$', '')")
                said.append(f"every {one.name} ends in .0; if that is no part of it, write {mend}")
        return said

    def _write_checked(
        self, table: Table, rows: str, mapped: Sequence[MappedColumn], quarantine: Quarantine
    ) -> list[Column]:
        """Write the good rows, in the order of the source; the columns they have."""
        kept = [one.column for one in mapped if one.column != CURRENCY]
        good = f"{rows} where row_number not in (select row_number from {quarantine.rows})"
        selected = [
            f"cast(cast(\"{column.name}\" as date) - date '1970-01-01' as integer) as {column.checked_name}"
            if column.kind == "moment" else f'"{column.name}"'
            for column in kept
        ]  # fmt: skip
        returns = table.name == "transactions" and "is_return" not in [column.name for column in kept]
        if returns and self._one(f"select count(*) from {good} and amount < 0"):
            selected.append("case when amount < 0 then 1 else 0 end as is_return")
            kept.append(Column("is_return", "flag", "a return, since the amount is negative"))
        file = self.folder / f"{table.name}.parquet"
        self.connection.execute(
            f"copy (select {', '.join(selected)} from {good} order by row_number)"  # DuckDB 2.0.0 keeps no order by itself
            f" to {quoted(file)} (format parquet, compression zstd)"
        )
        self.columns[table.name] = tuple(column.checked_name for column in kept)
        kinds = self.attributes if table.one_row_per_customer else self.given
        kinds |= {
            column.name.removeprefix(table.attribute_prefix): column.kind
            for column in kept if table.takes_attributes and column not in table.columns
        }  # fmt: skip
        return kept


def _not_read(table: Table, error: duckdb.Error) -> Refusal:
    """Whether a file is damaged, the disk full, or an expression of shop.toml wrong."""
    said = str(error)
    if "No space left" in said:
        return file_refusal(error)
    # the readers of Parquet speak of the file, or pass on what the format's own library says, in no class of its own
    damaged = type(error) is duckdb.Error or isinstance(error, duckdb.IOException)
    if damaged or "Failed to read file" in said or "Parquet" in said:
        what = f"{table.name}: a file of it cannot be read to its end: {said.splitlines()[0].rstrip('.')}."
        return Refusal("HF201", what, "Write or copy it anew.")
    return not_evaluated(table, error)


def _too_bad(
    table: Table, source: TableSource, read: int, quarantined: int, nameless: int, quarantine: Quarantine, faults: Sequence[Fault]
) -> Refusal:  # fmt: skip
    besides = f", and {nameless:,} have no customer_id" if nameless and nameless < quarantined else ""
    bad = quarantined - nameless if besides else quarantined
    mends = " ".join(dict.fromkeys(fault.mend for fault in faults if fault.mend))
    return Refusal(
        "HF204", f"{table.name}: {bad:,} of {read:,} rows are bad (allowed: {source.max_bad_share:.0%}){besides};"
        f" the first is {quarantine.first()}.",
        f"All are in {quarantine.file}. {mends or _MEND}",
    )  # fmt: skip
