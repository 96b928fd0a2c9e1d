"""Behaviour vectors computed by DuckDB, in this process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.checked import CheckedTables
from features.events import TABLES
from features.references import NUMBERS, PRICES, VectorReferences
from features.refusal import Refusal
from features.snapshot import day_number
from features.sources import connect, escaped, parquet, quoted
from features.store import written_whole
from features.vector_query import vector_query

# what is divided by 0 is null, without a comparison at each division
RATIO = "set ieee_floating_point_ops = false; set error_on_division_by_zero = false; create macro ratio(a, b) as cast(a as double) / cast(b as double)"
ROWS_AT_ONCE = 8_000_000


def vectors_on_duckdb(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int,
    references: VectorReferences | None = None, threads: int = 1,
) -> pa.Table:  # fmt: skip
    """What `features.vectors.vectors` gives.

    On one thread the values are the same to the last bit each time; several are quicker and add up in changing order.
    """
    with _opened(checked, _files(checked), catalog, references, Path(tempfile.gettempdir()), threads) as connection:
        _set_cutoffs(connection, cutoffs, memory_days)
        return connection.sql(f"{vector_query(catalog)} order by cutoff, customer_id").to_arrow_table()


def write_on_duckdb(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, folder: Path,
    references: VectorReferences | None = None, threads: int = 2, memory_limit: str | None = None,
    rows_at_once: int = ROWS_AT_ONCE, tell: Callable[[int, int], object] = lambda _done, _of: None,
) -> int:  # fmt: skip
    """What `features.vectors.write_vectors` does; the rows of a file are in no order.

    A shop of more than `rows_at_once` rows is taken in parts, each some of its customers with all that is theirs, so
    that memory stays bounded. `tell(done, of)` counts parts.
    """
    count = max(1, -(-_rows(checked) // rows_at_once))
    written = 0
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(folder) as beside, tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        found = Path(scratch) / "vectors"
        found.mkdir()
        for part, files in enumerate(_parts(checked, count, Path(scratch), memory_limit)):
            with _opened(checked, files, catalog, references, Path(scratch), threads, memory_limit) as connection:
                for cutoff in cutoffs:  # in turn: one copy by cut-off takes DuckDB longer
                    _set_cutoffs(connection, [cutoff], memory_days)
                    file = found / f"cutoff={day_number(cutoff)}" / f"part-{part:04}.parquet"
                    file.parent.mkdir(exist_ok=True)
                    written += connection.execute(
                        f"copy (select * exclude (cutoff) from ({vector_query(catalog)})) to {quoted(file)}"
                        " (format parquet, compression zstd)"
                    ).fetchall()[0][0]
            tell(part + 1, count)
        found.rename(beside)
    return written


def _rows(checked: CheckedTables) -> int:
    return sum(pq.ParquetFile(checked.path(name)).metadata.num_rows for name in checked.columns)


def _files(checked: CheckedTables) -> dict[str, Path]:
    """By table the pattern that finds its file."""
    return {name: escaped(checked.path(name).absolute()) for name in checked.columns}


def _parts(checked: CheckedTables, count: int, scratch: Path, memory_limit: str | None) -> Iterator[dict[str, Path]]:
    """The files of each part; with more than one, every table is first laid out anew by part of its customers."""
    if count == 1:
        yield _files(checked)
        return
    with connect(memory_limit) as connection:
        connection.execute(f"set temp_directory = {quoted(scratch)}")
        connection.execute("set preserve_insertion_order = false")
        for name, file in _files(checked).items():
            connection.execute(
                f"copy (select *, hash(customer_id) % {count} as part from {parquet(file)})"
                f" to {quoted(scratch / name)} (format parquet, partition_by (part))"
            )
    for part in range(count):
        yield {name: escaped(scratch / name / f"part={part}") / "*.parquet" for name in checked.columns
               if (scratch / name / f"part={part}").exists()}  # fmt: skip


@contextmanager
def _opened(
    checked: CheckedTables, files: Mapping[str, Path], catalog: Catalog, references: VectorReferences | None,
    scratch: Path, threads: int, memory_limit: str | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:  # fmt: skip
    """A database with the catalog's reductions, the references and an empty table of cut-offs; locked off from all else."""
    with connect(memory_limit, threads) as connection:
        connection.execute(f"set temp_directory = {quoted(scratch)}")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(RATIO)
        _view_tables(connection, checked, files)
        _set_references(connection, references)
        connection.execute("create temp table cutoffs (cutoff integer, memory_days integer)")
        allowed = {checked.folder.absolute(), scratch}
        connection.execute(f"set allowed_directories = [{', '.join(quoted(one) for one in sorted(allowed))}]")
        with only_reading(connection, catalog):
            for name, sql in catalog.reductions.items():
                connection.execute(f"create temp table {name} as {sql}")
            yield connection


OWN_TABLES: Mapping[str, Mapping[str, str]] = {
    "cutoffs": {"cutoff": "integer", "memory_days": "integer"},
    PRICES: {"product": "varchar", "price": "double"},
}
"""What the statement reads beside the shop's tables and the numbers of the references, as column to type."""


def create_empty(connection: duckdb.DuckDBPyConnection, schemas: Mapping[str, Mapping[str, str]], numbers: str) -> None:
    """All that a catalog's SQL may read, without rows, for it to be bound against; `numbers` is the SQL of the one row."""
    connection.execute(RATIO)
    for name, schema in {**schemas, **OWN_TABLES}.items():
        connection.execute(f"create table {name} ({', '.join(f'{c} {kind}' for c, kind in schema.items())})")
    connection.execute(f"create table {NUMBERS} as {numbers}")


@contextmanager
def only_reading(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> Iterator[None]:
    """For the SQL that a bundle brings: nothing but SELECTs, on a database locked off from other files.

    Raises
    ------
    Refusal
        HF402 for a text that is not one SELECT, for a name that is more than a name, and for SQL that asks for what
        is not there or not allowed.
    """
    names = [*catalog.reductions, *catalog.names]
    names += [f.sql for f in catalog.features if f.relation == "attributes"]
    odd = [name for name in names if not name.isidentifier()]
    if odd:
        raise Refusal("HF402", f"the catalog names a column {odd[0]!r}.", "Publish the bundle again.")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    try:
        for name, sql in {**catalog.reductions, **catalog.relations, "vector": vector_query(catalog)}.items():
            kinds = [statement.type for statement in connection.extract_statements(sql)]
            if kinds != [duckdb.StatementType.SELECT]:
                raise Refusal("HF402", f"the catalog's SQL of {name} is not one SELECT.", "Publish the bundle again.")
        yield
    except (
        duckdb.ParserException,
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.PermissionException,
    ) as error:
        raise Refusal(
            "HF402", f"the catalog's SQL cannot be run: {str(error).splitlines()[0]}", "Publish the bundle again."
        ) from None  # fmt: skip


def _view_tables(connection: duckdb.DuckDBPyConnection, checked: CheckedTables, files: Mapping[str, Path]) -> None:
    """Views of the contract's tables over the checked files; what the shop does not bring is null."""
    for table in TABLES.values():
        have = checked.columns.get(table.name, ())
        columns = [
            name if name in have else f"cast(null as {kind}) as {name}" for name, kind in table.checked_schema.items()
        ]
        columns += [name for name in have if name not in table.checked_schema]
        if table.name in files:
            source = parquet(files[table.name], "hive_partitioning = false")
        else:
            nothing = ", ".join(f"null as {name}" for name in have)
            source = f"(select {nothing or 1} where false)"
        connection.execute(f"create view {table.name} as select {', '.join(columns)} from {source}")


def _set_references(connection: duckdb.DuckDBPyConnection, references: VectorReferences | None) -> None:
    known = references or VectorReferences(date.min)
    connection.execute(f"create temp table {NUMBERS} as {known.numbers_query()}")
    connection.execute(f"create temp table {PRICES} (product varchar, price double)")
    connection.register("usual_prices", known.price_table())
    connection.execute(f"insert into {PRICES} from usual_prices")
    connection.unregister("usual_prices")


def _set_cutoffs(connection: duckdb.DuckDBPyConnection, cutoffs: Iterable[date], memory_days: int) -> None:
    connection.execute("delete from cutoffs")
    connection.executemany(
        "insert into cutoffs values (?, ?)", [(day_number(cutoff), memory_days) for cutoff in cutoffs]
    )
