"""Fitting the churn model: LightGBM without class weights, Platt on the margin where it wins, one text file out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold

from features.catalog import Catalog
from models.churn import ChurnModel, sigmoid
from training.panel import Panel, Part, Split
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
_FEWEST = 10  # of each class


@dataclass(frozen=True)
class Platt:
    """Calibrated log-odds = slope x margin + intercept (Platt 1999), slope above 0 so that ranks are kept."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, margin: Floats) -> Floats:
        return self.slope * margin + self.intercept


@dataclass(frozen=True)
class FittedTrees:
    """Trees that are not calibrated yet, and their calibration with what it was fitted on.

    Attributes
    ----------
    margin, churned
        Log-odds and truth of the held-out rows that `platt` comes from, shape (rows,).
    """

    booster: lgb.Booster
    platt: Platt
    margin: Floats
    churned: npt.NDArray[np.bool_]

    def log_odds(self, X: Floats) -> Floats:
        """Shape (rows,): calibrated log-odds."""
        return self.platt(np.asarray(self.booster.predict(X, raw_score=True), float))


def tree_parameters(catalog: Catalog, settings: FitSettings) -> dict[str, Any]:
    """LightGBM's parameters for these settings; the same data and machine then give the same text."""
    return {
        "objective": "binary", "verbose": -1, "num_threads": settings.threads, "seed": settings.seed,
        "deterministic": True, "force_row_wise": True, "feature_pre_filter": False,
        "learning_rate": settings.learning_rate, "max_depth": settings.max_depth,
        "num_leaves": settings.max_leaves, "min_data_in_leaf": settings.min_customers_in_leaf,
        "feature_fraction": settings.column_share, "bagging_fraction": settings.row_share, "bagging_freq": 1,
        "lambda_l2": settings.l2,
        "monotone_constraints": [feature.monotone for feature in catalog.features],
    }  # fmt: skip


def fit_trees(catalog: Catalog, X: Floats, churned: npt.NDArray[np.bool_], settings: FitSettings) -> lgb.Booster:
    """Gradient-boosted trees on the log loss, as many as the settings say."""
    data = lgb.Dataset(X, churned.astype(float), feature_name=list(catalog.names), free_raw_data=True)
    return lgb.train(tree_parameters(catalog, settings), data, num_boost_round=settings.trees)


def fit_platt(margin: Floats, churned: npt.NDArray[np.bool_], seed: int) -> Platt:
    """Platt scaling, or the identity where it does not lower the log loss out of fold, or has too few to learn from."""
    if min(int(churned.sum()), int((~churned).sum())) < _FEWEST:
        return Platt()
    folds = KFold(5, shuffle=True, random_state=seed).split(margin)
    scaled = np.empty_like(margin)
    for others, held in folds:
        scaled[held] = _platt(margin[others], churned[others])(margin[held])
    if log_loss(churned, sigmoid(scaled)) < log_loss(churned, sigmoid(margin)):
        found = _platt(margin, churned)
        if found.slope > 0:
            return found
    return Platt()


def _platt(margin: Floats, churned: npt.NDArray[np.bool_]) -> Platt:
    fitted = LogisticRegression(C=1e6).fit(margin[:, None], churned)
    return Platt(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))


def fold_platt(booster: lgb.Booster, platt: Platt) -> str:
    """Model text whose raw score is the calibrated log-odds: leaf <- slope x leaf + intercept / trees."""
    text = booster.model_to_string()
    folded = lgb.Booster(model_str=text)
    trees = folded.num_trees()
    for tree, info in enumerate(folded.dump_model()["tree_info"]):
        for leaf in range(info["num_leaves"]):
            value = folded.get_leaf_output(tree, leaf)
            folded.set_leaf_output(tree, leaf, platt.slope * value + platt.intercept / trees)
    return str(folded.model_to_string())


def fit_split(panel: Panel, split: Split, catalog: Catalog, settings: FitSettings) -> FittedTrees:
    """Trees of all that a split knows, with the calibration of trees that had not seen what they are calibrated on.

    That is how a champion is made, and so how it is judged: its calibration comes from the latest part, held out once,
    or from each fold held out in turn; then the trees are fitted anew, as many, on everything known.
    """
    held = [(split.fit, split.calibrate)]
    if split.calibrate is None:
        held = [(tuple(other for other in split.fit if other != fold), fold) for fold in split.fit]
    margins, churned = [], []
    for fit, calibrate in held:
        assert calibrate is not None
        later = panel.at(calibrate)
        margins.append(np.asarray(_trees(panel, fit, catalog, settings).predict(panel.X[later], raw_score=True), float))
        churned.append(panel.churned[later])
    margin, truth = np.concatenate(margins), np.concatenate(churned)
    booster = _trees(panel, split.known, catalog, settings)
    return FittedTrees(booster, fit_platt(margin, truth, settings.seed), margin, truth)


def _trees(panel: Panel, parts: tuple[Part, ...], catalog: Catalog, settings: FitSettings) -> lgb.Booster:
    """Trees of some parts of a panel, fitted once: what is known on one judged day is what the next one calibrates by."""
    key = (parts, settings, tuple((feature.name, feature.monotone) for feature in catalog.features))
    if key not in panel.trees:
        rows = panel.at(*parts)
        panel.trees[key] = fit_trees(catalog, panel.X[rows], panel.churned[rows], settings).model_to_string()
    return lgb.Booster(model_str=panel.trees[key])


def churn_model(fitted: FittedTrees, catalog: Catalog, categories: Mapping[str, tuple[str, ...]]) -> ChurnModel:
    """The model to serve, its calibration folded into its leaves."""
    return ChurnModel(fold_platt(fitted.booster, fitted.platt), catalog.names, categories)
