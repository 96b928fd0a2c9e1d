"""Calibration: a line where it helps; what one day asks for alone moves no level, what several ask for does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from models.churn import sigmoid
from training.platt import Held, Platt, fit_platt, fit_platt_over_days


def test_platt_mends_an_overconfident_margin() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(-1, 1, 4000)
    churned = rng.random(4000) < sigmoid(truth)
    platt = fit_platt(3 * truth + 1, churned, seed=1)

    assert platt.slope == pytest.approx(1 / 3, rel=0.1)
    assert sigmoid(platt(3 * truth + 1)).mean() == pytest.approx(churned.mean(), abs=0.01)


def beside_none(stretch: float, seed: int) -> tuple[Platt, float]:
    """The line fitted on 1,000 margins so many times too bold, and by how much it lowers the log loss of others."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1, 1, 5000)
    churned, margin = rng.random(5000) < sigmoid(truth), stretch * truth
    found = fit_platt(margin[:1000], churned[:1000], seed)
    none, scaled = (log_loss(churned[1000:], sigmoid(way(margin[1000:]))) for way in (Platt(), found))
    return found, none - scaled


def test_platt_leaves_alone_what_it_cannot_better() -> None:
    """Of margins that are right the line is left out most times, and does little harm where chance lets it in."""
    found = [beside_none(1.0, seed) for seed in range(30)]

    assert sum(platt == Platt() for platt, _ in found) >= 20
    assert min(bettered for _, bettered in found) > -0.01
    assert np.mean([bettered for _, bettered in found]) > -0.001


@pytest.mark.parametrize("stretch", [0.5, 2.0])
def test_platt_betters_what_is_too_timid_or_too_bold(stretch: float) -> None:
    assert min(beside_none(stretch, seed)[1] for seed in range(15)) > 0.01


def test_platt_turns_no_ranks_round() -> None:
    """The line that is asked for falls, and would be better."""
    rng = np.random.default_rng(3)
    margin = rng.normal(-1, 1, 2000)

    assert Platt() == fit_platt(margin, rng.random(2000) < sigmoid(-margin), seed=1)


def day(seed: int, slope: float, level: float, customers: int = 8000) -> Held:
    """Margins of a day on which the truth was slope x margin + level."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(0, 1.5, customers)
    return margin, rng.random(customers) < sigmoid(slope * margin + level)


@settings(max_examples=20, deadline=None)
@given(slope=st.floats(0.3, 2.5), usual=st.floats(-4, 0))
def test_one_day_or_two_move_the_slope_half_way_and_what_is_said_on_the_whole_not_at_all(
    slope: float, usual: float
) -> None:
    margin, _ = day(1, 1.0, 0.0)
    of = [
        (margin + usual, np.random.default_rng(k).random(len(margin)) < sigmoid(slope * margin + usual)) for k in (1, 2)
    ]
    found, same = fit_platt_over_days(of[:1]), fit_platt_over_days(of)

    assert found == same
    assert found.slope == pytest.approx(slope**0.5, abs=0.08)
    assert sigmoid(found(margin + usual)).mean() == pytest.approx(sigmoid(margin + usual).mean(), abs=1e-6)


def test_a_day_that_can_be_told_apart_does_not_make_certain() -> None:
    margin = np.linspace(-4, 4, 500)

    assert fit_platt_over_days([(margin, margin > 0.01)]).slope == 2


def test_the_level_moves_as_far_as_days_agree() -> None:
    agreeing = fit_platt_over_days([day(k, 1.0, 0.5) for k in range(4)])
    quarrelling = fit_platt_over_days([day(k, 1.0, level) for k, level in enumerate((0.9, -0.6, 0.7, -0.5))])

    assert agreeing.intercept == pytest.approx(0.5, abs=0.1)
    assert quarrelling.intercept == pytest.approx(0, abs=0.02)


def test_a_day_of_too_few_who_left_tells_nothing() -> None:
    margin, churned = day(1, 1.0, 0.5)
    nobody = margin, np.arange(len(margin)) < 3

    assert Platt() == fit_platt_over_days([nobody])
    assert fit_platt_over_days([(margin, churned)]) == fit_platt_over_days([nobody, (margin, churned)])


def test_ranks_are_kept_even_where_a_day_turned_them_round() -> None:
    assert fit_platt_over_days([day(1, -0.8, 0.0)]).slope > 0
