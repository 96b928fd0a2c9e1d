"""Every page on a narrow phone, in a real browser: nothing sticks out, and what is wide scrolls in a box of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pages_by_hand import CUTOFF, entry, house, run_of
from playwright.sync_api import Browser
from signed_in import overflow

from features.catalog import DRIVERS
from features.snapshot import day_number
from models.ledger import score_runs
from models.runs import Entry, write_run
from serving.list_view import COLUMNS
from serving.speech import LANGUAGES
from serving.visit import PAGES

pytestmark = pytest.mark.slow

REASON = entry().answer["reasons"][0]
NAMES = {"en": "weekly shoppers of fresh food on offer, fading", "zh": "每周采购生鲜特价商品、购买渐少的客户"}
LABELS = {
    "segments": {"S1": NAMES},
    "actions": {"call": {"en": "Call them with a coupon", "zh": "致电客户并赠送优惠券"}},
}
EVENTS = {"purchases": [[day_number(CUTOFF) - 30, 12345.5, 12]], "considered": [
    {"action": "call", "verdict": "chosen", "expected_net_value": 1234567.5}, {"action": "coupon", "verdict": "other_tier"},
]}  # fmt: skip
PATHS = (
    "/", "/customers", "/customers?" + "&".join(f"columns={name}" for name in COLUMNS), "/customers?q=nobody",
    "/customers/0", "/customers/gone", "/words", "/account", "/sign-in", "/no/such/page",
)  # fmt: skip


def person(k: int) -> Entry:
    """Someone of much worth, for one of the reasons there are."""
    reasons = [{**REASON, "driver": list(DRIVERS)[k % len(DRIVERS)]}, REASON]
    return entry(
        str(k), 0.9 - k / 1000, "Maximiliane Mustermann-Beispielhausen", EVENTS, value_at_risk=1234567.5, reasons=reasons,
        band=("high", "medium", "low")[k % 3],
    )  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], str]]:
    """By language and path the HTML of a shop that has two runs behind it, one of them compared with what came."""
    folder = tmp_path_factory.mktemp("narrow")
    with ThreadPoolExecutor(1) as beside:  # in the browser's own thread no other loop may run
        yield beside.submit(_pages, folder).result()


def _pages(folder: Path) -> dict[tuple[str, str], str]:
    people = [*map(person, range(60)), entry("gone", None)]
    group = {"customers": 1234567, "churners": 400000, "expected": 0.324, "actual": 0.297, "interval": [0.281, 0.304]}
    outcome = {"compared_at": "2024-04-30T00:00:00", "everyone": group, "left_out": 0, "bins": [], "seen_in_training": False,
               "bands": dict.fromkeys(("low", "medium", "high"), group)}  # fmt: skip
    found = {}
    with house(folder, people, labels=LABELS) as made:
        write_run(made.ledger, run_of(people, CUTOFF - timedelta(days=28), labels=LABELS), [people])
        with made.ledger.writing() as connection:
            connection.execute(
                sa.update(score_runs).where(score_runs.c.cutoff < CUTOFF).values(outcome=json.dumps(outcome))
            )
        for language in LANGUAGES:
            with made.browser(language=language) as browser:
                found |= {(language, path): browser.get(path).text for path in PATHS}
    return found


def alone(page: str) -> str:
    """A page with its style within, which needs nobody to serve it."""
    style = (PAGES / "holdfast.css").read_text(encoding="utf-8")
    page = re.sub(r"<script [^>]*></script>|<link rel=\"icon\"[^>]*>", "", page)
    return re.sub(r"<link rel=\"stylesheet\"[^>]*>", lambda _: f"<style>{style}</style>", page)


WIDER_THAN_ITS_BOX = """() => [...document.querySelectorAll(".card, .tiles li, .filters, .verdict")].filter((one) =>
    one.scrollWidth > one.clientWidth + 1).map((one) => `${one.scrollWidth} > ${one.clientWidth}: ${one.innerText.slice(0, 60)}`)"""


@pytest.mark.parametrize("width", [390, 320])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_is_wider_than_the_phone_it_is_on(
    browser: Browser, pages: dict[tuple[str, str], str], language: str, width: int
) -> None:
    faults: dict[str, Any] = {}
    page = browser.new_page(viewport={"width": width, "height": 844})
    try:
        for path in PATHS:
            page.set_content(alone(pages[language, path]))
            page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
            inner, scroll = page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
            if found := [*overflow(page), *page.evaluate(WIDER_THAN_ITS_BOX)]:
                faults[path] = found
            assert scroll <= inner or path in faults
    finally:
        page.close()

    assert {} == faults
    assert "1,234,567" in pages[language, "/"], "the table that compares is there"
