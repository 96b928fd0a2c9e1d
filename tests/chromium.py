"""A real browser for the tests of the web page: Chromium through Playwright, and axe-core for accessibility."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urldefrag, urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

ROOT = Path(__file__).parents[1]
FOUND = ROOT / ".venv" / ".browser"
AXE = ROOT / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
NO_CHROMIUM = "needs Chromium (make browser; Debian: apt-get install chromium; or name one in HOLDFAST_CHROMIUM)"
NO_AXE = "needs axe-core (make browser, which gets it with npm)"

FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
    # what leaves this machine fails at once, in whatever a page or the browser itself asks for
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost",
]  # fmt: skip
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
SECONDS = 10


def chromium_path() -> str | None:
    """Chromium as HOLDFAST_CHROMIUM names it, where tests/browser/install.sh found it, or on the PATH."""
    if named := os.environ.get("HOLDFAST_CHROMIUM"):
        return shutil.which(named)
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    if FOUND.exists():
        names.insert(0, FOUND.read_text(encoding="utf-8").partition("\n")[0])
    return next((path for path in map(shutil.which, names) if path), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that reaches this machine alone.

    While it runs, `asyncio.run` in the same thread fails: Playwright's loop counts as running there.
    """
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    if path is None:
        raise FileNotFoundError(f"this {NO_CHROMIUM}")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*sandbox, *FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(
    browser: Browser, url: str, language: str = "en", width: int = 1440, height: int = 900, scheme: str = "light",
    *, expected: Iterable[str] = (), **more: Any,
) -> Iterator[Page]:  # fmt: skip
    """An empty page with cookies of its own, for `page.goto("/path")` below the `url`; `more` is for `new_context`.

    At the end it fails with every request to another origin than the url's and every error in the console or of a
    script, less those in which one of the `expected` patterns is found. That a document itself is answered with 4xx is
    the test's to judge.
    """
    __tracebackhide__ = True
    context = browser.new_context(
        base_url=url, locale=language, viewport={"width": width, "height": height}, color_scheme=scheme, **more
    )
    context.set_default_timeout(SECONDS * 1000)
    complaints = _complaints(context, url, tuple(expected))
    try:
        yield context.new_page()
        _settle(context)
    except Exception as error:
        if complaints:
            error.add_note("\n".join(["the browser complained:", *complaints]))
        raise
    finally:
        context.close()
    if complaints:
        raise AssertionError("\n".join(["the browser complained:", *complaints]))


def _complaints(context: BrowserContext, url: str, expected: tuple[str, ...]) -> list[str]:
    """A list that grows by a line with every request elsewhere and every error, unless it is expected."""
    lines: list[str] = []
    documents: set[str] = set()
    host = urlsplit(url).netloc

    def complain(line: str) -> None:
        if not any(re.search(pattern, line) for pattern in expected):
            lines.append(line)

    def asked(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != host:
            complain(f"request elsewhere: {address}")

    def requested(request: Any) -> None:
        if request.is_navigation_request():
            documents.add(urldefrag(request.url)[0])
        asked(request.url)

    def logged(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        answered = re.match(r"Failed to load resource: .* status of 4\d\d", message.text)
        if message.type == "error" and not (answered and urldefrag(where)[0] in documents):
            complain(f"console: {message.text} ({where})")

    context.on("request", requested)
    context.on("page", lambda page: page.on("websocket", lambda socket: asked(socket.url)))
    context.on("console", logged)
    context.on("weberror", lambda error: complain(f"script: {error.error}"))
    return lines


def _settle(context: BrowserContext) -> None:
    """Wait until the open pages are loaded and what they logged has arrived."""
    from playwright.sync_api import Error

    for page in context.pages:
        with suppress(Error):  # a page that is closing has nothing to add
            page.wait_for_load_state()
            page.evaluate("null")


def axe_violations(page: Page) -> list[str]:
    """What breaks WCAG 2.0 to 2.2 at A and AA or axe's best practices: rule, impact, selector and what to do.

    The script gets in through the debugger's door, so that it runs under any Content-Security-Policy.
    """
    if not AXE.exists():
        lacking(NO_AXE)
    if not page.evaluate("typeof window.axe?.run === 'function'"):
        page.evaluate(f"{AXE.read_text(encoding='utf-8')}; null")
    found = page.evaluate(
        """async (tags) => {
            const options = {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"], preload: false};
            const {violations} = await axe.run(document, options);
            return violations.flatMap(({id, nodes}) => nodes.map(({impact, target, failureSummary}) => (
                {id, impact, target: target.flat().join(" "), failureSummary})));
        }""",
        STANDARDS,
    )
    return [
        f"{one['id']} ({one['impact']}) at {one['target']}: {' '.join(one['failureSummary'].split())}" for one in found
    ]


def lacking(sentence: str) -> NoReturn:
    """Skip the test for what this machine lacks; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"CI {sentence}")
    pytest.skip(sentence)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of a module; no longer, since other modules run asyncio in the same thread."""
    if chromium_path() is None:
        lacking(NO_CHROMIUM)
    with chromium() as running:
        yield running
