"""The population of a study: who is eligible at a cut-off, and how many of them churned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.behavior import CATALOG
from features.checked import CheckedTables
from features.consent import opted_out
from features.snapshot import day_number
from features.vectors import vectors
from training.labels import Labels, silence_labels
from training.study import Study

_ASKED = ("days_since_last_purchase", "purchase_days_182d")


@dataclass(frozen=True)
class CutoffCount:
    """How many were eligible at a cut-off and how many of them churned; None while that is not known."""

    cutoff: date
    eligible: int
    churned: int | None

    @property
    def churn_share(self) -> float | None:
        """Share of the eligible that churned; None where it is not known or nobody was eligible."""
        return None if self.churned is None or not self.eligible else self.churned / self.eligible


@dataclass(frozen=True)
class Population:
    """Every customer known at some cut-offs; arrays and tables of shape (rows,) in the order of `vectors`.

    Attributes
    ----------
    vectors
        `cutoff`, `customer_id`, `days_since_last_purchase` and `purchase_days_182d`.
    """

    cutoffs: tuple[date, ...]
    vectors: pa.Table
    labels: Labels
    eligible: npt.NDArray[np.bool_]

    def at(self, cutoff: date) -> npt.NDArray[np.bool_]:
        """The eligible rows of a cut-off, as a mask."""
        return np.asarray(self.vectors.column("cutoff").to_numpy() == day_number(cutoff)) & self.eligible

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """A column of the vectors."""
        return np.asarray(self.vectors.column(name).to_numpy(), float)

    def counts(self) -> tuple[CutoffCount, ...]:
        """Eligible and churned customers at every cut-off, in order."""
        found = []
        for cutoff in self.cutoffs:
            rows = self.at(cutoff)
            matured = bool(self.labels.matured[rows].all())
            found.append(
                CutoffCount(cutoff, int(rows.sum()), int(self.labels.churned[rows].sum()) if matured else None)
            )
        return tuple(found)


def population(checked: CheckedTables, study: Study, cutoffs: Sequence[date]) -> Population:
    """Who is eligible at each cut-off, and their labels; only what eligibility rests on is computed."""
    table = vectors(checked, CATALOG.naming(_ASKED), cutoffs, study.vectors.memory_days)
    labels = silence_labels(checked, table, study.churn.horizon_days)
    return Population(tuple(cutoffs), table, labels, eligible_rows(checked, table, study))


def eligible_rows(checked: CheckedTables, table: pa.Table, study: Study) -> npt.NDArray[np.bool_]:
    """Which rows of a vectors table the churn definition is about: lately active, and not objecting to profiling."""
    silence = table.column("days_since_last_purchase").to_numpy().astype(float)
    objecting = np.isin(table.column("customer_id").to_pylist(), list(opted_out(checked)))
    return np.asarray((silence <= study.churn.active_within_days) & ~objecting)
