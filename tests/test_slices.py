"""Slices by hand: figures one can count, groups too small to tell of, and what is unlike between groups."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from training.groups import OTHERS, Grouping
from training.judge import JudgedCutoff
from training.slices import measure_slices

HIGH = 0.5


def judged(*groups: tuple[str, int, int, int, float]) -> tuple[list[JudgedCutoff], Grouping]:
    """One cut-off of groups (name, customers, of them left, of these marked high, probability of who is not)."""
    names, churned, probability = [], [], []
    for name, customers, left, found, said in groups:
        names += [name] * customers
        churned += [1.0] * left + [0.0] * (customers - left)
        probability += [0.9] * found + [said] * (customers - found)
    count = len(names)
    ids = np.array([f"c{k}" for k in range(count)], object)
    zeros = np.zeros(count)
    cutoff = JudgedCutoff(
        date(2024, 1, 1),
        ids,
        np.full(count, 19723),
        np.array(churned),
        zeros,
        zeros[:, None],
        {"holdfast": np.array(probability)},
    )
    order = tuple(dict.fromkeys(names))
    return [cutoff], Grouping("age", np.array(names), order, is_attribute=True, is_protected=True)


def test_a_groups_figures_by_hand() -> None:
    """Of 100, 20 left, 15 of them marked high; the 85 others were given 10 %."""
    cutoffs, grouping = judged(("young", 100, 20, 15, 0.1), ("old", 100, 10, 5, 0.1))
    slices, _ = measure_slices(cutoffs, [grouping], HIGH, seed=1)
    young = slices["age"][0]

    assert (young["group"], young["customers"]) == ("young", 100)
    assert {name: young[name]["value"] for name in ("churn_rate", "selected", "missed", "false_alarms")} == {
        "churn_rate": 0.2, "selected": 0.15, "missed": 0.25, "false_alarms": 0.0,
    }  # fmt: skip
    assert young["mean_probability"]["value"] == pytest.approx((15 * 0.9 + 85 * 0.1) / 100)
    assert young["expected_over_actual"]["value"] == pytest.approx((15 * 0.9 + 85 * 0.1) / 20)
    assert young["auc"]["value"] == pytest.approx((15 * 80 + 5 * 80 / 2) / (20 * 80))
    assert young["churn_rate"]["low"] < 0.2 < young["churn_rate"]["high"]
    assert young["false_alarms"]["low"] == 0 < young["false_alarms"]["high"], "none of 80 does not mean never"


def test_nothing_is_told_of_a_group_under_thirty() -> None:
    cutoffs, grouping = judged(("many", 100, 20, 15, 0.1), ("few", 29, 5, 5, 0.1))
    slices, [compared] = measure_slices(cutoffs, [grouping], HIGH, seed=1)

    assert {"group": "few", "customers": 29, "too_small": True} == slices["age"][1]
    assert [] == compared["groups"], "one group alone is compared with nothing"


def test_a_selection_below_four_fifths_is_told_in_words() -> None:
    """30 % of the young and 10 % of the old are marked high, while as many of both leave."""
    cutoffs, grouping = judged(("young", 400, 120, 120, 0.1), ("old", 400, 120, 40, 0.1))
    _, [compared] = measure_slices(cutoffs, [grouping], HIGH, seed=1)
    young, old = compared["groups"]

    assert (compared["reference"], compared["protected"]) == ("young", True)
    assert (young["below_four_fifths"], old["below_four_fifths"]) == (False, True)
    assert old["selection_ratio"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert old["found_difference"]["value"] == pytest.approx(40 / 120 - 1)
    assert old["words"].startswith(
        "Marked high 0.33 times as often as young, below four fifths; 30.0% of them left, 30.0%"
    )
    assert "Of 100 who leave, 67 fewer are marked high than in the other groups." in old["words"]


def test_a_ratio_that_may_be_chance_is_told_as_such_and_equals_are_not_told_of() -> None:
    by_chance, grouping = judged(("young", 100, 15, 15, 0.05), ("old", 100, 11, 11, 0.05))
    _, [compared] = measure_slices(by_chance, [grouping], HIGH, seed=1)
    assert "below four fifths, which may be chance" in compared["groups"][1]["words"]

    alike, grouping = judged(("young", 100, 20, 15, 0.09), ("old", 100, 20, 15, 0.09))
    _, [compared] = measure_slices(alike, [grouping], HIGH, seed=1)
    assert ["", ""] == [group["words"] for group in compared["groups"]]


def test_where_hardly_anyone_is_marked_no_ratio_is_told() -> None:
    cutoffs, grouping = judged(("young", 100, 20, 9, 0.1), ("old", 100, 20, 0, 0.1))
    _, [compared] = measure_slices(cutoffs, [grouping], HIGH, seed=1)

    assert compared["reference"] is None
    assert {None} == {group["selection_ratio"] for group in compared["groups"]}


def test_those_put_together_are_shown_and_not_compared() -> None:
    cutoffs, grouping = judged(("a", 100, 20, 15, 0.1), ("b", 100, 20, 15, 0.1), (OTHERS, 100, 20, 0, 0.1))
    slices, [compared] = measure_slices(cutoffs, [grouping], HIGH, seed=1)

    assert ["a", "b", OTHERS] == [one["group"] for one in slices["age"]]
    assert ["a", "b"] == [one["group"] for one in compared["groups"]]
