"""Sessions: a token opens for half a day and cannot be made up; who guesses learns nothing and is soon locked out."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from features.refusal import Refusal
from models import sessions as of_sessions
from models.ledger import Ledger, audit, failed_sign_ins, sessions, users
from models.people import User, add_user, is_outdated, is_password, login_digest, remove_user, set_password
from models.sessions import Session, form_token, is_form_token, session_of, sign_in, sign_out

NOW = datetime(2024, 5, 1, 6)
PASSWORD = "correct horse battery"
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
WRONG = "HF614 the name or the password is wrong. Type both again."


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.fixture
def anna(ledger: Ledger) -> User:
    return add_user(ledger, "anna", PASSWORD, "zh", now=NOW)


def answered(
    ledger: Ledger, login: str = "anna", password: str = "wrong", address: str = HERE, now: datetime = NOW
) -> str:
    """What someone who signs in is told."""
    try:
        sign_in(ledger, login, password, address, now)
    except Refusal as refusal:
        return str(refusal)
    return "welcome"


def fail(ledger: Ledger, times: int, login: str = "anna", address: str = HERE, now: datetime = NOW) -> None:
    """Failures as `sign_in` writes them, without the time that a password takes."""
    with ledger.writing() as connection:
        for _ in range(times):
            of_sessions._Tries(login_digest(login), address, now).write(connection)


def failures(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(failed_sign_ins)).scalar_one()


def test_who_signs_in_is_known_by_their_token(ledger: Ledger, anna: User) -> None:
    token, session = sign_in(ledger, " ANNA", PASSWORD, HERE, NOW)

    assert Session(anna, NOW + timedelta(hours=of_sessions.SESSION_HOURS)) == session
    assert session == session_of(ledger, token, NOW)
    assert failures(ledger) == 0


def test_people_with_logins_of_every_script_sign_in(ledger: Ledger) -> None:
    add_user(ledger, "王小明", "一二三四五六七八九十百千", now=NOW)

    assert answered(ledger, "王小明", "一二三四五六七八九十百千") == "welcome"


def test_a_token_is_kept_as_a_hash_only(ledger: Ledger, anna: User, tmp_path: Path) -> None:
    tokens = [sign_in(ledger, "anna", PASSWORD, HERE, NOW)[0] for _ in range(2)]

    assert all(len(token) == 43 for token in tokens)  # 256 bits
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        dump = "\n".join(database.iterdump())
    assert PASSWORD not in dump
    assert not [token for token in tokens if token in dump or form_token(token) in dump]


def test_an_unknown_login_and_a_wrong_password_look_the_same(
    ledger: Ledger, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def comparing(encoded: str | None, given: str) -> bool:
        compared.append(given)
        return is_password(encoded, given)

    monkeypatch.setattr(of_sessions, "is_password", comparing)
    told = [
        [answered(ledger, login, "a wrong guess") for _ in range(6)] for login in ("anna", "nobody", "two words", "\0")
    ]

    assert told[0] == [*[WRONG] * 5, "HF615 there were too many failed sign-ins. Try again in 15 minutes."]
    assert all(as_of_a_known_one == told[0] for as_of_a_known_one in told)
    assert ["a wrong guess"] * 20 == compared  # the same work for all


def test_what_is_typed_into_the_wrong_field_is_not_kept(ledger: Ledger, anna: User, tmp_path: Path) -> None:
    answered(ledger, PASSWORD, "anna")
    answered(ledger, "anna", "almost the right one")

    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        dump = "\n".join(database.iterdump())
    assert PASSWORD not in dump
    assert "almost" not in dump


def test_five_failures_lock_out_even_the_right_password_for_a_quarter_of_an_hour(ledger: Ledger, anna: User) -> None:
    told = [answered(ledger, now=NOW + minutes(k)) for k in range(6)]

    assert told == [*[WRONG] * 5, "HF615 there were too many failed sign-ins. Try again in 10 minutes."]
    assert "Try again in 10 minutes." in answered(ledger, "anna", PASSWORD, now=NOW + minutes(5))
    assert "Try again in 1 minute." in answered(ledger, "Anna ", PASSWORD, now=NOW + minutes(14.5))
    assert answered(ledger, "anna", PASSWORD, now=NOW + minutes(15)) == "welcome"


def test_asking_while_locked_out_does_not_prolong_it(ledger: Ledger, anna: User) -> None:
    fail(ledger, 5)
    for k in range(14):
        assert f"Try again in {15 - k} minutes." in answered(ledger, now=NOW + minutes(k))

    assert failures(ledger) == 5
    assert answered(ledger, "anna", PASSWORD, now=NOW + minutes(15)) == "welcome"


def test_the_minutes_to_wait_can_be_said_in_another_language(ledger: Ledger, anna: User) -> None:
    fail(ledger, 5)

    with pytest.raises(of_sessions.LockedOut) as refused:
        sign_in(ledger, "anna", PASSWORD, HERE, NOW + minutes(3))
    assert refused.value.minutes == 12
    assert refused.value.code == "HF615"


def test_five_failures_lock_out_neither_another_address_nor_another_login(ledger: Ledger, anna: User) -> None:
    add_user(ledger, "mia", PASSWORD, now=NOW)
    fail(ledger, 5)

    assert "HF615" in answered(ledger, "anna", PASSWORD)
    assert answered(ledger, "anna", PASSWORD, ELSEWHERE) == "welcome"
    assert answered(ledger, "mia", PASSWORD) == "welcome"


def test_fifty_failures_from_anywhere_lock_a_login_out(ledger: Ledger, anna: User) -> None:
    for k in range(49):
        fail(ledger, 1, address=f"198.51.100.{k}")

    assert answered(ledger, address=ELSEWHERE) == WRONG
    assert "HF615" in answered(ledger, "anna", PASSWORD)
    assert answered(ledger, "anna", PASSWORD, now=NOW + minutes(15)) == "welcome"


def test_a_hundred_failures_over_all_logins_lock_an_address_out(ledger: Ledger, anna: User) -> None:
    for k in range(99):
        fail(ledger, 1, login=f"guessed{k}")

    assert answered(ledger, "one more") == WRONG
    assert "HF615" in answered(ledger, "anna", PASSWORD)
    assert answered(ledger, "anna", PASSWORD, ELSEWHERE) == "welcome"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True), ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True), ("192.0.2.1", "192.0.2.2", False), ("fe80::1%eth0", "fe80::2", True),
        ("testclient", "testclient", True), ("", "", True), ("\0\ud800" * 99, "\0\ud800" * 99, True),
        ("x" * 1_000_000, "x" * 1_000_000, True),
    ],
    ids=lambda text: ascii(text)[:20],
)  # fmt: skip
def test_one_household_is_one_address(ledger: Ledger, anna: User, one: str, other: str, same: bool) -> None:
    fail(ledger, 4, address=of_sessions._place(one))
    assert answered(ledger, address=one) == WRONG

    assert same == ("HF615" in answered(ledger, address=other))


def test_a_success_clears_what_failed_from_there(ledger: Ledger, anna: User) -> None:
    fail(ledger, 4)
    fail(ledger, 1, address=ELSEWHERE)
    fail(ledger, 1, login="mia")
    assert answered(ledger, "anna", PASSWORD) == "welcome"

    assert failures(ledger) == 2
    assert [answered(ledger) for _ in range(5)] == [WRONG] * 5
    assert "HF615" in answered(ledger)


def test_a_new_password_ends_the_lock_out(ledger: Ledger, anna: User) -> None:
    fail(ledger, 5)
    set_password(ledger, "anna", "another good one")

    assert answered(ledger, "anna", "another good one") == "welcome"


def test_failures_are_forgotten_after_a_day(ledger: Ledger, anna: User) -> None:
    fail(ledger, 3)
    answered(ledger, now=NOW + timedelta(hours=24))
    assert failures(ledger) == 4
    answered(ledger, now=NOW + timedelta(hours=24, seconds=1))

    assert failures(ledger) == 2


def test_guesses_sent_at_once_to_several_workers_get_no_more_than_five_tries(
    ledger: Ledger, anna: User, tmp_path: Path
) -> None:
    workers = [ledger, Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")]
    with ThreadPoolExecutor(24) as threads:
        told = list(threads.map(lambda k: answered(workers[k % 2], password=f"guess number {k}")[:5], range(96)))
    workers[1].close()
    counted = Counter(told)

    assert {"HF614", "HF615"} >= set(counted)
    assert counted["HF614"] <= 5
    assert failures(ledger) == counted["HF614"]  # who was locked out took their attempt back


def test_the_sixth_of_several_attempts_under_way_is_not_compared(
    ledger: Ledger, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = of_sessions._Tries.require_few
    seen = []

    def after_the_first_look(tries: of_sessions._Tries, connection: sa.Connection, besides: int = 0) -> None:
        looked(tries, connection, besides)
        seen.append(besides)
        if not besides:
            fail(ledger, 5)  # five others come between the look and the attempt

    monkeypatch.setattr(of_sessions._Tries, "require_few", after_the_first_look)
    assert "HF615" in answered(ledger, "anna", PASSWORD)
    assert [0] == seen
    assert failures(ledger) == 5


def test_people_who_sign_in_at_once_all_may(ledger: Ledger, anna: User) -> None:
    for k in range(8):
        add_user(ledger, f"person{k}", PASSWORD, now=NOW)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda k: answered(ledger, f"person{k}", PASSWORD), range(8)))

    assert told == ["welcome"] * 8


@pytest.mark.parametrize("login", ["anna", "", "\0", "\ud800", "x" * 1_000_000], ids=lambda text: ascii(text)[:9])
@pytest.mark.parametrize("password", ["", "\0", "\ud800" * 20, "x" * 1_000_000], ids=lambda text: ascii(text)[:9])
def test_whatever_is_typed_is_at_most_wrong(ledger: Ledger, anna: User, login: str, password: str) -> None:
    assert answered(ledger, login, password) == WRONG


def test_a_session_lasts_its_hours_and_no_longer(ledger: Ledger, anna: User) -> None:
    token, session = sign_in(ledger, "anna", PASSWORD, HERE, NOW)

    assert session_of(ledger, token, NOW + timedelta(hours=12) - timedelta(seconds=1)) == session
    assert session_of(ledger, token, NOW + timedelta(hours=12)) is None


def test_expired_sessions_are_deleted_when_someone_signs_in(ledger: Ledger, anna: User) -> None:
    for hours in (0, 6, 12):
        sign_in(ledger, "anna", PASSWORD, HERE, NOW + timedelta(hours=hours))

    with ledger.reading() as connection:
        began = connection.execute(sa.select(sessions.c.created_at)).scalars().all()
    assert began == [NOW + timedelta(hours=6), NOW + timedelta(hours=12)]


def test_signing_out_ends_this_session_alone(ledger: Ledger, anna: User) -> None:
    (mine, _), (other, _) = (sign_in(ledger, "anna", PASSWORD, HERE, NOW) for _ in range(2))
    for _ in range(2):  # the second time nothing happens
        sign_out(ledger, mine)

    assert session_of(ledger, mine, NOW) is None
    assert session_of(ledger, other, NOW) is not None


def test_who_is_removed_is_signed_out(ledger: Ledger, anna: User) -> None:
    add_user(ledger, "mia", PASSWORD, now=NOW)
    (token, _), (hers, _) = (sign_in(ledger, login, PASSWORD, HERE, NOW) for login in ("anna", "mia"))
    remove_user(ledger, "anna")

    assert session_of(ledger, token, NOW) is None
    assert session_of(ledger, hers, NOW) is not None
    assert answered(ledger, "anna", PASSWORD) == WRONG


def test_another_password_ends_all_sessions_of_that_user(ledger: Ledger, anna: User) -> None:
    add_user(ledger, "mia", PASSWORD, now=NOW)
    tokens = [sign_in(ledger, login, PASSWORD, HERE, NOW)[0] for login in ("anna", "anna", "mia")]
    set_password(ledger, "anna", "another good one")

    assert [False, False, True] == [session_of(ledger, token, NOW) is not None for token in tokens]
    assert answered(ledger, "anna", PASSWORD) == WRONG


@pytest.mark.parametrize("change", ["another password", "removed"])
def test_no_session_begins_with_a_password_that_changed_meanwhile(
    ledger: Ledger, anna: User, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def comparing(encoded: str | None, given: str) -> bool:
        right = is_password(encoded, given)
        if change == "removed":
            remove_user(ledger, "anna")
        else:
            set_password(ledger, "anna", "another good one")
        return right

    monkeypatch.setattr(of_sessions, "is_password", comparing)

    assert answered(ledger, "anna", PASSWORD) == WRONG
    with ledger.reading() as connection:
        assert connection.execute(sa.select(sessions)).all() == []


FORGED = ["", "x", "\0", "\ud800", "ü", "x" * 1_000_000, "' or 1=1 --"]


@pytest.mark.parametrize("token", FORGED, ids=lambda text: ascii(text)[:12])
def test_a_token_that_is_made_up_opens_nothing(ledger: Ledger, anna: User, token: str) -> None:
    sign_in(ledger, "anna", PASSWORD, HERE, NOW)

    assert session_of(ledger, token, NOW) is None
    sign_out(ledger, token)


def test_what_the_ledger_or_a_page_shows_of_a_token_opens_nothing(ledger: Ledger, anna: User) -> None:
    token, _ = sign_in(ledger, "anna", PASSWORD, HERE, NOW)
    with ledger.reading() as connection:
        kept = connection.execute(sa.select(sessions.c.sha256)).scalar_one()

    for near in (kept, form_token(token), token.swapcase(), token[:-1], f"{token} ", f"{token}\0"):
        assert session_of(ledger, near, NOW) is None


def test_a_form_carries_what_belongs_to_its_cookie(ledger: Ledger, anna: User) -> None:
    (mine, _), (other, _) = (sign_in(ledger, "anna", PASSWORD, HERE, NOW) for _ in range(2))

    assert is_form_token(mine, form_token(mine))
    assert not is_form_token(mine, form_token(other))
    assert not is_form_token("", form_token(""))  # no cookie, no form
    assert mine not in form_token(mine)


@pytest.mark.parametrize("given", [*FORGED, None, 7, b"x", ["x"], "cookie"], ids=lambda text: ascii(text)[:12])
def test_a_form_that_is_forged_is_refused_whatever_it_holds(given: object) -> None:
    assert not is_form_token("cookie", given)
    if isinstance(given, str) and given:
        assert is_form_token(given, form_token(given))  # whatever the cookie holds, nothing is raised


def test_a_password_hashed_in_an_older_way_is_hashed_anew(ledger: Ledger, anna: User) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    with ledger.writing() as connection:
        connection.execute(sa.update(users).values(password=older))
    assert answered(ledger, "anna", "a wrong one") == WRONG
    assert answered(ledger, "anna", PASSWORD) == "welcome"

    with ledger.reading() as connection:
        newer = connection.execute(sa.select(users.c.password)).scalar_one()
    assert newer != older
    assert not is_outdated(newer)
    assert answered(ledger, "anna", PASSWORD) == "welcome"


def test_coming_and_going_is_in_the_audit_without_secrets(ledger: Ledger, anna: User) -> None:
    token, _ = sign_in(ledger, "Anna", PASSWORD, HERE, NOW)
    answered(ledger)
    sign_out(ledger, token)
    sign_out(ledger, token)

    with ledger.reading() as connection:
        lines = connection.execute(sa.select(audit.c.who, audit.c.did, audit.c.detail).order_by(audit.c.id)).all()
    assert ["holdfast create user", "anna sign in", "anna sign out"] == [f"{who} {did}" for who, did, _ in lines]
    assert {"address": HERE} == json.loads(lines[1].detail)


def test_a_locked_ledger_is_told_and_who_is_signed_in_goes_on(ledger: Ledger, anna: User, tmp_path: Path) -> None:
    token, session = sign_in(ledger, "anna", PASSWORD, HERE, NOW)
    hasty = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", busy_seconds=0.1)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        assert answered(hasty, "anna", PASSWORD).startswith("HF502 another process is writing to the ledger")
        assert session_of(hasty, token, NOW) == session
    hasty.close()
