"""Signing in, in a real browser: only who is known gets in, in their language, until they leave or time is up."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from chromium import visitor
from playwright.sync_api import Browser, Page
from running_service import ServedShop
from signed_in import PASSWORD, add_person, fill_in, follow, listed, path, reader, send

from models.ledger import sessions, users, utc_now
from serving.visit import SESSION_COOKIE

pytestmark = pytest.mark.slow

WRONG = "The name or the password is wrong."


@pytest.fixture(scope="module")
def anna(served: ServedShop) -> str:
    return add_person(served, "anna")


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def alert(page: Page) -> str:
    return page.get_by_role("alert").inner_text()


def session_of(page: Page) -> str:
    return next(one["value"] for one in page.context.cookies() if one["name"] == SESSION_COOKIE)


def expire(served: ServedShop, login: str) -> None:
    """As if the half day of all of someone's sessions were over."""
    theirs = sa.select(users.c.user_id).where(users.c.login == login)
    with served.ledger() as ledger, ledger.writing() as connection:
        past = utc_now() - timedelta(seconds=1)
        connection.execute(sa.update(sessions).where(sessions.c.user_id.in_(theirs)).values(expires_at=past))


def test_who_signs_in_sees_the_overview(browser: Browser, served: ServedShop, anna: str) -> None:
    with visitor(browser, served.url) as page:
        page.goto("/")
        assert ("sign-in", "Sign in") == (path(page), heading(page))
        fill_in(page, " Anna ")

        assert "" == path(page)
        assert page.get_by_role("link", name=anna).is_visible()
        [cookie] = [one for one in page.context.cookies() if one["name"] == SESSION_COOKIE]
        assert (True, "Lax", "/") == (cookie["httpOnly"], cookie["sameSite"], cookie["path"])
        assert 11 < (cookie["expires"] - utc_now().timestamp()) / 3600 < 13


@pytest.mark.parametrize("address", ["/", "/customers", "/customers/C00010", "/words", "/account"])
def test_without_a_session_no_page_opens_and_the_form_leads_back(served: ServedShop, address: str) -> None:
    answer = httpx.get(served.url + address, headers={"accept": "text/html"})

    assert 303 == answer.status_code
    assert answer.headers["location"] == "/sign-in" + (f"?next={address.replace('/', '%2F')}" if address != "/" else "")


def test_a_wrong_password_and_an_unknown_name_are_told_in_the_same_words(
    browser: Browser, served: ServedShop, anna: str
) -> None:
    told = []
    for login in (anna, "nobody-at-all"):
        with visitor(browser, served.url) as page:
            page.goto("/sign-in")
            fill_in(page, login, "not the password")
            assert login == page.get_by_label("Name").input_value()
            assert "" == page.get_by_label("Password").input_value()
            told.append((path(page), heading(page), alert(page)))
            page.goto("/customers")
            told.append((path(page),))

    assert ("sign-in", "Sign in", WRONG) == told[0]
    assert told[:2] == told[2:]


def test_the_sixth_attempt_is_locked_out_for_minutes_whatever_the_password(
    browser: Browser, served: ServedShop
) -> None:
    guessed = add_person(served, "guessed")
    with visitor(browser, served.url) as page:
        page.goto("/sign-in")
        told = []
        for password in [*["not the password"] * 5, PASSWORD]:
            fill_in(page, guessed, password)
            told.append(alert(page))

        assert [WRONG] * 5 == told[:5]
        assert told[5] in [f"Too many attempts have failed. Try again in {minutes} minutes." for minutes in (14, 15)]
        follow(page.get_by_role("button", name="中文"))
        fill_in(page, guessed)
        assert "分钟" in alert(page)


def test_who_signs_out_is_out_for_good(browser: Browser, served: ServedShop, anna: str) -> None:
    with visitor(browser, served.url) as page:
        page.goto("/customers")
        fill_in(page, anna)
        shown = listed(page)
        token = session_of(page)
        follow(page.get_by_role("button", name="Sign out"))
        assert "You are signed out." == page.get_by_role("status").inner_text()

        page.go_back()
        page.wait_for_load_state()
        assert "Sign in" == heading(page)
        assert shown[0] not in page.content()
        assert SESSION_COOKIE not in [cookie["name"] for cookie in page.context.cookies()]
    with httpx.Client(base_url=served.url, cookies={SESSION_COOKIE: token}) as thief:
        assert 303 == thief.get("/customers", headers={"accept": "text/html"}).status_code


def test_an_expired_session_leads_to_the_form_and_then_to_where_one_wanted_to_go(
    browser: Browser, served: ServedShop
) -> None:
    tired = add_person(served, "tired")
    with reader(browser, served, tired) as page:
        page.goto("/customers?band=low&sort=value_at_risk")
        shown = listed(page)
        expire(served, tired)
        page.reload()
        assert "Sign in" == heading(page)
        assert "a session lasts twelve hours" in page.get_by_role("status").inner_text()
        fill_in(page, tired)

        assert "customers?band=low&sort=value_at_risk" == path(page)
        assert shown == listed(page)


def test_a_form_sent_after_the_session_has_ended_changes_nothing(browser: Browser, served: ServedShop) -> None:
    late = add_person(served, "late")
    with reader(browser, served, late) as page:
        page.goto("/account")
        expire(served, late)
        for name in ("former", "password", "again"):
            page.locator(f"[name={name}]").fill(PASSWORD if name == "former" else "a password of its own")
        send(page.locator("[name=again]"))
        assert "Sign in" == heading(page)
        fill_in(page, late)

        assert "Sign out" in page.get_by_role("banner").inner_text()


def test_two_people_at_once_each_read_their_own_language(browser: Browser, served: ServedShop) -> None:
    one, other = add_person(served, "reads-english", "en"), add_person(served, "reads-chinese", "zh")
    with reader(browser, served, one, "zh-CN") as english, reader(browser, served, other, "en") as chinese:
        for _ in range(3):
            english.goto("/customers")
            chinese.goto("/customers")

            assert ("Customers", "客户") == (heading(english), heading(chinese))
            assert ("en", "zh-CN") == tuple(page.locator("html").get_attribute("lang") for page in (english, chinese))
            assert listed(english) == listed(chinese)


def test_a_language_chosen_on_the_page_stays_with_the_person(browser: Browser, served: ServedShop) -> None:
    person = add_person(served, "learns-chinese")
    with reader(browser, served, person) as page:
        page.goto("/customers?band=low")
        follow(page.get_by_role("button", name="中文"))
        assert ("customers?band=low", "客户") == (path(page), heading(page))
        assert "true" == page.get_by_role("button", name="中文").get_attribute("aria-pressed")

    with visitor(browser, served.url, "en") as elsewhere:
        elsewhere.goto("/customers")
        assert "Sign in" == heading(elsewhere)
        fill_in(elsewhere, person)
        assert "客户" == heading(elsewhere)


@pytest.mark.parametrize(("language", "title"), [("zh-CN", "登录"), ("zh-TW", "登录"), ("de", "Sign in")])
def test_before_signing_in_the_page_speaks_as_the_browser_asks(
    browser: Browser, served: ServedShop, language: str, title: str
) -> None:
    with visitor(browser, served.url, language) as page:
        page.goto("/sign-in")
        assert title == heading(page)

        follow(page.get_by_role("button", name="English" if title == "登录" else "中文"))
        assert title != heading(page)


def test_a_new_password_ends_the_other_sessions_and_no_other_password_opens(
    browser: Browser, served: ServedShop
) -> None:
    person = add_person(served, "careful")
    with reader(browser, served, person) as here, reader(browser, served, person) as there:
        here.goto("/account")
        for former, new, again, told in (
            ("not the password", "another battery horse", "another battery horse", "The present password is wrong."),
            (PASSWORD, "another battery horse", "another battery house", "The two new passwords differ."),
            (PASSWORD, "another battery horse", "another battery horse", "The new password holds."),
        ):
            for name, text in {"former": former, "password": new, "again": again}.items():
                here.locator(f"[name={name}]").fill(text)
            send(here.locator("[name=again]"))
            assert told in here.locator("main").inner_text()
        there.goto("/customers")
        assert "Sign in" == heading(there)
        fill_in(there, person)
        assert WRONG == alert(there)
        fill_in(there, person, "another battery horse")
        assert "Customers" == heading(there)
        here.goto("/customers")
        assert "Customers" == heading(here)


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "/%09//evil.example", "javascript:alert(1)"],
)
def test_nobody_is_sent_to_another_site(browser: Browser, served: ServedShop, anna: str, wanted: str) -> None:
    with visitor(browser, served.url) as page:  # which fails with a request elsewhere
        page.goto(f"/sign-in?next={wanted}")
        fill_in(page, anna)

        assert page.url.startswith(f"{served.url}/")
        assert page.get_by_role("button", name="Sign out").is_visible()


def test_without_javascript_all_that_matters_works(browser: Browser, served: ServedShop, anna: str) -> None:
    with visitor(browser, served.url, java_script_enabled=False) as page:
        page.goto("/customers")
        fill_in(page, anna)
        everyone = listed(page)
        page.locator("details.pick:has([name=tier]) summary").click()
        page.locator("[name=tier][value=small]").check()
        page.locator("[name=sort]").select_option("value_at_risk")
        follow(page.get_by_role("button", name="Show"))
        assert page.locator("[name=tier][value=small]").is_checked()
        first = listed(page)
        assert everyone != first
        follow(page.get_by_role("link", name="Next page"))
        second = listed(page)
        assert second
        assert not set(first) & set(second)
        follow(page.locator("main table").get_by_role("link", name=second[0]))

        assert second[0] == heading(page)
        follow(page.get_by_role("button", name="中文"))
        assert (f"customers/{second[0]}", second[0]) == (path(page), heading(page))
