"""People who are signed in to the page of a served shop: in a browser, or with a plain client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx
from babel.messages.pofile import read_po
from chromium import visitor
from running_service import ServedShop

from models.ledger import utc_now
from models.people import add_user
from models.sessions import sign_in
from serving.addresses import customer_at
from serving.speech import catalogue
from serving.visit import SESSION_COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PASSWORD = "correct horse battery"


def add_person(served: ServedShop, login: str, language: str | None = None) -> str:
    """A new person who may open the page, by their login; their password is PASSWORD."""
    with served.ledger() as ledger:
        return add_user(ledger, login, PASSWORD, language, now=utc_now()).login


def token(served: ServedShop, login: str) -> str:
    """A new session's token."""
    with served.ledger() as ledger:
        return sign_in(ledger, login, PASSWORD, "192.0.2.1", utc_now())[0]


@contextmanager
def reader(browser: Browser, served: ServedShop, login: str, language: str = "en", **more: Any) -> Iterator[Page]:
    """An empty page of someone who is signed in; `more` is for `visitor`."""
    with visitor(browser, served.url, language, **more) as page:
        page.context.add_cookies([{"name": SESSION_COOKIE, "value": token(served, login), "url": served.url}])
        yield page


def client_of(served: ServedShop, login: str, language: str = "en") -> httpx.Client:
    """A client without a browser that has someone's session."""
    headers = {"accept": "text/html", "accept-language": language}
    cookies = {SESSION_COOKIE: token(served, login)}
    return httpx.Client(base_url=served.url, headers=headers, cookies=cookies, timeout=60)


def fill_in(page: Page, login: str, password: str = PASSWORD) -> None:
    """Sign in with the form that is shown."""
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill(password)
    send(page.locator("[name=password]"))


def send(field: Locator) -> None:
    """Send a field's form by the keyboard, and wait for the page that comes of it."""
    with field.page.expect_navigation():
        field.press("Enter")


def follow(found: Locator) -> None:
    """Click what leads to another page, and wait for it."""
    with found.page.expect_navigation():
        found.click()


def listed(page: Page) -> list[str]:
    """The ids of the customers that the list shows, in its order."""
    links = page.locator("main table a[href^='/customers/']")
    hrefs = links.evaluate_all("found => found.map((link) => link.getAttribute('href'))")
    return [customer_at(unquote(href.removeprefix("/customers/"))) for href in hrefs]


def path(page: Page) -> str:
    """Where a page is, below the service's address."""
    return page.url.partition("//")[2].partition("/")[2]


def overflow(page: Page) -> list[str]:
    """What sticks out of the document to the right, which must then be scrolled sideways: the elements, outermost first."""
    return page.evaluate(  # type: ignore[no-any-return]
        """() => {
            const {scrollWidth, clientWidth} = document.documentElement;
            if (scrollWidth <= clientWidth) return [];
            const wide = [...document.querySelectorAll("body *")].filter(
                (one) => one.getBoundingClientRect().right > clientWidth + 0.5);
            return [`${scrollWidth} > ${clientWidth}`, ...wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120))];
        }"""
    )


def english_left(page: Page) -> list[str]:
    """What of a page in Chinese is still English: labels of the catalogue, and what looks like a sentence."""
    text = re.sub(r"holdfast [a-z ]+", "", page.locator("main").inner_text())  # commands
    words = [label for label in _english() if label in text and re.search(rf"\b{re.escape(label)}\b", text)]
    return words + re.findall(r"(?:[A-Za-z]{2,}[ ,.]+){2,}[A-Za-z]{2,}", text)


@cache
def _english() -> list[str]:
    """The catalogue's English texts, in the pieces around what is filled in, those long enough to be known again."""
    with catalogue("zh").open("rb") as file:
        messages = [message for message in read_po(file, locale="zh") if message.id]
    found = set()
    for message in messages:
        texts = message.id if isinstance(message.id, tuple) else (message.id,)
        pieces = (piece.strip(" .,:;()") for text in texts for piece in re.split(r"%\(\w+\)s|[.:]", text))
        found |= {piece for piece in pieces if len(piece) > 3 and piece not in str(message.string)}
    return sorted(found)
