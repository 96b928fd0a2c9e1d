"""A key that is known opens while the ledger is away or slow; the ledger is never asked by many at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from features.refusal import Refusal
from models.keys import ApiKey, create_key, keys_in_force, revoke_key
from models.ledger import Ledger
from serving import access
from serving.access import Keyring


class Reading:
    """The ledger's keys as the keyring reads them: how often, how slowly, and whether at all."""

    def __init__(self) -> None:
        self.times = 0
        self.takes_seconds = 0.0
        self.away = False

    def __call__(self, ledger: Ledger) -> dict[str, ApiKey]:
        self.times += 1
        time.sleep(self.takes_seconds)
        if self.away:
            raise Refusal("HF501", "the ledger cannot be reached.")
        return keys_in_force(ledger)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    found = Reading()
    monkeypatch.setattr(access, "keys_in_force", found)
    return found


def later(keyring: Keyring, seconds: float) -> None:
    """Let time pass for a keyring."""
    keyring._known_at -= seconds
    keyring._asked_at -= seconds


async def seconds_of(what: Coroutine[Any, Any, Any]) -> tuple[float, Any]:
    began = time.monotonic()
    found = await what
    return time.monotonic() - began, found


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_many_at_once_cost_the_ledger_one_reading(ledger: Ledger, reading: Reading) -> None:
    keys = [create_key(ledger, f"crm {k}", ["score"]) for k in range(6)]

    async def ask() -> None:
        keyring = Keyring(ledger)
        assert [record for _, record in keys] == await asyncio.gather(*(keyring.find(key) for key, _ in keys))

    run(ask)
    assert 1 == reading.times


def test_known_keys_open_at_once_while_the_ledger_blocks(ledger: Ledger, reading: Reading) -> None:
    key, record = create_key(ledger, "crm", ["score"])

    async def ask() -> None:
        keyring = Keyring(ledger)
        await keyring.find(key)
        later(keyring, 50)
        reading.takes_seconds, reading.away = 1.5, True
        for _ in range(2):
            answers = await asyncio.gather(*(seconds_of(keyring.find(key)) for _ in range(6)))
            assert {record} == {found for _, found in answers}
            assert max(seconds for seconds, _ in answers) < 0.5
        assert 2 == reading.times
        await asyncio.sleep(1.5)  # the reading has failed by now, and is not tried again at each request
        took, found = await seconds_of(keyring.find(key))
        assert (record, True) == (found, took < 0.5)
        await asyncio.sleep(0)

    run(ask)


def test_after_a_minute_without_the_ledger_no_key_opens(ledger: Ledger, reading: Reading) -> None:
    key, record = create_key(ledger, "crm", ["score"])

    async def ask() -> None:
        keyring = Keyring(ledger)
        await keyring.find(key)
        reading.away = True
        later(keyring, 59)
        assert record == await keyring.find(key)
        later(keyring, 2)
        with pytest.raises(Refusal, match="HF501 the ledger cannot be reached"):
            await keyring.find(key)

    run(ask)


def test_whether_an_unknown_key_is_in_force_is_not_said_while_the_ledger_is_away(
    ledger: Ledger, reading: Reading
) -> None:
    key, _ = create_key(ledger, "crm", ["score"])

    async def ask() -> None:
        keyring = Keyring(ledger)
        await keyring.find(key)
        later(keyring, 1)
        reading.away = True
        for _ in range(5):
            with pytest.raises(Refusal, match="HF501"):
                await keyring.find("hf_unknown")
        assert 2 == reading.times

    run(ask)


def test_an_unknown_key_does_not_wait_for_a_ledger_that_blocks(
    ledger: Ledger, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_UNKNOWN_WAIT_SECONDS", 0.1)
    reading.takes_seconds = 0.5

    async def ask() -> None:
        with pytest.raises(Refusal, match="HF501 the ledger takes too long"):
            await asyncio.wait_for(Keyring(ledger).find("hf_unknown"), 0.45)

    run(ask)


def test_guesses_cost_at_most_four_readings_a_second(ledger: Ledger, reading: Reading) -> None:
    async def ask() -> None:
        keyring = Keyring(ledger)
        assert {None} == {await keyring.find(f"hf_{k}") for k in range(100)}

    began = time.monotonic()
    run(ask)
    assert reading.times <= 2 + 4 * (time.monotonic() - began)


def test_a_revoked_key_opens_nothing_two_seconds_later(ledger: Ledger, reading: Reading) -> None:
    key, record = create_key(ledger, "crm", ["score"])

    async def ask() -> None:
        keyring = Keyring(ledger)
        assert record == await keyring.find(key)
        revoke_key(ledger, record.key_id)
        later(keyring, 2)
        assert await keyring.find(key) is None

    run(ask)


def test_a_new_key_opens_at_once(ledger: Ledger, reading: Reading) -> None:
    async def ask() -> None:
        keyring = Keyring(ledger)
        assert await keyring.find("hf_unknown") is None
        key, record = create_key(ledger, "crm", ["score"])
        later(keyring, 0.25)
        assert record == await keyring.find(key)

    run(ask)
