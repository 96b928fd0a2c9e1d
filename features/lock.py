"""One at a time: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.refusal import Refusal

_LOOK_AGAIN_SECONDS = 0.1


@contextmanager
def held(file: Path, what: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of this file, of a folder that all share who must not get in each other's way.

    Parameters
    ----------
    what
        What the holder does, for the sentence to whoever comes second, like "promoting".

    Raises
    ------
    Refusal
        HF407 where another process still holds it when the time is over.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + wait_seconds
    with file.open("a+") as opened:
        while not _taken(opened.fileno()):
            if time.monotonic() >= until:
                opened.seek(0)
                holder = opened.read().strip() or "unknown"
                raise Refusal(
                    "HF407", f"another process (number {holder}) is {what} in {file.parent}.",
                    "Wait until it has ended; its lock ends with it.",
                )  # fmt: skip
            time.sleep(_LOOK_AGAIN_SECONDS)
        opened.truncate(0)
        opened.write(str(os.getpid()))
        opened.flush()
        yield  # closing gives the lock back


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
