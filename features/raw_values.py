"""From a raw value to a checked one, as SQL: numbers, flags, local moments, trimmed text; null where it cannot be."""

from __future__ import annotations

NUMERIC = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
            "UBIGINT", "FLOAT", "DOUBLE"}  # fmt: skip
LARGEST_NUMBER = 1e12  # beyond it, either way, a number of a shop is a slip of the pen, and sums lose their cents
LONGEST_ID = 256


def typed_value(raw: str, kind: str, sql_type: str, zone: str) -> str:
    """SQL that turns a raw value into a checked one, or null where it cannot."""
    text = f"nullif(trim(cast({raw} as varchar)), '')"
    match kind:
        case "number":
            number = f"try_cast({text} as double)" if sql_type == "VARCHAR" else f"try_cast({raw} as double)"
            return f"case when abs({number}) <= {LARGEST_NUMBER:.0f} then {number} end"
        case "flag":
            lower = f"lower({text})"
            return (
                f"case when {lower} in ('1', '1.0', 'true', 't', 'yes', 'y') then 1"
                f" when {lower} in ('0', '0.0', 'false', 'f', 'no', 'n') then 0 end"
            )
        case "moment":
            if sql_type == "TIMESTAMP WITH TIME ZONE":
                return f"timezone('{zone}', {raw})"
            if sql_type in NUMERIC:
                return "cast(null as timestamp)"
            if sql_type != "VARCHAR":
                return f"try_cast({raw} as timestamp)"
            zoned = f"regexp_matches({text}, '[0-9](Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$') and contains({text}, ':')"
            return (
                f"case when {zoned} then timezone('{zone}', try_cast({text} as timestamptz))"
                f" else try_cast({text} as timestamp) end"
            )
        case "id":
            return f"case when {_is_plain_id(text)} then {text} end"
        case _:
            return text


def wrong_value(raw: str, typed: str, kind: str) -> list[tuple[str, str]]:
    """(SQL that is true of a given value that could not become a checked one, what is wrong with it)."""
    text = f"nullif(trim(cast({raw} as varchar)), '')"
    wrong = f"{text} is not null and {typed} is null"
    match kind:
        case "number":
            finite = f"coalesce(isfinite(try_cast({text} as double)), false)"
            return [
                (f"{wrong} and not {finite}", "expected a number"),
                (f"{wrong} and {finite}", f"lies beyond {LARGEST_NUMBER:,.0f}"),
            ]
        case "flag":
            return [(wrong, "expected true or false")]
        case "moment":
            return [(wrong, "expected a date or timestamp")]
        case "id":
            return [(wrong, f"is longer than {LONGEST_ID} characters or holds a NUL")]
        case _:
            return []


def _is_plain_id(text: str) -> str:
    return f"(length({text}) <= {LONGEST_ID} and not contains({text}, chr(0)))"
