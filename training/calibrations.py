"""Ways of calibrating a margin, side by side: what is given up by the one that is served."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from models.churn import sigmoid
from training.platt import line, tells

Floats = npt.NDArray[np.float64]
WAYS = ("none", "platt", "isotonic", "beta")
_LEAST = 1e-6


def calibrated(margin: Floats, churned: npt.NDArray[np.bool_], asked: Floats) -> dict[str, Floats]:
    """Probabilities of the margins `asked`, by each of WAYS fitted on `margin` and `churned`; all are none where these tell too little.

    none: as the trees say. platt: a line in log-odds (Platt 1999). isotonic: the best rising steps (Zadrozny & Elkan
    2002). beta: a line in ln p and ln(1 - p), both rising (Kull, Silva Filho & Flach 2017).
    """
    plain = sigmoid(asked)
    if not tells(churned):
        return dict.fromkeys(WAYS, plain)
    steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(margin, churned)
    return {
        "none": plain,
        "platt": sigmoid(line(margin, churned)(asked)),
        "isotonic": np.clip(np.asarray(steps.predict(asked), float), _LEAST, 1 - _LEAST),
        "beta": _beta(margin, churned, asked),
    }


def _beta(margin: Floats, churned: npt.NDArray[np.bool_], asked: Floats) -> Floats:
    """Beta calibration; a side whose slope would fall is left out, as its authors do."""
    known, wanted = _sides(margin), _sides(asked)
    slopes = LogisticRegression(C=1e6).fit(known, churned).coef_[0]
    kept = slopes > 0 if (slopes <= 0).any() and (slopes > 0).any() else np.array([True, True])
    fitted = LogisticRegression(C=1e6).fit(known[:, kept], churned)
    return np.asarray(fitted.predict_proba(wanted[:, kept])[:, 1], float)


def _sides(margin: Floats) -> Floats:
    """ln p and -ln(1 - p) of a margin, shape (n, 2), without overflow."""
    return np.column_stack([-np.logaddexp(0, -margin), np.logaddexp(0, margin)])
