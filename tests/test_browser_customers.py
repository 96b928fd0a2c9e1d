"""The list of customers, in a real browser: what it shows is what the API gives, and its address is all there is to it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest
from playwright.sync_api import Browser, Page
from running_service import ServedShop
from signed_in import add_person, follow, listed, overflow, path, reader

from serving.download import EXPORTED
from serving.list_view import COLUMNS, FILTERED, FIRST_ORDER
from serving.words import FIELDS

pytestmark = pytest.mark.slow

ASKED = "/customers?tier=small&arm=none&sort=value_at_risk&limit=200&reverse=true"


@pytest.fixture(scope="module")
def anna(served: ServedShop) -> str:
    return add_person(served, "reads-lists")


def by_the_api(served: ServedShop, **asked: str | list[str]) -> list[str]:
    """The ids of all customers that the API's churn list gives, in the page's first order unless another is asked for."""
    with served.client("list") as client:
        answer = client.get("/v1/churn-list", params={"limit": "1000", "sort": FIRST_ORDER, **asked}).json()
    assert answer["next"] is None
    return [customer["customer_id"] for customer in answer["customers"]]


def all_pages(page: Page, link: str = "Next page") -> list[list[str]]:
    """The customers of this page and of all to which the link leads on."""
    found = [listed(page)]
    while page.get_by_role("link", name=link).count():
        follow(page.get_by_role("link", name=link))
        found.append(listed(page))
    return found


def choose(page: Page, name: str, *values: str) -> None:
    """Tick values of a filter or choose an order, and have the list shown."""
    if name in FILTERED:
        page.locator(f"details.pick:has([name={name}]) summary").click()
        for value in values:
            page.locator(f"[name={name}][value='{value}']").check()
    else:
        page.locator(f"select[name={name}]").select_option(values)
    follow(page.get_by_role("button", name="Show"))


def chosen(page: Page, name: str) -> list[str]:
    """The values of a filter that are ticked."""
    boxes = page.locator(f"[name={name}]:checked").all()
    return [str(box.get_attribute("value")) for box in boxes]


def open_more(page: Page) -> None:
    if page.locator("details.more").get_attribute("open") is None:
        page.locator("details.more > summary").click()


def test_the_list_is_by_value_at_risk_as_the_api_gives_it(browser: Browser, served: ServedShop, anna: str) -> None:
    everyone = by_the_api(served)
    with reader(browser, served, anna) as page:
        page.goto("/customers")

        assert everyone[:25] == listed(page)
        assert f"{len(everyone)} customers" == page.locator("main").get_by_role("status").inner_text()
        assert "descending" == page.get_by_role("columnheader", name="Value at risk").get_attribute("aria-sort")
        assert page.get_by_text("Most value at risk first").is_visible()


def test_all_pages_forwards_hold_everyone_once_and_backwards_are_the_same(
    browser: Browser, served: ServedShop, anna: str
) -> None:
    everyone = by_the_api(served)
    with reader(browser, served, anna) as page:
        page.goto("/customers?limit=150")
        forwards = all_pages(page)
        backwards = all_pages(page, "Page before")

    assert everyone == [customer for of_page in forwards for customer in of_page]
    assert forwards == backwards[::-1]


@pytest.mark.parametrize("name", FILTERED)
def test_each_filter_shows_whom_it_counts(browser: Browser, served: ServedShop, anna: str, name: str) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        open_more(page)
        labels = page.locator(f"label:has([name={name}])")
        values = [str(box.get_attribute("value")) for box in page.locator(f"[name={name}]").all()]
        label = labels.last.text_content() or ""
        choose(page, name, values[-1])

        assert values[-1:] == chosen(page, name)
        assert {name: values[-1:]} == parse_qs(urlsplit(page.url).query)
        expected = by_the_api(served, **{name: values[-1]})
        assert label.strip().endswith(f"({len(expected)})")
        assert expected[:25] == listed(page)


def test_a_filter_of_several_values_shows_who_has_any(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        choose(page, "band", "high", "medium")
        expected = by_the_api(served, band=["high", "medium"])

        assert "customers?band=high&band=medium" == path(page)
        assert expected[:25] == listed(page)
        assert len(by_the_api(served, band="high")) < len(expected) < len(by_the_api(served))
        assert "Risk High, Medium" == " ".join(page.locator("details.pick summary").first.inner_text().split())


def test_nothing_is_sent_before_one_asks_for_it_and_enter_asks(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        for field in ("[name=q]", "[name=reverse]", "[name=columns] >> nth=0"):
            page.goto("/customers")
            open_more(page)
            page.locator("select[name=sort]").select_option("churn_probability")
            page.locator("select[name=limit]").select_option("50")
            page.locator("[name=reverse]").check()
            page.wait_for_timeout(300)
            assert "customers" == path(page)
            assert page.get_by_role("button", name="Show").is_visible()
            with page.expect_navigation():
                page.locator(field).press("Enter")

            assert "customers?sort=churn_probability&limit=50&reverse=true" == path(page)
            assert by_the_api(served, sort="churn_probability")[::-1][:50] == listed(page)


def test_without_scripts_the_list_is_asked_for_all_the_same(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna, java_script_enabled=False) as page:
        page.goto("/customers")
        choose(page, "band", "low")
        choose(page, "sort", "lifetime_value")

        assert by_the_api(served, band="low", sort="lifetime_value")[:25] == listed(page)


def test_a_filter_that_is_open_closes_with_escape_and_by_a_click_elsewhere(
    browser: Browser, served: ServedShop, anna: str
) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        band, tier = page.locator("[name=band]").first, page.locator("[name=tier]").first
        summaries = page.locator("details.pick summary")
        summaries.nth(0).press("Enter")
        band.check()
        band.press("Escape")
        assert not band.is_visible()
        assert "Risk" in page.locator(":focus").inner_text()
        summaries.nth(1).click()
        summaries.nth(0).click()
        assert (True, False) == (band.is_visible(), tier.is_visible())
        page.locator("h1").click()
        assert not band.is_visible()


def test_filters_narrow_each_other_and_are_cleared_at_once(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        choose(page, "tier", "small")
        choose(page, "band", "low")
        choose(page, "sort", "lifetime_value")

        expected = by_the_api(served, tier="small", band="low", sort="lifetime_value")
        assert expected[:25] == listed(page)
        assert f"{len(expected)} customers" == page.locator("main").get_by_role("status").inner_text()
        follow(page.get_by_role("link", name="Clear all"))
        assert ("customers", by_the_api(served)[:25]) == (path(page), listed(page))


def test_a_search_finds_parts_of_ids_in_any_case(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        page.get_by_role("searchbox").fill(" c0012 ")
        with page.expect_navigation():
            page.get_by_role("searchbox").press("Enter")

        assert [customer for customer in by_the_api(served) if "C0012" in customer] == listed(page)


def test_who_searches_in_vain_is_told(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        for nothing in ("nobody like this", "%", "_", "' or 1=1 --"):
            page.goto("/customers")
            page.get_by_role("searchbox").fill(nothing)
            follow(page.get_by_role("button", name="Show"))

            assert [] == listed(page)
            assert "No customer is like that." in page.locator("main").inner_text()
            assert nothing == page.get_by_role("searchbox").input_value()


@pytest.mark.parametrize(
    ("name", "heading"),
    [("customer_id", "Customer"), ("churn_probability", "Churn risk"), ("value_at_risk", "Value at risk"),
     ("lifetime_value", "Lifetime value"), ("expected_net_value", "Expected net value")],
)  # fmt: skip
def test_headings_order_the_list_both_ways(
    browser: Browser, served: ServedShop, anna: str, name: str, heading: str
) -> None:
    expected = by_the_api(served, sort=name)
    with reader(browser, served, anna) as page:
        chosen = "".join(f"&columns={column}" for column in COLUMNS)
        page.goto(f"/customers?sort={'value_at_risk' if name != 'value_at_risk' else 'customer_id'}{chosen}")
        header = page.get_by_role("columnheader", name=heading)
        ways = [("ascending", expected), ("descending", expected[::-1])]
        if name != "customer_id":
            ways = [("descending", expected), ("ascending", expected[::-1])]
        for direction, in_order in ways:
            follow(header.get_by_role("link"))

            assert direction == header.get_attribute("aria-sort")
            assert in_order[:25] == listed(page)
            assert 1 == page.locator("[aria-sort]").count()


def test_columns_are_chosen_and_kept_from_page_to_page(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        open_more(page)
        for box in page.locator("[name=columns]").all():
            box.set_checked(box.get_attribute("value") in ("churn_probability", "state", "arm"))
        follow(page.get_by_role("button", name="Show"))
        headings = ["Customer", *(FIELDS[name][0] for name in ("churn_probability", "state", "arm"))]
        for link in ("Next page", "Page before"):
            shown = page.get_by_role("columnheader").all_inner_texts()
            assert headings == [text.rstrip(" ↓") for text in shown]
            follow(page.get_by_role("link", name=link))


def test_an_address_holds_the_whole_view(browser: Browser, served: ServedShop, anna: str) -> None:
    other = add_person(served, "is-sent-a-link")
    with reader(browser, served, anna) as mine, reader(browser, served, other, "zh-CN", width=900) as theirs:
        mine.goto("/customers")
        open_more(mine)
        mine.locator("[name=columns][value=state]").check()
        choose(mine, "band", "low")
        choose(mine, "sort", "lifetime_value")
        open_more(mine)
        mine.locator("[name=reverse]").check()
        follow(mine.get_by_role("button", name="Show"))
        follow(mine.get_by_role("link", name="Next page"))
        theirs.goto(mine.url)

        assert listed(mine)
        assert listed(mine) == listed(theirs)
        assert 9 == mine.locator("thead th").count() == theirs.locator("thead th").count()
        assert ["low"] == chosen(mine, "band") == chosen(theirs, "band")
        for page in (mine, theirs):
            assert "lifetime_value" == page.locator("[name=sort]").input_value()
            assert page.locator("[name=reverse]").is_checked()


def test_what_is_not_asked_for_stays_out_of_the_address(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        choose(page, "band", "low")

        assert "customers?band=low" == path(page)


def test_the_lists_people_ask_for_most_are_one_click_away(browser: Browser, served: ServedShop, anna: str) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        tabs = page.get_by_role("navigation", name="Lists people ask for most").get_by_role("link")
        assert tabs.count() >= 5
        for place in range(tabs.count()):
            follow(tabs.nth(place))
            asked = parse_qs(urlsplit(page.url).query)

            assert by_the_api(served, **asked)[:25] == listed(page)
            assert ["true" if other == place else None for other in range(tabs.count())] == [
                tab.get_attribute("aria-current") for tab in tabs.all()
            ]


def taken_away(page: Page, name: str, folder: Path) -> Path:
    """The file that a link downloads."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def read_csv(file: Path) -> list[list[Any]]:
    content = file.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def read_xlsx(file: Path) -> list[list[Any]]:
    book = openpyxl.load_workbook(file)
    sheet, _ = book.worksheets
    rows = [["" if cell is None else cell for cell in row] for row in sheet.iter_rows(values_only=True)]
    book.close()
    return rows


def read_json(file: Path) -> list[list[Any]]:
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [list(rows[0]), *([row[name] for name in rows[0]] for row in rows)]


@pytest.mark.parametrize(("language", "heading"), [("en", "Churn risk"), ("zh-CN", "流失风险")])
def test_a_list_is_taken_away_as_it_is_shown(
    browser: Browser, served: ServedShop, anna: str, tmp_path: Path, language: str, heading: str
) -> None:
    with reader(browser, served, anna, language) as page:
        page.goto(ASKED)
        read = {
            name: reads(taken_away(page, name, tmp_path))
            for name, reads in (("CSV", read_csv), ("Excel", read_xlsx), ("JSON", read_json))
        }
        shown = [
            customer
            for of_page in all_pages(page, "Next page" if language == "en" else "下一页")
            for customer in of_page
        ]

    assert len(shown) > 200
    assert list(EXPORTED) == read["JSON"][0]
    assert heading == read["CSV"][0][EXPORTED.index("churn_probability")]
    assert read["CSV"][0] == read["Excel"][0]
    for rows in read.values():
        assert shown == [row[0] for row in rows[1:]]
        assert {len(EXPORTED)} == {len(row) for row in rows}
    for column in ("churn_probability", "value_at_risk"):
        place = EXPORTED.index(column)
        numbers = [row[place] for row in read["JSON"][1:]]
        assert all(isinstance(number, float | int) for number in numbers)
        assert numbers == [row[place] for row in read["Excel"][1:]] == [float(row[place]) for row in read["CSV"][1:]]
    assert sorted(numbers) == numbers


def test_an_address_that_asks_for_nothing_known_is_told_and_leads_back(
    browser: Browser, served: ServedShop, anna: str
) -> None:
    with reader(browser, served, anna) as page:
        for asked in ("band=red", "colour=red", "limit=few", "after=x", "columns=secret", "segment=a%00", "format=exe"):
            answer = page.goto(f"/customers?{asked}")
            assert answer is not None
            assert 400 == answer.status
            assert "This address asks for something that does not exist" == page.locator("h1").inner_text()
            follow(page.locator("main").get_by_role("link", name="Customers"))
            assert "customers" == path(page)


def test_the_keyboard_alone_leads_to_a_customer_and_shows_where_one_is(
    browser: Browser, served: ServedShop, anna: str
) -> None:
    focused = """() => { const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
        return [document.activeElement.getAttribute("href"), outlineStyle !== "none" && outlineWidth !== "0px"]; }"""
    with reader(browser, served, anna) as page:
        page.goto("/customers")
        first = listed(page)[0]
        page.keyboard.press("Tab")
        assert "Skip to the content" == page.locator(":focus").inner_text()
        assert page.locator(":focus").bounding_box()["width"] > 40  # type: ignore[index]
        page.keyboard.press("Enter")
        stops = []
        while len(stops) < 60 and (not stops or stops[-1][0] != f"/customers/{first}"):
            page.keyboard.press("Tab")
            stops.append(page.evaluate(focused))
        assert f"/customers/{first}" == stops[-1][0]
        assert all(is_seen for _, is_seen in stops)
        assert "/words" not in [href for href, _ in stops]
        with page.expect_navigation():
            page.keyboard.press("Enter")

        assert first == page.locator("h1").inner_text()


def test_a_telephone_shows_every_column_without_scrolling_sideways(
    browser: Browser, served: ServedShop, anna: str
) -> None:
    with reader(browser, served, anna, width=390, height=844) as page:
        page.goto("/customers?" + "&".join(f"columns={column}" for column in COLUMNS))

        assert [] == overflow(page)
        assert 25 == len(listed(page))
        cells = page.locator("main table td:visible")
        for cell in cells.all()[: 3 * len(COLUMNS)]:
            box = cell.bounding_box()
            assert box is not None
            assert 0 <= box["x"] < box["x"] + box["width"] <= 390
