"""Grades by hand: what a manager is told, and when they are told that the probabilities are off."""

from __future__ import annotations

import pytest

from training.grade import beside_champion, grade

LEVEL = [{"said": 0.1, "seen": 0.11, "low": 0.09, "high": 0.13}]
OFF = [*LEVEL, {"said": 0.2, "seen": 0.3, "low": 0.26, "high": 0.34}]


def graded(
    auc: float = 0.8, rule: tuple = (0.01, 0.02, 0.03), regression: tuple = (0.01, 0.02, 0.03), error: float = 0.01,
    reliability: list = LEVEL,
) -> tuple[str, str]:  # fmt: skip
    models = {"holdfast": {name: {"value": value} for name, value in
                           (("auc", auc), ("lift_at_10", 3.14), ("calibration_error", error))}}  # fmt: skip
    paired = {
        name: {"auc_difference": dict(zip(("low", "value", "high"), values, strict=True))}
        for name, values in (("recency_rule", rule), ("rfm_logistic", regression))
    }
    return grade(models, paired, 0.02, reliability)


@pytest.mark.parametrize(
    ("letter", "how"),
    [
        ("A", {}),
        ("B", {"regression": (-0.01, 0.0, 0.01)}),
        ("C", {"regression": (-0.03, -0.02, -0.01)}),
        ("C", {"rule": (-0.01, 0.01, 0.03)}),
        ("D", {"rule": (-0.03, -0.01, 0.01)}),
        ("C", {"auc": 0.64}),
    ],
)
def test_the_letter_follows_from_what_one_would_do_without_it(letter: str, how: dict) -> None:
    assert letter == graded(**how)[0]


def test_a_manager_is_told_how_much_denser_leavers_are_at_the_top() -> None:
    assert graded()[1].endswith("Among the tenth it holds most at risk, 3.1 times as many leave as among all.")


def test_probabilities_that_are_off_are_told_where_they_are_most() -> None:
    assert graded(error=0.03, reliability=OFF)[1].endswith("Its probabilities are off: it says 20% where 30% leave.")


def test_chance_is_not_told_as_a_fault() -> None:
    """Neither where the whole error is within the noise, nor where no tenth is outside its interval."""
    assert "off" not in graded(error=0.019, reliability=OFF)[1]
    assert "off" not in graded(error=0.03, reliability=LEVEL)[1]


@pytest.mark.parametrize(
    ("letter", "more", "told"),
    [
        ("A", (-0.03, -0.01), "Reliably better than churn/3"),
        ("A", (-0.01, 0.01), "Neither reliably better nor worse than churn/3"),
        ("C", (0.01, 0.03), "Reliably worse than churn/3"),
    ],
)
def test_what_is_worse_than_what_is_served_is_no_better_than_a_c(
    letter: str, more: tuple[float, float], told: str
) -> None:
    beside = {"bundle": "churn/3", "log_loss_difference": dict(zip(("low", "high"), more, strict=True))}

    assert (letter, f"Fine. {told}, which is served.") == beside_champion("A", "Fine.", beside)
    assert "D" == beside_champion("D", "", beside)[0]


@pytest.mark.parametrize("beside", [None, {"bundle": "churn/3", "not_told": "no such column"}])
def test_without_a_champion_to_compare_the_grade_is_as_it_was(beside: dict | None) -> None:
    assert ("B", "Fine.") == beside_champion("B", "Fine.", beside)
