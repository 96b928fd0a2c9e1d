"""Delimited text, as shops export it: the delimiter told from the header, and rows of another length told apart."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.refusal import Refusal

DELIMITERS = ",;\t|"
ENDINGS = (".csv", ".tsv", ".txt", ".gz")


@dataclass(frozen=True)
class Header:
    """How a file delimits its fields, and the names of its columns."""

    delimiter: str
    columns: tuple[str, ...]


def read_header(path: Path, what: str) -> Header:
    """The header of a delimited file: of `,` `;` tab and `|`, the delimiter that gives the most columns.

    A column without a name is called `column<n>`, and a name given twice gets `_1`, `_2`, as DuckDB does.

    Raises
    ------
    Refusal
        HF201 where it is not text, HF203 where nothing is in it; `what` names the file.
    """
    try:
        opened = gzip.open if path.suffix.lower() == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            line = file.readline()
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Refusal("HF201", f"{what}: {path} cannot be read: {error}.", "Give it as text in UTF-8.") from None
    if not line.strip():
        raise Refusal("HF203", f"{what}: {path} is empty.", "Give a file with a header and rows.")
    found = {delimiter: next(csv.reader([line], delimiter=delimiter)) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda one: len(found[one]))
    return Header(delimiter, _told_apart(found[delimiter]))


def _told_apart(names: list[str]) -> tuple[str, ...]:
    """Names as they are, the unnamed and the repeated (whatever their case) with a number."""
    taken: list[str] = []
    for place, given in enumerate(names):
        name = given or f"column{place}"
        number, one = 0, name
        while one.lower() in {other.lower() for other in taken}:
            number += 1
            one = f"{name}_{number}"
        taken.append(one)
    return tuple(taken)


def rows_query(source: str, header: Header, row_column: str) -> str:
    """SQL of every row of a file: its columns as text, `row_column`, and `its line` and `its fault`, null where good.

    `source` is the file as SQL text. A line with fewer or more fields than the header keeps its number.
    """
    count = len(header.columns)
    beyond = [f"its field {count + k + 1}" for k in range(count + 8)]  # two lines run together, and some
    names = [*header.columns, *beyond]
    struct = ", ".join(f"{_text(name)}: 'varchar'" for name in names)
    columns = ", ".join(f"nullif({_name(name)}, '') as {_name(name)}" for name in header.columns)
    delimiter = "chr(9)" if header.delimiter == "\t" else _text(header.delimiter)
    wrong = f'{_name(header.columns[-1])} is null or "{beyond[0]}" is not null'
    fields = ", ".join(_name(name) for name in names)
    # With a null text that no file holds, an empty field is '' and only a field that is not there is null.
    return (
        f'select {columns}, row_number() over () as "{row_column}",'
        f' case when {wrong} then concat_ws({delimiter}, {fields}) end as "its line",'
        f" case when {wrong} then 'expected {count} fields' end as \"its fault\""
        f" from read_csv({source}, auto_detect = false, header = true, delim = {delimiter}, quote = '\"',"
        f" escape = '\"', columns = {{{struct}}}, null_padding = true, parallel = false, nullstr = chr(1))"
    )


def require_closed_quotes(path: Path, what: str, row: int) -> None:
    """Refuse (HF201) a file whose last row, of this number, opens a quote that nothing closes.

    DuckDB 2.0.0 takes all that follows such a quote for one short row and says nothing.
    """
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rb") as file:
        quotes = sum(block.count(b'"') for block in iter(lambda: file.read(1 << 20), b""))
    if quotes % 2:
        raise Refusal("HF201", f"{what}: row {row} opens a quote that nothing closes.", "Mend the file at that row.")


def unreadable(error: duckdb.Error) -> str:
    """What DuckDB says of a file that it cannot read on, with the number of the line; empty for another error."""
    said = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", said)
    if not line:
        return ""
    reason = next((text for text in said.splitlines()[1:] if text and not text.startswith("Original Line")), "")
    return f"line {line[1]}: {reason.strip().rstrip('.')}"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
