"""Fitting: calibration lives in the leaves, explanations add up, and longer silence never lowers the risk."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalog import Catalog
from features.checked import CheckedTables
from models.churn import ChurnModel, sigmoid
from training.fit_churn import fit_split, fit_trees, fold_platt
from training.plan import plan
from training.platt import Platt
from training.study import FitSettings, Study
from training.train import Trained

SMALL = FitSettings(trees=15, min_customers_in_leaf=10, learning_rate=0.2)


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = rng.random(600) < sigmoid(X[:, 0] - X[:, 1])
    data = lgb.Dataset(X, y.astype(float), feature_name=["a", "b", "c", "d"])
    return lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 20)


@given(slope=st.floats(0.05, 5), intercept=st.floats(-3, 3))
@settings(max_examples=20)
def test_the_folded_text_is_the_calibrated_model(booster: lgb.Booster, slope: float, intercept: float) -> None:
    """Its log-odds are slope x margin + intercept, and its contributions still add up to them."""
    X = np.random.default_rng(1).normal(size=(50, 4))
    margin = booster.predict(X, raw_score=True)
    folded = ChurnModel(fold_platt(booster, Platt(slope, intercept)), ("a", "b", "c", "d"), {})
    pushes, base = folded.contributions(X)

    assert slope * margin + intercept == pytest.approx(folded.log_odds(X), abs=1e-9)
    assert base + pushes.sum(axis=1) == pytest.approx(folded.log_odds(X), abs=1e-9)


def test_same_data_and_seed_give_the_same_text(trained: Trained) -> None:
    catalog, panel = trained.bundle.catalog, trained.panel
    texts = {fit_trees(catalog, panel.X, panel.churned, SMALL).model_to_string() for _ in range(2)}

    assert len(texts) == 1


def test_what_is_known_on_one_judged_day_is_fitted_once_for_that_day_and_the_next(
    trained: Trained, checked: CheckedTables, study: Study
) -> None:
    """And says what it would, were it fitted for each; other labels are another panel, which remembers nothing."""
    catalog, (one, other) = trained.bundle.catalog, plan(checked, study).splits
    assert one.known == other.fit
    panel = replace(trained.panel)

    said = [fit_split(panel, split, catalog, SMALL).log_odds(panel.X) for split in (one, other)]
    assert 6 == len(panel.trees)  # of ten: each day known and calibrated on, and three earlier ones
    alone = [fit_split(replace(panel), split, catalog, SMALL).log_odds(panel.X) for split in (one, other)]
    assert np.array_equal(said, alone)
    assert not replace(panel, churned=~panel.churned).trees


def test_days_whose_trees_saw_hardly_anybody_leave_move_no_level(
    trained: Trained, checked: CheckedTables, study: Study
) -> None:
    """Where nobody left at the first cut-offs, trees of these alone would say that nobody ever will."""
    catalog, split = trained.bundle.catalog, plan(checked, study).final
    oldest = min(split.earlier, key=lambda day: len(day.fit))
    panel = replace(trained.panel, churned=trained.panel.churned & ~trained.panel.at(*oldest.fit))
    without = replace(split, earlier=tuple(day for day in split.earlier if day != oldest))

    assert fit_split(panel, split, catalog, SMALL).platt == fit_split(panel, without, catalog, SMALL).platt


def test_longer_silence_never_lowers_the_risk(trained: Trained) -> None:
    """Raising days_since_last_purchase with all else fixed, for every customer of the panel."""
    model, names = trained.bundle.model, trained.bundle.catalog.names
    X = trained.panel.X[:200].copy()
    risks = []
    for days in (1, 3, 7, 14, 28, 45, 70, 91):
        X[:, names.index("days_since_last_purchase")] = days
        risks.append(model.log_odds(X))

    assert (np.diff(risks, axis=0) >= -1e-12).all()
    assert (np.array(risks[-1]) > risks[0]).any()


def test_the_catalog_declares_that_law(trained: Trained) -> None:
    assert Catalog((trained.bundle.catalog.by_name["days_since_last_purchase"],)).features[0].monotone == 1


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier with TreeExplainer")  # shap 0.51, 2026-11
def test_shap_gives_the_same_contributions(trained: Trained) -> None:
    import shap

    X = trained.panel.X[:100]
    model = trained.bundle.model
    pushes, base = model.contributions(X)
    explainer = shap.TreeExplainer(lgb.Booster(model_str=model.text))
    theirs = np.asarray(explainer.shap_values(X))

    assert theirs.reshape(pushes.shape) == pytest.approx(pushes, abs=1e-9)
    assert base + pushes.sum(axis=1) == pytest.approx(model.log_odds(X), abs=1e-9)
