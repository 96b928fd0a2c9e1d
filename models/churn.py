"""The churn model: calibrated gradient-boosted trees as LightGBM text, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.encode import encode

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChurnModel:
    """Calibrated churn probabilities and their exact explanation in log-odds.

    Attributes
    ----------
    text
        LightGBM model text, the calibration folded into its leaf values.
    features
        Column names in the order of the matrix.
    categories
        For each categorical column its levels; a level's code is its position, an unseen level is missing.
    """

    text: str
    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    _booster: lgb.Booster = field(init=False, repr=False)

    def __post_init__(self) -> None:
        booster = lgb.Booster(model_str=self.text)
        if tuple(booster.feature_name()) != self.features:
            raise ValueError("the model text and the bundle disagree about the features")
        object.__setattr__(self, "_booster", booster)

    def __repr__(self) -> str:
        return f"<ChurnModel: {self._booster.num_trees()} trees over {len(self.features)} features>"

    def matrix(self, vectors: pa.Table) -> Floats:
        """Shape (rows, features), float64; null and unseen categories become NaN."""
        return encode(vectors, self.features, self.categories)

    def log_odds(self, X: Floats, threads: int = 1) -> Floats:
        """Shape (rows,): log-odds of churning within the horizon."""
        return np.asarray(self._booster.predict(X, raw_score=True, num_threads=threads), float)

    def probability(self, X: Floats, threads: int = 1) -> Floats:
        """Shape (rows,): calibrated chance of churning, in [0, 1]."""
        return sigmoid(self.log_odds(X, threads))

    def gain(self) -> dict[str, float]:
        """By feature how much its splits have reduced the loss in training; 0 for one the trees do not look at."""
        return dict(zip(self.features, map(float, self._booster.feature_importance("gain")), strict=True))

    def contributions(self, X: Floats, threads: int = 1) -> tuple[Floats, float]:
        """Pushes of shape (rows, features) in log-odds, and the base they start from.

        Exact tree SHAP values (Lundberg et al. 2020, algorithm 2): base + sum of a row = its log-odds.
        """
        both = np.asarray(self._booster.predict(X, pred_contrib=True, num_threads=threads), float)
        return both[:, :-1], float(both[0, -1]) if len(both) else 0.0


def one_row(values: Mapping[str, Any]) -> pa.Table:
    """A vectors table of one row."""
    return pa.table({name: pa.array([value]) for name, value in values.items()})


def sigmoid(log_odds: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(log_odds / 2)), float)
