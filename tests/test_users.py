"""The commands for users: a made-up password is all there is on standard output, a typed one is nowhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import holdfast
from features.refusal import REFUSED, Refusal
from features.store import local_store
from models.ledger import Ledger, utc_now
from models.people import list_users
from models.sessions import sign_in

TYPED = "correct horse battery"


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "store"))


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger(local_store().ledger_url)
    made.migrate()
    yield made
    made.close()


def run(*arguments: str, typed: str = "") -> Result:
    """`holdfast users ...`, with what is typed at its questions."""
    return CliRunner().invoke(holdfast.application(["users"]), ["users", *arguments], input=typed)


def opens(ledger: Ledger, login: str, password: str) -> bool:
    with suppress(Refusal):
        return sign_in(ledger, login, password, "192.0.2.1", utc_now())[1].user.login == login
    return False


def test_a_made_up_password_is_all_there_is_on_standard_output(ledger: Ledger) -> None:
    done = run("create", "--name", " Anna", "--language", "zh")
    (password,) = done.stdout.splitlines()

    assert opens(ledger, "anna", password)
    assert password not in done.stderr
    assert "User anna may sign in with this password, shown only now:" in done.stderr
    assert [("anna", "zh")] == [(user.login, user.language) for user in list_users(ledger)]


def test_a_user_is_created_for_machines(ledger: Ledger) -> None:
    done = json.loads(run("create", "--name", "anna", "--json").stdout)

    assert opens(ledger, done["login"], done["password"])
    assert [(done["user_id"], None)] == [(user.user_id, user.language) for user in list_users(ledger)]


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_typed_password_is_shown_nowhere(ledger: Ledger, as_json: list[str]) -> None:
    done = run("create", "--name", "anna", "--ask", *as_json, typed=f"{TYPED}\n{TYPED}\n")

    assert opens(ledger, "anna", TYPED)
    assert TYPED not in done.output
    if as_json:
        assert json.loads(done.stdout.strip())["password"] is None
    else:
        assert "" == done.stdout.strip()


def test_a_password_typed_otherwise_the_second_time_is_asked_again(ledger: Ledger) -> None:
    run("create", "--name", "anna", "--ask", typed=f"{TYPED}\nanother good one\n{TYPED}\n{TYPED}\n")

    assert opens(ledger, "anna", TYPED)


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_another_password_takes_the_formers_place(ledger: Ledger, as_json: list[str]) -> None:
    former = run("create", "--name", "anna").stdout.strip()
    done = run("password", "Anna", *as_json)
    password = json.loads(done.stdout)["password"] if as_json else done.stdout.strip()

    assert not opens(ledger, "anna", former)
    assert opens(ledger, "anna", password)


def test_another_password_can_be_typed(ledger: Ledger) -> None:
    run("create", "--name", "anna")
    done = run("password", "anna", "--ask", typed=f"{TYPED}\n{TYPED}\n")

    assert opens(ledger, "anna", TYPED)
    assert TYPED not in done.output


def test_users_are_listed_and_removed(ledger: Ledger) -> None:
    for login in ("mia", "anna"):
        run("create", "--name", login, "--language", "en")
    listed = run("list", "--json")
    assert ["anna", "mia"] == [user["login"] for user in json.loads(listed.stdout)["users"]]
    assert "password" not in listed.stdout
    shown = run("list")
    assert "" == shown.stdout
    assert "anna" in shown.stderr

    assert "anna" == json.loads(run("remove", "anna", "--json").stdout)["login"]
    assert ["mia"] == [user.login for user in list_users(ledger)]


def test_a_language_that_the_page_does_not_speak_is_a_wrong_command_line(ledger: Ledger) -> None:
    assert 2 == run("create", "--name", "anna", "--language", "fr").exit_code
    assert [] == list_users(ledger)


@pytest.mark.parametrize(
    ("arguments", "typed", "message"),
    [
        (["create", "--name", "two words"], "", "HF104 the name is 'two words'. It takes 1 to 64 characters"),
        (["create", "--name", "anna", "--ask"], "short\nshort\n", "HF104 the password has 5 characters."),
        (["remove", "nobody"], "", "HF104 there is no user 'nobody'. See: holdfast users list"),
        (["password", "nobody"], "", "HF104 there is no user 'nobody'. See: holdfast users list"),
    ],
)
def test_what_cannot_be_done_is_told(ledger: Ledger, arguments: list[str], typed: str, message: str) -> None:
    done = run(*arguments, typed=typed)

    assert isinstance(done.exception, Refusal)
    assert str(done.exception).startswith(message)
    assert "" == done.stdout.strip()
    assert [] == list_users(ledger)


def test_a_refusal_is_one_sentence_and_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in holdfast._NO_TELEMETRY:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr("sys.argv", ["holdfast", "users", "remove", "nobody", "--json"])
    before = os.umask(0o022)
    try:
        with pytest.raises(SystemExit) as left:
            holdfast.main()
    finally:
        os.umask(before)

    assert REFUSED == left.value.code
    said = capsys.readouterr()
    assert "HF104" == json.loads(said.out)["error"]["code"]
    assert "holdfast: HF104 there is no user 'nobody'. See: holdfast users list\n" == said.err
