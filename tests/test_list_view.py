"""The churn list as people see it: an address says all that was asked, and every customer has one."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pages_by_hand import House, answer, entry, house, run_of, shown
from starlette.datastructures import QueryParams
from starlette.routing import Match, Route

from features.catalog import DRIVERS
from features.refusal import Refusal
from models.churn_list import FILTERS, SORTS, ListPage
from models.ledger import scores
from models.relationship import QUADRANTS, TIERS
from models.runs import Entry
from models.summary import Summary
from serving.addresses import address_of, customer_address, customer_at
from serving.list_view import (
    COLUMNS,
    FILTERED,
    FIRST_COLUMNS,
    FIRST_ORDER,
    ORDERS,
    PageQuery,
    filters,
    page_query,
    pages_around,
    row_of,
    views,
)
from serving.messages import ChurnListQuery
from serving.speech import speech
from serving.telling import Teller


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


def any_of(value: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(value, max_size=3, unique=True).map(tuple)


queries = st.builds(
    PageQuery,
    q=text, segment=any_of(text.filter(bool)), action=any_of(text.filter(bool)),
    band=any_of(st.sampled_from(["low", "medium", "high"])), tier=any_of(st.sampled_from(TIERS)),
    value_quadrant=any_of(st.sampled_from(QUADRANTS)), reason=any_of(st.sampled_from(list(DRIVERS))),
    arm=any_of(st.sampled_from(["treat", "control", "none"])), sort=st.sampled_from(SORTS),
    limit=st.integers(1, 200), reverse=st.booleans(),
    columns=st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True).map(tuple),
)  # fmt: skip


@given(queries)
def test_an_address_says_all_that_was_asked(asked: PageQuery) -> None:
    assert asked == query(urlsplit(asked.address()).query)


@given(queries, text.filter(bool), st.sampled_from(["csv", "xlsx", "json"]))
def test_a_change_of_page_or_format_changes_nothing_else(asked: PageQuery, token: str, kind: str) -> None:
    later = query(urlsplit(asked.address(after=token, format=kind)).query)

    assert (token, kind) == (later.after, later.format)
    assert asked == query(urlsplit(later.address()).query)


def test_what_is_not_asked_stays_out_of_the_address() -> None:
    assert "/customers" == PageQuery().address()
    assert "/customers?band=high&reverse=true" == PageQuery(band=("high",), reverse=True).address()
    assert "/customers?band=high" == PageQuery(band=("high",), reverse=True).address(reverse=False)


def test_what_a_form_leaves_empty_is_not_asked() -> None:
    asked = query("q=&band=&tier=&segment=&value_quadrant=&reason=&action=&arm=&sort=&reverse=&columns=")

    assert PageQuery() == asked
    assert {} == asked.filters()


def test_a_filter_takes_several_values_and_says_them_again() -> None:
    asked = query("tier=key&tier=key_top&tier=key&band=&band=high")

    assert {"band": ("high",), "tier": ("key", "key_top")} == asked.filters() == dict(asked.asked().filters)
    assert "/customers?band=high&tier=key&tier=key_top" == asked.address()


def test_what_can_be_asked_once_is_not_asked_twice() -> None:
    for asked in ("sort=value_at_risk&sort=customer_id", "limit=10&limit=20", "q=a&q=b"):
        with pytest.raises(Refusal, match="^HF607 .* is given twice"):
            query(asked)
    assert 10 == query("limit=10&limit=").limit


def test_columns_are_asked_for_one_by_one() -> None:
    assert ("tier", "state") == query("columns=tier&columns=state&columns=tier").columns
    assert FIRST_COLUMNS == query().columns


@pytest.mark.parametrize(
    "asked",
    ["band=huge", "tier=gold", "sort=name", "limit=0", "limit=201", "limit=many", f"limit={'9' * 5000}", "reverse=maybe",
     "format=pdf", "columns=name", "columns=tier&columns=name", "reason=moon", "arm=left", "colour=red", f"q={'x' * 257}",
     "q=a%00b", "segment=%00", f"action={'x' * 65}", f"after={'x' * 1501}", "value_quadrant=tin", "band=high&band=huge"],
)  # fmt: skip
def test_nonsense_is_told(asked: str) -> None:
    with pytest.raises(Refusal, match="^HF607 "):
        query(asked)


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
    return customer_at(inner["path_params"]["customer_id"])


@given(st.text(st.characters(codec="utf-8"), max_size=256) | st.text("~./\\\n\r a%", max_size=6))
@example("a/b/../c//d")
@example("50%41 ?x=1#y&z+é客")
@example("..%2f")
@example(".")
@example("..")
@example("a\n")
@example("~Lg")
@example("")
def test_every_id_has_an_address_that_leads_to_it(customer: str) -> None:
    address = customer_address(customer)

    assert customer == route(address)
    assert address.isascii()
    assert address == urljoin(f"http://shop{address}", address).removeprefix("http://shop"), "a browser changes it"
    assert not {"", ".", ".."} & set(address.split("/")[2:])
    assert "%2F" not in address, "proxies take it for a slash"
    assert ("", "", "") == (urlsplit(address).netloc, urlsplit(address).query, urlsplit(address).fragment)
    assert address_of(unquote(address)) == address_of("/customers/1")


@pytest.mark.parametrize("place", ["~", "~L", "~Lg=", "~é", "~_w", "~" * 40])
def test_what_is_no_address_of_an_id_leads_to_nobody_and_breaks_nothing(place: str) -> None:
    assert isinstance(customer_at(place), str)


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


def test_all_that_is_chosen_is_marked_and_named() -> None:
    assert ["Key (2)*", "Small (1)*"] == choices("tier", "tier=small&tier=key")
    [tier] = [one for one in filters(query("tier=small&tier=key"), teller(people=PEOPLE)) if one.name == "tier"]
    assert ("Key", "Small") == tier.chosen


def test_what_is_chosen_is_offered_even_where_nobody_has_it() -> None:
    assert ["High (2)", "Medium (0)*", "Low (1)"] == choices("band", "band=medium")
    assert ["regulars (2)", "weekenders (1)", "S9 (0)*"] == choices("segment", "segment=S9")


def test_a_run_without_a_summary_offers_every_word() -> None:
    assert ["High (0)", "Medium (0)", "Low (0)"] == choices("band", people=())


def test_the_list_that_is_shown_is_marked_among_those_people_ask_for_most() -> None:
    def marked(asked: str) -> list[str]:
        return [label for label, _, is_shown in views(query(asked), teller()) if is_shown]

    assert ["Everyone"] == marked("") == marked("sort=value_at_risk")
    assert ["Most at stake"] == marked("band=medium&band=high")
    assert ["Most likely to leave"] == marked("sort=churn_probability")
    assert ["To contact now"] == marked("arm=treat&sort=expected_net_value")
    assert ["Key customers at high risk"] == marked("tier=key&tier=key_top&band=high&limit=50")
    assert [] == marked("tier=key&band=high")
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


def test_the_first_order_is_by_value_at_risk_and_every_order_has_an_index_and_a_name() -> None:
    indexed = {str(column).split(".")[-1].split()[0] for index in scores.indexes for column in index.expressions}

    assert "value_at_risk" == FIRST_ORDER == query().sort == query().asked().sort == next(iter(ORDERS))
    assert "churn_probability" == ChurnListQuery().sort, "a program's order stays as it was"
    assert set(SORTS) == set(ORDERS) <= indexed
    assert 2 * len(ORDERS) == len({text for texts in ORDERS.values() for text in texts})


# ---- the form and the pages -----------------------------------------------------------------------------------------


ODD = (".", "..", "a\nb", "a/../b", "~Lg", "~", " ", "a\\b", "😀" * 256, "\x01" * 256, "%2e%2e")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    people = [entry(customer, 0.9 - k / 100) for k, customer in enumerate(ODD)]
    with house(tmp_path_factory.mktemp("odd"), people) as made:
        yield made


def in_form(page: httpx.Response) -> list[tuple[str, str]]:
    """What the form of a list would send as it is."""
    form = page.text.partition('<form class="filters"')[2].partition("</form>")[0]
    boxes = re.findall(r'<input type="checkbox" name="(\w+)" value="([^"]*)" checked>', form)
    selects = re.findall(r'<select name="(\w+)".*?<option(?: value="\w+")? selected>(\w+)', form, re.S)
    return [(name, value) for name, value in [*boxes, *selects] if name != "columns"]


def test_the_form_keeps_what_was_asked(odd: House) -> None:
    with odd.browser() as browser:
        asked = browser.get("/customers?tier=key&tier=key_top&band=high&limit=50&reverse=true")
        usual, of_ten = browser.get("/customers"), browser.get("/customers?limit=10")

    found = [("band", "high"), ("tier", "key_top"), ("tier", "key"), ("reverse", "true"), ("limit", "50")]
    assert found == [pair for pair in in_form(asked) if pair[0] != "sort"]
    assert [("limit", "25")] == [pair for pair in in_form(usual) if pair[0] != "sort"]
    assert ("limit", "10") in in_form(of_ten)


@pytest.mark.parametrize(
    ("asked", "order", "listed"),
    [
        ("", "Most value at risk first: what leaving would cost, weighed by how likely it is.", ["dear", "sure"]),
        ("?reverse=true", "Least value at risk first.", ["sure", "dear"]),
        ("?sort=churn_probability", "Highest churn risk first.", ["sure", "dear"]),
        ("?sort=customer_id&reverse=true", "By customer id, from the last one on.", ["sure", "dear"]),
    ],
)
def test_the_list_says_in_what_order_it_is_and_is_so(tmp_path: Path, asked: str, order: str, listed: list[str]) -> None:
    people = [entry("sure", 0.99, value_at_risk=1.5), entry("dear", 0.3, value_at_risk=900.0)]
    with house(tmp_path, people) as made, made.browser() as browser:
        page = browser.get(f"/customers{asked}")

    assert order in shown(page)
    assert listed == re.findall(r'class="who"><a href="/customers/(\w+)"', page.text)


def test_nothing_is_said_of_the_order_of_nobody(odd: House) -> None:
    with odd.browser() as browser:
        assert "Most value at risk first" not in shown(browser.get("/customers?q=nobody"))


def test_what_the_form_takes_for_usual_is_what_an_address_without_it_asks(odd: House) -> None:
    with odd.browser() as browser:
        usual = dict(re.findall(r'<select name="(\w+)" data-usual="(\w+)"', browser.get("/customers").text))

    assert {"sort": PageQuery().sort, "limit": str(PageQuery().limit)} == usual


def test_a_segment_is_said_to_be_what_a_customer_belongs_to(odd: House) -> None:
    with odd.browser() as browser, odd.browser(language="zh") as chinese:
        for page, label in ((browser, "Belongs to segment"), (chinese, "所属客户群")):
            text = page.get("/customers").text
            assert re.search(rf'<th scope="col" class="[^"]*c-segment"[^>]*>\s*{label}</th>', text)
            assert f'data-label="{label}"' in text
            assert f"{label} " in shown(page.get(customer_address(" ")))


def test_who_is_listed_has_a_page_and_is_on_one_page_of_the_list(odd: House) -> None:
    listed, address = [], "/customers?limit=1"
    with odd.browser() as browser:
        while address:
            page = browser.get(address).text
            [place] = re.findall(r'<th scope="row" class="who"><a href="([^"]+)">', page)
            person = browser.get(html.unescape(place))
            assert 200 == person.status_code, place
            listed.append(html.unescape(re.findall(r"<h1><bdi>(.*?)</bdi></h1>", person.text, re.S)[0]))
            address = html.unescape(next(iter(re.findall(r'rel="next" href="([^"]+)"', page)), ""))

    assert list(ODD) == listed
