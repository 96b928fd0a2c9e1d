"""A score run watched on a whole shop: quiet while it stays as it is, told where its customers change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scored_by_hand import fresh_ledger, score_by_hand

from features.checked import CheckedTables
from features.store import Store
from models.ledger import Ledger
from models.runs import ScoreRun, past_runs
from models.score import score
from training.concerns import of_drift
from training.drift import Drift, drift_of
from training.severity import worst
from training.study import MonitorSettings
from training.train import Trained
from training.watched_run import keep, not_yet_watched, watch_run

pytestmark = pytest.mark.slow

RULES = MonitorSettings()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with fresh_ledger(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def vectors(trained: Trained, checked: CheckedTables, example_store: Store) -> pa.Table:
    """Of the day until which the tables are complete, weeks after all that was learned from."""
    return trained.bundle.vectors(checked, [checked.known_until], example_store)


def drift(trained: Trained, table: pa.Table, rules: MonitorSettings = RULES) -> Drift:
    found = drift_of(trained.bundle, table, score(trained.bundle, table), rules)
    assert found is not None
    return found


def changed(table: pa.Table, name: str, change: Callable[[np.ndarray], np.ndarray]) -> pa.Table:
    values = change(table.column(name).to_numpy().astype(float))
    return table.set_column(table.column_names.index(name), name, pa.array(values, from_pandas=True))


def test_a_shop_that_goes_on_as_it_did_raises_no_concern(trained: Trained, vectors: pa.Table) -> None:
    found = drift(trained, vectors)

    assert [] == of_drift(found, RULES)
    assert "ok" == found.probability.state
    assert len(found.columns) == len(trained.bundle.catalog.features)


def test_the_reference_is_of_aggregates_that_add_up(trained: Trained) -> None:
    reference = trained.bundle.drift_reference

    assert reference is not None
    assert reference.cutoffs == tuple(judged.cutoff for judged in trained.judgment.judged)
    for spread in (reference.probability, *reference.columns.values()):
        assert 1 == pytest.approx(sum(spread.shares), abs=1e-4)
        assert list(spread.edges) == sorted(set(spread.edges))
    judged = trained.judgment.models["holdfast"]["auc"]["value"]
    assert judged == pytest.approx(reference.expected["auc"], abs=0.1), "the estimate is near what the judge found"


def test_prices_that_double_are_an_alarm_that_names_the_columns(trained: Trained, vectors: pa.Table) -> None:
    money = [f.name for f in trained.bundle.catalog.features if f.unit == "money"]
    dearer = vectors
    for name in money:
        dearer = changed(dearer, name, lambda values: values * 2)
    found = drift(trained, dearer)
    drifted = {column.name for column in found.columns if column.state != "ok"}

    assert drifted
    assert drifted <= set(money), "what did not change is not told"
    said = of_drift(found, MonitorSettings(gain_share=0.01))
    assert "alarm" == worst(concern.severity for concern in said)
    assert any("of the model's gain have drifted: " in concern.said for concern in said)


def test_a_column_that_is_suddenly_empty_is_told_with_its_share_of_missing(trained: Trained, vectors: pa.Table) -> None:
    found = drift(trained, changed(vectors, "spend_91d", lambda values: np.full(len(values), np.nan)))
    [column] = [c for c in found.columns if c.name == "spend_91d"]

    assert ("alarm", 1.0, None) == (column.state, column.missing, column.mean)


def test_levels_that_were_never_seen_are_counted(trained: Trained, vectors: pa.Table) -> None:
    regions = pc.if_else(pc.equal(vectors["attribute_region"], "north"), "atlantis", vectors["attribute_region"])
    elsewhere = vectors.set_column(vectors.column_names.index("attribute_region"), "attribute_region", regions)
    [column] = [c for c in drift(trained, elsewhere).columns if c.name == "attribute_region"]

    assert "alarm" == column.state
    assert column.unseen is not None
    assert 0.1 < column.unseen <= column.missing


def test_customers_grow_older_and_that_alone_is_no_drift(trained: Trained, vectors: pa.Table) -> None:
    """Two years later, with an index of alarm: told, and counted for nothing."""
    older = changed(vectors, "days_since_first_purchase", lambda values: values + 730)
    [column] = [c for c in drift(trained, older).columns if c.name == "days_since_first_purchase"]

    assert column.psi > RULES.psi_alarm
    assert (True, "ok") == (column.grows, column.state)


def test_a_quiet_driver_is_told_when_it_pushes(trained: Trained, vectors: pa.Table) -> None:
    """Of the customers only those are left who have not come for two weeks."""
    found = drift(trained, vectors.filter(pc.greater_equal(vectors["days_since_last_purchase"], 14)))
    [quiet] = [driver for driver in found.drivers if driver.driver == "going_quiet"]

    assert "watch" == quiet.state
    assert quiet.push > quiet.push_before
    assert quiet.leading > quiet.leading_before
    assert any(c.said.startswith("The driver 'Going quiet' pushes") for c in of_drift(found, RULES))


def a_run(ledger: Ledger, checked: CheckedTables, bundle: str = "churn/1") -> ScoreRun:
    random = np.random.default_rng(0)
    people = {f"c{k}": float(p) for k, p in enumerate(random.beta(1, 6, 300))}
    score_by_hand(ledger, people, checked.known_until, bundle=bundle)
    return past_runs(ledger, "tiny")[-1]


def test_a_run_is_watched_with_the_probabilities_of_the_ledger(
    ledger: Ledger, trained: Trained, checked: CheckedTables, example_store: Store
) -> None:
    run = a_run(ledger, checked)
    found = watch_run(run, trained.bundle, checked, ledger, example_store, RULES)

    assert found.drift is not None
    assert found.estimate is not None
    assert 300 == found.estimate.customers
    assert not found.flatters
    back = replace(run, cutoff=trained.bundle.trained_until)
    assert watch_run(back, trained.bundle, checked, ledger, example_store, RULES).flatters
    said = found.as_dict()
    assert (run.name, "churn/1", "") == (said["run"], said["bundle"], said["no_drift"])
    assert said["drift"]["columns"][0]["name"] == trained.bundle.catalog.names[0]


def test_without_a_bundle_or_its_reference_the_run_is_still_estimated_and_that_is_said(
    ledger: Ledger, trained: Trained, checked: CheckedTables, example_store: Store
) -> None:
    run = a_run(ledger, checked)
    gone = watch_run(run, None, checked, ledger, example_store, RULES)
    of_old = watch_run(run, replace(trained.bundle, drift_reference=None), checked, ledger, example_store, RULES)
    unknown_day = replace(run, cutoff=checked.known_until + timedelta(days=9))
    later = watch_run(unknown_day, trained.bundle, checked, ledger, example_store, RULES)

    assert "is gone" in gone.no_drift
    assert "train again" in of_old.no_drift
    assert "HF206" in later.no_drift
    for found in (gone, of_old, later):
        assert found.drift is None
        assert found.estimate is not None
    assert ("ok", "ok") == (gone.severity, of_old.severity)


def test_a_run_is_watched_once_and_again_when_it_was_scored_anew_and_the_newest_always(
    ledger: Ledger, checked: CheckedTables, store: Store
) -> None:
    for days in (56, 28, 0):
        score_by_hand(ledger, {"c": 0.5}, checked.known_until - timedelta(days=days))
    runs = past_runs(ledger, "tiny")
    assert runs == not_yet_watched(runs, store)

    for run in runs:
        keep(watch_run(run, None, checked, ledger, store, RULES), store)
    assert runs[-1:] == not_yet_watched(runs, store)

    anew = [replace(runs[0], scored_at=datetime(2024, 5, 2)), *runs[1:]]
    assert [anew[0], anew[-1]] == not_yet_watched(anew, store)
