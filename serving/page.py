"""The page: what people open in a browser. It reads the ledger and the published bundle, and computes nothing anew.

Handlers run in threads. Each gets a visit and gives a response; whatever goes wrong is told on a page of its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from features.refusal import Refusal
from models.churn_list import churn_list, every_row, is_longer
from models.dossier import dossier_of, name_of, past_scores
from models.runs import answer_of, past_numbers, past_runs, run_under_way
from serving.addresses import customer_at
from serving.customer_view import (
    PRINTED,
    SHOWN_EVENTS,
    asked_about,
    considered,
    events,
    facts,
    history,
    life,
    over_horizons,
    pushes,
    rhythm,
    usual_probability,
)
from serving.download import EXPORTED, MOST_EXPORTED, about, as_csv, as_json, exported, file_name, headings
from serving.guard import kind_and_place
from serving.list_view import (
    COLUMNS,
    FIRST_ORDER,
    FORMATS,
    LEADING,
    LIMITS,
    ORDERS,
    PageQuery,
    filters,
    page_query,
    pages_around,
    row_of,
    views,
)
from serving.overview import overview
from serving.present import Present
from serving.problems import request_id, status_of
from serving.spreadsheet import workbook
from serving.telling import Teller
from serving.turns import Turns
from serving.visit import ASSETS, PAGES, Visit
from serving.what_if import what_if
from serving.words import ARMS, BANDS, FIELDS, QUADRANTS, STATES, TIERS, evidence_word, failure_word, glossary

log = logging.getLogger("bentoml.holdfast")
_WORKBOOKS_AT_ONCE = 2
_WAIT_SECONDS = 3
Handler = Callable[[Visit], Response]


class Pages:
    """Handlers of the pages that someone who has signed in sees."""

    def __init__(self, present: Callable[[], Present], now: Callable[[], datetime]) -> None:
        self._present = present
        self._now = now
        self._turns = Turns(_WORKBOOKS_AT_ONCE, _WAIT_SECONDS)

    def overview(self, visit: Visit) -> Response:
        """How many are leaving, why, and whether the model was right."""
        present = self._present()
        teller = self._teller(visit)
        runs = past_runs(present.ledger, present.shop.name)
        return visit.page(
            "overview.html",
            **self._around(teller),
            shown=overview(teller, runs),
        )

    def customers(self, visit: Visit) -> Response:
        """The churn list: a page of it, or all its rows as a file."""
        query = page_query(visit.request.query_params)
        teller = self._teller(visit)
        if query.format not in (None, "html"):
            return self._exported(query, teller)
        ledger, run = self._present().ledger, teller.run
        found = churn_list(ledger, run, query.asked(), query.limit, query.after, query.before, count_all=False)
        rows = [row_of(teller, json.loads(a), name) for a, name in zip(found.answers, found.names, strict=True)]
        before, after = pages_around(query, found)
        return visit.page(
            "customers.html", **self._around(teller), query=query, rows=rows, found=found, before=before, after=after,
            filters=filters(query, teller), views=views(query, teller), columns=COLUMNS, fields=FIELDS, bands=BANDS,
            tiers=TIERS, quadrants=QUADRANTS, states=STATES, arms=ARMS, evidence_word=evidence_word,
            most_exported=MOST_EXPORTED, formats=FORMATS[1:], leading=LEADING, orders=ORDERS, first_order=FIRST_ORDER,
            more_chosen=bool(set(query.filters()) - set(LEADING)) or query.reverse, limits=sorted({*LIMITS, query.limit}),
        )  # fmt: skip

    def _exported(self, query: PageQuery, teller: Teller) -> Response:
        kind, present = str(query.format), self._present()
        ledger, asked, most = present.ledger, query.asked(), MOST_EXPORTED[kind]
        ends_after = most if is_longer(ledger, teller.run, asked, most) else None
        rows = exported(every_row(ledger, teller.run, asked, most), teller)
        headers = {"content-disposition": f'attachment; filename="{file_name(teller, kind, ends_after)}"'}
        called_so = headings(teller)
        match kind:
            case "csv":
                return StreamingResponse(as_csv(rows, called_so), headers=headers, media_type="text/csv; charset=utf-8")
            case "json":
                return StreamingResponse(as_json(rows), headers=headers, media_type="application/json")
        notes = about(query, teller, ends_after, self._now(), present.shop.time_zone)
        titles = teller.speech.text("Churn list"), teller.speech.text("About this list")
        with self._turns.taken("as many workbooks as can be are being made."):
            content = workbook(EXPORTED, called_so, rows, notes, titles)
        return Response(content, headers=headers, media_type=_XLSX)

    def customer(self, visit: Visit) -> Response:
        """One customer: why, what happened, what to do, and what if."""
        present, customer = self._present(), customer_at(visit.request.path_params["customer_id"])
        teller = self._teller(visit)
        run = teller.run
        text = answer_of(present.ledger, run.number, customer)
        if text is None:
            raise Refusal("HF603", "no such customer in the latest score run.", "Look for the customer in the list.")
        answer = json.loads(text)
        dossier = dossier_of(present.ledger, run.number, customer) or {}
        profiled = answer["relationship"] is not None  # nothing of the past is shown of whoever objects to it
        of_past = past_numbers(present.ledger, present.shop.name) if profiled else []
        past = past_scores(present.ledger, of_past, customer)
        happened = events(teller, dossier, past)
        asked = {name: visit.request.query_params.getlist(name) for name in visit.request.query_params}
        tried = None
        if teller.bundle and teller.explainer and answer["eligible"] and dossier.get("vector"):
            tried = what_if(teller.bundle, dossier["vector"], asked, teller.explainer, visit.speech)
        return visit.page(
            "customer.html", **self._around(teller), answer=answer, name=name_of(present.ledger, run.number, customer),
            pushes=pushes(teller, answer), usual=usual_probability(answer),
            rhythm=rhythm(teller, answer, dossier) if answer["eligible"] else "", horizons=over_horizons(teller, answer),
            no_risk=teller.why_not("not_eligible" if profiled else "opted_out"), facts=facts(teller, answer),
            history=history(teller, past), printed=PRINTED, events=happened[:SHOWN_EVENTS], all_events=len(happened),
            **asked_about(teller), life=life(teller, dossier, run.cutoff), considered=considered(teller, dossier), tried=tried,
            bands=BANDS, arms=ARMS, evidence_word=evidence_word,
            decided=teller.decided(answer), because=visit.speech.listed(map(teller.driver, answer["decision"]["because"])),
        )  # fmt: skip

    def words(self, visit: Visit) -> Response:
        """Every word of the page and what it means."""
        return visit.page("words.html", groups=glossary(visit.speech))

    def model_card(self, visit: Visit) -> Response:
        """The model card of what has scored the latest run, in English as training wrote it."""
        present = self._present()
        bundle = present.bundle_of(present.run(again=True)) or present.bundle()
        if not bundle.card_page:
            raise Refusal("HF606", f"{bundle.id} is of an older Holdfast and has no such card.", "Learn again.")
        return visit.paper(bundle.card_page)

    def _teller(self, visit: Visit) -> Teller:
        present = self._present()
        run = present.run(again=True)
        return Teller(run, visit.speech, present.bundle_of(run))

    def _around(self, teller: Teller) -> dict[str, Any]:
        """What every page about a run tells: which run, how fresh, whether another is being written."""
        present, run = self._present(), teller.run
        now, zone = self._now(), present.shop.time_zone
        today = now.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
        ended = run.matures_on  # a run of an older version does not tell; its model does, unless it is gone
        if ended is None and teller.bundle is not None:
            ended = run.cutoff + timedelta(days=teller.bundle.definition.horizon_days)
        return {
            "run": run,
            "currency": run.currency,
            "zone": zone,
            "ended": ended if ended and ended <= min(today, present.shop.known_until or today) else None,
            "has_card": bool(teller.bundle and teller.bundle.card_page),
            "under_way": run_under_way(present.ledger, run.shop, now),
        }


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def page_route(path: str, handler: Handler, methods: tuple[str, ...] = ("GET",)) -> Route:
    """A route whose handler runs in a thread, with the form read before."""

    async def endpoint(request: Request) -> Response:
        form: dict[str, str] = {}
        if request.method == "POST":
            form = {name: str(value) for name, value in (await request.form()).items()}
        return await run_in_threadpool(_answered, handler, Visit(request, form))

    return Route(path, endpoint, methods=list(methods))


def _answered(handler: Handler, visit: Visit) -> Response:
    if visit.request.method == "POST":
        try:
            visit.require_own_form()
        except Refusal as refusal:
            return error_page(visit, refusal)
    try:
        return handler(visit)
    except Refusal as refusal:
        return error_page(visit, refusal)
    except Exception as error:
        log.error("request %s: %s", request_id.get(), kind_and_place(error))
        return error_page(visit, Refusal("HF611", "the cause is in the service's log."))


def error_page(visit: Visit, refusal: Refusal, status: int | None = None) -> Response:
    """What went wrong, in words for people; what only the operator can mend goes to the log."""
    status = status or status_of(refusal.code)
    if status == 503:
        log.warning("request %s: %s", request_id.get(), refusal)
    return visit.page("error.html", status, code=refusal.code, failure=failure_word(refusal.code))


def error_for(scope: Scope, refusal: Refusal, status: int | None = None) -> Response:
    """The error page for a request that no handler has seen."""
    return error_page(Visit(Request(scope)), refusal, status)


def _loaded(request: Request) -> Response:
    """A file that pages load; its address changes with its content, so that browsers may keep it for good."""
    name = request.path_params["file"]  # one of ASSETS: serving/addresses.py lets no other through
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response((PAGES / name).read_bytes(), headers=headers, media_type=ASSETS[name])


def page_routes(
    present: Callable[[], Present], now: Callable[[], datetime], more: Sequence[BaseRoute]
) -> list[BaseRoute]:
    """The routes of all pages and of the files they load."""
    pages = Pages(present, now)
    return [
        page_route("/", pages.overview),
        page_route("/customers", pages.customers),
        page_route("/customers/{customer_id:path}", pages.customer),
        page_route("/words", pages.words),
        page_route("/model-card", pages.model_card),
        *more,
        Route("/static/{file}", _loaded),
    ]
