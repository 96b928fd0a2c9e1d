"""Delimited text, as shops export it: the delimiter told from the header, and rows of another length told apart."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import duckdb

from features.refusal import Refusal

DELIMITERS = ",;\t|"
LONGEST_HEADER = 1 << 17
ENDINGS = (".csv", ".tsv", ".txt", ".gz")
_SIGNS = (
    (codecs.BOM_UTF16_LE, "UTF-16", ""), (codecs.BOM_UTF16_BE, "UTF-16", ""),
    (b"\x1f\x8b", "packed by gzip", "Let its name end in .gz."),
    (b"PK\x03\x04", "a workbook or a zip file", "Save it as CSV in UTF-8."),
    (b"\xd0\xcf\x11\xe0", "a workbook", "Save it as CSV in UTF-8."),
    (b"PAR1", "Parquet", "Let its name end in .parquet."),
)  # fmt: skip
"""How files begin that are no delimited text in UTF-8: what they are, and what to do."""


@dataclass(frozen=True)
class Header:
    """How a file delimits its fields, and the names of its columns; `repeated` ones with what they are called here."""

    delimiter: str
    columns: tuple[str, ...]
    repeated: tuple[tuple[str, str], ...] = ()


def read_header(path: Path, what: str) -> Header:
    """The header of a delimited file: of `,` `;` tab and `|`, the delimiter that gives the most columns.

    A column without a name is called `column<n>`, and a name given twice gets `_1`, `_2`, as DuckDB does.

    Raises
    ------
    Refusal
        HF201 where it is not text, HF203 where nothing is in it; `what` names the file.
    """
    try:
        with open_bytes(path) as file:
            begin = file.read(LONGEST_HEADER)
        for sign, kind, mend in _SIGNS:
            if begin.startswith(sign):
                raise Refusal("HF201", f"{what}: {path} is {kind}.", mend or in_utf8(path, kind))
        line = re.split(rb"[\r\n]", begin.removeprefix(codecs.BOM_UTF8), maxsplit=1)[0]
        if b"\0" in line:
            raise Refusal("HF201", f"{what}: the first line of {path} holds a NUL.", in_utf8(path, "UTF-16LE"))
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("HF201", f"{what}: {path} cannot be read: {error}.", in_utf8(path)) from None
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal("HF201", f"{what}: {path} cannot be read: {error}.", "Pack or copy it anew.") from None
    if not begin.strip():
        raise Refusal("HF203", f"{what}: {path} is empty.", "Give a file with a header and rows.")
    if not text.strip() or len(line) >= LONGEST_HEADER - len(codecs.BOM_UTF8):
        wrong = "does not end" if text.strip() else "is empty"
        raise Refusal("HF201", f"{what}: the first line of {path} {wrong}.", "Begin it with the names of its columns.")
    found = {delimiter: next(csv.reader([text], delimiter=delimiter)) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda one: len(found[one]))
    names = _told_apart(found[delimiter])
    pairs = zip(found[delimiter], names, strict=True)
    return Header(delimiter, names, tuple((given, name) for given, name in pairs if given and given != name))


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it is packed."""
    return cast("IO[bytes]", gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb"))


def in_utf8(path: Path, encoding: str = "WINDOWS-1252") -> str:
    """What to do about a text in another encoding."""
    return f"Give it as text in UTF-8: iconv -f {encoding} -t UTF-8 '{path.name}' > 'utf8-{path.name}', or the encoding it is in."


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


def require_closed_quotes(path: Path, what: str, header: Header) -> None:
    """Refuse (HF201) a file that ends within quotes, with the row that opens them.

    DuckDB 2.0.0 takes all that follows such a quote for one short row, or drops it, and says nothing.
    """
    with open_bytes(path) as file:
        quotes = sum(block.count(b'"') for block in iter(lambda: file.read(1 << 20), b""))
    if quotes % 2 == 0:
        return
    row = 0
    with open_bytes(path) as file:
        rows = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), delimiter=header.delimiter, strict=True)
        try:
            for fields in rows:
                row += bool(fields)
        except csv.Error:  # at the end of the file, since DuckDB has read all before it
            raise Refusal(
                "HF201", f"{what}: row {row} of {path.name} opens a quote that nothing closes.", "Mend the file at that row."
            ) from None  # fmt: skip


def unreadable(path: Path, what: str, error: duckdb.Error) -> Refusal:
    """HF201 for what DuckDB says of a file that it cannot read on, with the number of the line where it tells it."""
    said = str(error)
    if "unicode" in said or "utf-8" in said:
        line = re.search(r"CSV Error on Line: (\d+)", said)
        return Refusal("HF201", f"{what}: line {line[1] if line else '?'} is not text in UTF-8.", in_utf8(path))
    if "invalid state" in said:
        mend = f"Give all lines the same end: tr -d '\\r' < '{path.name}' > 'lines-{path.name}'. And quote what holds a quote."
        return Refusal("HF201", f"{what}: {path} has lines that end in different ways, or quotes out of place.", mend)
    line = re.search(r"CSV Error on Line: (\d+)", said)
    if not line:
        return Refusal(
            "HF201", f"{what}: {path} cannot be read: {said.splitlines()[0].rstrip('.')}.", "Pack or copy it anew."
        )
    reason = next((text for text in said.splitlines()[1:] if text and not text.startswith("Original Line")), "")
    return Refusal("HF201", f"{what}: line {line[1]}: {reason.strip().rstrip('.')}.", "Mend the file at that line.")


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
