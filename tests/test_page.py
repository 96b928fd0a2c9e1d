"""The page: who signs in sees it; whatever goes wrong is told on a page, in the reader's words, and never more."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import numpy as np
import pytest
from pages_by_hand import CUTOFF, LOGIN, NOW, PASSWORD, Browser, House, entry, house, run_of, shown
from starlette.types import Receive, Scope, Send

from features.snapshot import day_number
from models.keys import create_key
from models.runs import begun_run, write_run
from models.score import score
from models.sessions import session_of, sign_in
from serving.guard import Guard
from serving.page import error_for
from serving.present import Present
from serving.speech import speech
from serving.visit import SESSION_COOKIE
from training.train import Trained

DAY = day_number(CUTOFF)
DOSSIER = {
    "purchases": [[DAY - 400 + 100, 12.5, 1], [DAY - 30, 1250.0, 3]],
    "interactions": [{"day": DAY - 20, "kind": "complaint", "topic": "late", "resolved_day": DAY - 18},
                     {"day": DAY - 15, "kind": "ticket", "topic": None, "resolved_day": None},
                     {"day": DAY - 12, "kind": "visit", "topic": None, "resolved_day": None}],
    "offers": [{"day": DAY - 10, "action": "call", "arm": "treat", "responded_day": DAY - 8},
               {"day": DAY - 9, "action": "call", "arm": "control", "responded_day": None}],
    "considered": [{"action": "call", "verdict": "chosen", "expected_net_value": 9.5},
                   {"action": "coupon", "verdict": "other_tier"}],
}  # fmt: skip
PEOPLE = [
    entry("a", 0.4, "Anna", DOSSIER), entry("b", 0.004), entry("shop/7?x#y", 0.3),
    entry("silent", None, relationship={"rfm": "111"}),
    entry("objects", None, segment=None, relationship=None, lifetime_value=None, decision={"why_not": "opted_out"}),
]  # fmt: skip
PATHS = (
    "/",
    "/customers",
    "/customers/a",
    "/customers/b",
    "/customers/shop%2F7%3Fx%23y",
    "/customers/silent",
    "/words",
    "/account",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("page"), PEOPLE) as made:
        write_run(made.ledger, run_of(PEOPLE, CUTOFF - timedelta(days=28)), [PEOPLE])
        yield made


def is_page(answered: httpx.Response, status: int, language: str = "en") -> str:
    """What people read on a page with this status, in this language."""
    assert status == answered.status_code
    assert "text/html; charset=utf-8" == answered.headers["content-type"]
    assert language == answered.headers["content-language"]
    assert f'<html lang="{ {"en": "en", "zh": "zh-CN"}[language] }">' in answered.text
    return shown(answered)


# ---- who sees it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, "/customers?band=high&q=%26", "/customers/stranger", "/customers?band=huge"])
def test_who_is_not_signed_in_is_sent_to_where_they_can_and_back(shop: House, path: str) -> None:
    with shop.browser(signed_in=False) as browser:
        sent = browser.get(path)
        asked = browser.get(sent.headers["location"])
        [back] = [part.split('"')[0] for part in asked.text.split('name="next" value="')[-1:]]
        gone = browser.send(
            "/sign-in", at=sent.headers["location"], login=LOGIN, password=PASSWORD, next=back.replace("&amp;", "&")
        )

    assert (303, 200, 303) == (sent.status_code, asked.status_code, gone.status_code)
    assert sent.headers["location"].startswith("/sign-in")
    assert unquote(path) == unquote(gone.headers["location"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_is_signed_in_sees_the_page_in_their_language(shop: House, path: str, language: str) -> None:
    with shop.browser(language=language) as browser:
        text = is_page(browser.get(path), 200, language)

    assert LOGIN in text
    assert ("Sign out" in text, "退出登录" in text) == (language == "en", language == "zh")


@pytest.mark.parametrize("path", [*PATHS, "/sign-in", "/customers?format=csv", "/customers?format=xlsx", "/nowhere"])
def test_asking_for_the_head_of_a_page_is_like_asking_for_it(shop: House, path: str) -> None:
    with shop.browser() as browser:
        head, whole = browser.ask("HEAD", path), browser.get(path)

    assert (whole.status_code, whole.headers.get("content-type")) == (
        head.status_code,
        head.headers.get("content-type"),
    )


def test_a_wrong_password_is_told_and_a_session_that_has_ended_opens_nothing(shop: House) -> None:
    token, _ = sign_in(shop.ledger, LOGIN, PASSWORD, "here", NOW - timedelta(hours=12))
    with shop.browser(signed_in=False) as browser:
        refused = browser.send("/sign-in", login=LOGIN, password="wrong")
        browser.client.cookies.set(SESSION_COOKIE, token)
        ended = browser.get("/")

    assert "The name or the password is wrong." in is_page(refused, 401)
    assert not refused.cookies.get(SESSION_COOKIE)
    assert (303, "/sign-in") == (ended.status_code, ended.headers["location"])


def test_a_language_is_chosen_with_a_button_and_kept(shop: House) -> None:
    with shop.browser(signed_in=False) as browser:
        browser.send("/language", language="zh")
        is_page(browser.get("/sign-in"), 200, "zh")
        assert "HF607" in is_page(browser.send("/language", language="fr"), 400, "zh")


# ---- what it shows --------------------------------------------------------------------------------------------------


def test_a_customers_page_tells_all_that_the_ledger_knows(shop: House) -> None:
    with shop.browser() as browser:
        text = is_page(browser.get("/customers/a"), 200)

    for part in (
        "Anna", "40%", "A higher risk than 93% of the customers.", "€131", "Going quiet", "Call them", "RFM 2-5-5",
        "Apr 1, 2024 Bought for €1,250 3 lines", "Complaint late, resolved after 2 days", "Service ticket not resolved",
        "Offer: Call them taken up on Apr 23, 2024", "left alone for comparison", "coupon – Is for customers of another tier",
        "Scored: churn risk 40% High", "How the risk has moved",
    ):  # fmt: skip
        assert part in text, part


def test_the_same_page_in_chinese(shop: House) -> None:
    with shop.browser(language="zh") as browser:
        text = is_page(browser.get("/customers/a"), 200, "zh")

    for part in ("2024年4月1日", "€1,250", "3件商品", "渐渐沉默", "致电客户", "适用于其他客户层级"):
        assert part in text, part


def test_whoever_the_churn_definition_is_not_about_has_no_risk(shop: House) -> None:
    with shop.browser() as browser:
        silent, objects = (is_page(browser.get(f"/customers/{customer}"), 200) for customer in ("silent", "objects"))
        listed = is_page(browser.get("/customers"), 200)

    assert "There is no churn risk for this customer: Not among the customers the churn definition is about." in silent
    assert "There is no churn risk for this customer: Opted out of profiling." in objects
    assert "silent" not in listed
    assert "3 customers" in listed


def test_what_if_is_worked_out_by_the_model_that_scored(trained: Trained, tmp_path: Path) -> None:
    table = trained.panel.vectors.slice(0, 1)
    scores = score(trained.bundle, table)
    probability = float(scores.churn_probability[0])
    person = entry("a", probability, None, {"vector": [None if np.isnan(v) else float(v) for v in scores.X[0]]})
    with house(tmp_path, [person], trained.bundle) as made, made.browser() as browser:
        page, tried = (browser.get(f"/customers/a{asked}") for asked in ("", "?days_since_last_purchase=90"))

    assert "What if …" in is_page(page, 200)
    assert "would become" not in shown(page)
    assert "would become" in is_page(tried, 200)
    assert 'name="days_since_last_purchase" value="90"' in tried.text


def test_a_run_under_way_and_old_scores_are_told(tmp_path: Path) -> None:
    with house(tmp_path, PEOPLE, cutoff=CUTOFF - timedelta(days=60)) as made, made.browser() as browser:
        old = "These scores are old. They tell who leaves between Mar 2, 2024 and Mar 30, 2024, and that time is over."
        assert old in is_page(browser.get("/"), 200)
        with begun_run(made.ledger, run_of(scored_at=NOW)):
            text = is_page(browser.get("/customers"), 200)

    assert "A new score run is under way since May 2, 2024, 6:00:00" in text


@pytest.mark.parametrize("people", [[], [entry("gone", None)]])
def test_a_shop_without_anybody_to_score_has_pages_too(tmp_path: Path, people: list) -> None:
    with house(tmp_path, people) as made, made.browser() as browser:
        assert "0 of 0 customers are expected to leave" in is_page(browser.get("/"), 200)
        assert "No customer is like that." in is_page(browser.get("/customers"), 200)
        assert [] == json.loads(browser.get("/customers?format=json").text)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


WRONG = [
    ("GET", "/customers/stranger", 404, "HF603", "There is no such customer"), ("GET", "/customers/", 404, "HF603", "There is no such customer"),
    ("GET", f"/customers/{'x' * 257}", 404, "HF603", "There is no such customer"), ("GET", "/customers/a%00", 404, "HF603", "There is no such customer"),
    ("GET", "/nowhere", 404, "HF606", "There is nothing at this address"), ("GET", "/static/nothing.css", 404, "HF606", "There is nothing at this address"),
    ("GET", "/static/a/b", 404, "HF606", "There is nothing at this address"), ("GET", "/customers?band=huge", 400, "HF607", "This address asks for something that does not exist"),
    ("GET", "/customers?after=x", 400, "HF607", "This address asks for something that does not exist"), ("POST", "/", 405, "HF606", "There is nothing at this address"),
    ("POST", "/customers/a", 405, "HF606", "There is nothing at this address"), ("DELETE", "/words", 405, "HF606", "There is nothing at this address"),
    ("GET", "/language", 405, "HF606", "There is nothing at this address"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status", "code", "said"), WRONG)
def test_what_is_not_there_is_told_on_a_page(
    shop: House, method: str, path: str, status: int, code: str, said: str
) -> None:
    with shop.browser() as english, shop.browser(language="zh") as chinese:
        answered = english.ask(method, path, data={"a": "b"} if method == "POST" else None)
        text = is_page(answered, status)
        told = is_page(chinese.ask(method, path, data={"a": "b"} if method == "POST" else None), status, "zh")

    for part, page in ((code, text), (code, told), (said, text), (speech("zh").text(said), told)):
        assert part in page
    assert LOGIN in text, "whoever is signed in stays so where something goes wrong"
    assert f"<title>{said} · Holdfast</title>" in answered.text
    assert (status == 405) == ("allow" in answered.headers)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/language", "/account"])
def test_too_large_a_form_is_told_on_a_page(shop: House, path: str) -> None:
    with shop.browser() as browser:
        assert "HF605" in is_page(browser.ask("POST", path, data={"login": "x" * 20_000}), 413)


def test_a_shop_that_was_not_scored_yet_says_so(tmp_path: Path) -> None:
    with house(tmp_path, None) as made, made.browser() as browser:
        for path in ("/", "/customers", "/customers/a"):
            assert "Nothing has been scored yet" in is_page(browser.get(path), 503)
        is_page(browser.get("/words"), 200)


def test_a_ledger_that_is_away_is_told_on_a_page_and_where_it_is_in_the_log_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with house(tmp_path, PEOPLE) as made, made.browser() as browser, made.browser(signed_in=False) as visitor:
        made.ledger.close()
        for file in (tmp_path / "store").glob("ledger.db*"):
            file.write_bytes(b"garbage " * 1000)
        with caplog.at_level(logging.WARNING, "bentoml.holdfast"):
            answers = [browser.get("/"), browser.get("/customers/a"), browser.get("/customers?format=csv"),
                       browser.get("/nowhere"), visitor.send("/sign-in", login=LOGIN, password=PASSWORD)]  # fmt: skip
        alive = visitor.get("/sign-in")

    assert "HF501" in caplog.text
    assert "ledger.db" in caplog.text
    for answered in answers:
        assert "The service is not ready" in is_page(answered, 503)
        assert "ledger.db" not in answered.text
    is_page(alive, 200)


def failing(_: Present) -> Present:
    raise ValueError("could not use mrs-jane-doe")


@pytest.mark.parametrize("path", ["/", "/customers", "/customers/mrs-jane-doe", "/customers?format=xlsx"])
def test_a_failure_is_told_without_what_it_held(tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "bentoml.holdfast")
    with house(tmp_path, PEOPLE, present=failing) as made, made.browser() as browser:
        answered = browser.get(path)

    text = is_page(answered, 500)
    assert "HF611" in text
    assert answered.headers["x-request-id"] in text
    assert answered.headers["x-request-id"] in caplog.text
    assert "ValueError at test_page.py" in caplog.text
    assert "mrs-jane-doe" not in caplog.text
    assert "could not use" not in answered.text
    assert "Traceback" not in answered.text


async def sleeps(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(30)


def test_a_late_page_and_one_too_many_are_told_on_a_page(shop: House) -> None:
    late = House(shop.present, Guard(sleeps, 0.05, 64, error_for), shop.token)
    full = House(shop.present, Guard(shop.app, 5, 0, error_for), shop.token)
    for busy, status, code in ((late, 504, "HF613"), (full, 429, "HF612")):
        with busy.browser() as browser:
            text = is_page(browser.get("/customers"), status)
        assert code in text
        assert "The service is busy" in text


def test_an_error_page_that_breaks_is_answered_too(shop: House) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError("mrs-jane-doe")

    with House(shop.present, Guard(sleeps, 0.01, 64, breaks), shop.token).browser() as browser:
        answered = browser.get("/")

    assert (500, "HF611") == (answered.status_code, answered.json()["code"])
    assert "mrs-jane-doe" not in answered.text


@pytest.mark.parametrize("query", [b"q=\xff", b"\xff\xfe=1", b"band=\xff", b"%", b"&&==&"])
def test_bytes_that_are_no_text_are_answered_on_a_page(shop: House, query: bytes) -> None:
    """As a socket may bring them, which no client of ours would send."""

    async def ask(path: str) -> int:
        sent: list[Any] = []
        cookie = f"{SESSION_COOKIE}={shop.token}".encode()
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path, "root_path": "",
            "raw_path": path.encode(), "query_string": query, "client": ("192.0.2.1", 1), "server": ("shop", 80),
            "headers": [(b"host", b"shop"), (b"accept", b"text/html"), (b"cookie", cookie), (b"accept-language", b"\xff")],
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await shop.app(scope, receive, send)
        assert (b"content-type", b"text/html; charset=utf-8") in sent[0]["headers"]
        return int(sent[0]["status"])

    assert asyncio.run(ask("/customers")) in (200, 400)
    assert 200 == asyncio.run(ask("/customers/a"))
    assert 404 == asyncio.run(ask("/nowhere"))


# ---- programs -------------------------------------------------------------------------------------------------------


def test_programs_are_answered_as_before(shop: House) -> None:
    key, _ = create_key(shop.ledger, "crm", ["list"])
    plain = {"accept": "*/*"}
    with (
        shop.browser(signed_in=False, **plain) as stranger,
        shop.browser(signed_in=False, **plain, **{"x-api-key": key}) as crm,
    ):
        refused = [
            (stranger.get("/v1/churn-list"), 401, "HF601"), (stranger.get("/nowhere"), 401, "HF601"),
            (crm.get("/nowhere"), 404, "HF606"), (crm.get("/v1/churn-list?band=huge"), 400, "HF607"),
            (crm.get("/v1/customers/stranger/explanation"), 404, "HF603"), (crm.get("/metrics"), 403, "HF602"),
            (crm.ask("POST", "/v1/churn-list", json={}), 405, "HF606"),
            (crm.ask("POST", "/v1/churn-list", data={"a": "b"}), 415, "HF608"),
        ]  # fmt: skip
        answered = crm.get("/v1/churn-list", headers={"accept": "text/html"})

    for refusal, status, code in refused:
        assert (status, code) == (refusal.status_code, refusal.json()["code"])
        assert "application/problem+json" == refusal.headers["content-type"]
    assert (200, 3) == (answered.status_code, answered.json()["total"])
    assert ["a", "shop/7?x#y", "b"] == [one["customer_id"] for one in answered.json()["customers"]]


# ---- the account ----------------------------------------------------------------------------------------------------


NEW = "another long one"


def account(browser: Browser, **fields: str) -> httpx.Response:
    return browser.send("/account", at="/account", **fields)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"former": "wrong", "password": NEW, "again": NEW}, "The present password is wrong."),
        ({"former": PASSWORD, "password": NEW, "again": "other"}, "The two new passwords differ."),
        ({"former": PASSWORD, "password": "short", "again": "short"}, "A password has 12 to 256 characters."),
        ({"former": PASSWORD}, "A password has 12 to 256 characters."),
        ({}, "The present password is wrong."),
    ],
)
def test_a_password_is_not_changed_by_mistake(shop: House, fields: dict[str, str], told: str) -> None:
    with shop.browser() as browser:
        assert told in is_page(account(browser, **fields), 400)
    assert session_of(shop.ledger, shop.token, NOW) is not None


def test_a_new_password_ends_the_sessions_elsewhere(tmp_path: Path) -> None:
    with house(tmp_path, PEOPLE) as made, made.browser() as elsewhere:
        token, _ = sign_in(made.ledger, LOGIN, PASSWORD, "here", NOW)
        with made.browser(signed_in=False) as here:
            here.client.cookies.set(SESSION_COOKIE, token)
            changed = account(here, former=PASSWORD, password=NEW, again=NEW)
            here.client.cookies = {SESSION_COOKIE: changed.cookies[SESSION_COOKIE]}
            assert "The new password holds." in is_page(here.get(changed.headers["location"]), 200)

        assert 303 == elsewhere.get("/").status_code
        assert session_of(made.ledger, token, NOW) is None
        sign_in(made.ledger, LOGIN, NEW, "here", NOW)
