"""Access: each address by its scope; programs by API key, people by the session in their cookie."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from features.refusal import Refusal
from models.keys import ApiKey, key_digest, keys_in_force
from models.ledger import Ledger
from models.sessions import Session
from serving.addresses import ANY_KEY, OPEN, SIGNED_IN, address_of
from serving.problems import Problem
from serving.visit import IN_SCOPE, SESSION_COOKIE, Visit, wants_page

_KNOWN_FOR_SECONDS = 2.0
_LOOK_AGAIN_AFTER_SECONDS = 0.25
_KNOWN_WAIT_SECONDS = 0.25
_UNKNOWN_WAIT_SECONDS = 2.0
_LEDGER_MAY_BE_AWAY_SECONDS = 60.0


class Keyring:
    """The keys in force by digest, read again every two seconds and, at a limited rate, for an unknown key.

    Keys are 256 random bits and looked up by SHA-256, so that the time a look-up takes tells nothing of them;
    guessing costs the ledger at most four reads a second. One reading is under way at a time, and while it takes long
    or fails, keys known within the last minute go on opening; no request waits for it longer than a known key's
    quarter of a second or an unknown one's two seconds.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._keys: dict[str, ApiKey] = {}
        self._known_at = -float("inf")  # as of when the keys are known
        self._asked_at = -float("inf")  # when the ledger was last asked for them, whatever came of it
        self._failure: Refusal | None = None
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key: str) -> ApiKey | None:
        """The record of a key in force, or None; HF5xx where the ledger is away and the key not known."""
        digest = key_digest(key)
        await self._read_if_older_than(_KNOWN_FOR_SECONDS, _KNOWN_WAIT_SECONDS)
        if digest in self._keys and time.monotonic() - self._known_at <= _LEDGER_MAY_BE_AWAY_SECONDS:
            return self._keys[digest]
        await self._read_if_older_than(_LOOK_AGAIN_AFTER_SECONDS, _UNKNOWN_WAIT_SECONDS)
        if self._reading is not None:
            raise Refusal("HF501", "the ledger takes too long to tell the keys.", "Is it running?")
        if self._failure is not None:
            raise Refusal(self._failure.code, self._failure.what, self._failure.mend)
        return self._keys.get(digest)

    async def _read_if_older_than(self, seconds: float, wait_seconds: float) -> None:
        """Have the keys read unless that was begun only now, and wait as long after its beginning at most."""
        if self._reading is None and time.monotonic() - self._asked_at >= seconds:
            self._asked_at = time.monotonic()
            self._reading = asyncio.create_task(self._read())
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=max(0, self._asked_at + wait_seconds - time.monotonic()))

    async def _read(self) -> None:
        began = time.monotonic()
        try:
            self._keys = await asyncio.to_thread(keys_in_force, self._ledger)
            self._known_at, self._failure = began, None
        except Refusal as refusal:
            self._failure = refusal
        except Exception as error:
            self._failure = Refusal("HF501", f"the keys cannot be read: {type(error).__name__}.")
        finally:
            self._reading = None


class Access:
    """Lets a request pass whose key or session opens the address; what no table lists is not there.

    Parameters
    ----------
    session
        The session that a token opens at this moment, or None; it may wait for the ledger.
    """

    def __init__(
        self, app: ASGIApp, keyring: Callable[[], Keyring], session: Callable[[str], Session | None]
    ) -> None:  # fmt: skip
        self.app = app
        self._keyring = keyring
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            address = address_of(scope["path"])
            if address is not None and address.is_page:
                await self._find_session(scope)
                if address.scope == SIGNED_IN and IN_SCOPE not in scope:
                    await _to_sign_in(scope)(scope, receive, send)
                    return
            elif address is None and wants_page(scope):
                await self._find_session(scope)  # the page that tells it has forms
                raise Refusal("HF606", "there is nothing at this address.", "Go on from the front page.")
            elif address is None or address.scope != OPEN:
                key = await self._key(Headers(scope=scope))
                if address is None:
                    raise Refusal("HF606", "there is nothing at this address.", "See /openapi.json for all of them.")
                if address.scope != ANY_KEY and address.scope not in key.scopes:
                    raise Refusal(
                        "HF602", f"this key does not have the scope {address.scope!r}.",
                        f"Ask the operator for: holdfast keys create --scope {address.scope}",
                    )  # fmt: skip
        await self.app(scope, receive, send)

    async def _find_session(self, scope: Scope) -> None:
        token = cookie_parser(Headers(scope=scope).get("cookie", "")).get(SESSION_COOKIE)
        session = await asyncio.to_thread(self._session, token) if token else None
        if token and session:
            scope[IN_SCOPE] = (token, session)

    async def _key(self, headers: Headers) -> ApiKey:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        found = await self._keyring().find(given) if given else None
        if found is None:
            what = "the API key is unknown or revoked." if given else "an API key is needed."
            mend = "Send it as X-API-Key or Authorization: Bearer; holdfast keys create makes one."
            raise Problem(Refusal("HF601", what, mend), headers={"www-authenticate": "Bearer"})
        return found


def _to_sign_in(scope: Scope) -> Response:
    """Sends whoever is not signed in, or no longer, to where they can; a form that was sent is lost."""
    wanted = Visit(Request(scope)).here
    ask = "" if wanted == "/" or scope["method"] != "GET" else f"?next={quote(wanted, safe='')}"
    return RedirectResponse(f"/sign-in{ask}", 303)
