"""Performance before labels: what calibrated probabilities promise is what comes; where they are not, it is not."""

from __future__ import annotations

import numpy as np
import pytest

from models.churn import sigmoid
from training.measures import MEASURES
from training.performance_estimate import ESTIMATED, estimate_performance

RUNS = 40


def shop(random: np.random.Generator, customers: int = 1500) -> np.ndarray:
    return sigmoid(random.normal(-2, 1.2, customers))


def test_probabilities_of_nothing_and_of_everything_promise_perfection() -> None:
    found = estimate_performance(np.array([0.0] * 90 + [1.0] * 10))

    assert found is not None
    assert (0.1, 1.0, 10.0) == tuple(found.measures[name].value for name in ("churn_rate", "auc", "lift_at_10"))
    assert 0 == pytest.approx(found.measures["brier"].value)


def test_probabilities_that_are_all_alike_promise_no_order() -> None:
    found = estimate_performance(np.full(200, 0.3))

    assert found is not None
    assert found.measures["auc"].low == found.measures["auc"].high == 0.5
    lift = found.measures["lift_at_10"]
    assert (1, 1) == pytest.approx((lift.low, lift.high))
    assert 0.21 == pytest.approx(found.measures["brier"].value, abs=0.003)  # 0.3 x 0.7
    # the mean distance of a share of 200 from 0.3 is sqrt(2 / pi) of its spread
    assert found.measures["calibration_error"].value == pytest.approx((2 / np.pi * 0.21 / 200) ** 0.5, abs=0.004)


def test_the_brier_score_to_be_expected_by_hand() -> None:
    """The mean of p (1 - p): 0.09 and 0.16 in equal shares."""
    found = estimate_performance(np.array([0.1, 0.8] * 400))

    assert found is not None
    assert 0.125 == pytest.approx(found.measures["brier"].value, abs=0.003)


@pytest.mark.parametrize("measure", sorted(ESTIMATED))
def test_of_calibrated_probabilities_what_comes_lies_in_the_interval_as_often_as_it_says(measure: str) -> None:
    """95 of 100 times; of 40 shops at least 33 (chance of fewer: 1 in 1,000)."""
    inside = [found for found in _estimates() if found[measure][1] <= found[measure][0] <= found[measure][2]]

    assert len(inside) >= 33


def test_of_probabilities_that_are_too_bold_what_comes_lies_outside() -> None:
    """Log-odds twice as strong as they should be: the promised AUC stays the one of the order, the log loss is wrong."""
    random = np.random.default_rng(5)
    true = shop(random, 4000)
    bold = sigmoid(2 * np.log(true / (1 - true)))
    found = estimate_performance(bold, random.random(len(true)) < true)

    assert found is not None
    for name in ("log_loss", "brier", "calibration_error"):
        measure = found.measures[name]
        assert measure.actual is not None
        assert measure.actual > measure.high


def test_too_few_customers_and_labels_that_are_all_alike_promise_nothing_false() -> None:
    assert estimate_performance(np.empty(0)) is None
    assert estimate_performance(np.array([0.4])) is None
    assert estimate_performance(np.zeros(50)) is None
    all_stayed = estimate_performance(np.full(50, 0.3), np.zeros(50, bool))
    assert all_stayed is not None
    assert {None} == {measure.actual for measure in all_stayed.measures.values()}


def test_the_same_run_is_estimated_alike_again() -> None:
    probability = shop(np.random.default_rng(1))

    assert estimate_performance(probability) == estimate_performance(probability)


def test_a_run_of_many_is_estimated_from_some_and_its_labels_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.performance_estimate.MOST_CUSTOMERS", 300)
    probability = shop(np.random.default_rng(1))
    found = estimate_performance(probability, probability > 0.2)  # whoever is above, leaves: a perfect order

    assert found is not None
    assert (300, 1.0) == (found.customers, found.measures["auc"].actual)


def test_the_actual_measures_are_those_of_the_judge() -> None:
    random = np.random.default_rng(2)
    probability = shop(random)
    churned = random.random(len(probability)) < probability
    found = estimate_performance(probability, churned)

    assert found is not None
    judged = MEASURES["auc"](churned.astype(float), probability, np.ones((1, len(churned))))[0]
    assert found.measures["auc"].actual == pytest.approx(judged, abs=1e-6)


_FOUND: list[dict[str, tuple[float, float, float]]] = []


def _estimates() -> list[dict[str, tuple[float, float, float]]]:
    """By shop and measure: what came, and the interval; made once."""
    if not _FOUND:
        random = np.random.default_rng(3)
        for _ in range(RUNS):
            probability = shop(random, 400)
            found = estimate_performance(probability, random.random(len(probability)) < probability)
            assert found is not None
            _FOUND.append({n: (m.actual or 0.0, m.low, m.high) for n, m in found.measures.items()})
    return _FOUND
