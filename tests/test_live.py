"""Posted events are scored two customers at a time; who is too late or one too many is not computed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from features.refusal import Refusal
from serving import live
from serving.live import LiveAnswers
from serving.messages import EventsRequest

NOW = datetime(2025, 3, 1, tzinfo=UTC)
ROW = {"timestamp": "2025-02-01", "amount": 1}
VISIT = {"timestamp": "2025-02-01", "kind": "visit"}


class Slow:
    """A scorer that takes its time and counts how many it does at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.done: list[str] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def answer(self, request: EventsRequest, now: datetime) -> dict[str, Any]:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        time.sleep(self.seconds)
        with self._lock:
            self.at_once -= 1
            self.done.append(request.customer_id)
        return {"customer_id": request.customer_id}


@pytest.fixture
def answers() -> Iterator[Callable[[Slow], LiveAnswers]]:
    made: list[LiveAnswers] = []

    def make(scorer: Slow) -> LiveAnswers:
        made.append(LiveAnswers(lambda: scorer))  # type: ignore[arg-type, return-value]
        return made[-1]

    yield make
    for each in made:
        each.close()


def request(customer: object, **content: Any) -> EventsRequest:
    return EventsRequest.model_validate({"customer_id": str(customer), "transactions": [], **content})


def test_two_are_computed_at_a_time_and_the_others_wait(answers: Callable[[Slow], LiveAnswers]) -> None:
    scorer = Slow(0.02)
    of = answers(scorer).of

    async def ask() -> list[dict[str, Any]]:
        return await asyncio.gather(*(of(request(k), NOW) for k in range(8)))

    assert [str(k) for k in range(8)] == [answer["customer_id"] for answer in asyncio.run(ask())]
    assert 2 == scorer.most_at_once


def test_who_waits_past_the_deadline_is_never_computed(answers: Callable[[Slow], LiveAnswers]) -> None:
    scorer = Slow(0.3)
    of = answers(scorer).of

    async def ask() -> list[Any]:
        async def in_time(k: int) -> Any:
            async with asyncio.timeout(0.1):
                return await of(request(k), NOW)

        late = await asyncio.gather(*(in_time(k) for k in range(6)), return_exceptions=True)
        await asyncio.sleep(0.6)
        return late

    assert [TimeoutError] * 6 == [type(late) for late in asyncio.run(ask())]
    assert {"0", "1"} == set(scorer.done)


def test_one_too_many_is_told_to_come_back(
    answers: Callable[[Slow], LiveAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_MOST_WAITING", 1)
    of = answers(Slow(0.05)).of

    async def ask() -> list[Any]:
        return await asyncio.gather(*(of(request(k), NOW) for k in range(4)), return_exceptions=True)

    *served, refused = asyncio.run(ask())
    assert ["0", "1", "2"] == [answer["customer_id"] for answer in served]
    assert isinstance(refused, Refusal)
    assert "HF612" == refused.code


def test_five_thousand_rows_in_all_are_taken_and_one_more_is_refused() -> None:
    request("a", transactions=[ROW] * 4000, interactions=[VISIT] * 1000)

    with pytest.raises(ValidationError, match="at most 5,000 rows in all"):
        request("a", transactions=[ROW] * 4000, interactions=[VISIT] * 1001)
    with pytest.raises(ValidationError, match="at most 5000 items"):
        request("a", transactions=[ROW] * 5001)
