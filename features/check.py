"""Reading a shop's tables once, strictly: bad rows to quarantine, bad tables refused, the rest checked.

Everything downstream reads what this module wrote: `transactions.parquet` and its siblings, with moments as
integer day numbers, numbers as doubles, ids and texts as strings, flags as 0 and 1.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import duckdb

from features.checked import CheckedTables, remembered
from features.events import TABLES
from features.extracts import digest, extract
from features.read_table import TableReader
from features.refusal import Refusal
from features.shop import Shop
from features.snapshot import day_date, day_number
from features.sources import connect, escaped, fingerprint_of_sources, locations, open_sources, parquet, quoted
from features.store import Store, written_whole

ENOUGH = ("transactions", "subscriptions", "interactions", "vectors")
FORMAT = 6  # of the checked tables; a change makes every table be read again

# When something became known, by table, where there are no transactions. An end may have been planned when the
# tables were written, and tells nothing of how far they go.
_DAYS = {
    "interactions": ("day",), "offers": ("day",), "subscriptions": ("started_day", "cancelled_day"),
    "vectors": ("as_of_day - 1",),
}  # fmt: skip


def check_tables(
    shop: Shop, store: Store, today: date, tell: Callable[[str], object] = lambda _: None
) -> CheckedTables:
    """The shop's tables, checked; read again only where files, mapping or what a server gives have changed.

    Parameters
    ----------
    store
        Its environment holds the addresses of the databases that the shop names.
    today
        Rows dated later are quarantined as not yet possible.
    tell
        Called with the name of each table when it has been read.

    Raises
    ------
    Refusal
        HF201 to HF209, HF221 to HF223.
    """
    if not set(ENOUGH) & set(shop.tables):
        raise Refusal(
            "HF207", "shop.toml maps none of transactions, subscriptions, interactions and vectors; one of them is enough.",
            "Add [tables.transactions], [tables.subscriptions], [tables.interactions] or [tables.vectors].",
        )  # fmt: skip
    found = locations(shop)
    store.tables.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.tables, prefix=".reading.") as folder:
        scratch = Path(folder)
        extracts = extract(found, store.environment, scratch)
        key = fingerprint_of_sources(FORMAT, shop, found, {name: digest(of) for name, of in extracts.items()})
        known = remembered(store.tables / key)
        if known and (not known.is_of_its_day or known.checked_on == today):
            for report in known.reports:
                tell(report.table)
            return _with_engine(known, shop, store)
        with connect() as connection, written_whole(store.tables / key) as beside:
            connection.execute(f"set temp_directory = {quoted(scratch / 'spilled')}")
            # the statistics of Parquet say nothing of NaN, and DuckDB 2.0.0 concludes that there is none
            connection.execute("set disabled_optimizers = 'statistics_propagation'")
            beside.mkdir()
            opened = open_sources(connection, shop, found, extracts, scratch)
            reader = TableReader(connection, shop, opened, store, beside, scratch, today)
            reports = []
            for name in TABLES:
                if name in shop.tables:
                    reports.append(reader.read(TABLES[name], shop.tables[name]))
                    tell(name)
            first, last = _first_and_last(connection, reader, today)
            checked = CheckedTables(
                folder=store.tables / key,
                fingerprint=_content_fingerprint(connection, reader),
                known_until=shop.known_until or min(day_date(last + 1), today),
                first_day=day_date(first),
                last_day=day_date(last),
                columns=reader.columns,
                attributes=reader.attributes,
                given=reader.given,
                reports=tuple(reports),
                checked_on=today,
                future_rows=reader.future_rows,
            )
            (beside / "report.json").write_text(json.dumps(asdict(checked), default=str, indent=1))
    return _with_engine(checked, shop, store)


def _with_engine(checked: CheckedTables, shop: Shop, store: Store) -> CheckedTables:
    """What computes with the tables is the shop's choice of today, and where it runs is the machine's."""
    return replace(checked, engine=shop.engine, postgres_url=store.environment.get("HOLDFAST_POSTGRES_URL") or None)


def _first_and_last(connection: duckdb.DuckDBPyConnection, reader: TableReader, today: date) -> tuple[int, int]:
    """The days of the first and the last event; of all days, up to today, where the shop has undated rows alone."""
    if "transactions" in reader.columns:
        dated = [("transactions", "day")]
    else:
        dated = [
            (table, day) for table, days in _DAYS.items() for day in days
            if day.split()[0] in reader.columns.get(table, ())
        ]  # fmt: skip
    days = " union all ".join(
        f"select {day} as day from {_relation(reader, table)} where {day} <= {day_number(today)}"
        for table, day in dated
    )
    query = f"select min(day), max(day) from ({days or 'select null as day'})"
    first, last = connection.execute(query).fetchall()[0]
    return (0, day_number(today)) if first is None else (first, last)


def _content_fingerprint(connection: duckdb.DuckDBPyConnection, reader: TableReader) -> str:
    """Depends on the checked rows alone, not on their order or on files' names and times."""
    parts = []
    for table, columns in reader.columns.items():
        names = ", ".join(f'cast("{name}" as varchar)' for name in columns)
        # a sum, since equal rows would cancel out in an exclusive or
        count, total = connection.execute(
            f"select count(*), sum(cast(hash({names}) as hugeint)) from {_relation(reader, table)}"
        ).fetchall()[0]
        parts.append(f"{table}({', '.join(columns)}):{count}:{total}")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _relation(reader: TableReader, table: str) -> str:
    return parquet(escaped(reader.folder / f"{table}.parquet"))
