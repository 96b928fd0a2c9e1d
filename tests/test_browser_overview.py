"""The overview, in a real browser: its figures are the ledger's, its links lead to those they count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from chromium import visitor
from pages_by_hand import entry, run_of
from playwright.sync_api import Browser, Locator, Page
from running_service import ServedShop, running, scored_shop
from signed_in import add_person, fill_in, follow, reader

from features.checked import CheckedTables
from features.shop import read_shop
from models.ledger import utc_now
from models.outcome import RunOutcome, runs_to_compare
from models.playbook import read_playbook
from models.published import current_bundle
from models.runs import ScoreRun, begun_run, fill_run, past_runs
from models.summary import NO_REASON
from serving.overview import MOST_REASONS
from serving.scores import score_shop
from serving.speech import speech
from serving.words import BANDS, QUADRANTS, TIERS
from training.monitor import compare_runs
from training.study import MonitorSettings

pytestmark = pytest.mark.slow

say = speech("en")


@pytest.fixture(scope="module")
def looked_back(
    example_folder: Path, checked: CheckedTables, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedShop]:
    """The example shop, scored today and as of four and eight weeks ago, and compared with what came."""
    shop = scored_shop(tmp_path_factory.mktemp("looked_back"), example_folder, checked, bundle_folder)
    bundle, playbook, known = current_bundle(shop.store.bundles), read_playbook(shop.shop), read_shop(shop.shop)
    with shop.ledger() as ledger:
        for weeks in (8, 4):
            cutoff = checked.known_until - timedelta(weeks=weeks)
            score_shop(known, checked, bundle, playbook, cutoff, utc_now(), ledger)
        matured = runs_to_compare(ledger, known.name, checked.known_until)
        compare_runs(matured, checked, ledger, shop.store.bundles, utc_now(), MonitorSettings())
    add_person(shop, "anna")
    with running(shop) as served:
        yield served


@pytest.fixture(scope="module")
def runs(looked_back: ServedShop) -> list[ScoreRun]:
    with looked_back.ledger() as ledger:
        return past_runs(ledger, read_shop(looked_back.shop).name)


@pytest.fixture
def overview(browser: Browser, looked_back: ServedShop) -> Iterator[Page]:
    with reader(browser, looked_back, "anna") as page:
        page.goto("/")
        yield page


def section(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def cells(found: Locator) -> list[list[str]]:
    """The texts of a table's body, without what is only drawn."""
    rows = [row.locator("th, td").all_inner_texts() for row in found.locator("tbody tr").all()]
    return [[text.strip() for text in row if text.strip()] for row in rows]


def tile(page: Page, title: str) -> str:
    return page.get_by_role("listitem").filter(has_text=title).first.inner_text()


def test_the_headline_is_the_ledgers_sum(overview: Page, runs: list[ScoreRun]) -> None:
    total = runs[-1].summary["total"]
    to_contact = runs[-1].summary["by"]["arm"]["treat"]

    leaving, customers = say.number(total["churners"]), say.number(total["customers"])
    assert f"{leaving} of {customers} customers are expected to leave" == overview.locator("h1").inner_text()
    assert say.percent(total["churners"] / total["customers"], 1) in tile(overview, "Churn rate expected")
    assert say.short_money(total["value_at_risk"], "EUR") in tile(overview, "Value at risk")
    contact = tile(overview, "Worth contacting now")
    assert str(to_contact["customers"]) in contact.splitlines()
    assert say.short_money(to_contact["expected_net_value"], "EUR") in contact


def test_every_group_has_the_ledgers_figures(overview: Page, runs: list[ScoreRun]) -> None:
    by = runs[-1].summary["by"]
    labels = runs[-1].labels

    def told(tally: dict[str, Any]) -> list[str]:
        rate = tally["churners"] / tally["customers"]
        return [str(tally["customers"]), say.percent(rate, 1), say.money(tally["value_at_risk"], "EUR")]

    segments = {names["en"]: told(by["segment"][code]) for code, names in labels["segments"].items()}
    assert segments == {row[0]: row[1:] for row in cells(section(overview, "Segments"))}
    tiers = {name: told(by["tier"][code]) for code, (name, _) in TIERS.items() if code in by["tier"]}
    assert tiers == {row[0]: row[1:] for row in cells(section(overview, "The customer pyramid")) if row[1] != "0"}
    actions = {
        names["en"]: [str(by["action"][code]["customers"])]
        for code, names in labels["actions"].items()
        if code in by["action"]
    }
    what_to_do = section(overview, "What to do")
    assert actions == {row[0]: row[1:] for row in cells(what_to_do.locator(".bars"))}
    for_others = sorted((tally["customers"] for tally in by["why_not"].values()), reverse=True)
    what_to_do.get_by_text("Why nothing is done for the others").click()
    assert [str(count) for count in for_others] == [row[1] for row in cells(what_to_do.locator(".no-action"))]
    reasons = cells(section(overview, "Why they leave"))
    named = {code: tally for code, tally in by["first_reason"].items() if code != NO_REASON}
    most = sorted((tally["customers"] for tally in named.values()), reverse=True)
    assert [str(count) for count in most[:MOST_REASONS]] == [row[1] for row in reasons][:MOST_REASONS]
    together = [by["band"][band] for band in ("high", "medium") if band in by["band"]]
    total = section(overview, "Why they leave").locator("tfoot tr").first
    assert sum(tally["customers"] for tally in together) == sum(int(row[1]) for row in reasons)
    assert say.money(sum(tally["value_at_risk"] for tally in together), "EUR") in total.inner_text()


def test_every_link_leads_to_as_many_customers_as_it_says(overview: Page, runs: list[ScoreRun]) -> None:
    counts = overview.locator("main a[href^='/customers?']").evaluate_all(
        "links => links.map((link) => [link.getAttribute('href'), (link.closest('tr') ?? link).innerText])"
    )
    assert len(counts) > 20
    by = runs[-1].summary["by"]
    for address, text in counts:
        overview.goto(address)
        status = overview.locator("main").get_by_role("status")
        found = int(re.sub(r"\D", "", status.inner_text()))
        if "&reason=" in address:  # the list knows reasons among the three strongest, the overview the first
            said = re.search(r"(?<=\t)[\d,]+", text)
            assert said, text
            assert 0 < int(said[0].replace(",", "")) <= found, (address, text, found)
        elif re.fullmatch(r"/customers\?band=\w+", address):
            assert by["band"][address.partition("=")[2]]["customers"] == found
        else:
            assert re.search(rf"(?<![\d.,]){found}(?![\d.,%])", text), (address, text, found)


def test_the_figures_are_said_by_the_pictures_too(overview: Page, runs: list[ScoreRun]) -> None:
    risk = section(overview, "How the risk is spread").get_by_role("img")
    bars = [int(text.split(": ")[1].split()[0]) for text in risk.locator("title").all_text_contents()]

    assert [count for count in runs[-1].summary["risk"] if count] == bars
    quadrants = section(overview, "Value now and growth").get_by_role("link").all_inner_texts()
    assert {name for name, _ in QUADRANTS.values()} == {text.splitlines()[0].strip() for text in quadrants}


def test_the_course_over_past_runs_is_shown_with_what_came(overview: Page, runs: list[ScoreRun]) -> None:
    over_time = section(overview, "Over past runs")
    over_time.get_by_text("As a table").click()
    expected = [
        [
            say.day(run.cutoff),
            say.percent(run.summary["total"]["churners"] / run.summary["total"]["customers"], 1),
            say.percent(run.outcome["everyone"]["actual"], 1) if run.outcome else "not known yet",
            say.money(run.summary["total"]["value_at_risk"], "EUR"),
        ]
        for run in reversed(runs)
    ]

    assert 3 == len(runs)
    assert expected == cells(over_time)
    assert [False, True, True] == [row[2] != "not known yet" for row in expected]
    assert over_time.get_by_role("img").is_visible()


def test_was_it_right_shows_bands_beside_what_came(overview: Page, runs: list[ScoreRun]) -> None:
    fair = [run for run in runs[:2] if run.outcome and not run.outcome["seen_in_training"]]
    shown = (fair or runs[:2])[-1]
    assert shown.outcome is not None
    outcome = RunOutcome.from_dict(shown.outcome)
    was_it = section(overview, "Was it right?")

    assert [
        [BANDS[band][0], str(group.customers), say.percent(group.expected, 1), say.percent(group.actual, 1),
         f"{say.percent(group.interval[0])}–{say.percent(group.interval[1])}"]
        for band, group in sorted(outcome.bands.items(), key=lambda pair: list(BANDS).index(pair[0]))
    ] == cells(was_it)  # fmt: skip
    assert say.day(shown.cutoff) in was_it.inner_text()
    assert outcome.seen_in_training == ("this flatters it" in was_it.inner_text())


def test_while_a_run_is_written_the_one_before_stays_and_that_is_said(
    overview: Page, looked_back: ServedShop, runs: list[ScoreRun]
) -> None:
    before = overview.locator("main").inner_text()
    coming = replace(runs[-1], cutoff=date(2024, 3, 3), scored_at=utc_now())
    assert "under way" not in before
    with looked_back.ledger() as ledger, suppress(InterruptedError), begun_run(ledger, coming):
        for address in ("/customers", "/customers/C00030", "/"):
            overview.goto(address)
            assert "A new score run is under way" in overview.locator("main").inner_text()
        notice = overview.locator("main").get_by_role("status").inner_text()
        assert before == overview.locator("main").inner_text().removeprefix(notice).lstrip()
        raise InterruptedError
    overview.reload()
    assert before == overview.locator("main").inner_text()


def see_nothing_yet(page: Page) -> None:
    for address in ("/", "/customers", "/customers/anyone"):
        answer = page.goto(address)
        assert answer is not None
        assert (503, "Nothing has been scored yet") == (answer.status, page.locator("h1").inner_text())


def test_before_anything_is_scored_people_are_told_so_and_then_see_it(
    browser: Browser, looked_back: ServedShop, tmp_path: Path
) -> None:
    bare = ServedShop(looked_back.shop, type(looked_back.store)(tmp_path / "store"))
    bare.store.root.mkdir()
    shop = read_shop(bare.shop)
    with running(bare), visitor(browser, bare.url, expected=["status of 503"]) as page:
        page.goto("/")
        assert "Sign in" == page.locator("h1").inner_text()
        fill_in(page, "anna")
        assert "The service is not ready" == page.locator("h1").inner_text()

        with bare.ledger() as ledger:
            ledger.migrate()
            add_person(bare, "anna")
            page.goto("/sign-in")
            fill_in(page, "anna")
            entries = [entry("first of all", 0.4), entry("second", 0.2)]
            run = run_of(entries, shop=shop.name, scored_at=utc_now())
            see_nothing_yet(page)
            with begun_run(ledger, run) as number:
                see_nothing_yet(page)
                fill_run(ledger, run, number, [entries])
        page.goto("/")
        assert "1 of 2 customers are expected to leave" == page.locator("h1").inner_text()
        follow(page.get_by_role("navigation").get_by_role("link", name="Customers"))
        assert "first of all" in page.locator("main").inner_text()
