"""Sessions of people on the page: a token in their browser, its SHA-256 in the ledger; who guesses is locked out."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from features.refusal import Refusal
from models.ledger import Ledger, failed_sign_ins, sessions, users
from models.people import User, folded, hashed, is_outdated, is_password, login_digest, user_of

SESSION_HOURS = 12
LOCKED_MINUTES = 15
FAILURES_OF_LOGIN_AND_ADDRESS = 5
FAILURES_OF_LOGIN = 50
FAILURES_OF_ADDRESS = 100
_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Session:
    """Who is signed in, and until when (UTC, as the ledger keeps moments)."""

    user: User
    expires_at: datetime


class LockedOut(Refusal):
    """HF615, with the minutes to wait for whoever says it in another language."""

    def __init__(self, minutes: int) -> None:
        self.minutes = minutes
        super().__init__(
            "HF615", "there were too many failed sign-ins.", f"Try again in {minutes} minute{'s' * (minutes > 1)}."
        )


def sign_in(ledger: Ledger, login: str, password: str, address: str, now: datetime) -> tuple[str, Session]:
    """A new session and its token, 256 random bits that cannot be read again.

    Raises
    ------
    Refusal
        HF614 for a wrong login or password, which look the same; HF615 after too many, whatever the password is.
    """
    # Many guesses may be sent at once, to many workers. An attempt is therefore written as a failure, and committed,
    # before failures are counted, and the password is compared after that: of those under way the sixth to commit
    # counts five others, in every process and database. Whoever is locked out takes their attempt back, else asking
    # again would prolong the wait; and whom the first look finds locked out writes nothing at all.
    tries = _Tries(login_digest(login), _place(address), now)
    with ledger.reading() as connection:
        tries.require_few(connection)
        known = connection.execute(sa.select(users).where(users.c.login == (folded(login) or ""))).first()
    with ledger.writing() as connection:
        attempt = tries.write(connection)
    try:
        with ledger.reading() as connection:
            tries.require_few(connection, besides=attempt)
    except LockedOut:
        with ledger.writing() as connection:
            connection.execute(sa.delete(failed_sign_ins).where(failed_sign_ins.c.id == attempt))
        raise
    if not is_password(known.password if known else None, password) or known is None:
        raise _wrong()
    return _begin(ledger, known, password, tries)


def session_of(ledger: Ledger, token: str, now: datetime) -> Session | None:
    """The session that a token opens, or None: unknown, expired, signed out, or of someone who was removed."""
    query = (
        sa.select(users, sessions.c.expires_at)
        .join(sessions, sessions.c.user_id == users.c.user_id)
        .where(sessions.c.sha256 == _digest(token), sessions.c.expires_at > now)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).first()
    return Session(user_of(row), row.expires_at) if row else None


def sign_out(ledger: Ledger, token: str) -> None:
    """End a session; where there is none, nothing happens."""
    ours = sessions.c.sha256 == _digest(token)
    with ledger.writing() as connection:
        login = connection.execute(
            sa.select(users.c.login).join(sessions, sessions.c.user_id == users.c.user_id).where(ours)
        ).scalar()
        if login is not None:
            connection.execute(sa.delete(sessions).where(ours))
            ledger.note(connection, login, "sign out")


def form_token(token: str) -> str:
    """What a form must carry beside this cookie: made of it alone, and telling nothing of it or of its digest."""
    return hmac.new(_bytes(token), b"holdfast form", hashlib.sha256).hexdigest()


def is_form_token(token: str, given: object) -> bool:
    """Whether a form carries what `form_token` gave; never where there is no cookie."""
    return bool(token) and isinstance(given, str) and hmac.compare_digest(_bytes(form_token(token)), _bytes(given))


@dataclass(frozen=True)
class _Tries:
    """The failed sign-ins that bear on one more: of the same login, of the same place, of both."""

    digest: str
    place: str
    now: datetime

    def require_few(self, connection: sa.Connection, besides: int = 0) -> None:
        """Refuse (HF615) when a limit is reached by other attempts than `besides`."""
        of = failed_sign_ins.c
        of_login, of_place = of.login_sha256 == self.digest, of.address == self.place
        limits = (
            (FAILURES_OF_LOGIN_AND_ADDRESS, of_login & of_place),
            (FAILURES_OF_LOGIN, of_login),
            (FAILURES_OF_ADDRESS, of_place),
        )
        wait = timedelta()
        for most, which in limits:
            recent = (which, of.at > self.now - timedelta(minutes=LOCKED_MINUTES), of.id != besides)
            # fewer than `most` are left when this one, the last but `most`, is no longer recent
            reached = connection.execute(
                sa.select(of.at).where(*recent).order_by(of.at.desc()).offset(most - 1).limit(1)
            ).scalar()
            if reached is not None:
                wait = max(wait, reached + timedelta(minutes=LOCKED_MINUTES) - self.now)
        if wait:
            raise LockedOut(math.ceil(wait / timedelta(minutes=1)))

    def write(self, connection: sa.Connection) -> int:
        """Count this attempt as a failure, until it succeeds; old ones are forgotten."""
        connection.execute(sa.delete(failed_sign_ins).where(failed_sign_ins.c.at < self.now - _KEPT))
        written = connection.execute(
            sa.insert(failed_sign_ins).values(at=self.now, login_sha256=self.digest, address=self.place)
        )
        (number,) = written.inserted_primary_key or (0,)
        return int(number)

    def forget(self, connection: sa.Connection) -> None:
        """A success wipes out the failures of its login from its place."""
        connection.execute(
            sa.delete(failed_sign_ins).where(
                failed_sign_ins.c.login_sha256 == self.digest, failed_sign_ins.c.address == self.place
            )
        )


def _begin(ledger: Ledger, known: sa.Row[Any], password: str, tries: _Tries) -> tuple[str, Session]:
    """The session of someone whose password was right, unless it was changed, or they were removed, meanwhile."""
    token, expires_at = secrets.token_urlsafe(32), tries.now + timedelta(hours=SESSION_HOURS)
    encoded = hashed(password) if is_outdated(known.password) else known.password
    with ledger.writing() as connection:
        unchanged = (users.c.user_id == known.user_id, users.c.password == known.password)
        row = connection.execute(sa.select(users).where(*unchanged).with_for_update()).first()
        if row is None:
            raise _wrong()
        if encoded != known.password:
            connection.execute(sa.update(users).where(*unchanged).values(password=encoded))
            ledger.note(connection, "holdfast", "rehash password", user_id=row.user_id, login=row.login)
        tries.forget(connection)
        connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= tries.now))
        connection.execute(
            sa.insert(sessions).values(
                sha256=_digest(token), user_id=row.user_id, created_at=tries.now, expires_at=expires_at
            )
        )
        ledger.note(connection, row.login, "sign in", address=tries.place)
    return token, Session(user_of(row), expires_at)


def _wrong() -> Refusal:
    return Refusal("HF614", "the name or the password is wrong.", "Type both again.")


def _place(address: str) -> str:
    """What failures from one place have in common: the address, of IPv6 the network that one household is given."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ascii(address)[1:-1][:64]  # a socket's or a proxy's own word
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found), 64), strict=False))


def _digest(token: str) -> str:
    return hashlib.sha256(_bytes(token)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
