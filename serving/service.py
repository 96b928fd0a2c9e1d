"""The service: scores by customer and from posted events, as BentoML APIs; what is only read is mounted beside them.

Serve it with `holdfast serve`, or `bentoml serve serving.service:Holdfast`. This is a door: it reads the environment
(`HOLDFAST_STORE`, `HOLDFAST_LEDGER_URL`, `HOLDFAST_SHOP`, `HOLDFAST_WORKERS`, `HOLDFAST_TRUSTED_PROXIES`) and the clock, and it turns BentoML's
usage reports off, whichever way it is served.
"""

from __future__ import annotations

import gc
import logging
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

os.environ["FORWARDED_ALLOW_IPS"] = (
    os.environ.get("HOLDFAST_TRUSTED_PROXIES") or "nobody"
)  # uvicorn trusts this machine
os.environ["BENTOML_DO_NOT_TRACK"] = "true"  # before BentoML is imported, and for all processes it starts

import bentoml
from bentoml._internal.utils.analytics import usage_stats
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.responses import Response

from models.ledger import utc_now
from models.sessions import Session, session_of
from serving.access import Access, Keyring
from serving.guard import BodyRules, Guard, answered
from serving.live import LiveAnswers, follows_bundle
from serving.messages import Answer, Answers, EventsRequest, ScoreRequest, ScoresRequest
from serving.page import error_for
from serving.present import Present
from serving.readings import JSON, reading_app, unknown_customer
from serving.stored import StoredAnswers

usage_stats.do_not_track.cache_clear()  # `bentoml serve` has asked and remembered before it imports this

log = logging.getLogger("bentoml.holdfast")
DEADLINE_SECONDS = 10
MOST_BYTES = 8 * 2**20


@cache
def present() -> Present:
    """What this worker knows; opened at first use, so never in the parent process."""
    return Present.from_environment(os.environ)


@cache
def keyring() -> Keyring:
    """The keys in force, as this worker last read them."""
    return Keyring(present().ledger)


def session(token: str) -> Session | None:
    """The session of a person's browser, now."""
    return session_of(present().ledger, token, utc_now())


@bentoml.service(
    name="holdfast",
    description="Who is leaving, why, what each is worth, and what to do about it.",
    workers=int(os.environ.get("HOLDFAST_WORKERS") or 1),
    threads=4,
    envs=[{"name": "OMP_NUM_THREADS", "value": "1"}, {"name": "BENTOML_DO_NOT_TRACK", "value": "true"}],
    # The guard's own deadline answers as problem+json; this one only ends what the guard could not.
    traffic={"timeout": DEADLINE_SECONDS + 2},
    tracing={"excluded_urls": ".*"},  # half of the framework's time otherwise
    metrics={"enabled": False},  # its labels are raw paths, customer ids among them
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(reading_app(present, utc_now), path="/")
class Holdfast:
    """Who is leaving, why, what each is worth, and what to do about it."""

    def __init__(self) -> None:
        self.present = present()
        self.stored = StoredAnswers(self.present)
        self.scorer = follows_bundle(self.present)
        self.live = LiveAnswers(self.scorer)

    @bentoml.on_startup
    def warm(self) -> None:
        """Prepare the live statements and keep what is loaded out of the garbage collector's way."""
        logging.getLogger("bentoml._internal.server.http_app").addFilter(_not_a_clients_mistake)
        missing = self.present.missing()
        if missing is not None:
            log.warning("not ready yet: %s", missing)
        try:
            self.scorer()
        except Exception as error:
            log.warning("posted events cannot be scored yet: %s", error)
        gc.collect()
        gc.freeze()

    @bentoml.on_shutdown
    def stop(self) -> None:
        self.stored.close()
        self.live.close()
        self.present.close()

    def __is_ready__(self) -> bool:
        missing = self.present.missing()
        if missing is not None:
            log.warning("not ready: %s", missing)
        return missing is None

    @bentoml.api(route="/v1/score", output_spec=Answer)
    async def score(self, request: ScoreRequest, /) -> Response:
        """The stored answer of one customer of the latest score run, as it lies in the ledger."""
        return await answered(self._stored_answer(request.customer_id))

    async def _stored_answer(self, customer_id: str) -> Response:
        text = (await self.stored.of([customer_id])).get(customer_id)
        if text is None:
            raise unknown_customer()
        return Response(text, media_type=JSON)

    @bentoml.api(route="/v1/scores", output_spec=Answers)
    async def scores(self, request: ScoresRequest, /) -> Response:
        """The stored answers of a list of customers, in the list's order, and the ids that the run does not hold."""
        return await answered(self._stored_answers(list(dict.fromkeys(request.customer_ids))))

    async def _stored_answers(self, customer_ids: list[str]) -> Response:
        found = await self.stored.of(customer_ids)
        texts = ",".join(found[customer] for customer in customer_ids if customer in found)
        unknown = to_json([customer for customer in customer_ids if customer not in found])
        return Response(b'{"scores":[' + texts.encode() + b'],"unknown":' + unknown + b"}", media_type=JSON)

    @bentoml.api(route="/v1/score-events", output_spec=Answer)
    async def score_events(self, request: EventsRequest, /) -> Response:
        """A fresh answer from one customer's posted events, equal to what the batch would give."""
        return await answered(self._live_answer(request))

    async def _live_answer(self, request: EventsRequest) -> Response:
        answer = await self.live.of(request, datetime.now(UTC))
        return Response(to_json(answer, inf_nan_mode="null"), media_type=JSON)

    if os.environ.get("HOLDFAST_BENCH") == "1":

        @bentoml.api(route="/v1/noop", output_spec=Answer)
        async def noop(self, _: ScoreRequest, /) -> Response:
            """Nothing, through all that surrounds a score."""
            return await answered(_nothing())


async def _nothing() -> Response:
    return Response(b"{}", media_type=JSON)


def _not_a_clients_mistake(record: logging.LogRecord) -> bool:
    """Whether a record of BentoML's is worth a line: invalid bodies are answered and counted, not logged."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ValidationError)


_layers: Any = Holdfast  # BentoML's decorator has made a Service of the class; outermost first
_layers.add_asgi_middleware(Guard, deadline_seconds=DEADLINE_SECONDS, at_once=64, error_page=error_for)
_layers.add_asgi_middleware(Access, keyring=keyring, session=session)
_layers.add_asgi_middleware(BodyRules, most_bytes=MOST_BYTES)
