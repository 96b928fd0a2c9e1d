"""The commands for people who may open the page: create, list, remove, password."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from features.console import answer, say, show_table
from features.shop import Language
from features.store import local_store
from models.ledger import Ledger, utc_now
from models.people import add_user, list_users, made_up_password, remove_user, set_password

app = typer.Typer(help="People who may open the page.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Ask = Annotated[bool, typer.Option("--ask", help="Type the password, twice and hidden; default: one is made up.")]
Login = Annotated[str, typer.Argument(help="As `holdfast users list` shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="The name they sign in with.")],
    language: Annotated[Language | None, typer.Option(help="What the page speaks; default: as the browser asks.")] = None,
    ask: Ask = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Create a user; a password that is made up is shown once and cannot be read again.

    Example: holdfast users create --name anna --language en
    """
    ledger = _ledger()
    password = _typed_twice() if ask else made_up_password()
    user = add_user(ledger, name, password, language, now=utc_now())
    say(f"User {user.login} may sign in{'.' if ask else ' with this password, shown only now:'}")
    _show(password, ask, as_json)
    answer(
        {"user_id": user.user_id, "login": user.login, "language": user.language,
         "password": None if ask else password},
        as_json,
    )  # fmt: skip


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the users: name, language, since when.

    Example: holdfast users list
    """
    found = list_users(_ledger())
    show_table(
        "Users", ("name", "language", "created"),
        [(u.login, u.language or "", f"{u.created_at:%Y-%m-%d %H:%M}") for u in found],
    )  # fmt: skip
    answer(
        {"users": [{"user_id": u.user_id, "login": u.login, "language": u.language, "created_at": u.created_at}
                   for u in found]},
        as_json,
    )  # fmt: skip


@app.command()
def remove(login: Login, as_json: AsJson = False) -> None:
    """Remove a user; who is signed in under that name is signed out at once.

    Example: holdfast users remove anna
    """
    remove_user(_ledger(), login)
    say(f"User {login} is removed.")
    answer({"login": login, "removed_at": utc_now()}, as_json)


@app.command()
def password(login: Login, ask: Ask = False, as_json: AsJson = False) -> None:
    """Give a user another password; who is signed in under that name is signed out at once.

    Example: holdfast users password anna
    """
    ledger = _ledger()
    new = _typed_twice() if ask else made_up_password()
    set_password(ledger, login, new)
    say(f"User {login} signs in with another password{'.' if ask else ', shown only now:'}")
    _show(new, ask, as_json)
    answer({"login": login, "password": None if ask else new}, as_json)


def first_login(name: str) -> str | None:
    """A made-up password for a new user of this name; None where there is one already, whose password stays."""
    ledger = _ledger()
    if any(user.login == name for user in list_users(ledger)):
        return None
    password = made_up_password()
    add_user(ledger, name, password, now=utc_now())
    return password


def _ledger() -> Ledger:
    ledger = Ledger(local_store().ledger_url)
    ledger.migrate()
    return ledger


def _typed_twice() -> str:
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _show(password: str, typed: bool, as_json: bool) -> None:
    """A made-up password is all there is on standard output."""
    if not typed and not as_json:
        sys.stdout.write(password + "\n")
