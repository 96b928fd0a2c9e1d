"""The browser that the tests of the web page look through: it shows, it tells on the page, and it forgets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import chromium
import pytest
from chromium import axe_violations, chromium_path, lacking, visitor
from playwright.sync_api import Browser, Error

pytestmark = pytest.mark.slow

STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page</title><link rel="icon" href="/a.svg">'
PAGES = {
    "/": f"{HEAD}<body><main><h1>Who is leaving</h1><p>Nobody.</p></main>",
    "/words": f'{HEAD}<body><main><h1>Words</h1><p id="one">流</p><p id="two">失</p></main>',
    "/elsewhere": f'{HEAD}<body><img alt="" src="http://elsewhere.example/a.png">',
    "/gone": f'{HEAD}<body><img alt="" src="/gone.png">',
    "/inline": f'{HEAD}<body><p style="color: red">Red</p>',
    "/broken": f'{HEAD}<script src="/broken.js"></script>',
    "/broken.js": 'Promise.reject(new Error("broken promise")); console.error("it is broken"); throw new Error("thrown")',
    "/unfit": f'{HEAD}<link rel="stylesheet" href="/unfit.css"><body><main><h1>Unfit</h1><img src="/a.svg">'
    "<p>Pale</p><button>a</button><button>b</button></main>",
    "/unfit.css": "p { color: #aaa } button { width: 12px; height: 12px; padding: 0; border: 0; font-size: 8px }",
    "/a.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"/>',
}
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Pages(BaseHTTPRequestHandler):
    """The pages under a strict policy; /told shows what the browser told about its visitor."""

    def do_GET(self) -> None:
        told = f"{self.headers['Accept-Language']}; {self.headers['Cookie']}"
        body = {**PAGES, "/told": f"{HEAD}<body><p>{told}</p>"}.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Security-Policy", STRICT)
        self.send_header("Content-Type", TYPES.get(self.path.rpartition(".")[2], "text/html"))
        self.send_header("Set-Cookie", "seen=yes; Path=/")
        with suppress(ConnectionError):  # a browser that closes need not wait for the icon
            self.end_headers()
            self.wfile.write((body or f"{HEAD}<body>No such page").encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module", autouse=True)
def _asyncio_afterwards() -> Iterator[None]:
    """When the browser is gone, asyncio runs again: modules after this one need it."""
    yield
    asyncio.run(asyncio.sleep(0))


def visit(browser: Browser, url: str, path: str, *expected: str) -> None:
    with visitor(browser, url, expected=expected) as page:
        page.goto(path)


def test_a_visitor_sees_a_page_in_their_language_and_size(browser: Browser, url: str) -> None:
    with visitor(browser, url, "zh-CN", width=390, height=844, scheme="dark") as page:
        page.goto("/told")

        assert page.locator("p").inner_text().startswith("zh-CN; ")
        assert {"width": 390, "height": 844} == page.viewport_size
        assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert "zh-CN" == page.evaluate("navigator.language")


def test_visitors_share_no_cookies(browser: Browser, url: str) -> None:
    with visitor(browser, url) as one, visitor(browser, url) as other:
        one.goto("/")
        one.goto("/told")
        other.goto("/told")

        assert "en; seen=yes" == one.locator("p").inner_text()
        assert "en; None" == other.locator("p").inner_text()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [("/elsewhere", "request elsewhere: http://elsewhere.example/a.png"),
     ("/elsewhere", "console: .*Content Security Policy"),
     ("/inline", "console: .*Content Security Policy"),
     ("/gone", "console: Failed to load resource: .*404.*/gone.png"),
     ("/broken", "console: it is broken"),
     ("/broken", "script: thrown"),
     ("/broken", "script: broken promise")],
)  # fmt: skip
def test_what_a_page_does_wrong_fails_the_visit(browser: Browser, url: str, path: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        visit(browser, url, path)


def test_another_service_of_this_machine_is_elsewhere_too(browser: Browser, url: str) -> None:
    with serving() as other, pytest.raises(AssertionError, match=f"request elsewhere: {other}"):
        visit(browser, url, f"{other}/")


def test_nothing_leaves_this_machine(browser: Browser, url: str) -> None:
    with visitor(browser, url, expected=["request elsewhere"]) as page:
        with pytest.raises(Error, match="NAME_NOT_RESOLVED"):
            page.goto("http://elsewhere.example/")
        with pytest.raises(Error, match="NAME_NOT_RESOLVED"):
            page.goto("http://192.0.2.1/")


def test_what_is_expected_does_not_fail_the_visit(browser: Browser, url: str) -> None:
    visit(browser, url, "/broken", "it is broken", "^script: ")


def test_a_document_that_is_refused_does_not_fail_the_visit(browser: Browser, url: str) -> None:
    with visitor(browser, url) as page:
        answer = page.goto("/no-such-page")

        assert answer is not None
        assert 404 == answer.status


def test_a_test_that_fails_is_told_what_the_browser_complained_of(browser: Browser, url: str) -> None:
    def failing() -> None:
        with visitor(browser, url) as page:
            page.goto("/broken")
            raise KeyError

    with pytest.raises(KeyError) as caught:
        failing()
    assert "it is broken" in caught.value.__notes__[0]


def test_axe_finds_what_is_unfit_under_a_strict_policy(browser: Browser, url: str) -> None:
    with visitor(browser, url) as page:
        page.goto("/unfit")
        found = axe_violations(page)
        again = axe_violations(page)

    assert found == again
    assert {"color-contrast", "image-alt", "target-size"} == {line.partition(" ")[0] for line in found}
    [pale] = [line for line in found if line.startswith("color-contrast (serious) at p: ")]
    assert "#aaaaaa" in pale


def test_axe_finds_nothing_on_a_fit_page(browser: Browser, url: str) -> None:
    with visitor(browser, url) as page:
        page.goto("/")

        assert [] == axe_violations(page)


def test_a_picture_is_taken_of_a_page(browser: Browser, url: str, tmp_path: Path) -> None:
    with visitor(browser, url, device_scale_factor=2) as page:
        page.goto("/words")
        picture = page.screenshot(path=tmp_path / "page.png")

    assert picture.startswith(b"\x89PNG")
    assert (2880, 1800) == (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24]))


def test_chinese_is_drawn(browser: Browser, url: str) -> None:
    with visitor(browser, url, "zh-CN") as page:
        page.goto("/words")
        one, two = (page.locator(name).screenshot() for name in ("#one", "#two"))
    if one == two:  # two boxes
        lacking("needs a Chinese font (make browser; Debian: apt-get install fonts-wqy-microhei)")


def test_what_is_not_there_skips_a_test_but_fails_it_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_CHROMIUM", "/no/such/chrome")
    assert chromium_path() is None
    with pytest.raises(FileNotFoundError, match="make browser"), chromium.chromium():
        pass

    monkeypatch.setattr(chromium, "AXE", tmp_path / "axe.min.js")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make browser"):
        axe_violations(None)  # type: ignore[arg-type]
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make browser"):
        axe_violations(None)  # type: ignore[arg-type]
