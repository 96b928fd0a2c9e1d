"""Spreadsheets: rows as a workbook that opens ready to be read, and in which no text is a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

SHARES = frozenset({"churn_probability", "percentile"})
MONEY = frozenset({"value_at_risk", "lifetime_value", "expected_net_value", "cost"})
_WIDE = ("reason_", "segment", "action", "because")
_LONGEST_TEXT = 32_767  # of a cell, says Excel


def workbook(
    columns: Sequence[str], headings: Mapping[str, str], rows: Iterable[Mapping[str, Any]],
    notes: Iterable[tuple[str, str]], titles: tuple[str, str],
) -> bytes:  # fmt: skip
    """An XLSX workbook: headings kept in sight, filters on, shares and money as numbers in their format.

    Text is always written as text, so that nothing in it is calculated or linked.

    Parameters
    ----------
    notes
        (what, how it is) for a second sheet that tells of the first.
    titles
        Of the two sheets.
    """
    target = io.BytesIO()
    # not constant_memory: it writes text into every cell anew, and a file three times as large
    with xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        sheet = book.add_worksheet(titles[0][:31])
        heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        formats = {
            **dict.fromkeys(SHARES, book.add_format({"num_format": "0.0%"})),
            **dict.fromkeys(MONEY, book.add_format({"num_format": "#,##0.00"})),
        }
        for place, name in enumerate(columns):
            sheet.write_string(0, place, headings[name], heading)
            sheet.set_column(place, place, 34 if name.startswith(_WIDE) else 15, formats.get(name))
        last = 0
        for last, row in enumerate(rows, start=1):
            for place, name in enumerate(columns):
                value = row[name]
                if isinstance(value, int | float):
                    sheet.write_number(last, place, value)
                elif value:
                    sheet.write_string(last, place, str(value)[:_LONGEST_TEXT])
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(last, 1), len(columns) - 1)
        beside = book.add_worksheet(titles[1][:31])
        beside.set_column(0, 0, 24, book.add_format({"bold": True, "text_wrap": True, "valign": "top"}))
        beside.set_column(1, 1, 90, book.add_format({"text_wrap": True, "valign": "top"}))
        for place, note in enumerate(notes):
            for column, text in enumerate(note):
                beside.write_string(place, column, text[:_LONGEST_TEXT])
    return target.getvalue()
