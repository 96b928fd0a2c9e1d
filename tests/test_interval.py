"""The interval of a probability: it holds the probability, and the truth about as often as it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.catalog import Catalog
from models.bundle import load_bundle
from models.churn import sigmoid
from models.interval import LEVEL
from models.score import score
from training.fit_churn import fit_trees
from training.fit_interval import fit_interval
from training.panel import Panel
from training.study import FitSettings
from training.train import Trained

FIT = FitSettings(
    trees=120, learning_rate=0.06, max_depth=3, max_leaves=8, min_customers_in_leaf=30, l2=1.0, column_share=0.8
)


def made_up(customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six columns, the true log-odds that four of them make, and who left."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(customers, 6))
    truth = X[:, 0] - 0.8 * X[:, 1] + 0.5 * X[:, 0] * X[:, 2] + 0.6 * np.sin(2 * X[:, 3]) - 1.2
    return X, truth, random.random(customers) < sigmoid(truth)


@pytest.fixture(scope="module")
def columns(trained: Trained) -> Catalog:
    """Six columns of a catalog, with no law of direction."""
    return Catalog(tuple(replace(feature, monotone=0) for feature in trained.bundle.catalog.features[:6]))


def spread(customers: int, columns: Catalog) -> tuple[float, float]:
    """How often the truth of strangers lies within their interval, and how wide it is in probability."""
    X, _, churned = made_up(customers, 1)
    strangers, truth, _ = made_up(3000, 2)
    ids = np.array([str(k) for k in range(customers)], object)
    none = np.zeros(customers, np.int32)
    panel = Panel(None, X, churned, churned * 0.0, none, ids, none, none)
    margin = np.asarray(fit_trees(columns, X, churned, FIT).predict(strangers, raw_score=True))
    low, high = fit_interval(panel, columns, FIT, slope=1.0, fits=20).bounds(strangers, margin)
    return float(((low <= sigmoid(truth)) & (sigmoid(truth) <= high)).mean()), float((high - low).mean())


def test_it_holds_the_truth_about_as_often_as_it_says_and_narrows_with_more_customers(columns: Catalog) -> None:
    few, many = spread(1000, columns), spread(4000, columns)

    assert LEVEL - 0.07 <= few[0] <= LEVEL + 0.07
    assert LEVEL - 0.07 <= many[0] <= LEVEL + 0.07
    assert many[1] < 0.8 * few[1]


def test_the_probability_lies_within_its_interval(trained: Trained) -> None:
    last = trained.panel.vectors.slice(len(trained.panel.X) - 100)
    found = score(trained.bundle, last)
    low, high = found.interval

    assert (low < found.churn_probability).all()
    assert (found.churn_probability < high).all()
    assert ((low >= 0) & (high <= 1)).all()


def test_a_bundle_keeps_it_and_one_of_an_older_version_has_none(trained: Trained, bundle_folder: Path) -> None:
    X = trained.panel.X[:50]
    kept = load_bundle(bundle_folder).interval
    old = load_bundle(Path(__file__).parent / "data" / "bundle-format-1")

    assert np.array_equal(kept.standard_error(X), trained.bundle.interval.standard_error(X))
    assert old.interval is None


def test_who_is_not_eligible_has_none(trained: Trained) -> None:
    from datetime import UTC, datetime

    from models.decide import Decision
    from models.score import answers

    vectors = trained.panel.vectors.slice(0, 2)
    found = score(trained.bundle, vectors, opted_out=frozenset(vectors.column("customer_id").to_pylist()[:1]))
    decisions = [Decision("no_action", "none", 1.0, 0.0, 0.0, 0.0, 0.0, "", ())] * 2
    first, second = answers(found, [(), ()], 0.0, decisions, datetime(2025, 1, 1, tzinfo=UTC), "en")

    assert first["interval"] is None
    assert second["interval"][0] < second["churn_probability"] < second["interval"][1]
