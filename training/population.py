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
from models.definition import GIVEN
from models.encode import encode
from training.fit_categories import fit_categories
from training.labels import Labels, churn_labels
from training.study import Study

_ALSO = "purchase_days_182d"


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
        `cutoff`, `customer_id`, what eligibility rests on, and `purchase_days_182d` where there are purchases.
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
            known = rows & self.labels.matured
            churned = int(self.labels[known].churned.sum()) if known.any() or not rows.any() else None
            found.append(CutoffCount(cutoff, int((known if known.any() else rows).sum()), churned))
        return tuple(found)


def population(checked: CheckedTables, study: Study, cutoffs: Sequence[date]) -> Population:
    """Who is eligible at each cut-off, and their labels; only what eligibility rests on is computed."""
    definition = study.churn.meant
    every = definition.in_catalog(CATALOG.available(checked.columns, checked.attributes, checked.given).learnable)
    own = [name for name in every.names if name.startswith(GIVEN)] if definition.kind == "given" else []
    catalog = every.naming(name for name in (*definition.rests_on, _ALSO, *own) if name in every.names)
    table = vectors(checked, catalog, cutoffs, study.vectors.memory_days)
    X = encode(table, catalog.names, fit_categories(catalog, table))
    labels = churn_labels(checked, table, definition)
    return Population(tuple(cutoffs), table, labels, eligible_rows(checked, table, X, catalog.names, study))


def eligible_rows(
    checked: CheckedTables, table: pa.Table, X: npt.NDArray[np.float64], names: Sequence[str], study: Study
) -> npt.NDArray[np.bool_]:
    """Which rows of a vectors table, X its columns of these names, the churn definition is about; nobody who objects."""
    objecting = np.isin(table.column("customer_id").to_pylist(), list(opted_out(checked)))
    return study.churn.meant.eligible({name: X[:, j] for j, name in enumerate(names)}) & ~objecting
