"""The account: signing in and out, the language a person reads, their password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.responses import Response
from starlette.routing import BaseRoute

from features.refusal import Refusal
from models.people import PASSWORD_CHARACTERS, set_language, set_password
from models.sessions import LockedOut, Session, sign_in, sign_out
from serving.page import page_route
from serving.present import Present
from serving.speech import LANGUAGES
from serving.turns import Turns
from serving.visit import LANGUAGE_COOKIE, Visit, inside

_A_YEAR_HOURS = 365 * 24
_PASSWORDS_AT_ONCE = 2  # each takes a core for a moment, and 19 MB
_WAIT_SECONDS = 5


class Account:
    """Handlers of what concerns the person, not the customers."""

    def __init__(self, present: Callable[[], Present], now: Callable[[], datetime]) -> None:
        self._present = present
        self._now = now
        self._turns = Turns(_PASSWORDS_AT_ONCE, _WAIT_SECONDS)

    def routes(self) -> list[BaseRoute]:
        return [
            page_route("/sign-in", self.sign_in, ("GET", "POST")),
            page_route("/sign-out", self.sign_out, ("POST",)),
            page_route("/language", self.language, ("POST",)),
            page_route("/account", self.account, ("GET", "POST")),
        ]

    def sign_in(self, visit: Visit) -> Response:
        """The form, or what became of it; whoever is signed in goes on to where they wanted."""
        wanted = inside(visit.form.get("next") or visit.request.query_params.get("next") or "/")
        if visit.request.method != "POST":
            return visit.go(wanted) if visit.signed_in else self._form(visit, wanted)
        login, password = visit.form.get("login", ""), visit.form.get("password", "")
        try:
            token, session = self._checked(visit, login, password)
        except Refusal as refusal:
            if refusal.code not in ("HF614", "HF615"):
                raise
            return self._form(visit, wanted, refusal, login)
        response = visit.go(wanted)
        visit.begin_session(response, token)
        if session.user.language:
            visit.set_cookie(response, LANGUAGE_COOKIE, session.user.language, _A_YEAR_HOURS)
        return response

    def _checked(self, visit: Visit, login: str, password: str) -> tuple[str, Session]:
        """A session for who knows the password; HF612 where too many are being checked."""
        with self._turns.taken("as many passwords as can be are being checked."):
            return sign_in(self._present().ledger, login, password, visit.address, self._now())

    def _form(self, visit: Visit, wanted: str, refusal: Refusal | None = None, login: str = "") -> Response:
        minutes = refusal.minutes if isinstance(refusal, LockedOut) else 0
        status = {"HF614": 401, "HF615": 429}[refusal.code] if refusal else 200
        return visit.page(
            "sign_in.html", status, next=wanted, refusal=refusal, minutes=minutes, login=login[:64],
            ended=visit.request.query_params.get("ended") == "1", expired=wanted != "/" and refusal is None,
        )  # fmt: skip

    def sign_out(self, visit: Visit) -> Response:
        """End the session, here and in the ledger."""
        if visit.signed_in:
            sign_out(self._present().ledger, visit.signed_in[0])
        response = visit.go("/sign-in?ended=1")
        visit.end_session(response)
        return response

    def language(self, visit: Visit) -> Response:
        """Choose a language: kept with the person, and with the browser for whoever is not signed in."""
        chosen = visit.form.get("language", "")
        if chosen not in LANGUAGES:
            raise Refusal("HF607", "there is no such language.", "Choose one of the page's own.")
        if visit.signed_in:
            set_language(self._present().ledger, visit.signed_in[1].user.user_id, chosen)
        response = visit.go(visit.form.get("next", "/"))
        visit.set_cookie(response, LANGUAGE_COOKIE, chosen, _A_YEAR_HOURS)
        return response

    def account(self, visit: Visit) -> Response:
        """The person's name and a form for a new password, which ends all their other sessions."""
        if visit.request.method != "POST":
            return self._account(visit)
        session = _signed_in(visit)
        ledger, login = self._present().ledger, session.user.login
        if visit.form.get("password", "") != visit.form.get("again", ""):
            return self._account(visit, visit.speech.text("The two new passwords differ."))
        try:  # whoever finds a browser signed in must not be able to take the account over
            former, _ = self._checked(visit, login, visit.form.get("former", ""))
            sign_out(ledger, former)
            set_password(ledger, login, visit.form.get("password", ""))
        except Refusal as refusal:
            match refusal.code:
                case "HF614":
                    return self._account(visit, visit.speech.text("The present password is wrong."))
                case "HF104":
                    fewest, most = PASSWORD_CHARACTERS
                    wanted = visit.speech.text(
                        "A password has %(fewest)s to %(most)s characters.", fewest=str(fewest), most=str(most)
                    )
                    return self._account(visit, wanted)
            raise
        fresh, _ = self._checked(visit, login, visit.form["password"])
        response = visit.go("/account?changed=1")
        visit.begin_session(response, fresh)
        return response

    def _account(self, visit: Visit, wrong: str = "") -> Response:
        changed = visit.request.query_params.get("changed") == "1"
        return visit.page(
            "account.html", 400 if wrong else 200, wrong=wrong, changed=changed, fewest=PASSWORD_CHARACTERS[0]
        )


def _signed_in(visit: Visit) -> Session:
    if visit.signed_in is None:
        raise Refusal("HF616", "the session has ended.", "Sign in again.")
    return visit.signed_in[1]
