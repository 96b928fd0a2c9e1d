"""What is taken away is the list as it is shown, in the reader's words; it runs nothing, and says what it holds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pages_by_hand import House, answer, entry, house, run_of
from starlette.datastructures import QueryParams

from serving.download import EXPORTED, MOST_EXPORTED, about
from serving.list_view import page_query
from serving.speech import speech
from serving.telling import Teller
from serving.words import FIELDS

EVIL = ["=cmd|'/c calc'!A1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil","x")']
LONG = "long " * 2000
HEBREW = "\u202eשלום עולם"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    people = [entry(text, 0.9 - k / 100, text, segment={"id": text, "name": text}) for k, text in enumerate(EVIL)]
    people += [
        entry("long", 0.3, reasons=[{**answer()["reasons"][0], "sentence": LONG}]),
        entry("rtl", 0.2, HEBREW), entry("plain", 0.1, "Béa, “Q”\nZ;"), entry("gone", None),
    ]  # fmt: skip
    with house(tmp_path_factory.mktemp("list"), people) as made:
        yield made


def taken(served: House, kind: str, asked: str = "", language: str = "en") -> list[dict[str, Any]]:
    """The rows of an export, columns by our names."""
    with served.browser(language=language) as browser:
        answered = browser.get(f"/customers?format={kind}{asked}")
    assert 200 == answered.status_code
    assert f'attachment; filename="churn_list_2024-05-01.{kind}"' == answered.headers["content-disposition"]
    match kind:
        case "json":
            return json.loads(answered.text)
        case "csv":
            rows = list(csv.reader(io.StringIO(answered.content.decode("utf-8-sig"), newline="")))
        case _:
            book = openpyxl.load_workbook(io.BytesIO(answered.content))
            cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
            assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
            sheet = book.active
            rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    return [dict(zip(EXPORTED, row, strict=True)) for row in rows[1:]]


def test_every_format_holds_the_same_rows(served: House) -> None:
    plain, csv_rows, cells = (taken(served, kind) for kind in ("json", "csv", "xlsx"))

    assert [*EVIL, "long", "rtl", "plain"] == [row["customer_id"] for row in plain]
    assert len(plain) == len(csv_rows) == len(cells)
    for one, text_row, row in zip(plain, csv_rows, cells, strict=True):
        for name, value in one.items():
            if isinstance(value, str):
                assert value == text_row[name].removeprefix("'" if value[:1] in "=+-@\t\r" else "")
                assert value == (row[name] or "").replace("_x000D_", "\r")  # as a workbook keeps what it cannot hold
            else:
                assert value == float(text_row[name]) == row[name]


def test_what_a_spreadsheet_would_run_is_text(served: House) -> None:
    for row in taken(served, "csv")[: len(EVIL)]:
        assert all(row[name].startswith("'") for name in ("customer_id", "name"))
    for row in taken(served, "csv"):
        assert not [value for value in row.values() if value[:1] in "=+@\t\r" and value]
    assert EVIL[:4] == [row["customer_id"] for row in taken(served, "xlsx")[:4]]


def test_long_and_foreign_texts_arrive_whole(served: House) -> None:
    for kind in ("csv", "xlsx", "json"):
        long, rtl, plain = taken(served, kind, "&sort=churn_probability")[-3:]
        assert f"Going quiet: {LONG}" == long["reason_1"]
        assert (HEBREW, "Béa, “Q”\nZ;") == (rtl["name"], plain["name"])


def test_an_export_keeps_filters_search_and_order(served: House) -> None:
    for kind in ("csv", "xlsx", "json"):
        assert ["plain", "long"] == [row["customer_id"] for row in taken(served, kind, "&q=N&segment=S1&reverse=true")]
        assert [] == taken(served, kind, "&band=low")


def test_an_export_speaks_the_readers_language(served: House) -> None:
    with served.browser(language="zh") as browser:
        heading = browser.get("/customers?format=csv").content.decode("utf-8-sig").partition("\r\n")[0].split(",")
    [row] = taken(served, "json", "&q=plain", language="zh")

    assert ["客户", "流失风险", "原因1"] == [
        heading[EXPORTED.index(n)] for n in ("customer_id", "churn_probability", "reason_1")
    ]
    assert ("高", "重要", "致电客户", "渐渐沉默") == (row["band"], row["tier"], row["action"], row["because"])


def test_an_export_of_many_rows_is_whole(tmp_path: Path) -> None:
    """Files are sent a few hundred rows at a time."""
    people = [entry(f"c{k:03}", 1 - k / 1000, band="high" if k < 200 else "low") for k in range(401)]
    with house(tmp_path, people) as made:
        for kind in ("csv", "json"):
            assert 401 == len(taken(made, kind))
            assert [f"c{k:03}" for k in range(200)] == [row["customer_id"] for row in taken(made, kind, "&band=high")]


def test_how_an_effect_is_known_is_said_in_words(tmp_path: Path) -> None:
    people = [
        entry("a", 0.5, decision={"evidence": "rule"}), entry("b", 0.4, decision={"evidence": "randomised (240)"}),
        entry("c", 0.3, decision={"action": "no_action", "arm": "none", "evidence": "rule"}),
    ]  # fmt: skip
    with house(tmp_path, people) as made:
        assert ["assumed", "measured (240)", ""] == [row["evidence"] for row in taken(made, "json")]
        assert ["假设", "实测 (240)", ""] == [row["evidence"] for row in taken(made, "csv", language="zh")]


# ---- what a file says of itself -------------------------------------------------------------------------------------


def notes(asked: str = "", language: str = "en") -> dict[str, str]:
    """What a file tells by label; of the same label in both parts, what it tells of the list."""
    told = about(
        page_query(QueryParams(asked)),
        Teller(run_of(), speech(language), None),
        None,
        datetime(2024, 5, 2, 6),
        "Europe/Berlin",
    )
    return dict(reversed(told))


def test_a_file_tells_whom_it_holds_in_what_order_and_as_of_when() -> None:
    found = notes("tier=key&tier=key_top&band=high&q= Anna &sort=value_at_risk&reverse=true")

    assert ("tiny", "High", "Key, Top key", "Anna", "Value at risk, rising") == tuple(
        found[name] for name in ("Shop", "Risk", "Tier", "Search", "Order")
    )
    assert ("May 1, 2024", "churn/1", "EUR") == (found["As of"], found["Model"], found["Currency"])
    assert "8:00:00" in found["Taken away"]
    assert "Everyone" == notes()["Customers"]
    assert ("Customer id, rising", "Customer id, falling") == (
        notes("sort=customer_id")["Order"], notes("sort=customer_id&reverse=true")["Order"],
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "json", "xlsx"])
def test_a_file_that_does_not_hold_all_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(MOST_EXPORTED, kind, 2)
    with house(tmp_path, [entry(f"c{k}", 0.5) for k in range(3)]) as made, made.browser() as browser:
        for search, name in (("", "_first_2"), ("&q=c", "_first_2"), ("&q=c1", "")):
            answered = browser.get(f"/customers?format={kind}{search}")
            assert (
                f'attachment; filename="churn_list_2024-05-01{name}.{kind}"' == answered.headers["content-disposition"]
            )
            if kind == "xlsx":
                list_sheet, beside = openpyxl.load_workbook(io.BytesIO(answered.content)).worksheets
                told = dict(beside.iter_rows(values_only=True))
                assert ("Churn list", "About this list") == (list_sheet.title, beside.title)
                assert bool(name) == ("ends after its first 2 customers" in told.get("Not complete", ""))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_file_explains_the_words_of_its_columns(language: str) -> None:
    found = notes(language=language)

    for name in ("churn_probability", "evidence", "arm", "value_at_risk"):
        label, meaning = (speech(language).text(part) for part in FIELDS[name])
        assert meaning == found[label]
    assert "Not complete" not in found
