"""Calibration in time: what a line from past days is worth on a later one, at every cut-off of some shops that can be judged.

python tests/benchmarks/bench_calibration.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
from churn_sets import IN_TIME, judged_everywhere, present
from results import Bound, conclude

from features.catalog import Catalog
from models.churn import sigmoid
from training.calibrations import calibrated
from training.fit_churn import fit_split, margin_of
from training.measures import calibration_error, log_loss
from training.panel import Panel, Split
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
WAYS = ("none", "platt", "served")


def measured(panel: Panel, splits: Sequence[Split], catalog: Catalog) -> Iterator[tuple[tuple[float, float], ...]]:
    """For each split, by WAYS log loss and calibration error."""
    for split in splits:
        assert split.judge is not None
        fitted, rows = fit_split(panel, split, catalog, FitSettings()), panel.at(split.judge)
        churned, once = panel.churned[rows].astype(float), np.ones((1, int(rows.sum())))
        margin = margin_of(fitted.booster, panel.X[rows])
        said = calibrated(fitted.margin, fitted.churned, margin) | {"served": sigmoid(fitted.platt(margin))}
        yield tuple(
            (float(log_loss(churned, said[way], once)[0]), float(calibration_error(churned, said[way], once)[0]))
            for way in WAYS
        )


def main() -> None:
    rows: list[tuple[object, ...]] = []
    means = []
    for of in present(IN_TIME):
        prepared, horizon_days, splits = judged_everywhere(of)
        found = np.array(list(measured(prepared.panel, splits, prepared.catalog)))  # (cut-offs, ways, measures)
        mean = found.mean(axis=0)
        means.append(mean)
        cells = [f"{error:.4f}" for error in mean[:, 1]]
        rows.append((of.name, horizon_days, len(found), *(f"{loss:.4f}" for loss in mean[:, 0]), *cells))
        sys.stderr.write(f"{rows[-1]}\n")
    loss, error = np.mean(means, axis=0).T
    rows.append(
        ("mean", "", sum(int(str(row[2])) for row in rows), *(f"{x:.4f}" for x in loss), *(f"{x:.4f}" for x in error))
    )
    figures = {way: {"log_loss": float(loss[k]), "calibration_error": float(error[k])} for k, way in enumerate(WAYS)}
    bounds = [
        Bound("calibration error as served, over that of a line from the last day", error[2] / error[1], 1),
        Bound("calibration error as served, over that of the trees as they are", error[2] / error[0], 1),
        Bound("log loss as served, over that of a line from the last day", loss[2] / loss[1], 1),
    ]
    conclude(
        "calibration",
        "Every cut-off that has enough before it, asked of a model of what was known on that day ([fit] as it comes): the"
        " trees as they are, with Platt's line from the last known cut-off, and as served (training/platt.py). Means over"
        " cut-offs; the last row is that of the rows above.",
        ("set", "horizon, days", "cut-offs", "log loss: trees", "last day's line", "served",
         "calibration error: trees", "last day's line", "served"),
        rows, figures, bounds,
    )  # fmt: skip


if __name__ == "__main__":
    main()
