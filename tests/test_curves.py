"""The curves of a judgment, on rows that can be counted by eye."""

from __future__ import annotations

import numpy as np
import pytest

from training.curves import reliability_curve

WHO = np.array([f"c{k}" for k in range(200)], object)
LEFT = (np.arange(200) % 10 < 3).astype(float)
SAID = np.full(200, 0.25)


def test_a_point_tells_what_was_said_and_what_was_seen() -> None:
    [low, high] = reliability_curve(np.repeat([0.0, 1.0], 100), np.repeat([0.1, 0.8], 100), WHO, bins=2)

    assert (100, 0.1, 0.0, 0.0) == (low["customers"], low["said"], low["seen"], low["low"])
    assert (100, 0.8, 1.0, 1.0) == (high["customers"], high["said"], high["seen"], high["high"])
    assert low["high"] == pytest.approx(0.037, abs=5e-4)  # Wilson's, of 0 in 100


@pytest.mark.parametrize("left", [LEFT, np.zeros(200), np.ones(200)])
def test_customers_who_do_the_same_on_three_days_tell_no_more_than_on_one(left: np.ndarray) -> None:
    [once] = reliability_curve(left, SAID, WHO, bins=1)
    [thrice] = reliability_curve(np.tile(left, 3), np.tile(SAID, 3), np.tile(WHO, 3), bins=1)

    assert 600 == thrice["customers"]
    assert {**once, "customers": 600} == thrice


def test_customers_who_do_now_this_and_now_that_tell_as_much_as_others_would() -> None:
    """Whoever left on one day stayed on the other, so that no customer is like himself."""
    left = np.concatenate([LEFT, LEFT[::-1]])
    [others] = reliability_curve(left, np.tile(SAID, 2), np.array([f"c{k}" for k in range(400)], object), bins=1)
    [same] = reliability_curve(left, np.tile(SAID, 2), np.tile(WHO, 2), bins=1)

    assert others == same
