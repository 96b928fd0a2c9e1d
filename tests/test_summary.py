"""The summary of a run is what one counts by hand over its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages_by_hand import answer

from models.summary import RISK_BINS, Summary

QUIET, PRICE, HABIT, OFFERS = (
    {"driver": driver, "push": push}
    for driver, push in (("going_quiet", 0.8), ("price", 0.4), ("buying_habit", -0.2), ("offers", 0.3))
)
GONE = answer("gone", None)


def summary(*answers: dict[str, Any]) -> dict[str, Any]:
    made = Summary()
    for one in answers:
        made.add(one)
    return made.as_dict()


def test_two_customers_by_hand() -> None:
    called = answer(
        "a", 0.5, value_at_risk=60.5, lifetime_value={"mean": 100.25}, reasons=[QUIET, PRICE, HABIT],
        decision={"cost": 5.0, "expected_net_value": 7.5},
    )  # fmt: skip
    left = answer(
        "b", 0.25, value_at_risk=10.0, lifetime_value={"mean": 50.0}, reasons=[PRICE],
        decision={"action": "no_action", "arm": "none", "cost": 0.0, "expected_net_value": 0.0, "why_not": "already_safe"},
    )  # fmt: skip
    found = summary(called, GONE, left)
    of_called = {"customers": 1, "churners": 0.5, "value_at_risk": 60.5, "lifetime_value": 100.25, "cost": 5.0,
                 "expected_net_value": 7.5}  # fmt: skip
    of_both = {"customers": 2, "churners": 0.75, "value_at_risk": 70.5, "lifetime_value": 150.25, "cost": 5.0,
               "expected_net_value": 7.5}  # fmt: skip

    assert of_both == found["total"] == found["by"]["segment"]["S1"] == found["by"]["reason"]["price"]
    assert of_called == found["by"]["reason"]["going_quiet"] == found["by"]["arm"]["treat"]
    assert {"call": 1, "no_action": 1} == {name: tally["customers"] for name, tally in found["by"]["action"].items()}
    assert {"already_safe"} == set(found["by"]["why_not"])
    assert [(5, 1), (10, 1)] == [(place, many) for place, many in enumerate(found["risk"]) if many]


def test_who_is_not_eligible_does_not_count() -> None:
    nobody = {"risk": [0] * RISK_BINS, "total": {}, "by": {}}

    assert nobody == without_equity(summary(GONE, GONE)) == without_equity(summary())


def without_equity(found: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in found.items() if name != "equity"}


def test_equity_is_the_sum_of_the_values_of_all_who_have_one() -> None:
    """Eligible or not; only whoever opted out has none. Its interval is in proportion."""
    made = Summary(straying=(0.9, 1.2))
    for one in (answer("a", lifetime_value={"mean": 100.0}), answer("gone", None, lifetime_value={"mean": 20.0})):
        made.add(one)
    made.add(answer("out", None, lifetime_value=None))

    assert {"customers": 2, "mean": 120.0, "low": 108.0, "high": 144.0} == made.as_dict()["equity"]


def test_only_the_three_strongest_that_raise_the_risk_are_reasons() -> None:
    four = [QUIET, PRICE, OFFERS, {"driver": "tenure", "push": 0.1}, HABIT]

    assert {"going_quiet", "price", "offers"} == set(summary(answer(reasons=four))["by"]["reason"])
    assert "reason" not in summary(answer(reasons=[HABIT]))["by"]


@pytest.mark.parametrize(
    ("probability", "place"), [(0.0, 0), (0.0499, 0), (0.05, 1), (0.95, 19), (0.9999, 19), (1.0, 19)]
)
def test_a_probability_has_its_bin(probability: float, place: int) -> None:
    assert 1 == summary(answer("a", probability))["risk"][place]


figures = st.floats(0, 1000).map(lambda value: round(value, 2))
answers = st.lists(
    st.builds(
        lambda probability, tier, arm, value, cost, raising: answer(
            "a", probability, value_at_risk=value, relationship={"tier": tier}, decision={"arm": arm, "cost": cost},
            reasons=[{"driver": driver, "push": 0.1} for driver in raising],
        ),
        st.none() | st.floats(0, 1), st.sampled_from(["small", "key"]), st.sampled_from(["treat", "control"]), figures,
        figures, st.lists(st.sampled_from(["going_quiet", "price", "offers"]), unique=True),
    ),
    max_size=30,
)  # fmt: skip


@given(answers)
def test_every_tally_is_what_one_counts_by_hand(everyone: list[dict[str, Any]]) -> None:
    found, eligible = summary(*everyone), [one for one in everyone if one["eligible"]]
    groups = {
        "tier": lambda one: [one["relationship"]["tier"]],
        "arm": lambda one: [one["decision"]["arm"]],
        "reason": lambda one: [reason["driver"] for reason in one["reasons"]],
    }

    assert len(eligible) == sum(found["risk"]) == found["total"].get("customers", 0)
    for facet, values_of in groups.items():
        tallies = found["by"].get(facet, {})
        assert {value for one in eligible for value in values_of(one)} == set(tallies)
        for value, tally in tallies.items():
            who = [one for one in eligible if value in values_of(one)]
            assert len(who) == tally["customers"]
            assert pytest.approx(sum(one["churn_probability"] for one in who), abs=1e-4) == tally["churners"]
            assert pytest.approx(sum(one["value_at_risk"] for one in who), abs=1e-4) == tally["value_at_risk"]
            assert pytest.approx(sum(one["decision"]["cost"] for one in who), abs=1e-4) == tally["cost"]


@given(answers)
def test_groups_that_exclude_each_other_add_up_to_all(everyone: list[dict[str, Any]]) -> None:
    found = summary(*everyone)

    for facet in ("band", "segment", "tier", "value_quadrant", "action", "arm"):
        for figure, of_all in found["total"].items():
            added = sum(tally[figure] for tally in found["by"][facet].values())
            assert pytest.approx(of_all, abs=1e-3) == added, (facet, figure)


@given(answers)
def test_a_summary_is_plain_data(everyone: list[dict[str, Any]]) -> None:
    found = summary(*everyone)

    assert found == json.loads(json.dumps(found, allow_nan=False))
