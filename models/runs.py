"""Score runs in the ledger: written aside, shown whole; read by customer.

A run is written in short transactions under the state `writing`, so that nobody waits for the ledger meanwhile, and
becomes `complete` in one, in which an earlier run of the same shop, cut-off and bundle becomes `superseded`. Only
complete runs are read; what is superseded or was given up is swept away afterwards.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from features.raw_values import LONGEST_ID
from features.refusal import Refusal
from models.definition import ChurnDefinition
from models.ledger import Ledger, dossiers, score_runs, scores
from models.reasons import raising
from models.summary import Summary

_GIVEN_UP_AFTER = timedelta(days=1)
_SHOWN_FOR = timedelta(hours=3)  # a process that was killed does not say that its run is over
_SWEPT_AT_ONCE = 5000
CLAIM = '{"claim"'
"""What the column `outcome` begins with while somebody writes what became of the run: there is no outcome yet."""
WAS_COMPARED = score_runs.c.outcome.is_not(None) & ~score_runs.c.outcome.startswith(CLAIM)
"""SQL: whether a run's outcome is there, and with it the labels of its scores."""


@dataclass(frozen=True)
class ScoreRun:
    """One scoring of all customers of a shop at a cut-off by a bundle; of the same three the last is kept.

    Attributes
    ----------
    matures_on
        The day from which what became of the customers can be known; None where an older version scored.
    labels
        What the codes in the answers are called: `segments` and `actions` to their texts by language.
    definition, trained_until
        The bundle's, so that the run can be compared when the bundle is gone; None where an older version scored.
    margin_share
        The playbook's: profit in what is spent; 1 where an older version scored, whose values are spend.
    number
        Its key in the ledger, 0 before it is written.
    straying
        How far the sum of all values may lie from what is expected (`LifetimeModel.total`).
    summary
        The figures of all its customers (models/summary.py); empty where an older version scored.
    outcome
        What became of them, as models/outcome.py writes it; None until it was compared.
    """

    shop: str
    bundle: str
    cutoff: date
    scored_at: datetime
    customers: int
    eligible: int
    language: str
    currency: str
    matures_on: date | None = None
    labels: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    straying: tuple[float, float] = field(default=(1.0, 1.0), compare=False, repr=False)
    definition: ChurnDefinition | None = field(default=None, compare=False, repr=False)
    trained_until: date | None = field(default=None, compare=False, repr=False)
    margin_share: float = field(default=1.0, compare=False, repr=False)
    number: int = field(default=0, compare=False)
    summary: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    outcome: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """`shop:cut-off:bundle`, the same however often it is repeated."""
        return f"{self.shop}:{self.cutoff}:{self.bundle}"


@dataclass(frozen=True)
class Entry:
    """What a run keeps of one customer: the answer as models/score.py makes it, a name to show, the dossier."""

    answer: Mapping[str, Any]
    name: str | None = None
    dossier: Mapping[str, Any] | None = None


def write_run(ledger: Ledger, run: ScoreRun, chunks: Iterable[Sequence[Entry]]) -> int:
    """Write a run, all or nothing, in the place of an earlier one of the same name; its number."""
    with begun_run(ledger, run) as number:
        fill_run(ledger, run, number, chunks)
    return number


@contextmanager
def begun_run(ledger: Ledger, run: ScoreRun) -> Iterator[int]:
    """A run that is under way for as long as the body takes, which must fill it; its number.

    Its counts may still be unknown. Where the body fails, the run is swept away, and a former one stays.
    """
    sweep(ledger, run.shop, run.scored_at)
    with ledger.writing() as connection:
        made = connection.execute(
            sa.insert(score_runs).values(
                state="writing", shop=run.shop, bundle=run.bundle, cutoff=run.cutoff, scored_at=run.scored_at,
                customers=run.customers, eligible=run.eligible, language=run.language, currency=run.currency,
                matures_on=run.matures_on, summary="{}",
            )
        )  # fmt: skip
    assert made.inserted_primary_key is not None
    number = int(made.inserted_primary_key[0])
    try:
        yield number
    except BaseException:
        with contextlib.suppress(Refusal):  # what cannot be swept now, since the disk is full, is swept by the next run
            _give_up(ledger, number)
            sweep(ledger, run.shop, run.scored_at)
        raise
    with contextlib.suppress(Refusal):  # the run is complete; who writes to the ledger just now is no reason to deny it
        sweep(ledger, run.shop, run.scored_at)


def fill_run(ledger: Ledger, run: ScoreRun, number: int, chunks: Iterable[Sequence[Entry]]) -> dict[str, Any]:
    """Write the rows of a begun run and make it complete; its summary.

    Each chunk is a transaction of its own, which holds the ledger for as long as its rows take to be written.
    """
    summary = Summary(run.straying)
    for chunk in chunks:
        rows = [_score_row(number, entry) for entry in chunk]
        kept = [_dossier_row(number, entry) for entry in chunk if entry.dossier is not None]
        with ledger.writing() as connection:
            if rows:
                connection.execute(sa.insert(scores), rows)
            if kept:
                connection.execute(sa.insert(dossiers), kept)
        for entry in chunk:
            summary.add(entry.answer)
    found = summary.as_dict()
    content = json.dumps({**found, **_of_bundle(run)}, ensure_ascii=False, allow_nan=False)
    same = (score_runs.c.shop == run.shop, score_runs.c.cutoff == run.cutoff, score_runs.c.bundle == run.bundle)
    completed = {"state": "complete", "summary": content, "customers": run.customers, "eligible": run.eligible}
    with ledger.writing() as connection:
        # of two that end together the second waits here, and finds the first one complete; all take the rows in one
        # order, since they would else wait for each other, and by a lock that keeps nobody from adding scores
        of_name = sa.select(score_runs.c.run_id).where(*same).order_by(score_runs.c.run_id)
        connection.execute(of_name.with_for_update(key_share=True)).all()
        connection.execute(
            sa.update(score_runs).where(*same, score_runs.c.state == "complete").values(state="superseded")
        )
        connection.execute(sa.update(score_runs).where(score_runs.c.run_id == number).values(**completed))
        ledger.note(connection, "holdfast", "score", run=run.name, customers=run.customers)
    return found


def _give_up(ledger: Ledger, number: int) -> None:
    with ledger.writing() as connection:
        connection.execute(sa.update(score_runs).where(score_runs.c.run_id == number).values(state="superseded"))


def sweep(ledger: Ledger, shop: str, now: datetime) -> None:
    """Delete what nobody reads any more, a little at a time: superseded and given-up runs, dossiers of former ones."""
    dead = sa.or_(
        score_runs.c.state == "superseded",
        (score_runs.c.state == "writing") & (score_runs.c.scored_at < now - _GIVEN_UP_AFTER),
    )
    # One statement, which sees one moment: a run that becomes the latest between two would be taken for a former one.
    every = sa.select(score_runs.c.run_id, score_runs.c.state, dead.label("dead")).where(score_runs.c.shop == shop)
    with ledger.reading() as connection:
        rows = connection.execute(_newest_first(every)).all()
    gone = [row.run_id for row in rows if row.dead]
    former = [row.run_id for row in rows if row.state == "complete"][1:]
    without_dossiers = [*gone, *former]
    for number in without_dossiers:
        _delete_of(ledger, dossiers, number)
    for number in gone:
        _delete_of(ledger, scores, number)
        with ledger.writing() as connection:
            connection.execute(sa.delete(score_runs).where(score_runs.c.run_id == number))


def _delete_of(ledger: Ledger, table: sa.Table, number: int) -> None:
    some = sa.select(table.c.customer_id).where(table.c.run_id == number).limit(_SWEPT_AT_ONCE)
    locked = some.order_by(table.c.customer_id).with_for_update()  # two who sweep at once wait for each other in turn
    while True:
        with ledger.reading() as connection:
            if connection.execute(some.limit(1)).first() is None:
                return
        with ledger.writing() as connection:
            connection.execute(sa.delete(table).where(table.c.run_id == number, table.c.customer_id.in_(locked)))


def _score_row(number: int, entry: Entry) -> dict[str, Any]:
    answer = entry.answer
    probability = answer["churn_probability"]
    words = answer["relationship"] or {"tier": "", "value_quadrant": ""}
    drivers = [*(reason["driver"] for reason in raising(answer)), "", "", ""]
    decision = answer["decision"]
    kept = ("action", "arm", "propensity", "expected_net_value", "cost", "evidence", "why_not", "withheld")
    return {
        "run_id": number,
        "customer_id": answer["customer_id"],
        "name": entry.name,
        "eligible": answer["eligible"],
        "churn_probability": -1.0 if probability is None else probability,
        "percentile": -1.0 if probability is None else answer["percentile"],
        "band": answer["band"] or "",
        "segment": (answer["segment"] or {"id": ""})["id"],
        "tier": words["tier"] or "",
        "value_quadrant": words["value_quadrant"] or "",
        "lifetime_value": (answer["lifetime_value"] or {"mean": 0.0})["mean"],
        "value_at_risk": 0.0 if probability is None else round(answer["value_at_risk"], 2),
        "reason_1": drivers[0],
        "reason_2": drivers[1],
        "reason_3": drivers[2],
        **{key: decision[key] for key in kept},
        "answer": _json(answer),
    }


def _dossier_row(number: int, entry: Entry) -> dict[str, Any]:
    return {"run_id": number, "customer_id": entry.answer["customer_id"], "dossier": _json(entry.dossier)}


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _newest_first(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.order_by(score_runs.c.cutoff.desc(), score_runs.c.scored_at.desc(), score_runs.c.run_id.desc())


def _by_falling_cutoff(shop: str) -> sa.Select[Any]:
    complete = (score_runs.c.shop == shop, score_runs.c.state == "complete")
    return _newest_first(sa.select(score_runs).where(*complete))


def _latest(shop: str) -> sa.Select[Any]:
    return _by_falling_cutoff(shop).limit(1)


def _newest_complete(shop: str) -> sa.ScalarSelect[Any]:
    complete = (score_runs.c.shop == shop, score_runs.c.state == "complete")
    return sa.select(sa.func.max(score_runs.c.run_id)).where(*complete).scalar_subquery()


def latest_run(ledger: Ledger, shop: str) -> ScoreRun:
    """A shop's run of the latest cut-off, of several the one scored last; HF503 where there is none.

    A run scored today as of an earlier day, to look back, does not take the place of what is served.
    """
    with ledger.reading() as connection:
        row = connection.execute(_latest(shop)).first()
    if row is None:
        raise Refusal("HF503", f"no score run of the shop {shop!r} is in the ledger.", "Run: holdfast score")
    return run_of(row)


def past_runs(ledger: Ledger, shop: str, most: int = 26) -> list[ScoreRun]:
    """A shop's complete runs, oldest first: of each cut-off the one scored last, of the latest cut-offs so many."""
    return [run_of(row) for row in _newest_of_each_cutoff(ledger, shop, most, score_runs.columns)]


def past_numbers(ledger: Ledger, shop: str, most: int = 26) -> list[int]:
    """The numbers of `past_runs`, without reading the rest of them."""
    columns = (score_runs.c.run_id, score_runs.c.cutoff)
    return [row.run_id for row in _newest_of_each_cutoff(ledger, shop, most, columns)]


def _newest_of_each_cutoff(
    ledger: Ledger, shop: str, most: int, columns: Iterable[sa.ColumnElement[Any]]
) -> list[sa.Row[Any]]:
    query = _by_falling_cutoff(shop).with_only_columns(*columns).limit(4 * most)
    found: dict[date, sa.Row[Any]] = {}
    with ledger.reading() as connection:
        for row in connection.execute(query):
            if row.cutoff not in found and len(found) == most:
                break
            found.setdefault(row.cutoff, row)
    return list(found.values())[::-1]


def run_under_way(ledger: Ledger, shop: str, now: datetime) -> ScoreRun | None:
    """The run that is under way at this moment, or None; one begun over three hours ago may have been killed."""
    query = (
        sa.select(score_runs)
        .where(
            score_runs.c.shop == shop,
            score_runs.c.state == "writing",
            score_runs.c.scored_at >= now - _SHOWN_FOR,
            score_runs.c.run_id > sa.func.coalesce(_newest_complete(shop), 0),
        )
        .order_by(score_runs.c.run_id.desc())
        .limit(1)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).first()
    return run_of(row) if row is not None else None


def _of_bundle(run: ScoreRun) -> dict[str, Any]:
    """What a run's summary keeps of the bundle and the playbook that made it."""
    kept: dict[str, Any] = {"labels": run.labels, "margin_share": run.margin_share}
    if run.definition and run.trained_until:
        kept |= {"definition": asdict(run.definition), "trained_until": run.trained_until.isoformat()}
    return kept


def run_of(row: sa.Row[Any]) -> ScoreRun:
    """The run of a whole row of `score_runs`."""
    found = dict(row._mapping)
    del found["state"]
    number, summary, outcome = found.pop("run_id"), json.loads(found.pop("summary")), found.pop("outcome")
    labels, margin_share = summary.pop("labels", {}), summary.pop("margin_share", 1.0)
    definition, until = summary.pop("definition", None), summary.pop("trained_until", None)
    return ScoreRun(
        **found, labels=labels, margin_share=margin_share, number=number, summary=summary, outcome=read_outcome(outcome),
        definition=ChurnDefinition.from_dict(definition) if definition else None,
        trained_until=date.fromisoformat(until) if until else None,
    )  # fmt: skip


def read_outcome(text: str | None) -> dict[str, Any] | None:
    """What the column `outcome` holds; None where the run was not compared, or is being compared."""
    if text is None or text.startswith(CLAIM):
        return None
    outcome: dict[str, Any] = json.loads(text)
    return outcome


_ANSWER_OF = sa.select(scores.c.answer).where(
    scores.c.run_id == sa.bindparam("run"), scores.c.customer_id == sa.bindparam("customer")
)


def answer_of(ledger: Ledger, number: int, customer_id: str) -> str | None:
    """The stored answer of one customer as JSON text, or None; what cannot be an id, no database is asked for."""
    if len(customer_id) > LONGEST_ID or "\0" in customer_id:
        return None
    with ledger.reading() as connection:
        return connection.execute(_ANSWER_OF, {"run": number, "customer": customer_id}).scalar()


_ANSWERS_OF = sa.select(scores.c.customer_id, scores.c.answer).where(
    scores.c.run_id == sa.bindparam("run"), scores.c.customer_id.in_(sa.bindparam("customers", expanding=True))
)


def answers_of(ledger: Ledger, number: int, customer_ids: Sequence[str]) -> dict[str, str]:
    """The stored answers of many customers as JSON texts by customer id; strangers are left out."""
    with ledger.reading() as connection:
        rows = connection.execute(_ANSWERS_OF, {"run": number, "customers": list(customer_ids)})
        return {row.customer_id: row.answer for row in rows}


def all_answers(ledger: Ledger, number: int) -> Iterator[str]:
    """Every answer of a run, the eligible ones by falling risk first."""
    return (answer for answer, _ in named_answers(ledger, number))


def named_answers(ledger: Ledger, number: int, chunk: int = 2000) -> Iterator[tuple[str, str | None]]:
    """(answer, name) of every customer of a run, the eligible ones by falling risk first."""
    query = (
        sa.select(scores.c.answer, scores.c.name)
        .where(scores.c.run_id == number)
        .order_by(scores.c.eligible.desc(), scores.c.churn_probability.desc(), scores.c.customer_id)
    )
    with ledger.reading() as connection:
        for row in connection.execution_options(yield_per=chunk).execute(query):
            yield row.answer, row.name
