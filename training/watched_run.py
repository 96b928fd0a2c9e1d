"""A score run watched: how far its customers have drifted from those learned from, and how well it is likely to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.checked import CheckedTables
from features.consent import opted_out
from features.refusal import Refusal
from features.store import Store, written_whole
from models.bundle import Bundle
from models.ledger import Ledger
from models.outcome import expected_of
from models.published import folder_name
from models.runs import ScoreRun
from models.score import score
from training.champion import has_learned_from
from training.concerns import of_drift, of_estimate
from training.drift import Drift, drift_of
from training.performance_estimate import PerformanceEstimate, estimate_performance
from training.severity import Concern, Severity, worst
from training.study import MonitorSettings

_MOST_CUSTOMERS = 50_000


@dataclass(frozen=True)
class WatchedRun:
    """One run as monitoring sees it on the day it is scored.

    Attributes
    ----------
    drift
        None where there is nothing to compare with, or to compare; `no_drift` says why.
    estimate
        None for a run of fewer than two eligible customers.
    expected_when_judged
        The same measures of the probabilities that the judge saw; empty where the bundle keeps none.
    flatters
        Whether the bundle had learned from labels of these very days, so that its probabilities are bolder than they
        would be of others.
    """

    run: ScoreRun
    drift: Drift | None
    no_drift: str
    estimate: PerformanceEstimate | None
    expected_when_judged: dict[str, float]
    flatters: bool
    concerns: tuple[Concern, ...]

    @property
    def severity(self) -> Severity:
        """The gravest of its concerns."""
        return worst(concern.severity for concern in self.concerns)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; aggregates only."""
        run = self.run
        return {
            "run": run.name, "bundle": run.bundle, "cutoff": str(run.cutoff), "scored_at": run.scored_at.isoformat(),
            "eligible": run.eligible, "severity": self.severity, "because": [concern.said for concern in self.concerns],
            "drift": self.drift.as_dict() if self.drift else None, "no_drift": self.no_drift,
            "estimate": self.estimate.as_dict() if self.estimate else None,
            "expected_when_judged": self.expected_when_judged, "flatters": self.flatters,
        }  # fmt: skip


def watch_run(
    run: ScoreRun, bundle: Bundle | None, checked: CheckedTables, ledger: Ledger, store: Store, rules: MonitorSettings
) -> WatchedRun:
    """Watch a run: its vectors are taken anew from the tables, its probabilities are those in the ledger."""
    estimate = estimate_performance(expected_of(ledger, run.number).churn_probability)
    reference = bundle.drift_reference if bundle else None
    before = dict(reference.expected) if reference else {}
    drift, no_drift = None, ""
    if bundle is None:
        no_drift = f"the bundle {run.bundle} is gone from {store.bundles}"
    elif reference is None:
        no_drift = f"{run.bundle} was trained by an older version, which kept nothing to compare with; train again"
    else:
        try:
            drift = _drift(run, bundle, checked, store, rules)
        except Refusal as refusal:
            no_drift = str(refusal)
        else:
            no_drift = "" if drift else "nobody is eligible"
    concerns = of_drift(drift, rules) if drift else []
    concerns += of_estimate(estimate, before, rules) if estimate else []
    flatters = bool(bundle and has_learned_from(bundle, run.cutoff))
    return WatchedRun(run, drift, no_drift, estimate, before, flatters, tuple(concerns))


def _drift(run: ScoreRun, bundle: Bundle, checked: CheckedTables, store: Store, rules: MonitorSettings) -> Drift | None:
    """Of a run of many customers some are drawn."""
    table = bundle.vectors(checked, [run.cutoff], store)
    if table.num_rows > _MOST_CUSTOMERS:
        table = table.take(np.sort(np.random.default_rng(0).permutation(table.num_rows)[:_MOST_CUSTOMERS]))
    if not table.num_rows:
        return None
    return drift_of(bundle, table, score(bundle, table, opted_out(checked)), rules)


def not_yet_watched(runs: Sequence[ScoreRun], store: Store) -> list[ScoreRun]:
    """Those of which nothing is kept as they were last scored, and the last one always; in the order given."""
    return [run for run in runs[:-1] if not _is_kept(run, store)] + list(runs[-1:])


def keep(watched: WatchedRun, store: Store) -> None:
    """Keep what was found in the store, in a file for each run."""
    with written_whole(_file(watched.run, store)) as beside:
        beside.write_text(json.dumps(watched.as_dict(), ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _is_kept(run: ScoreRun, store: Store) -> bool:
    try:
        kept = json.loads(_file(run, store).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (kept.get("run"), kept.get("scored_at")) == (run.name, run.scored_at.isoformat())


def _file(run: ScoreRun, store: Store) -> Path:
    return store.monitor / f"{run.cutoff}_{folder_name(run.bundle)}.json"
