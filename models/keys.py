"""API keys: shown once, kept as SHA-256 only, each with its scopes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from features.refusal import Refusal, did_you_mean
from models.ledger import Ledger, api_keys, utc_now

SCOPES = {
    "score": "score customers, by id or from posted events",
    "list": "read the churn list, explanations and the model card",
    "metrics": "read /metrics",
}
_PREFIX = "hf_"


@dataclass(frozen=True)
class ApiKey:
    """A key as the ledger knows it: who it is for and what it opens, never the key itself."""

    key_id: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


def create_key(ledger: Ledger, name: str, scopes: Iterable[str]) -> tuple[str, ApiKey]:
    """A new key and its record; the key is 256 random bits and cannot be read again."""
    wanted = frozenset(scopes)
    for scope in sorted(wanted):
        if scope not in SCOPES:
            raise Refusal("HF104", f"--scope is {scope!r}.", did_you_mean(scope, SCOPES))
    key = _PREFIX + secrets.token_urlsafe(32)
    record = ApiKey(secrets.token_hex(4), name, wanted, utc_now(), None)
    with ledger.writing() as connection:
        connection.execute(
            sa.insert(api_keys).values(
                key_id=record.key_id, name=name, sha256=key_digest(key), scopes=" ".join(sorted(wanted)),
                created_at=record.created_at,
            )
        )  # fmt: skip
        ledger.note(connection, "holdfast", "create key", key_id=record.key_id, name=name, scopes=sorted(wanted))
    return key, record


def keys_in_force(ledger: Ledger) -> dict[str, ApiKey]:
    """Every key in force by its SHA-256, as `key_digest` gives it: what a service keeps in memory."""
    query = sa.select(api_keys).where(api_keys.c.revoked_at.is_(None))
    with ledger.reading() as connection:
        return {row.sha256: _record(row) for row in connection.execute(query)}


def list_keys(ledger: Ledger) -> list[ApiKey]:
    """All keys, oldest first."""
    with ledger.reading() as connection:
        return [_record(row) for row in connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at))]


def revoke_key(ledger: Ledger, key_id: str) -> None:
    """Revoke a key; the service forgets it within seconds. HF601 where no such key is in force."""
    with ledger.writing() as connection:
        found = connection.execute(
            sa.update(api_keys)
            .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=utc_now())
        )
        if found.rowcount == 0:
            raise Refusal("HF601", f"no key {key_id!r} is in force.", "See: holdfast keys list")
        ledger.note(connection, "holdfast", "revoke key", key_id=key_id)


def _record(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(row.key_id, row.name, frozenset(row.scopes.split()), row.created_at, row.revoked_at)


def key_digest(key: str) -> str:
    """What the ledger keeps of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
