"""What would turn bad values into good ones: an expression for shop.toml, tried on the values before it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import duckdb

from features.events import CURRENCY
from features.mapping import MappedColumn
from features.quarantine import MISSING, Fault, Quarantine

_FORMATS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%Y%m%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%Y年%m月%d日", "%Y-%m-%d",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", "%H%M%S")
_NONE = ("", "-", "--", "na", "n/a", "#n/a", "nan", "none", "null", "\\n", "unknown", "?")
_SIGNS = "[^0-9.,()-]"  # of currencies, spaces, grouping marks
_POINT = r"^-?\(?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?\)?-?$"  # 1,234.50
_COMMA = r"^-?\(?([0-9]{1,3}([.][0-9]{3})+|[0-9]+),[0-9]*\)?-?$"  # 1.234,50 and 12,50
_EITHER = r"^-?[0-9]{1,3},[0-9]{3}$"  # 1,234


def mend_of(
    connection: duckdb.DuckDBPyConnection, quarantine: Quarantine, fault: Fault, mapped: Sequence[MappedColumn]
) -> Fault:
    """The fault with an expression that turns every value of it into a good one, or several where that is ambiguous."""
    one = next((column for column in mapped if column.name == fault.column), None)
    if one is None or fault.reason == MISSING:
        return fault
    values = (
        f"(select value as x from {quarantine.rows} where \"column\" = '{fault.column}'"
        f" and reason = '{fault.reason.replace(chr(39), chr(39) * 2)}')"
    )
    if one.column == CURRENCY:
        return replace(fault, mend="Say under [currencies] what one unit of it is in the shop's.")
    asked = {"expected a number": _numbers, "expected a date or timestamp": _moments, "expected true or false": _flags}
    if fault.reason not in asked:
        return fault
    told = [one.as_setting(expression) for expression in asked[fault.reason](connection, values, one)]
    which = ", by the word that means true" if asked[fault.reason] is _flags and len(told) > 1 else ""
    return replace(fault, mend=f"Convert in shop.toml{which}: {' or '.join(told)}") if told else fault


def _all(connection: duckdb.DuckDBPyConnection, values: str, good: str) -> bool:
    """Whether SQL is true of every value."""
    row = connection.execute(f"select bool_and(coalesce({good}, false)) from {values}").fetchone()
    return bool(row and row[0])


def _numbers(connection: duckdb.DuckDBPyConnection, values: str, one: MappedColumn) -> Iterator[str]:
    text = f"cast({one.theirs} as varchar)" if one.sql_type.name != "VARCHAR" else one.theirs
    words = [row[0] for row in connection.execute(f"select distinct trim(lower(x)) from {values} limit 2").fetchall()]
    if len(words) == 1 and words[0] in _NONE:
        [given] = connection.execute(f"select any_value(trim(x)) from {values}").fetchall()[0]
        yield f"nullif(trim({text}), '{given}')"
        return
    if _all(connection, values, "regexp_matches(trim(x), '^-?[0-9.,]+ ?%$')"):
        yield f"try_cast(replace(replace({text}, '%', ''), ',', '.') as double) / 100"
        return
    bare = f"regexp_replace(x, '{_SIGNS}', '', 'g')"
    plain = (
        f"regexp_replace({text}, '{_SIGNS}', '', 'g')" if not _all(connection, values, f"{bare} = trim(x)") else text
    )
    if _all(connection, values, f"regexp_matches({bare}, '{_EITHER}')"):
        forms = [f"replace({plain}, ',', '')", f"replace({plain}, ',', '.')"]
    elif _all(connection, values, f"regexp_matches({bare}, '{_COMMA}')"):
        grouped = not _all(connection, values, f"not contains({bare}, '.')")
        forms = [f"replace(replace({plain}, '.', ''), ',', '.')" if grouped else f"replace({plain}, ',', '.')"]
    elif _all(connection, values, f"regexp_matches({bare}, '{_POINT}') or not contains({bare}, ',')"):
        forms = (
            [f"replace({plain}, ',', '')"] if not _all(connection, values, f"not contains({bare}, ',')") else [plain]
        )
    else:
        return
    for form in forms:
        signed = _with_minus(form, not _all(connection, values, f"not regexp_matches({bare}, '[()]|-$')"))
        tried = signed.replace(text, "x")
        if _all(connection, values, f"try_cast({tried} as double) is not null"):
            yield signed


def _with_minus(form: str, is_marked: bool) -> str:
    """A number in brackets, or with its minus behind, as a negative one."""
    if not is_marked:
        return form
    return f"regexp_replace(regexp_replace({form}, '^[(](.*)[)]$', '-\\1'), '^(.*)-$', '-\\1')"


def _moments(connection: duckdb.DuckDBPyConnection, values: str, one: MappedColumn) -> Iterator[str]:
    number = "try_cast(x as double)"
    theirs = one.theirs if one.sql_type.is_number else f"try_cast({one.theirs} as double)"
    for low, high, expression in (
        (1e8, 5e9, f"to_timestamp({theirs})"),
        (1e11, 5e12, f"to_timestamp({theirs} / 1000)"),
        (1e14, 5e15, f"to_timestamp({theirs} / 1000000)"),
        (25569, 80000, f"timestamp '1899-12-30' + to_seconds({theirs} * 86400)"),
    ):
        if _all(connection, values, f"{number} between {low:.0f} and {high:.0f}"):
            yield expression
            if low != 25569:
                return
    text = one.theirs if one.sql_type.name == "VARCHAR" else f"cast({one.theirs} as varchar)"
    found = [
        form + time
        for form in _FORMATS
        for time in _TIMES
        if _all(connection, values, f"try_strptime(trim(x), '{form + time}') is not null")
    ]
    for form in found[:3]:
        yield f"coalesce(try_cast({text} as timestamp), try_strptime({text}, '{form}'))"


def _flags(connection: duckdb.DuckDBPyConnection, values: str, one: MappedColumn) -> Iterator[str]:
    words = connection.execute(f"select distinct trim(x) as word from {values} order by word limit 6").fetchall()
    if len(words) <= 5:
        for (word,) in words:  # whoever reads this knows which of them means yes
            yield f"{one.theirs} in ('{word.replace(chr(39), chr(39) * 2)}')"
