"""The training job: shops too small or too constant to learn from are refused with the figures and the mend."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from features.check import CheckedTables, check_tables
from features.console import Stopwatch
from features.refusal import Refusal
from features.shop import Shop
from features.store import Store
from training.fit_segments import fit_segments
from training.study import Study
from training.train import Trained, fit_bundle


def daily(*customers: str, days: int = 300) -> list[dict]:
    first = date(2024, 1, 1)
    return [
        {"customer_id": customer, "timestamp": first + timedelta(days=day), "amount": 3.5}
        for customer in customers
        for day in range(days)
    ]


def train(shop: Shop, store: Store, study: Study) -> Trained:
    return fit_bundle(shop, study, check_tables(shop, store, date(2025, 6, 1)), store, Stopwatch())


def test_one_customer_is_too_few(tiny_shop, store: Store) -> None:
    with pytest.raises(Refusal, match=r"HF301 only 1 customer is eligible .* training needs 500\. Bring more history"):
        train(tiny_shop(daily("only one")), store, Study())


def test_without_churners_there_is_nothing_to_learn(tiny_shop, store: Store) -> None:
    """Twelve customers who buy every day."""
    study = Study.model_validate({"minimums": {"customers": 10, "churners": 1}})

    with pytest.raises(Refusal, match=r"HF302 0 of 12 customers churned .* training needs 1\. Change churn.horizon"):
        train(tiny_shop(daily(*map(str, range(12)))), store, study)


def test_the_same_data_and_seed_give_the_same_bundle(
    trained: Trained, example_folder, checked: CheckedTables, study: Study
) -> None:
    from features.shop import read_shop

    again = fit_bundle(read_shop(example_folder), study, checked, None, Stopwatch())

    assert trained.bundle.model.text == again.bundle.model.text
    assert trained.bundle.segmenter == again.bundle.segmenter
    assert trained.judgment.models == again.judgment.models


def test_segments_have_distinct_names_and_cover_everyone(trained: Trained) -> None:
    segments = trained.bundle.segmenter.segments

    assert len({s.en for s in segments}) == len({s.zh for s in segments}) == len(segments)
    assert sum(s.share for s in segments) == pytest.approx(1)
    assert [f"S{k + 1}" for k in range(len(segments))] == [s.id for s in segments]


def test_segments_keep_their_identity_over_a_retraining(trained: Trained, study: Study) -> None:
    """On redrawn customers the groups found again keep id and names, whatever their order; a new group gets a new id."""
    before, names = trained.bundle.segmenter, trained.bundle.catalog.names
    X = trained.panel.X[trained.panel.at(trained.bundle.trained_until)]
    drawn = X[np.random.default_rng(1).integers(0, len(X), len(X))]
    again = fit_segments(drawn, names, study.segments, 99, before)
    known = {segment.id: segment.en for segment in before.segments}
    kept = [segment for segment in again.segments if segment.id in known]

    assert len(kept) >= 2
    assert all(known[segment.id] == segment.en for segment in kept)
    assert len({segment.id for segment in again.segments}) == len(again.segments)
    where = [
        before.assign(X[:, [names.index(f) for f in before.features]]),
        again.assign(X[:, [names.index(f) for f in again.features]]),
    ]
    ids = [np.array([s.id for s in fitted.segments])[w] for fitted, w in zip((before, again), where, strict=True)]
    assert (ids[0] == ids[1]).mean() > 0.6


def test_a_customer_alone_is_in_the_segment_they_are_in_among_others(trained: Trained) -> None:
    segmenter, names = trained.bundle.segmenter, trained.bundle.catalog.names
    X = trained.panel.X[:300][:, [names.index(name) for name in segmenter.features]]
    together = segmenter.assign(X)

    assert together.tolist() == [int(segmenter.assign(row[None])[0]) for row in X]


def test_percentiles_and_bands_rise_with_the_probability(trained: Trained) -> None:
    references = trained.bundle.references
    probability = np.linspace(0, 1, 50)
    order = {"low": 0, "medium": 1, "high": 2}

    assert (np.diff(references.percentile(probability)) >= 0).all()
    assert sorted(bands := [order[b] for b in references.band(probability)]) == bands
    assert references.base_rate == pytest.approx(references.band_edges[0])


def test_bands_multiply_odds_so_that_they_stay_within_reach(trained: Trained) -> None:
    """The edge of high risk has `high_from` times the base rate's odds, and so lies below 1 whatever the base rate."""
    references = trained.bundle.references
    odds = [p / (1 - p) for p in (references.base_rate, references.band_edges[1])]

    assert odds[1] / odds[0] == pytest.approx(Study().bands.high_from)


def test_value_falls_as_the_risk_rises_and_lies_in_its_interval(trained: Trained) -> None:
    spend, risk = np.full(20, 100.0), np.linspace(0, 1, 20)
    mean, low, high = trained.bundle.lifetime.value(spend, risk)

    assert (np.diff(mean) < 0).all()
    assert (low <= mean).all()
    assert (mean <= high).all()
    assert mean[-1] == 0
    assert (trained.bundle.lifetime.lost_if_gone(spend, risk) >= mean).all()
