"""Problems: every failure a client meets, as problem+json (RFC 9457) with a code of features/refusal.py."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import Response

from features.refusal import CODES, Refusal
from features.settings import plainly
from serving.metrics import count_refusal

log = logging.getLogger("bentoml.holdfast")
MEDIA_TYPE = "application/problem+json"
Q = TypeVar("Q", bound=BaseModel)
request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request now answered; the guard sets it, the client finds it in X-Request-ID and `instance`."""

_STATUS = {
    "HF206": 422, "HF601": 401, "HF602": 403, "HF603": 404, "HF604": 422, "HF605": 413, "HF606": 404, "HF607": 400,
    "HF608": 400, "HF609": 422, "HF611": 500, "HF612": 429, "HF613": 504,
    "HF614": 401, "HF615": 429, "HF616": 403,
}  # fmt: skip
_NOT_READY = ("HF1", "HF4", "HF5", "HF610")  # what an operator has to mend: the client may try again later


class Problem(Exception):
    """A refusal on its way to a client, where the usual status or headers of its code do not fit."""

    def __init__(self, refusal: Refusal, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.status = status
        self.headers = dict(headers or {})


def status_of(code: str) -> int:
    """The HTTP status of a refusal code."""
    return _STATUS.get(code) or (503 if code.startswith(_NOT_READY) else 500)


def problem(refusal: Refusal, status: int | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """The response that tells a client of a refusal.

    What only the operator can mend goes to the log: its text names paths and addresses of this machine.
    """
    status = status or status_of(refusal.code)
    detail, mend = refusal.what, refusal.mend
    count_refusal(refusal.code)
    if status == 503:
        log.warning("request %s: %s", request_id.get(), refusal)
        detail, mend = f"{CODES[refusal.code]}.", "Try again later; the operator finds the reason in the log."
    content = {
        "type": f"urn:holdfast:{refusal.code}",
        "title": CODES[refusal.code],
        "status": status,
        "detail": detail,
        "code": refusal.code,
        "mend": mend,
        "instance": f"urn:uuid:{request_id.get()}",
    }
    extra = {"retry-after": "2"} if status in (429, 503) else {}
    return Response(
        json.dumps(content, ensure_ascii=False), status, {**extra, **(headers or {})}, media_type=MEDIA_TYPE
    )


def translated(status: int, body: bytes, path: str, method: str, allow: str | None) -> Response:
    """An error of the framework's own making, told as ours.

    Parameters
    ----------
    status, body
        What BentoML or Starlette would have answered.
    allow
        Its Allow header.
    """
    match status:
        case 400 | 422:
            return problem(invalid_body(_details(body)))
        case 404:
            return problem(Refusal("HF606", "there is nothing at this address.", "See /openapi.json for all of them."))
        case 405:
            refusal = Refusal("HF606", f"{method} is not possible at this address.", "See /openapi.json.")
            return problem(refusal, 405, {"allow": allow} if allow else {})
        case 415:
            return problem(not_json("the body is of another kind"), 415)
        case 429:
            return problem(Refusal("HF612", "the service is answering as many as it can.", "Try again in a moment."))
        case 503:
            return problem(Refusal("HF610", f"{path} says so.", "See the lines before this one."))
        case 504:
            return problem(Refusal("HF613", "no answer was ready in time.", "Ask for less at once."))
        case _:
            return problem(Refusal("HF611", "the cause is in the service's log.", "Tell the operator the instance."))


def not_json(why: str) -> Refusal:
    """HF608."""
    return Refusal("HF608", f"{why}.", "Send one JSON object with the header Content-Type: application/json.")


def invalid_body(details: Iterable[Mapping[str, Any]]) -> Refusal:
    """HF608 or HF604 from pydantic's error details: fields are named, values never repeated."""
    found = list(details)
    if not found:
        return Refusal("HF604", "the body cannot be read.", "See /openapi.json.")
    if any(error["type"] == "json_invalid" for error in found):
        return not_json(str(found[0]["msg"]))
    told = "; ".join(_sentence(error) for error in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return Refusal("HF604", f"{told}{more}.", "See /openapi.json for the fields.")


def valid_query(kind: type[Q], given: QueryParams, filled: bool = False) -> Q:
    """A request's parameters as a message; HF607 where they cannot be, values never repeated.

    Parameters
    ----------
    filled
        Whether only what is filled in is asked, as of a form.
    """
    asked: dict[str, Any] = {}
    for name in given:
        values = list(dict.fromkeys(value for value in given.getlist(name) if value or not filled))
        field = kind.model_fields.get(name)
        if len(values) > 1 and (field is None or get_origin(field.annotation) is not tuple):
            raise Refusal("HF607", f"{name[:60]} is given twice.", "Give it once.")
        if values:
            asked[name] = values if len(values) > 1 else values[0]
    try:
        return kind.model_validate(asked)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        told = _sentence({**details[0], "loc": details[0]["loc"][:1]}).replace("a known field", "a known parameter")
        raise Refusal("HF607", f"{told}.", "See /openapi.json for the parameters.") from None


def _sentence(error: Mapping[str, Any]) -> str:
    place = ""
    for part in error["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    match error["type"]:
        case "extra_forbidden":
            return f"{place[:100]} is not a known field"
        case "missing":
            return f"{place} is missing"
    return f"{place or 'the body'} {plainly(str(error['msg'])).rstrip('.')}"


def _details(body: bytes) -> list[dict[str, Any]]:
    try:
        content = json.loads(body)
        return list(content["detail"]) if isinstance(content, dict) else []
    except (ValueError, KeyError, TypeError):
        return []
