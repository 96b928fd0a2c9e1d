"""The README's pictures, taken anew of the page as it is: `make screenshots`.

    python tests/browser/screenshots.py

Serves what `make demo SERVE=no` has made (HOLDFAST_SHOP and HOLDFAST_STORE name another) on a free port, signs in as
someone of its own, who is removed again, and writes PNGs with a palette into tests/browser/pictures.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from running_service import ServedShop

PICTURES = ROOT / "tests" / "browser" / "pictures"
MOST_BYTES = 250_000
MARGIN = 16
"""Pixels of the page below the last element that a picture shows."""
LOGIN = "visitor"


@dataclass(frozen=True)
class Picture:
    """What one file shows: where to go and what to do there, and the element below which the picture ends."""

    name: str
    go: Callable[[Page], None]
    until: str
    language: str = "en"
    scheme: str = "light"
    width: int = 1440


def to(path: str) -> Callable[[Page], None]:
    """Open an address of the page."""
    return lambda page: _open(page, path)


def worth_acting_on(page: Page) -> None:
    """The customer whom acting on is worth most, with everything behind the first reasons set to what is usual."""
    from signed_in import follow

    _open(page, TO_CONTACT)
    follow(page.locator("main table a[href^='/customers/']").first)
    for box in page.locator(".what-if input[name=usual]").all()[:2]:
        box.check()
    follow(page.locator(".what-if button"))


TO_CONTACT = "/customers?arm=treat&sort=expected_net_value"
MOST_AT_STAKE = "/customers?sort=value_at_risk"
PICTURED = (
    Picture("overview", to("/"), until="section:has(> #segments)"),
    Picture("churn_list", to(TO_CONTACT), until="main tbody tr:nth-child(6)"),
    Picture("customer", worth_acting_on, until="section:has(> #history)", scheme="dark"),
    Picture("overview_zh", to("/"), until="section:has(> #compared)", language="zh"),
    Picture("phone_zh", to(MOST_AT_STAKE), until="main tbody tr:nth-child(2)", language="zh", width=390),
)


def main() -> None:
    from chromium import NO_CHROMIUM, chromium, chromium_path
    from running_service import ServedShop, running

    from features.store import Store

    if chromium_path() is None:
        raise SystemExit(f"this {NO_CHROMIUM}")
    served = ServedShop(Path(os.environ.get("HOLDFAST_SHOP") or ROOT / "demo-shop"), Store.from_environment(os.environ))
    if not (served.shop / "shop.toml").exists() or not served.store.bundles.exists():
        raise SystemExit(f"there is no demo shop in {served.shop}; run: make demo SERVE=no")
    with someone(served) as token, running(served), chromium() as browser:
        pictures = {picture.name: taken(browser, served.url, token, picture) for picture in PICTURED}
    for name, png in pictures.items():  # where one cannot be taken, all stay as they were
        file = PICTURES / f"{name}.png"
        write(file, png)
        sys.stderr.write(f"{file.relative_to(ROOT)}  {file.stat().st_size:,} bytes\n")


@contextmanager
def someone(served: ServedShop) -> Iterator[str]:
    """The session of a person who may open the page until the pictures are taken."""
    from models.ledger import utc_now
    from models.people import add_user, made_up_password, remove_user
    from models.sessions import sign_in

    password = made_up_password()
    with served.ledger() as ledger:
        ledger.migrate()
        add_user(ledger, LOGIN, password, now=utc_now())
    try:
        with served.ledger() as ledger:
            token, _ = sign_in(ledger, LOGIN, password, "127.0.0.1", utc_now())
        yield token
    finally:
        with served.ledger() as ledger:
            remove_user(ledger, LOGIN)


def taken(browser: Browser, url: str, token: str, picture: Picture) -> bytes:
    """The PNG of the page as far as the picture goes."""
    from chromium import visitor

    from serving.visit import SESSION_COOKIE

    window = {"width": picture.width, "scheme": picture.scheme, "device_scale_factor": 1}
    with visitor(browser, url, picture.language, **window) as page:
        page.context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": url}])
        picture.go(page)
        below = page.locator(picture.until).evaluate("one => one.getBoundingClientRect().bottom + scrollY")
        part = {"x": 0, "y": 0, "width": picture.width, "height": round(below) + MARGIN}
        return page.screenshot(full_page=True, clip=part, animations="disabled")


def write(file: Path, png: bytes) -> None:
    """Write a picture with as many colours as fit into MOST_BYTES."""
    from features.store import written_whole

    drawn = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64):
        small = io.BytesIO()
        drawn.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() < MOST_BYTES:
            break
    else:
        raise SystemExit(f"{file.name} has {small.tell():,} bytes even in 64 colours; make its window smaller")
    with written_whole(file) as beside:
        beside.write_bytes(small.getvalue())


def _open(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.ok, f"{path} is answered with {answer.status}"


if __name__ == "__main__":
    main()
