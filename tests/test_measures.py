"""Measures: equal to scikit-learn's, and a weight of two is a customer seen twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from training.measures import MEASURES, auc, average_precision, brier, calibration_error, lift_at_10, log_loss

PEERS = {
    auc: sk.roc_auc_score,
    average_precision: sk.average_precision_score,
    brier: sk.brier_score_loss,
    log_loss: sk.log_loss,
}


def some(seed: int, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 5, 300)
    if ties:
        probability = np.round(probability, 2).clip(0.01, 0.99)
    churned = (rng.random(300) < probability).astype(float)
    churned[:2] = (0, 1)
    return churned, probability


@pytest.mark.parametrize("measure", PEERS, ids=lambda m: m.__name__)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_each_measure_equals_scikit_learns(measure, seed: int, ties: bool) -> None:
    churned, probability = some(seed, ties)

    assert PEERS[measure](churned, probability) == pytest.approx(
        measure(churned, probability, np.ones((1, 300)))[0], abs=1e-12
    )


@pytest.mark.parametrize("measure", PEERS, ids=lambda m: m.__name__)
def test_a_weight_counts_as_many_customers(measure) -> None:
    churned, probability = some(3)
    times = np.random.default_rng(4).integers(0, 4, 300)

    assert PEERS[measure](churned.repeat(times), probability.repeat(times)) == pytest.approx(
        measure(churned, probability, times[None].astype(float))[0], abs=1e-12
    )


def test_many_draws_are_measured_at_once() -> None:
    churned, probability = some(5)
    draws = np.random.default_rng(6).integers(0, 3, (7, 300)).astype(float)

    for measure in MEASURES.values():
        one_by_one = [measure(churned, probability, draw[None])[0] for draw in draws]
        assert one_by_one == pytest.approx(measure(churned, probability, draws))


def test_lift_of_a_perfect_order_is_one_over_the_churn_rate_or_ten() -> None:
    churned = np.array([1.0] * 5 + [0.0] * 95)

    assert lift_at_10(churned, np.linspace(1, 0, 100), np.ones((1, 100)))[0] == pytest.approx(10)


def test_lift_by_hand() -> None:
    """Of the two riskiest among twenty one left, of all twenty four: 0.5 / 0.2."""
    churned = np.array([1, 0, 1, 1, 1] + [0] * 15, float)

    assert lift_at_10(churned, np.linspace(1, 0, 20), np.ones((1, 20)))[0] == pytest.approx(2.5)


def test_calibration_error_by_hand() -> None:
    """Two bins: said 0.2 seen 0.5, said 0.6 seen 0.5."""
    churned = np.array([0.0, 1.0, 0.0, 1.0])
    probability = np.array([0.2, 0.2, 0.6, 0.6])

    assert calibration_error(churned, probability, np.ones((1, 4)), bins=2)[0] == pytest.approx((0.3 + 0.1) / 2)
