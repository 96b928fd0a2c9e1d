"""Opening a shop's files in DuckDB, each with the number of every row."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import duckdb

from features.delimited import ENDINGS, read_header, rows_query
from features.refusal import Refusal, did_you_mean
from features.shop import Shop, TableSource


def connect(memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB database in memory that never fetches an extension."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    if memory_limit:
        connection.execute(f"set memory_limit = '{memory_limit}'")
    return connection


def quoted(path: Path) -> str:
    """A path as SQL text, whatever its name holds."""
    return "'" + str(path).replace("'", "''") + "'"


def row_column(name: str) -> str:
    """The column that numbers the rows of file `name`, from 1 after any header."""
    return f"{name}_row"


def open_files(connection: duckdb.DuckDBPyConnection, shop: Shop) -> None:
    """Two views per file of the shop: its good rows, under its name, and its faulty ones (`faults_view`).

    CSV columns arrive as text, so that bad values can be told; a line of another length than the header is faulty.

    Raises
    ------
    Refusal
        HF201 where a file is absent or is not what its name says.
    """
    for name, location in shop.files.items():
        try:
            good, faulty = _queries(connection, shop, name, location)
            connection.execute(f'create view "{name}" as {good}')
            connection.execute(f"create view {faults_view(name)} as {faulty}")
        except duckdb.Error as error:
            raise Refusal(
                "HF201", f"files.{name}: {location} cannot be read: {_first_line(error)}.",
                "Give a Parquet file, a CSV file with a header, or DATABASE.duckdb#TABLE.",
            ) from None  # fmt: skip


def faults_view(name: str) -> str:
    """The view of a file's lines that are no rows: row_number, line, fault."""
    return f'"faults of {name}"'


def _queries(connection: duckdb.DuckDBPyConnection, shop: Shop, name: str, location: str) -> tuple[str, str]:
    """SQL of a file's good rows, each with its number, and of its faulty lines."""
    file, _, table = location.partition("#")
    path = shop.folder / file
    if not path.exists():
        raise Refusal("HF201", f"files.{name}: {path} is not there.", "Correct the path in shop.toml.")
    match path.suffix.lower():
        case ".parquet" | ".pq":
            relation = f"read_parquet({quoted(path)})"
        case ending if ending in ENDINGS:
            rows = rows_query(quoted(path), read_header(path, f"files.{name}"), row_column(name))
            return (
                f'select * exclude ("its line", "its fault") from ({rows}) where "its fault" is null',
                f'select "{row_column(name)}" as row_number, "its line" as line, "its fault" as fault from ({rows})'
                ' where "its fault" is not null',
            )
        case ".duckdb" | ".db":
            connection.execute(f'attach {quoted(path)} as "{name}_db" (read_only)')
            relation = f'"{name}_db".main."{table or name}"'
        case other:
            raise Refusal(
                "HF201", f"files.{name}: {path.name} ends in {other or 'nothing'}.",
                "Readable: .parquet, .csv, .tsv, .duckdb#TABLE.",
            )  # fmt: skip
    none = "select 0 as row_number, '' as line, '' as fault where false"
    return f'select *, row_number() over () as "{row_column(name)}" from {relation}', none


def fingerprint_of_sources(form: int, shop: Shop) -> str:
    """Changes when the mapping or a file's name, size or time of change does."""
    stats = []
    for name, location in sorted(shop.files.items()):
        file = shop.folder / location.partition("#")[0]
        if not file.exists():
            raise Refusal("HF201", f"files.{name}: {file} is not there.", "Correct the path in shop.toml.")
        stat = file.stat()
        stats.append((name, str(file), stat.st_size, stat.st_mtime_ns))
    mapping = shop.model_dump_json(include={"files", "tables", "time_zone", "known_until", "name"})
    return hashlib.sha256(repr((form, stats, mapping)).encode()).hexdigest()[:16]


def main_file(shop: Shop, table: TableSource) -> str:
    """The file whose row numbers name the rows of a table: the first in its `from`."""
    first = re.match(r"\s*(\w+)", table.source)
    if first is None or first.group(1) not in shop.files:
        word = first.group(1) if first else table.source
        raise Refusal(
            "HF202", f"`from = {table.source!r}` begins with {word!r}, which no key of [files] has.",
            did_you_mean(word, shop.files),
        )  # fmt: skip
    return first.group(1)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
