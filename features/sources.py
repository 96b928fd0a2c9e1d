"""Opening a shop's sources in DuckDB, each with the number of every row."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.delimited import read_header, require_closed_quotes, rows_query, unreadable
from features.locations import READABLE, Location, locate
from features.parquet_files import FILE_ROWS, parquet_query, require_same_columns
from features.refusal import Refusal, did_you_mean
from features.shop import Shop, TableSource


@dataclass(frozen=True)
class OpenSource:
    """One key of [files], opened: what has to be said of it, and of several files their names, in order."""

    warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def connect(memory_limit: str | None = None, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB database in memory that never fetches an extension.

    With one thread, sums of doubles are the same to the last bit each time; several add them up as they come.
    """
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    if memory_limit:
        connection.execute(f"set memory_limit = '{memory_limit}'")
    if threads:
        connection.execute(f"set threads = {int(threads)}")
    return connection


def quoted(path: Path) -> str:
    """A path as SQL text, whatever its name holds."""
    return "'" + str(path).replace("'", "''") + "'"


def escaped(path: Path) -> Path:
    """The path as a pattern that finds it alone, whatever its name holds; DuckDB's readers take patterns."""
    return Path(glob.escape(str(path)))


def parquet(path: Path, *options: str) -> str:
    """SQL of the rows of one Parquet file, or of those that a pattern of `escaped` names finds."""
    return f"read_parquet({', '.join((quoted(path), *options))})"


def row_column(name: str) -> str:
    """The column that numbers the rows of file `name`, from 1 after any header."""
    return f"{name}_row"


def faults_view(name: str) -> str:
    """The view of a file's lines that are no rows: row_number, line, fault."""
    return f'"faults of {name}"'


def locations(shop: Shop) -> dict[str, Location]:
    """Where each key of [files] lies; HF201, HF208 or HF104 where that is nowhere."""
    return {name: locate(shop.folder, name, location) for name, location in shop.files.items()}


def open_sources(
    connection: duckdb.DuckDBPyConnection, shop: Shop, found: Mapping[str, Location], extracts: Mapping[str, Path], scratch: Path
) -> dict[str, OpenSource]:  # fmt: skip
    """Two views per key of [files]: its good rows, under its name, and its faulty ones (`faults_view`).

    Columns of delimited text arrive as text, so that bad values can be told; a line of another length than the header
    is faulty. `extracts` are the folders that hold what was read from servers; `scratch` is a folder to write in.

    Raises
    ------
    Refusal
        HF201 where a file is not what its name says, HF203 where it is empty, HF208 where several differ.
    """
    opened = {}
    for name, location in found.items():
        what = f"files.{name}"
        try:
            if location.kind == "delimited":
                opened[name] = _open_delimited(connection, name, location.paths, scratch / name)
                continue
            if location.kind == "duckdb":
                relation = _attached(connection, name, location)
                query = f'select *, row_number() over () as "{row_column(name)}" from {relation}'
            else:
                paths = sorted(extracts[name].glob("*.parquet")) if location.is_on_server else location.paths
                query = parquet_query(paths, location.in_folders, row_column(name), what)
            connection.execute(f'create view "{name}" as {query}')
            none = "select cast(0 as bigint) as row_number, '' as line, '' as fault where false"
            connection.execute(f"create view {faults_view(name)} as {none}")
        except duckdb.Error as error:
            told = f"{what}: {shop.files[name]} cannot be read: {str(error).splitlines()[0].rstrip('.')}."
            raise Refusal("HF201", told, READABLE) from None
        opened[name] = OpenSource(files=_several(location.paths))
    return opened


def _attached(connection: duckdb.DuckDBPyConnection, name: str, location: Location) -> str:
    connection.execute(f'attach {quoted(location.paths[0])} as "{name}_db" (read_only)')
    schema, _, table = location.table.rpartition(".")
    return f'"{name}_db"."{schema or "main"}"."{table}"'


def _open_delimited(
    connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path], scratch: Path
) -> OpenSource:
    """Parse each file once, into Parquet, and put the views over that."""
    what, row = f"files.{name}", row_column(name)
    scratch.mkdir()
    headers = [read_header(path, what) for path in paths]
    for number, (path, header) in enumerate(zip(paths, headers, strict=True)):
        require_same_columns(what, paths[0], headers[0].columns, path, header.columns)
        rows = rows_query(quoted(escaped(path)), header, row)
        numbered = f'{number * FILE_ROWS} + "{row}" as "{row}"'
        file = scratch / f"{number:06}.parquet"
        try:
            connection.execute(
                f"copy (select * replace ({numbered}) from ({rows})) to {quoted(file)} (format parquet, compression lz4)"
            )
        except duckdb.Error as error:
            raise unreadable(path, what, error) from None
        require_closed_quotes(path, what, header)
    parsed = parquet(escaped(scratch) / "*.parquet", "union_by_name = true")
    good = f'select * exclude ("its line", "its fault") from {parsed} where "its fault" is null'
    faulty = f'select "{row}" as row_number, "its line" as line, "its fault" as fault from {parsed}'
    connection.execute(f'create view "{name}" as {good}')
    connection.execute(f'create view {faults_view(name)} as {faulty} where "its fault" is not null')
    twice = tuple(
        f"the header of {name} names {column!r} more than once; the first is read, a later one is {again!r}"
        for column, again in headers[0].repeated
    )
    return OpenSource(twice, _several(paths))


def _several(paths: Sequence[Path]) -> tuple[str, ...]:
    """The names that tell the files apart; none where there is one file."""
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    return tuple(names) if len(names) > 1 else ()


def fingerprint_of_sources(form: int, shop: Shop, found: Mapping[str, Location], extracts: Mapping[str, str]) -> str:
    """Changes when the mapping, a file's name, size or time of change, or what a server gave does."""
    stats: list[tuple[object, ...]] = []
    for name, location in sorted(found.items()):
        stats.append((name, extracts.get(name)))
        for path in location.paths:
            stat = path.stat()
            stats.append((name, str(path), stat.st_size, stat.st_mtime_ns))
    mapping = shop.model_dump_json(
        include={"files", "tables", "time_zone", "known_until", "name", "currency", "currencies"}
    )
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
