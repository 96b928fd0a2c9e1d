"""What became of a run: by hand and by law; no run is compared before it has matured, and each is compared once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import count, pairwise

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_by_hand import band, fresh_ledger, labels, score_by_hand

import models.outcome
from models.keys import create_key
from models.ledger import Ledger, audit, score_runs
from models.outcome import (
    Expected,
    Group,
    RunOutcome,
    expected_of,
    outcome,
    outcome_of,
    runs_to_compare,
    wilson,
    write_outcome,
)
from models.runs import past_runs

NOW = datetime(2024, 6, 1, 12)
CUTOFF = date(2024, 3, 1)
NEW_SHOPS = (f"shop-{k}" for k in count())
"""Shops of which the ledger holds nothing yet."""
FOUR = {"calm": 0.1, "steady": 0.15, "wavering": 0.6, "leaving": 0.8}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with fresh_ledger(tmp_path_factory.mktemp("outcome")) as made:
        yield made


@pytest.fixture
def shop() -> str:
    return next(NEW_SHOPS)


def expected(*probability: float) -> Expected:
    rising = sorted(probability)
    ids = np.array([f"c{k}" for k in range(len(rising))], object)
    return Expected(ids, np.array(rising, float), np.array([band(p) for p in rising], object))


def became(
    who: Expected, churned: list[bool], known: list[bool] | None = None, seen: bool | None = False
) -> RunOutcome:
    known = [True] * len(churned) if known is None else known
    return outcome(who, np.array(churned, bool), np.array(known, bool), NOW, seen)


def test_four_customers_by_hand() -> None:
    """Two at low risk stay; of two at high risk one leaves."""
    found = became(expected(0.1, 0.15, 0.6, 0.8), [False, False, False, True])

    assert Group(4, 1, 0.4125, 0.25, (0.045587, 0.699358)) == found.everyone
    assert ["low", "high"] == list(found.bands)
    assert Group(2, 0, 0.125, 0.0, (0.0, 0.65762)) == found.bands["low"]
    assert Group(2, 1, 0.7, 0.5, (0.094531, 0.905469)) == found.bands["high"]
    assert [0.1, 0.15, 0.6, 0.8] == [group.expected for group in found.bins]
    assert [0, 0, 0, 1] == [group.churners for group in found.bins]


@pytest.mark.parametrize(
    ("churners", "customers", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)]
)
def test_intervals_are_wilsons(churners: int, customers: int, low: float, high: float) -> None:
    assert wilson(churners, customers) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_narrows_with_more_customers(pair: tuple[int, int]) -> None:
    churners, customers = pair
    low, high = wilson(churners, customers)
    narrower = wilson(10 * churners, 10 * customers)

    assert 0 <= low <= churners / customers <= high <= 1
    assert narrower[1] - narrower[0] < high - low


people = st.lists(
    st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=60
)  # probability, churned, label known


@given(people)
def test_every_customer_counts_once_in_a_band_and_once_in_a_bin_or_is_left_out(rows: list) -> None:
    rows.sort()
    found = became(expected(*(p for p, _, _ in rows)), [c for _, c, _ in rows], [k for _, _, k in rows])
    sizes = [group.customers for group in found.bins]

    assert found.everyone.customers + found.left_out == len(rows)
    for groups in (list(found.bands.values()), list(found.bins)):
        assert found.everyone.customers == sum(group.customers for group in groups)
        assert found.everyone.churners == sum(group.churners for group in groups)
        assert all(group.customers for group in groups)
    assert len(sizes) == min(10, found.everyone.customers)
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all(a.expected <= b.expected for a, b in pairwise(found.bins))


@given(people)
def test_a_label_that_nobody_knows_changes_nothing(rows: list) -> None:
    rows.sort()
    known = [row for row in rows if row[2]]
    of_all = became(expected(*(p for p, _, _ in rows)), [c for _, c, _ in rows], [k for _, _, k in rows])
    of_known = became(expected(*(p for p, _, _ in known)), [c for _, c, _ in known])

    assert of_all.everyone == of_known.everyone
    assert of_all.bands == of_known.bands
    assert of_all.bins == of_known.bins


@given(people, st.sampled_from([True, False, None]))
def test_an_outcome_comes_back_from_json_as_it_was(rows: list, seen: bool | None) -> None:
    rows.sort()
    found = became(expected(*(p for p, _, _ in rows)), [c for _, c, _ in rows], [k for _, _, k in rows], seen)

    assert found == RunOutcome.from_dict(json.loads(json.dumps(found.as_dict(), allow_nan=False)))


def test_of_nobody_nothing_is_known(ledger: Ledger, shop: str) -> None:
    number = score_by_hand(ledger, {"left long ago": None}, CUTOFF, shop=shop)
    found = became(expected_of(ledger, number), [])

    assert Group(0, 0, 0.0, 0.0, (0.0, 1.0)) == found.everyone
    assert write_outcome(ledger, number, {}, found)
    assert [] == runs_to_compare(ledger, shop, date(2030, 1, 1))


def test_a_run_is_matured_on_the_day_its_horizon_ends(ledger: Ledger, shop: str) -> None:
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)

    assert [] == runs_to_compare(ledger, shop, date(2024, 3, 28))
    [run] = runs_to_compare(ledger, shop, date(2024, 3, 29))
    assert (number, CUTOFF, date(2024, 3, 29)) == (run.number, run.cutoff, run.matures_on)


def test_runs_of_another_shop_and_of_former_versions_are_not_compared(ledger: Ledger, shop: str) -> None:
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    with ledger.writing() as connection:
        connection.execute(sa.update(score_runs).where(score_runs.c.run_id == number).values(matures_on=None))
    score_by_hand(ledger, FOUR, CUTOFF, shop=f"{shop}-next-door")

    assert [] == runs_to_compare(ledger, shop, date(2030, 1, 1))


def test_the_eligible_come_by_rising_probability(ledger: Ledger, shop: str) -> None:
    number = score_by_hand(ledger, {"leaving": 0.8, "not asked": None, "calm": 0.1}, CUTOFF, shop=shop)
    found = expected_of(ledger, number)

    assert ["calm", "leaving"] == found.customer_ids.tolist()
    assert [0.1, 0.8] == found.churn_probability.tolist()
    assert ["low", "high"] == found.band.tolist()


def test_an_outcome_is_written_with_every_customers_label_and_into_the_audit(
    ledger: Ledger, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.outcome, "_CHUNK", 2)
    number = score_by_hand(ledger, {**FOUR, "not asked": None}, CUTOFF, shop=shop)
    found = became(expected_of(ledger, number), [False, False, True, True], [True, True, False, True])

    assert outcome_of(ledger, number) is None
    assert write_outcome(ledger, number, {"calm": False, "steady": False, "leaving": True}, found)
    assert found == outcome_of(ledger, number)
    assert labels(ledger, number) == {
        "calm": False, "steady": False, "wavering": None, "leaving": True, "not asked": None,
    }  # fmt: skip
    with ledger.reading() as connection:
        said = connection.execute(sa.select(audit.c.detail).where(audit.c.did == "compare")).scalars().all()[-1]
    assert {"run": f"{shop}:2024-03-01:churn/1", "customers": 3, "churners": 1} == json.loads(said)


def test_a_second_outcome_of_a_run_is_not_written(ledger: Ledger, shop: str) -> None:
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    who = expected_of(ledger, number)
    first, second = became(who, [False, False, True, True]), became(who, [True, True, True, True])

    assert write_outcome(ledger, number, {"calm": False}, first)
    assert not write_outcome(ledger, number, {"calm": True}, second)
    assert first == outcome_of(ledger, number)
    assert labels(ledger, number)["calm"] is False


def test_a_run_that_was_scored_anew_meanwhile_is_left_and_compared_anew(ledger: Ledger, shop: str) -> None:
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    found = became(expected_of(ledger, number), [False, False, True, True])
    anew = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)

    assert not write_outcome(ledger, number, {"calm": False}, found)
    assert [anew] == [run.number for run in runs_to_compare(ledger, shop, date(2030, 1, 1))]


def test_an_outcome_is_written_whole_or_not_at_all(ledger: Ledger, shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.outcome, "_CHUNK", 1)
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    found = became(expected_of(ledger, number), [False, False, True, True])

    with pytest.raises(sa.exc.StatementError):
        write_outcome(ledger, number, {"calm": False, "steady": "it breaks off here"}, found)
    assert outcome_of(ledger, number) is None
    assert {None} == set(labels(ledger, number).values())


# ---- who waits for whom ---------------------------------------------------------------------------------------------


@contextmanager
def between_transactions(ledger: Ledger, do: Callable[[int], object]) -> Iterator[None]:
    """Whenever this ledger has ended a transaction, `do` gets the number of those before it."""
    numbers = count()

    def ended(*_: object) -> None:
        do(next(numbers))

    sa.event.listen(ledger.engine, "checkin", ended)
    try:
        yield
    finally:
        sa.event.remove(ledger.engine, "checkin", ended)


@pytest.fixture
def other(ledger: Ledger) -> Iterator[Ledger]:
    """The same ledger for someone who would not wait a moment."""
    made = Ledger(ledger.url, busy_seconds=0.0)
    yield made
    made.close()


def test_writing_an_outcome_keeps_nobody_from_the_ledger(
    ledger: Ledger, other: Ledger, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its blocks others write, and see the run as one that nobody has compared."""
    monkeypatch.setattr(models.outcome, "_CHUNK", 1)
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    found, seen = became(expected_of(ledger, number), [False, False, True, True]), []

    def look(nth: int) -> None:
        create_key(other, f"{shop}-{nth}", ["list"])
        seen.append(outcome_of(other, number))

    with between_transactions(ledger, look):
        assert write_outcome(ledger, number, {name: name == "leaving" for name in FOUR}, found)
    assert [None] * 5 + [found] == seen, "the claim, four labels, the outcome"


def test_of_two_who_write_at_once_the_later_one_goes_on_and_its_labels_alone_remain(
    ledger: Ledger, other: Ledger, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.outcome, "_CHUNK", 1)
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    who = expected_of(ledger, number)
    first, second = became(who, [True] * 4), became(who, [False] * 4, [True, False, True, False])

    def begin_second(nth: int) -> None:
        if nth == 2:
            assert write_outcome(other, number, {"calm": False, "wavering": False}, second)

    with between_transactions(ledger, begin_second):
        assert not write_outcome(ledger, number, dict.fromkeys(FOUR, True), first)
    assert second == outcome_of(ledger, number)
    assert {"calm": False, "steady": None, "wavering": False, "leaving": None} == labels(ledger, number)


def test_a_run_that_is_superseded_between_two_blocks_is_left(
    ledger: Ledger, other: Ledger, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.outcome, "_CHUNK", 1)
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    found, anew = became(expected_of(ledger, number), [True] * 4), []

    def score_anew(nth: int) -> None:
        if nth == 2:
            anew.append(score_by_hand(other, FOUR, CUTOFF, shop=shop))

    with between_transactions(ledger, score_anew):
        assert not write_outcome(ledger, number, dict.fromkeys(FOUR, True), found)
    assert anew == [run.number for run in runs_to_compare(ledger, shop, date(2030, 1, 1))]
    assert {None} == set(labels(ledger, anew[0]).values())


def test_what_was_killed_half_way_is_compared_anew_and_leaves_no_label(
    ledger: Ledger, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.outcome, "_CHUNK", 1)
    number = score_by_hand(ledger, FOUR, CUTOFF, shop=shop)
    who = expected_of(ledger, number)
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr(models.outcome._Claimed, "give_up", lambda _: None)  # the dead tidy nothing up
        with pytest.raises(sa.exc.StatementError):
            write_outcome(ledger, number, {"calm": True, "leaving": "killed here"}, became(who, [True] * 4))

    assert outcome_of(ledger, number) is None
    assert [number] == [run.number for run in runs_to_compare(ledger, shop, date(2030, 1, 1))]
    assert [None] == [run.outcome for run in past_runs(ledger, shop)]
    found = became(who, [True] * 4, [False, False, False, True])
    assert write_outcome(ledger, number, {"leaving": True}, found)
    assert found == outcome_of(ledger, number)
    assert {"calm": None, "steady": None, "wavering": None, "leaving": True} == labels(ledger, number)


days = st.integers(0, 60).map(lambda k: CUTOFF + timedelta(days=k))


@settings(max_examples=40)
@given(
    st.lists(st.tuples(days, st.integers(1, 40)), max_size=6, unique_by=lambda run: run[0]), st.lists(days, max_size=6)
)
def test_no_run_is_compared_before_it_matured_and_each_is_compared_once(
    ledger: Ledger, runs: list[tuple[date, int]], looks: list[date]
) -> None:
    """Whatever was scored, and on whatever days somebody looks."""
    shop, compared = next(NEW_SHOPS), []
    for cutoff, horizon in runs:
        score_by_hand(ledger, {"a": 0.5}, cutoff, matures_on=cutoff + timedelta(days=horizon), shop=shop)
    for known_until in looks:
        for run in runs_to_compare(ledger, shop, known_until):
            assert run.matures_on <= known_until
            assert write_outcome(ledger, run.number, {"a": True}, became(expected(0.5), [True]))
            compared.append(run.cutoff)

    due = [cutoff for cutoff, horizon in runs if looks and cutoff + timedelta(days=horizon) <= max(looks)]
    assert sorted(due) == sorted(compared)
