"""The promotion gates, by hand: better than the recency rule, and no worse than the champion on what is new to it."""

from __future__ import annotations

import pytest

from training.champion import against_champion
from training.gates import gates
from training.study import Gates
from training.train import Trained


def judgment(
    bundle: str,
    log_loss: float = 0.3,
    low: float = 0.01,
    cutoffs=("a", "b"),
    beside=None,
    auc=0.8,
    error=0.02,
    asked="silence",
    rate=0.2,
) -> dict:
    return {
        "bundle": bundle, "cutoffs": list(cutoffs), "against_champion": beside, "definition": {"kind": asked},
        "churn_rate": rate,
        "models": {"holdfast": {"log_loss": {"value": log_loss}, "auc": {"value": auc}, "calibration_error": {"value": error}}},
        "paired": {"recency_rule": {"auc_difference": {"low": low}}},
    }  # fmt: skip


def passed(challenger: dict, champion: dict | None) -> list[bool]:
    """Whether it is better than the rule of thumb, and no worse than the champion where there is one."""
    better, telling, calibrated, *against = gates(challenger, champion, Gates())
    assert telling.passed
    assert calibrated.passed
    return [better.passed, *(gate.passed for gate in against)]


def test_the_first_bundle_must_only_beat_the_rule_of_thumb() -> None:
    assert [True] == passed(judgment("churn/1"), None)
    assert [False] == passed(judgment("churn/1", low=-0.001), None)
    assert gates(judgment("churn/1", low=-0.001), None, Gates(better_than_rule=False))[0].passed


@pytest.mark.parametrize(
    ("auc", "error", "expected"),
    [(0.6, 0.08, [True, True]), (0.5999, 0.0, [False, True]), (0.9, 0.0801, [True, False])],
)
def test_a_bundle_must_tell_leavers_from_stayers_and_be_calibrated(
    auc: float, error: float, expected: list[bool]
) -> None:
    found = gates(judgment("churn/1", auc=auc, error=error), None, Gates())

    assert expected == [gate.passed for gate in found[1:]]


def test_log_losses_of_different_questions_are_not_compared() -> None:
    """However good its log loss: it is of other labels. Only who asks for it lets such a bundle pass."""
    challenger, champion = judgment("churn/2", 0.1, asked="contract"), judgment("churn/1", 0.9)

    *_, gate = gates(challenger, champion, Gates())
    assert not gate.passed
    assert "another churn definition" in gate.because
    assert "--other-question" in gate.because
    assert gates(challenger, champion, Gates(), other_question=True)[-1].passed
    del champion["definition"]  # of before judgments told it
    assert gates(challenger, champion, Gates())[-1].passed


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
    *_, gate = gates({**challenger, "in_time": False}, champion, Gates())
    assert "wait for labels to mature" in gate.because


def test_on_folds_a_table_in_which_fewer_left_is_no_better_model() -> None:
    """Telling everybody the churn rate has a log loss of 0.500 where 20 in 100 left, of 0.325 where 10 did."""
    champion = {**judgment("churn/1", 0.4, rate=0.2), "in_time": False}  # 0.100 better than that
    worse = {**judgment("churn/2", 0.3, rate=0.1), "in_time": False}  # 0.025 better
    better = {**judgment("churn/2", 0.22, rate=0.1), "in_time": False}  # 0.105 better

    assert [True, False] == passed(worse, champion)
    assert [True, True] == passed(better, champion)
    assert (
        "beyond that of the churn rate alone is -0.1051 against -0.1004" in gates(better, champion, Gates())[-1].because
    )


def test_what_cannot_be_compared_is_not_promoted() -> None:
    *_, gate = gates(judgment("churn/2", cutoffs=["c"]), judgment("churn/1"), Gates())

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
    more = beside["log_loss_difference"]
    assert more["value"] == pytest.approx(beside["challenger_log_loss"] - beside["log_loss"], abs=2e-6)
    assert more["low"] < more["value"] < more["high"]
    assert [str(j.cutoff) for j in judged] == beside["cutoffs"]
    assert beside["challenger_log_loss"] == pytest.approx(trained.judgment.models["holdfast"]["log_loss"]["value"])
    assert beside["log_loss"] < beside["challenger_log_loss"]  # it has in truth seen these labels


def test_a_study_of_before_may_call_the_rule_of_thumb_the_recency_rule() -> None:
    assert not Gates.model_validate({"better_than_recency_rule": False}).better_than_rule
