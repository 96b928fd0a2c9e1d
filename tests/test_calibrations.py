"""Ways of calibrating, side by side: each mends what it is for, and ranks are kept."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from models.churn import sigmoid
from training.calibrations import WAYS, calibrated


def overdone(count: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Margins three times what they should be, and who left."""
    rng = np.random.default_rng(1)
    truth = rng.normal(-1, 1, count)
    return 3 * truth, rng.random(count) < sigmoid(truth)


def test_every_way_mends_a_margin_that_is_overdone() -> None:
    margin, churned = overdone()
    found = calibrated(margin[:3000], churned[:3000], margin[3000:])
    losses = {way: log_loss(churned[3000:], found[way]) for way in WAYS}

    assert max(losses[way] for way in ("platt", "isotonic", "beta")) < losses["none"] - 0.05
    assert losses["platt"] == pytest.approx(losses["beta"], abs=0.005)


@pytest.mark.parametrize("way", WAYS)
def test_a_higher_margin_never_gets_a_lower_probability(way: str) -> None:
    margin, churned = overdone()
    asked = np.linspace(-9, 9, 200)
    probability = calibrated(margin, churned, asked)[way]

    assert (np.diff(probability) >= 0).all()
    assert ((probability > 0) & (probability < 1)).all()


def test_too_few_of_a_class_are_not_learned_from() -> None:
    margin = np.linspace(-2, 2, 100)
    found = calibrated(margin, np.arange(100) < 9, margin)

    assert {way: sigmoid(margin).tolist() for way in WAYS} == {way: p.tolist() for way, p in found.items()}
