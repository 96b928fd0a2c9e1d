"""Decisions: the best allowed action wins, limits are never exceeded, and who is held out is never acted on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decide import CONSIDERED, NO_ACTION_REASONS, Case, considered, decide
from models.playbook import Playbook, draw
from models.reasons import Reason

QUIET = Reason("going_quiet", 0.8, True, (), "Last bought 23 days ago.")
PRICE = Reason("price", 0.4, True, (), "Took 2 % off full prices.")
AGE = Reason("profile", 0.9, False, (), "Age: 65+.")
LOYAL = Reason("price", -0.4, True, (), "Took 20 % off full prices.")


def playbook(**changes) -> Playbook:
    content = {
        "value": {"margin_share": 0.5, "safe_below": 0.1, "lost_above": 0.9},
        "control": {
            "universal_share": 0.0, "universal_salt": "u", "campaign_share": 0.0, "campaign_salt": "c",
        },
        "contact": {"min_days_between": 14},
        "actions": [
            {"name": "call", "en": "Call", "zh": "致电", "drivers": ["going_quiet"], "tiers": ["key", "key_top"],
             "cost": 8.0, "save_rate": [0.1, 0.3, 0.5]},
            {"name": "coupon", "en": "Coupon", "zh": "优惠券", "drivers": ["going_quiet", "price"],
             "cost": 2.0, "save_rate": [0.05, 0.1, 0.2]},
        ],
    }  # fmt: skip
    return Playbook.model_validate({**content, **changes})


def case(customer_id: str = "1", **changes) -> Case:
    given = {
        "customer_id": customer_id, "eligible": True, "opted_out": False, "churn_probability": 0.4,
        "lost_if_gone": 200.0, "tier": "small", "days_since_last_offer": None, "reasons": (QUIET, PRICE),
    }  # fmt: skip
    return Case(**{**given, **changes})


def test_expected_net_value_by_hand() -> None:
    """0.4 x 200 x 0.5 = 40 at stake; the coupon saves 10 % of it for 2: 2.00, from 0.00 to 6.00."""
    [decision] = decide(playbook(), [case()])

    assert (decision.action, decision.arm, decision.evidence, decision.cost) == ("coupon", "treat", "rule", 2.0)
    assert pytest.approx((decision.expected_net_value, decision.low, decision.high)) == (2.0, 0.0, 6.0)
    assert decision.because == ("going_quiet", "price")


def test_what_is_done_to_a_key_customer_differs_from_what_is_done_to_a_small_one() -> None:
    small, key = decide(playbook(), [case("1"), case("2", tier="key", lost_if_gone=2000.0)])

    assert (small.action, key.action) == ("coupon", "call")
    assert key.expected_net_value == pytest.approx(0.3 * 0.4 * 2000 * 0.5 - 8)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"eligible": False, "churn_probability": float("nan")}, "not_eligible"),
        ({"opted_out": True}, "opted_out"),
        ({"churn_probability": 0.05}, "already_safe"),
        ({"churn_probability": 0.95}, "lost_cause"),
        ({"days_since_last_offer": 13.0}, "contacted_lately"),
        ({"lost_if_gone": 10.0}, "not_worth_it"),
        ({"reasons": (AGE,)}, "no_remedy"),
        ({"reasons": (LOYAL,)}, "no_remedy"),
    ],
)
def test_no_action_says_why(changes, why: str) -> None:
    [decision] = decide(playbook(), [case(**changes)])

    assert ("no_action", why, 0.0) == (decision.action, decision.why_not, decision.cost)


def test_an_offer_of_long_ago_does_not_stand_in_the_way() -> None:
    assert decide(playbook(), [case(days_since_last_offer=14.0)])[0].action == "coupon"


def test_a_budget_of_zero_is_a_budget() -> None:
    [decision] = decide(playbook(budget={"per_run": 0.0}), [case()])

    assert (decision.action, decision.why_not) == ("no_action", "budget_spent")


def test_the_budget_goes_to_the_highest_value_per_unit_of_cost() -> None:
    rich, poor = case("1", lost_if_gone=500.0), case("2", lost_if_gone=200.0)
    first, second = decide(playbook(budget={"per_run": 3.0}), [poor, rich])

    assert (first.why_not, second.action) == ("budget_spent", "coupon")


cases = st.lists(
    st.builds(
        case,
        customer_id=st.text("0123456789", min_size=1, max_size=6),
        churn_probability=st.floats(0, 1),
        lost_if_gone=st.floats(0, 5000),
        tier=st.sampled_from(["small", "ordinary", "key", "key_top"]),
        eligible=st.booleans(),
    ),
    max_size=40,
)


@given(cases, st.floats(0, 50), st.integers(0, 5))
def test_budget_and_caps_are_never_exceeded(customers: list[Case], budget: float, cap: int) -> None:
    base = playbook()
    capped = playbook(
        budget={"per_run": budget},
        actions=[{**base.actions[1].model_dump(), "max_contacts": cap}, base.actions[0].model_dump()],
    )
    decisions = decide(capped, customers)

    assert sum(d.cost for d in decisions) <= budget + 1e-9
    assert sum(d.action == "coupon" for d in decisions) <= cap
    assert all(d.expected_net_value > 0 for d in decisions if d.action != "no_action")
    assert all(d.why_not in NO_ACTION_REASONS for d in decisions if d.action == "no_action")


@given(cases)
def test_who_is_held_out_is_never_acted_on(customers: list[Case]) -> None:
    control = {"universal_share": 0.3, "universal_salt": "u", "campaign_share": 0.3, "campaign_salt": "c"}
    for customer, decision in zip(customers, decide(playbook(control=control), customers), strict=True):
        held_out = draw("u", customer.customer_id) < 0.3
        if held_out:
            assert (decision.action, decision.arm, decision.propensity) == ("no_action", "control", 0.3)
        elif decision.action != "no_action":
            assert draw(f"c:{decision.action}", customer.customer_id) >= 0.3
            assert decision.propensity == pytest.approx(0.7 * 0.7)
        elif decision.withheld:
            assert draw(f"c:{decision.withheld}", customer.customer_id) < 0.3
            assert ("control", pytest.approx(0.7 * 0.3)) == (decision.arm, decision.propensity)


def test_whose_action_is_used_up_gets_the_next_best() -> None:
    base = playbook()
    capped = playbook(actions=[{**base.actions[0].model_dump(), "max_contacts": 1}, base.actions[1].model_dump()])
    rich = [case(str(k), tier="key", lost_if_gone=1000.0 + k) for k in range(3)]

    assert ["coupon", "coupon", "call"] == [d.action for d in decide(capped, rich)]


def test_treated_and_control_of_an_action_differ_by_chance_alone() -> None:
    """Under a budget that binds, the mean at stake is alike in both arms."""
    rng = np.random.default_rng(8)
    control = {"universal_share": 0.0, "universal_salt": "u", "campaign_share": 0.4, "campaign_salt": "c"}
    customers = [case(str(k), lost_if_gone=float(v)) for k, v in enumerate(rng.gamma(2, 200, 6000))]
    decisions = decide(playbook(control=control, budget={"per_run": 2000.0}), customers)
    treated = [c.lost_if_gone for c, d in zip(customers, decisions, strict=True) if d.action == "coupon"]
    held = [c.lost_if_gone for c, d in zip(customers, decisions, strict=True) if d.withheld == "coupon"]

    assert 1000 == len(treated) + len(held)
    assert len(held) / 1000 == pytest.approx(0.4, abs=0.05)
    assert np.mean(held) == pytest.approx(np.mean(treated), rel=0.05)


def by_channel(**more) -> Playbook:
    """The call by phone, the coupon by email, and a gift by nothing in particular."""
    call, coupon = (action.model_dump() for action in playbook().actions)
    gift = {**coupon, "name": "gift", "cost": 3.0}
    return playbook(actions=[{**call, "channel": "phone"}, {**coupon, "channel": "E-Mail"}, gift], **more)


ANYONE = {"tier": "key", "lost_if_gone": 2000.0}


@pytest.mark.parametrize(
    ("channels", "action", "why"),
    [
        (None, "call", ""), ({"phone", "email"}, "call", ""), ({"email"}, "coupon", ""), ({"sms"}, "gift", ""),
        (set(), "no_action", "no_consent"),
    ],
)  # fmt: skip
def test_the_best_action_whose_channel_is_allowed_wins(channels: set[str] | None, action: str, why: str) -> None:
    """Without a channel it is for whoever allows any; who allows none gets nothing at all."""
    [decision] = decide(by_channel(), [case(channels=None if channels is None else frozenset(channels), **ANYONE)])

    assert (action, why) == (decision.action, decision.why_not)


def test_who_would_get_nothing_anyway_is_not_told_that_consent_is_why() -> None:
    forbids = {"channels": frozenset()}
    poor, safe = decide(by_channel(), [case(lost_if_gone=1.0, **forbids), case(churn_probability=0.01, **forbids)])

    assert ("not_worth_it", "already_safe") == (poor.why_not, safe.why_not)


def test_what_was_considered_says_which_channel_stood_in_the_way() -> None:
    customer = case(channels=frozenset({"email"}), **ANYONE)
    [decision] = decide(by_channel(), [customer])
    verdicts = {one["action"]: one["verdict"] for one in considered(by_channel(), customer, decision)}

    assert {"call": "no_consent", "coupon": "chosen", "gift": "worth_less"} == verdicts
    assert set(verdicts.values()) <= set(CONSIDERED)
    nobody = case(channels=frozenset(), **ANYONE)
    told = considered(by_channel(), nobody, decide(by_channel(), [nobody])[0])
    assert {"no_consent"} == {one["verdict"] for one in told}


consents = st.none() | st.frozensets(st.sampled_from(["phone", "email", "sms"]))


@given(
    st.lists(
        st.builds(
            case, customer_id=st.text("0123456789", min_size=1, max_size=6), churn_probability=st.floats(0, 1),
            lost_if_gone=st.floats(0, 5000), tier=st.sampled_from(["small", "key"]), channels=consents,
        ),
        max_size=40,
    ),
    st.floats(0, 100), st.integers(0, 5), st.floats(0, 0.5),
)  # fmt: skip
def test_nobody_gets_an_action_through_a_channel_they_did_not_allow(
    customers: list[Case], budget: float, cap: int, share: float
) -> None:
    """Nor stands for comparison with those who do, whatever budget, caps and control groups ask for."""
    control = {"universal_share": 0.1, "universal_salt": "u", "campaign_share": share, "campaign_salt": "c"}
    base = by_channel()
    capped = [{**action.model_dump(), "max_contacts": cap} for action in base.actions]
    limited = playbook(actions=capped, budget={"per_run": budget}, control=control)
    needs = {"call": {"phone"}, "coupon": {"email"}, "gift": {"phone", "email", "sms"}}

    for customer, decision in zip(customers, decide(limited, customers), strict=True):
        for action in {decision.action, decision.withheld} & needs.keys():
            assert customer.channels is None or customer.channels & needs[action]


def test_the_draw_depends_on_salt_and_customer_alone_and_is_even() -> None:
    draws = np.array([draw("salt", str(k)) for k in range(5000)])

    assert draw("salt", "17") == draws[17]
    assert draw("other", "17") != draws[17]
    assert pytest.approx(np.histogram(draws, bins=5, range=(0, 1))[0], rel=0.12) == [1000] * 5
