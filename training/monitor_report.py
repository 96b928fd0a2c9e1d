"""All that one monitoring found, and how grave it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from features.checked import CheckedTables
from models.ledger import Ledger
from models.matured import compared_runs
from models.outcome import RunOutcome
from training.concerns import of_performance
from training.drift import ColumnDrift
from training.monitor import ComparedRun, with_performance
from training.severity import Concern, Severity, worst
from training.study import MonitorSettings
from training.watched_run import WatchedRun

MOST_MATURED = 6


@dataclass(frozen=True)
class MonitorReport:
    """What was found; severity and concerns are those of `run`, the newest of the watched ones.

    Attributes
    ----------
    watched
        Oldest first.
    compared
        Runs that were compared with what became of their customers only now.
    matured
        The last compared runs, of now and before, oldest first.
    concerns
        Of the newest watched run, and of the last matured one that its bundle scored.
    """

    watched: tuple[WatchedRun, ...]
    compared: tuple[ComparedRun, ...]
    matured: tuple[ComparedRun, ...]
    concerns: tuple[Concern, ...]

    @property
    def run(self) -> WatchedRun:
        """The run that the severity is of."""
        return self.watched[-1]

    @property
    def severity(self) -> Severity:
        """The gravest concern's."""
        return worst(concern.severity for concern in self.concerns)

    def summary(self) -> dict[str, Any]:
        """How it stands, in short, ready for JSON."""
        newest = self.run.run
        return {
            "severity": self.severity, "run": newest.name, "bundle": newest.bundle, "cutoff": str(newest.cutoff),
            "because": [concern.said for concern in self.concerns],
        }  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; aggregates only."""
        return {
            **self.summary(),
            "watched": [one.as_dict() for one in self.watched],
            "compared": [one.as_dict() for one in self.compared],
            "matured": [one.as_dict() for one in self.matured],
        }


def monitor_report(
    watched: Sequence[WatchedRun], compared: Sequence[ComparedRun], checked: CheckedTables, ledger: Ledger, shop: str,
    rules: MonitorSettings,
) -> MonitorReport:  # fmt: skip
    """The report on some watched runs, at least one; what matured before is read from the ledger again."""
    newest = watched[-1]
    now = {one.run.number: one for one in compared}
    matured = []
    for run in compared_runs(ledger, shop)[-MOST_MATURED:]:
        assert run.outcome is not None
        matured.append(
            now.get(run.number) or with_performance(run, RunOutcome.from_dict(run.outcome), checked, ledger, rules)
        )
    own = [one for one in matured if one.run.bundle == newest.run.bundle and one.performance]
    concerns = list(newest.concerns)
    if own and own[-1].performance:
        concerns += of_performance(own[-1].performance, f"the run of {own[-1].run.cutoff}", rules)
    ranked = sorted(concerns, key=lambda concern: concern.severity != "alarm")
    return MonitorReport(tuple(watched), tuple(compared), tuple(matured), tuple(ranked))


def most_drifted(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """The columns that drifted first, then those furthest beyond what is usual; those that grow by themselves last."""
    return sorted(columns, key=lambda c: (c.state == "ok", c.grows, c.usual_psi - c.psi))
