"""Fitting the churn model: LightGBM without class weights, calibrated by a line in log-odds, one text file out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from models.churn import ChurnModel
from training.folds import THIRDS
from training.panel import Panel, Part, Split, Tried
from training.platt import Held, Platt, fit_platt, fit_platt_over_days, tells
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
_ENOUGH = 30_000  # rows to calibrate on: more would not move the line


@dataclass(frozen=True)
class FittedTrees:
    """Trees that are not calibrated yet, and their calibration with what it was fitted on.

    Attributes
    ----------
    margin, churned
        Log-odds and truth of rows that these trees' like had not seen, of days those of the last, shape (rows,).
    """

    booster: lgb.Booster
    platt: Platt
    margin: Floats
    churned: npt.NDArray[np.bool_]

    def log_odds(self, X: Floats) -> Floats:
        """Shape (rows,): calibrated log-odds."""
        return self.platt(margin_of(self.booster, X))


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

    That is how a champion is made, and so how it is judged: it is calibrated by what trees of earlier days say on the
    later ones, or trees of most of the rows on those held out in turn; then the trees are fitted anew, as many, on
    everything known.
    """
    if split.calibrate is None:
        held = list(_held_out(panel, split.fit, catalog, settings))
        margin = np.concatenate([np.empty(0), *(part[0] for part in held)])
        churned = np.concatenate([np.empty(0, bool), *(part[1] for part in held)])
        platt = fit_platt(margin, churned, settings.seed)
    else:
        earlier = [day for day in split.earlier if tells(panel.churned[panel.at(*day.fit)])]
        days = [_held_day(panel, day, catalog, settings) for day in (Tried(split.fit, split.calibrate), *earlier)]
        margin, churned = days[0]
        platt = fit_platt_over_days(days)
    return FittedTrees(_trees(panel, split.known, catalog, settings), platt, margin, churned)


def _held_day(panel: Panel, day: Tried, catalog: Catalog, settings: FitSettings) -> Held:
    rows = panel.at(day.on)
    return margin_of(_trees(panel, day.fit, catalog, settings), panel.X[rows]), panel.churned[rows]


def _held_out(panel: Panel, folds: tuple[Part, ...], catalog: Catalog, settings: FitSettings) -> Iterator[Held]:
    """A third of a fold after the other, by trees of all others, until there are enough.

    Little is held out at once: trees of much fewer rows are less sure than those that are to be calibrated.
    """
    among, found = panel.at(*folds), 0
    for third in range(1, THIRDS + 1):
        for fold in folds:
            if found >= _ENOUGH:
                return
            held = panel.at(fold) & (panel.third == third)
            fit = among & ~held
            if held.any() and tells(panel.churned[fit]):
                found += int(held.sum())
                trees = fit_trees(catalog, panel.X[fit], panel.churned[fit], settings)
                yield margin_of(trees, panel.X[held]), panel.churned[held]


def margin_of(trees: lgb.Booster, X: Floats) -> Floats:
    """Shape (rows,): log-odds of trees, not calibrated."""
    return np.asarray(trees.predict(X, raw_score=True), float)


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
