"""From a raw value to a checked one, as SQL: numbers, flags, local moments, trimmed text; null where it cannot be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from features.events import Column

WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
         "UHUGEINT"}  # fmt: skip
FRACTIONAL = {"FLOAT", "DOUBLE"}
LARGEST_NUMBER = 1e12  # beyond it, either way, a number of a shop is a slip of the pen, and sums lose their cents
LARGEST_ID = 2**53  # the next whole number has no double of its own, and two ids would become one
LONGEST_ID = 256
NOBODY = ("nan", "null", "none", "<na>", "n/a", "#n/a")
"""How programs write that there is no id; taken for one, all rows of nobody would be one customer's."""

# What counts as empty around a value: spaces of all kinds, and the mark that begins some files.
_BLANK = r"[\s\x0B\x{00A0}\x{200B}\x{FEFF}]+"
_DATE = r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
_TIME = r"[ T]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_ZONE = r" ?(Z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?)"


@dataclass(frozen=True)
class RawType:
    """The SQL type of a raw column, as DuckDB describes it."""

    name: str

    @property
    def is_whole(self) -> bool:
        return self.name in WHOLE or re.fullmatch(r"DECIMAL\(\d+,\s*0\)", self.name) is not None

    @property
    def is_number(self) -> bool:
        return self.is_whole or self.name in FRACTIONAL or self.name.startswith("DECIMAL")

    @property
    def is_nested(self) -> bool:
        """Whether one value holds several: a list, a struct, a map."""
        return self.name.endswith("]") or self.name.startswith(("STRUCT", "MAP", "UNION", "VARIANT"))

    @property
    def is_zoned(self) -> bool:
        return self.name in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")

    @property
    def is_moment(self) -> bool:
        return self.name == "DATE" or (self.name.startswith("TIMESTAMP") and not self.is_zoned)


@dataclass(frozen=True)
class Zones:
    """The time zone of a shop, and that of a table's timestamps without one."""

    shop: str
    naive: str


def text_of(raw: str, sql_type: RawType) -> str:
    """SQL of the value as text without blanks around it; null where nothing is left."""
    text = f"try(decode({raw}))" if sql_type.name == "BLOB" else f"cast({raw} as varchar)"
    return f"nullif(regexp_replace({text}, '^{_BLANK}|{_BLANK}$', '', 'g'), '')"


@dataclass(frozen=True)
class RawColumn:
    """A column as it comes: its type, and what SQL calls its raw value, its text (`text_of`) and its checked value."""

    column: Column
    sql_type: RawType

    @property
    def raw(self) -> str:
        return f'"raw {self.column.name}"'

    @property
    def text(self) -> str:
        return f'"text {self.column.name}"'

    @property
    def typed(self) -> str:
        return f'"{self.column.name}"'

    def is_given(self) -> str:
        """SQL that is true where a row has a value: NaN is how some programs write none, and so are words for no id."""
        if self.sql_type.name in FRACTIONAL:
            return f"({self.raw} is not null and not isnan({self.raw}))"
        if self.sql_type.name == "BLOB":
            return f"({self.raw} is not null and octet_length({self.raw}) > 0)"
        if self.column.kind == "id" and not self.sql_type.is_number:
            word = f"length({self.text}) <= {max(map(len, NOBODY))} and lower({self.text}) in {NOBODY}"
            return f"({self.text} is not null and not ({word}))"
        return f"({self.text} is not null)"

    def typed_value(self, zones: Zones) -> str:
        """SQL that turns the value into a checked one, or null where it cannot."""
        match self.column.kind:
            case "number":
                number = f"try_cast({self.raw if self.sql_type.is_number else self.text} as double)"
                return f"case when abs({number}) <= {LARGEST_NUMBER:.0f} then {number} end"
            case "flag":
                lower = f"lower({self.text})"
                return (
                    f"case when {lower} in ('1', '1.0', 'true', 't', 'yes', 'y') then 1"
                    f" when {lower} in ('0', '0.0', 'false', 'f', 'no', 'n') then 0 end"
                )
            case "moment":
                moment = self._moment(zones)
                if self.column.midnight:  # the first at or after it
                    moment = f"cast(cast({moment} + interval '1 day' - interval '1 microsecond' as date) as timestamp)"
                return moment
            case "id":
                written = self._id()
                return f"case when {self.is_given()} and length({written}) <= {LONGEST_ID} and {_without_nul(written)} then {written} end"
            case _:
                return f"case when {_without_nul(self.text)} then {self._id(self.text)} end"

    def wrong_value(self) -> list[tuple[str, str]]:
        """(SQL that is true of a given value that could not become a checked one, what is wrong with it)."""
        wrong = f"{self.typed} is null and {self.is_given()}"
        match self.column.kind:
            case "number":
                finite = f"coalesce(isfinite(try_cast({self.text} as double)), false)"
                return [
                    (f"{wrong} and not {finite}", "expected a number"),
                    (f"{wrong} and {finite}", f"lies beyond {LARGEST_NUMBER:,.0f}"),
                ]
            case "flag":
                return [(wrong, "expected true or false")]
            case "moment":
                return [(wrong, "expected a date or timestamp")]
            case "id" if self.sql_type.is_number and not self.sql_type.is_whole:
                return [(wrong, f"is no whole number below {LARGEST_ID:,}")]
            case "id":
                return [(wrong, f"is longer than {LONGEST_ID} characters or holds a NUL")]
            case _:
                return [(wrong, "holds a NUL or is not in UTF-8" if self.sql_type.name == "BLOB" else "holds a NUL")]

    def _id(self, other: str = "null") -> str:
        """Text; whole numbers of a column of fractions are written without one, as `7` for 7.0, and others as `other`."""
        if not self.sql_type.is_number or self.sql_type.is_whole:
            return self.text
        whole = f"{self.raw} = trunc({self.raw}) and abs({self.raw}) < {LARGEST_ID}"
        return f"case when {whole} then cast(cast({self.raw} as bigint) as varchar) else {other} end"

    def _moment(self, zones: Zones) -> str:
        """A local timestamp of the shop. A date without a time of day is that day, whatever the zone."""
        raw, text = self.raw, self.text
        if self.sql_type.is_number:
            return "cast(null as timestamp)"
        if self.sql_type.is_zoned:
            return _finite(f"timezone('{zones.shop}', try_cast({raw} as timestamptz))")
        if self.sql_type.name == "DATE":
            return _finite(f"cast({raw} as timestamp)")
        if self.sql_type.is_moment:
            return _finite(_local(f"try_cast({raw} as timestamp)", zones))
        naive = f"try_cast({text} as timestamp)"
        as_known = f"regexp_replace(regexp_replace({text}, ' ?(UTC|GMT)$', 'Z'), ' ([+-][0-9:]+)$', '\\1')"
        return (
            f"case when regexp_full_match({text}, '{_DATE}{_TIME}') then {_local(naive, zones)}"
            f" when regexp_full_match({text}, '{_DATE}') then {naive} when regexp_full_match({text}, '{_DATE}{_TIME}{_ZONE}')"
            f" then timezone('{zones.shop}', try_cast({as_known} as timestamptz)) end"
        )


def _without_nul(text: str) -> str:
    return f"not contains({text}, chr(0))"


def _local(naive: str, zones: Zones) -> str:
    if zones.naive == zones.shop:
        return naive
    return f"timezone('{zones.shop}', timezone('{zones.naive}', {naive}))"


def _finite(moment: str) -> str:
    return f"case when isfinite({moment}) then {moment} end"
