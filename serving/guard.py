"""The guard around everything: deadlines, body rules, and no failure that leaves as anything but problem+json."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.refusal import Refusal
from serving.addresses import OPEN, address_of
from serving.metrics import count_request
from serving.problems import MEDIA_TYPE, Problem, not_json, problem, request_id, translated
from serving.visit import wants_page

log = logging.getLogger("bentoml.holdfast")
ErrorPage = Callable[[Scope, Refusal, int | None], Response]
_OURS = (MEDIA_TYPE, "text/html; charset=utf-8")
_SENDING_SECONDS = 300
_MOST_FORM_BYTES = 16_384
_FORM_SECONDS = 2.0
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
    error_page
        How a person's browser is told of a refusal.
    """

    def __init__(
        self, app: ASGIApp, deadline_seconds: float, at_once: int,
        error_page: ErrorPage | None = None,
    ) -> None:  # fmt: skip
        self.app = app
        self.deadline_seconds = deadline_seconds
        self.at_once = at_once
        self._error_page = error_page
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
        address = address_of(scope["path"])
        for_people = address.is_page if address else wants_page(scope)
        exchange = _Exchange(scope, receive, send, self._error_page if for_people else None)
        self._under_way += 1
        try:
            if self._under_way > self.at_once and (address is None or address.scope != OPEN or address.is_page):
                raise Refusal("HF612", "the service is answering as many as it can.", "Try again in a moment.")
            async with asyncio.timeout(self.deadline_seconds) as exchange.deadline:
                await self.app(scope, receive, exchange.send)
        except Exception as error:
            if exchange.started:  # the client sees the answer break off; the operator should see why
                log.error("request %s, after its answer began: %s", request_id.get(), kind_and_place(error))
            else:
                await exchange.fail(error)
        finally:
            self._under_way -= 1
            template = address.path if address else "other"
            count_request(scope["method"], template, exchange.status, time.perf_counter() - began)


class _Exchange:
    """One response on its way out: headers added, errors not of our making translated."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, error_page: ErrorPage | None) -> None:
        self.scope = scope
        self.deadline: asyncio.Timeout | None = None
        self._error_page = error_page
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
            if self.status >= 400 and not headers.get("content-type", "").startswith(_OURS):
                self._held, self._allow = bytearray(), headers.get("allow")
                return
            self.started = True
            if self.deadline is not None and "content-disposition" in headers:  # a file takes as long as the line needs
                self.deadline.reschedule(asyncio.get_running_loop().time() + _SENDING_SECONDS)
            for name, value in {**_ALWAYS, "x-request-id": request_id.get()}.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        elif self._held is not None:
            self._held += message.get("body", b"")
            if not message.get("more_body", False):
                body, self._held = bytes(self._held), None
                path, method = self.scope["path"], self.scope["method"]
                if self._error_page is not None:
                    await self.fail(_foreign(self.status, method, self._allow))
                else:
                    await self.answer(translated(self.status, body, path, method, self._allow))
            return
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Answer with what went wrong, to people on a page."""
        self.deadline = None  # it has passed, or no longer matters
        if self._error_page is None:
            await self.answer(failure(error))
            return
        refusal, status = refusal_of(error)
        try:
            page = await asyncio.to_thread(self._error_page, self.scope, refusal, status)
            page.headers.update(_headers_of(error))
        except Exception as broken:
            page = failure(broken)
        await self.answer(page)

    async def answer(self, response: Response) -> None:
        await response(self.scope, self._receive, self.send)


def failure(error: Exception) -> Response:
    """The response for an exception; the log gets its kind and place, never its text, which may hold customer data."""
    refusal, status = refusal_of(error)
    return problem(refusal, status, _headers_of(error))


def _headers_of(error: Exception) -> Mapping[str, str]:
    return error.headers if isinstance(error, Problem) else {}


def refusal_of(error: Exception) -> tuple[Refusal, int | None]:
    """An exception as a refusal, and the HTTP status where its code's usual one does not fit."""
    match error:
        case Refusal():
            return error, None
        case Problem():
            return error.refusal, error.status
        case TimeoutError():
            return Refusal("HF613", "no answer was ready in time.", "Ask for less at once, or later."), None
    log.error("request %s: %s", request_id.get(), kind_and_place(error))
    return Refusal("HF611", "the cause is in the service's log.", "Tell the operator the instance."), None


def _foreign(status: int, method: str, allow: str | None) -> Exception:
    """The framework's own error on the way to a browser."""
    if status in (404, 405):
        refusal = Refusal("HF606", f"{method} finds nothing at this address.", "Go on from the front page.")
        return Problem(refusal, status, {"allow": allow} if allow else {})
    return Problem(Refusal("HF611", "the cause is in the service's log."), status if status >= 500 else 400)


def kind_and_place(error: Exception) -> str:
    """What may be logged of an exception: its kind and where it arose."""
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
    """Bodies are JSON, of pages forms, and not too large, by what they declare and by what arrives."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app = app
        self.most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":  # nothing else is read, or answered but by 405
            await self.app(scope, receive, send)
            return
        address = address_of(scope["path"])
        is_form = address is not None and address.form
        takes_none = address is not None and address.is_page and not is_form
        kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
        if is_form and kind != "application/x-www-form-urlencoded":
            raise Problem(Refusal("HF616", "the form is not sent as the page sends it.", "Open the page again."), 415)
        if not is_form and not takes_none and kind != "application/json":
            raise Problem(not_json(f"the content type is {kind[:60]!r}" if kind else "no content type is given"), 415)
        # whoever sends a form slowly holds a place that others wait for
        async with asyncio.timeout(_FORM_SECONDS if is_form else None):
            body = await self._read(receive, _MOST_FORM_BYTES if is_form else self.most_bytes)
        if body is None:
            return  # the client has gone
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def replayed() -> Message:
            return next(messages, None) or await receive()

        await self.app(scope, replayed, send)

    async def _read(self, receive: Receive, most_bytes: int) -> bytes | None:
        """The whole body. One too large is read on for a while: who still sends would lose the answer to a reset."""
        body = bytearray()
        arrived, more = 0, True
        while more and arrived <= 4 * most_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            arrived += len(chunk)
            if arrived <= most_bytes:
                body += chunk
            more = message.get("more_body", False)
        if arrived > most_bytes:
            raise Refusal("HF605", f"the body has more than {most_bytes:,} bytes.", "Send fewer events or ids at once.")
        return bytes(body)
