"""The model card as a page: whole in itself, of no person, whatever things are called; served to who is signed in."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chromium import axe_violations
from pages_by_hand import entry, house
from running_service import ServedShop
from signed_in import add_person, overflow, reader
from tags import Tags

from models.bundle import Bundle, load_bundle
from training.card_page import card_page
from training.train import Trained

NASTY = "<script>alert('&')</script>"


def called(content: Any, name: str) -> Any:
    """The content with every text that is a name of the shop's own replaced by this one."""
    if isinstance(content, Mapping):
        return {
            key: name if key in ("shop", "group", "en", "attribute") else called(value, name)
            for key, value in content.items()
        }
    return [called(one, name) for one in content] if isinstance(content, (list, tuple)) else content


def test_the_card_is_one_file_that_runs_and_loads_nothing(trained: Trained) -> None:
    tags = Tags(trained.bundle.card_page).tags
    attributes = {name for _, of in tags for name in of}

    assert {"script", "link", "iframe", "form", "img", "object", "base"}.isdisjoint(tag for tag, _ in tags)
    assert {"src", "href", "style", "srcset"}.isdisjoint(attributes)
    assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in trained.bundle.card_page
    assert "@import" not in trained.bundle.card_page


def test_the_card_tells_all_that_is_asked_of_it(trained: Trained) -> None:
    text = trained.bundle.card_page
    headings = re.findall(r"<h2>(.*?)</h2>", text)

    assert [
        "What it is for", "What would be misuse", "Limits", "Who may object, and how", "What it was learned from",
        "How it was judged", "Calibration", "What it is worth", "For whom it does well, and for whom not", "Fairness",
        "Whether reasons stay", "What it looks at", "Segments", "What customers will spend", "Which model this is",
    ] == headings  # fmt: skip
    for said in (trained.bundle.card["data"]["fingerprint"], trained.bundle.catalog.fingerprint, "profiling_opt_out",
                 trained.judgment.grade_because, "fit.min_customers_in_leaf"):  # fmt: skip
        assert said in text
    assert all(f"<code>{name}</code>" in text for name in trained.bundle.catalog.names)
    assert "Bundle churn/7" in card_page(trained.bundle, "churn/7")


def test_no_customer_is_in_the_card(trained: Trained) -> None:
    assert not [customer for customer in set(trained.panel.customer_ids) if customer in trained.bundle.card_page]


def test_names_are_shown_as_text_whatever_they_are(trained: Trained) -> None:
    feature = replace(trained.bundle.catalog.features[0], meaning=NASTY, unit="number")
    catalog = replace(trained.bundle.catalog, features=(feature, *trained.bundle.catalog.features[1:]))
    fairness = [{"attribute": NASTY, "protected": True, "in_model": False, "reference": NASTY, "groups": [
        {"group": NASTY, "selection_ratio": None, "below_four_fifths": False, "found_difference": None,
         "calibration_gap": None, "words": NASTY}]}]  # fmt: skip
    card = called(trained.bundle.card, NASTY)
    card = {
        **card,
        "judged": {**card["judged"], "fairness": fairness, "slices": {NASTY: card["judged"]["slices"]["segment"]}},
    }
    text = card_page(replace(trained.bundle, card=card, catalog=catalog), NASTY)

    assert "script" not in {tag for tag, _ in Tags(text).tags}
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 8


def test_what_is_not_told_is_said(trained: Trained) -> None:
    judged = {**trained.bundle.card["judged"], "net_value": None, "reasons": None, "in_time": False}
    text = card_page(replace(trained.bundle, card={**trained.bundle.card, "judged": judged}))

    assert "Not told: it was not asked." in text
    assert "reason_refits" in text
    assert "On random fifths of the customers" in text
    assert "The study names no attribute to compare." in text


def test_a_bundle_keeps_its_card_and_an_older_one_has_none(trained: Trained, bundle_folder: Path) -> None:
    old = Path(__file__).parent / "data" / "bundle-format-1"

    assert trained.bundle.card_page == load_bundle(bundle_folder).card_page
    assert "" == load_bundle(old).card_page


def test_the_card_is_served_to_who_is_signed_in_with_its_own_style_alone(trained: Trained, tmp_path: Path) -> None:
    with house(tmp_path, [entry()], trained.bundle) as shop:
        with shop.browser() as browser:
            front, card = browser.get("/customers"), browser.get("/model-card")
        with shop.browser(signed_in=False) as stranger:
            sent = stranger.get("/model-card")
    [style] = re.findall(r"<style>(.*?)</style>", card.text, re.DOTALL)
    own = b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert '<a href="/model-card">' in front.text
    assert (200, trained.bundle.card_page) == (card.status_code, card.text)
    assert f"default-src 'none'; style-src 'sha256-{own}'; base-uri" in card.headers["content-security-policy"]
    assert (303, True) == (sent.status_code, sent.headers["location"].startswith("/sign-in"))


@pytest.mark.parametrize("bundle", ["older", "none"])
def test_where_there_is_no_card_nothing_leads_to_it(trained: Trained, tmp_path: Path, bundle: str) -> None:
    older: Bundle | None = replace(trained.bundle, card_page="") if bundle == "older" else None
    with house(tmp_path, [entry()], older) as shop, shop.browser() as browser:
        front, card = browser.get("/customers"), browser.get("/model-card")

    assert "/model-card" not in front.text
    assert {"older": 404, "none": 503}[bundle] == card.status_code


@pytest.mark.slow
@pytest.mark.parametrize(("width", "colours"), [(1200, "light"), (390, "dark")])
def test_people_can_read_the_card_in_a_browser(browser, served: ServedShop, width: int, colours: str) -> None:
    """Styled in spite of the strict policy, nothing sticks out, and fit for a screen reader; the visitor sees to the rest."""
    login = add_person(served, f"card-{width}")
    with reader(browser, served, login, width=width, scheme=colours) as page:
        page.goto("/model-card")
        page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        background = page.locator("body").evaluate("one => getComputedStyle(one).backgroundColor")

        assert {"light": "rgb(246, 244, 238)", "dark": "rgb(15, 21, 19)"}[colours] == background
        assert [] == [*axe_violations(page), *overflow(page)]
