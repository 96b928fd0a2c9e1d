"""Parquet files that make up one table: that they agree, and how their moments are meant."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.refusal import Refusal

FILE_ROWS = 2**40
"""A row's number is that of its file, from 0, times this, plus its own in the file, from 1."""


@dataclass(frozen=True)
class ParquetSchema:
    """The columns of one file.

    Attributes
    ----------
    instants
        Columns of the old type INT96 in a file by Spark, which means instants by them and nothing says so.
    """

    types: Mapping[str, pa.DataType]
    instants: frozenset[str]


def parquet_query(paths: Sequence[Path], in_folders: bool, row_column: str, what: str) -> str:
    """SQL of all rows of the files, with `row_column`; of folders named `day=2024-01-05`, `day` is a column of text.

    Raises
    ------
    Refusal
        HF201 for a file that is not Parquet, HF208 for files whose columns differ; `what` names them.
    """
    schemas = [parquet_schema(path, what) for path in paths]
    for path, schema in zip(paths[1:], schemas[1:], strict=True):
        require_same_columns(what, paths[0], schemas[0].types, path, schema.types)
    differ = False
    for column in schemas[0].types:
        families = {_family(schema.types[column]): path for path, schema in zip(paths, schemas, strict=True)}
        differ |= len({schema.types[column] for schema in schemas}) > 1
        if not _mix(set(families) - {"nothing"}):
            (one, first), (other, second) = list(families.items())[:2]
            raise Refusal(
                "HF208", f"{what}: {column} is {other} in {second.name} and {one} in {first.name}.",
                "Write it with one type in all files.",
            )  # fmt: skip
    instants = {schema.instants for schema in schemas}
    if len(instants) > 1:
        raise Refusal("HF208", f"{what}: only some files hold timestamps of type INT96.", "Write them by one program.")
    by_name = differ or len({tuple(schema.types) for schema in schemas}) > 1
    files = ", ".join("'" + glob.escape(str(path)).replace("'", "''") + "'" for path in paths)
    replaced = ", ".join(f"timezone('UTC', {_name(column)}) as {_name(column)}" for column in sorted(instants.pop()))
    return (
        f"select * {f'replace ({replaced}) ' if replaced else ''}, file_index * {FILE_ROWS} + file_row_number + 1"
        f" as {_name(row_column)} from read_parquet([{files}], union_by_name = {by_name},"
        f" hive_partitioning = {in_folders}, hive_types_autocast = false)"
    )


def parquet_schema(path: Path, what: str) -> ParquetSchema:
    """The columns of a file, and which of them hold instants though they do not say so."""
    try:
        with pq.ParquetFile(path) as file:
            types = {field.name: field.type for field in file.schema_arrow}
            columns = [file.schema.column(place) for place in range(len(file.schema.names))]
            old = {column.path for column in columns if column.physical_type == "INT96"}
            by_spark = any(key.startswith(b"org.apache.spark") for key in file.metadata.metadata or {})
    except (pa.ArrowException, OSError) as error:
        raise Refusal(
            "HF201", f"{what}: {path} cannot be read: {str(error).splitlines()[0].rstrip('.')}.",
            "Write the file anew: it is not Parquet, or was cut off.",
        ) from None  # fmt: skip
    return ParquetSchema(types, frozenset(old if by_spark else ()))


def require_same_columns(
    what: str, path: Path, columns: Mapping[str, object] | Sequence[str], other: Path, others: Mapping[str, object] | Sequence[str]
) -> None:  # fmt: skip
    """Refuse (HF208) a file that has a column too many or too few; both are named."""
    lacking, more = [c for c in columns if c not in others], [c for c in others if c not in columns]
    if lacking or more:
        told = f"lacks {', '.join(lacking)}" if lacking else ""
        told += " and " if lacking and more else ""
        told += f"has {', '.join(more)} besides" if more else ""
        raise Refusal(
            "HF208", f"{what}: {other.name} {told}; the columns of {path.name} are {', '.join(columns)}.",
            "Give all files the same columns, or a key of [files] to each kind.",
        )  # fmt: skip


def _family(kind: pa.DataType) -> str:
    """What a type holds, in a word; types of one family are read as the wider of them."""
    if pa.types.is_dictionary(kind):
        return _family(kind.value_type)
    families = {
        "nothing": pa.types.is_null, "whole numbers": pa.types.is_integer, "text": _is_text,
        "numbers": lambda one: pa.types.is_floating(one) or pa.types.is_decimal(one), "dates": pa.types.is_date,
        "timestamps with a zone": lambda one: pa.types.is_timestamp(one) and one.tz is not None,
        "timestamps": pa.types.is_timestamp,
    }  # fmt: skip
    return next((family for family, holds in families.items() if holds(kind)), str(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _mix(families: set[str]) -> bool:
    """Whether no two different values become one, or one value two, by reading these as one type."""
    return len(families) <= 1 or families in ({"whole numbers", "numbers"}, {"whole numbers", "text"})


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
