"""Fitting what a score needs to know of others: what is typical and which way it pushes, percentiles and risk bands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from models.bundle import References
from models.churn import ChurnModel
from training.judge import JudgedCutoff
from training.study import Study

Floats = npt.NDArray[np.float64]
_ROWS_FOR_DIRECTION = 2000


def fit_references(
    catalog: Catalog, model: ChurnModel, X: Floats, last: JudgedCutoff, base_rate: float, study: Study
) -> References:
    """What is typical of every numeric column, which way it pushes, and how out-of-time probabilities are spread."""
    rows = np.random.default_rng(study.fit.seed).permutation(len(X))[:_ROWS_FOR_DIRECTION]
    pushes, _ = model.contributions(X[rows])
    typical, direction = {}, {}
    for j, feature in enumerate(catalog.features):
        known = X[~np.isnan(X[:, j]), j]
        if feature.unit != "category" and len(known):
            typical[feature.name] = float(np.median(known))
            both = ~np.isnan(X[rows, j])
            together = np.cov(X[rows, j][both], pushes[both, j])[0, 1] if both.sum() > 1 else 0.0
            if together:
                direction[feature.name] = float(np.sign(together))
    quantiles = np.quantile(last.probability["holdfast"], np.linspace(0, 1, 101))
    odds = base_rate / (1 - base_rate)
    medium, high = (odds * times / (1 + odds * times) for times in (study.bands.medium_from, study.bands.high_from))
    return References(typical, tuple(float(q) for q in quantiles), (medium, high), base_rate, direction)
