"""What decisions brought: arms counted by hand, and nothing told where there are too few to tell."""

from __future__ import annotations

import numpy as np
import pytest

from models.matured import HELD_OUT, MaturedScores
from training.realised_value import EVERYTHING, Arm, kept_share, net_values


def customers(*groups: tuple[int, int, str]) -> MaturedScores:
    """Groups of (customers, of them churned, kind): `call` and `card` are treated, `call?` is call's control.

    Each customer would take a profit of 100 with them; an action costs 2.
    """
    kinds = [kind for count, _, kind in groups for _ in range(count)]
    churned = [k < left for count, left, _ in groups for k in range(count)]
    treated = [kind in ("call", "card") for kind in kinds]
    return MaturedScores(
        customer_ids=np.array([f"c{k}" for k in range(len(kinds))], object),
        churn_probability=np.full(len(kinds), 0.3),
        churned=np.array(churned),
        lost_if_gone=np.full(len(kinds), 100.0),
        action=np.array([kind if t else "no_action" for kind, t in zip(kinds, treated, strict=True)], object),
        arm=np.array(["treat" if t else "none" if k == "safe" else "control" for k, t in zip(kinds, treated, strict=True)], object),
        withheld=np.array([kind.removesuffix("?") if kind.endswith("?") else "" for kind in kinds], object),
        why_not=np.array([HELD_OUT if kind == "held out" else "" for kind in kinds], object),
        cost=np.array([2.0 if t else 0.0 for t in treated]),
    )  # fmt: skip


def test_what_an_action_kept_by_hand() -> None:
    """20 % left instead of 40 %: of 200, 40 were kept, worth 100 each; 200 calls cost 400."""
    everything, call = net_values(customers((200, 40, "call"), (100, 40, "call?"), (60, 20, "held out")), 50)

    assert ("call", 200, 100, 400.0) == (call.action, call.treated.customers, call.control.customers, call.cost)
    assert call.kept is not None
    assert call.net is not None
    assert (4000.0, 3600.0) == pytest.approx((call.kept[0], call.net[0]))
    assert call.kept[1] < call.kept[0] < call.kept[2]
    assert "randomised (100)" == call.evidence
    assert (EVERYTHING, 300, 60) == (everything.action, everything.treated.customers, everything.control.customers)


def test_the_interval_of_a_difference_by_the_book() -> None:
    """Newcombe 1998, method 10: 56 of 70 less 48 of 80 is 0.2, from 0.0524 to 0.3339."""
    from models.outcome import wilson

    found = kept_share(treated=Arm(80, 48, wilson(48, 80)), control=Arm(70, 56, wilson(56, 70)))

    assert (0.2, 0.0524, 0.3339) == pytest.approx(found, abs=1e-4)


def test_too_few_in_control_tell_nothing() -> None:
    [_, call] = net_values(customers((200, 40, "call"), (49, 40, "call?"), (60, 20, "held out")), 50)

    assert (None, None, "too few in control to tell (49)") == (call.kept, call.net, call.evidence)
    assert 400.0 == call.cost


def test_too_few_treated_tell_nothing() -> None:
    [_, call] = net_values(customers((10, 4, "call"), (60, 40, "call?"), (60, 20, "held out")), 50)

    assert "too few treated to tell (10)" == call.evidence


def test_no_more_are_kept_than_were_to_be_acted_on() -> None:
    """Of 1,000 who were left alone as well, 600 more stayed than the hold-out lets expect: at most 50 by the calls."""
    [everything, _] = net_values(customers((50, 0, "call"), (1000, 0, "safe"), (60, 60, "held out")), 50)

    assert everything.kept == (5000.0, 5000.0, 5000.0)


def test_where_nobody_was_to_be_acted_on_there_is_nothing_to_tell() -> None:
    assert () == net_values(customers((100, 10, "safe"), (60, 20, "held out")), 50)


def test_an_action_that_was_only_withheld_is_told_of() -> None:
    [found] = net_values(customers((100, 10, "safe"), (60, 20, "call?")), 50)

    assert ("call", 0, "too few treated to tell (0)") == (found.action, found.treated.customers, found.evidence)


def test_who_had_the_action_is_counted_and_who_had_another_is_not() -> None:
    matured = customers((60, 5, "call"), (60, 5, "card"), (60, 20, "held out"))
    reached = frozenset({("c0", "call"), ("c1", "card"), ("c60", "card"), ("c200", "call")})

    assert {EVERYTHING: 2, "call": 1, "card": 1} == {n.action: n.carried_out for n in net_values(matured, 50, reached)}
    assert {None} == {n.carried_out for n in net_values(matured, 50)}
