"""Opening a shop's files in DuckDB, each with the number of every row."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import duckdb

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
    """One view per file of the shop; CSV columns arrive as text, so that bad values can be told.

    Raises
    ------
    Refusal
        HF201 where a file is absent or is not what its name says.
    """
    for name, location in shop.files.items():
        relation = _relation(connection, shop, name, location)
        try:
            connection.execute(
                f'create view "{name}" as select *, row_number() over () as "{row_column(name)}" from {relation}'
            )
        except duckdb.Error as error:
            raise Refusal(
                "HF201", f"files.{name}: {location} cannot be read: {_first_line(error)}.",
                "Give a Parquet file, a CSV file with a header, or DATABASE.duckdb#TABLE.",
            ) from None  # fmt: skip


def _relation(connection: duckdb.DuckDBPyConnection, shop: Shop, name: str, location: str) -> str:
    file, _, table = location.partition("#")
    path = Path(file) if Path(file).is_absolute() else shop.folder / file
    if not path.exists():
        raise Refusal("HF201", f"files.{name}: {path} is not there.", "Correct the path in shop.toml.")
    match path.suffix.lower():
        case ".parquet" | ".pq":
            return f"read_parquet({quoted(path)})"
        case ".csv" | ".tsv" | ".txt" | ".gz":
            return f"read_csv({quoted(path)}, all_varchar = true, header = true, null_padding = false)"
        case ".duckdb" | ".db":
            connection.execute(f'attach {quoted(path)} as "{name}_db" (read_only)')
            return f'"{name}_db".main."{table or name}"'
        case other:
            raise Refusal(
                "HF201", f"files.{name}: {path.name} ends in {other or 'nothing'}.",
                "Readable: .parquet, .csv, .tsv, .duckdb#TABLE.",
            )  # fmt: skip


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
