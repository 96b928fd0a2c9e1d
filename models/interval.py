"""How sure a probability is: its interval, from how far it moves when other customers are learned from."""

from __future__ import annotations

from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.churn import sigmoid

Floats = npt.NDArray[np.float64]
LEVEL = 0.9
_Z = 1.6448536269514722  # half of what lies outside LEVEL, on each side


@dataclass(frozen=True, eq=False)
class IntervalModel:
    """The standard error of the log-odds of leaving, as LightGBM text that predicts its logarithm.

    It tells how much chance in the choice of customers moved the model, not how much chance there is in a customer.
    """

    text: str
    features: tuple[str, ...]
    _booster: lgb.Booster = field(init=False, repr=False)

    def __post_init__(self) -> None:
        booster = lgb.Booster(model_str=self.text)
        if tuple(booster.feature_name()) != self.features:
            raise ValueError("the text of the interval and the bundle disagree about the features")
        object.__setattr__(self, "_booster", booster)

    def __repr__(self) -> str:
        return f"<IntervalModel: {LEVEL:.0%}, {self._booster.num_trees()} trees>"

    def standard_error(self, X: Floats, threads: int = 1) -> Floats:
        """Shape (rows,), in log-odds, above 0."""
        return np.asarray(np.exp(self._booster.predict(X, num_threads=threads)), float)

    def bounds(self, X: Floats, log_odds: Floats, threads: int = 1) -> tuple[Floats, Floats]:
        """The low and the high end of LEVEL around the probability of these log-odds, each of shape (rows,)."""
        reach = _Z * self.standard_error(X, threads)
        return sigmoid(log_odds - reach), sigmoid(log_odds + reach)
