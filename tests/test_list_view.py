"""The churn list as people see it: an address says all that was asked, and what is taken away runs nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote, urlsplit

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pages_by_hand import House, answer, entry, house, run_of
from starlette.datastructures import QueryParams
from starlette.routing import Match, Route

from features.catalog import DRIVERS
from features.refusal import Refusal
from models.churn_list import FILTERS, SORTS, ListPage
from models.relationship import QUADRANTS, TIERS
from models.runs import Entry
from models.summary import Summary
from serving.addresses import address_of
from serving.list_view import (
    COLUMNS,
    EXPORTED,
    FILTERED,
    FIRST_COLUMNS,
    PageQuery,
    customer_address,
    filters,
    page_query,
    pages_around,
    row_of,
    views,
)
from serving.speech import speech
from serving.telling import Teller

EVIL = ["=cmd|'/c calc'!A1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil","x")']
LONG = "long " * 2000
HEBREW = "\u202eשלום עולם"
unhurried = settings(deadline=None)


def query(asked: str = "") -> PageQuery:
    return page_query(QueryParams(asked))


def teller(language: str = "en", people: tuple[Entry, ...] = ()) -> Teller:
    """Tells of a run of these people, as the ledger would give it."""
    summary = Summary()
    for one in people:
        summary.add(one.answer)
    return Teller(run_of(people, summary=summary.as_dict() if people else {}), speech(language), None)


# ---- addresses ------------------------------------------------------------------------------------------------------


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
queries = st.builds(
    PageQuery,
    q=text, segment=st.none() | text.filter(bool), action=st.none() | text.filter(bool),
    band=st.sampled_from([None, "low", "medium", "high"]), tier=st.sampled_from([None, *TIERS]),
    value_quadrant=st.sampled_from([None, *QUADRANTS]), reason=st.sampled_from([None, *DRIVERS]),
    arm=st.sampled_from([None, "treat", "control", "none"]), sort=st.sampled_from(SORTS),
    limit=st.integers(1, 200), reverse=st.booleans(),
    columns=st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True).map(tuple),
)  # fmt: skip


@unhurried
@given(queries)
def test_an_address_says_all_that_was_asked(asked: PageQuery) -> None:
    assert asked == query(urlsplit(asked.address()).query)


@unhurried
@given(queries, text.filter(bool), st.sampled_from(["csv", "xlsx", "json"]))
def test_a_change_of_page_or_format_changes_nothing_else(asked: PageQuery, token: str, kind: str) -> None:
    later = query(urlsplit(asked.address(after=token, format=kind)).query)

    assert (token, kind) == (later.after, later.format)
    assert asked == query(urlsplit(later.address()).query)


def test_what_is_not_asked_stays_out_of_the_address() -> None:
    assert "/customers" == PageQuery().address()
    assert "/customers?band=high&reverse=true" == PageQuery(band="high", reverse=True).address()
    assert "/customers?band=high" == PageQuery(band="high", reverse=True).address(reverse=False)


def test_what_a_form_leaves_empty_is_not_asked() -> None:
    asked = query("q=&band=&tier=&segment=&value_quadrant=&reason=&action=&arm=&sort=&reverse=&columns=")

    assert PageQuery() == asked
    assert {} == asked.filters()


def test_columns_are_asked_for_one_by_one() -> None:
    assert ("tier", "state") == query("columns=tier&columns=state&columns=tier").columns
    assert FIRST_COLUMNS == query().columns


@pytest.mark.parametrize(
    "asked",
    ["band=huge", "tier=gold", "sort=name", "limit=0", "limit=201", "limit=many", f"limit={'9' * 5000}", "reverse=maybe",
     "format=pdf", "columns=name", "columns=tier&columns=name", "reason=moon", "arm=left", "colour=red", f"q={'x' * 257}",
     "q=a%00b", "segment=%00", f"action={'x' * 65}", f"after={'x' * 1001}", "value_quadrant=tin"],
)  # fmt: skip
def test_nonsense_is_told(asked: str) -> None:
    with pytest.raises(Refusal, match="^HF607 "):
        query(asked)


@unhurried
@given(st.text("abcdefghijklmnopqrstuvwxyz_=&%+0123456789", max_size=100))
def test_whatever_an_address_holds_is_a_question_or_told(asked: str) -> None:
    try:
        found = query(asked)
    except Refusal as refusal:
        found = refusal.code

    assert found == "HF607" or isinstance(found, PageQuery)


def test_the_filters_are_those_of_the_ledger() -> None:
    assert set(FILTERS) == set(FILTERED)
    assert set(COLUMNS) >= set(FIRST_COLUMNS)
    assert set(get_args(PageQuery.model_fields["sort"].annotation)) == set(SORTS)


def route(path: str) -> Any:
    """The id that the page of a customer at this path is asked for."""
    scope = {"type": "http", "path": unquote(path), "method": "GET", "root_path": "", "headers": []}
    found, inner = Route("/customers/{customer_id:path}", lambda request: None).matches(scope)
    assert found is Match.FULL
    return inner["path_params"]["customer_id"]


@unhurried
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=256))
@example("a/b/../c//d")
@example("50%41 ?x=1#y&z+é客")
@example("..%2f")
def test_every_id_has_an_address_that_leads_to_it(customer: str) -> None:
    address = customer_address(customer)

    assert customer == route(address)
    assert address.isascii()
    assert ("", "", "") == (urlsplit(address).netloc, urlsplit(address).query, urlsplit(address).fragment)
    assert address_of(f"/customers/{customer}") == address_of("/customers/1")


def test_the_pages_around_are_the_same_list_elsewhere() -> None:
    found = ListPage((), (), None, False, after="A=", before="B=")

    assert pages_around(query("band=high&after=x"), found) == (
        "/customers?band=high&before=B%3D", "/customers?band=high&after=A%3D",
    )  # fmt: skip
    assert (None, None) == pages_around(query(), ListPage((), (), 0, False, None, None))


# ---- filters and views ----------------------------------------------------------------------------------------------


PEOPLE = (
    entry("a", 0.5, decision={"arm": "control", "action": "no_action", "withheld": "call"}),
    entry("b", 0.4, segment={"id": "S2", "name": "weekenders"}),
    entry("c", 0.1, band="low", reasons=[], relationship={"tier": "small"}),
    entry("gone", None),
)


def choices(name: str, asked: str = "", language: str = "en", people: tuple[Entry, ...] = PEOPLE) -> list[str]:
    [found] = [one for one in filters(query(asked), teller(language, people)) if one.name == name]
    return [f"{one.label} ({one.count}){'*' if one.chosen else ''}" for one in found.choices]


def test_a_filter_offers_what_customers_have_and_counts_them() -> None:
    assert ["High (2)", "Low (1)"] == choices("band")
    assert ["高 (2)", "低 (1)"] == choices("band", language="zh")
    assert ["Key (2)", "Small (1)"] == choices("tier")
    assert ["regulars (2)", "weekenders (1)"] == choices("segment")
    assert ["Call them (2)", "No action (1)"] == choices("action")
    assert ["To be contacted (2)", "Left alone on purpose (1)"] == choices("arm")
    assert ["Going quiet (2)"] == choices("reason")


def test_what_is_chosen_is_offered_even_where_nobody_has_it() -> None:
    assert ["High (2)", "Medium (0)*", "Low (1)"] == choices("band", "band=medium")
    assert ["regulars (2)", "weekenders (1)", "S9 (0)*"] == choices("segment", "segment=S9")


def test_a_run_without_a_summary_offers_every_word() -> None:
    assert ["High (0)", "Medium (0)", "Low (0)"] == choices("band", people=())


def test_the_list_that_is_shown_is_marked_among_those_people_ask_for_most() -> None:
    def marked(asked: str) -> list[str]:
        return [label for label, _, is_shown in views(query(asked), teller()) if is_shown]

    assert ["Everyone"] == marked("")
    assert ["To contact now"] == marked("arm=treat&sort=expected_net_value")
    assert ["Key customers at high risk"] == marked("tier=key&band=high&limit=50")
    assert [] == marked("q=anna")
    for _, address, _ in views(query(), teller()):
        assert 1 == len(marked(urlsplit(address).query))


def test_a_row_shows_at_most_three_reasons_and_only_what_raises_the_risk() -> None:
    reasons = [{"driver": d, "push": p, "sentence": d, "features": []}
               for d, p in zip(list(DRIVERS)[:5], (0.9, 0.5, 0.3, 0.1, -0.2), strict=True)]  # fmt: skip

    assert ["Going quiet", "Visiting less", "Spending less"] == [
        label for label, _ in row_of(teller(), answer(reasons=reasons), None).reasons
    ]
    assert () == row_of(teller(), answer(reasons=reasons[4:]), None).reasons


# ---- what is taken away ---------------------------------------------------------------------------------------------


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
            sheet = openpyxl.load_workbook(io.BytesIO(answered.content)).active
            assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f" or cell.hyperlink]
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
