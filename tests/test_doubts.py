"""Doubts: a playbook that was not made for the shop is named once, one that was is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.decide import Case
from models.doubts import doubts
from models.playbook import Playbook, read_playbook

SHIPPED = read_playbook(Path(__file__).parents[1] / "models")


def customers(at_risk: float, channels: frozenset[str] | None = None) -> list[Case]:
    """Three eligible customers with so much at risk each, one of them with this consent."""
    given = (True, False, 0.5, 2 * at_risk, "small", None, ())
    return [Case("1", *given, channels), Case("2", *given), Case("3", *given)]


def changed(**action: object) -> Playbook:
    """The shipped playbook with its first action changed."""
    content = SHIPPED.model_dump()
    content["actions"] = [{**content["actions"][0], **action}, *content["actions"][1:]]
    return Playbook.model_validate(content)


@pytest.mark.parametrize("currency", ["EUR", "USD", "GBP"])
def test_the_shipped_playbook_fits_the_currencies_it_was_made_for(currency: str) -> None:
    assert [] == doubts(SHIPPED, currency, customers(20.0))


def test_amounts_as_shipped_are_doubted_in_another_currency_until_they_are_set() -> None:
    [told] = doubts(SHIPPED, "TWD", customers(20.0))

    assert told.endswith("set the costs and budget.per_run in TWD")
    assert [told] == doubts(changed(en="Ring them"), "TWD", customers(20.0)), "words are no amounts"
    assert [] == doubts(changed(cost=240.0), "TWD", customers(20.0))


def test_costs_are_doubted_where_most_customers_have_less_at_risk_than_the_cheapest_action_costs() -> None:
    [told] = doubts(SHIPPED, "EUR", customers(0.1))

    assert "its cheapest action, fewer_better_offers, costs 0.20 EUR" in told
    assert "(0.10 EUR or less)" in told
    assert [] == doubts(SHIPPED, "EUR", [])


def test_a_channel_that_no_consent_names_is_told_where_others_are_named() -> None:
    [told] = doubts(SHIPPED, "EUR", customers(20.0, frozenset({"telefon", "email"})))

    assert "no customer's consent names its channel 'phone'; they name email, telefon" == told
    for silent in (None, frozenset[str](), frozenset({"phone", "email"})):
        assert [] == doubts(SHIPPED, "EUR", customers(20.0, silent))
