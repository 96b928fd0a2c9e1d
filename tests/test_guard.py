"""The guard answers whatever fails inside it, in time, and tells the log where but never what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from features.refusal import CODES, Refusal
from serving.guard import BodyRules, Guard
from serving.problems import problem, status_of

Inside = Callable[[Scope, Receive, Send], Awaitable[None]]


def ask(app: ASGIApp, method: str = "GET", path: str = "/v1/model-card", **how: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.request(method, path, **how)

    return asyncio.run(once())


def guarded(inside: Inside, deadline_seconds: float = 5, at_once: int = 64) -> Guard:
    return Guard(inside, deadline_seconds, at_once)


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("could not use mrs-jane-doe")


async def sleeps(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(30)


async def says(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


def test_an_exception_is_an_answer_with_an_id_and_the_log_says_where_but_not_what(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "bentoml.holdfast"):
        answer = ask(guarded(breaks))

    assert (500, "HF611") == (answer.status_code, answer.json()["code"])
    assert answer.headers["x-request-id"] in caplog.text
    assert "ValueError at test_guard.py" in caplog.text
    assert "breaks" in caplog.text
    assert "mrs-jane-doe" not in caplog.text + answer.text


async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await breaks(scope, receive, send)


async def stalls(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await sleeps(scope, receive, send)


@pytest.mark.parametrize(
    ("inside", "kind"), [(breaks_off, "ValueError at test_guard.py"), (stalls, "TimeoutError at ")]
)
def test_an_answer_that_breaks_off_is_in_the_log_by_kind_and_place(
    inside: Inside, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def once() -> list[str]:
        sent: list[str] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])

        guard = guarded(inside, deadline_seconds=0.05)
        await guard({"type": "http", "path": "/", "method": "GET"}, None, send)  # type: ignore[arg-type]
        return sent

    with caplog.at_level(logging.ERROR, "bentoml.holdfast"):
        assert ["http.response.start"] == asyncio.run(once())

    assert f"after its answer began: {kind}" in caplog.text
    assert "mrs-jane-doe" not in caplog.text


def test_a_late_answer_is_told_as_such() -> None:
    answer = ask(guarded(sleeps, deadline_seconds=0.05))

    assert (504, "HF613") == (answer.status_code, answer.json()["code"])


def test_one_too_many_is_told_to_come_back_but_probes_pass() -> None:
    full = guarded(says, at_once=0)

    refused = ask(full)
    assert (429, "HF612", "2") == (refused.status_code, refused.json()["code"], refused.headers["retry-after"])
    assert 200 == ask(full, path="/livez").status_code


def test_a_client_who_leaves_counts_as_no_one_served() -> None:
    async def leave() -> int:
        guard = guarded(sleeps)
        task = asyncio.create_task(guard({"type": "http", "path": "/", "method": "GET"}, None, None))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return guard._under_way

    assert 0 == asyncio.run(leave())


@pytest.mark.parametrize(
    ("status", "code"), [(400, "HF604"), (404, "HF606"), (405, "HF606"), (415, "HF608"), (429, "HF612"),
                         (500, "HF611"), (502, "HF611"), (503, "HF610"), (504, "HF613")],
)  # fmt: skip
def test_errors_of_the_framework_leave_as_problems(status: int, code: str) -> None:
    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("Traceback: secret", status)(scope, receive, send)

    answer = ask(guarded(refuses))

    assert code == answer.json()["code"]
    assert "application/problem+json" == answer.headers["content-type"]
    assert "secret" not in answer.text


def test_every_answer_has_an_id_and_is_not_to_be_stored() -> None:
    first, second = ask(guarded(says)), ask(guarded(says))

    assert "no-store" == first.headers["cache-control"]
    assert "nosniff" == first.headers["x-content-type-options"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


def test_a_body_within_the_limit_arrives_whole() -> None:
    async def echoes(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await PlainTextResponse(str(len(message["body"])))(scope, receive, send)

    async def chunks() -> Any:
        for _ in range(10):
            yield b"x" * 10

    app = guarded(BodyRules(echoes, most_bytes=100))
    kind = {"content-type": "application/json; charset=utf-8"}

    assert "100" == ask(app, "POST", content=chunks(), headers=kind).text
    assert 413 == ask(app, "POST", content=b"x" * 101, headers=kind).status_code


def test_what_an_operator_must_mend_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "bentoml.holdfast"):
        answer = problem(Refusal("HF501", "postgresql://db.inside cannot be reached.", "Is it running?"))

    assert 503 == answer.status_code
    assert b"db.inside" not in answer.body
    assert "db.inside" in caplog.text


def test_every_code_has_an_http_status() -> None:
    assert {code: status_of(code) for code in CODES if code.startswith("HF6")} == {
        "HF601": 401, "HF602": 403, "HF603": 404, "HF604": 422, "HF605": 413, "HF606": 404, "HF607": 400, "HF608": 400,
        "HF609": 422, "HF610": 503, "HF611": 500, "HF612": 429, "HF613": 504, "HF614": 401, "HF615": 429, "HF616": 403,
    }  # fmt: skip
    assert {503} == {status_of(code) for code in CODES if code.startswith(("HF1", "HF4", "HF5"))}
