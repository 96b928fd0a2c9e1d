"""A visit: nobody is led to another site, no other site acts for anybody, and nothing a page shows is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pages_by_hand import LOGIN, NOW, PASSWORD, Browser, House, entry, house
from starlette.requests import Request
from tags import Tags

from models.people import list_users, set_language
from models.sessions import form_token, session_of, sign_in
from serving.addresses import customer_address
from serving.visit import LANGUAGE_COOKIE, SESSION_COOKIE, VISITOR_COOKIE, Visit, inside, wants_page

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
WORDS = {"segments": {EVIL: {"en": EVIL, "zh": EVIL}}, "actions": {EVIL: {"en": EVIL, "zh": EVIL}}}
DOSSIER = {
    "purchases": [[19800, 12.5, 3]],
    "interactions": [{"day": 19801, "kind": EVIL, "topic": EVIL, "resolved_day": None},
                     {"day": 19802, "kind": "complaint", "topic": EVIL, "resolved_day": 19803}],
    "offers": [{"day": 19804, "action": EVIL, "arm": EVIL, "responded_day": None}],
    "considered": [{"action": EVIL, "verdict": EVIL}],
}  # fmt: skip
REASON = {"driver": EVIL, "push": 0.5, "lever": True, "features": [], "sentence": EVIL}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house full of people who would like to run something on the page."""
    evil = entry(
        EVIL, 0.5, EVIL, DOSSIER, segment={"id": EVIL, "name": EVIL}, reasons=[REASON],
        decision={"action": EVIL, "because": [EVIL], "evidence": EVIL},
    )  # fmt: skip
    held = entry("held", 0.4, decision={"action": "no_action", "arm": "control", "why_not": EVIL, "withheld": EVIL})
    people = [evil, held, entry("a/b?c#d", 0.3), entry("50%41", 0.2), entry("gone", None)]
    with house(tmp_path_factory.mktemp("visit"), people, labels=WORDS) as made:
        yield made


def visit(path: str = "/", query: bytes = b"") -> Visit:
    return Visit(Request({"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []}))


# ---- to where a browser is sent -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\\/evil.example", "https://evil.example",
     "http:evil", "javascript:alert(1)", "data:text/html,x", "evil.example", "", " /", "/\t/evil.example", "/\n/evil.example",
     "/\r\nset-cookie: a=b", "/ \0", "\t//evil.example", "//[x", "//[::1]:x", "/customers\u2028", "//user@evil.example"],
)  # fmt: skip
def test_no_address_of_another_site_is_gone_to(address: str) -> None:
    assert "/" == inside(address)


@pytest.mark.parametrize(
    "address", ["/", "/customers?q=%2F%2Fevil&band=high", "/customers/a%2Fb", "/customers/客户", "/?//x"]
)
def test_addresses_of_this_site_are_gone_to(address: str) -> None:
    assert address == inside(address)


@given(st.text(max_size=40) | st.text("/\\:@.?#%[]evil \t\r\n\0", max_size=20))
@example("//[")
def test_wherever_a_browser_is_sent_it_stays(address: str) -> None:
    """As a browser reads it: blanks and control characters left out, a backslash for a slash."""
    found = inside(address)
    read = re.sub(r"[\x00-\x20]", "", found).replace("\\", "/")

    assert found.startswith("/")
    assert not read.startswith("//")
    assert "shop" == urlsplit(urljoin("http://shop/customers/a", found)).netloc


@given(
    st.text(st.characters(codec="utf-8"), max_size=30).map(lambda text: f"/customers/{text}"),
    st.binary(max_size=30).map(lambda query: query.replace(b"#", b"")),
)
@example("/customers/50%41?#", b"q=\xff&x=%41+1")
def test_the_way_back_to_a_page_leads_to_it(path: str, query: bytes) -> None:
    here = visit(path, query).here

    assert here == inside(here)
    assert path == unquote(here.partition("?")[0])
    assert unquote_to_bytes(query) == unquote_to_bytes(here.partition("?")[2])
    assert "" == urlsplit(here).fragment


@pytest.mark.parametrize(
    "path", ["/customers/a%2Fb%3Fc%23d", "/customers/50%2541", "/customers?q=%FF&band=high", "/nowhere"]
)
def test_a_language_chosen_on_a_page_leads_back_to_that_page(shop: House, path: str) -> None:
    with shop.browser(signed_in=False) as browser:
        browser.client.cookies.set(SESSION_COOKIE, shop.token)
        page = browser.get(path)
        [back] = re.findall(r'name="next" value="([^"]*)"', page.text)
        gone = browser.send("/language", at=path, language="en", next=back.replace("&amp;", "&"))
        again = browser.get(gone.headers["location"])
        set_language(shop.ledger, list_users(shop.ledger)[0].user_id, None)

    assert (303, page.status_code) == (gone.status_code, again.status_code)
    assert re.findall("<h1>.*</h1>", page.text) == re.findall("<h1>.*</h1>", again.text)


# ---- who is answered with a page ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "is_wanted"),
    [
        ([(b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")], True),
        ([(b"accept", b"*/*")], False),
        ([(b"accept", b"application/json")], False),
        ([], False),
        ([(b"accept", b"text/html"), (b"x-api-key", b"hf_")], False),
        ([(b"accept", b"text/html"), (b"authorization", b"Bearer hf_")], False),
    ],
)
def test_a_page_is_for_who_asks_for_one_and_has_no_key(headers: list[tuple[bytes, bytes]], is_wanted: bool) -> None:
    assert is_wanted == wants_page({"type": "http", "headers": headers})


# ---- forms ----------------------------------------------------------------------------------------------------------


FORMS = {
    "/sign-in": {"login": LOGIN, "password": PASSWORD},
    "/sign-out": {"sure": "yes"},
    "/language": {"language": "zh"},
    "/account": {"former": PASSWORD, "password": "another long one", "again": "another long one"},
}


def unchanged(shop: House, browser: Browser, refused: httpx.Response) -> None:
    assert 403 == refused.status_code
    assert "HF616" in refused.text
    assert "text/html; charset=utf-8" == refused.headers["content-type"]
    assert not {SESSION_COOKIE, LANGUAGE_COOKIE} & set(refused.cookies)
    assert session_of(shop.ledger, shop.token, NOW) is not None
    assert [(LOGIN, None)] == [(user.login, user.language) for user in list_users(shop.ledger)]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "0" * 64, form_token("another visitor's cookie"), form_token(""), "é"])
def test_a_form_without_its_visitors_token_changes_nothing(shop: House, path: str, token: str | None) -> None:
    form = FORMS[path] | ({} if token is None else {"form_token": token})
    with shop.browser() as browser:
        unchanged(shop, browser, browser.ask("POST", path, data=form))


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_form_that_another_site_sends_changes_nothing(shop: House, path: str, site: str) -> None:
    form = FORMS[path] | {"form_token": form_token(shop.token)}
    with shop.browser() as browser:
        unchanged(shop, browser, browser.ask("POST", path, data=form, headers={"sec-fetch-site": site}))


def test_a_form_of_before_signing_in_is_not_one_of_after(shop: House) -> None:
    with shop.browser() as browser:
        browser.client.cookies.set(VISITOR_COOKIE, "visitor")
        unchanged(
            shop,
            browser,
            browser.ask("POST", "/language", data={"language": "zh", "form_token": form_token("visitor")}),
        )


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
def test_a_form_of_another_kind_is_refused(shop: House, content_type: str) -> None:
    with shop.browser() as browser:
        body = {"content": f"form_token={form_token(shop.token)}", "headers": {"content-type": content_type}}
        refused = browser.ask("POST", "/sign-out", **body)

    assert (415, True) == (refused.status_code, "HF616" in refused.text)
    assert session_of(shop.ledger, shop.token, NOW) is not None


# ---- cookies --------------------------------------------------------------------------------------------------------


def cookies(answered: httpx.Response) -> dict[str, set[str]]:
    """By name the attributes of the cookies that an answer sets."""
    set_ones = (line.split("; ") for line in answered.headers.get_list("set-cookie"))
    return {parts[0].partition("=")[0]: {part.lower() for part in parts[1:]} for parts in set_ones}


@pytest.mark.parametrize(
    ("url", "headers", "is_secure"),
    [
        ("http://shop", {}, False), ("https://shop", {}, True), ("http://shop", {"x-forwarded-proto": "https"}, True),
        ("http://shop", {"x-forwarded-proto": "HTTPS, http"}, True), ("http://shop", {"x-forwarded-proto": "http, https"}, False),
        ("http://shop", {"x-forwarded-proto": ", https"}, False),
    ],
)  # fmt: skip
def test_cookies_are_out_of_reach_of_scripts_and_other_sites(
    shop: House, url: str, headers: dict[str, str], is_secure: bool
) -> None:
    with shop.browser(signed_in=False, **headers) as browser:
        browser.client.base_url = httpx.URL(url)
        token = form_token("visitor")
        visitor = browser.get("/sign-in")
        browser.client.cookies = {VISITOR_COOKIE: "visitor"}
        chosen = browser.ask("POST", "/language", data={"language": "en", "form_token": token})
        signed_in = browser.ask("POST", "/sign-in", data={**FORMS["/sign-in"], "form_token": token})
    given = cookies(visitor) | cookies(signed_in) | cookies(chosen)

    assert {VISITOR_COOKIE, SESSION_COOKIE, LANGUAGE_COOKIE} == set(given)
    for attributes in given.values():
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        assert is_secure == ("secure" in attributes)
        assert not [attribute for attribute in attributes if attribute.startswith("domain")]
    assert "max-age=43200" in given[SESSION_COOKIE]


def test_a_visitor_who_has_a_cookie_is_not_given_another(shop: House) -> None:
    with shop.browser(signed_in=False) as browser:
        first, second = browser.get("/sign-in"), browser.get("/sign-in")

    assert ({VISITOR_COOKIE}, set()) == (set(cookies(first)), set(cookies(second)))


def test_signing_in_makes_a_session_that_was_not_there_before(shop: House) -> None:
    """A token that someone has planted in the browser is not taken up."""
    with shop.browser(signed_in=False) as browser:
        browser.client.cookies.set(SESSION_COOKIE, "planted")
        browser.send("/sign-in", **FORMS["/sign-in"])
        [token] = [
            cookie.value
            for cookie in browser.client.cookies.jar
            if cookie.name == SESSION_COOKIE and cookie.value != "planted"
        ]

    assert session_of(shop.ledger, str(token), NOW) is not None
    assert session_of(shop.ledger, "planted", NOW) is None


def test_a_session_ends_here_and_in_the_ledger(shop: House) -> None:
    token, _ = sign_in(shop.ledger, LOGIN, PASSWORD, "here", NOW)
    with shop.browser(signed_in=False) as browser:
        browser.client.cookies.set(SESSION_COOKIE, token)
        gone = browser.send("/sign-out", at="/words")

    assert (303, "/sign-in?ended=1") == (gone.status_code, gone.headers["location"])
    assert "max-age=0" in cookies(gone)[SESSION_COOKIE]
    assert session_of(shop.ledger, token, NOW + timedelta(seconds=1)) is None


# ---- what a page holds ----------------------------------------------------------------------------------------------


PAGES = [
    "/", "/customers", f"/customers?q={EVIL.replace('#', '')}", f"/customers?segment={EVIL}", f"/customers?action={EVIL[:60]}",
    "/customers?columns=segment&columns=evidence&columns=as_of&columns=arm&columns=state", customer_address(EVIL),
    f"{customer_address(EVIL)}?usual={EVIL}", "/customers/held", "/customers/gone", "/words", "/account", f"/customers/{EVIL[:9]}%3Cscript%3E",
    f"/nowhere/{EVIL.replace('?', '')}", f"/sign-in?next=/{EVIL}", f"/customers?band={EVIL}",
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", PAGES, ids=range(len(PAGES)))
def test_no_page_runs_or_draws_what_the_data_hold(shop: House, path: str, language: str) -> None:
    with shop.browser(signed_in=not path.startswith("/sign-in"), language=language) as browser:
        page = browser.get(path)

    assert page.status_code in (200, 400, 404)
    assert "<script>" not in page.text
    assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(\w+)", page.text)
    for tag, attributes in Tags(page.text).tags:
        assert tag not in ("img", "iframe", "object", "embed", "style", "base")
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc", "formaction")]
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "/")[0] in "/#?", attributes
            assert not (attributes.get(name) or "").startswith("//")
        assert tag != "script" or (attributes["src"] or "").startswith("/static/holdfast.js?")


@pytest.mark.parametrize("path", [*PAGES[:3], "/customers/held", "/words", "/nowhere", "/customers/stranger"])
def test_every_page_is_fenced_in(shop: House, path: str) -> None:
    with shop.browser() as browser:
        headers = browser.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))

    assert ("'none'", "'self'", "'self'") == (policy["default-src"], policy["script-src"], policy["style-src"])
    assert ("'none'", "'none'", "'self'") == (policy["base-uri"], policy["frame-ancestors"], policy["form-action"])
    assert not re.search("unsafe|http|\\*", headers["content-security-policy"])
    assert ("no-store", "nosniff", "no-referrer") == tuple(
        headers[name] for name in ("cache-control", "x-content-type-options", "referrer-policy")
    )
    assert "same-origin" == headers["cross-origin-opener-policy"]
    assert {"cookie", "accept-language"} == {part.strip() for part in headers["vary"].split(",")}
    assert headers["x-request-id"]
