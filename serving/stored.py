"""Stored answers: read from the ledger in a thread of their own, all that wait in one query.

One thread hop for many requests keeps the event loop free of a slow ledger and costs less than a hop for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from models.runs import answers_of
from serving.present import Present

_AT_ONCE = 2000


class StoredAnswers:
    """The latest run's answers as the JSON texts that lie in the ledger."""

    def __init__(self, present: Present) -> None:
        self._present = present
        self._waiting: list[tuple[Sequence[str], asyncio.Future[Mapping[str, str]]]] = []
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
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._take()
            wanted = {customer for ids, _ in batch for customer in ids}
            try:
                found = await loop.run_in_executor(self._thread, self._read, wanted)
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for _, future in batch:
                    if not future.done():
                        future.set_result(found)
        self._reader = None

    def _take(self) -> list[tuple[Sequence[str], asyncio.Future[Mapping[str, str]]]]:
        size, count = 0, 0
        while count < len(self._waiting) and (count == 0 or size + len(self._waiting[count][0]) <= _AT_ONCE):
            size += len(self._waiting[count][0])
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _read(self, customer_ids: set[str]) -> Mapping[str, str]:
        run = self._present.run()
        return answers_of(self._present.ledger, run.run_id, list(customer_ids))

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)
