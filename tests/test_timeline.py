"""Timelines: the year before the cut-off and nothing else; what had not come by then is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from by_hand import CUTOFF, DAY, checked_by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_by_hand import fresh_ledger

from features import timeline
from features.check import check_tables
from features.checked import CheckedTables
from features.consent import opted_out
from features.example_shop import ExampleShop
from features.shop import read_shop
from features.snapshot import day_number
from features.store import Store
from features.timeline import LONGEST_NAME, TIMELINE_DAYS, Timelines, customer_names
from models.dossier import dossier_of
from models.ledger import Ledger
from models.playbook import read_playbook
from models.runs import answers_of
from serving.scores import score_shop
from training.train import Trained

ROOT = Path(__file__).parents[1]


def timelines(folder: Path, customer: str = "a", **rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """A customer's timeline, read."""
    tables = {name: [{"customer_id": "a", **row} for row in given] for name, given in rows.items()}
    found = Timelines(checked_by_hand(folder, tables), CUTOFF)
    try:
        return {kind: json.loads(text) for kind, text in found.of([customer, "another"])[customer].items()}
    finally:
        found.close()


def bought(day: int, amount: float = 2.5, **more: Any) -> dict[str, Any]:
    return {"day": day, "amount": amount, "is_return": 0, **more}


def test_nothing_from_the_cut_off_on_and_nothing_older_than_a_year(tmp_path: Path) -> None:
    days = [DAY + 1, DAY, DAY - 1, DAY - TIMELINE_DAYS, DAY - TIMELINE_DAYS - 1]
    found = timelines(
        tmp_path,
        transactions=[bought(day) for day in days],
        interactions=[{"day": day, "kind": "visit"} for day in days],
        offers=[{"day": day, "action": "call"} for day in days],
    )

    assert [DAY - 365, DAY - 1] == [day for day, _, _ in found["purchases"]]
    assert [DAY - 365, DAY - 1] == [event["day"] for event in found["interactions"]]
    assert [DAY - 365, DAY - 1] == [event["day"] for event in found["offers"]]


def test_purchases_are_added_up_by_day_and_returns_left_out(tmp_path: Path) -> None:
    found = timelines(
        tmp_path,
        transactions=[
            bought(DAY - 2, 2.5), bought(DAY - 2, 1.25), bought(DAY - 9, 1.005), bought(DAY - 2, -9.0, is_return=1),
            bought(DAY - 2, 0.25, is_return=None), bought(DAY - 3, 7.0, customer_id="b"),
        ],
    )  # fmt: skip

    assert {"purchases": [[DAY - 9, 1.0, 1], [DAY - 2, 4.0, 3]]} == found
    assert all(isinstance(value, int) for day, _, lines in found["purchases"] for value in (day, lines))


def test_what_came_only_after_the_cut_off_is_unknown(tmp_path: Path) -> None:
    found = timelines(
        tmp_path,
        interactions=[
            {"day": DAY - 9, "kind": "complaint", "topic": "late", "resolved_day": DAY - 1},
            {"day": DAY - 8, "kind": "complaint", "resolved_day": DAY},
            {"day": DAY - 7, "kind": "complaint", "resolved_day": None},
        ],
        offers=[
            {"day": DAY - 9, "action": "call", "arm": "treat", "responded_day": DAY - 1},
            {"day": DAY - 8, "action": "call", "responded_day": DAY + 30},
        ],
    )

    assert [DAY - 1, None, None] == [event["resolved_day"] for event in found["interactions"]]
    assert [("late", None, None)] == [tuple(event["topic"] for event in found["interactions"])]
    assert [(DAY - 1, "treat"), (None, None)] == [(offer["responded_day"], offer["arm"]) for offer in found["offers"]]


days = st.integers(DAY - 500, DAY + 100)


@settings(max_examples=12)
@given(st.lists(st.tuples(days, st.none() | days), max_size=20))
def test_whatever_comes_after_the_cut_off_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, happened: list[tuple[int, int | None]]
) -> None:
    """Tables cut off at the cut-off give the same timeline as whole ones."""
    whole = [{"day": day, "kind": "ticket", "resolved_day": resolved} for day, resolved in happened]
    known = [
        {**row, "resolved_day": row["resolved_day"] if (row["resolved_day"] or DAY) < DAY else None}
        for row in whole
        if row["day"] < DAY
    ]
    folder = tmp_path_factory.mktemp("timeline")

    assert timelines(folder, interactions=known) == timelines(folder, interactions=whole)


def test_who_did_nothing_has_no_timeline(tmp_path: Path) -> None:
    assert {} == timelines(tmp_path, "stranger", transactions=[bought(DAY - 1)])


def test_a_shop_may_lack_tables_and_columns(tiny_shop: Any, store: Store) -> None:
    rows = [{"customer_id": "a", "timestamp": "2024-06-30 10:00:00", "amount": "1.50"}]
    seen = [{"customer_id": "a", "timestamp": "2024-06-29 10:00:00", "kind": "visit"}]
    checked = check_tables(read_shop(tiny_shop(rows, interactions=seen).folder), store, CUTOFF)
    found = Timelines(checked, CUTOFF)

    assert {
        "purchases": f"[[{DAY - 1},1.5,1]]",
        "interactions": f'[{{"day":{DAY - 2},"kind":"visit","topic":null,"resolved_day":null}}]',
    } == found.of(["a"])["a"]
    found.close()
    assert {} == customer_names(checked)


# ---- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_name", "called"),
    [("Anna", "Anna"), ("  Anna \t Maria\r\n ", "Anna Maria"), ("An\0na", "Anna"), ("王 小明", "王 小明"), ("x" * 200, "x" * 200),
     ("x" * 201, f"{'x' * 199}…")],
)  # fmt: skip
def test_a_name_fits_on_a_line(tmp_path: Path, given_name: str, called: str) -> None:
    checked = checked_by_hand(tmp_path, {"customers": [{"customer_id": "a", "name": given_name}, {"customer_id": "b"}]})

    assert {"a": called} == customer_names(checked)


@given(st.text(max_size=300))
def test_whatever_a_name_holds_it_is_short_and_in_one_piece(name: str) -> None:
    called = timeline._shortened(name)

    assert len(called) <= LONGEST_NAME
    assert called == " ".join(called.split())
    assert "\0" not in called
    assert called == timeline._shortened(called)


# ---- dossiers -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ledger(
    trained: Trained, checked: CheckedTables, example_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ledger]:
    """The example shop, scored by the trained bundle."""
    playbook = read_playbook(ROOT / "models")
    with fresh_ledger(tmp_path_factory.mktemp("scored")) as made:
        shop = read_shop(example_folder)
        score_shop(shop, checked, trained.bundle, playbook, checked.known_until, datetime(2025, 6, 1), made)
        yield made


EVENTS = {"purchases", "interactions", "offers"}


def test_whoever_objects_to_profiling_has_no_events_in_their_dossier(ledger: Ledger, checked: CheckedTables) -> None:
    objecting = sorted(opted_out(checked))

    assert objecting
    for customer in objecting:
        assert not EVENTS & set(dossier_of(ledger, 1, customer) or {}), customer


def test_everybody_else_is_shown_by_what_they_did(ledger: Ledger, example: ExampleShop, checked: CheckedTables) -> None:
    cutoff, out = day_number(checked.known_until), opted_out(checked)
    lately = {
        row["customer_id"]
        for row in example.transactions.to_pylist()
        if cutoff - TIMELINE_DAYS <= day_number(row["timestamp"].date()) < cutoff and row["amount"] > 0
    } - out

    assert len(lately) > 500
    for customer in sorted(lately)[:100]:
        bought_on = [day for day, _, _ in (dossier_of(ledger, 1, customer) or {})["purchases"]]
        assert bought_on == sorted(set(bought_on))
        assert cutoff - TIMELINE_DAYS <= bought_on[0] <= bought_on[-1] < cutoff


def test_the_vector_of_a_dossier_gives_the_stored_probability(ledger: Ledger, trained: Trained) -> None:
    customers = [f"C{k:05}" for k in range(1, 200)]
    stored = {c: json.loads(text) for c, text in answers_of(ledger, 1, customers).items()}
    eligible = [customer for customer, found in stored.items() if found["eligible"]]
    vectors = [(dossier_of(ledger, 1, customer) or {})["vector"] for customer in eligible]
    anew = trained.bundle.model.probability(np.array(vectors, float))

    assert len(eligible) > 50
    assert [stored[customer]["churn_probability"] for customer in eligible] == pytest.approx(list(anew), abs=1e-12)
