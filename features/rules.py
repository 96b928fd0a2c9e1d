"""What each column of a table must hold, as SQL that is true of a row where it does not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from features.events import CURRENCY, Table
from features.mapping import MappedColumn
from features.quarantine import MISSING
from features.shop import Shop

FUTURE = "lies in the future"
FIRST_YEAR = 1970


@dataclass(frozen=True)
class Check:
    """`broken` is SQL over the raw values (`"raw x"`) and the checked ones (`"x"`) of a row."""

    column: str
    broken: str
    reason: str


def checks(table: Table, mapped: Sequence[MappedColumn], shop: Shop, today: date) -> list[Check]:
    """All checks of a table's mapped columns, in the order in which their faults are told."""
    found: list[Check] = []
    for one in mapped:
        column = one.column
        if column.required:
            found.append(Check(one.name, f"not {one.is_given()}", MISSING))
        found += [Check(one.name, bad, reason) for bad, reason in one.wrong_value()]
        if column.kind == "moment":
            latest = f"date '{today}'" + (" + 1" if column.midnight else "")
            found.append(Check(one.name, f"{one.typed} < timestamp '{FIRST_YEAR}-01-01'", f"lies before {FIRST_YEAR}"))
            if not column.planned:
                found.append(Check(one.name, f"cast({one.typed} as date) > {latest}", FUTURE))
        if column == CURRENCY:
            known = f"is none of {', '.join(sorted(rates(shop)))}, which shop.toml knows"
            found.append(Check(one.name, f"{one.typed} is not null and {rate(shop)} is null", known))
    here, of_table = {one.name for one in mapped}, {column.name for column in table.columns}
    for rule in table.rules:
        if set(re.findall(r"\w+", rule.broken)) & of_table <= here:
            found.append(Check(rule.column, rule.broken, rule.reason))
    return found


def rates(shop: Shop) -> dict[str, float]:
    """What one unit of each currency that a row may be in is in the shop's own."""
    return {shop.currency: 1.0, **shop.currencies}


def rate(shop: Shop) -> str:
    """SQL of the rate of a row's currency; null where shop.toml does not know it."""
    cases = " ".join(f"when '{code}' then cast('{value!r}' as double)" for code, value in rates(shop).items())
    return f'case upper("{CURRENCY.name}") {cases} end'
