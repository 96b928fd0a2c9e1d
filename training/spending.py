"""Spending: what every known customer spent after each cut-off, and over how many days it can be learned and judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.catalog import Catalog
from features.checked import CheckedTables
from features.consent import opted_out
from features.snapshot import day_number
from models.habits import ValueColumn
from models.spend import ValueRows
from training.labels import Labels, is_matured, spend_within
from training.panel import Split, judging_splits

Floats = npt.NDArray[np.float64]
_MOST_ROWS = 200_000
_MOST_JUDGED = 2  # each is learned for twice


@dataclass(frozen=True)
class KnownCustomers:
    """Customers known at each cut-off, eligible or not, drawn where there are very many; arrays of shape (rows,).

    Attributes
    ----------
    eligible
        Whom the churn definition is about.
    left
        1 for who churned, 0 for who stayed, NaN where that is not known or not asked.
    """

    table: pa.Table
    X: Floats
    eligible: npt.NDArray[np.bool_]
    left: Floats

    @property
    def cutoff(self) -> npt.NDArray[np.int32]:
        return np.asarray(self.table.column("cutoff").to_numpy(), np.int32)

    @property
    def customer_ids(self) -> npt.NDArray[np.object_]:
        return np.array(self.table.column("customer_id").to_pylist(), object)


def known_customers(
    checked: CheckedTables, table: pa.Table, X: Floats, labels: Labels, eligible: npt.NDArray[np.bool_], seed: int
) -> KnownCustomers:
    """Of a vectors table those who do not object; where it has very many rows, all rows of some customers."""
    ids = table.column("customer_id").to_pylist()
    everyone, who = np.unique(np.array(ids, object), return_inverse=True)
    share = min(1.0, _MOST_ROWS / max(len(ids), 1))
    drawn = np.random.default_rng(seed).random(len(everyone)) < share if share < 1 else np.ones(len(everyone), bool)
    drawn &= ~np.isin(everyone, list(opted_out(checked)))
    rows = np.flatnonzero(drawn[who])
    known, left = eligible & labels.matured, np.full(len(ids), np.nan)
    left[known] = labels[known].churned
    return KnownCustomers(table.select(["cutoff", "customer_id"]).take(rows), X[rows], eligible[rows], left[rows])


@dataclass(frozen=True)
class Window:
    """Days that spend is learned and judged over: so many churn horizons, and the splits that this leaves.

    Every window used to fit ends at or before `calibrate`, and that of `calibrate` at or before `judge`.
    """

    periods: int
    days: int
    cutoffs: tuple[date, ...]
    splits: tuple[Split, ...]

    @property
    def judged(self) -> tuple[date, ...]:
        return tuple(split.judge for split in self.splits if isinstance(split.judge, date))


def longest_window(
    cutoffs: Sequence[date], known_until: date, period_days: int, days: int, judged: int
) -> Window | None:
    """The longest window, up to `days`, that can be fitted, calibrated and judged on later cut-offs; None where none can."""
    for periods in range(max(1, days // period_days), 0, -1):
        window = periods * period_days
        usable = tuple(cutoff for cutoff in cutoffs if is_matured(cutoff, window, known_until))
        splits = judging_splits(usable, min(judged, _MOST_JUDGED), window)
        if splits:
            return Window(periods, window, usable, tuple(splits))
    return None


@dataclass(frozen=True)
class Spending:
    """Known customers with what they spent; arrays of shape (rows,).

    Attributes
    ----------
    spend, later
        Money within a window, and within the one after it; NaN where not known. Negative sums count as 0.
    probability
        Of leaving, by a model fitted before; NaN where there is none.
    """

    catalog: Catalog
    X: Floats
    cutoff: npt.NDArray[np.int32]
    customer_ids: npt.NDArray[np.object_]
    eligible: npt.NDArray[np.bool_]
    left: Floats
    usual_spend_per_28d: Floats
    spend: Floats
    later: Floats
    probability: Floats

    def at(self, *cutoffs: date) -> npt.NDArray[np.intp]:
        """The rows of some cut-offs."""
        return np.flatnonzero(np.isin(self.cutoff, [day_number(cutoff) for cutoff in cutoffs]))

    def rows(self, which: npt.NDArray[np.intp]) -> ValueRows:
        """As a spend model looks at them; of whom no churn probability is known, the churn rate of these rows is taken.

        Whom the churn definition is not about counts as gone.
        """
        left, probability = self.left[which], self.probability[which]
        rate = float(np.nanmean(left)) if not np.isnan(left).all() else 1.0
        probability = np.where(self.eligible[which], np.where(np.isnan(probability), rate, probability), 1.0)
        X = self.X[which]
        return ValueRows(
            {name: X[:, j] for j, name in enumerate(self.catalog.names)}, self.usual_spend_per_28d[which], probability
        )


def spending(
    checked: CheckedTables, known: KnownCustomers, catalog: Catalog, value: ValueColumn, window_days: int,
    probabilities: Mapping[date, tuple[Iterable[str], Floats]],
) -> Spending:  # fmt: skip
    """What known customers spent in the windows after each cut-off.

    Parameters
    ----------
    probabilities
        By cut-off the eligible customers and their probability of leaving, by a model fitted before.
    """
    cutoff, ids = known.cutoff, known.customer_ids
    until = day_number(checked.known_until)
    spent = [
        np.where(cutoff + days <= until, np.maximum(spend_within(checked, known.table, days), 0), np.nan)
        for days in (window_days, 2 * window_days)
    ]
    probability = np.full(len(cutoff), np.nan)
    for day, (people, chances) in probabilities.items():
        chance = dict(zip(people, chances, strict=True))
        for i in np.flatnonzero(cutoff == day_number(day)):
            probability[i] = chance.get(ids[i], np.nan)
    usual = value.per_28d({name: known.X[:, j] for j, name in enumerate(catalog.names)})
    return Spending(
        catalog, known.X, cutoff, ids, known.eligible, known.left,
        np.zeros(len(cutoff)) if usual is None else np.maximum(np.nan_to_num(usual), 0),
        spent[0], np.maximum(spent[1] - spent[0], 0), probability,
    )  # fmt: skip
