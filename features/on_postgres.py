"""Behaviour vectors computed by PostgreSQL: the checked tables go there, the vectors come back, both as streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.checked import CheckedTables
from features.copied_rows import CopiedRows
from features.dialects import POSTGRES
from features.references import NUMBERS, PRICES, VectorReferences
from features.refusal import Refusal
from features.snapshot import day_number
from features.statements import LoadedColumn, Statements, statements

if TYPE_CHECKING:
    import psycopg

_COLUMN_TYPES = {"varchar": 'varchar collate "C"', "double": "double precision"}  # ids are in one order everywhere
_BLOCK = 1 << 20
_SETTINGS = (
    "set local jit = off",  # compiling hundreds of aggregates takes longer than running them
    "set local work_mem = '64MB'",
    "set local extra_float_digits = 1",  # doubles come back to the last bit
)


def vectors_on_postgres(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, url: str | None,
    references: VectorReferences | None = None,
) -> pa.Table:  # fmt: skip
    """What `features.vectors.vectors` gives, to 1e-9, by the server at `url` (postgresql://user@host/database).

    The server keeps nothing: all tables are temporary.

    Raises
    ------
    Refusal
        HF107 without psycopg or a server, or where the server fails; HF104 for SQL that is not portable; HF206 for
        a cut-off of which nothing is known.
    """
    with vector_batches(checked, catalog, cutoffs, memory_days, url, references) as batches:
        return batches.read_all()


@contextmanager
def vector_batches(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, url: str | None,
    references: VectorReferences | None = None,
) -> Iterator[pa.RecordBatchReader]:  # fmt: skip
    """The rows of `vectors_on_postgres` as they come, ordered by cut-off and customer."""
    for cutoff in cutoffs:
        checked.require_known(cutoff)
    asked = statements(POSTGRES, checked, catalog, references)
    with _connected(url) as connection:
        for setting in _SETTINGS:
            connection.execute(setting)
        for name, columns in asked.tables.items():
            file = checked.path(name) if name in checked.columns else None
            _load(connection, name, columns, _batches(file, [c.source for c in columns if c.source]))
        cutoff_rows = pa.record_batch({
            "cutoff": pa.array([day_number(cutoff) for cutoff in cutoffs], pa.int32()),
            "memory_days": pa.array([memory_days] * len(cutoffs), pa.int32()),
        })  # fmt: skip
        _load(connection, "cutoffs", _columns(cutoff="integer", memory_days="integer"), [cutoff_rows])
        prices = references.price_table().to_batches() if references and asked.reads_prices else []
        _load(connection, PRICES, _columns(product="varchar", price="double"), prices)
        for name, sql in {NUMBERS: asked.numbers, **asked.reductions}.items():
            connection.execute(f"create temp table {name} as {sql}")
            connection.execute(f"analyze {name}")
        with connection.cursor() as cursor, cursor.copy(
            f"copy ({asked.query} order by cutoff, customer_id) to stdout (format csv, header)"
        ) as rows:  # fmt: skip
            yield _read(rows, asked)


def opened(address: str) -> psycopg.Connection:
    """A connection to a server of PostgreSQL; its rows are UTF-8, and 10 seconds are long enough to answer.

    Raises
    ------
    ImportError
        Without psycopg.
    ValueError
        For what is no address. It says nothing of it, since the driver's own words repeat the password.
    psycopg.Error
        Where the server cannot be reached.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        given = conninfo_to_dict(address)
    except psycopg.Error:
        raise ValueError("no address of PostgreSQL") from None
    wanted = {"connect_timeout": 10, "application_name": "holdfast", **given, "client_encoding": "utf8"}
    return psycopg.connect(make_conninfo("", **wanted))


@contextmanager
def _connected(url: str | None) -> Iterator[psycopg.Connection]:
    """A transaction that is always rolled back; whatever goes wrong in it is a refusal."""
    try:
        import psycopg
    except ImportError:
        raise Refusal(
            "HF107", 'engine = "postgres" needs the package psycopg.', "Install the extra `postgres`."
        ) from None
    address = "Name a database in HOLDFAST_POSTGRES_URL: postgresql://user@host/database."
    if not url:
        raise Refusal("HF107", 'engine = "postgres" needs a server to compute on.', address)
    try:
        try:
            connection = opened(url)
        except ValueError:
            raise Refusal("HF107", "HOLDFAST_POSTGRES_URL holds no address of PostgreSQL.", address) from None
        with connection:
            try:
                yield connection
            finally:
                if not connection.broken:
                    connection.rollback()
    except psycopg.Error as error:
        raise Refusal(
            "HF107", f"PostgreSQL: {str(error).strip().splitlines()[0]}.",
            "See whether HOLDFAST_POSTGRES_URL names a server that runs, and a user who may create temporary tables.",
        ) from None  # fmt: skip


def _columns(**kinds: str) -> tuple[LoadedColumn, ...]:
    return tuple(LoadedColumn(name, name, kind) for name, kind in kinds.items())


def _batches(file: Path | None, columns: list[str]) -> Iterable[pa.RecordBatch]:
    return pq.ParquetFile(file).iter_batches(columns=columns) if file and columns else ()


def _load(
    connection: psycopg.Connection, name: str, columns: Sequence[LoadedColumn], batches: Iterable[pa.RecordBatch]
) -> None:
    """Create the temporary table and stream the batches into it; a column without a source stays null."""
    defined = ", ".join(f"{column.name} {_COLUMN_TYPES.get(column.kind, column.kind)}" for column in columns)
    connection.execute(f"create temp table {name} ({defined})")
    given = {column.source: column.name for column in columns if column.source}
    if given:
        copied = f"copy {name} ({', '.join(given.values())}) from stdin (format csv)"
        with connection.cursor() as cursor, cursor.copy(copied) as copy:
            for batch in batches:
                sink = pa.BufferOutputStream()
                # texts are quoted and nulls are not, which tells an empty text from none
                pc.write_csv(batch.select(list(given)), sink, pc.WriteOptions(include_header=False))
                copy.write(memoryview(sink.getvalue()))
    connection.execute(f"analyze {name}")


def _read(rows: psycopg.Copy, asked: Statements) -> pa.RecordBatchReader:
    kinds = {name: pa.string() if name in asked.texts else pa.float64() for name in asked.columns}
    kinds |= {"cutoff": pa.int32(), "has_bought": pa.int32()}
    return pc.open_csv(
        CopiedRows(rows),
        pc.ReadOptions(column_names=asked.columns, skip_rows=1, block_size=_BLOCK),  # no rows are a header alone
        pc.ParseOptions(newlines_in_values=True),
        pc.ConvertOptions(
            column_types=kinds, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
