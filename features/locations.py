"""What a key of [files] means: files of one kind, a table of a database file, or a table of a server."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from features.delimited import ENDINGS
from features.refusal import Refusal

Kind = Literal["parquet", "delimited", "duckdb", "postgres", "spark"]

READABLE = (
    "Readable: .parquet, .csv, .tsv, .csv.gz, several by a pattern like sales/*.parquet, a folder of Parquet,"
    " FILE.duckdb#TABLE, postgres:VARIABLE#SCHEMA.TABLE, spark:DATABASE.TABLE."
)
_LAKES = {"_delta_log": "Delta", "metadata": "Iceberg", ".hoodie": "Hudi"}


@dataclass(frozen=True)
class Location:
    """Where the rows of one key of [files] lie.

    Attributes
    ----------
    paths
        The files, in the order of their names; none for a table of a server.
    table
        Of a database.
    variable
        The environment variable that holds the address of a PostgreSQL server.
    in_folders
        Whether folders may name values, as `day=2024-01-05/` does.
    """

    kind: Kind
    paths: tuple[Path, ...] = ()
    table: str = ""
    variable: str = ""
    in_folders: bool = False

    @property
    def is_on_server(self) -> bool:
        return self.kind in ("postgres", "spark")


def locate(folder: Path, name: str, location: str) -> Location:
    """What `[files] name = location` of the shop in `folder` means.

    Raises
    ------
    Refusal
        HF201 where nothing readable is there, HF104 where a location makes no sense or holds a secret.
    """
    if location.startswith("postgres:"):
        return _on_postgres(name, location.removeprefix("postgres:"))
    if location.startswith("spark:"):
        table = location.removeprefix("spark:").lstrip("#")
        if not re.fullmatch(r"[\w`-]+(\.[\w`-]+){0,2}", table):
            raise Refusal("HF104", f"files.{name} names no table of Spark.", "Write spark:DATABASE.TABLE.")
        return Location("spark", table=table)
    if "://" in location:  # which is not repeated: it may hold a password
        raise Refusal(
            "HF104", f"files.{name} is an address.",
            "Name the environment variable that holds a database's address: postgres:VARIABLE#SCHEMA.TABLE."
            " Mount other storage, or copy from it.",
        )  # fmt: skip
    file, _, table = location.partition("#")
    if table and (folder / location).exists():
        file, table = location, ""
    paths, in_folders = _paths(folder, name, file)
    kinds = {_kind(name, path) for path in paths}
    if len(kinds) > 1:
        raise Refusal(
            "HF208", f"files.{name}: {file} finds files of different kinds, {paths[0].name} and {paths[-1].name}.",
            "Write a pattern that finds one kind, like sales/*.parquet.",
        )  # fmt: skip
    kind = kinds.pop()
    if kind == "duckdb" and len(paths) > 1:
        raise Refusal("HF201", f"files.{name}: {file} finds {len(paths)} databases.", "Name one: FILE.duckdb#TABLE.")
    return Location(kind, paths, table or (name if kind == "duckdb" else ""), in_folders=in_folders)


def _on_postgres(name: str, rest: str) -> Location:
    variable, _, table = rest.partition("#")
    parts = table.split(".")
    if not re.fullmatch(r"[A-Za-z_]\w*", variable) or not all(parts) or len(parts) > 2:
        raise Refusal(
            "HF104", f"files.{name} names no table of PostgreSQL.",
            "Write postgres:VARIABLE#SCHEMA.TABLE, VARIABLE being an environment variable that holds the server's address.",
        )  # fmt: skip
    return Location("postgres", table=table, variable=variable)


def _paths(folder: Path, name: str, file: str) -> tuple[tuple[Path, ...], bool]:
    """The files meant, and whether they lie in folders below the one named."""
    path = folder / file
    if path.is_dir():
        for sign, lake in _LAKES.items():
            if (path / sign).is_dir():
                raise Refusal(
                    "HF201", f"files.{name}: {path} is a table of {lake}, whose files hold deleted rows too.",
                    "Export it to Parquet, or read it through Spark: spark:DATABASE.TABLE.",
                )  # fmt: skip
        found = [one for one in path.rglob("*") if one.suffix.lower() in (".parquet", ".pq") and _is_plain(one, path)]
        if not found:
            raise Refusal("HF201", f"files.{name}: the folder {path} holds no Parquet file.", READABLE)
        return tuple(sorted(found)), True
    if path.is_file():
        return (path,), False
    if glob.has_magic(file):
        pattern = file if Path(file).is_absolute() else str(Path(glob.escape(str(folder))) / file)
        matched = [Path(one) for one in glob.glob(pattern, recursive=True)]
        found = [one for one in matched if one.is_file() and not one.name.startswith((".", "_"))]
        if not found:
            raise Refusal("HF201", f"files.{name}: {path} finds no file.", "Correct the pattern in shop.toml.")
        return tuple(sorted(found)), True
    raise Refusal("HF201", f"files.{name}: {path} is not there.", "Correct the path in shop.toml.")


def _is_plain(path: Path, folder: Path) -> bool:
    """Whether no part of a path is one that programs hide their own files in."""
    return path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _kind(name: str, path: Path) -> Kind:
    ending = path.suffix.lower()
    if ending in (".parquet", ".pq"):
        return "parquet"
    if ending in ENDINGS:
        return "delimited"
    if ending in (".duckdb", ".db"):
        return "duckdb"
    raise Refusal("HF201", f"files.{name}: {path.name} ends in {ending or 'nothing'}.", READABLE)
