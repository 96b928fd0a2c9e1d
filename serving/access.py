"""Access: API keys by header, checked against the ledger's hashes, each address by its scope."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from features.refusal import Refusal
from models.keys import ApiKey, key_digest, keys_in_force
from models.ledger import Ledger
from serving.addresses import ANY_KEY, OPEN, address_of
from serving.problems import Problem

_KNOWN_FOR_SECONDS = 2.0
_LOOK_AGAIN_AFTER_SECONDS = 0.25
_LEDGER_MAY_BE_AWAY_SECONDS = 60.0


class Keyring:
    """The keys in force by digest, read again every two seconds and, at a limited rate, for an unknown key.

    Keys are 256 random bits and looked up by SHA-256, so that the time a look-up takes tells nothing of them;
    guessing costs the ledger at most four reads a second.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._keys: dict[str, ApiKey] = {}
        self._read_at = -float("inf")
        self._lock = asyncio.Lock()

    async def find(self, key: str) -> ApiKey | None:
        """The record of a key in force, or None; HF5xx while the ledger has been away too long."""
        digest = key_digest(key)
        await self._read_if_older_than(_KNOWN_FOR_SECONDS)
        if digest not in self._keys:
            await self._read_if_older_than(_LOOK_AGAIN_AFTER_SECONDS)
        return self._keys.get(digest)

    async def _read_if_older_than(self, seconds: float) -> None:
        if time.monotonic() - self._read_at < seconds:
            return
        async with self._lock:
            if time.monotonic() - self._read_at < seconds:
                return
            try:
                self._keys = await asyncio.to_thread(keys_in_force, self._ledger)
                self._read_at = time.monotonic()
            except Refusal:
                if time.monotonic() - self._read_at > _LEDGER_MAY_BE_AWAY_SECONDS:
                    raise


class Access:
    """Lets a request pass whose key opens the address; what no table lists is not there."""

    def __init__(self, app: ASGIApp, keyring: Callable[[], Keyring]) -> None:
        self.app = app
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            address = address_of(scope["path"])
            if address is None or address.scope != OPEN:
                key = await self._key(Headers(scope=scope))
                if address is None:
                    raise Refusal("HF606", "there is nothing at this address.", "See /openapi.json for all of them.")
                if address.scope != ANY_KEY and address.scope not in key.scopes:
                    raise Refusal(
                        "HF602", f"this key does not have the scope {address.scope!r}.",
                        f"Ask the operator for: holdfast keys create --scope {address.scope}",
                    )  # fmt: skip
        await self.app(scope, receive, send)

    async def _key(self, headers: Headers) -> ApiKey:
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        found = await self._keyring().find(given) if given else None
        if found is None:
            what = "the API key is unknown or revoked." if given else "an API key is needed."
            mend = "Send it as X-API-Key or Authorization: Bearer; holdfast keys create makes one."
            raise Problem(Refusal("HF601", what, mend), headers={"www-authenticate": "Bearer"})
        return found
