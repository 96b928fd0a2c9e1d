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
from models.matured import matured_scores
from models.outcome import RunOutcome, expected_of, outcome, write_outcome
from models.published import folder_name
from models.runs import ScoreRun
from training.champion import learned_until
from training.labels import TOLD_BY, churn_labels
from training.performance_estimate import PerformanceEstimate, estimate_performance
from training.realised_value import NetValue, net_values
from training.study import MonitorSettings


@dataclass(frozen=True)
class ComparedRun:
    """A matured run and what became of its customers.

    Attributes
    ----------
    performance
        What the probabilities promised and what came, of the customers who were not to be acted on: what a retention
        action prevents is no error of the model. None where too few are known.
    net_values
        What the decisions brought, all together and by action.
    """

    run: ScoreRun
    outcome: RunOutcome
    performance: PerformanceEstimate | None = None
    net_values: tuple[NetValue, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The comparison as `holdfast monitor --json` prints it."""
        run = self.run
        return {"run": run.name, "bundle": run.bundle, "cutoff": str(run.cutoff), "matures_on": str(run.matures_on),
                **self.outcome.as_dict(), "performance": self.performance.as_dict() if self.performance else None,
                "net_values": [one.as_dict() for one in self.net_values]}  # fmt: skip


def compare_runs(
    runs: Sequence[ScoreRun], checked: CheckedTables, ledger: Ledger, bundles: Path, compared_at: datetime,
    rules: MonitorSettings, tell: Callable[[], object] = lambda: None,
) -> list[ComparedRun]:  # fmt: skip
    """Compare matured runs and keep the outcomes in the ledger; those that were left to be compared until then.

    Parameters
    ----------
    bundles
        Where published bundles lie; where one is gone, and an older version scored with it, it stays open whether it had
        learned from what it is compared on.
    tell
        Called after each run.
    """
    found = []
    for run in runs:
        became = _compared(run, checked, ledger, bundle_of(run, bundles), compared_at)
        if became:
            found.append(with_performance(run, became, checked, ledger, rules))
        tell()
    return found


def _compared(
    run: ScoreRun, checked: CheckedTables, ledger: Ledger, bundle: Bundle | None, compared_at: datetime
) -> RunOutcome | None:
    """A run's outcome, kept; None where nothing tells who left, or somebody else has compared it."""
    definition = _definition_of(run, bundle)
    if TOLD_BY[definition.kind][0] not in checked.columns:
        return None  # the shop no longer brings the table, or of a bundle that is gone nobody knows what it was asked
    expected = expected_of(ledger, run.number)
    churned, known = labels_of(run, expected.customer_ids, checked, definition)
    if definition.kind == "given" and not known.any():
        return None  # the shop has not said yet who left
    trained_until = bundle.trained_until if bundle else run.trained_until
    learned = learned_until(trained_until, definition) > run.cutoff if trained_until else None
    if definition.kind == "given" and "as_of_day" not in checked.columns["vectors"]:
        learned = True  # labels without a day are those learned from
    became = outcome(expected, churned, known, compared_at, learned)
    by_customer = dict(zip(expected.customer_ids[known].tolist(), churned[known].tolist(), strict=True))
    return became if write_outcome(ledger, run.number, by_customer, became) else None


def with_performance(
    run: ScoreRun, became: RunOutcome, checked: CheckedTables, ledger: Ledger, rules: MonitorSettings
) -> ComparedRun:
    """A compared run with what its probabilities and its decisions came to, from the labels in the ledger."""
    matured = matured_scores(ledger, run)
    untouched = ~matured.treated
    performance = estimate_performance(matured.churn_probability[untouched], matured.churned[untouched])
    reached = _reached(run, checked) if matured.treated.any() else None
    return ComparedRun(run, became, performance, net_values(matured, rules.min_control, reached))


def _reached(run: ScoreRun, checked: CheckedTables) -> frozenset[tuple[str, str]] | None:
    """Who had which action from the cut-off until the labels matured; None where the shop has no table of offers."""
    if "offers" not in checked.columns or run.matures_on is None:
        return None
    with connect() as connection:
        found = connection.sql(
            f"select distinct customer_id, action from {checked.rows('offers')}"
            f" where day >= {day_number(run.cutoff)} and day < {day_number(run.matures_on)}"
        ).fetchall()
    return frozenset((customer, action) for customer, action in found)


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


def bundle_of(run: ScoreRun, bundles: Path) -> Bundle | None:
    """The bundle that scored a run, or None where it is gone."""
    try:
        return load_bundle(bundles / folder_name(run.bundle), run.bundle)
    except Refusal:
        return None


def _definition_of(run: ScoreRun, bundle: Bundle | None) -> ChurnDefinition:
    """The bundle's, which its runs keep too; of runs of older versions the ledger has the days, and silence was long
    the only kind."""
    if kept := run.definition or (bundle.definition if bundle else None):
        return kept
    assert run.matures_on is not None
    return ChurnDefinition("silence", (run.matures_on - run.cutoff).days)
