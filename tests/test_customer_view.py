"""One customer as people see them: what happened has marks of its own, and nothing is left out without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages_by_hand import CUTOFF, House, entry, house, run_of, shown

from features.catalog import DRIVERS
from features.snapshot import day_number
from models.definition import ChurnDefinition, Event, Kind
from models.score import explain, explainer, score
from serving.customer_view import PRINTED, SHOWN_EVENTS, considered, events, history, life, pushes, rhythm
from serving.speech import speech
from serving.telling import Teller
from serving.visit import PAGES
from serving.words import KINDS
from training.train import Trained

DAY = day_number(CUTOFF)
ENGLISH = Teller(run_of(), speech("en"), None)


def contacts(*kinds: str) -> dict[str, Any]:
    """A dossier of these contacts, on as many days."""
    happened = [{"day": DAY - 1 - k, "kind": kind, "topic": None, "resolved_day": None} for k, kind in enumerate(kinds)]
    return {"interactions": happened}


def purchases(count: int) -> dict[str, Any]:
    return {"purchases": [[DAY - 1 - k, 10.0, 1] for k in range(count)]}


# ---- marks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, "a kind of one's own"])
def test_trouble_has_a_mark_of_its_own_in_the_picture_and_in_the_list(kind: str) -> None:
    [event], picture = events(ENGLISH, contacts(kind), []), life(ENGLISH, contacts(kind), CUTOFF)
    assert picture is not None
    [dot] = picture.dots

    assert event.kind == dot.kind == ("complaint" if kind in ("complaint", "ticket") else "contact")
    assert dot.label.endswith(event.title)


def test_the_key_names_the_marks_that_are_there(tmp_path: Path) -> None:
    names = {"complaint": "complaint or service ticket", "contact": "other contact"}
    people = [entry("a", dossier=contacts("visit")), entry("b", dossier=contacts("visit", "ticket", "complaint"))]
    with house(tmp_path, people) as made, made.browser() as browser:
        visits, trouble = (shown(browser.get(f"/customers/{customer}")) for customer in "ab")

    assert (False, True) == tuple(name in visits for name in names.values())
    assert (True, True) == tuple(name in trouble for name in names.values())


def test_every_mark_is_drawn_otherwise_than_the_others() -> None:
    style = (PAGES / "holdfast.css").read_text(encoding="utf-8")

    for mark in ("complaint", "contact", "offer"):
        for place in (f".strip .dot.{mark} ", f".timeline .{mark} b::before ", f".mark.{mark}::before "):
            assert place in style, place


# ---- what is not shown is said --------------------------------------------------------------------------------------


def on_paper(page: str) -> list[str]:
    return re.findall(r'<p class="soft on-paper">([^<]*)</p>', page)


def many_reasons(count: int) -> list[dict[str, Any]]:
    return [{"driver": driver, "push": 1 - k / 100, "lever": False, "features": [], "sentence": driver}
            for k, driver in enumerate(list(DRIVERS)[:count])]  # fmt: skip


@pytest.mark.parametrize(
    ("reasons", "bought", "said"),
    [
        (7, 9, []),  # and one event: the day it was scored
        (8, 10, ["and 1 weaker reason", "and 1 earlier event"]),
        (9, 80, ["and 2 weaker reasons", "and 71 earlier events"]),
    ],
)
def test_on_paper_as_many_are_said_to_be_left_out_as_are(
    tmp_path: Path, reasons: int, bought: int, said: list[str]
) -> None:
    person = entry("a", dossier=purchases(bought), reasons=many_reasons(reasons))
    with house(tmp_path, [person]) as made, made.browser() as browser:
        page = browser.get("/customers/a")

    assert said == on_paper(page.text)
    rest = bought + 1 - SHOWN_EVENTS
    assert (rest > 0) == (f"and {rest} earlier events" in shown(page))


def test_paper_leaves_out_what_the_style_says_it_does() -> None:
    style = (PAGES / "holdfast.css").read_text(encoding="utf-8")

    for what, place in (("pushes", ".pushes li"), ("events", ".timeline li")):
        assert f"{place}:nth-child(n + {PRINTED[what] + 1})" in style


@pytest.mark.parametrize(("risk", "said"), [(0.02, ["0.0%", "2.5%", "5.0%"]), (0.25, ["0%", "15%", "30%"])])
def test_the_marks_beside_the_course_are_where_they_say(risk: float, said: list[str]) -> None:
    past = [{"cutoff": CUTOFF - timedelta(days=days), "eligible": True, "churn_probability": risk} for days in (28, 0)]
    course = history(ENGLISH, past)

    assert course is not None
    assert said == [tick.label for tick in course.up]


# ---- when they would buy --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rhythms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    days = {"coming": CUTOFF + timedelta(days=1), "now": CUTOFF, "past": CUTOFF - timedelta(days=3), "unknown": None}
    people = [entry(name, expected_next_purchase=day and str(day)) for name, day in days.items()]
    with house(tmp_path_factory.mktemp("rhythm"), people) as made:
        yield made


@pytest.mark.parametrize(
    ("customer", "said", "unsaid"),
    [("coming", "would buy next around May 2, 2024", "overdue"), ("now", "they are overdue", "buy next"),
     ("past", "they are overdue", "buy next"), ("unknown", "No date can be told", "overdue")],
)  # fmt: skip
def test_who_should_have_bought_by_now_is_overdue(rhythms: House, customer: str, said: str, unsaid: str) -> None:
    with rhythms.browser() as browser:
        text = shown(browser.get(f"/customers/{customer}"))

    assert said in text
    assert unsaid not in text


def of_rhythm(trained: Trained, since: float, gap: float | None) -> dict[str, Any]:
    """A dossier of someone who bought last so many days ago and usually does so every so many."""
    seen = trained.panel.vectors.slice(0, 1)
    values = dict(zip(trained.bundle.catalog.names, score(trained.bundle, seen).X[0], strict=True))
    values |= {"days_since_last_purchase": since, "mean_gap_days": np.nan if gap is None else gap}
    return {"vector": [None if np.isnan(value) else float(value) for value in values.values()]}


@pytest.mark.parametrize(
    ("since", "gap", "en", "zh"),
    [
        (41, 12.0, "Overdue by 29 days: last bought 41 days ago, on average every 12 days.",
         "已逾期29天：上次购买在41天前，平均每12天购买一次。"),
        (8, 6.6, "Overdue by 1 day: last bought 8 days ago, on average every 6.6 days.",
         "已逾期1天：上次购买在8天前，平均每6.6天购买一次。"),
        (7, 7.2, "Due about now: last bought 7 days ago, on average every 7.2 days.",
         "购买时间将至：上次购买在7天前，平均每7.2天购买一次。"),
        (30, None, "Bought on one day only so far: without a rhythm, no date can be told for the next purchase.",
         "至今仅在一天购买过，尚无购买节奏，无法预计下次购买日期。"),
    ],
)  # fmt: skip
def test_where_no_day_is_expected_the_page_says_why(
    trained: Trained, tmp_path: Path, since: float, gap: float | None, en: str, zh: str
) -> None:
    person = entry("a", expected_next_purchase=None, dossier=of_rhythm(trained, since, gap))
    with house(tmp_path, [person], trained.bundle) as made:
        for language, said in (("en", en), ("zh", zh)):
            with made.browser(language=language) as browser:
                assert said in shown(browser.get("/customers/a"))


def test_of_whoever_buys_by_contract_nothing_is_said_of_a_rhythm(trained: Trained) -> None:
    features = tuple(feature for feature in trained.bundle.catalog.features if feature.name != "mean_gap_days")
    bundle = replace(trained.bundle, catalog=replace(trained.bundle.catalog, features=features))
    teller = Teller(run_of(), speech("en"), bundle)

    assert "" == rhythm(teller, entry(expected_next_purchase=None).answer, {"vector": [1.0] * len(features)})


def test_words_that_no_table_tells_are_left_out(tmp_path: Path) -> None:
    untold = dict.fromkeys(("state", "stage", "tier", "value_quadrant", "rfm"))
    with house(tmp_path, [entry("a", relationship=untold)]) as made, made.browser() as browser:
        page = browser.get("/customers/a")

    assert 200 == page.status_code
    facts = page.text.partition('id="facts"')[2].partition("</dl>")[0]
    assert ["Belongs to segment"] == re.findall(r"<dt>([^<]*)</dt>", facts)


def test_of_whoever_has_bought_once_no_day_can_be_told_though_the_model_is_gone(tmp_path: Path) -> None:
    once = entry("a", expected_next_purchase=None, relationship={"state": "first_time"})
    with house(tmp_path, [once]) as made, made.browser() as browser:
        text = shown(browser.get("/customers/a"))

    assert "Bought on one day only so far" in text
    assert "overdue" not in text.lower()


# ---- what pushes the risk -------------------------------------------------------------------------------------------


def test_a_reason_that_tells_nothing_keeps_its_name_and_push_but_not_its_sentence(
    trained: Trained, tmp_path: Path
) -> None:
    [reason] = entry().answer["reasons"]
    misleading = {
        **reason,
        "driver": "price",
        "telling": False,
        "lever": False,
        "sentence": "Took 0% off; typical is 0%.",
    }
    unknown = {**misleading, "driver": "service_trouble", "sentence": "Satisfaction: not known.",
               "features": [{"name": "days_since_last_purchase", "value": None, "usual": None, "push": 0.3}]}  # fmt: skip
    with house(tmp_path, [entry("a", reasons=[reason, misleading, unknown])], trained.bundle) as made:
        with made.browser() as browser:
            page = browser.get("/customers/a")
        with made.browser(language="zh") as browser:
            chinese = shown(browser.get("/customers/a"))

    text = shown(page)
    assert f"Going quiet can be changed {reason['sentence']} Figures" in text
    assert "Price and discounts No single figure stands out here; several work together. Figures" in text
    assert "Service trouble Not known for this customer. raises the odds" in text
    for sentence in (misleading["sentence"], unknown["sentence"]):
        assert sentence not in text
    assert 3 == page.text.count('<svg class="push"')
    assert "价格与折扣 没有单项指标特别突出，由多项指标共同作用。" in chinese


def test_every_sentence_that_is_shown_tells_something(trained: Trained, tmp_path: Path) -> None:
    """Of forty customers as the model explains them."""
    table = trained.panel.vectors.slice(0, 40)
    scored = score(trained.bundle, table)
    reasons, _ = explain(scored, table, explainer(trained.bundle, "en", "EUR"))
    told = [[reason.as_dict() for reason in of_one] for of_one in reasons]
    assert {True, False} == {reason["telling"] for of_one in told for reason in of_one}
    teller = Teller(run_of(), speech("en"), trained.bundle)
    for of_one in told:
        shown_ones = [reason for reason in of_one if abs(reason["push"]) >= 0.01]
        for reason, push in zip(shown_ones, pushes(teller, {"reasons": of_one}), strict=True):
            assert DRIVERS[reason["driver"]].en == push.label
            assert reason["telling"] == push.telling == (reason["sentence"] == push.sentence)


# ---- what was considered --------------------------------------------------------------------------------------------


def test_an_action_that_was_considered_has_its_value_and_its_verdict() -> None:
    """As an older version kept it, too: with interval and cost, which nobody is shown."""
    kept = [{"action": "call", "verdict": "chosen", "expected_net_value": 9.5, "interval": [1.0, 20.0], "cost": 5.0},
            {"action": "coupon", "verdict": "other_tier"}]  # fmt: skip
    call, coupon = considered(ENGLISH, {"considered": kept})

    assert ("Call them", "Chosen", True, 9.5) == (call.label, call.verdict, call.chosen, call.expected_net_value)
    assert (False, None) == (coupon.chosen, coupon.expected_net_value)


# ---- how old --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cutoff", "matures_on", "is_old"),
    [(date(2024, 4, 1), date(2024, 5, 2), True), (date(2024, 4, 1), date(2024, 5, 3), False),
     (date(2024, 4, 30), date(2024, 5, 1), True), (date(2023, 9, 1), date(2024, 9, 1), False), (date(2023, 1, 1), None, False)],
)  # fmt: skip
def test_scores_are_old_once_the_time_they_tell_of_is_over(
    tmp_path: Path, cutoff: date, matures_on: date | None, is_old: bool
) -> None:
    """It is 2 May 2024. A run of long ago does not tell, and the model that would is gone."""
    with house(tmp_path, [entry("a")], cutoff=cutoff, matures_on=matures_on) as made, made.browser() as browser:
        for path in ("/", "/customers", "/customers/a"):
            assert is_old == ("These scores are old." in shown(browser.get(path)))


@pytest.mark.parametrize(
    ("kind", "event", "said"),
    [("silence", "does", "buy nothing in"), ("contract", "does", "let their contract end in"),
     ("event", "does", "have one of these in"), ("event", "does_not", "have none of these in"), ("given", "does", "leave in")],
)  # fmt: skip
def test_what_leaving_means_is_what_the_model_was_asked(
    trained: Trained, tmp_path: Path, kind: Kind, event: Event, said: str
) -> None:
    definition = ChurnDefinition(kind, 28, active_within_days=91, event_kinds=("visit", "log_in"), event=event)
    bundle = replace(trained.bundle, definition=definition)
    with house(tmp_path, [entry("a", 0.5)], bundle) as made, made.browser() as browser:
        page = browser.get("/customers/a")

    assert f"about 50 {said} the 28 days after" in shown(page)
    assert (kind == "event") == (": Visit, log_in." in shown(page))
