"""Stored answers: many requests share a query, but never a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from features.refusal import Refusal
from serving.messages import ChurnListQuery, ScoreRequest, ScoresRequest
from serving.stored import StoredAnswers


class Away(StoredAnswers):
    """Fails where a poisoned id is asked for, or always."""

    def __init__(self, always: bool = False) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.always = always
        self.asked: list[set[str]] = []

    def _read(self, customer_ids: set[str]) -> Mapping[str, str]:
        self.asked.append(customer_ids)
        if self.always or "poison" in customer_ids:
            raise Refusal("HF501", "the ledger cannot use this.")
        return {customer: f"answer of {customer}" for customer in customer_ids}


def ask(stored: StoredAnswers, *customers: str) -> list[Any]:
    async def at_once() -> list[Any]:
        asked = [asyncio.create_task(stored.of([customer])) for customer in customers]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)

    try:
        return asyncio.run(at_once())
    finally:
        stored.close()


def test_requests_at_once_share_a_query() -> None:
    stored = Away()
    found = ask(stored, "a", "b", "c")

    assert ["answer of a", "answer of b", "answer of c"] == [f[c] for f, c in zip(found, "abc", strict=True)]
    assert [{"a", "b", "c"}] == stored.asked


def test_one_poisoned_request_fails_alone() -> None:
    a, poisoned, b = ask(Away(), "a", "poison", "b")

    assert isinstance(poisoned, Refusal)
    assert ("answer of a", "answer of b") == (a["a"], b["b"])


def test_a_ledger_that_is_away_is_told_to_each() -> None:
    found = ask(Away(always=True), "a", "b", "c")

    assert ["HF501"] * 3 == [refusal.code for refusal in found]


@pytest.mark.parametrize("customer", ["", " ", "a\0b", "a" * 257])
def test_what_cannot_be_an_id_is_never_asked_for(customer: str) -> None:
    with pytest.raises(ValidationError):
        ScoreRequest(customer_id=customer)
    with pytest.raises(ValidationError):
        ScoresRequest(customer_ids=["a", customer])


def test_no_filter_holds_a_nul() -> None:
    with pytest.raises(ValidationError):
        ChurnListQuery(segment="a\0")
    with pytest.raises(ValidationError):
        ChurnListQuery(action="a\0")
