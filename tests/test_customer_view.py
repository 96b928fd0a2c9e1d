"""One customer as people see them: what happened has marks of its own, and nothing is left out without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pages_by_hand import CUTOFF, House, entry, house, run_of, shown

from features.catalog import DRIVERS
from features.snapshot import day_number
from serving.customer_view import PRINTED, SHOWN_EVENTS, considered, events, life
from serving.speech import speech
from serving.telling import Teller
from serving.visit import PAGES
from serving.words import KINDS

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
     ("past", "they are overdue", "buy next"), ("unknown", "A higher risk than", "rhythm")],
)  # fmt: skip
def test_who_should_have_bought_by_now_is_overdue(rhythms: House, customer: str, said: str, unsaid: str) -> None:
    with rhythms.browser() as browser:
        text = shown(browser.get(f"/customers/{customer}"))

    assert said in text
    assert unsaid not in text


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
