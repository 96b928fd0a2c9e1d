"""One customer, in a real browser: how likely to leave, why, what happened, what to do, and what if; on paper one page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page
from running_service import ServedShop, stored_answers
from signed_in import add_person, english_left, follow, listed, path, reader

from features.catalog import DRIVERS
from features.shop import read_shop
from models.dossier import dossier_of
from models.playbook import read_playbook
from models.published import current_bundle
from models.runs import latest_run
from models.score import explainer
from serving.speech import speech
from serving.what_if import what_if
from serving.words import FIELDS, TIERS

pytestmark = pytest.mark.slow

say = speech("en")
Answers = list[dict[str, Any]]


@pytest.fixture(scope="module")
def anna(served: ServedShop) -> str:
    return add_person(served, "reads-customers")


@pytest.fixture(scope="module")
def answers(served: ServedShop) -> Answers:
    """All answers, those at most risk first."""
    found = [json.loads(text) for text in stored_answers(served).values()]
    return sorted(found, key=lambda answer: -(answer["churn_probability"] or 0))


def one_of(answers: Answers, which: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    return next(answer for answer in answers if which(answer))


def to_be_contacted(answer: dict[str, Any]) -> bool:
    return bool(answer["decision"]["arm"] == "treat")


def dossier(served: ServedShop, customer_id: str) -> dict[str, Any]:
    with served.ledger() as ledger:
        found = dossier_of(ledger, latest_run(ledger, read_shop(served.shop).name).number, customer_id)
    assert found is not None
    return found


def section(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def show(page: Page, answer: dict[str, Any]) -> None:
    reply = page.goto(f"/customers/{answer['customer_id']}")
    assert reply is not None
    assert 200 == reply.status


def test_a_customer_of_the_list_is_one_click_away_and_the_list_too(
    browser: Browser, served: ServedShop, anna: str
) -> None:
    with reader(browser, served, anna) as page:
        page.goto("/customers?arm=treat&sort=expected_net_value")
        customers = listed(page)
        follow(page.get_by_role("link", name=customers[1]))
        assert (f"customers/{customers[1]}", customers[1]) == (path(page), page.locator("h1").inner_text())
        page.go_back()

        assert customers == listed(page)


def test_how_likely_and_why_is_told_in_words_as_the_answer_has_it(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    answer = one_of(answers, to_be_contacted)
    with reader(browser, served, anna) as page:
        show(page, answer)
        verdict, why = section(page, "Churn risk").inner_text(), section(page, "Why").inner_text()

    assert say.percent(answer["churn_probability"]) in verdict
    assert say.money(answer["value_at_risk"], "EUR") in verdict
    assert say.money(answer["lifetime_value"]["mean"], "EUR") in verdict
    told = [reason for reason in answer["reasons"] if abs(reason["push"]) >= 0.01]
    places = [why.find(DRIVERS[reason["driver"]].en) for reason in told]
    assert -1 not in places
    assert sorted(places) == places
    assert all(reason["telling"] == (reason["sentence"] in why) for reason in told)


def test_the_figures_behind_a_reason_open_and_close(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    with reader(browser, served, anna) as page:
        show(page, one_of(answers, to_be_contacted))
        figures = section(page, "Why").get_by_role("table").first
        assert not figures.is_visible()
        section(page, "Why").get_by_text("Figures").first.click()

        assert ["What", "This customer", "Usual"] == figures.get_by_role("columnheader").all_inner_texts()
        assert figures.get_by_role("row").count() > 1


def test_what_to_do_comes_with_everything_that_was_considered(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    answer = one_of(answers, to_be_contacted)
    actions = {action.name: action.en for action in read_playbook(served.shop).actions}
    with reader(browser, served, anna) as page:
        show(page, answer)
        what = section(page, "What to do")
        rows = what.get_by_role("row").all_inner_texts()

        assert actions[answer["decision"]["action"]] in what.get_by_role("paragraph").first.inner_text()
        assert say.money(answer["decision"]["expected_net_value"], "EUR") in what.inner_text()
        assert set(actions.values()) == {row.split("\t")[0] for row in rows[1:]}
        assert all(row.split("\t")[2].strip() for row in rows[1:])


def test_who_is_left_alone_on_purpose_is_not_to_be_contacted(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    answer = one_of(answers, lambda one: one["eligible"] and one["decision"]["arm"] == "control")
    with reader(browser, served, anna) as page:
        show(page, answer)

        assert "Do not contact." in section(page, "What to do").inner_text()


@pytest.mark.parametrize("by", ["focus", "hover"])
def test_a_word_tells_its_meaning_to_keyboard_and_mouse(
    browser: Browser, served: ServedShop, anna: str, answers: Answers, by: str
) -> None:
    answer = one_of(answers, to_be_contacted)
    name, meaning = TIERS[answer["relationship"]["tier"]]
    with reader(browser, served, anna) as page:
        show(page, answer)
        facts = section(page, "Who they are")
        labels = {"Belongs to segment", *(FIELDS[field][0] for field in ("tier", "value_quadrant", "state", "stage"))}
        assert labels <= set(facts.get_by_role("term").all_inner_texts())
        word = facts.locator("[aria-describedby]", has_text=meaning)
        assert name == word.inner_text()
        told = page.locator(f"#{word.get_attribute('aria-describedby')}")
        assert not told.is_visible()
        word.focus() if by == "focus" else word.hover()

        assert told.is_visible()
        assert meaning == told.inner_text()


@pytest.mark.parametrize("by", ["focus", "hover"])
def test_a_meaning_stays_until_escape_or_until_one_leaves_the_word(
    browser: Browser, served: ServedShop, anna: str, answers: Answers, by: str
) -> None:
    with reader(browser, served, anna) as page:
        show(page, one_of(answers, to_be_contacted))
        word = section(page, "Who they are").locator("[aria-describedby]").nth(1)
        told = page.locator(f"#{word.get_attribute('aria-describedby')}")
        word.focus() if by == "focus" else word.hover()
        assert told.is_visible()
        if by == "hover":  # the mouse may go over to what it is told, and stay there
            box = told.bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3, steps=25)
            page.wait_for_timeout(500)
            assert told.is_visible()
        page.keyboard.press("Escape")
        assert not told.is_visible()
        page.mouse.move(1, 1)
        page.locator("h1").evaluate("() => document.activeElement.blur()")
        word.focus() if by == "focus" else word.hover()
        assert told.is_visible()
        page.mouse.move(1, 1)
        page.locator("h1").evaluate("() => document.activeElement.blur()")
        assert not told.is_visible()


def test_what_happened_is_told_from_the_newest_back_and_nothing_from_after_the_cutoff(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    answer = one_of(
        answers, lambda one: to_be_contacted(one) and bool(dossier(served, one["customer_id"]).get("offers"))
    )
    kept = dossier(served, answer["customer_id"])
    with reader(browser, served, anna) as page:
        show(page, answer)
        happened = section(page, "What happened")
        days = [str(time.get_attribute("datetime")) for time in happened.locator("time").all()]

        assert sorted(days, reverse=True) == days
        assert {"2024-02-25"} >= {day for day in days if day >= answer["as_of"]}  # the day it was scored
        count = sum(len(kept.get(kind, ())) for kind in ("purchases", "interactions", "offers"))
        assert min(60, count + 1) == len(days)
        amount = say.money(kept["purchases"][-1][1], "EUR")
        assert f"Bought for {amount}" in happened.inner_text()
        assert section(page, "The last year").get_by_role("img").is_visible()


def test_who_is_not_eligible_has_no_risk_and_is_told_why(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    with reader(browser, served, anna) as page:
        for why_not, told in (("not_eligible", "Not among the customers"), ("opted_out", "Opted out of profiling")):
            answer = one_of(answers, lambda one, code=why_not: one["decision"]["why_not"] == code)  # type: ignore[misc]
            show(page, answer)

            assert f"There is no churn risk for this customer: {told}" in page.locator("main").inner_text()
            assert "What if" not in page.locator("main").inner_text()
        for private in ("Who they are", "What happened", "The last year"):  # of who objects to profiling
            assert 0 == section(page, private).count()


def likelihood(page: Page) -> str:
    return section(page, "What if …").get_by_role("status").inner_text()


def percents(text: str) -> list[str]:
    return re.findall(r"<?\d+%", text)


def test_what_if_tells_what_the_model_would_say(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    answer = answers[0]
    with reader(browser, served, anna) as page:
        show(page, answer)
        levers = section(page, "What if …")
        assert 0 == levers.get_by_role("status").count()
        usual = levers.get_by_label("all as usual")
        usual.first.check()
        follow(levers.get_by_role("button", name="Work it out"))
        assert usual.first.is_checked()
        one = percents(likelihood(page))
        for box in usual.all():
            box.check()
        follow(levers.get_by_role("button", name="Work it out"))
        every = percents(likelihood(page))
        assert say.percent(answer["churn_probability"]) == one[0] == every[0]
        assert int(every[1].strip("<%")) < int(every[0].strip("<%"))
        assert "Mostly by:" in likelihood(page)
        assert re.search(r"\d% → ", likelihood(page))

        address = page.url
        page.goto("/")
        page.goto(address)
        assert every == percents(likelihood(page))
        page.get_by_role("link", name="As it is").click()
        page.wait_for_url(lambda url: "usual=" not in url)
        assert 0 == levers.get_by_role("status").count()
        assert not usual.first.is_checked()


def test_what_if_nothing_is_changed_nothing_is_told(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    with reader(browser, served, anna) as page:
        for answer in answers[:3]:
            show(page, answer)
            follow(section(page, "What if …").get_by_role("button", name="Work it out"))

            assert 0 == section(page, "What if …").get_by_role("status").count()


def test_what_if_a_single_figure_were_different(
    browser: Browser, served: ServedShop, anna: str, answers: Answers
) -> None:
    """Of a customer at low risk, of whom the model says another whole per cent after 90 days of silence."""
    name, bundle = "days_since_last_purchase", current_bundle(served.store.bundles)

    def would_be(one: dict[str, Any]) -> list[int]:
        vector = dossier(served, one["customer_id"])["vector"]
        found = what_if(bundle, vector, {name: ["90"]}, explainer(bundle, "en", "EUR"), say)
        return [round(100 * (found.probability if p is None else p)) for p in (found.probability, found.would_be)]

    low = (one for one in answers if one["eligible"] and one["churn_probability"] < 0.1)
    answer, told = next((one, figures) for one in low if len(set(figures := would_be(one))) > 1)
    with reader(browser, served, anna) as page:
        show(page, answer)
        page.locator(f"[name={name}]").fill("90")
        follow(section(page, "What if …").get_by_role("button", name="Work it out"))

        assert "90" == page.locator(f"[name={name}]").input_value()
        before, after = (int(text.strip("<%")) for text in percents(likelihood(page)))
        assert after > before
        assert told == [before, after]
        for nonsense in ("1e999", "nan", "much", ""):
            page.goto(f"/customers/{answer['customer_id']}?{name}={nonsense}&usual=nothing&colour=red")
            assert 0 == section(page, "What if …").get_by_role("status").count()


def test_a_customer_is_printed_on_one_page(
    browser: Browser, served: ServedShop, anna: str, answers: Answers, tmp_path: Path
) -> None:
    eligible = [answer for answer in answers if answer["eligible"]]
    chosen = [*filter(to_be_contacted, answers)][:6] + eligible[::80]
    pages = {}
    with reader(browser, served, anna) as page:
        page.emulate_media(media="print", color_scheme="light")
        for answer in chosen:
            show(page, answer)
            pdf = page.pdf(prefer_css_page_size=True, path=tmp_path / f"{answer['customer_id']}.pdf")
            pages[answer["customer_id"]] = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
            assert {(595, 842)} == {
                (round(float(width)), round(float(height)))
                for width, height in re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
            }

        assert dict.fromkeys(pages, 1) == pages
        assert "exact" == page.locator("main").evaluate("(main) => getComputedStyle(main).printColorAdjust")
        for part in ("Why", "What happened"):
            rows = section(page, part).locator("li:visible").count()
            left_out = section(page, part).locator(".on-paper").all_inner_texts()
            every = section(page, part).locator("li").count()
            assert bool(left_out) == (rows < every)
            if part == "Why" and left_out:
                assert f"and {every - rows} weaker reason" in left_out[0]
        head, body = (page.locator(f".considered {part}").first for part in ("th", "td"))
        if head.count():
            sizes = {one.evaluate("(one) => getComputedStyle(one).fontSize") for one in (head, body)}
            assert 1 == len(sizes)
        assert page.get_by_role("region", name="Why").is_visible()
        assert not page.get_by_role("navigation").first.is_visible()
        assert not page.get_by_role("button", name="Print").is_visible()


def test_in_chinese_no_english_is_left(browser: Browser, served: ServedShop, anna: str, answers: Answers) -> None:
    kinds = {(answer["band"], answer["decision"]["arm"], answer["decision"]["why_not"]): answer for answer in answers}
    with reader(browser, served, anna, "zh-CN") as page:
        for answer in kinds.values():
            show(page, answer)
            page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")

            assert [] == english_left(page)
