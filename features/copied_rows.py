"""The rows of a PostgreSQL COPY as one file, for readers that want one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg


class CopiedRows(io.RawIOBase):
    """The messages of a COPY, one after the other; each is a row, and none is kept longer than it is asked for."""

    def __init__(self, rows: psycopg.Copy) -> None:
        self._rows = iter(rows)
        self._left = b""

    def are_none(self) -> bool:
        """Whether nothing comes any more."""
        if not self._left:
            self._left = bytes(next(self._rows, b""))
        return not self._left

    def readable(self) -> bool:
        return True

    def readinto(self, into: bytearray) -> int:  # type: ignore[override]
        parts, size = [self._left], len(self._left)
        while size < len(into):
            part = next(self._rows, None)
            if part is None:
                break
            parts.append(bytes(part))
            size += len(part)
        held = b"".join(parts)
        filled = min(size, len(into))
        into[:filled] = held[:filled]
        self._left = held[filled:]
        return filled
