"""People: one login however it is typed, a password that nobody can read, and a line of audit for every change."""

from __future__ import annotations

import json
import math
import sqlite3
import unicodedata
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from features.refusal import Refusal
from models import people
from models.ledger import Ledger, audit, users
from models.people import (
    User,
    add_user,
    folded,
    hashed,
    is_outdated,
    is_password,
    list_users,
    login_digest,
    made_up_password,
    remove_user,
    set_language,
    set_password,
)

NOW = datetime(2024, 5, 1, 6)
PASSWORD = "correct horse battery"


def kept(ledger: Ledger, login: str) -> str:
    """What the ledger keeps of a password."""
    with ledger.reading() as connection:
        return connection.execute(sa.select(users.c.password).where(users.c.login == login)).scalar_one()


def noted(ledger: Ledger) -> list[tuple[str, str, dict]]:
    with ledger.reading() as connection:
        lines = connection.execute(sa.select(audit.c.who, audit.c.did, audit.c.detail).order_by(audit.c.id)).all()
    return [(who, did, json.loads(detail)) for who, did, detail in lines]


def test_a_user_is_known_with_language_and_day(ledger: Ledger) -> None:
    anna = add_user(ledger, "anna", PASSWORD, "zh", now=NOW)

    assert User(anna.user_id, "anna", "zh", NOW) == anna
    assert [anna] == list_users(ledger)


def test_users_are_listed_by_login(ledger: Ledger) -> None:
    for k, login in enumerate(("zoe", "anna", "mia")):
        add_user(ledger, login, PASSWORD, now=NOW + timedelta(days=k))

    assert ["anna", "mia", "zoe"] == [user.login for user in list_users(ledger)]


def test_a_password_is_in_no_dump_of_the_database(ledger: Ledger, tmp_path: Path) -> None:
    first, second = made_up_password(), made_up_password()
    add_user(ledger, "anna", first, now=NOW)
    set_password(ledger, "anna", second)

    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        dump = "\n".join(database.iterdump())
    assert "anna" in dump
    assert first not in dump
    assert second not in dump


def test_a_password_is_kept_by_argon2id_as_owasp_asks() -> None:
    for encoded in (hashed(PASSWORD), people._NOBODYS):  # an unknown login takes as long as a known one
        asked = extract_parameters(encoded)
        assert ("ID", 2, 19 * 1024, 1) == (asked.type.name, asked.time_cost, asked.memory_cost, asked.parallelism)
        assert not is_outdated(encoded)


def test_equal_passwords_are_kept_unlike(ledger: Ledger) -> None:
    for login in ("anna", "mia"):
        add_user(ledger, login, PASSWORD, now=NOW)

    assert kept(ledger, "anna") != kept(ledger, "mia")


def test_a_password_is_known_again_and_no_other() -> None:
    encoded = hashed(PASSWORD)

    assert is_password(encoded, PASSWORD)
    for wrong in ("", PASSWORD.upper(), PASSWORD + " ", "\0", "\ud800", "x" * 1_000_000):
        assert not is_password(encoded, wrong)


def test_a_password_is_known_again_from_every_keyboard() -> None:
    typed = "Überraschung, ja"

    assert is_password(hashed(typed), unicodedata.normalize("NFD", typed))
    assert is_password(hashed("ａｂｃ def ghi jkl"), "abc def ghi jkl")


def test_nobody_has_a_password_and_damage_opens_nothing() -> None:
    assert not is_password(None, PASSWORD)
    assert not is_password(None, "")
    assert not is_password("$argon2id$damaged", PASSWORD)


def test_made_up_passwords_are_of_90_bits_and_clear_to_read() -> None:
    made = [made_up_password() for _ in range(500)]
    signs = {sign for password in made for sign in password} - {"-"}

    assert 500 == len(set(made))
    assert signs <= set("abcdefghijklmnopqrstuvwxyz0123456789") - set("il1o0")
    assert 20 * math.log2(len(signs)) >= 90
    assert all([4] * 5 == [len(group) for group in password.split("-")] for password in made)
    assert hashed(made[0])


@pytest.mark.parametrize(
    ("typed", "login"),
    [
        (" Anna ", "anna"), ("ANNA@SHOP.EXAMPLE", "anna@shop.example"), ("Straße", "strasse"), ("ＡＮＮＡ", "anna"),
        ("Zoe\u0308", "zo\u00eb"), ("王小明", "王小明"), ("İpek", "i̇pek"), ("Ω", "ω"), ("x" * 64, "x" * 64),
        ("O\u0308" * 64, "\u00f6" * 64),
    ],
)  # fmt: skip
def test_a_login_is_one_however_it_is_typed(ledger: Ledger, typed: str, login: str) -> None:
    assert login == add_user(ledger, typed, PASSWORD, now=NOW).login
    assert login_digest(typed) == login_digest(login)
    with pytest.raises(Refusal, match="HF104 there is a user .* already. Take another name"):
        add_user(ledger, login.upper(), PASSWORD, now=NOW)
    remove_user(ledger, typed)
    assert [] == list_users(ledger)


@given(st.text(max_size=70))
def test_folding_a_login_again_changes_nothing(typed: str) -> None:
    login = folded(typed)

    assert login is None or (folded(login) == login and len(login) <= 64)


BAD_LOGINS = ["", "  ", "anna b", "anna\u3000b", "a\0b", "a\nb", "\ud800", "a\u200bb", "¨", "x" * 65, "\ufdfa" * 4,
              "x" * 1_000_000, "a" + "\u0301\u0316" * 300_000, "\0" * 1_000_000]  # fmt: skip


@pytest.mark.parametrize("login", BAD_LOGINS, ids=lambda login: ascii(login)[:20])
def test_a_login_that_cannot_be_used_is_told_in_short(ledger: Ledger, login: str) -> None:
    with pytest.raises(Refusal, match="HF104 the name is .* It takes 1 to 64 characters and no spaces") as refused:
        add_user(ledger, login, PASSWORD, now=NOW)
    str(refused.value).encode()
    assert len(str(refused.value)) < 800
    for use in (lambda: remove_user(ledger, login), lambda: set_password(ledger, login, PASSWORD)):
        with pytest.raises(Refusal, match="HF104 there is no user .* See: holdfast users list"):
            use()
    assert 64 == len(login_digest(login))
    assert [] == list_users(ledger)


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "the password has 0 characters. It takes 12 to 256."), ("x" * 11, "has 11 characters"),
        ("x" * 257, "has 257 characters"), ("x" * 1_000_000, "has 1,000,000 characters"),
        ("\0" * 12, "a character that no key types"), ("a\ud800" * 10, "a character that no key types"),
        ("twelve\nlines or so", "a character that no key types"),
    ],
    ids=lambda text: ascii(text)[:20],
)  # fmt: skip
def test_a_password_that_cannot_be_used_is_told(ledger: Ledger, password: str, message: str) -> None:
    with pytest.raises(Refusal, match=f"HF104 .*{message}") as refused:
        add_user(ledger, "anna", password, now=NOW)
    assert not password or password not in str(refused.value)
    assert [] == list_users(ledger)

    add_user(ledger, "anna", PASSWORD, now=NOW)
    with pytest.raises(Refusal, match=f"HF104 .*{message}"):
        set_password(ledger, "anna", password)
    assert is_password(kept(ledger, "anna"), PASSWORD)


@pytest.mark.parametrize("password", ["x" * 12, "字" * 256, "a b c d e f g"])
def test_long_passwords_spaces_and_every_script_are_welcome(password: str) -> None:
    assert is_password(hashed(password), password)


@pytest.mark.parametrize(
    "language", ["", "EN", "fr", "\0", "\ud800", "x" * 1_000_000], ids=lambda text: ascii(text)[:9]
)
def test_a_language_that_the_page_does_not_speak_is_told(ledger: Ledger, language: str) -> None:
    with pytest.raises(Refusal, match="HF104 the language is .* Known: en, zh"):
        add_user(ledger, "anna", PASSWORD, language, now=NOW)
    anna = add_user(ledger, "anna", PASSWORD, "en", now=NOW)
    with pytest.raises(Refusal, match="HF104 the language is .* Known: en, zh"):
        set_language(ledger, anna.user_id, language)
    assert [anna] == list_users(ledger)


@pytest.mark.parametrize("language", ["zh", "en", None])
def test_a_language_is_remembered(ledger: Ledger, language: str | None) -> None:
    anna, mia = (add_user(ledger, login, PASSWORD, "en", now=NOW) for login in ("anna", "mia"))
    set_language(ledger, anna.user_id, language)

    assert [User(anna.user_id, "anna", language, NOW), mia] == list_users(ledger)


def test_a_language_is_remembered_for_nobody_who_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(Refusal, match="HF104 there is no user of the id 'nobody'"):
        set_language(ledger, "nobody", "en")


def test_another_password_opens_and_the_former_does_not(ledger: Ledger) -> None:
    add_user(ledger, "anna", PASSWORD, now=NOW)
    set_password(ledger, "Anna", "another good one")

    assert is_password(kept(ledger, "anna"), "another good one")
    assert not is_password(kept(ledger, "anna"), PASSWORD)


def test_every_change_is_in_the_audit_without_the_password(ledger: Ledger) -> None:
    anna = add_user(ledger, "anna", PASSWORD, "zh", now=NOW)
    set_language(ledger, anna.user_id, "en")
    set_password(ledger, "anna", "another good one")
    remove_user(ledger, "anna")

    who = {"user_id": anna.user_id, "login": "anna"}
    assert noted(ledger) == [
        ("holdfast", "create user", who | {"language": "zh"}),
        ("anna", "set language", {"user_id": anna.user_id, "language": "en"}),
        ("holdfast", "set password", who),
        ("holdfast", "remove user", who),
    ]


def test_what_is_refused_leaves_no_line_of_audit(ledger: Ledger) -> None:
    add_user(ledger, "anna", PASSWORD, now=NOW)
    for refused in (
        lambda: add_user(ledger, "ANNA", PASSWORD, now=NOW), lambda: remove_user(ledger, "mia"),
        lambda: set_password(ledger, "mia", PASSWORD), lambda: set_language(ledger, "mia", "en"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match="HF104"):
            refused()

    assert ["create user"] == [did for _, did, _ in noted(ledger)]
