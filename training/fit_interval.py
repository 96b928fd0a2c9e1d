"""Fitting the interval of a probability: small fits on customers drawn anew, and a model of how far they lie apart."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from models.interval import IntervalModel
from training.bootstrap import redrawn
from training.fit_churn import tree_parameters
from training.panel import Panel
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
_TREES = 60
_FASTEST = 0.3
_TOGETHER = 1.25  # times the spread: fits of one kind err together too, as made-up customers of known truth show
_LEAST = 0.02  # log-odds; no model of a shop is surer than that
_OF_SPREAD = {"learning_rate": 0.1, "num_leaves": 15, "max_depth": 4, "min_data_in_leaf": 20, "lambda_l2": 1.0}
_SPREAD_TREES = 60


def fit_interval(panel: Panel, catalog: Catalog, settings: FitSettings, slope: float, fits: int) -> IntervalModel:
    """How far the log-odds move when customers are drawn anew with repetition (bagging; Breiman 1996), as a function of X.

    Fits of fewer and quicker trees stand for the model's own; what they say of every row of the panel has a spread, of
    whose logarithm one small model is made, so that serving asks one and not twenty.

    Parameters
    ----------
    slope
        Of the calibration, which stretches the log-odds.
    """
    names = list(catalog.names)
    trees = min(settings.trees, _TREES)
    quick = settings.model_copy(
        update={"trees": trees, "learning_rate": min(settings.learning_rate * settings.trees / trees, _FASTEST)}
    )
    data = lgb.Dataset(panel.X, panel.churned.astype(float), feature_name=names, params={"feature_pre_filter": False},
                       free_raw_data=False)  # fmt: skip
    everyone, who = np.unique(panel.customer_ids.astype(str), return_inverse=True)
    random = np.random.default_rng(settings.seed)
    margins = np.empty((fits, len(panel.X)))
    for k in range(fits):
        data.set_weight(redrawn(len(everyone), random)[who].astype(float))
        fitted = lgb.train(tree_parameters(catalog, quick) | {"seed": settings.seed + k}, data, trees)
        margins[k] = fitted.predict(panel.X, raw_score=True)
    spread = np.log(np.maximum(_TOGETHER * abs(slope) * margins.std(axis=0, ddof=1), _LEAST))
    parameters = _OF_SPREAD | {
        "objective": "regression", "verbose": -1, "num_threads": settings.threads, "seed": settings.seed,
        "deterministic": True, "force_row_wise": True,
    }  # fmt: skip
    of_spread = lgb.train(parameters, lgb.Dataset(panel.X, spread, feature_name=names), _SPREAD_TREES)
    return IntervalModel(str(of_spread.model_to_string()), catalog.names)
