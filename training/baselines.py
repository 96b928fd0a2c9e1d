"""What a person would do without us: the best recency rule, and logistic regression on RFM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from features.catalog import Catalog
from models.definition import Kind
from training.panel import Panel, Part, Split

Floats = npt.NDArray[np.float64]
Baseline = Callable[[Panel, Split, Catalog], Floats]
_FEWEST = 20
_RFM = ("days_since_last_purchase", "purchase_days_182d", "spend_182d")


def recency_rule(panel: Panel, split: Split, catalog: Catalog) -> Floats:
    """Churn probability of the judged rows by days since the last purchase: the best rising step function.

    Ties between steps are broken by the days themselves, so its ranking is that of recency.
    """
    days = panel.X[:, catalog.names.index(_RFM[0])]
    known, judged = panel.at(*split.known), panel.at(_judged(split))
    rule = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip").fit(days[known], panel.churned[known])
    return np.asarray(rule.predict(days[judged]) + 1e-9 * days[judged], float)


def rfm_logistic(panel: Panel, split: Split, catalog: Catalog) -> Floats:
    """Churn probability of the judged rows by logistic regression on ln(1 + recency, frequency, money)."""
    Z = np.log1p(np.maximum(panel.X[:, [catalog.names.index(name) for name in _RFM]], 0))
    known, judged = panel.at(*split.known), panel.at(_judged(split))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(Z[known], panel.churned[known])
    return np.asarray(model.predict_proba(Z[judged])[:, 1], float)


def best_column_rule(panel: Panel, split: Split, catalog: Catalog) -> Floats:
    """Churn probability of the judged rows by the one column that tells most: its best rising or falling step function.

    The column is that of least log loss where it was fitted; missing values get the rate of those that miss it.
    """
    known, judged = panel.at(*split.known), panel.at(_judged(split))
    churned = panel.churned[known].astype(float)
    best, found = np.inf, np.full(int(judged.sum()), churned.mean())
    for j in range(len(catalog.names)):
        seen, asked = panel.X[known, j], panel.X[judged, j]
        has, asks = ~np.isnan(seen), ~np.isnan(asked)
        if has.sum() < _FEWEST or len(np.unique(seen[has])) < 2:
            continue
        rises = bool(np.corrcoef(rankdata(seen[has]), churned[has])[0, 1] >= 0)
        rule = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip", increasing=rises)
        rule.fit(seen[has], churned[has])
        without = float(np.clip(churned[~has].mean() if (~has).any() else churned.mean(), 0.001, 0.999))
        said = np.where(has, rule.predict(np.where(has, seen, 0.0)), without)
        loss = log_loss(churned, np.clip(said, 0.001, 0.999))
        if loss < best:
            best, found = loss, np.where(asks, rule.predict(np.where(asks, asked, 0.0)), without)
    return np.asarray(found, float)


def logistic(panel: Panel, split: Split, catalog: Catalog) -> Floats:
    """Churn probability of the judged rows by logistic regression on all columns, a category's levels each their own."""
    known, judged = panel.at(*split.known), panel.at(_judged(split))
    named = [feature.unit == "category" for feature in catalog.features]
    filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    levels = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore"),
    )
    columns = ColumnTransformer(
        [("numbers", make_pipeline(filled, StandardScaler()), [j for j, one in enumerate(named) if not one]),
         ("categories", levels, [j for j, one in enumerate(named) if one])], sparse_threshold=0,
    )  # fmt: skip
    model = make_pipeline(columns, LogisticRegression(max_iter=2000))
    return np.asarray(model.fit(panel.X[known], panel.churned[known]).predict_proba(panel.X[judged])[:, 1], float)


def _judged(split: Split) -> Part:
    assert split.judge is not None
    return split.judge


def baselines_of(kind: Kind) -> Mapping[str, Baseline]:
    """What is judged beside the model: first a rule of thumb, then a regression."""
    if kind == "silence":
        return {"recency_rule": recency_rule, "rfm_logistic": rfm_logistic}
    return {"best_column_rule": best_column_rule, "logistic": logistic}
