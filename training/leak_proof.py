"""The proof that no vector knows the future: with another future, every vector stays as it was."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.catalog import Catalog
from features.checked import CheckedTables
from features.references import VectorReferences
from features.snapshot import day_number
from features.vectors import vectors
from training.altered_tables import KINDS, altered, sampled

CUSTOMERS = 2_000
TOLERANCE = 1e-9  # times max(1, |value|): what another order of adding up may change


@dataclass(frozen=True)
class Changed:
    """A column that another future changed: for how many of how many customers, and one of them."""

    column: str
    cutoff: date
    kind: str
    customers: int
    of: int
    before: str
    after: str


@dataclass(frozen=True)
class LeakProof:
    """How much was compared, and what changed; empty is the proof.

    Attributes
    ----------
    vectors
        Vectors compared, over all cut-offs and kinds.
    """

    cutoffs: tuple[date, ...]
    customers: int
    columns: int
    vectors: int
    changed: tuple[Changed, ...]
    seconds: float

    @property
    def values(self) -> int:
        """Values compared."""
        return self.vectors * self.columns


def prove(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int,
    references: VectorReferences | None = None, customers: int = CUSTOMERS,
    tell: Callable[[], object] = lambda: None,
) -> LeakProof:  # fmt: skip
    """Compute the vectors of a sample at each cut-off anew in every other future, and compare; `tell` after each.

    References stand as they are given: they belong to a bundle, and are fitted on what was known before its cut-offs.
    """
    started = time.perf_counter()
    changed: list[Changed] = []
    compared, most = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: Path(scratch) / name for name in ("sample", *KINDS)}
        for folder in folders.values():
            folder.mkdir()
        mine = sampled(checked, folders["sample"], customers)
        for cutoff in cutoffs:
            truth = vectors(mine, catalog, [cutoff], memory_days, references=references)
            most = max(most, truth.num_rows)
            for kind in KINDS:
                other = altered(mine, kind, day_number(cutoff), folders[kind])
                found = vectors(other, catalog, [cutoff], memory_days, references=references)
                changed += _differences(truth, found, cutoff, kind)
                compared += truth.num_rows
                tell()
    return LeakProof(tuple(cutoffs), most, len(catalog.names), compared, tuple(changed),
                     round(time.perf_counter() - started, 2))  # fmt: skip


def _differences(truth: pa.Table, found: pa.Table, cutoff: date, kind: str) -> list[Changed]:
    mine, theirs = (table.column("customer_id").to_pylist() for table in (truth, found))
    if mine != theirs:
        apart = len(set(mine) ^ set(theirs))
        return [
            Changed("customer_id", cutoff, kind, apart, len(mine), f"{len(mine):,} known", f"{len(theirs):,} known")
        ]
    changed = []
    for name in truth.column_names[2:]:
        rows = np.flatnonzero(_differ(truth.column(name), found.column(name)))
        if len(rows):
            before, after = (_shown(table.column(name)[int(rows[0])].as_py()) for table in (truth, found))
            changed.append(Changed(name, cutoff, kind, len(rows), len(mine), before, after))
    return changed


def _differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    if pa.types.is_floating(one.type):
        a, b = one.to_numpy().astype(float), other.to_numpy().astype(float)
        return np.asarray(~np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True), bool)
    return np.asarray([a != b for a, b in zip(one.to_pylist(), other.to_pylist(), strict=True)], bool)


def _shown(value: object) -> str:
    return "unknown" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
