"""How long customers usually wait between purchases, and who came back after having been taken for lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from features.checked import CheckedTables
from features.snapshot import day_number
from features.sources import connect

FEWEST_GAPS = 2  # of a customer, for a usual one
_WEEKS = 26


@dataclass(frozen=True)
class Gaps:
    """The usual gap of each customer: the median of the days between purchase days, where there are two or more.

    Attributes
    ----------
    usual
        Shape (customers,), days.
    by_week
        Customers by their usual gap in weeks: under one, under two ... the last holds all from 26 on.
    """

    usual: npt.NDArray[np.float64]

    @property
    def by_week(self) -> tuple[int, ...]:
        weeks = np.minimum(self.usual // 7, _WEEKS).astype(int)
        return tuple(int(count) for count in np.bincount(weeks, minlength=_WEEKS + 1))

    def within(self, share: float) -> float:
        """Days within which this share of the customers usually buys again; NaN where nobody bought often enough."""
        return float(np.quantile(self.usual, share)) if len(self.usual) else float("nan")


def usual_gaps(checked: CheckedTables) -> Gaps:
    """The usual gaps of all customers, from purchases before the end of what is known."""
    with connect() as connection:
        found = connection.execute(
            "with days as (select distinct customer_id, day from"
            f" {checked.purchases} where day < ?),"
            " gaps as (select customer_id, day - lag(day) over (partition by customer_id order by day) as gap from days)"
            " select median(gap) as usual from gaps where gap is not null group by customer_id having count(*) >= ?"
            " order by usual",
            [day_number(checked.known_until), FEWEST_GAPS],
        ).fetchnumpy()
    return Gaps(np.asarray(found["usual"], float))


def came_back(checked: CheckedTables, cutoff: date, horizon_days: int, customers: Sequence[str]) -> int:
    """How many of these customers, silent for the horizon after a cut-off, bought again later."""
    with connect() as connection:
        row = connection.execute(
            "select count(distinct customer_id) from"
            f" {checked.purchases} where day >= ? and day < ?"
            " and customer_id in (select unnest(?))",
            [day_number(cutoff) + horizon_days, day_number(checked.known_until), list(customers)],
        ).fetchone()
    return int(row[0]) if row else 0
