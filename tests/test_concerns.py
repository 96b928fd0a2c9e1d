"""What is worth a person's look: nothing within chance, nothing below its threshold, the gravest level that is reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from training.concerns import of_drift, of_estimate, of_performance
from training.drift import ColumnDrift, Drift, DriverDrift, ProbabilityDrift
from training.performance_estimate import Estimated, PerformanceEstimate
from training.severity import EXIT_CODES, SEVERITIES, Severity, worst
from training.study import MonitorSettings

RULES = MonitorSettings()
CALM = ProbabilityDrift(0.01, 0.02, 0.5, 0.2, 0.21, (0.5,), (0.5, 0.5), (0.5, 0.5), "ok")


def column(name: str, gain_share: float, state: Severity) -> ColumnDrift:
    return ColumnDrift(name, "spending_less", gain_share, 0.3, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, None, False, state)


def found(*columns: ColumnDrift, probability: ProbabilityDrift = CALM, drivers: tuple[DriverDrift, ...] = ()) -> Drift:
    return Drift(800, 800, (date(2024, 1, 1),), probability, columns, drivers)


def measured(auc: Estimated, rate: Estimated) -> PerformanceEstimate:
    return PerformanceEstimate(800, {"auc": auc, "churn_rate": rate})


CALIBRATED = Estimated(0.20, 0.17, 0.23, 0.21)
ORDERED = Estimated(0.80, 0.77, 0.83, 0.79)


def test_columns_count_once_they_carry_enough_of_the_gain_together() -> None:
    light = [column("a", 0.06, "watch"), column("b", 0.02, "alarm")]

    assert [] == of_drift(found(*light), RULES)
    [told] = of_drift(found(*light, column("c", 0.03, "watch")), RULES)
    assert ("watch", True) == (told.severity, "carry 11% of the model's gain have drifted: a, c, b." in told.said)


def test_the_alarm_is_of_the_columns_that_are_an_alarm_themselves() -> None:
    [told] = of_drift(found(column("a", 0.3, "watch"), column("b", 0.1, "alarm")), RULES)

    assert ("alarm", "Columns that carry 10% of the model's gain have drifted: b.") == (told.severity, told.said)


def test_the_heaviest_columns_are_named_and_the_others_counted() -> None:
    [told] = of_drift(found(*(column(f"c{k}", 0.05 + k / 100, "alarm") for k in range(5))), RULES)

    assert "c4, c3, c2 and 2 more." in told.said


def test_probability_and_drivers_count_as_they_are() -> None:
    driver = DriverDrift("price", 0.1, -0.2, 0.01, 0.0, 0.3, 0.1, "watch")
    told = of_drift(found(probability=replace(CALM, state="alarm", psi=0.4), drivers=(driver,)), RULES)

    assert ["alarm", "watch"] == [concern.severity for concern in told]
    assert "The driver 'Price and discounts' pushes 0.30 log-odds less towards leaving than it did." == told[1].said


@pytest.mark.parametrize(
    ("promised", "severity"), [(0.79, None), (0.765, "watch"), (0.745, "watch"), (0.735, "alarm")]
)  # fmt: skip
def test_a_lower_auc_to_be_expected_is_told_from_its_thresholds_on(promised: float, severity: str | None) -> None:
    estimate = measured(Estimated(promised, promised - 0.01, promised + 0.01), CALIBRATED)

    assert ([severity] if severity else []) == [c.severity for c in of_estimate(estimate, {"auc": 0.8}, RULES)]


def test_within_chance_nothing_is_told_of_the_estimate_nor_where_no_judge_is_known() -> None:
    wide = measured(Estimated(0.7, 0.59, 0.81), CALIBRATED)

    assert [] == of_estimate(wide, {"auc": 0.8}, RULES)
    assert [] == of_estimate(wide, {}, RULES)


@pytest.mark.parametrize(
    ("auc", "rate", "severities"),
    [
        (ORDERED, CALIBRATED, []),
        (replace(ORDERED, actual=0.765), CALIBRATED, ["watch"]),
        (replace(ORDERED, actual=0.73), CALIBRATED, ["alarm"]),
        (ORDERED, replace(CALIBRATED, actual=0.235), []),  # beyond chance, and of no account: 17.5 % more
        (ORDERED, replace(CALIBRATED, actual=0.25), ["watch"]),
        (ORDERED, replace(CALIBRATED, actual=0.15), ["watch"]),
        (ORDERED, replace(CALIBRATED, actual=0.31), ["alarm"]),
        (ORDERED, Estimated(0.2, 0.05, 0.35, 0.32), []),  # 60 % more, and within chance
        (replace(ORDERED, actual=None), replace(CALIBRATED, actual=None), []),
    ],
)
def test_what_came_is_told_where_it_is_beyond_chance_and_of_account(
    auc: Estimated, rate: Estimated, severities: list[str]
) -> None:
    assert severities == [c.severity for c in of_performance(measured(auc, rate), "the run", RULES)]


def test_the_worst_is_the_last_of_the_severities_and_each_has_an_exit_code_of_its_own() -> None:
    assert ("ok", "watch", "alarm") == SEVERITIES
    assert "alarm" == worst(["ok", "alarm", "watch"])
    assert "ok" == worst([])
    assert {"ok": 0, "watch": 4, "alarm": 5} == EXIT_CODES


@pytest.mark.parametrize("name", ["psi", "auc_drop", "churn_gap"])
def test_an_alarm_below_its_watch_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}_alarm must be at least {name}_watch"):
        MonitorSettings.model_validate({f"{name}_watch": 0.4, f"{name}_alarm": 0.3})
