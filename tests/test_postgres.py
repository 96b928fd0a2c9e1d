"""PostgreSQL as the engine: the vectors of DuckDB, from a server that keeps nothing of them; and as the ledger."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from threading import Barrier
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from pages_by_hand import CUTOFF, entry, run_of
from parity import Question, same_vectors
from scored_by_hand import labels

from features.on_postgres import vector_batches, vectors_on_postgres
from features.refusal import Refusal
from features.vectors import vectors
from models.ledger import Ledger, dossiers, score_runs, scores
from models.outcome import expected_of, outcome, outcome_of, write_outcome
from models.runs import Entry, begun_run, fill_run, latest_run, write_run

pytestmark = pytest.mark.slow


def _asked(question: Question, url: str | None) -> pa.Table:
    return vectors_on_postgres(
        question.checked, question.catalog, question.cutoffs, question.memory_days, url, question.references
    )


def test_every_column_of_a_shop_of_oddities_is_the_same(motley_question: Question, postgres_url: str) -> None:
    same_vectors(_asked(motley_question, postgres_url), motley_question.answer)


def test_every_column_of_the_example_shop_is_the_same(example_question: Question, postgres_url: str) -> None:
    same_vectors(_asked(example_question, postgres_url), example_question.answer)


def test_every_column_of_a_grocery_chain_is_the_same(complete_journey_question: Question, postgres_url: str) -> None:
    same_vectors(_asked(complete_journey_question, postgres_url), complete_journey_question.answer)


def test_a_shop_whose_engine_it_is_gets_its_vectors_from_it(motley_question: Question, postgres_url: str) -> None:
    there = replace(motley_question.checked, engine="postgres", postgres_url=postgres_url)
    asked = replace(motley_question, checked=there)
    same_vectors(
        vectors(there, asked.catalog, asked.cutoffs, asked.memory_days, references=asked.references), asked.answer
    )


def test_the_rows_come_in_batches_and_may_be_left_unread(motley_question: Question, postgres_url: str) -> None:
    asked = motley_question
    with vector_batches(
        asked.checked, asked.catalog, asked.cutoffs, asked.memory_days, postgres_url, asked.references
    ) as batches:
        assert batches.read_next_batch().num_rows > 0


def test_the_server_keeps_nothing(motley_question: Question, postgres_url: str) -> None:
    import psycopg

    _asked(motley_question, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        kept = connection.execute(
            "select relname from pg_class where relnamespace not in"
            " ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)"
        ).fetchall()
    assert kept == []


def test_a_table_of_the_same_name_there_is_neither_read_nor_touched(
    motley_question: Question, postgres_url: str
) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create table transactions as select 1 as theirs")
        try:
            same_vectors(_asked(motley_question, postgres_url), motley_question.answer)
            assert connection.execute("select theirs from transactions").fetchall() == [(1,)]
        finally:
            connection.execute("drop table transactions")


def test_without_a_server_the_refusal_says_how_to_name_one(motley_question: Question) -> None:
    with pytest.raises(Refusal, match=r"HF107 .* needs a server .* HOLDFAST_POSTGRES_URL: postgresql://"):
        _asked(motley_question, None)


def test_a_server_that_is_not_there_is_a_refusal(motley_question: Question) -> None:
    with pytest.raises(
        Refusal, match="HF107 PostgreSQL: .* See whether HOLDFAST_POSTGRES_URL names a server that runs"
    ):
        _asked(motley_question, "postgresql://holdfast@127.0.0.1:1/nowhere")


@pytest.mark.parametrize("url", ["postgresql://holdfast:secret@[::1", "host=a password=secret port"])
def test_what_is_no_address_is_refused_and_its_password_not_repeated(motley_question: Question, url: str) -> None:
    with pytest.raises(Refusal, match="HF107 HOLDFAST_POSTGRES_URL holds no address of PostgreSQL. Name a") as refused:
        _asked(motley_question, url)
    assert "secret" not in str(refused.value)


def test_without_the_package_the_refusal_names_the_extra(
    motley_question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Refusal, match="HF107 .* needs the package psycopg. Install the extra `postgres`."):
        _asked(motley_question, "postgresql://")


def test_a_cutoff_of_which_nothing_is_known_is_refused(motley_question: Question, postgres_url: str) -> None:
    with pytest.raises(Refusal, match="HF206"):
        _asked(replace(motley_question, cutoffs=[date(1999, 1, 1)]), postgres_url)


# ---- as the ledger --------------------------------------------------------------------------------------------------

DATABASES = (f"ledger_{k}" for k in count())


@pytest.fixture
def ledger_url(postgres_url: str) -> Iterator[str]:
    """The address of an empty ledger in a database of its own."""
    import psycopg

    name = next(DATABASES)
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"create database {name}")
        url = postgres_url.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")
        with closing(Ledger(url)) as ledger:
            ledger.migrate()
        try:
            yield url
        finally:
            server.execute(f"drop database {name} with (force)")


@pytest.fixture
def two(ledger_url: str) -> Iterator[tuple[Ledger, Ledger]]:
    """Two processes' ways to one ledger."""
    with closing(Ledger(ledger_url)) as one, closing(Ledger(ledger_url)) as other:
        yield one, other


def people(name: str, many: int = 50) -> list[Entry]:
    return [entry(f"{name}{k}", 0.4, dossier={"vector": [1.5]}) for k in range(many)]


def kept(ledger: Ledger) -> dict[int, tuple[str, int, int]]:
    """By number of a run its state and how many scores and dossiers are kept of it."""
    with ledger.reading() as connection:

        def many(table: sa.Table) -> dict[int, int]:
            query = sa.select(table.c.run_id, sa.func.count()).group_by(table.c.run_id)
            return dict(connection.execute(query).all())

        states, of_scores, of_dossiers = connection.execute(sa.select(score_runs)).all(), many(scores), many(dossiers)
    return {run.run_id: (run.state, of_scores.get(run.run_id, 0), of_dossiers.get(run.run_id, 0)) for run in states}


def test_of_two_that_end_together_one_remains_and_is_whole(two: tuple[Ledger, Ledger]) -> None:
    for _ in range(6):
        both = Barrier(2)

        def score(ledger: Ledger, name: str, both: Barrier = both) -> int:
            with begun_run(ledger, run_of(people(name))) as number:
                both.wait()  # neither is complete
                fill_run(ledger, run_of(people(name)), number, [people(name)[:25], people(name)[25:]])
                both.wait()  # both are, and sweep at once
            return number

        with ThreadPoolExecutor(2) as threads:
            numbers = list(threads.map(score, two, ("a", "b")))
        latest = latest_run(two[0], "tiny").number
        assert latest in numbers
        assert {latest: ("complete", 50, 50)} == kept(two[0])


def test_the_second_waits_for_the_first_to_end_and_takes_its_place(two: tuple[Ledger, Ledger]) -> None:
    first, second = two
    with begun_run(second, run_of()) as later, ThreadPoolExecutor(1) as thread:
        ended: list[Any] = []

        def end_the_second(connection: sa.Connection) -> None:
            """Just before the transaction that makes the first one complete is committed."""
            running = connection.execute(sa.select(score_runs).where(score_runs.c.state == "complete")).all()
            if running and not ended:
                ended.append(thread.submit(fill_run, second, run_of(people("b")), later, [people("b")]))
                with pytest.raises(TimeoutError):
                    ended[0].result(timeout=1)

        sa.event.listen(first.engine, "commit", end_the_second)
        earlier = write_run(first, run_of(people("a")), [people("a")])
        ended[0].result(timeout=10)

    assert earlier != later
    assert later == latest_run(first, "tiny").number
    assert {later: ("complete", 50, 50)} == kept(first)


def test_a_run_that_becomes_the_latest_while_another_sweeps_keeps_its_dossiers(two: tuple[Ledger, Ledger]) -> None:
    first, second = two
    later: list[int] = []

    def write_later(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        """After each of the first two looks that the sweep takes at the runs."""
        if statement.startswith("SELECT score_runs") and "FOR" not in statement and len(later) < 2:
            cutoff = CUTOFF + timedelta(days=1 + len(later))
            later.append(0)
            later[-1] = write_run(second, run_of(people("b"), cutoff=cutoff), [people("b")])

    with begun_run(first, run_of(people("a"))) as number:
        fill_run(first, run_of(people("a")), number, [people("a")])
        sa.event.listen(first.engine, "after_cursor_execute", write_later)

    assert later
    assert later[-1] == latest_run(second, "tiny").number
    assert ("complete", 50, 50) == kept(second)[later[-1]]


def test_of_two_that_compare_a_run_at_once_one_has_written_all(two: tuple[Ledger, Ledger]) -> None:
    number = write_run(two[0], run_of(people("a")), [people("a")])
    expected, both = expected_of(two[0], number), Barrier(2)

    def compare(ledger: Ledger, gone: bool) -> bool:
        found = outcome(expected, np.full(50, gone), np.full(50, True), datetime(2024, 6, 1), None)
        both.wait()
        return write_outcome(ledger, number, dict.fromkeys(expected.customer_ids.tolist(), gone), found)

    with ThreadPoolExecutor(2) as threads:
        written = dict(zip((True, False), threads.map(compare, two, (True, False)), strict=True))
    assert sorted(written.values()) == [False, True]
    became = outcome_of(two[0], number)
    assert became is not None
    assert {written[True]} == set(labels(two[0], number).values())
    assert became.everyone.churners == (50 if written[True] else 0)
