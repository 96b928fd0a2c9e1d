"""PostgreSQL as the engine: the vectors of DuckDB, from a server that keeps nothing of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest
from parity import Question, same_vectors

from features.on_postgres import vector_batches, vectors_on_postgres
from features.refusal import Refusal
from features.vectors import vectors

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


def test_without_the_package_the_refusal_names_the_extra(
    motley_question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Refusal, match="HF107 .* needs the package psycopg. Install the extra `postgres`."):
        _asked(motley_question, "postgresql://")


def test_a_cutoff_of_which_nothing_is_known_is_refused(motley_question: Question, postgres_url: str) -> None:
    with pytest.raises(Refusal, match="HF206"):
        _asked(replace(motley_question, cutoffs=[date(1999, 1, 1)]), postgres_url)
