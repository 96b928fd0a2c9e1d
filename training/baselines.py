"""What a person would do without us: the best recency rule, and logistic regression on RFM."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.panel import Panel, Split

Floats = npt.NDArray[np.float64]
_RFM = ("days_since_last_purchase", "purchase_days_182d", "spend_182d")


def recency_rule(panel: Panel, split: Split, names: tuple[str, ...]) -> Floats:
    """Churn probability of the judged rows by days since the last purchase: the best rising step function.

    Ties between steps are broken by the days themselves, so its ranking is that of recency.
    """
    days = panel.X[:, names.index(_RFM[0])]
    known, judged = panel.at(*split.fit, split.calibrate), panel.at(split.judge or split.calibrate)
    rule = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip").fit(days[known], panel.churned[known])
    return np.asarray(rule.predict(days[judged]) + 1e-9 * days[judged], float)


def rfm_logistic(panel: Panel, split: Split, names: tuple[str, ...]) -> Floats:
    """Churn probability of the judged rows by logistic regression on ln(1 + recency, frequency, money)."""
    Z = np.log1p(np.maximum(panel.X[:, [names.index(name) for name in _RFM]], 0))
    known, judged = panel.at(*split.fit, split.calibrate), panel.at(split.judge or split.calibrate)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(Z[known], panel.churned[known])
    return np.asarray(model.predict_proba(Z[judged])[:, 1], float)


BASELINES = {"recency_rule": recency_rule, "rfm_logistic": rfm_logistic}
