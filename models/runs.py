"""Score runs in the ledger: written all or nothing, read by customer or as the churn list."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from features.refusal import Refusal, did_you_mean
from models.ledger import Ledger, decisions, score_runs, scores


@dataclass(frozen=True)
class ScoreRun:
    """One scoring of all customers of a shop at a cut-off by a bundle; the same three give the same run id."""

    shop: str
    bundle: str
    cutoff: date
    scored_at: datetime
    customers: int
    eligible: int
    language: str
    currency: str

    @property
    def run_id(self) -> str:
        return f"{self.shop}:{self.cutoff}:{self.bundle}"


def write_run(ledger: Ledger, run: ScoreRun, chunks: Iterable[Sequence[Mapping[str, Any]]]) -> None:
    """Write a run and its answers in one transaction, in the place of an earlier run of the same id.

    Parameters
    ----------
    chunks
        Lists of answers as models/score.py makes them.
    """
    with ledger.writing() as connection:
        for table in (decisions, scores, score_runs):
            connection.execute(sa.delete(table).where(table.c.run_id == run.run_id))
        connection.execute(
            sa.insert(score_runs).values(
                run_id=run.run_id, shop=run.shop, bundle=run.bundle, cutoff=run.cutoff, scored_at=run.scored_at,
                customers=run.customers, eligible=run.eligible, language=run.language, currency=run.currency,
            )
        )  # fmt: skip
        for chunk in chunks:
            connection.execute(sa.insert(scores), [_score_row(run.run_id, answer) for answer in chunk])
            connection.execute(sa.insert(decisions), [_decision_row(run.run_id, answer) for answer in chunk])
        ledger.note(connection, "holdfast", "score", run=run.run_id, customers=run.customers)


def _score_row(run_id: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    probability = answer["churn_probability"]
    value = (answer["lifetime_value"] or {"mean": 0.0})["mean"]
    words = answer["relationship"] or {"tier": "", "value_quadrant": ""}
    raising = [reason["driver"] for reason in answer["reasons"] if reason["push"] > 0]
    raising += ["", "", ""]
    return {
        "run_id": run_id,
        "customer_id": answer["customer_id"],
        "eligible": answer["eligible"],
        "churn_probability": -1.0 if probability is None else probability,
        "percentile": -1.0 if probability is None else answer["percentile"],
        "band": answer["band"] or "",
        "segment": (answer["segment"] or {"name": ""})["name"],
        "tier": words["tier"],
        "value_quadrant": words["value_quadrant"],
        "lifetime_value": value,
        "value_at_risk": 0.0 if probability is None else round(answer["value_at_risk"], 2),
        "reason_1": raising[0],
        "reason_2": raising[1],
        "reason_3": raising[2],
        "answer": json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
    }


def _decision_row(run_id: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    decision = answer["decision"]
    kept = ("action", "arm", "propensity", "expected_net_value", "cost", "evidence", "why_not", "withheld")
    return {"run_id": run_id, "customer_id": answer["customer_id"], **{key: decision[key] for key in kept}}


def latest_run(ledger: Ledger, shop: str) -> ScoreRun:
    """A shop's run of the latest cut-off, of several the one scored last; HF503 where there is none.

    A run scored today as of an earlier day, to look back, does not take the place of what is served.
    """
    query = (
        sa.select(score_runs)
        .where(score_runs.c.shop == shop)
        .order_by(score_runs.c.cutoff.desc(), score_runs.c.scored_at.desc())
        .limit(1)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise Refusal("HF503", f"no score run of the shop {shop!r} is in the ledger.", "Run: holdfast score")
    found = dict(row._mapping)
    del found["run_id"]
    return ScoreRun(**found)


_ANSWER_OF = sa.select(scores.c.answer).where(
    scores.c.run_id == sa.bindparam("run"), scores.c.customer_id == sa.bindparam("customer")
)


def answer_of(ledger: Ledger, run_id: str, customer_id: str) -> str | None:
    """The stored answer of one customer as JSON text, or None."""
    with ledger.reading() as connection:
        return connection.execute(_ANSWER_OF, {"run": run_id, "customer": customer_id}).scalar()


_ANSWERS_OF = sa.select(scores.c.customer_id, scores.c.answer).where(
    scores.c.run_id == sa.bindparam("run"), scores.c.customer_id.in_(sa.bindparam("customers", expanding=True))
)


def answers_of(ledger: Ledger, run_id: str, customer_ids: Sequence[str]) -> dict[str, str]:
    """The stored answers of many customers as JSON texts by customer id; strangers are left out."""
    with ledger.reading() as connection:
        rows = connection.execute(_ANSWERS_OF, {"run": run_id, "customers": list(customer_ids)})
        return {row.customer_id: row.answer for row in rows}


SORTS = ("churn_probability", "value_at_risk", "lifetime_value", "expected_net_value", "customer_id")
FILTERS = ("band", "segment", "tier", "value_quadrant", "reason", "action", "arm")


@dataclass(frozen=True)
class ListPage:
    """A page of the churn list: answers as JSON texts, on the first the count of all, the token of the next page."""

    answers: tuple[str, ...]
    total: int | None
    after: str | None


def churn_list(
    ledger: Ledger, run_id: str, filters: Mapping[str, str], sort: str = "churn_probability",
    limit: int = 50, after: str | None = None,
) -> ListPage:  # fmt: skip
    """Eligible customers of a run that pass the filters, highest first (customer_id: lowest first).

    `after` is the token a former page gave; pages follow by key, so that deep ones are as quick as the first,
    and what all of them hold is counted for the first only.

    Raises
    ------
    Refusal
        HF607 for an unknown filter or sort, or a token that is not one of ours.
    """
    if sort not in SORTS:
        raise Refusal("HF607", f"sort is {sort!r}.", did_you_mean(sort, SORTS))
    joined = scores.join(
        decisions, (scores.c.run_id == decisions.c.run_id) & (scores.c.customer_id == decisions.c.customer_id)
    )
    where = [scores.c.run_id == run_id, scores.c.eligible.is_(True)]
    for name, value in filters.items():
        where.append(_filter(name, value))
    column = decisions.c[sort] if sort in decisions.c and sort != "customer_id" else scores.c[sort]
    customer = scores.c.customer_id
    paged = list(where)
    if after is not None:
        key, last = _read_token(after, sort)
        # said so that an index is entered at the key, not read up to it
        paged += [customer > last] if sort == "customer_id" else [column <= key, (column < key) | (customer > last)]
    order = [customer] if sort == "customer_id" else [column.desc(), customer]
    needs_decision = sort == "expected_net_value" or {"action", "arm"} & set(filters)
    counted = joined if {"action", "arm"} & set(filters) else scores
    count = sa.select(sa.func.count()).select_from(counted).where(*where)
    query = sa.select(scores.c.answer, column.label("key"), customer).where(*paged).order_by(*order).limit(limit + 1)
    with ledger.reading() as connection:
        total = None if after is not None else connection.execute(count).scalar_one()
        rows = connection.execute(query.select_from(joined if needs_decision else scores)).all()
    more = rows[limit - 1] if len(rows) > limit else None
    token = _token(more.key, more.customer_id) if more is not None else None
    return ListPage(tuple(row.answer for row in rows[:limit]), total, token)


def _filter(name: str, value: str) -> sa.ColumnElement[bool]:
    if name not in FILTERS:
        raise Refusal("HF607", f"there is no filter {name!r}.", did_you_mean(name, FILTERS))
    if name == "reason":
        return sa.or_(*(scores.c[f"reason_{k}"] == value for k in (1, 2, 3)))
    return (decisions.c if name in ("action", "arm") else scores.c)[name] == value


def _token(key: Any, customer_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([key, customer_id]).encode()).decode()


def _read_token(token: str, sort: str) -> tuple[str | float, str]:
    try:
        key, customer = json.loads(base64.urlsafe_b64decode(token.encode()))
        if not isinstance(customer, str) or "\0" in customer:
            raise ValueError(token)
        customer.encode()  # a lone surrogate is no text
        if sort == "customer_id":
            if key != customer:
                raise ValueError(token)
        elif isinstance(key, int) or not math.isfinite(key):  # columns are doubles, and so are the keys we give
            raise ValueError(token)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Refusal(
            "HF607", "`after` is not a token of this list.", "Take `next` as the last page gave it."
        ) from None
    return key, customer


def all_answers(ledger: Ledger, run_id: str, chunk: int = 2000) -> Iterable[str]:
    """Every answer of a run, the eligible ones by falling risk first."""
    query = (
        sa.select(scores.c.answer)
        .where(scores.c.run_id == run_id)
        .order_by(scores.c.eligible.desc(), scores.c.churn_probability.desc(), scores.c.customer_id)
    )
    with ledger.reading() as connection:
        for row in connection.execution_options(yield_per=chunk).execute(query):
            yield row.answer
