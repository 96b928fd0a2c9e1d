"""The ledger: runs are written whole or not at all, never double; a locked or foreign database is told as such."""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from features.refusal import Refusal
from models.churn_list import FILTERS, SORTS, ListPage, ListQuery
from models.churn_list import churn_list as list_page
from models.keys import create_key, revoke_key
from models.ledger import Ledger, audit, dossiers, metadata, score_runs, scores
from models.runs import Entry, ScoreRun, all_answers, answer_of, latest_run, write_run

ROOT = Path(__file__).parents[1]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", busy_seconds=0.1)
    made.migrate()
    yield made
    made.close()


def run(
    bundle: str = "churn/1", customers: int = 3, scored_at: datetime = datetime(2024, 5, 1, 6),
    shop: str = "tiny", cutoff: date = date(2024, 5, 1),
) -> ScoreRun:  # fmt: skip
    return ScoreRun(shop, bundle, cutoff, scored_at, customers, customers, "en", "EUR")


def scored(customer_id: str, probability: float | None = 0.5, name: str | None = None, **changes) -> Entry:
    """A customer's answer with what the ledger reads of it, and a dossier."""
    answer = {
        "customer_id": customer_id, "eligible": probability is not None, "churn_probability": probability,
        "percentile": 0.5, "band": "high", "segment": {"id": "S1", "name": "regulars"}, "value_at_risk": 10.0,
        "relationship": {"tier": "key", "value_quadrant": "gold", "state": "loyal", "stage": "decline"}, "lifetime_value": {"mean": 100.0},
        "reasons": [{"driver": "going_quiet", "push": 0.4}, {"driver": "price", "push": -0.1}],
        "decision": {"action": "call", "arm": "treat", "propensity": 0.9, "expected_net_value": 3.0, "cost": 1.0,
                     "evidence": "rule", "why_not": "", "withheld": ""},
        **changes,
    }  # fmt: skip
    return Entry(answer, name, {"vector": [1.5, None]})


def churn_list(ledger: Ledger, filters: dict[str, str], sort: str = "churn_probability", **more) -> ListPage:
    """A page of the shop's latest run."""
    return list_page(ledger, latest_run(ledger, "tiny"), ListQuery(filters, sort), **more)


def counts(ledger: Ledger) -> list[int]:
    with ledger.reading() as connection:
        return [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (score_runs, scores, dossiers)
        ]


def test_a_run_can_be_repeated_without_doubling(ledger: Ledger) -> None:
    for _ in range(2):
        write_run(ledger, run(), [[scored("a"), scored("b")], [scored("c")]])

    assert counts(ledger) == [1, 3, 3]


def test_a_run_that_breaks_off_leaves_the_former_one(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a", 0.25)]])

    def breaking() -> Iterator[list[Entry]]:
        yield [scored("a", 0.75)]
        raise RuntimeError("the machine goes down")

    with pytest.raises(RuntimeError):
        write_run(ledger, run(), breaking())
    assert counts(ledger) == [1, 1, 1]
    assert '"churn_probability":0.25' in answer_of(ledger, latest_run(ledger, "tiny").number, "a")


def test_of_one_cut_off_the_run_scored_last_is_the_latest(ledger: Ledger) -> None:
    write_run(ledger, run("churn/2", scored_at=datetime(2024, 5, 2)), [[scored("a")]])
    write_run(ledger, run("churn/1", scored_at=datetime(2024, 5, 1)), [[scored("a")]])

    assert run("churn/2", scored_at=datetime(2024, 5, 2)) == latest_run(ledger, "tiny")


def test_a_run_as_of_an_earlier_day_does_not_take_the_latest_ones_place(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a")]])
    write_run(ledger, run(cutoff=date(2023, 5, 1), scored_at=datetime(2024, 6, 1)), [[scored("a")]])

    assert run() == latest_run(ledger, "tiny")


def test_another_shops_run_is_never_the_latest(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a")]])
    write_run(ledger, run(shop="other", cutoff=date(2024, 6, 1), scored_at=datetime(2024, 6, 1)), [[scored("a")]])

    assert run() == latest_run(ledger, "tiny")


def test_a_shop_without_a_run_is_told_what_to_run(ledger: Ledger) -> None:
    write_run(ledger, run(shop="other"), [[scored("a")]])

    with pytest.raises(Refusal, match="HF503 no score run of the shop 'tiny' is in the ledger. Run: holdfast score"):
        latest_run(ledger, "tiny")


def test_an_unknown_customer_is_none(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a")]])

    assert answer_of(ledger, latest_run(ledger, "tiny").number, "zz") is None


def ids(page) -> list[str]:
    import json

    return [json.loads(answer)["customer_id"] for answer in page.answers]


@pytest.mark.parametrize("sort", SORTS)
def test_pages_follow_each_other_without_gap_or_repeat(ledger: Ledger, sort: str) -> None:
    people = [scored(f"{k:02}", probability=(k % 4) / 4, value_at_risk=float(k % 3)) for k in range(23)]
    people.append(scored("not eligible", None))
    write_run(ledger, run(), [people])
    found, after = [], None
    while True:
        page = churn_list(ledger, {}, sort, limit=5, after=after)
        found += ids(page)
        assert page.total == (23 if after is None else None)
        after = page.after
        if after is None:
            break

    assert sorted(found) == [f"{k:02}" for k in range(23)]
    if sort == "churn_probability":
        assert found == sorted(found, key=lambda c: (-(int(c) % 4), c))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", [{}, {"band": "high"}, {"tier": "key", "reason": "going_quiet", "arm": "treat"}])
def test_a_page_is_read_from_an_index_at_its_key(ledger: Ledger, sort: str, filters: dict[str, str]) -> None:
    people = [scored(f"{k:02}", probability=k / 30, value_at_risk=float(k)) for k in range(23)]
    write_run(ledger, run(), [people])
    asked: list[tuple[str, Any]] = []
    sa.event.listen(
        ledger.engine, "before_cursor_execute",
        lambda _c, _cursor, statement, parameters, *_: asked.append((statement, parameters)),
    )  # fmt: skip
    first = churn_list(ledger, filters, sort, limit=5)
    churn_list(ledger, filters, sort, limit=5, after=first.after)

    pages = [
        (statement, given)
        for statement, given in asked
        if "ORDER BY" in statement and "scores" in statement and "score_runs" not in statement
    ]
    assert 2 == len(pages)
    for number, (statement, given) in enumerate(pages):
        with ledger.reading() as connection:
            plan = [row[3] for row in connection.exec_driver_sql(f"explain query plan {statement}", given)]
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan
        assert not [step for step in plan if step.startswith("SCAN")]
        key = "customer_id>?" if sort == "customer_id" else f"{sort}<?"
        assert (number == 1) == (key in plan[0])


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_what_matches(ledger: Ledger, name: str) -> None:
    values = {"band": "high", "segment": "S1", "tier": "key", "value_quadrant": "gold", "reason": "going_quiet",
              "action": "call", "arm": "treat"}  # fmt: skip
    write_run(ledger, run(), [[scored("a")]])

    assert ids(churn_list(ledger, {name: values[name]})) == ["a"]
    assert ids(churn_list(ledger, {name: "other"})) == []


def test_what_holds_a_customer_back_is_not_a_reason_to_filter_by(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a")]])

    assert ids(churn_list(ledger, {"reason": "price"})) == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"filters": {"teir": "key"}}, "HF607 there is no filter 'teir'. Did you mean 'tier'"),
        ({"filters": {}, "sort": "risk"}, "HF607 sort is 'risk'"),
        ({"filters": {}, "after": "nonsense"}, "HF607 `after` is not a token"),
        ({"filters": {}, "after": "WzEsIDJd"}, "HF607 `after` is not a token"),
    ],
)
def test_a_wrong_question_is_told(ledger: Ledger, asked, message: str) -> None:
    write_run(ledger, run(), [[scored("a")]])

    with pytest.raises(Refusal, match=message):
        churn_list(ledger, **asked)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "content",
    [
        '[null, "a"]', '[[1], "a"]', '[{}, "a"]', '[true, "a"]', '["0.5", "a"]', f'[{"9" * 30}, "a"]',
        f'[{"9" * 500}, "a"]', f'[{"9" * 5000}, "a"]', '[NaN, "a"]', '[Infinity, "a"]', '[-Infinity, "a"]',
        '[1e999, "a"]', '[0.5, "\\ud800"]', '["\\ud800", "\\ud800"]', '[0.5, "\\u0000"]', '["\\u0000", "\\u0000"]',
        '[0.5, null]', '[0.5]', '[0.5, "a", "b"]', '"ab"', '7', 'null', '{"a": 1, "b": 2}', '"ab', "",
        "[" * 5000 + "]" * 5000, "[" * 100_000,
    ],
    ids=lambda content: content[:20],
)  # fmt: skip
def test_a_forged_token_is_told_whatever_it_holds(ledger: Ledger, sort: str, content: str) -> None:
    write_run(ledger, run(), [[scored("a")]])
    token = base64.urlsafe_b64encode(content.encode()).decode()

    with pytest.raises(Refusal, match="HF607 `after` is not a token"):
        churn_list(ledger, {}, sort, after=token)


@pytest.mark.parametrize("token", ["\ud800", "ü", "W", "====", "\0"])
def test_a_token_that_is_not_base64_is_told(ledger: Ledger, token: str) -> None:
    write_run(ledger, run(), [[scored("a")]])
    with pytest.raises(Refusal, match="HF607 `after` is not a token"):
        churn_list(ledger, {}, after=token)


def test_all_answers_come_by_falling_risk_the_ineligible_last(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a", 0.1), scored("b", None), scored("c", 0.9)]])

    assert [answer.split('"')[3] for answer in all_answers(ledger, latest_run(ledger, "tiny").number)] == [
        "c",
        "a",
        "b",
    ]


def test_a_locked_ledger_is_told_and_reading_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    write_run(ledger, run(), [[scored("a")]])
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("begin immediate")
    try:
        with pytest.raises(Refusal, match="HF502 another process is writing to the ledger"):
            write_run(ledger, run(), [[scored("a")]])
        assert answer_of(ledger, latest_run(ledger, "tiny").number, "a")
    finally:
        other.close()


def test_a_foreign_database_is_told(tmp_path: Path) -> None:
    fresh = Ledger(f"sqlite:///{tmp_path / 'empty.db'}")

    with pytest.raises(Refusal, match="HF504"):
        latest_run(fresh, "tiny")
    fresh.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"garbage " * 1000)
    garbage = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")

    for use in (garbage.migrate, lambda: latest_run(garbage, "tiny"), lambda: create_key(garbage, "crm", ["score"])):
        with pytest.raises(Refusal, match="HF501 the ledger .* cannot be used: file is not a database"):
            use()
    garbage.close()


def test_what_the_database_refuses_is_told_by_its_first_line(ledger: Ledger) -> None:
    with pytest.raises(Refusal, match="HF501 the ledger .* cannot be used: UNIQUE constraint failed"):
        write_run(ledger, run(), [[scored("a"), scored("a")]])
    assert counts(ledger) == [0, 0, 0]


def test_a_full_disk_is_told_and_leaves_the_former_run(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a", 0.25)]])

    def growing() -> Iterator[list[Entry]]:
        for k in range(1000):
            yield [scored(f"{k:03}-{j:03}") for j in range(100)]

    @sa.event.listens_for(ledger.engine, "begin")
    def no_more_room(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("pragma page_count").scalar_one()
        connection.exec_driver_sql(f"pragma max_page_count = {pages + 20}")

    with pytest.raises(Refusal, match="HF501 the disk of the ledger .* is full. Make room"):
        write_run(ledger, run(), growing())
    assert counts(ledger) == [1, 1, 1]


def test_two_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"
    code = f"from models.ledger import Ledger; Ledger({url!r}).migrate()"
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)]

    assert [b"", b""] == [process.communicate(timeout=60)[1] for process in both]
    assert [0, 0] == [process.returncode for process in both]


def test_a_ledger_of_a_later_version_is_told(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")

    with pytest.raises(Refusal, match="HF504 the ledger .* was made by a later version"):
        ledger.migrate()


def test_an_unusable_address_is_told_without_its_password() -> None:
    with pytest.raises(Refusal, match="HF501") as refusal:
        Ledger("nonsense://user:secret@host/db")
    assert "secret" not in str(refusal.value)


def test_migrations_give_the_schema_that_the_code_declares(ledger: Ledger, tmp_path: Path) -> None:
    """Tables as Alembic compares them; indexes, whose order it does not see, by their own text."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    def indexes(connection: sa.Connection) -> set[str]:
        made = connection.exec_driver_sql("select sql from sqlite_master where type = 'index' and sql is not null")
        return {text.lower().replace('"', "") for text in made.scalars()}

    declared = Ledger(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared.engine)
    without_indexes = {"include_object": lambda _object, _name, kind, *_: kind != "index"}
    with ledger.reading() as connection, declared.reading() as other:
        assert compare_metadata(MigrationContext.configure(connection, opts=without_indexes), metadata) == []
        assert indexes(connection) == indexes(other)
    declared.close()


def test_a_ledger_of_the_first_version_keeps_its_runs_scores_and_decisions(tmp_path: Path) -> None:
    made = Ledger(f"sqlite:///{tmp_path / 'old.db'}")
    made.migrate("0001")
    with made.writing() as connection:
        for statement in (
            "insert into score_runs values ('tiny:2024-05-01:churn/1', 'tiny', 'churn/1', '2024-05-01',"
            " '2024-05-01 06:00:00.000000', 1, 1, 'en', 'EUR')",
            "insert into scores values ('tiny:2024-05-01:churn/1', 'a', 1, 0.25, 0.5, 'high', 'regulars', 'key',"
            " 'gold', 100.0, 10.0, 'price', '', '', '{}')",
            "insert into decisions values ('tiny:2024-05-01:churn/1', 'a', 'call', 'treat', 0.9, 3.0, 1.0, 'rule',"
            " '', '')",
        ):
            connection.exec_driver_sql(statement)
    made.migrate()

    assert run(customers=1) == latest_run(made, "tiny")
    with made.reading() as connection:
        row = connection.execute(sa.select(scores)).one()
    assert ("a", 0.25, "price", "call", "treat", 3.0) == (
        row.customer_id, row.churn_probability, row.reason_1, row.action, row.arm, row.expected_net_value,
    )  # fmt: skip
    made.close()


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a")]])
    ledger.migrate()

    assert counts(ledger) == [1, 1, 1]


def test_what_was_done_is_in_the_audit(ledger: Ledger) -> None:
    write_run(ledger, run(), [[scored("a")]])
    _, record = create_key(ledger, "crm", ["score"])
    revoke_key(ledger, record.key_id)

    with ledger.reading() as connection:
        assert connection.execute(sa.select(audit.c.did)).scalars().all() == ["score", "create key", "revoke key"]
