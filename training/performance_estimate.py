"""How well a run will have told leavers from stayers, before anybody knows; and beside it how well it did.

Confidence-based performance estimation, as NannyML's documentation describes it: where a probability is calibrated, it
says itself how often it will be right. Labels are drawn from the probabilities, and every measure is taken of each draw:
the mean is what is to be expected, the 2.5 and 97.5 per cent points are where chance alone may take it. It knows nothing
of a change in why customers leave: then the probabilities are no longer calibrated, and the estimate errs with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.bootstrap import Measure
from training.measures import MEASURES

Floats = npt.NDArray[np.float64]
DRAWS = 400
MOST_CUSTOMERS = 50_000
_CELLS = 2_000_000
_LEVELS = (0.025, 0.975)


def churn_rate(churned: Floats, _probability: Floats, weights: Floats) -> Floats:
    """Share of churners."""
    return np.asarray(weights @ churned / weights.sum(axis=1), float)


ESTIMATED: Mapping[str, Measure] = {
    "churn_rate": churn_rate,
    **{name: MEASURES[name] for name in ("auc", "lift_at_10", "log_loss", "brier", "calibration_error")},
}


@dataclass(frozen=True)
class Estimated:
    """A measure as the probabilities let expect it, where chance alone may take it, and as it came (None: not known)."""

    value: float
    low: float
    high: float
    actual: float | None = None


@dataclass(frozen=True)
class PerformanceEstimate:
    """Measures of some customers' probabilities, by name; a run of many is estimated from MOST_CUSTOMERS of them."""

    customers: int
    measures: Mapping[str, Estimated]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "customers": self.customers,
            "measures": {name: asdict(measure) for name, measure in self.measures.items()},
        }


def estimate_performance(
    probability: Floats, churned: npt.NDArray[np.bool_] | None = None, seed: int = 0
) -> PerformanceEstimate | None:
    """What these probabilities let expect, beside what came where it is known.

    Parameters
    ----------
    probability, churned
        Shape (rows,).

    Returns
    -------
    PerformanceEstimate or None
        None for fewer than two customers, or where no draw has both leavers and stayers.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(len(probability))[:MOST_CUSTOMERS] if len(probability) > MOST_CUSTOMERS else slice(None)
    taken = probability[rows]
    if len(taken) < 2:
        return None
    drawn = {name: np.concatenate(values) for name, values in _measured(taken, random).items()}
    if not len(drawn["auc"]):
        return None
    actual: dict[str, float] = {}
    if churned is not None and 0 < churned[rows].sum() < len(taken):
        truth, once = churned[rows].astype(float), np.ones((1, len(taken)))
        actual = {name: round(float(measure(truth, taken, once)[0]), 6) for name, measure in ESTIMATED.items()}
    found = {}
    for name, values in drawn.items():
        low, high = np.quantile(values, _LEVELS)
        found[name] = Estimated(
            round(float(values.mean()), 6), round(float(low), 6), round(float(high), 6), actual.get(name)
        )
    return PerformanceEstimate(len(taken), found)


def _measured(probability: Floats, random: np.random.Generator) -> dict[str, list[Floats]]:
    """By measure its values in blocks of draws; draws without leavers or without stayers say nothing."""
    found: dict[str, list[Floats]] = {name: [np.empty(0)] for name in ESTIMATED}
    everyone = np.concatenate([probability, probability])
    truth = np.repeat([1.0, 0.0], len(probability))
    for leaves in _draws(probability, random):
        for name, measure in ESTIMATED.items():
            found[name].append(measure(truth, everyone, np.concatenate([leaves, 1 - leaves], axis=1)))
    return found


def _draws(probability: Floats, random: np.random.Generator) -> Iterator[Floats]:
    """Labels drawn from the probabilities, 1 for who leaves; blocks of shape (draws, rows) that fit in memory."""
    block = max(1, min(DRAWS, _CELLS // len(probability)))
    for start in range(0, DRAWS, block):
        leaves = (random.random((min(block, DRAWS - start), len(probability))) < probability).astype(float)
        count = leaves.sum(axis=1)
        said = leaves[(count > 0) & (count < len(probability))]
        if len(said):
            yield said
