"""People who may open the page: a login, a password that Argon2id alone can know again, the language they read."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from features.refusal import Refusal
from features.shop import Language
from models.ledger import Ledger, failed_sign_ins, sessions, users

LOGIN_CHARACTERS = 64
PASSWORD_CHARACTERS = (12, 256)
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's least, which two cores bear
_NOBODYS = (  # of a password that was thrown away: compared with where no login is known, for the same time
    "$argon2id$v=19$m=19456,t=2,p=1$hmrwvRv4Yd43Y6IDjpYj1g$rYOE+vas5D1kHqqjnDwSEX3WMwNVrA1zfoJeuBio75k"
)
_CLEAR = "abcdefghjkmnpqrstuvwxyz23456789"  # neither i, l and 1 nor o and 0


@dataclass(frozen=True)
class User:
    """A person as the ledger knows them, without the password."""

    user_id: str
    login: str
    language: str | None
    created_at: datetime


def add_user(ledger: Ledger, login: str, password: str, language: str | None = None, *, now: datetime) -> User:
    """A new person who may open the page; without a language the page speaks as their browser asks.

    Raises
    ------
    Refusal
        HF104 for a login, password or language that cannot be used, and for a login that is taken.
    """
    user = User(secrets.token_hex(8), _usable_login(login), _known_language(language), now)
    encoded = hashed(password)
    with ledger.writing() as connection:
        try:
            connection.execute(
                sa.insert(users).values(
                    user_id=user.user_id, login=user.login, password=encoded, language=user.language, created_at=now
                )
            )
        except sa.exc.IntegrityError:
            raise Refusal(
                "HF104", f"there is a user {user.login!r} already.",
                f"Take another name, or give them a new password with: holdfast users password {user.login}",
            ) from None  # fmt: skip
        ledger.note(
            connection, "holdfast", "create user", user_id=user.user_id, login=user.login, language=user.language
        )
    return user


def list_users(ledger: Ledger) -> list[User]:
    """All people, by login."""
    with ledger.reading() as connection:
        return [user_of(row) for row in connection.execute(sa.select(users).order_by(users.c.login))]


def remove_user(ledger: Ledger, login: str) -> None:
    """Remove a person and end their sessions. HF104 where there is no such person."""
    with ledger.writing() as connection:
        user = _known(connection, login)
        connection.execute(sa.delete(sessions).where(sessions.c.user_id == user.user_id))
        connection.execute(sa.delete(users).where(users.c.user_id == user.user_id))
        ledger.note(connection, "holdfast", "remove user", user_id=user.user_id, login=user.login)


def set_password(ledger: Ledger, login: str, password: str) -> None:
    """Give a person another password; ends their sessions, and the lock-out that failures with the old one brought."""
    encoded = hashed(password)
    with ledger.writing() as connection:
        user = _known(connection, login)
        connection.execute(sa.update(users).where(users.c.user_id == user.user_id).values(password=encoded))
        connection.execute(sa.delete(sessions).where(sessions.c.user_id == user.user_id))
        connection.execute(sa.delete(failed_sign_ins).where(failed_sign_ins.c.login_sha256 == login_digest(login)))
        ledger.note(connection, "holdfast", "set password", user_id=user.user_id, login=user.login)


def set_language(ledger: Ledger, user_id: str, language: str | None) -> None:
    """Remember the language that a person chose on the page; None is as their browser asks."""
    known = _known_language(language)
    with ledger.writing() as connection:
        row = connection.execute(sa.select(users).where(users.c.user_id == user_id)).first()
        if row is None:
            raise Refusal("HF104", f"there is no user of the id {_shown(user_id)}.", "See: holdfast users list")
        connection.execute(sa.update(users).where(users.c.user_id == user_id).values(language=known))
        ledger.note(connection, row.login, "set language", user_id=user_id, language=known)


def made_up_password() -> str:
    """A password of 99 random bits, in groups that are easily read aloud and typed."""
    return "-".join("".join(secrets.choice(_CLEAR) for _ in range(4)) for _ in range(5))


def user_of(row: sa.Row[Any]) -> User:
    """The person of a row of the table users."""
    return User(row.user_id, row.login, row.language, row.created_at)


def folded(login: str) -> str | None:
    """A login as the ledger keeps it, alike however it was typed; None for what cannot be one."""
    bare = login.strip()
    if len(bare) > 4 * LOGIN_CHARACTERS:  # folding takes long on much text
        return None
    alike = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", bare).casefold())
    usable = 0 < len(alike) <= LOGIN_CHARACTERS and alike.isprintable() and " " not in alike
    return alike if usable else None


def login_digest(login: str) -> str:
    """What failures are counted by; of any text, since people type anything into the field, passwords too."""
    return hashlib.sha256((folded(login) or login).encode("utf-8", "surrogatepass")).hexdigest()


def hashed(password: str) -> str:
    """What the ledger keeps of a password. HF104 for one that is too short, too long or holds what no key types."""
    least, most = PASSWORD_CHARACTERS
    if not least <= len(password) <= most:
        raise Refusal("HF104", f"the password has {len(password):,} characters.", f"It takes {least} to {most}.")
    typed = _typed(password)
    if typed is None:
        raise Refusal(
            "HF104", "the password holds a character that no key types.", "Use letters, digits, signs and spaces."
        )
    return _HASHER.hash(typed)


def is_password(encoded: str | None, given: str) -> bool:
    """Whether `given` is the password that `encoded` was made of; never for None, which takes as long to tell."""
    try:
        _HASHER.verify(encoded or _NOBODYS, _typed(given) or b"")
    except (VerificationError, InvalidHashError):
        return False
    return encoded is not None


def is_outdated(encoded: str) -> bool:
    """Whether a password was hashed with other parameters than today's."""
    return _HASHER.check_needs_rehash(encoded)


def _typed(password: str) -> bytes | None:
    """A password as it is hashed: alike from every keyboard, full-width letters too; None for what cannot be one."""
    if len(password) > PASSWORD_CHARACTERS[1]:
        return None
    alike = unicodedata.normalize("NFKC", password)
    return alike.encode() if alike.isprintable() else None


def _usable_login(login: str) -> str:
    usable = folded(login)
    if usable is None:
        raise Refusal(
            "HF104", f"the name is {_shown(login)}.", f"It takes 1 to {LOGIN_CHARACTERS} characters and no spaces."
        )
    return usable


def _known_language(language: str | None) -> str | None:
    if language is not None and language not in get_args(Language):
        raise Refusal("HF104", f"the language is {_shown(language)}.", f"Known: {', '.join(get_args(Language))}.")
    return language


def _known(connection: sa.Connection, login: str) -> User:
    row = connection.execute(sa.select(users).where(users.c.login == (folded(login) or ""))).first()
    if row is None:
        raise Refusal("HF104", f"there is no user {_shown(login)}.", "See: holdfast users list")
    return user_of(row)


def _shown(text: str) -> str:
    return repr(text if len(text) <= LOGIN_CHARACTERS else f"{text[:LOGIN_CHARACTERS]}...")
