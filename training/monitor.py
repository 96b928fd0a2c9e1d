"""Monitoring: past score runs beside what became of their customers, once their labels have matured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.checked import CheckedTables
from features.consent import opted_out
from features.refusal import Refusal
from features.snapshot import day_number
from features.sources import connect
from models.bundle import Bundle, load_bundle
from models.definition import ChurnDefinition
from models.ledger import Ledger
from models.outcome import RunOutcome, expected_of, outcome, write_outcome
from models.published import folder_name
from models.runs import ScoreRun
from training.champion import has_learned_from
from training.labels import TOLD_BY, churn_labels


@dataclass(frozen=True)
class ComparedRun:
    """A matured run and what became of its customers."""

    run: ScoreRun
    outcome: RunOutcome

    def as_dict(self) -> dict[str, Any]:
        """The comparison as `holdfast monitor --json` prints it."""
        run = self.run
        return {"run": run.name, "bundle": run.bundle, "cutoff": str(run.cutoff), "matures_on": str(run.matures_on),
                **self.outcome.as_dict()}  # fmt: skip


def compare_runs(
    runs: Sequence[ScoreRun], checked: CheckedTables, ledger: Ledger, bundles: Path, compared_at: datetime,
    tell: Callable[[], object] = lambda: None,
) -> list[ComparedRun]:  # fmt: skip
    """Compare matured runs and keep the outcomes in the ledger; those that were left to be compared until then.

    Parameters
    ----------
    bundles
        Where published bundles lie; one that is gone leaves open whether it had learned from what it is compared on.
    tell
        Called after each run.
    """
    found = []
    for run in runs:
        if compared := _compared(run, checked, ledger, _bundle_of(run, bundles), compared_at):
            found.append(compared)
        tell()
    return found


def _compared(
    run: ScoreRun, checked: CheckedTables, ledger: Ledger, bundle: Bundle | None, compared_at: datetime
) -> ComparedRun | None:
    """A run compared and its outcome kept; None where nothing tells who left, or somebody else has compared it."""
    definition = _definition_of(run, bundle)
    if TOLD_BY[definition.kind][0] not in checked.columns:
        return None  # of a bundle that is gone nobody knows what it was asked
    expected = expected_of(ledger, run.number)
    churned, known = labels_of(run, expected.customer_ids, checked, definition)
    if definition.kind == "given" and not known.any():
        return None  # the shop has not said yet who left
    learned = has_learned_from(bundle, run.cutoff) if bundle else None
    if definition.kind == "given" and "as_of_day" not in checked.columns["vectors"]:
        learned = True  # labels without a day are those learned from
    became = outcome(expected, churned, known, compared_at, learned)
    by_customer = dict(zip(expected.customer_ids[known].tolist(), churned[known].tolist(), strict=True))
    return ComparedRun(run, became) if write_outcome(ledger, run.number, by_customer, became) else None


def labels_of(
    run: ScoreRun,
    customer_ids: Sequence[str] | npt.NDArray[np.object_],
    checked: CheckedTables,
    definition: ChurnDefinition,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether each of a run's customers churned, and whether that is known; arrays of shape (customers,).

    It is not where the tables hold nothing of a customer from before the cut-off, for then silence after it says
    nothing, and not where a customer objects to profiling.
    """
    asked = pa.table(
        {
            "cutoff": np.full(len(customer_ids), day_number(run.cutoff), np.int32),
            "customer_id": pa.array(customer_ids, pa.string()),
        }
    )
    labels = churn_labels(checked, asked, definition)
    held = _known_before(run.cutoff, checked, definition) - opted_out(checked)
    known = np.array([customer in held for customer in customer_ids], bool)
    known &= labels.matured
    churned = np.zeros(len(known), bool)
    churned[known] = labels[known].churned
    return churned, known


def _known_before(cutoff: date, checked: CheckedTables, definition: ChurnDefinition) -> frozenset[str]:
    """Of whom the tables that tell eligibility or label hold something from before the cut-off."""
    table, _ = TOLD_BY[definition.kind]
    days = {"transactions": "day", "interactions": "day", "subscriptions": "started_day"}
    # whom a question about events is about may have bought or hold a contract instead
    held = [name for name in days if name in checked.columns] if definition.kind == "event" else [table]
    queries = [
        f"select customer_id from {checked.rows(name)} where {days.get(name, '0')} < {day_number(cutoff)}"
        for name in held
    ]
    with connect() as connection:
        found = connection.sql(" union ".join(queries)).fetchall()
    return frozenset(customer for (customer,) in found)


def _bundle_of(run: ScoreRun, bundles: Path) -> Bundle | None:
    try:
        return load_bundle(bundles / folder_name(run.bundle), run.bundle)
    except Refusal:
        return None


def _definition_of(run: ScoreRun, bundle: Bundle | None) -> ChurnDefinition:
    """The bundle's; of a bundle that is gone the ledger keeps the days, and silence was long the only kind."""
    if bundle is not None:
        return bundle.definition
    assert run.matures_on is not None
    return ChurnDefinition("silence", (run.matures_on - run.cutoff).days)
