"""The promotion gates, by hand: better than the recency rule, and no worse than the champion on what is new to it."""

from __future__ import annotations

import pytest

from training.champion import against_champion
from training.gates import gates
from training.study import Gates
from training.train import Trained


def judgment(bundle: str, log_loss: float = 0.3, low: float = 0.01, cutoffs=("a", "b"), beside=None) -> dict:
    return {
        "bundle": bundle, "cutoffs": list(cutoffs), "against_champion": beside,
        "models": {"holdfast": {"log_loss": {"value": log_loss}}},
        "paired": {"recency_rule": {"auc_difference": {"low": low}}},
    }  # fmt: skip


def passed(challenger: dict, champion: dict | None) -> list[bool]:
    return [gate.passed for gate in gates(challenger, champion, Gates())]


def test_the_first_bundle_must_only_beat_the_recency_rule() -> None:
    assert [True] == passed(judgment("churn/1"), None)
    assert [False] == passed(judgment("churn/1", low=-0.001), None)


def test_on_the_same_cutoffs_the_judged_log_losses_are_compared() -> None:
    assert [True, True] == passed(judgment("churn/2", 0.301), judgment("churn/1", 0.3))
    assert [True, False] == passed(judgment("churn/2", 0.303), judgment("churn/1", 0.3))


def test_cutoffs_new_to_the_champion_count_before_all_else() -> None:
    worse = {"bundle": "churn/1", "cutoffs": ["c"], "log_loss": 0.2, "challenger_log_loss": 0.3}
    better = {**worse, "log_loss": 0.4}

    assert [True, False] == passed(judgment("churn/2", beside=worse), judgment("churn/1"))
    assert [True, True] == passed(judgment("churn/2", 0.9, beside=better), judgment("churn/1"))


def test_judged_on_folds_of_other_days_the_judged_log_losses_are_compared() -> None:
    challenger, champion = judgment("churn/2", 0.303, cutoffs=["c"]), judgment("churn/1", 0.3)

    assert [True, False] == passed({**challenger, "in_time": False}, {**champion, "in_time": False})
    assert [True, True] == passed(
        {**challenger, "in_time": False, "models": champion["models"]}, {**champion, "in_time": False}
    )
    [_, gate] = gates({**challenger, "in_time": False}, champion, Gates())
    assert "wait for labels to mature" in gate.because


def test_what_cannot_be_compared_is_not_promoted() -> None:
    [_, gate] = gates(judgment("churn/2", cutoffs=["c"]), judgment("churn/1"), Gates())

    assert not gate.passed
    assert "wait for labels to mature" in gate.because


def test_the_champion_is_not_compared_with_itself() -> None:
    assert [True] == passed(judgment("churn/1"), judgment("churn/1"))


def test_a_champion_is_judged_only_on_labels_it_has_not_seen(trained: Trained, checked) -> None:
    """Fitted on all judged cut-offs it is not comparable; had it been fitted long before, it would be."""
    from dataclasses import replace

    bundle, judged = trained.bundle, trained.judgment.judged
    old = replace(bundle, trained_until=checked.first_day)

    assert against_champion(bundle, checked, judged, None) is None
    beside = against_champion(old, checked, judged, None)
    assert [str(j.cutoff) for j in judged] == beside["cutoffs"]
    assert beside["challenger_log_loss"] == pytest.approx(trained.judgment.models["holdfast"]["log_loss"]["value"])
    assert beside["log_loss"] < beside["challenger_log_loss"]  # it has in truth seen these labels
