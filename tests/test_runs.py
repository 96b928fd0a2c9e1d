"""Score runs: shown whole or not at all, never in anybody's way, and nothing is kept that nobody reads."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pages_by_hand import CUTOFF, LABELS, entry, run_of
from scored_by_hand import fresh_ledger

from features.refusal import Refusal
from models import runs as of_runs
from models.definition import ChurnDefinition
from models.dossier import dossier_of, name_of, past_scores
from models.keys import create_key
from models.ledger import Ledger, dossiers, score_runs, scores
from models.runs import (
    Entry,
    answer_of,
    answers_of,
    begun_run,
    fill_run,
    latest_run,
    past_runs,
    run_under_way,
    sweep,
    write_run,
)

SCORED = datetime(2024, 5, 1, 6)
DAY = timedelta(days=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with fresh_ledger(tmp_path) as made:
        yield made


def write(ledger: Ledger, people: Sequence[Entry], **changes: Any) -> int:
    return write_run(ledger, run_of(people, **changes), [people])


def person(customer_id: str = "a", probability: float | None = 0.4) -> Entry:
    return entry(customer_id, probability, dossier={"vector": [1.5, None]})


@pytest.mark.parametrize("asked", [
    ChurnDefinition("silence", 28, 91),
    ChurnDefinition("event", 28, 91, event_kinds=("visit", "call"), event="does_not", exclude=(("staff", ("yes", 1)),)),
])  # fmt: skip
def test_a_run_keeps_the_definition_it_was_scored_by(ledger: Ledger, asked: ChurnDefinition) -> None:
    write(ledger, [person()], definition=asked, trained_until=CUTOFF)
    [run] = past_runs(ledger, run_of([]).shop)

    assert (asked, CUTOFF) == (run.definition, run.trained_until)


def killed_half_way(ledger: Ledger, scored_at: datetime = SCORED, **changes: Any) -> int:
    """A run whose process was killed after its first chunk; its number."""

    def chunks() -> Iterator[list[Entry]]:
        yield [person("of a killed run")]
        raise RuntimeError

    run = run_of(scored_at=scored_at, **changes)
    with pytest.MonkeyPatch.context() as killed, contextlib.suppress(RuntimeError):
        killed.setattr(of_runs, "_give_up", lambda *_: None)  # the dead tidy nothing up
        with begun_run(ledger, run) as number:
            fill_run(ledger, run, number, chunks())
    return number


def kept(ledger: Ledger) -> dict[int, tuple[str, int, int]]:
    """By number of a run its state and how many scores and dossiers are kept of it."""
    with ledger.reading() as connection:

        def many(table: sa.Table, number: int) -> int:
            query = sa.select(sa.func.count()).select_from(table).where(table.c.run_id == number)
            return connection.execute(query).scalar_one()

        states = connection.execute(sa.select(score_runs.c.run_id, score_runs.c.state)).all()
        return {number: (state, many(scores, number), many(dossiers, number)) for number, state in states}


# ---- what is read ---------------------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_written(ledger: Ledger) -> None:
    people = [person(), entry("gone", None, "Anna")]
    number = write(ledger, people)
    run = latest_run(ledger, "tiny")

    assert (run_of(people), number, LABELS, None) == (run, run.number, run.labels, run.outcome)
    assert date(2024, 5, 29) == run.matures_on
    assert (1, 0.4) == (run.summary["total"]["customers"], run.summary["total"]["churners"])
    assert people[0].answer == json.loads(answer_of(ledger, number, "a") or "")
    assert {"a", "gone"} == set(answers_of(ledger, number, ["a", "gone", "stranger"]))
    assert ({"vector": [1.5, None]}, None) == tuple(dossier_of(ledger, number, c) for c in ("a", "gone"))
    assert (None, "Anna", None) == tuple(name_of(ledger, number, c) for c in ("a", "gone", "stranger"))


def test_a_run_under_way_is_told_and_the_former_one_is_still_read(ledger: Ledger) -> None:
    former, later = write(ledger, [person()]), run_of(cutoff=CUTOFF + DAY, scored_at=SCORED + DAY)
    with begun_run(ledger, later) as number:
        under_way = run_under_way(ledger, "tiny", SCORED + DAY)

        assert under_way is not None
        assert (number, later.scored_at) == (under_way.number, under_way.scored_at)
        assert run_under_way(ledger, "other", SCORED + DAY) is None
        assert former == latest_run(ledger, "tiny").number
        assert [former] == [run.number for run in past_runs(ledger, "tiny")]
        fill_run(ledger, later, number, [[person()]])

    assert number == latest_run(ledger, "tiny").number
    assert run_under_way(ledger, "tiny", SCORED + DAY) is None


def test_how_many_a_run_has_may_be_known_only_when_it_is_filled(ledger: Ledger) -> None:
    with begun_run(ledger, run_of()) as number:
        fill_run(ledger, run_of([person(), entry("b", None)]), number, [[person(), entry("b", None)]])

    assert (2, 1) == (latest_run(ledger, "tiny").customers, latest_run(ledger, "tiny").eligible)


def test_a_first_run_under_way_is_not_read(ledger: Ledger) -> None:
    killed_half_way(ledger)

    with pytest.raises(Refusal, match="HF503 no score run of the shop 'tiny' is in the ledger"):
        latest_run(ledger, "tiny")
    assert [] == past_runs(ledger, "tiny")


def test_what_was_killed_is_shown_as_under_way_for_hours_and_swept_after_a_day(ledger: Ledger) -> None:
    killed = killed_half_way(ledger)
    assert run_under_way(ledger, "tiny", SCORED + timedelta(hours=3)) is not None
    assert run_under_way(ledger, "tiny", SCORED + timedelta(hours=3, seconds=1)) is None

    number = write(ledger, [person()], scored_at=SCORED + DAY)
    assert {killed: ("writing", 1, 1), number: ("complete", 1, 1)} == kept(ledger)

    sweep(ledger, "tiny", SCORED + DAY + timedelta(seconds=1))
    assert {number: ("complete", 1, 1)} == kept(ledger)


def test_another_shops_runs_are_left_alone(ledger: Ledger) -> None:
    theirs, under_way = write(ledger, [person()], shop="other"), killed_half_way(ledger, shop="other")
    write(ledger, [person()], scored_at=SCORED + 9 * DAY)

    assert {theirs: ("complete", 1, 1), under_way: ("writing", 1, 1)} == {
        number: what for number, what in kept(ledger).items() if number in (theirs, under_way)
    }


# ---- what is kept ---------------------------------------------------------------------------------------------------


def test_of_the_same_run_the_last_is_kept(ledger: Ledger) -> None:
    write(ledger, [person(), person("b")])
    again = write(ledger, [person()])

    assert {again: ("complete", 1, 1)} == kept(ledger)


def test_only_the_latest_run_keeps_dossiers(ledger: Ledger) -> None:
    first = write(ledger, [person()])
    second = write(ledger, [person()], cutoff=CUTOFF + DAY)
    looking_back = write(ledger, [person()], cutoff=CUTOFF - DAY, scored_at=SCORED + DAY)
    other_bundle = write(ledger, [person()], cutoff=CUTOFF + DAY, bundle="churn/2", scored_at=SCORED + DAY)

    assert {
        first: ("complete", 1, 0), second: ("complete", 1, 0), looking_back: ("complete", 1, 0),
        other_bundle: ("complete", 1, 1),
    } == kept(ledger)  # fmt: skip


def test_what_is_swept_is_swept_a_little_at_a_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_runs, "_SWEPT_AT_ONCE", 2)
    write(ledger, [person(f"c{k}") for k in range(5)])
    again = write(ledger, [person()])

    assert {again: ("complete", 1, 1)} == kept(ledger)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_half_way_leaves_the_former_run_and_nothing_else(ledger: Ledger, error: type[BaseException]) -> None:
    former = write(ledger, [person()])

    def breaking() -> Iterator[list[Entry]]:
        yield [person("a", 0.9), person("b")]
        assert former == latest_run(ledger, "tiny").number
        raise error

    with pytest.raises(error):
        write_run(ledger, run_of(), breaking())
    assert {former: ("complete", 1, 1)} == kept(ledger)
    assert '"churn_probability":0.4' in (answer_of(ledger, former, "a") or "")
    assert run_under_way(ledger, "tiny", SCORED) is None


def test_a_run_of_nobody_is_a_run(ledger: Ledger) -> None:
    number = write_run(ledger, run_of(), [[], []])

    assert {number: ("complete", 0, 0)} == kept(ledger)


# ---- who waits for whom ---------------------------------------------------------------------------------------------


def test_writing_a_run_keeps_nobody_from_the_ledger(ledger: Ledger) -> None:
    """Between its chunks others write and read, without waiting."""
    other = Ledger(ledger.url, busy_seconds=0.0)

    def chunks() -> Iterator[list[Entry]]:
        for k in range(3):
            yield [person(f"c{k}")]
            create_key(other, f"key-{k}", ["list"])
            assert run_under_way(other, "tiny", SCORED) is not None

    number = write_run(ledger, run_of(), chunks())
    other.close()
    assert {number: ("complete", 3, 3)} == kept(ledger)


def test_two_who_write_the_same_run_at_once_end_in_one(ledger: Ledger) -> None:
    inner: list[int] = []

    def chunks() -> Iterator[list[Entry]]:
        yield [person("of the outer", 0.1)]
        inner.append(write(ledger, [person("of the inner", 0.2)]))
        assert inner == [latest_run(ledger, "tiny").number]
        yield [person("of the outer too", 0.1)]

    outer = write_run(ledger, run_of(), chunks())
    assert {outer: ("complete", 2, 2)} == kept(ledger)
    assert outer == latest_run(ledger, "tiny").number


def test_two_who_write_other_runs_at_once_both_remain(ledger: Ledger) -> None:
    inner: list[int] = []

    def chunks() -> Iterator[list[Entry]]:
        yield [person("early")]
        inner.append(write(ledger, [person()], cutoff=CUTOFF + DAY))
        yield [person("late")]

    outer = write_run(ledger, run_of(), chunks())
    assert {inner[0]: ("complete", 1, 1), outer: ("complete", 2, 0)} == kept(ledger)
    assert inner[0] == latest_run(ledger, "tiny").number


# ---- the past -------------------------------------------------------------------------------------------------------


def test_of_each_past_cut_off_there_is_one_run_the_oldest_first(ledger: Ledger) -> None:
    days = (3, 1, 2)
    numbers = {days_on: write(ledger, [person()], cutoff=CUTOFF + days_on * DAY) for days_on in days}
    later = write(ledger, [person()], cutoff=CUTOFF + 2 * DAY, bundle="churn/2", scored_at=SCORED + DAY)
    write(ledger, [person()], cutoff=CUTOFF + 2 * DAY, bundle="churn/3", scored_at=SCORED - DAY)
    killed_half_way(ledger, cutoff=CUTOFF + 9 * DAY)

    assert [numbers[1], later, numbers[3]] == [run.number for run in past_runs(ledger, "tiny")]
    assert [later, numbers[3]] == [run.number for run in past_runs(ledger, "tiny", most=2)]


def test_a_customer_is_followed_through_past_runs(ledger: Ledger) -> None:
    people = {0: [person("a", 0.1)], 1: [person("b")], 2: [entry("a", None)], 3: [person("a", 0.7)]}
    numbers = [write(ledger, found, cutoff=CUTOFF + k * DAY) for k, found in people.items()]
    past = past_scores(ledger, numbers, "a")

    assert [(CUTOFF, 0.1), (CUTOFF + 2 * DAY, -1.0), (CUTOFF + 3 * DAY, 0.7)] == [
        (one["cutoff"], one["churn_probability"]) for one in past
    ]
    assert [True, False, True] == [one["eligible"] for one in past]
    assert [None, None, None] == [one["churned"] for one in past]
    assert [] == past_scores(ledger, numbers, "stranger")
