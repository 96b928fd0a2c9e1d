"""Malformed tables: how each is written, and what must become of it. tests/test_malformed.py checks them all."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HEADER = "customer_id,timestamp,amount"
GOOD = [f"c{n},2024-01-0{n} 10:00:00,1.50" for n in range(1, 9)]


@dataclass(frozen=True)
class Case:
    """One malformed shop and its end.

    Attributes
    ----------
    write
        Writes the files into a folder.
    last
        What the last used row must hold, by checked column.
    bad
        The quarantine: row, column, reason of each line, in order.
    code, says
        Of the refusal; `says` and `warns` are parts of what is said.
    """

    name: str
    write: Callable[[Path], object]
    file: str = "sales.csv"
    columns: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    top: str = ""
    used: int | None = None
    last: Mapping[str, Any] = field(default_factory=dict)
    bad: Sequence[tuple[int, str, str]] = ()
    code: str = ""
    says: str = ""
    warns: str = ""


def text(content: str | bytes, name: str = "sales.csv", encoding: str = "utf-8") -> Callable[[Path], object]:
    data = content if isinstance(content, bytes) else content.encode(encoding)
    return lambda folder: (folder / name).write_bytes(data)


def lines(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    return end.join((header, *rows)) + end


def odd(row: str, more: str = "") -> Callable[[Path], object]:
    """Eight good rows and then this one."""
    return text(
        lines(*(good + ("," if more else "") for good in GOOD), row, header=HEADER + (f",{more}" if more else ""))
    )


def parquet(name: str = "sales.parquet", **columns: Any) -> Callable[[Path], object]:
    """Ten good rows, with these columns instead of or beside the usual."""
    table: dict[str, Any] = {
        "customer_id": [f"c{n}" for n in range(10)],
        "timestamp": [datetime(2024, 1, 1 + n, 10) for n in range(10)],
        "amount": [float(n) for n in range(10)],
    }
    return lambda folder: pq.write_table(pa.table(table | columns), folder / name)


def both(*writers: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: [write(folder) for write in writers]


def cut(write: Callable[[Path], object], name: str, keep: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """What `write` writes, with the bytes of a file changed."""

    def written(folder: Path) -> None:
        write(folder)
        (folder / name).write_bytes(keep((folder / name).read_bytes()))

    return written


def nine(values: Any) -> Any:
    """Nine good values and then this."""
    return [*values[0], values[1]]


def in_folder(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).mkdir(parents=True)


def pointing(name: str, to: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).symlink_to(folder / to)


DAYS = {n: (date(2024, 1, n) - date(1970, 1, 1)).days for n in range(1, 32)}
ALL = text(lines(*GOOD))
RETURNS = {"is_return": "back"}
P = {"file": "sales.parquet"}

TEXTS = (
    Case("latin-1 in the header", text("customer_id,timestamp,amount,größe\n", encoding="latin-1"), code="HF201", says="iconv -f WINDOWS-1252"),
    Case("latin-1 in a value", text(lines(*GOOD, "José,2024-01-09,1"), encoding="latin-1"), code="HF201", says="line 10 is not text in UTF-8. Give it as text in UTF-8: iconv"),
    Case("UTF-16 with its mark", text(lines(*GOOD), encoding="utf-16"), code="HF201", says="iconv -f UTF-16 -t UTF-8 'sales.csv'"),
    Case("UTF-16, big end first", text(b"\xfe\xff" + lines(*GOOD).encode("utf-16-be")), code="HF201", says="is UTF-16."),
    Case("UTF-16 without its mark", text(lines(*GOOD), encoding="utf-16-le"), code="HF201", says="holds a NUL"),
    Case("a byte order mark", text(lines(*GOOD), encoding="utf-8-sig"), used=8, last={"customer_id": "c8"}),
    Case("a byte order mark within an id", odd("\ufeffc9,2024-01-09,2"), used=9, last={"customer_id": "c9"}),
    Case("carriage returns alone", text(lines(*GOOD, end="\r")), used=8, last={"customer_id": "c8", "amount": 1.5}),
    Case("line ends of Windows", text(lines(*GOOD, end="\r\n")), used=8, last={"amount": 1.5}),
    Case("mixed line ends", text(lines(*GOOD) + lines(*GOOD, end="\r\n")), code="HF201", says="lines that end in different ways"),
    Case("no end of the last line", text(lines(*GOOD)[:-1]), used=8, last={"amount": 1.5}),
    Case("empty lines", text(lines(*GOOD[:4], "", *GOOD[4:], "", "")), used=8, last={"customer_id": "c8"}),
    Case("a header alone", text(HEADER + "\n"), code="HF203", says="the table is empty"),
    Case("no header", text("\n".join(GOOD)), code="HF202", says="it has c1, 2024-01-01 10:00:00, 1.50."),
    Case("an empty file", text(""), code="HF203", says="is empty"),
    Case("an empty line before the header", text("\n" + lines(*GOOD)), code="HF201", says="the first line of"),
    Case("a header without an end", text("x" * 200_000), code="HF201", says="does not end"),
    Case("NUL in an id", odd("c\x009,2024-01-09,2"), used=8, bad=[(9, "customer_id", "is longer than 256 characters or holds a NUL")]),
    Case("NUL in a text", odd("c9,2024-01-09,2,te\x00a", "category"), columns={"category": "category"}, used=8, bad=[(9, "category", "holds a NUL")]),
    Case("a quote that is never closed", odd('"c9,2024-01-09,2'), code="HF201", says="row 9 of sales.csv opens a quote that nothing closes"),
    Case("a quote within a field", odd('c"9,2024-01-09,2'), used=9, last={"customer_id": 'c"9'}),
    Case("text behind a quote", odd('"c"9,2024-01-09,2'), code="HF201", says="line 10"),
    Case("a line too short", odd("c9,2024-01-09"), used=8, bad=[(9, "line", "expected 3 fields")]),
    Case("a line too long", odd("c9,2024-01-09,2,3"), used=8, bad=[(9, "line", "expected 3 fields")]),
    Case("a line end within quotes", odd('"c\n9",2024-01-09,2'), used=9, last={"customer_id": "c\n9"}),
    Case("a delimiter within quotes", odd('"c,9",2024-01-09,2'), used=9, last={"customer_id": "c,9"}),
    Case("a column twice", text(lines(*(row + ",9" for row in GOOD), header=HEADER + ",amount")), used=8, last={"amount": 1.5}, warns="names 'amount' more than once; the first is read, a later one is 'amount_1'"),
    Case("SQL as a value", odd("'; drop table sales; --,2024-01-09,2"), used=9, last={"customer_id": "'; drop table sales; --"}),
    Case("SQL as a column's name", text(lines(*GOOD, header="x\"); drop view sales; --,timestamp,amount")), columns={"customer_id": "x\"); drop view sales; --"}, used=8, last={"customer_id": "c8"}),
    Case("a formula as an id", odd('"=1+1",2024-01-09,2'), used=9, last={"customer_id": "=1+1"}),
    Case("packed, then cut off", cut(text(gzip.compress(lines(*GOOD * 5000).encode(), 1), "sales.csv.gz"), "sales.csv.gz", lambda data: data[:-400]), file="sales.csv.gz", code="HF201"),
    Case("packed, then cut off at once", cut(text(gzip.compress(lines(*GOOD).encode()), "sales.csv.gz"), "sales.csv.gz", lambda data: data[:20]), file="sales.csv.gz", code="HF201"),
    Case("packed, but not so called", text(gzip.compress(lines(*GOOD).encode())), code="HF201", says="Let its name end in .gz."),
    Case("a workbook called CSV", text(b"PK\x03\x04" + bytes(40)), code="HF201", says="Save it as CSV in UTF-8."),
    Case("Parquet called CSV", parquet("sales.csv"), code="HF201", says="Let its name end in .parquet."),
)  # fmt: skip

IDS = (
    Case("an emoji", odd("👩‍🚀,2024-01-09,2"), used=9, last={"customer_id": "👩‍🚀"}),
    Case("from right to left", odd("זהות,2024-01-09,2"), used=9, last={"customer_id": "זהות"}),
    Case("10,000 characters", odd("x" * 10_000 + ",2024-01-09,2"), used=8, bad=[(9, "customer_id", "is longer than 256 characters or holds a NUL")]),
    Case("256 characters", odd("ä" * 256 + ",2024-01-09,2"), used=9, last={"customer_id": "ä" * 256}),
    Case("an empty id", odd(",2024-01-09,2"), used=8, bad=[(9, "customer_id", "is missing")], warns="1 of 9 rows (11%) have no customer_id; they are in the quarantine"),
    Case("an empty id in quotes", odd('"",2024-01-09,2'), used=8, bad=[(9, "customer_id", "is missing")]),
    Case("blanks for an id", odd(" \t\u00a0,2024-01-09,2"), used=8, bad=[(9, "customer_id", "is missing")]),
    Case("blanks around an id", odd(" c9\u00a0,2024-01-09,2"), used=9, last={"customer_id": "c9"}),
    Case("a word for no id", odd("NULL,2024-01-09,2"), used=8, bad=[(9, "customer_id", "is missing")]),
    Case("a third without id", text(lines(*GOOD, *[",2024-01-09,2"] * 4)), used=8, bad=[(n, "customer_id", "is missing") for n in (9, 10, 11, 12)], warns="4 of 12 rows (33%) have no customer_id"),
    Case("a third without id, and other faults", text(lines(*GOOD[:6], "c7,2024-01-07,x", "c8,2024-01-07,y", *[",2024-01-09,2"] * 4)), code="HF204", says="2 of 12 rows are bad (allowed: 20%), and 4 have no customer_id;"),
    Case("no id at all", text(lines(*[",2024-01-09,2"] * 4)), code="HF204", says="4 of 4 rows are bad"),
    Case("zeros before an id", text(lines("007,2024-01-01,1", "7,2024-01-01,1", "7.0,2024-01-01,1")), used=3, last={"customer_id": "7.0"}),
    Case("every id with a fraction", text(lines(*(f"{n}.0,2024-01-01,1" for n in range(5)))), used=5, last={"customer_id": "4.0"}, warns="every customer_id ends in .0; if that is no part of it, write customer_id = \"regexp_replace(\\\"customer_id\\\", '\\\\.0$', '')\""),
    Case("ids that are doubles", parquet(customer_id=[*map(float, range(9)), None]), **P, used=9, last={"customer_id": "8"}, bad=[(10, "customer_id", "is missing")], warns="customer_id is of type DOUBLE; a whole number like 123.0 is read as the id '123'"),
    Case("ids that are NaN", parquet(customer_id=pa.array([*map(float, range(9)), float("nan")])), **P, used=9, bad=[(10, "customer_id", "is missing")]),
    Case("ids with a real fraction", parquet(customer_id=[*map(float, range(9)), 9.5]), **P, used=9, bad=[(10, "customer_id", "is no whole number below 9,007,199,254,740,992")]),
    Case("ids too large for doubles", parquet(customer_id=[*map(float, range(9)), 2.0**53]), **P, used=9, bad=[(10, "customer_id", "is no whole number below 9,007,199,254,740,992")]),
    Case("ids of 64 bits", parquet(customer_id=pa.array([2**64 - 1 - n for n in range(10)], pa.uint64())), **P, used=10, last={"customer_id": str(2**64 - 10)}),
    Case("ids that are decimals", parquet(customer_id=[Decimal(f"{n}.00") for n in range(10)]), **P, used=10, last={"customer_id": "9"}),
    Case("ids as bytes", parquet(customer_id=[f"ä{n}".encode() for n in range(10)]), **P, used=10, last={"customer_id": "ä9"}),
    Case("ids as bytes of no text", parquet(customer_id=[*(f"{n}".encode() for n in range(9)), b"\xff"]), **P, used=9, bad=[(10, "customer_id", "is longer than 256 characters or holds a NUL")]),
)  # fmt: skip

NUMBERS = (
    Case("a decimal comma", odd('c9,2024-01-09,"2,5"'), used=8, bad=[(9, "amount", "expected a number")], warns="""1 rows: amount: expected a number. Convert in shop.toml: amount = "replace(\\"amount\\", ',', '.')\""""),
    Case("decimal commas throughout", text(lines(*(f"c{n};2024-01-01;1.234,5" for n in range(4)), header=HEADER.replace(",", ";"))), code="HF204", says="""Convert in shop.toml: amount = "replace(replace(\\"amount\\", '.', ''), ',', '.')\""""),
    Case("commas between thousands", odd('c9,2024-01-09,"1,234.50"'), used=8, bad=[(9, "amount", "expected a number")], warns="""amount = "replace(\\"amount\\", ',', '')\""""),
    Case("a comma of two meanings", odd('c9,2024-01-09,"1,234"'), used=8, bad=[(9, "amount", "expected a number")], warns="""amount = "replace(\\"amount\\", ',', '')" or amount = "replace(\\"amount\\", ',', '.')\""""),
    Case("apostrophes between thousands", odd("c9,2024-01-09,1'234.50"), used=8, bad=[(9, "amount", "expected a number")], warns="""amount = "regexp_replace(\\"amount\\", '[^0-9.,()-]', '', 'g')\""""),
    Case("a currency's sign", odd("c9,2024-01-09,€ 12.50"), used=8, bad=[(9, "amount", "expected a number")], warns="""amount = "regexp_replace(\\"amount\\", '[^0-9.,()-]', '', 'g')\""""),
    Case("brackets for a minus", odd("c9,2024-01-09,(12.50)"), used=8, bad=[(9, "amount", "expected a number")], warns="'-\\\\1'"),
    Case("a minus behind", odd("c9,2024-01-09,12.50-"), used=8, bad=[(9, "amount", "expected a number")], warns="'-\\\\1'"),
    Case("a share for an amount", odd("c9,2024-01-09,2,10%", "discount"), columns={"discount": "discount"}, used=8, bad=[(9, "discount", "expected a number")], warns="/ 100"),
    Case("a word for no number", odd("c9,2024-01-09,2,n/a", "discount"), columns={"discount": "discount"}, used=8, bad=[(9, "discount", "expected a number")], warns="""discount = "nullif(trim(\\"discount\\"), 'n/a')\""""),
    Case("a million millions", odd("c9,2024-01-09,1e12"), used=9, last={"amount": 1e12}),
    Case("more than that", odd("c9,2024-01-09,1.1e12"), used=8, bad=[(9, "amount", "lies beyond 1,000,000,000,000")]),
    Case("more than a double holds", odd("c9,2024-01-09,1e999"), used=8, bad=[(9, "amount", "expected a number")]),
    Case("NaN in words", odd("c9,2024-01-09,NaN"), used=8, bad=[(9, "amount", "expected a number")]),
    Case("infinity in words", odd("c9,2024-01-09,-inf"), used=8, bad=[(9, "amount", "expected a number")]),
    Case("NaN", parquet(amount=pa.array([*map(float, range(9)), float("nan")])), **P, used=9, bad=[(10, "amount", "is missing")]),
    Case("NaN where a number may be missing", parquet(cost=pa.array([*map(float, range(9)), float("nan")])), **P, columns={"cost": "cost"}, used=10, last={"cost": None}),
    Case("infinity", parquet(amount=[*map(float, range(9)), float("inf")]), **P, used=9, bad=[(10, "amount", "expected a number")]),
    Case("an amount that is a truth", parquet(amount=[True] * 10), **P, code="HF204", says="row 1: amount is 'true', expected a number"),
    Case("hexadecimal", odd("c9,2024-01-09,0x1F"), used=8, bad=[(9, "amount", "expected a number")]),
    Case("digits of another script", odd("c9,2024-01-09,١٢"), used=8, bad=[(9, "amount", "expected a number")]),
    Case("a negative quantity", odd("c9,2024-01-09,-2,-1", "quantity"), columns={"quantity": "quantity"}, used=9, last={"quantity": -1.0, "amount": -2.0, "is_return": 1}),
    Case("a refund before any purchase", text(lines("c1,2024-01-01,-5", *GOOD[1:], "c1,2024-01-09,5")), used=9, last={"customer_id": "c1", "is_return": 0}),
    Case("decimals", parquet(amount=[Decimal(f"{n}.25") for n in range(10)]), **P, used=10, last={"amount": 9.25}),
    Case("an empty amount", odd("c9,2024-01-09,"), used=8, bad=[(9, "amount", "is missing")]),
)  # fmt: skip

MOMENTS = (
    Case("the year 1900", odd("c9,1900-01-01,2"), used=8, bad=[(9, "timestamp", "lies before 1970")]),
    Case("the year 2999", odd("c9,2999-12-31,2"), used=8, bad=[(9, "timestamp", "lies in the future")]),
    Case("the year 0", odd("c9,0000-01-01,2"), used=8, bad=[(9, "timestamp", "lies before 1970")]),
    Case("before Christ", odd("c9,2024-01-09 (BC),2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")]),
    Case("a fifth digit of the year", odd("c9,20240-01-09,2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")]),
    Case("the 30th of February", odd("c9,2024-02-30,2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")]),
    Case("midnight as 24:00:00", odd("c9,2024-01-09 24:00:00,2"), used=9, last={"day": DAYS[10]}),
    Case("a leap second", odd("c9,2016-12-31 23:59:60,2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")]),
    Case("an hour that summer time skips", odd("c9,2024-03-31 02:30:00,2"), top='time_zone = "Europe/Paris"', used=9, last={"day": (date(2024, 3, 31) - date(1970, 1, 1)).days}),
    Case("an hour that comes twice", odd("c9,2023-10-29T00:30:00Z,2"), top='time_zone = "Europe/Paris"', used=9, last={"day": (date(2023, 10, 29) - date(1970, 1, 1)).days}),
    Case("a T and a Z", odd("c9,2024-01-09T23:30:00.123456789Z,2"), top='time_zone = "Europe/Paris"', used=9, last={"day": DAYS[10]}),
    Case("UTC in words", odd("c9,2024-01-09 23:30:00.5 UTC,2"), top='time_zone = "Europe/Paris"', used=9, last={"day": DAYS[10]}),
    Case("a zone behind a blank", odd("c9,2024-01-10 00:30:00 +0200,2"), used=9, last={"day": DAYS[9]}),
    Case("the name of a zone", odd("c9,2024-01-09 23:30:00 America/New_York,2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")]),
    Case("mixed zones", text(lines("a,2024-01-10 00:30:00+02:00,1", "b,2024-01-09 23:30:00-05:00,1", "c,2024-01-09 23:30:00,1")), used=3, last={"day": DAYS[9]}),
    Case("twelve hours", odd("c9,2024-01-09 10:00:00 PM,2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")], warns="try_strptime(\\\"timestamp\\\", '%Y-%m-%d %I:%M:%S %p')"),
    Case("days before months", text(lines(*(f"c{n},{n + 10}/01/2024 10:00,1" for n in range(9)))), code="HF204", says="try_strptime(\\\"timestamp\\\", '%d/%m/%Y %H:%M'))\""),
    Case("months before days, or not", text(lines(*(f"c{n},0{n}/01/2024,1" for n in range(1, 9)))), code="HF204", says="'%d/%m/%Y'))\" or timestamp = \"coalesce(try_cast(\\\"timestamp\\\" as timestamp), try_strptime(\\\"timestamp\\\", '%m/%d/%Y'))\""),
    Case("points between days and months", odd("c9,09.01.2024 10:00:00,2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")], warns="'%d.%m.%Y %H:%M:%S'"),
    Case("digits alone", odd("c9,20240109,2"), used=8, bad=[(9, "timestamp", "expected a date or timestamp")], warns="'%Y%m%d'"),
    Case("seconds since 1970", text(lines(*(f"c{n},{1704100000 + n},1" for n in range(9)))), code="HF204", says="timestamp = \"to_timestamp(try_cast(\\\"timestamp\\\" as double))\""),
    Case("milliseconds since 1970", parquet(timestamp=[1704100000000 + n for n in range(10)]), **P, code="HF204", says="timestamp = \"to_timestamp(\\\"timestamp\\\" / 1000)\""),
    Case("serial dates of Excel", parquet(timestamp=[45300.5 + n for n in range(10)]), **P, code="HF204", says="timestamp '1899-12-30' + to_seconds(\\\"timestamp\\\" * 86400)"),
    Case("a time without a day", parquet(timestamp=[time(10, 0)] * 10), **P, code="HF204", says="expected a date or timestamp"),
    Case("an empty timestamp", odd("c9,,2"), used=8, bad=[(9, "timestamp", "is missing")]),
    Case("tied timestamps", text(lines(*["c1,2024-01-01 10:00:00,1", "c1,2024-01-01 10:00:00,2"] * 2)), used=4, last={"amount": 2.0}, warns="2 rows equal an earlier one and are kept"),
    Case("INT96", lambda folder: pq.write_table(pa.table({"customer_id": ["a"], "timestamp": [datetime(2024, 1, 9, 23, 30)], "amount": [1.0]}), folder / "sales.parquet", use_deprecated_int96_timestamps=True), **P, top='time_zone = "Europe/Paris"', used=1, last={"day": DAYS[9]}),
    Case("nanoseconds", parquet(timestamp=pa.array([datetime(2024, 1, 9, 23, 30)] * 10, pa.timestamp("ns"))), **P, used=10, last={"day": DAYS[9]}),
    Case("nanoseconds with a zone", parquet(timestamp=pa.array([datetime(2024, 1, 9, 23, 30)] * 10, pa.timestamp("ns", "UTC"))), **P, top='time_zone = "Europe/Paris"', used=10, last={"day": DAYS[10]}),
    Case("seconds with a zone", parquet(timestamp=pa.array([datetime(2024, 1, 9, 23, 30)] * 10, pa.timestamp("s", "America/New_York"))), **P, top='time_zone = "Europe/Paris"', used=10, last={"day": DAYS[10]}),
    Case("days that are days", parquet(timestamp=[date(2024, 1, 9)] * 10), **P, settings='time_zone = "Asia/Tokyo"', used=10, last={"day": DAYS[9]}),
    Case("timestamps of the table's own zone", parquet(timestamp=[datetime(2024, 1, 9, 3)] * 10), **P, settings='time_zone = "Asia/Tokyo"', used=10, last={"day": DAYS[8]}),
    Case("a year beyond all calendars", parquet(timestamp=pa.array([*[1704100000000000] * 9, 2**62], pa.int64()).cast(pa.timestamp("us"))), **P, used=9, bad=[(10, "timestamp", "lies in the future")]),
)  # fmt: skip

FLAGS_AND_REPEATS = (
    Case("truth in words of another language", odd("c9,2024-01-09,2,ja", "back"), columns=RETURNS, used=8, bad=[(9, "is_return", "expected true or false")], warns="is_return = \"\\\"back\\\" in ('ja')\""),
    Case("truth in one of two words", text(lines(*(f"{good},{'ja' if k % 2 else 'nein'}" for k, good in enumerate(GOOD)), header=HEADER + ",back")), columns=RETURNS, code="HF204", says="Convert in shop.toml, by the word that means true: is_return = \"\\\"back\\\" in ('ja')\" or is_return = \"\\\"back\\\" in ('nein')\""),
    Case("truth in many ways", text(lines(*(f"c{n},2024-01-0{n},1,{word}" for n, word in enumerate(("YES", "f", "1.0", "no", "T"), 1)), header=HEADER + ",back")), columns=RETURNS, used=5, last={"is_return": 1}),
    Case("an order twice", text(lines(*(f"{row},o{n}" for n, row in enumerate(GOOD)), GOOD[3] + ",o3", header=HEADER + ",bill")), columns={"order_id": "bill"}, used=8, bad=[(9, "customer_id", "repeats an earlier row")]),
    Case("an order of two lines", text(lines("a,2024-01-01,1,o1", "a,2024-01-01,2,o1", header=HEADER + ",bill")), columns={"order_id": "bill"}, used=2, last={"order_id": "o1", "amount": 2.0}),
    Case("an order of two customers", text(lines("a,2024-01-01,1,o1", "b,2024-01-01,1,o1", header=HEADER + ",bill")), columns={"order_id": "bill"}, used=2, last={"customer_id": "b"}),
)  # fmt: skip

_MANY = {"file": "sales/*.parquet"}
_SALES = in_folder("sales")

FILES = (
    Case("Parquet without rows", lambda folder: pq.write_table(pa.table({"customer_id": ["a"], "timestamp": [date(2024, 1, 1)], "amount": [1.0]})[:0], folder / "sales.parquet"), **P, code="HF203", says="the table is empty"),
    Case("Parquet without bytes", text(b"", "sales.parquet"), **P, code="HF201", says="it is not Parquet, or was cut off"),
    Case("Parquet, cut off", cut(parquet(), "sales.parquet", lambda data: data[:-30]), **P, code="HF201", says="it is not Parquet, or was cut off"),
    Case("Parquet, damaged within", cut(parquet(note=[f"{n}" * 500 for n in range(10)]), "sales.parquet", lambda data: data[:4] + bytes(700) + data[704:]), **P, code="HF201"),
    Case("a list", parquet(customer_id=[["a", "b"]] * 10), **P, code="HF209", says="customer_id is of type VARCHAR[], of which one value holds several. Say which of them: customer_id = \"\\\"customer_id\\\"[1]\""),
    Case("a struct", parquet(amount=[{"net": 1.0, "tax": 0.2}] * 10), **P, code="HF209", says="amount = \"\\\"amount\\\".FIELD\""),
    Case("a dictionary", parquet(customer_id=pa.array([f"c{n % 2}" for n in range(10)]).dictionary_encode()), **P, used=10, last={"customer_id": "c1"}),
    Case("a column of nothing", parquet(category=pa.nulls(10)), **P, columns={"category": "category"}, used=10, last={"category": None}),
    Case("whole numbers here, text there", both(_SALES, parquet("sales/1.parquet", customer_id=list(range(10))), parquet("sales/2.parquet", customer_id=[f"0{n}" for n in range(10)])), **_MANY, used=20, last={"customer_id": "09"}),
    Case("fractions here, text there", both(_SALES, parquet("sales/1.parquet", customer_id=[float(n) for n in range(10)]), parquet("sales/2.parquet")), **_MANY, code="HF208", says="files.sales: customer_id is text in 2.parquet and numbers in 1.parquet. Write it with one type in all files."),
    Case("zones here, none there", both(_SALES, parquet("sales/1.parquet"), parquet("sales/2.parquet", timestamp=pa.array([datetime(2024, 1, 1)] * 10, pa.timestamp("us", "UTC")))), **_MANY, code="HF208", says="timestamp is timestamps with a zone in 2.parquet and timestamps in 1.parquet"),
    Case("a column less in one file", both(_SALES, parquet("sales/1.parquet", category=["x"] * 10), parquet("sales/2.parquet", kind=["x"] * 10)), **_MANY, code="HF208", says="files.sales: 2.parquet lacks category and has kind besides; the columns of 1.parquet are customer_id, timestamp, amount, category."),
    Case("a bad row in one of several files", both(_SALES, parquet("sales/1.parquet"), parquet("sales/2.parquet", amount=[*map(float, range(9)), None])), **_MANY, used=19, bad=[(10, "amount", "is missing")]),
    Case("columns in another order", both(_SALES, text(lines(*GOOD), "sales/1.csv"), text("amount;timestamp;customer_id\n7;2024-01-20;z\n", "sales/2.csv")), file="sales/*.csv", used=9, last={"customer_id": "z", "amount": 7.0, "day": DAYS[20]}),
    Case("a file of another kind among them", both(_SALES, parquet("sales/1.parquet"), text("", "sales/readme.csv")), file="sales/*", code="HF208", says="finds files of different kinds, 1.parquet and readme.csv"),
    Case("a pattern that finds nothing", ALL, file="exports/*.csv", code="HF201", says="exports/*.csv finds no file"),
    Case("a name like a pattern", both(parquet("sales[1].parquet"), parquet("sales1.parquet", amount=[9e9] * 10)), file="sales[1].parquet", used=10, last={"amount": 9.0}),
    Case("a folder instead of a file", in_folder("sales.csv"), code="HF201", says="holds no Parquet file"),
    Case("a folder of a lake", both(in_folder("sales/_delta_log"), parquet("sales/1.parquet")), file="sales", code="HF201", says="is a table of Delta, whose files hold deleted rows too"),
    Case("a folder with what programs leave", both(in_folder("sales/_temporary"), in_folder("sales/day=2024-01-09"), parquet("sales/_temporary/x.parquet"), text("", "sales/_SUCCESS"), lambda folder: pq.write_table(pa.table({"customer_id": ["a"], "amount": [1.0]}), folder / "sales/day=2024-01-09/part-0.parquet")), file="sales", columns={"timestamp": "day"}, used=1, last={"day": DAYS[9], "amount": 1.0}),
    Case("a link to a file", both(text(lines(*GOOD), "elsewhere.txt"), pointing("sales.csv", "elsewhere.txt")), used=8, last={"customer_id": "c8"}),
    Case("a link to nothing", pointing("sales.csv", "elsewhere.txt"), code="HF201", says="is not there"),
    Case("a database that is none", text("not one", "sales.duckdb"), file="sales.duckdb#sales", code="HF201"),
)  # fmt: skip

MONEY = (
    Case("other currencies", text(lines("a,2024-01-01,10,USD", "b,2024-01-02,10,eur", header=HEADER + ",money")), columns={"currency": "money"}, top="currencies = {USD = 0.5}", used=2, last={"amount": 10.0}),
    Case("a currency that nobody declared", odd("c9,2024-01-09,2,JPY", "money"), columns={"currency": "coalesce(money, 'EUR')"}, top="currencies = {USD = 0.5}", used=8, bad=[(9, "currency", "is none of EUR, USD, which shop.toml knows")], warns="Say under [currencies]"),
    Case("no currency", text(lines(*(row + ",EUR" for row in GOOD), "c9,2024-01-09,2,", header=HEADER + ",money")), columns={"currency": "money"}, used=8, bad=[(9, "currency", "is missing")]),
)  # fmt: skip

CASES = (*TEXTS, *IDS, *NUMBERS, *MOMENTS, *FLAGS_AND_REPEATS, *FILES, *MONEY)
