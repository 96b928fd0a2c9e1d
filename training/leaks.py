"""Leaks: proof that no vector of a shop knows the future, and the columns of its tables that do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from features.behavior import catalog_of
from features.catalog import Catalog
from features.checked import CheckedTables
from features.shop import Shop
from features.snapshot import day_number
from features.store import Store
from features.vectors import vectors
from models.encode import encode
from training.altered_tables import KINDS
from training.dominance import dominance, lone_features, tables_behind
from training.finding import Finding
from training.fit_categories import fit_categories
from training.fit_vector_references import fit_vector_references
from training.foreknowledge import foreknowledge, undated_columns
from training.leak_proof import CUSTOMERS, Changed, LeakProof, prove
from training.moments import moment_findings
from training.population import population
from training.study import Study
from training.study_findings import usable_cutoffs

_LATEST = 6  # cut-offs that a quick model learns from and is judged on
_AFTER = 3  # steps told beside those of the proof


@dataclass(frozen=True)
class Leaks:
    """The proof, the findings, and where time went, in seconds."""

    proof: LeakProof
    findings: tuple[Finding, ...]
    seconds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """What `holdfast check --leaks --json` prints under `leaks`; the findings stand in its `report`."""
        return {
            "customers": self.proof.customers,
            "cutoffs": self.proof.cutoffs,
            "futures": KINDS,
            "columns": self.proof.columns,
            "vectors": self.proof.vectors,
            "values": self.proof.values,
            "changed": [asdict(change) for change in self.proof.changed],
            "seconds": self.seconds,
        }


def find_leaks(
    shop: Shop, study: Study, checked: CheckedTables, store: Store | None = None,
    tell: Callable[[int, int], object] = lambda _done, _of: None, catalog: Catalog | None = None,
    customers: int = CUSTOMERS,
) -> Leaks:  # fmt: skip
    """Look for leaks; `tell(done, of)` counts the steps.

    Parameters
    ----------
    catalog
        In the place of the shop's own.
    customers
        How many of them other futures are tried on.
    """
    cutoffs = usable_cutoffs(checked, study)
    tried = _tried(checked, cutoffs)
    references = fit_vector_references(
        checked, tried[0], study.vectors.memory_days, study.fit.seed, study.vectors.threads
    )
    catalog = catalog or study.churn.meant.in_catalog(catalog_of(shop, checked, references))
    steps = len(tried) * len(KINDS) + _AFTER
    seconds: dict[str, float] = {}
    proof = prove(checked, catalog, tried, study.vectors.memory_days, references, customers, lambda: tell(1, steps))
    seconds["other futures"] = proof.seconds
    findings = [*_of_proof(proof, catalog)]
    looks: dict[str, Callable[[], Iterable[Finding]]] = {
        "moments": lambda: moment_findings(shop, checked),
        "columns": lambda: _of_columns(checked, study, cutoffs),
        "features": lambda: _of_features(checked, study, cutoffs, catalog.learnable, store),
    }
    for name, look in looks.items():
        started = time.perf_counter()
        findings += look()
        seconds[name] = round(time.perf_counter() - started, 2)
        tell(1, steps)
    return Leaks(proof, tuple(findings), seconds)


def _tried(checked: CheckedTables, cutoffs: Sequence[date]) -> tuple[date, ...]:
    """The first and the middle cut-off that is learned from, and the day that is scored."""
    learned = {cutoffs[0], cutoffs[len(cutoffs) // 2]} if cutoffs else set()
    return tuple(sorted(learned | {checked.known_until}))


def _of_proof(proof: LeakProof, catalog: Catalog) -> Iterator[Finding]:
    if not proof.changed:
        yield Finding(
            "other futures", "vectors", "ok", "", "",
            f"{proof.vectors:,} vectors of {proof.columns} columns, computed anew at {_listed(map(str, proof.cutoffs))} with"
            f" {len(KINDS)} other futures: not one of {proof.values:,} values changed.", "", 0, 0,
        )  # fmt: skip
    for column in dict.fromkeys(change.column for change in proof.changed):
        changes = [change for change in proof.changed if change.column == column]
        yield _of_changes(column, changes, catalog)


def _of_changes(column: str, changes: Sequence[Changed], catalog: Catalog) -> Finding:
    worst = max(changes, key=lambda change: change.customers)
    feature = catalog.by_name.get(column)
    kinds = [kind for kind in KINDS if any(change.kind == kind for change in changes)]
    return Finding(
        "other futures", "vectors", "error", column, tables_behind(feature) if feature else "",
        f"At {worst.cutoff} it changed for {worst.customers:,} of {worst.of:,} customers, once from {worst.before} to"
        f" {worst.after}, when what lies after the cut-off was {worst.kind}; so it did when that was {_listed(kinds)}.",
        "HF211", worst.customers, 0,
        "Let its SQL read its relation alone, whose rows end at the cut-off"
        + (f" (family {feature.family})." if feature else "."),
    )  # fmt: skip


def _of_columns(checked: CheckedTables, study: Study, cutoffs: Sequence[date]) -> Iterable[Finding]:
    count, name = len(undated_columns(checked)), "columns that know the future"
    found = [*foreknowledge(checked, study, cutoffs)]
    if not cutoffs:
        return [*found, _not_looked_at(name, count)]
    none = f"{count} columns without a date were asked who left at {cutoffs[0]} and {cutoffs[-1]}; none could tell."
    return found or [Finding(name, "train", "ok", "", "", none, "", 0, 0)]


def _of_features(
    checked: CheckedTables, study: Study, cutoffs: Sequence[date], catalog: Catalog, store: Store | None
) -> Iterable[Finding]:
    """Without features over references, which say again what others say and would share their weight."""
    latest, definition = cutoffs[-_LATEST:], study.churn.meant
    if not latest:
        return [_not_looked_at("features that tell too much", len(catalog.names))]
    catalog = catalog.without_references
    table = vectors(checked, catalog, latest, study.vectors.memory_days, store, study.vectors.threads)
    asked = population(checked, study, latest)
    rows = np.flatnonzero(asked.eligible & asked.labels.matured)
    churned, cutoff = asked.labels[rows].churned, table.column("cutoff").to_numpy()[rows]
    X = encode(table, catalog.names, fit_categories(catalog, table))[rows]
    at_last = cutoff == day_number(latest[-1])
    told = f"churned within {definition.horizon_days} days of {latest[-1]}"
    found = [
        *lone_features(X[at_last], churned[at_last], catalog, told),
        *dominance(X, churned, cutoff, catalog, latest, definition.label_days, study.fit.seed),
    ]
    if not found:
        found.append(Finding("features that tell too much", "train", "ok", "", "",
                             f"{len(catalog.names)} features were looked at up to {latest[-1]}; none tells who churned all"
                             " but alone.", "", 0, 0))  # fmt: skip
    return found


def _not_looked_at(name: str, count: int) -> Finding:
    return Finding(name, "train", "recommendation", "", "", f"No cut-off has matured: {count} could not be asked who left.",
                   mend="Bring more history, and look again.")  # fmt: skip


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
