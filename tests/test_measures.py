"""Measures: equal to scikit-learn's, and a weight of two is a customer seen twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from training.bootstrap import measured, over_parts
from training.measures import (
    DISTANCES,
    MEASURES,
    auc,
    average_precision,
    brier,
    calibration_error,
    calibration_error_noise,
    calibration_intercept,
    calibration_slope,
    expected_maximum_profit,
    further_measures,
    gain,
    lift_at_10,
    log_loss,
)
from training.study import ProfitSettings

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

    for measure in {**MEASURES, **further_measures(ProfitSettings())}.values():
        one_by_one = [measure(churned, probability, draw[None])[0] for draw in draws]
        assert one_by_one == pytest.approx(measure(churned, probability, draws))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_who_stands_first_among_those_who_are_alike_changes_nothing(seed: int) -> None:
    churned, probability = some(seed)
    draws = np.random.default_rng(seed).integers(0, 3, (3, 300)).astype(float)
    leavers_first = np.argsort(-churned, kind="stable")

    for measure in {**MEASURES, **further_measures(ProfitSettings())}.values():
        found = measure(churned[leavers_first], probability[leavers_first], draws[:, leavers_first])
        assert found == pytest.approx(measure(churned, probability, draws), abs=1e-9)


def test_where_all_are_alike_there_is_no_lift_and_one_gap() -> None:
    churned = (np.arange(40) < 10).astype(float)

    assert lift_at_10(churned, np.full(40, 0.2), np.ones((1, 40)))[0] == pytest.approx(1)
    assert calibration_error(churned, np.full(40, 0.2), np.ones((1, 40)))[0] == pytest.approx(0.05)


def test_of_those_who_are_alike_as_many_count_as_fit() -> None:
    """Two are riskiest, one of whom left; of the four after them, of whom one left, half fill the fifth of twenty."""
    churned = np.array([1, 0, 0, 0, 0, 1] + [1, 1] + [0] * 12, float)
    probability = np.array([0.9] * 2 + [0.5] * 4 + [0.1] * 14)

    assert gain(churned, probability, np.ones((1, 20)), 0.2)[0] == pytest.approx((1 + 1 / 2) / 4)


def test_every_measure_lies_within_its_interval() -> None:
    """Also the calibration error of probabilities that came true to the last customer: any draw has a larger one."""
    probability = np.repeat(np.linspace(0.05, 0.95, 10), 100)
    churned, ids = (np.tile(np.arange(100), 10) < 100 * probability - 0.5).astype(float), np.arange(1000)
    found = measured([churned], {"true": [probability]}, [ids], MEASURES, seed=1, count=200)["true"]

    for name, values in found.items():
        told = over_parts(values, name in DISTANCES)
        assert told["low"] <= told["value"] <= told["high"]
        assert told["low"] < told["high"]
    told = over_parts(found["calibration_error"])
    assert 0 == told["value"] < told["low"], "without the bias taken off"


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


def logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability / (1 - probability))


@given(slope=st.floats(0.3, 3), shift=st.floats(-2, 2))
@settings(max_examples=10)
def test_the_slope_is_by_how_much_the_log_odds_were_overdone(slope: float, shift: float) -> None:
    """Whoever says slope times too much has a slope of 1 / slope; the one who is shifted, an intercept of the shift."""
    rng = np.random.default_rng(1)
    truth = rng.normal(-1, 1, 5_000)
    churned = (rng.random(5_000) < 1 / (1 + np.exp(-truth))).astype(float)
    once = np.ones((1, 5_000))

    assert calibration_slope(churned, 1 / (1 + np.exp(-slope * truth)), once)[0] == pytest.approx(1 / slope, rel=0.15)
    assert calibration_intercept(churned, 1 / (1 + np.exp(-truth + shift)), once)[0] == pytest.approx(shift, abs=0.15)


def test_the_slope_is_that_of_a_logistic_regression_on_the_log_odds() -> None:
    churned, probability = some(7)
    times = np.random.default_rng(8).integers(0, 4, 300)
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(probability)[:, None], churned, sample_weight=times)

    assert fitted.coef_[0, 0] == pytest.approx(
        calibration_slope(churned, probability, times[None].astype(float))[0], rel=1e-4
    )


def test_whoever_says_the_same_of_all_has_no_slope() -> None:
    churned, _ = some(12)

    assert calibration_slope(churned, np.full(300, 0.2), np.ones((2, 300))).tolist() == [0, 0]


def test_gains_by_hand_split_the_customer_at_the_edge() -> None:
    """Four of twenty left; of the two riskiest one did, and the fifth of six is half inside 22.5 %."""
    churned = np.array([1, 0, 1, 1, 1] + [0] * 15, float)
    probability, once = np.linspace(1, 0, 20), np.ones((1, 20))

    assert gain(churned, probability, once, 0.1)[0] == pytest.approx(1 / 4)
    assert gain(churned, probability, once, 0.225)[0] == pytest.approx(3.5 / 4)
    assert gain(churned, probability, once, 1)[0] == pytest.approx(1)


def test_chance_alone_stays_below_the_noise_level_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(9)
    probability = rng.beta(1, 5, 400)
    noise = calibration_error_noise([probability], seed=1)
    errors = [
        calibration_error((rng.random(400) < probability).astype(float), probability, np.ones((1, 400)))[0]
        for _ in range(600)
    ]

    assert np.mean(np.array(errors) <= noise) == pytest.approx(0.95, abs=0.03)


def test_profit_by_hand_where_everyone_who_leaves_is_known() -> None:
    """Two of ten leave and are known: each costs a contact and, if kept (30 % are), an offer, and brings 200 then."""
    churned = np.array([1.0, 1.0] + [0.0] * 8)
    found = expected_maximum_profit(churned, churned, np.ones((1, 10)), ProfitSettings())

    assert found[0] == pytest.approx(0.2 * (0.3 * (200 - 10) - 1), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("paid", [(200, 10, 1, 6, 14), (50, 8, 2, 2, 3)])
def test_profit_is_that_of_empulse(ties: bool, paid: tuple[float, ...]) -> None:
    from empulse.metrics import empc_score

    churned, probability = some(10, ties)
    value, incentive, contact, alpha, beta = paid
    times = np.random.default_rng(11).integers(0, 4, 300)
    theirs = empc_score(
        churned.repeat(times), probability.repeat(times), alpha=alpha, beta=beta, clv=value, incentive_cost=incentive,
        contact_cost=contact,
    )  # fmt: skip
    asked = ProfitSettings(customer_value=value, incentive_cost=incentive, contact_cost=contact, accept=(alpha, beta))

    assert theirs == pytest.approx(
        expected_maximum_profit(churned, probability, times[None].astype(float), asked)[0], rel=1e-6
    )
