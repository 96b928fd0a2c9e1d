"""Tables of servers, laid into Parquet for one check: from PostgreSQL by COPY, from Spark by its own writer.

Nothing is held in memory, and nothing is kept: the check deletes what it was given when it has read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.copied_rows import CopiedRows
from features.locations import Location
from features.on_postgres import opened
from features.on_spark import spark_session
from features.refusal import Refusal
from features.sources import connect, escaped, parquet

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql
    from pyspark.sql import SparkSession

_BLOCK = 8 << 20
_FIRST, _LAST = "0001-01-01", "9999-12-31"
_SESSION = (
    "set datestyle = 'ISO'", "set timezone = 'UTC'", "set intervalstyle = 'iso_8601'", "set bytea_output = 'hex'",
    "set extra_float_digits = 1",
)  # fmt: skip
_WHOLE, _FRACTIONAL = {"int2", "int4", "int8", "oid"}, {"float4", "float8", "numeric"}


def extract(
    found: Mapping[str, Location], environment: Mapping[str, str], scratch: Path, spark: SparkSession | None = None
) -> dict[str, Path]:
    """By key of [files] that lies on a server, the folder below `scratch` where its rows are now.

    All tables of one PostgreSQL server are read as they stood at one moment.

    Raises
    ------
    Refusal
        HF221 without the package that is needed, HF222 where a server cannot be reached or breaks off, HF223 without
        the table or the right to read it.
    """
    extracts = {}
    with ExitStack() as stack:
        connections: dict[str, psycopg.Connection] = {}
        for name, location in found.items():
            if not location.is_on_server:
                continue
            extracts[name] = folder = scratch / name
            if location.kind == "spark":
                _from_spark(name, location.table, folder, spark)
                continue
            if location.variable not in connections:
                connections[location.variable] = stack.enter_context(_connected(name, location.variable, environment))
            folder.mkdir()
            _from_postgres(connections[location.variable], name, location.table, folder / "rows.parquet")
    return extracts


def digest(folder: Path) -> str:
    """Depends on the rows of an extract alone, not on their order or on how they lie in files."""
    with connect() as connection:
        files = parquet(escaped(folder) / "*.parquet")
        described = connection.execute(f"describe select * from {files}").fetchall()
        count, total = connection.execute(
            f"select count(*), sum(cast(hash(rows) as hugeint)) from {files} as rows"
        ).fetchall()[0]
    return f"{[column[:2] for column in described]}:{count}:{total}"


@contextmanager
def _connected(name: str, variable: str, environment: Mapping[str, str]) -> Iterator[psycopg.Connection]:
    try:
        import psycopg
    except ImportError:
        raise Refusal(
            "HF221", f"files.{name} lies in PostgreSQL, and the package psycopg is not installed.",
            "Install the extra `postgres`: pip install 'holdfast[postgres]'.",
        ) from None  # fmt: skip
    mend = f"Set {variable} to the server's address: postgresql://user:password@host/database."
    if not environment.get(variable):
        raise Refusal("HF222", f"files.{name}: the environment variable {variable} is not set.", mend)
    try:
        connection = opened(environment[variable])
    except ValueError:
        raise Refusal(
            "HF222", f"files.{name}: the environment variable {variable} holds no address of PostgreSQL.", mend
        ) from None
    except psycopg.Error as error:
        raise _unreachable(name, variable, error) from None
    with connection:
        try:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            for setting in _SESSION:
                connection.execute(setting)
        except psycopg.Error as error:
            raise _unreachable(name, variable, error) from None
        yield connection


def _unreachable(name: str, variable: str, error: Exception) -> Refusal:
    return Refusal(
        "HF222", f"files.{name}: the server that {variable} names cannot be reached: {_first_line(error)}.",
        f"See whether it runs, and whether {variable} is right.",
    )  # fmt: skip


def _from_postgres(connection: psycopg.Connection, name: str, table: str, file: Path) -> None:
    import psycopg
    from psycopg import sql

    relation = sql.Identifier(*table.split("."))
    try:
        columns = connection.execute(sql.SQL("select * from {} limit 0").format(relation)).description or []
        types = {column.name: _arrow_type(column) for column in columns}
        selected = sql.SQL(", ").join(_selected(column.name, types[column.name]) for column in columns)
        copied = sql.SQL("copy (select {} from {}) to stdout (format csv)").format(selected, relation)
        with connection.cursor() as cursor, cursor.copy(copied) as rows:
            _write(CopiedRows(rows), types, file)
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.InvalidSchemaName,
        psycopg.errors.InsufficientPrivilege,
    ) as error:
        raise Refusal(
            "HF223", f"files.{name}: {table} cannot be read: {_first_line(error)}.",
            "Correct SCHEMA.TABLE in shop.toml, or let the user of the address select from it.",
        ) from None  # fmt: skip
    except (psycopg.Error, pa.ArrowException) as error:
        raise Refusal(
            "HF222", f"files.{name}: {table} could not be read to its end: {_first_line(error)}.", "Try again."
        ) from None


def _arrow_type(column: psycopg.Column) -> pa.DataType:
    """Ids in a `numeric` without decimals stay exact; what has no type of its own here is text."""
    import psycopg

    known = psycopg.adapters.types.get(column.type_code)
    name = known.name if known and column.type_code == known.oid else ""
    if name == "numeric" and column.precision and column.scale == 0 and column.precision <= 38:
        return pa.decimal128(column.precision, 0)
    if name in _WHOLE:
        return pa.int64()
    if name in _FRACTIONAL:
        return pa.float64()
    others = {"bool": pa.bool_(), "date": pa.date32(), "timestamp": pa.timestamp("us"),
              "timestamptz": pa.timestamp("us", "UTC")}  # fmt: skip
    return others.get(name, pa.string())


def _selected(name: str, kind: pa.DataType) -> sql.Composable:
    """The column as COPY shall write it; infinity and years beyond those of Parquet become the first or last of them."""
    from psycopg import sql

    column = sql.Identifier(name)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        of = "date" if pa.types.is_date(kind) else "timestamptz" if kind.tz else "timestamp"
        return sql.SQL("case when {0} is not null then least(greatest({0}, {1}::{3}), {2}::{3}) end as {0}").format(
            column, sql.Literal(_FIRST), sql.Literal(_LAST), sql.SQL(of)
        )
    if pa.types.is_decimal(kind):
        return sql.SQL("nullif({}, 'NaN') as {}").format(column, column)
    return sql.SQL("{}::text as {}").format(column, column) if pa.types.is_string(kind) else column


def _write(rows: CopiedRows, types: Mapping[str, pa.DataType], file: Path) -> None:
    schema = pa.schema(types)
    with pq.ParquetWriter(file, schema, compression="lz4") as writer:
        if rows.are_none():
            return
        reader = pc.open_csv(
            rows,
            pc.ReadOptions(column_names=list(types), block_size=_BLOCK, use_threads=False),
            pc.ParseOptions(newlines_in_values=True),
            pc.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
                true_values=["t"], false_values=["f"],
            ),
        )  # fmt: skip
        for batch in reader:
            writer.write_batch(batch)


def _from_spark(name: str, table: str, folder: Path, session: SparkSession | None) -> None:
    """Written by Spark itself; instants as such, which its old default type does not say."""
    try:
        from pyspark.errors import AnalysisException, PySparkException
        from pyspark.sql import Observation, functions
    except ImportError:
        raise Refusal(
            "HF221", f"files.{name} is a table of Spark, and the package pyspark is not installed.",
            "Install the extra `spark`: pip install 'holdfast[spark]'.",
        ) from None  # fmt: skip
    try:
        session = session or spark_session()
    except Refusal as refusal:
        raise Refusal("HF222", f"files.{name}: {refusal.what}", refusal.mend) from None
    seen = Observation()
    try:
        rows = session.table(table).observe(seen, functions.count(functions.lit(1)).alias("rows"))
    except AnalysisException as error:
        raise Refusal(
            "HF223", f"files.{name}: Spark has no table {table}: {_first_line(error)}.",
            "Correct DATABASE.TABLE in shop.toml, and see that Spark's own configuration names your catalog.",
        ) from None  # fmt: skip
    before = session.conf.get("spark.sql.parquet.outputTimestampType", "INT96")
    session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    try:
        rows.write.parquet(folder.absolute().as_uri())
    except PySparkException as error:
        raise Refusal(
            "HF222",
            f"files.{name}: Spark could not write {table}: {_first_line(error)}.",
            "Spark's own words are above.",
        ) from None
    finally:
        session.conf.set("spark.sql.parquet.outputTimestampType", before or "INT96")
    arrived = sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))
    if arrived != seen.get["rows"] or not list(folder.glob("*.parquet")):
        raise Refusal(
            "HF222", f"files.{name}: Spark wrote {seen.get['rows']:,} rows of {table}, of which {arrived:,} arrived here.",
            "Let HOLDFAST_STORE lie on storage that all of Spark's machines share.",
        )  # fmt: skip


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
