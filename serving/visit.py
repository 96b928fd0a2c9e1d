"""A visit: one request of a browser, who makes it, in which language, and how it is answered with a page."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from features.refusal import Refusal
from models.sessions import SESSION_HOURS, Session, form_token, is_form_token
from serving.problems import request_id
from serving.speech import LANGUAGES, Speech, preferred, speech

PAGES = Path(__file__).parent / "pages"
ASSETS = {"holdfast.css": "text/css", "holdfast.js": "text/javascript", "icon.svg": "image/svg+xml"}
SESSION_COOKIE = "holdfast_session"
VISITOR_COOKIE = "holdfast_visitor"
LANGUAGE_COOKIE = "holdfast_language"
IN_SCOPE = "holdfast.session"
"""Where access control leaves (token, Session) for the page."""
_IN_QUERY = "%&=+/?:@!$'()*,;"

_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "vary": "cookie, accept-language",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_NO_STYLE = "'none'"


@cache
def asset(name: str) -> str:
    """The address of a file in pages/, which changes when its content does, so that browsers may keep it."""
    return f"/static/{name}?{hashlib.sha256((PAGES / name).read_bytes()).hexdigest()[:12]}"


@cache
def _templates(language: str) -> Environment:
    said = speech(language)
    made = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    made.install_gettext_translations(said.translations, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"say": said, "asset": asset, "languages": LANGUAGES}
    made.filters |= {
        "percent": said.percent, "number": said.number, "date": said.day, "money": said.money,
        "short_money": said.short_money,
    }  # fmt: skip
    return made


@dataclass(frozen=True)
class Visit:
    """One request of a browser."""

    request: Request
    form: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def signed_in(self) -> tuple[str, Session] | None:
        """The session's token and who it is, where access control has found one."""
        found: tuple[str, Session] | None = self.request.scope.get(IN_SCOPE)
        return found

    @cached_property
    def speech(self) -> Speech:
        """The language that the person has chosen, or the one that their browser prefers."""
        chosen = self.signed_in[1].user.language if self.signed_in else None
        chosen = chosen or self.request.cookies.get(LANGUAGE_COOKIE, "")
        return speech(chosen if chosen in LANGUAGES else preferred(self.request.headers.get("accept-language", "")))

    @cached_property
    def secret(self) -> str:
        """What forms are bound to: the session's token, or that of a visitor, made up where there is none."""
        if self.signed_in:
            return self.signed_in[0]
        return self.request.cookies.get(VISITOR_COOKIE) or secrets.token_urlsafe(32)

    def require_own_form(self) -> None:
        """Refuse (HF616) a form that another site has sent, or one of a session that has ended."""
        site = self.request.headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") or not is_form_token(self.secret, self.form.get("form_token")):
            raise Refusal(
                "HF616", "the form is too old, or not from this page.", "Open the page again, and send it again."
            )

    def page(self, template: str, status: int = 200, **content: Any) -> Response:
        """A page made of a template of pages/."""
        text = _templates(self.speech.language).get_template(template).render(
            content | {"visit": self, "form_token": form_token(self.secret), "path": self.here, "request_id": request_id.get()}
        )  # fmt: skip
        response = HTMLResponse(text, status, _PAGE_HEADERS | {"content-language": self.speech.language})
        if not self.signed_in and VISITOR_COOKIE not in self.request.cookies:
            self.set_cookie(response, VISITOR_COOKIE, self.secret)
        return response

    def paper(self, text: str) -> Response:
        """A page that is whole as it is: it runs nothing, loads nothing, and has no style but what its own hash allows."""
        styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        hashes = " ".join(f"'sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" for style in styles)
        policy = f"default-src 'none'; style-src {hashes or _NO_STYLE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        return HTMLResponse(text, headers=_PAGE_HEADERS | {"content-security-policy": policy, "content-language": "en"})

    def go(self, address: str) -> Response:
        """Send the browser on, by GET."""
        return RedirectResponse(inside(address), 303)

    @property
    def place(self) -> str:
        """The address of this page without its query, whatever a customer's id in it holds."""
        return quote(self.request.scope["path"], safe="/")

    @property
    def here(self) -> str:
        """The address of this page with its query, as a browser may be sent back to it."""
        query = quote(self.request.scope.get("query_string", b""), safe=_IN_QUERY)
        return self.place + (f"?{query}" if query else "")

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.request.client.host if self.request.client else "unknown"

    def set_cookie(self, response: Response, name: str, value: str, hours: float | None = None) -> None:
        """A cookie no script can read, sent by this site's own pages and by links to it, and over TLS where there is any."""
        nearest, *_ = self.request.headers.get("x-forwarded-proto", "").split(",")  # to the browser, of several proxies
        tls = "https" in (self.request.scope["scheme"], nearest.strip().lower())
        age = None if hours is None else int(hours * 3600)
        response.set_cookie(name, value, max_age=age, path="/", secure=tls, httponly=True, samesite="lax")

    def begin_session(self, response: Response, token: str) -> None:
        """Give the browser its session."""
        self.set_cookie(response, SESSION_COOKIE, token, SESSION_HOURS)

    @staticmethod
    def end_session(response: Response) -> None:
        """Take the session from the browser."""
        response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")


def inside(address: str) -> str:
    """The address where it is a path of this service, else the front page: nobody is sent on to another site."""
    is_path = address.startswith("/") and not address.startswith("//")
    return address if is_path and "\\" not in address and address.isprintable() else "/"


def wants_page(scope: Scope) -> bool:
    """Whether a request comes from a person's browser and not from a program: it asks for HTML and has no API key."""
    headers = dict(scope["headers"])
    no_key = b"x-api-key" not in headers and b"authorization" not in headers
    return no_key and b"text/html" in headers.get(b"accept", b"")
