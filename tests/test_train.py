"""The training job: shops too small or too constant to learn from are refused with the figures and the mend."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.check import check_tables
from features.checked import CheckedTables
from features.console import Stopwatch
from features.example_shop import ExampleShop, write_example_shop
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.store import Store
from models.bundle import Bundle
from models.published import point
from models.segments import Segmenter
from training.champion import present_champion
from training.fit_segments import fit_segments
from training.panel import known_by, matured_cutoffs
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
    before, catalog = trained.bundle.segmenter, trained.bundle.catalog
    names = catalog.names
    X = trained.panel.X[trained.panel.at(trained.bundle.trained_until)]
    drawn = X[np.random.default_rng(1).integers(0, len(X), len(X))]
    again = fit_segments(drawn, catalog, trained.bundle.model.gain(), study.segments, 99, before)
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


def test_no_segment_bears_an_id_that_another_group_has_had(trained: Trained, study: Study) -> None:
    """Not that of the segmenter before the last one either: rules of a CRM may still name it."""
    before, catalog = trained.bundle.segmenter, trained.bundle.catalog
    others = replace(before, features=before.features[::-1], last_number=9)
    X = trained.panel.X
    again = fit_segments(X, catalog, trained.bundle.model.gain(), study.segments, 7, others)
    two_of_them = X[[0, -1] * 5]
    everybody = fit_segments(two_of_them, catalog, trained.bundle.model.gain(), study.segments, 7, again)

    assert [f"S{10 + k}" for k in range(len(again.segments))] == [segment.id for segment in again.segments]
    assert 9 + len(again.segments) == again.last_number == Segmenter.from_dict(again.as_dict()).last_number
    assert [f"S{again.last_number + 1}"] == [segment.id for segment in everybody.segments]
    assert everybody == fit_segments(two_of_them, catalog, trained.bundle.model.gain(), study.segments, 7, everybody)
    older = {name: value for name, value in before.as_dict().items() if name != "last_number"}
    assert before == Segmenter.from_dict(older)


def test_few_customers_who_differ_are_one_segment_or_as_many_as_can_be_told_apart(
    trained: Trained, study: Study
) -> None:
    for differing in range(2, study.segments.fewest + 3):
        X = trained.panel.X[np.linspace(0, len(trained.panel.X) - 1, differing).astype(int)]
        found = fit_segments(X, trained.bundle.catalog, trained.bundle.model.gain(), study.segments, 7)
        assert len(found.segments) < max(differing, 2)


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


UNTIL = date(2024, 1, 20)  # of the example shop's 420 days from 2023-01-01 the last 35 are still to come


def in_quarters(example: ExampleShop) -> ExampleShop:
    """The example shop with money in quarters, whose sums are exact in whatever order they are added up."""
    table = example.transactions
    for name in ("amount", "discount", "cost"):
        exact = pc.divide(pc.round(pc.multiply(table[name], 4.0)), 4.0)
        table = table.set_column(table.column_names.index(name), name, exact)
    return replace(example, transactions=table)


def ended(example: ExampleShop, day: date) -> ExampleShop:
    """The example shop as its tables were on the morning of a day."""
    midnight = datetime.combine(day, time())

    def before(table: pa.Table, column: str) -> pa.Table:
        return table.filter(pc.less(table[column].cast(pa.timestamp("us")), midnight))

    tables = {name: before(getattr(example, name), "timestamp") for name in ("transactions", "interactions", "offers")}
    customers = before(example.customers, "signed_up_at")
    return replace(example, **tables, customers=customers, days=(day - example.first_day).days)


def segment_columns(trained: Trained, X: np.ndarray) -> np.ndarray:
    return X[:, [trained.bundle.catalog.names.index(name) for name in trained.bundle.segmenter.features]]


def learned_until(bundle: Bundle) -> date:
    return bundle.trained_until + timedelta(days=bundle.definition.horizon_days)


def test_what_came_after_until_changes_neither_model_nor_judgment(
    example: ExampleShop, study: Study, tmp_path: Path
) -> None:
    """Learning as on a day gives what learning on that day would have given, from tables that ended there; over every
    horizon, of which the longer are judged on earlier days."""
    further = study.churn.model_copy(update={"further_horizons_days": (56,)})
    study = study.model_copy(update={"churn": further, "fit": study.fit.model_copy(update={"trees": 30})})
    found = []
    for folder, simulated in (("now", in_quarters(example)), ("then", ended(in_quarters(example), UNTIL))):
        shop = write_example_shop(tmp_path / folder, simulated)
        checked = check_tables(shop, Store(tmp_path / "store" / folder), date(2025, 6, 1))
        found.append(fit_bundle(shop, *known_by(UNTIL, study, checked), None, Stopwatch()))
    now, then = found

    X = now.panel.X
    assert X == pytest.approx(then.panel.X, rel=1e-9, abs=1e-9, nan_ok=True)
    assert np.array_equal(now.panel.churned, then.panel.churned)
    assert now.bundle.model.probability(X) == pytest.approx(then.bundle.model.probability(X), abs=1e-9)
    of_both = [trained.bundle.further_horizons[56].probability(X) for trained in found]
    assert of_both[0] == pytest.approx(of_both[1], abs=1e-9)
    assert now.judgment.as_dict("") == then.judgment.as_dict("")
    assert [56] == [one["horizon_days"] for one in now.judgment.further_horizons]
    assert (
        now.bundle.segmenter.assign(segment_columns(now, X)).tolist()
        == then.bundle.segmenter.assign(segment_columns(then, X)).tolist()
    )
    assert UNTIL == learned_until(now.bundle) == learned_until(then.bundle)
    assert "2024-01-20" == now.bundle.card["data"]["known_until"]


def test_learning_as_on_an_earlier_day_leaves_what_is_learned_today_as_it_was(
    trained: Trained, example_folder: Path, checked: CheckedTables, example_store: Store, study: Study
) -> None:
    """Vectors that one training keeps are never taken for the other's."""
    shop = read_shop(example_folder)
    early = fit_bundle(shop, *known_by(UNTIL, study, checked), example_store, Stopwatch())
    again = fit_bundle(shop, study, checked, example_store, Stopwatch())

    assert early.bundle.model.text != again.bundle.model.text
    assert trained.bundle.model.text == again.bundle.model.text


@given(day=st.integers(-30, 480), last=st.none() | st.integers(100, 419))
def test_no_label_that_is_learned_from_ends_after_until(
    checked: CheckedTables, study: Study, day: int, last: int | None
) -> None:
    """Whatever day is named, and whatever the study says: it is so, or it is refused."""
    until = date(2023, 1, 1) + timedelta(days=day)
    latest = date(2023, 1, 1) + timedelta(days=last) if last is not None else None
    asked = study.model_copy(update={"cutoffs": study.cutoffs.model_copy(update={"last": latest})})
    try:
        capped, then = known_by(until, asked, checked)
        cutoffs = matured_cutoffs(then, capped.cutoffs, 28)
    except Refusal:
        return
    assert until == then.known_until
    assert all(cutoff + timedelta(days=28) <= until for cutoff in cutoffs)
    assert latest is None or cutoffs[-1] == min(latest, until - timedelta(days=28))


def test_a_day_that_nothing_is_known_of_or_too_little_before_is_refused(checked: CheckedTables, study: Study) -> None:
    with pytest.raises(Refusal, match="HF206 --until 2031-01-01 lies outside what is known, 2023-01-01 to 2024-02-25"):
        known_by(date(2031, 1, 1), study, checked)
    capped, then = known_by(date(2023, 5, 1), study, checked)
    with pytest.raises(
        Refusal, match="HF303 1 matured cut-offs lie .* needs at least 4. Bring more history .or a later --until"
    ):
        matured_cutoffs(then, capped.cutoffs, 28)


def test_a_champion_that_knows_what_was_still_to_come_is_not_asked(
    trained: Trained, bundle_folder: Path, example_folder: Path, store: Store
) -> None:
    shop = read_shop(example_folder)
    store.bundles.mkdir(parents=True)
    (store.bundles / "churn-1").symlink_to(bundle_folder)
    point(store.bundles, "churn/1")
    day = learned_until(trained.bundle)

    assert "churn/1" == present_champion(shop, store).id == present_champion(shop, store, day).id
    assert present_champion(shop, store, day - timedelta(days=1)) is None
