"""The learners of the accuracy table: ours as it is trained, and what a data scientist would take instead."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from features.catalog import Catalog
from models.churn import sigmoid
from training.baselines import logistic
from training.fit_churn import fit_split
from training.panel import Panel, Split, Tried
from training.study import FitSettings, TuneSettings
from training.tune import tune

Floats = npt.NDArray[np.float64]
Learner = Callable[[Panel, Split, tuple[Tried, ...], Catalog, int], Floats]
_SHARE_FOR_SEARCH = 0.5  # of the seconds; the rest is for the careful trial, the fits and the calibration


def holdfast(panel: Panel, split: Split, tried: tuple[Tried, ...], catalog: Catalog, seconds: int) -> Floats:
    """As `holdfast train` does it: a search of 30 trials that time may cut short, calibrated, refitted."""
    found = tune(panel, tried, catalog, FitSettings(), TuneSettings(), seconds * _SHARE_FOR_SEARCH)
    fitted = fit_split(panel, split, catalog, found.settings)
    return sigmoid(fitted.log_odds(panel.X[_judged(panel, split)]))


def logistic_regression(panel: Panel, split: Split, tried: tuple[Tried, ...], catalog: Catalog, seconds: int) -> Floats:
    """All columns, scaled, missing ones marked, a level of a category each its own column."""
    return logistic(panel, split, catalog)


def lightgbm_defaults(panel: Panel, split: Split, tried: tuple[Tried, ...], catalog: Catalog, seconds: int) -> Floats:
    """LGBMClassifier as it comes, categories as such."""
    model = lgb.LGBMClassifier(n_jobs=1, verbose=-1, random_state=0)
    return _fitted(model, panel, split, catalog)


def hist_gradient_boosting(
    panel: Panel, split: Split, tried: tuple[Tried, ...], catalog: Catalog, seconds: int
) -> Floats:
    """HistGradientBoostingClassifier as it comes, categories as such."""
    model = HistGradientBoostingClassifier(random_state=0, categorical_features="from_dtype")
    return _fitted(model, panel, split, catalog)


def flaml(panel: Panel, split: Split, tried: tuple[Tried, ...], catalog: Catalog, seconds: int) -> Floats:
    """FLAML with the same seconds and one job, for the least log loss."""
    from flaml import AutoML

    logging.getLogger("flaml").setLevel(logging.ERROR)
    known, judged = panel.at(*split.known), _judged(panel, split)
    frame = _frame(panel, catalog)
    model = AutoML()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(
            frame[known].reset_index(drop=True), panel.churned[known].astype(int), task="classification",
            metric="log_loss", time_budget=seconds, n_jobs=1, seed=1, verbose=0,
        )  # fmt: skip
        return np.asarray(model.predict_proba(frame[judged].reset_index(drop=True))[:, 1], float)


LEARNERS: Mapping[str, Learner] = {
    "holdfast": holdfast,
    "logistic": logistic_regression,
    "lightgbm": lightgbm_defaults,
    "hist_gradient_boosting": hist_gradient_boosting,
    "flaml": flaml,
}


def _fitted(
    model: lgb.LGBMClassifier | HistGradientBoostingClassifier, panel: Panel, split: Split, catalog: Catalog
) -> Floats:
    known, judged = panel.at(*split.known), _judged(panel, split)
    frame = _frame(panel, catalog)
    frame = frame.loc[:, frame[known].notna().any()]  # scikit-learn stumbles over a column without any value
    with threadpool_limits(1):
        model.fit(frame[known], panel.churned[known])
        return np.asarray(model.predict_proba(frame[judged])[:, 1], float)


def _judged(panel: Panel, split: Split) -> npt.NDArray[np.bool_]:
    assert split.judge is not None
    return panel.at(split.judge)


def _frame(panel: Panel, catalog: Catalog) -> pd.DataFrame:
    """The panel's columns, categories with their levels as pandas has them."""
    frame = pd.DataFrame(panel.X, columns=list(catalog.names))
    for feature in catalog.features:
        if feature.unit == "category":
            frame[feature.name] = frame[feature.name].astype("category")
    return frame
