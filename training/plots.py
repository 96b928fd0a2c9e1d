"""Pictures for the run: the judgment's curves, as lift, gains and reliability, the reasons beeswarm, the segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import numpy.typing as npt

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from features.catalog import Catalog
from models.churn import ChurnModel
from models.segments import Segmenter
from training.spoken import SPOKEN

Floats = npt.NDArray[np.float64]


def lift_and_gains(curves: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """How many churners the riskiest share of customers holds, and how much denser they are there, for each model."""
    figure, (gains, lift) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for name, points in curves.items():
        share, found = np.array(points).T
        gains.plot([0, *share], [0, *found], label=SPOKEN[name])
        lift.plot(share, found / share, label=SPOKEN[name])
    gains.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
    lift.axhline(1, color="grey", linestyle=":")
    gains.set(xlabel="share of customers, riskiest first", ylabel="share of churners found", title="Gains")
    lift.set(xlabel="share of customers, riskiest first", ylabel="times the average churn rate", title="Lift")
    lift.set_ylim(bottom=0)
    gains.legend(frameon=False)
    return figure


def reliability(points: Sequence[Mapping[str, float]]) -> Figure:
    """Churn rate against probability, by tenths of the rows that were judged."""
    figure, axes = plt.subplots(figsize=(5, 4.6), layout="constrained")
    said, seen, low, high = (np.array([point[name] for point in points]) for name in ("said", "seen", "low", "high"))
    axes.errorbar(said, seen, yerr=(seen - low, high - seen), fmt="o", capsize=3, label="tenths of customers, 95 %")
    top = max(said.max(), high.max()) * 1.05
    axes.plot([0, top], [0, top], color="grey", linestyle=":", label="said is seen")
    axes.set(xlabel="churn probability said", ylabel="churn rate seen", title="Reliability")
    axes.legend(frameon=False)
    return figure


def reasons_beeswarm(model: ChurnModel, catalog: Catalog, X: Floats) -> Figure:
    """What pushes probabilities, drawn by shap from the model's own contributions."""
    import shap  # heavy to import: 300 MB, several seconds

    pushes, base = model.contributions(X, threads=2)
    words = [feature.name.replace("_", " ") for feature in catalog.features]
    explained = shap.Explanation(pushes, np.full(len(X), base), X, feature_names=words)
    figure = plt.figure()
    shap.plots.beeswarm(explained, max_display=16, show=False, plot_size=(9, 6))
    plt.gca().set_xlabel("push in log-odds of leaving")
    figure.tight_layout()
    return figure


def segments_map(segmenter: Segmenter) -> Figure:
    """Each segment's centre, in spreads from the middle customer."""
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.55 * len(segmenter.segments)), layout="constrained")
    picture = axes.imshow(np.array(segmenter.centroids), cmap="RdBu_r", vmin=-2, vmax=2, aspect="auto")
    axes.set_xticks(
        range(len(segmenter.features)), [f.replace("_", " ") for f in segmenter.features], rotation=30, ha="right"
    )
    axes.set_yticks(range(len(segmenter.segments)), [f"{s.id} {s.en} ({s.share:.0%})" for s in segmenter.segments])
    figure.colorbar(picture, label="spreads from the middle customer")
    return figure
