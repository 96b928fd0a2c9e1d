"""The guard around everything: deadlines, body rules, and no failure that leaves as anything but problem+json."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import Awaitable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.refusal import Refusal
from serving.addresses import OPEN, address_of
from serving.metrics import count_request
from serving.problems import MEDIA_TYPE, Problem, not_json, problem, request_id, translated

log = logging.getLogger("bentoml.holdfast")
_ALWAYS = {
    "cache-control": "no-store",  # answers are personal data
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guard:
    """Outermost: a request that fails here in any way is answered, since BentoML would let the client hang.

    Parameters
    ----------
    deadline_seconds
        After which a client gets HF613.
    at_once
        Requests under way beyond which a client gets HF612; probes always pass.
    """

    def __init__(self, app: ASGIApp, deadline_seconds: float, at_once: int) -> None:
        self.app = app
        self.deadline_seconds = deadline_seconds
        self.at_once = at_once
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id.set(str(uuid.uuid4()))
        exchange = _Exchange(scope, receive, send)
        address = address_of(scope["path"])
        self._under_way += 1
        try:
            if self._under_way > self.at_once and (address is None or address.scope != OPEN):
                raise Refusal("HF612", "the service is answering as many as it can.", "Try again in a moment.")
            async with asyncio.timeout(self.deadline_seconds):
                await self.app(scope, receive, exchange.send)
        except Exception as error:
            if exchange.started:  # the client sees the answer break off; the operator should see why
                log.error("request %s, after its answer began: %s", request_id.get(), _kind_and_place(error))
            else:
                await exchange.answer(failure(error))
        finally:
            self._under_way -= 1
            template = address.path if address else "other"
            count_request(scope["method"], template, exchange.status, time.perf_counter() - began)


class _Exchange:
    """One response on its way out: headers added, errors not of our making translated."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.status = 499  # as long as nobody has answered: the client went away
        self.started = False
        self._receive = receive
        self._send = send
        self._held: bytearray | None = None
        self._allow: str | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message["headers"]))
            if self.status >= 400 and not headers.get("content-type", "").startswith(MEDIA_TYPE):
                self._held, self._allow = bytearray(), headers.get("allow")
                return
            self.started = True
            headers.update({**_ALWAYS, "x-request-id": request_id.get()})
            message = {**message, "headers": headers.raw}
        elif self._held is not None:
            self._held += message.get("body", b"")
            if not message.get("more_body", False):
                body, self._held = bytes(self._held), None
                path, method = self.scope["path"], self.scope["method"]
                await self.answer(translated(self.status, body, path, method, self._allow))
            return
        await self._send(message)

    async def answer(self, response: Response) -> None:
        await response(self.scope, self._receive, self.send)


def failure(error: Exception) -> Response:
    """The response for an exception; the log gets its kind and place, never its text, which may hold customer data."""
    match error:
        case Refusal():
            return problem(error)
        case Problem():
            return problem(error.refusal, error.status, error.headers)
        case TimeoutError():
            return problem(Refusal("HF613", "no answer was ready in time.", "Ask for less at once, or later."))
    log.error("request %s: %s", request_id.get(), _kind_and_place(error))
    return problem(Refusal("HF611", "the cause is in the service's log.", "Tell the operator the instance."))


def _kind_and_place(error: Exception) -> str:
    places = " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
    return f"{type(error).__name__} at {places}"


async def answered(response: Awaitable[Response]) -> Response:
    """The response, or the problem where making it failed: BentoML would log the exception's text."""
    try:
        return await response
    except Exception as error:
        return failure(error)


class BodyRules:
    """Bodies are JSON and not too large, by what they declare and by what arrives."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Problem(not_json(f"the content type is {kind[:60]!r}" if kind else "no content type is given"), 415)
        body = await self._read(receive)
        if body is None:
            return  # the client has gone
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def replayed() -> Message:
            return next(messages, None) or await receive()

        await self.app(scope, replayed, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body. One too large is read on for a while: who still sends would lose the answer to a reset."""
        body = bytearray()
        arrived, more = 0, True
        while more and arrived <= 4 * self.most_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            arrived += len(chunk)
            if arrived <= self.most_bytes:
                body += chunk
            more = message.get("more_body", False)
        if arrived > self.most_bytes:
            raise Refusal(
                "HF605", f"the body has more than {self.most_bytes:,} bytes.", "Send fewer events or ids at once."
            )
        return bytes(body)
