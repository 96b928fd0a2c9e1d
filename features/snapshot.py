"""Cut-offs: local midnights as day numbers, and how far back memory goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days from 1970-01-01 to `day`."""
    return (day - EPOCH).days


def day_date(number: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=number)


@dataclass(frozen=True)
class Snapshot:
    """What is known at the midnight that begins `cutoff`: the `memory_days` days before it."""

    cutoff: date
    memory_days: int

    @property
    def cutoff_day(self) -> int:
        """The cut-off as a day number; events of smaller day numbers are known."""
        return day_number(self.cutoff)
