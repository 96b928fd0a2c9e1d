"""Readings: the churn list, explanations and the model card, read from the ledger and the published bundle."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from features.refusal import Refusal
from models.churn_list import ListPage, ListQuery, churn_list
from models.runs import ScoreRun, answer_of
from serving.account import Account
from serving.exports import write_rows
from serving.guard import failure
from serving.messages import ChurnListQuery
from serving.metrics import CONTENT_TYPE, exposition
from serving.openapi import description
from serving.page import page_routes
from serving.present import Present
from serving.problems import Problem, valid_query

JSON = "application/json"


def reading_app(present: Callable[[], Present], now: Callable[[], datetime]) -> Starlette:
    """The application mounted beside the scoring addresses, the page among it; its handlers run in threads."""
    readings = Readings(present)
    document = to_json(description())
    routes = [
        Route("/v1/churn-list", readings.churn_list),
        Route("/v1/customers/{customer_id:path}/explanation", readings.explanation),
        Route("/v1/model-card", readings.model_card),
        Route("/metrics", lambda _: Response(exposition(), media_type=CONTENT_TYPE)),
        Route("/openapi.json", lambda _: Response(document, media_type=JSON)),
        *page_routes(present, now, Account(present, now).routes()),
    ]

    def refuse(_: Request, error: Exception) -> Response:
        return failure(error)

    return Starlette(routes=routes, exception_handlers={Refusal: refuse, Problem: refuse, Exception: refuse})


class Readings:
    """Handlers of what is only read."""

    def __init__(self, present: Callable[[], Present]) -> None:
        self._present = present

    def churn_list(self, request: Request) -> Response:
        """A page of the churn list as JSON, or as CSV where asked by `format` or the Accept header."""
        query = valid_query(ChurnListQuery, request.query_params)
        present = self._present()
        run = present.run(again=True)
        filters = query.filters()
        if "segment" in filters:
            filters["segment"] = tuple(segment_id(run, named) for named in filters["segment"])
        found = churn_list(present.ledger, run, ListQuery(filters, query.sort), query.limit, query.after)
        headers = _link(request, found)
        accepted = request.headers.get("accept", "")
        if query.format == "csv" or (query.format is None and "text/csv" in accepted):
            return _csv(found, run, headers)
        told = to_json({
            "bundle": run.bundle, "as_of": run.cutoff, "scored_at": f"{run.scored_at.isoformat(timespec='seconds')}+00:00",
            "total": found.total, "next": found.after,
        })  # fmt: skip
        customers = ",".join(found.answers).encode()
        return Response(told[:-1] + b',"customers":[' + customers + b"]}", headers=headers, media_type=JSON)

    def explanation(self, request: Request) -> Response:
        """Base, every driver's push and the sentences behind one customer's probability."""
        present = self._present()
        customer = request.path_params["customer_id"]
        text = answer_of(present.ledger, present.run(again=True).number, customer)
        if text is None:
            raise unknown_customer()
        return _json(explanation_of(json.loads(text)))

    def model_card(self, _: Request) -> Response:
        """How the published bundle was learned and judged."""
        bundle = self._present().bundle()
        return _json({
            "bundle": bundle.id, "definition": asdict(bundle.definition), "trained_until": bundle.trained_until,
            "memory_days": bundle.memory_days, "columns": len(bundle.catalog.features), "card": bundle.card,
        })  # fmt: skip


def explanation_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What of an answer says why; the log-odds are summed, since a probability that rounds to 1 no longer has any."""
    kept = ("customer_id", "as_of", "bundle", "eligible", "churn_probability", "base", "reasons")
    odds = answer["base"] + sum(reason["push"] for reason in answer["reasons"]) if answer["eligible"] else None
    return {**{name: answer[name] for name in kept}, "log_odds": odds}


def unknown_customer() -> Refusal:
    """HF603; the id is not repeated."""
    return Refusal(
        "HF603", "no such customer in the latest score run.", "Check the id, or post events to /v1/score-events."
    )


def segment_id(run: ScoreRun, named: str) -> str:
    """The id of a segment given by its id or by its name in any language."""
    for found, names in run.labels.get("segments", {}).items():
        if named == found or named in names.values():
            return str(found)
    return named


def _link(request: Request, found: ListPage) -> dict[str, str]:
    if found.after is None:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    query = urlencode([*kept, ("after", found.after)])
    return {"link": f'<{request.url.path}?{query}>; rel="next"'}


def _csv(found: ListPage, run: ScoreRun, headers: dict[str, str]) -> Response:
    target = io.StringIO()
    write_rows(target, zip(found.answers, found.names, strict=True), run.language)
    headers = {**headers, "content-disposition": 'attachment; filename="churn_list.csv"'}
    return Response(target.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def _json(content: dict[str, Any]) -> Response:
    return Response(to_json(content, inf_nan_mode="null"), media_type=JSON)
