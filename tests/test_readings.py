"""The churn list, explanations and the model card, read over a real port."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from running_service import ServedShop, stored_answers

from serving.exports import CHURN_LIST_COLUMNS
from serving.messages import ChurnListPage, Explanation, ModelCard
from serving.readings import explanation_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(served: ServedShop) -> Iterator[httpx.Client]:
    with served.client("list") as client:
        yield client


def pages(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """All customers of a list, page by page, by the link that each page gives."""
    found: list[dict[str, Any]] = []
    answer = client.get("/v1/churn-list", params=query)
    total = answer.json()["total"]
    while True:
        page = answer.json()
        ChurnListPage.model_validate(page)
        assert {page["scored_at"]} == {customer["scored_at"] for customer in page["customers"]}
        found += page["customers"]
        if page["next"] is None:
            assert "link" not in answer.headers
            assert total == len(found)
            return found
        answer = client.get(answer.links["next"]["url"])


@pytest.mark.parametrize("sort", ["churn_probability", "value_at_risk", "lifetime_value", "expected_net_value"])
def test_pages_give_every_eligible_customer_once_in_order(served: ServedShop, client: httpx.Client, sort: str) -> None:
    found = pages(client, sort=sort, limit=70)

    eligible = {c for c, text in stored_answers(served).items() if json.loads(text)["eligible"]}
    assert sorted(eligible) == sorted(row["customer_id"] for row in found)
    value = {
        "lifetime_value": lambda row: row["lifetime_value"]["mean"],
        "expected_net_value": lambda row: row["decision"]["expected_net_value"],
    }.get(sort, lambda row: row[sort])
    values = [value(row) for row in found]
    assert sorted(values, reverse=True) == pytest.approx(values, abs=0.011)


def test_filters_keep_what_they_say(served: ServedShop, client: httpx.Client) -> None:
    everyone = pages(client, limit=1000)
    segment = everyone[0]["segment"]
    for query, keeps in (
        ({"band": "high"}, lambda row: row["band"] == "high"),
        ({"tier": "small", "band": "low"}, lambda row: row["relationship"]["tier"] == "small" and row["band"] == "low"),
        ({"value_quadrant": "gold"}, lambda row: row["relationship"]["value_quadrant"] == "gold"),
        ({"segment": segment["name"]}, lambda row: row["segment"]["id"] == segment["id"]),
        ({"segment": segment["id"]}, lambda row: row["segment"]["id"] == segment["id"]),
        ({"arm": "control"}, lambda row: row["decision"]["arm"] == "control"),
        ({"action": "no_action"}, lambda row: row["decision"]["action"] == "no_action"),
        ({"reason": "going_quiet"}, lambda row: "going_quiet" in [r["driver"] for r in raising(row)[:3]]),
    ):
        wanted = {row["customer_id"] for row in everyone if keeps(row)}
        assert wanted == {row["customer_id"] for row in pages(client, limit=300, **query)}, query


def raising(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [reason for reason in row["reasons"] if reason["push"] > 0]


def test_the_csv_is_the_same_list(client: httpx.Client) -> None:
    as_json = client.get("/v1/churn-list", params={"limit": 40, "band": "high"}).json()["customers"]
    by_query = client.get("/v1/churn-list", params={"limit": 40, "band": "high", "format": "csv"})
    by_header = client.get("/v1/churn-list", params={"limit": 40, "band": "high"}, headers={"accept": "text/csv"})

    assert by_query.text == by_header.text
    assert "text/csv; charset=utf-8" == by_query.headers["content-type"]
    rows = list(csv.DictReader(io.StringIO(by_query.text)))
    assert list(CHURN_LIST_COLUMNS) == list(rows[0])
    assert [row["customer_id"] for row in as_json] == [row["customer_id"] for row in rows]
    for answer, row in zip(as_json, rows, strict=True):
        assert round(answer["churn_probability"], 4) == float(row["churn_probability"])
        assert answer["decision"]["action"] == row["action"]


def test_base_and_pushes_add_up_to_the_log_odds(served: ServedShop, client: httpx.Client) -> None:
    eligible = [c for c, text in stored_answers(served).items() if json.loads(text)["eligible"]]
    for customer in eligible[::20]:
        found = Explanation.model_validate(client.get(f"/v1/customers/{customer}/explanation").json())

        assert found.base is not None
        assert found.log_odds is not None
        assert found.log_odds == pytest.approx(found.base + sum(r.push for r in found.reasons), abs=1e-6)
        assert found.churn_probability == pytest.approx(1 / (1 + math.exp(-found.log_odds)), abs=1e-9)
        assert all(reason.sentence for reason in found.reasons)


@pytest.mark.parametrize(("probability", "odds"), [(1.0, 40.5), (0.0, 40.5), (None, None)])
def test_the_log_odds_of_a_probability_that_rounds_to_certainty_are_told(probability, odds) -> None:
    answer = {
        "customer_id": "a", "as_of": "2024-05-01", "bundle": "churn/1", "eligible": probability is not None,
        "churn_probability": probability, "base": -1.5 if probability is not None else None,
        "reasons": [{"push": 30.0}, {"push": 12.0}] if probability is not None else [],
    }  # fmt: skip

    assert odds == explanation_of(answer)["log_odds"]


def test_the_model_card_tells_what_is_published(client: httpx.Client) -> None:
    card = ModelCard.model_validate(client.get("/v1/model-card").json())

    assert card.bundle.startswith("churn/")
    assert 28 == card.definition["horizon_days"]
    assert card.card
