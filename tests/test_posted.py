"""Posted events become the rows that the check makes of a shop's tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from features.behavior import CATALOG
from features.catalog import Catalog
from features.events import TABLES
from features.refusal import Refusal
from features.shop import Shop
from features.snapshot import day_number
from serving.messages import Customer, EventsRequest, Interaction, Message, Offer, Subscription, Transaction
from serving.posted import posted_tables

CUTOFF = date(2025, 3, 1)
BARE = Catalog(())
"""A bundle that rests on nothing, and so misses nothing."""
MAPPED = {"customer_id": "a", "timestamp": "2025-01-01", "amount": "1", "order_id": "o", "discount": "0"}


def request(**content: Any) -> EventsRequest:
    return EventsRequest.model_validate({"customer_id": "a", "transactions": [], **content})


@pytest.fixture
def shop(tiny_shop: Callable[..., Shop]) -> Shop:
    return tiny_shop(
        [MAPPED], top='time_zone = "America/New_York"',
        customers=[{"customer_id": "a", "signed_up_at": "2024-01-01", "region": "x"}], attributes=["region"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "model"),
    [
        ("transactions", Transaction),
        ("interactions", Interaction),
        ("offers", Offer),
        ("customers", Customer),
        ("subscriptions", Subscription),
    ],
)
def test_a_posted_table_has_the_columns_of_the_contract(table: str, model: type[Message]) -> None:
    fields = dict(model.model_fields)
    fields.pop("attributes", None)

    assert [column.name for column in TABLES[table].columns] == list(fields)
    for column in TABLES[table].columns[1:]:
        assert column.required == fields[column.name].is_required()


@pytest.mark.parametrize(
    ("timestamp", "day"),
    [
        ("2025-02-27", date(2025, 2, 27)),
        ("2025-02-27T23:59:59", date(2025, 2, 27)),
        ("2025-02-28T04:59:00Z", date(2025, 2, 27)),
        ("2025-02-28T05:00:00+00:00", date(2025, 2, 28)),
        ("2025-02-27T23:30:00-08:00", date(2025, 2, 28)),
    ],
)
def test_a_moment_with_a_zone_becomes_the_shops_and_one_without_is_local(shop: Shop, timestamp: str, day: date) -> None:
    found = posted_tables(request(transactions=[{"timestamp": timestamp, "amount": 1}]), shop, CATALOG, CUTOFF)

    assert day_number(day) == found.rows["transactions"][0]["day"]


def test_what_lies_at_or_after_the_cutoff_is_told(shop: Shop) -> None:
    rows = [{"timestamp": f"2025-02-{day}", "amount": 1, "order_id": f"o{day}"} for day in (26, 27, 28)]
    found = posted_tables(request(transactions=rows), shop, BARE, date(2025, 2, 27))

    assert ["not yet counted, since at or after the cut-off 2025-02-27: 2 of transactions"] == found.warnings


def test_repeated_rows_count_once_where_orders_are_mapped(shop: Shop) -> None:
    row = {"timestamp": "2025-02-01T10:00:00", "amount": 1, "order_id": "o1"}
    found = posted_tables(request(transactions=[row, row, {**row, "amount": 2}]), shop, BARE, CUTOFF)

    assert [1, 2] == [r["amount"] for r in found.rows["transactions"]]
    assert ["1 of transactions repeat another row and are counted once"] == found.warnings


def test_repeated_rows_count_each_where_orders_are_not_mapped(tiny_shop: Callable[..., Shop]) -> None:
    shop = tiny_shop([{"customer_id": "a", "timestamp": "2025-01-01", "amount": "1"}])
    row = {"timestamp": "2025-02-01T10:00:00", "amount": 1}

    assert 2 == len(posted_tables(request(transactions=[row, row]), shop, CATALOG, CUTOFF).rows["transactions"])


def test_columns_and_tables_the_shop_does_not_have_are_left_out_with_a_warning(shop: Shop) -> None:
    found = posted_tables(
        request(
            transactions=[{"timestamp": "2025-02-01", "amount": 1, "category": "cheese"}],
            offers=[{"timestamp": "2025-02-01", "action": "call"}], customer={"language": "en"},
        ), shop, BARE, CUTOFF,
    )  # fmt: skip

    assert found.rows["transactions"][0]["category"] is None
    assert [] == found.rows["offers"]
    assert [
        "not mapped in this shop and left out of transactions: category",
        "offers is not a table of this shop and is left out",
        "not mapped in this shop and left out of customer: language",
    ] == found.warnings


def test_a_negative_amount_is_a_return_where_the_shop_does_not_say(shop: Shop) -> None:
    rows = [{"timestamp": "2025-02-01", "amount": amount} for amount in (5, -5)]
    found = posted_tables(request(transactions=rows), shop, CATALOG, CUTOFF)

    assert [0, 1] == [row["is_return"] for row in found.rows["transactions"]]


LEARNED = CATALOG.naming(["discount_share_28d", "stores_91d", "complaints_182d", "offers_28d", "spend_28d"])


@pytest.fixture
def whole_shop(tiny_shop: Callable[..., Shop]) -> Shop:
    """A shop with all that LEARNED rests on, and the customers' consent."""
    return tiny_shop(
        [{**MAPPED, "store": "s"}],
        interactions=[{"customer_id": "a", "timestamp": "2025-01-01", "kind": "visit"}],
        offers=[{"customer_id": "a", "timestamp": "2025-01-01", "action": "call"}],
        customers=[{"customer_id": "a", "consent": "email"}],
    )


def test_what_the_bundle_has_learned_from_and_is_not_posted_is_told(whole_shop: Shop) -> None:
    """Nothing of it is made up in silence: a customer without posted visits would look like one who never came."""
    rows = [{"timestamp": "2025-02-01", "amount": 1, "discount": 0.1}, {"timestamp": "2025-02-02", "amount": 1}]
    found = posted_tables(request(transactions=rows, customer={"consent": "email"}), whole_shop, LEARNED, CUTOFF)

    assert ["not posted and taken as none: transactions.store, interactions, offers"] == found.warnings


def test_an_empty_list_and_a_null_say_that_there_is_none(whole_shop: Shop) -> None:
    rows = [{"timestamp": "2025-02-01", "amount": 1, "discount": None, "store": None}]
    facts = {"consent": None}
    found = posted_tables(
        request(transactions=rows, interactions=[], offers=[], customer=facts), whole_shop, LEARNED, CUTOFF
    )

    assert ([], None) == (found.warnings, found.channels)


def test_an_attribute_that_is_not_posted_is_told(shop: Shop) -> None:
    catalog: Catalog = CATALOG.available({"customers": ["customer_id"]}, {"region": "text", "age": "number"})
    catalog = catalog.naming(["attribute_region", "attribute_age"])
    found = posted_tables(request(customer={"attributes": {"age": None}}), shop, catalog, CUTOFF)

    assert ["not posted and taken as none: customer.attributes.region"] == found.warnings


@pytest.mark.parametrize(
    ("consent", "channels"), [("email", {"email"}), ("none", set()), ("yes", None), ("", None), (None, None)]
)
def test_consent_is_heard_whether_the_shop_maps_it_or_not(
    shop: Shop, whole_shop: Shop, consent: str | None, channels: set[str] | None
) -> None:
    for asked in (shop, whole_shop):
        found = posted_tables(request(customer={"consent": consent}), asked, BARE, CUTOFF)

        assert ([], channels) == (found.warnings, found.channels)


def test_a_consent_that_the_shop_keeps_and_nobody_posts_is_told(whole_shop: Shop) -> None:
    found = posted_tables(request(), whole_shop, BARE, CUTOFF)

    assert ["customer.consent is not posted: every channel is taken as allowed"] == found.warnings


def test_another_customers_row_is_refused(shop: Shop) -> None:
    row = {"customer_id": "b", "timestamp": "2025-02-01", "amount": 1}
    with pytest.raises(Refusal, match=r"HF604 transactions\[0\].customer_id is another customer's"):
        posted_tables(request(transactions=[row]), shop, CATALOG, CUTOFF)


@pytest.mark.parametrize("number", [1.1e12, -1.1e12, 1e300, 10**400])
@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("transactions.0.amount", lambda x: {"transactions": [{"timestamp": "2025-02-01", "amount": x}]}),
        (
            "interactions.0.value",
            lambda x: {"interactions": [{"timestamp": "2025-02-01", "kind": "visit", "value": x}]},
        ),
        ("offers.0.cost", lambda x: {"offers": [{"timestamp": "2025-02-01", "action": "call", "cost": x}]}),
        ("customer.attributes.age", lambda x: {"customer": {"attributes": {"age": x}}}),
    ],
)
def test_a_number_beyond_the_possible_is_refused_by_its_field(
    place: str, content: Callable[[float], dict[str, Any]], number: float
) -> None:
    with pytest.raises(ValidationError) as refused:
        EventsRequest.model_validate_json(json.dumps({"customer_id": "a", "transactions": [], **content(number)}))

    [error] = refused.value.errors(include_url=False)
    assert place == ".".join(str(part) for part in error["loc"])


@pytest.mark.parametrize("number", [1e12, -1e12, 0, 41])
def test_a_number_at_the_limit_is_taken(number: float) -> None:
    row = {"timestamp": "2025-02-01", "amount": number}
    found = request(transactions=[row], customer={"attributes": {"age": number}})

    assert (number, number) == (found.transactions[0].amount, found.customer.attributes["age"])


def test_attributes_are_the_bundles_and_of_its_kinds(shop: Shop) -> None:
    catalog: Catalog = CATALOG.available({"customers": ["customer_id"]}, {"region": "text", "age": "number"})
    given = request(customer={"attributes": {"region": "north", "age": 41}})

    row = posted_tables(given, shop, catalog, CUTOFF).rows["customers"][0]

    assert ("north", 41) == (row["attribute_region"], row["attribute_age"])
    with pytest.raises(Refusal, match="customer.attributes.regio is not known. Did you mean 'region'"):
        posted_tables(request(customer={"attributes": {"regio": "north"}}), shop, catalog, CUTOFF)
    with pytest.raises(Refusal, match="customer.attributes.age should be a number"):
        posted_tables(request(customer={"attributes": {"age": "41"}}), shop, catalog, CUTOFF)


@pytest.mark.parametrize(
    "row",
    [
        {"timestamp": 1735689600, "amount": 1}, {"timestamp": "yesterday", "amount": 1},
        {"timestamp": "1969-12-31", "amount": 1}, {"timestamp": "2025-01-01", "amount": "12"},
        {"timestamp": "2025-01-01", "amount": float("nan")}, {"timestamp": "2025-01-01"},
        {"timestamp": "2025-01-01", "amount": 1, "colour": "red"}, {"timestamp": "2025-01-01", "amount": True},
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(transactions=[row])


TERM = {"customer_id": "a", "started_at": "2025-01-01", "ended_at": "2025-03-10", "price": "9", "period_days": "30"}


def test_posted_terms_are_rows_of_subscriptions(tiny_shop: Callable[..., Shop]) -> None:
    shop = tiny_shop([MAPPED], subscriptions=[TERM])
    terms = [{"started_at": "2025-01-01", "ended_at": "2025-03-10T12:00:00", "price": 9, "period_days": 30},
             {"started_at": "2025-03-10", "price": 9, "plan": "gold"}]  # fmt: skip
    posted = posted_tables(request(subscriptions=terms), shop, BARE, CUTOFF)

    assert [(day_number(date(2025, 1, 1)), day_number(date(2025, 3, 10)), 9.0, 30.0, None),
            (day_number(date(2025, 3, 10)), None, 9.0, None, None)] == [
        tuple(row[name] for name in ("started_day", "ended_day", "price", "period_days", "plan"))
        for row in posted.rows["subscriptions"]
    ]  # fmt: skip
    assert posted.warnings == [
        "not yet counted, since at or after the cut-off 2025-03-01: 1 of subscriptions",
        "not mapped in this shop and left out of subscriptions: plan",
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"price": -1}, {"period_days": 0}, {"started_at": None}, {"end": "2025-01-01"}, {"ended_at": "2024-12-31"}],
)
def test_a_term_that_the_check_would_quarantine_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(subscriptions=[{"started_at": "2025-01-01", **wrong}])


def given_catalog() -> Catalog:
    return CATALOG.available({"vectors": ("customer_id",)}, {}, {"calls": "number", "plan": "category"})


def test_one_s_own_measures_are_a_row_of_vectors(shop: Shop) -> None:
    posted = posted_tables(request(vectors={"calls": 3, "plan": "gold"}), shop, given_catalog(), CUTOFF)

    assert posted.rows["vectors"] == [{"customer_id": "a", "given_calls": 3.0, "given_plan": "gold"}]
    assert not [warning for warning in posted.warnings if "vectors" in warning]


def test_measures_that_are_not_posted_are_named(shop: Shop) -> None:
    posted = posted_tables(request(vectors={"calls": 3}), shop, given_catalog(), CUTOFF)

    assert any("vectors.plan" in warning and "vectors.calls" not in warning for warning in posted.warnings)
    assert any("vectors" in warning for warning in posted_tables(request(), shop, given_catalog(), CUTOFF).warnings)


@pytest.mark.parametrize("wrong", [{"calls": "three"}, {"plan": 1.0}, {"call": 1.0}])
def test_measures_that_the_bundle_does_not_know_are_refused(shop: Shop, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="HF604 vectors"):
        posted_tables(request(vectors=wrong), shop, given_catalog(), CUTOFF)
