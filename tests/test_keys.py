"""API keys: a key is kept as a hash only, opens what its scopes say, and nothing once it is revoked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from features.refusal import Refusal
from models.keys import create_key, key_digest, keys_in_force, list_keys, revoke_key
from models.ledger import Ledger


def test_a_key_is_kept_as_a_hash_only(ledger: Ledger, tmp_path: Path) -> None:
    key, record = create_key(ledger, "crm", ["score"])

    assert {key_digest(key): record} == keys_in_force(ledger)
    assert frozenset({"score"}) == record.scopes
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        dump = "\n".join(database.iterdump())
    assert key not in dump
    assert key.removeprefix("hf_") not in dump


def test_a_revoked_key_opens_nothing(ledger: Ledger) -> None:
    _, record = create_key(ledger, "crm", ["score"])
    revoke_key(ledger, record.key_id)

    assert {} == keys_in_force(ledger)
    assert [record.key_id] == [known.key_id for known in list_keys(ledger)]
    with pytest.raises(Refusal, match="HF601 no key .* is in force"):
        revoke_key(ledger, record.key_id)


def test_an_unknown_scope_is_told(ledger: Ledger) -> None:
    with pytest.raises(Refusal, match="HF104 --scope is 'scores'. Did you mean 'score'"):
        create_key(ledger, "crm", ["scores"])
