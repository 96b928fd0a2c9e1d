"""The panel's laws of time: no label window reaches into what it is used to judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.checked import CheckedTables
from features.console import Stopwatch
from features.refusal import Refusal
from features.shop import read_shop
from features.snapshot import day_number
from features.store import Store
from models.definition import ChurnDefinition
from training.labels import Labels, churn_labels, is_matured
from training.panel import build_panel, judging_splits, matured_cutoffs, split_before
from training.population import Population
from training.study import CutoffSettings, Minimums, Study
from training.train import Trained, prepare_panel

FIRST = date(2024, 1, 1)
grids = st.tuples(st.integers(1, 40), st.integers(2, 40), st.integers(1, 90), st.integers(1, 5))


@given(grids)
def test_every_label_window_ends_before_what_it_judges(grid: tuple[int, int, int, int]) -> None:
    count, every, horizon, judged = grid
    cutoffs = [FIRST + timedelta(days=every * k) for k in range(count)]
    window = timedelta(days=horizon)

    for split in judging_splits(cutoffs, judged, horizon):
        assert split.judge in cutoffs[-judged:]
        assert split.calibrate + window <= split.judge
        assert all(fit + window <= split.calibrate for fit in split.fit)
        assert all(day.on < split.calibrate and day.fit for day in split.earlier)
        assert all(fit + window <= day.on for day in split.earlier for fit in day.fit)
        assert {*split.fit, split.calibrate} <= {*split.known}
        assert all(known + window <= split.judge for known in split.known)


@given(grids)
def test_a_split_uses_every_cutoff_that_it_may(grid: tuple[int, int, int, int]) -> None:
    count, every, horizon, _ = grid
    cutoffs = [FIRST + timedelta(days=every * k) for k in range(count)]
    split = split_before(cutoffs, None, horizon)

    if split is None:
        assert cutoffs[0] + timedelta(days=horizon) > cutoffs[-1]
    else:
        assert split.calibrate == cutoffs[-1]
        assert split.fit == tuple(c for c in cutoffs if c + timedelta(days=horizon) <= cutoffs[-1])


def test_a_label_is_matured_once_its_whole_horizon_has_passed() -> None:
    assert is_matured(date(2017, 12, 1), 28, known_until=date(2017, 12, 29))
    assert not is_matured(date(2017, 12, 1), 28, known_until=date(2017, 12, 28))


def test_cutoffs_go_back_from_the_last_matured_one(checked: CheckedTables) -> None:
    cutoffs = matured_cutoffs(checked, CutoffSettings(judged=2), 28)

    assert cutoffs[-1] == checked.known_until - timedelta(days=28)
    assert {28} == {(b - a).days for a, b in pairwise(cutoffs)}
    assert cutoffs[0] >= checked.first_day + timedelta(days=91)


def test_too_short_a_history_is_refused_with_the_figures(checked: CheckedTables) -> None:
    short = replace(checked, first_day=checked.known_until - timedelta(days=150))

    with pytest.raises(Refusal, match=r"HF303 2 matured cut-offs .* needs at least 5\. Bring more history"):
        matured_cutoffs(short, CutoffSettings(), 28)


def test_a_last_cutoff_whose_labels_are_censored_is_refused(checked: CheckedTables) -> None:
    late = CutoffSettings(last=checked.known_until - timedelta(days=27))

    with pytest.raises(Refusal, match="HF303 cutoffs.last .* lies after"):
        matured_cutoffs(checked, late, 28)


def test_labels_by_hand(tiny_shop, store) -> None:
    """Of two customers at 2024-03-01 with a horizon of 28 days one buys on the last day within, one just after it."""
    from features.behavior import CATALOG
    from features.check import check_tables
    from features.vectors import vectors

    rows = [
        {"customer_id": "in", "timestamp": "2024-02-01", "amount": 5},
        {"customer_id": "in", "timestamp": "2024-03-28", "amount": 7},
        {"customer_id": "out", "timestamp": "2024-02-01", "amount": 5},
        {"customer_id": "out", "timestamp": "2024-03-29", "amount": 9},
    ]
    checked = check_tables(tiny_shop(rows), store, date(2025, 6, 1))
    table = vectors(checked, CATALOG.available(checked.columns, {}), [date(2024, 3, 1), date(2024, 3, 5)], 182)
    labels = churn_labels(checked, table, ChurnDefinition("silence", 28))

    assert table.column("customer_id").to_pylist() == ["in", "out", "in", "out"]
    assert labels.matured.tolist() == [True, True, False, False]
    assert labels[labels.matured].churned.tolist() == [False, True]
    assert labels[labels.matured].spend.tolist() == [7.0, 0.0]


rows_of_labels = st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 100)), min_size=1, max_size=40)


@given(rows_of_labels, st.lists(st.booleans(), min_size=40, max_size=40))
def test_what_came_of_the_censored_changes_nothing_that_is_counted(
    found: list[tuple[bool, bool, float]], flips: list[bool]
) -> None:
    """Whatever is found of rows whose time is not over: labels, counts and the panel are the same."""
    churned, matured = (np.array([row[k] for row in found], bool) for k in (0, 1))
    spend = np.array([row[2] for row in found])
    flipped = np.where(matured, churned, churned ^ np.array(flips[: len(found)]))
    table = pa.table({"cutoff": pa.array([day_number(FIRST)] * len(found), pa.int32()),
                      "customer_id": [f"c{k}" for k in range(len(found))]})  # fmt: skip
    everyone = np.ones(len(found), bool)

    def counted(labels: Labels) -> tuple[object, ...]:
        counts = Population((FIRST,), table, labels, everyone).counts()
        try:
            panel = build_panel(table, np.zeros((len(found), 1)), labels, everyone, Minimums(customers=2, churners=1))
        except Refusal as refusal:
            return counts, str(refusal)
        return counts, panel.churned.tolist(), panel.spend.tolist(), panel.customer_ids.tolist()

    of_both = [
        Labels.of(one, money, matured) for one, money in ((churned, spend), (flipped, np.where(matured, spend, -1)))
    ]
    assert counted(of_both[0]) == counted(of_both[1])
    assert counted(of_both[0])[0][0].eligible == (matured.sum() or len(found))


def test_a_censored_label_cannot_be_read() -> None:
    labels = Labels.of(np.array([True, True]), np.array([1.0, 2.0]), np.array([True, False]))

    for read in (lambda: labels.churned, lambda: labels.spend, lambda: labels[1:].churned):
        with pytest.raises(ValueError, match="1 of . labels are censored"):
            read()
    assert [True] == labels[labels.matured].churned.tolist() == labels[np.array([0])].churned.tolist()


@pytest.mark.parametrize(
    ("minimums", "message"),
    [
        ({"customers": 10_000}, r"HF301 only \d+ customers are eligible .* training needs 10000\."),
        ({"customers": 2, "churners": 5_000}, r"HF302 \d+ of \d+ customers churned .* training needs 5000\."),
    ],
)
def test_too_few_to_learn_from_is_refused(
    example_folder: Path, checked: CheckedTables, example_store: Store, minimums: dict[str, int], message: str
) -> None:
    study = Study.model_validate({"minimums": minimums, "cutoffs": {"judged": 2}})

    with pytest.raises(Refusal, match=message):
        prepare_panel(read_shop(example_folder), checked, study, example_store, Stopwatch())


@pytest.mark.slow
def test_the_panel_holds_eligible_customers_only(trained: Trained) -> None:
    silence = trained.panel.X[:, trained.bundle.catalog.names.index("days_since_last_purchase")]

    assert silence.max() <= 91
    assert np.array_equal(
        trained.panel.at(trained.bundle.trained_until), trained.panel.cutoff == day_number(trained.bundle.trained_until)
    )


def test_what_is_learned_from_is_the_same_each_time_to_the_last_bit(
    example_folder: Path, checked: CheckedTables, study: Study, tmp_path: Path
) -> None:
    """Of tables in so many row groups that threads would share them, and add up as they come."""
    for name in checked.columns:
        pq.write_table(pq.read_table(checked.path(name)), tmp_path / f"{name}.parquet", row_group_size=2000)
    shop, pieces = read_shop(example_folder), replace(checked, folder=tmp_path)
    once, again = (prepare_panel(shop, pieces, study, None, Stopwatch()) for _ in range(2))

    assert once.references == again.references
    assert np.array_equal(once.panel.X, again.panel.X, equal_nan=True)
    assert np.array_equal(once.panel.spend, again.panel.spend)


def test_a_shop_without_transactions_is_told_that_training_needs_them(tiny_shop, store: Store) -> None:
    from features.check import check_tables

    shop = tiny_shop([], subscriptions=[{"customer_id": "a", "started_at": "2024-01-01", "price": 9}])
    alone = shop.model_copy(update={"tables": {"subscriptions": shop.tables["subscriptions"]}})
    checked = check_tables(alone, store, date(2025, 6, 1))

    with pytest.raises(Refusal, match="HF207 Who churned by silence is told from transactions"):
        prepare_panel(alone, checked, Study(), store, Stopwatch())
