"""The page in this process: a shop whose runs are written by hand, and a browser that keeps its cookies."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from features.store import Store
from models.bundle import Bundle
from models.ledger import Ledger
from models.people import add_user
from models.published import point
from models.runs import Entry, ScoreRun, write_run
from models.sessions import session_of, sign_in
from serving.access import Access, Keyring
from serving.examples import EXAMPLES
from serving.guard import BodyRules, Guard
from serving.messages import Answer
from serving.page import error_for
from serving.present import Present
from serving.readings import reading_app
from serving.visit import SESSION_COOKIE

NOW = datetime(2024, 5, 2, 6)
CUTOFF = date(2024, 5, 1)
LOGIN, PASSWORD = "anna", "correct horse battery"
SHOP = """name = "tiny"
currency = "EUR"
[files]
t = "t.csv"
[tables.transactions]
from = "t"
[tables.transactions.columns]
customer_id = "c"
timestamp = "t"
amount = "a"
"""
LABELS = {
    "segments": {"S1": {"en": "regulars", "zh": "常客"}, "S2": {"en": "weekenders", "zh": "周末客"}},
    "actions": {"call": {"en": "Call them", "zh": "致电客户"}},
}


def answer(customer_id: str = "a", probability: float | None = 0.4, **changes: Any) -> dict[str, Any]:
    """An answer as models/score.py makes it; changes of `relationship` and `decision` are of single keys.

    Their value at risk is in proportion to the probability, as that of customers who are worth the same.
    """
    made = {
        **EXAMPLES[Answer], "customer_id": customer_id, "as_of": "2024-05-01", "bundle": "churn/1",
        "churn_probability": probability, "segment": {"id": "S1", "name": "regulars"},
    }  # fmt: skip
    decision, words = {**made["decision"], "action": "call"}, changes.pop("relationship", {})
    if probability is None:
        nothing = {"action": "no_action", "arm": "none", "cost": 0.0, "expected_net_value": 0.0}
        decision |= {**nothing, "because": [], "why_not": "not_eligible"}
        unknown = dict.fromkeys(("percentile", "band", "churn_by_horizon", "expected_next_purchase", "base"))
        made |= {**unknown, "eligible": False, "path": "none", "value_at_risk": 0.0, "reasons": []}
    else:
        made["value_at_risk"] = round(made["value_at_risk"] * probability / 0.4, 2)
    decision |= changes.pop("decision", {})
    relationship = None if words is None else made["relationship"] | words
    return {**made, "decision": decision, "relationship": relationship, **changes}


def entry(
    customer_id: str = "a", probability: float | None = 0.4, name: str | None = None,
    dossier: dict[str, Any] | None = None, **changes: Any,
) -> Entry:  # fmt: skip
    """A customer of a run."""
    return Entry(answer(customer_id, probability, **changes), name, dossier)


def run_of(
    entries: Sequence[Entry] = (), cutoff: date = CUTOFF, bundle: str = "churn/1", language: str = "en",
    scored_at: datetime = datetime(2024, 5, 1, 6), **changes: Any,
) -> ScoreRun:  # fmt: skip
    """A run of these customers by the tiny shop."""
    eligible = sum(bool(one.answer["eligible"]) for one in entries)
    matures_on = date.fromordinal(cutoff.toordinal() + 28)
    return ScoreRun(
        **{"shop": "tiny", "bundle": bundle, "cutoff": cutoff, "scored_at": scored_at, "customers": len(entries),
           "eligible": eligible, "language": language, "currency": "EUR", "matures_on": matures_on, "labels": LABELS,
           **changes}
    )  # fmt: skip


@dataclass
class House:
    """The service's layers around a ledger of one's own, and the session of someone who is signed in."""

    present: Present
    app: ASGIApp
    token: str

    @property
    def ledger(self) -> Ledger:
        return self.present.ledger

    @contextmanager
    def browser(self, signed_in: bool = True, language: str = "en", **headers: str) -> Iterator[Browser]:
        """A browser at this house, whose cookies are its own."""
        with asyncio.Runner() as runner:
            cookies = {SESSION_COOKIE: self.token} if signed_in else {}
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app=self.app), base_url="http://shop", cookies=cookies,
                headers={"accept": "text/html,*/*;q=0.8", "accept-language": language, **headers},
            )  # fmt: skip
            try:
                yield Browser(runner, client)
            finally:
                runner.run(client.aclose())


@dataclass
class Browser:
    """Asks for pages as a browser does, but follows no redirection by itself."""

    runner: asyncio.Runner
    client: httpx.AsyncClient

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        return self.runner.run(self.client.request(method, path, **how))

    def get(self, path: str, **how: Any) -> httpx.Response:
        return self.ask("GET", path, **how)

    def send(self, path: str, at: str = "/sign-in", **fields: str) -> httpx.Response:
        """Send a form with the token that the page `at` gives it."""
        found = re.search(r'name="form_token" value="(\w+)"', self.get(at).text)
        assert found, "the page has no form"
        return self.ask("POST", path, data={"form_token": found[1], **fields})


def shown(page: httpx.Response) -> str:
    """A page's text as people read it: without tags, with single blanks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


@contextmanager
def house(
    folder: Path, entries: Sequence[Entry] | None = (), bundle: Bundle | None = None,
    present: Callable[[Present], Present] = lambda known: known, **of_run: Any,
) -> Iterator[House]:  # fmt: skip
    """A house with one run of these customers (None: with none), closed again.

    Parameters
    ----------
    bundle
        The published one, as churn/1.
    present
        What the pages are given in place of the present.
    of_run
        Changes of the run.
    """
    store, shop = Store(folder / "store"), folder / "shop"
    shop.mkdir(parents=True)
    (shop / "shop.toml").write_text(SHOP, encoding="utf-8")
    if bundle is not None:
        bundle.write(store.bundles / "churn-1")
        point(store.bundles, "churn/1")
    known = Present(store, shop)
    try:
        known.ledger.migrate()
        if entries is not None:
            write_run(known.ledger, run_of(entries, **of_run), [entries])
        add_user(known.ledger, LOGIN, PASSWORD, now=NOW)
        token, _ = sign_in(known.ledger, LOGIN, PASSWORD, "here", NOW)
        keys = Keyring(known.ledger)
        inside = BodyRules(reading_app(lambda: present(known), lambda: NOW), most_bytes=100_000)
        access = Access(inside, lambda: keys, lambda given: session_of(known.ledger, given, NOW))
        yield House(known, Guard(access, deadline_seconds=10, at_once=64, error_page=error_for), token)
    finally:
        known.close()
