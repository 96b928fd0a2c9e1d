"""Stored answers: read from the ledger in a thread of their own, all that wait in one query.

One thread hop for many requests keeps the event loop free of a slow ledger and costs less than a hop for each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from models.runs import answers_of
from serving.present import Present

_AT_ONCE = 2000
_APART_SECONDS = 1.0  # a ledger that is away takes longer to say so, and is not asked once more for each

Waiting = tuple[Sequence[str], asyncio.Future[Mapping[str, str]]]


class StoredAnswers:
    """The latest run's answers as the JSON texts that lie in the ledger."""

    def __init__(self, present: Present) -> None:
        self._present = present
        self._waiting: list[Waiting] = []
        self._reader: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "stored-answers")

    async def of(self, customer_ids: Sequence[str]) -> Mapping[str, str]:
        """JSON texts by customer id, of at least these customers as far as the run holds them."""
        future: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._waiting.append((customer_ids, future))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_waiting())
        return await future

    async def _read_waiting(self) -> None:
        while self._waiting:
            batch = self._take()
            began = time.monotonic()
            error = await self._answer(batch)
            if error is not None and len(batch) > 1:
                for waiting in batch:  # whose fault it was is its own failure only
                    if time.monotonic() - began < _APART_SECONDS:
                        await self._answer([waiting])
            for _, future in batch:
                if error is not None and not future.done():
                    future.set_exception(error)
        self._reader = None

    async def _answer(self, batch: Sequence[Waiting]) -> Exception | None:
        """Answer all of a batch by one query, or say why none is answered."""
        wanted = {customer for ids, future in batch for customer in ids if not future.done()}
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._read, wanted)
        except Exception as error:
            return error
        for _, future in batch:
            if not future.done():
                future.set_result(found)
        return None

    def _take(self) -> list[Waiting]:
        size, count = 0, 0
        while count < len(self._waiting) and (count == 0 or size + len(self._waiting[count][0]) <= _AT_ONCE):
            size += len(self._waiting[count][0])
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _read(self, customer_ids: set[str]) -> Mapping[str, str]:
        run = self._present.run()
        found = answers_of(self._present.ledger, run.number, list(customer_ids))
        if len(found) < len(customer_ids):  # unknown, or the run was replaced within the second
            latest = self._present.run(again=True)
            if latest.number != run.number:
                return answers_of(self._present.ledger, latest.number, list(customer_ids))
        return found

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)
