"""Addresses: every path the service answers, what opens it, what it takes and gives.

Access control, metrics and the API description read this one table; what is not in it is not reachable.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel

from serving.messages import (
    Answer,
    Answers,
    ChurnListPage,
    ChurnListQuery,
    EventsRequest,
    Explanation,
    ModelCard,
    ScoreRequest,
    ScoresRequest,
)
from serving.visit import ASSETS

OPEN = "open"
ANY_KEY = "any key"
SIGNED_IN = "signed in"


@dataclass(frozen=True)
class Address:
    """One path and method.

    Attributes
    ----------
    scope
        The scope a key must have; `open` needs no key, `any key` any one, `signed in` a person's session instead.
    form
        Whether what is posted is a form of the page, not JSON.
    refusals
        The codes it may answer with, besides those that every address may.
    """

    method: str
    path: str
    scope: str
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    gives: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ("application/json",)
    refusals: tuple[str, ...] = ()
    listed: bool = True
    form: bool = False

    @property
    def is_page(self) -> bool:
        """Whether people open it in a browser."""
        return self.scope == SIGNED_IN or self.form


def _page(path: str, summary: str, scope: str = SIGNED_IN, form: bool = False) -> Address:
    return Address("GET", path, scope, summary, media_types=("text/html",), listed=False, form=form)


ADDRESSES: tuple[Address, ...] = (
    Address("POST", "/v1/score", "score", "The stored answer of one customer", ScoreRequest, gives=Answer,
            refusals=("HF603", "HF604", "HF605", "HF608")),
    Address("POST", "/v1/scores", "score", "The stored answers of up to 1000 customers", ScoresRequest, gives=Answers,
            refusals=("HF604", "HF605", "HF608")),
    Address("POST", "/v1/score-events", "score", "A fresh answer from one customer's posted events", EventsRequest,
            gives=Answer, refusals=("HF206", "HF604", "HF605", "HF608", "HF609")),
    Address("GET", "/v1/churn-list", "list", "Eligible customers, filtered and sorted, page by page",
            query=ChurnListQuery, gives=ChurnListPage, media_types=("application/json", "text/csv"),
            refusals=("HF607",)),
    Address("GET", "/v1/customers/{customer_id}/explanation", "list", "Why a customer has this probability",
            gives=Explanation, refusals=("HF603",)),
    Address("GET", "/v1/model-card", "list", "How the published bundle was learned and judged", gives=ModelCard),
    Address("GET", "/metrics", "metrics", "Metrics in Prometheus' text format", media_types=("text/plain",)),
    Address("GET", "/openapi.json", ANY_KEY, "This description"),
    Address("GET", "/livez", OPEN, "The process lives", media_types=("text/plain",)),
    Address("GET", "/readyz", OPEN, "A bundle is loaded and a score run can be read", media_types=("text/plain",)),
    Address("GET", "/healthz", OPEN, "As /livez", media_types=("text/plain",), listed=False),
    _page("/", "How many are leaving, why, and whether the model was right"),
    _page("/customers", "The churn list, as a page or a file"),
    _page("/customers/{customer_id}", "One customer"),
    _page("/words", "Every word and what it means"),
    _page("/model-card", "What the model is, how it was judged, its limits, and who may object"),
    _page("/account", "Who is signed in; a new password", form=True),
    _page("/sign-out", "End the session", form=True),
    _page("/language", "Choose a language", OPEN, form=True),
    _page("/sign-in", "Sign in", OPEN, form=True),
    Address("GET", "/static/{file}", OPEN, "What pages load", media_types=("text/css",), listed=False),
    Address("GET", "/docs.json", ANY_KEY, "BentoML's own description", listed=False),
    Address("GET", "/schema.json", ANY_KEY, "BentoML's schema, for its clients", listed=False),
    Address("POST", "/v1/noop", "score", "Nothing, as quickly as the service can; for benchmarks", listed=False),
)  # fmt: skip

_BY_PATH = {address.path: address for address in ADDRESSES}


def address_of(path: str) -> Address | None:
    """The address that a request's path belongs to, whatever its method."""
    found = _BY_PATH.get(path)
    if found is None and path.startswith("/v1/customers/") and path.endswith("/explanation"):
        return _BY_PATH["/v1/customers/{customer_id}/explanation"]
    if found is None and path.startswith("/customers/"):
        return _BY_PATH["/customers/{customer_id}"]
    if found is None and path.removeprefix("/static/") in ASSETS:
        return _BY_PATH["/static/{file}"]
    return found


_PLAIN_ID = re.compile(r"(?!~|\.{1,2}$)[^\x00-\x1f\x7f/\\]+")


def customer_address(customer_id: str) -> str:
    """Where a customer's page is; an id that browsers or proxies would change in a path is in base64, behind a tilde."""
    if _PLAIN_ID.fullmatch(customer_id):
        return f"/customers/{quote(customer_id, safe='')}"
    return f"/customers/~{base64.urlsafe_b64encode(customer_id.encode()).decode().rstrip('=')}"


def customer_at(place: str) -> str:
    """The id that the last part of such an address stands for."""
    try:
        return base64.urlsafe_b64decode(f"{place[1:]}==").decode() if place.startswith("~") else place
    except ValueError:
        return place
