"""Newcomers: whether models learned from newcomers alone tell them better than the trees of all customers, out of time.

python tests/benchmarks/bench_newcomers.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
from churn_sets import IN_TIME, ChurnSet, judged_everywhere, present
from results import Bound, conclude

from features.catalog import Catalog
from models.churn import sigmoid
from training.baselines import logistic, rfm_logistic
from training.bootstrap import measured, summary
from training.fit_churn import fit_split
from training.measures import log_loss
from training.panel import Panel, Split
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
Learner = Callable[[Panel, Split, Catalog], Floats]
_FEWEST = 40  # newcomers of either kind, to learn from and to judge


def trees(settings: FitSettings) -> Learner:
    """Calibrated trees, as `holdfast train` makes them."""

    def said(panel: Panel, split: Split, catalog: Catalog) -> Floats:
        assert split.judge is not None
        return sigmoid(fit_split(panel, split, catalog, settings).log_odds(panel.X[panel.at(split.judge)]))

    return said


def churn_rate(panel: Panel, split: Split, catalog: Catalog) -> Floats:
    """The same of all: how many left of those known."""
    assert split.judge is not None
    return np.full(int(panel.at(split.judge).sum()), panel.churned[panel.at(*split.known)].mean())


ALONE: Mapping[str, Learner] = {
    "shallow trees": trees(FitSettings(max_leaves=4, trees=120, learning_rate=0.05, min_customers_in_leaf=20)),
    "logistic": logistic,
    "RFM logistic": rfm_logistic,
    "churn rate": churn_rate,
}
"""What could be learned from newcomers alone."""


def of_newcomers(panel: Panel, catalog: Catalog, horizon_days: int) -> Panel:
    """The rows of customers who first bought less than a horizon ago."""
    rows = panel.X[:, catalog.names.index("days_since_first_purchase")] < horizon_days
    arrays = ("X", "churned", "spend", "cutoff", "customer_ids", "fold", "third")
    return replace(panel, vectors=panel.vectors.filter(rows), **{name: getattr(panel, name)[rows] for name in arrays})


def compared(of: ChurnSet) -> tuple[int, int, int, dict[str, dict[str, float]]] | None:
    """Horizon in days, cut-offs, rows of newcomers, the log loss of the trees of all, and how much more each of ALONE has; None of too few."""
    prepared, horizon_days, splits = judged_everywhere(of)
    panel, catalog = prepared.panel, prepared.catalog
    new = of_newcomers(panel, catalog, horizon_days)
    said: dict[str, list[Floats]] = {name: [] for name in ("trees of all", *ALONE)}
    came, ids = [], []
    for split in splits:
        assert split.judge is not None
        rows, known = new.at(split.judge), new.churned[new.at(*split.fit)]
        few = min(known.sum(), (~known).sum(), new.churned[rows].sum(), (~new.churned[rows]).sum())
        if few < _FEWEST:
            continue
        among = np.isin(panel.customer_ids[panel.at(split.judge)], new.customer_ids[rows])
        said["trees of all"].append(trees(FitSettings())(panel, split, catalog)[among])
        for name, learner in ALONE.items():
            said[name].append(learner(new, split, catalog))
        came.append(new.churned[rows].astype(float))
        ids.append(new.customer_ids[rows])
    if not came:
        return None
    pooled = {name: [np.concatenate(parts)] for name, parts in said.items()}
    drawn = measured([np.concatenate(came)], pooled, [np.concatenate(ids)], {"loss": log_loss}, 1)
    loss = {name: values["loss"][0] for name, values in drawn.items()}
    found = {name: summary(loss[name] - loss["trees of all"]) for name in ALONE}
    return horizon_days, len(came), sum(map(len, came)), {"trees of all": summary(loss["trees of all"]), **found}


def main() -> None:
    rows, figures, better = [], {}, []
    for of in present(IN_TIME):
        told = compared(of)
        if told is None:
            sys.stderr.write(f"left out: {of.name} has too few newcomers over this horizon\n")
            continue
        horizon_days, cutoffs, newcomers, found = told
        figures[f"{of.name}_{horizon_days}"] = found
        cells = [f"{found[n]['value']:+.4f} [{found[n]['low']:+.4f}, {found[n]['high']:+.4f}]" for n in ALONE]
        rows.append((of.name, horizon_days, cutoffs, newcomers, f"{found['trees of all']['value']:.4f}", *cells))
        better += [f"{n} on {of.name} over {horizon_days} days" for n in ALONE if found[n]["high"] < 0]
        sys.stderr.write(f"{rows[-1]}\n")
    conclude(
        "newcomers",
        "Log loss on customers who first bought less than a horizon before the cut-off, over all cut-offs that have at"
        f" least {_FEWEST} of either kind to learn from and to judge: of the trees of all customers, and how much more that"
        " of models learned from newcomers alone is, with the 95 % interval by bootstrap of customers.",
        ("set", "horizon, days", "cut-offs", "newcomers", "trees of all", *ALONE), rows, figures,
        [Bound(f"models of newcomers alone that tell them better ({', '.join(better) or 'none'})", len(better), 0)],
    )  # fmt: skip


if __name__ == "__main__":
    main()
