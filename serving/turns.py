"""Turns: work that takes a core for a while, done by few at a time however many ask for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from features.refusal import Refusal


class Turns:
    """So many at once; who waits longer than that gets HF612."""

    def __init__(self, at_once: int, wait_seconds: float) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._wait_seconds = wait_seconds

    @contextmanager
    def taken(self, why: str) -> Iterator[None]:
        """A turn, for as long as the body takes; `why` says what others are doing where there is none."""
        if not self._free.acquire(timeout=self._wait_seconds):
            raise Refusal("HF612", why, "Try again in a moment.")
        try:
            yield
        finally:
            self._free.release()
