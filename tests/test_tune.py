"""Tuning: nothing judged takes part, the same seed finds the same, and what is found is no worse than what was set."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from features.checked import CheckedTables
from training.fit_churn import fit_split
from training.folds import FOLDS
from training.panel import judging_splits, tried_before
from training.plan import plan, tried_folds
from training.study import FitSettings, Study, TuneSettings
from training.train import Trained
from training.tune import tune, tune_plan

FIRST = date(2024, 1, 1)
QUICK = TuneSettings(trials=3, most_trees=40)


@given(st.integers(3, 40), st.integers(2, 40), st.integers(1, 90), st.integers(1, 5))
def test_a_search_knows_nothing_of_the_days_that_models_are_judged_or_last_calibrated_on(
    count: int, every: int, horizon: int, judged: int
) -> None:
    """Every label window of a search ends before the first calibration; those fitted on before those tried on."""
    cutoffs = [FIRST + timedelta(days=every * k) for k in range(count)]
    splits = judging_splits(cutoffs, judged, horizon)
    assume(splits)
    window = timedelta(days=horizon)

    for tried in tried_before(splits[0].fit, horizon, 2):
        assert tried.fit
        assert all(fit + window <= tried.on for fit in tried.fit)
        assert all(tried.on + window <= split.calibrate < split.judge for split in splits)


@pytest.mark.parametrize("judged", range(1, FOLDS + 1))
def test_a_search_for_a_fold_never_looks_at_it(judged: int) -> None:
    others = tuple(fold for fold in range(1, FOLDS + 1) if fold != judged)

    for tried in tried_folds(others):
        assert judged not in {*tried.fit, tried.on}
        assert tried.on not in tried.fit


def test_flipping_every_judged_label_finds_the_same_settings(
    trained: Trained, checked: CheckedTables, study: Study
) -> None:
    planned = plan(checked, study)
    judged = trained.panel.at(*(split.judge for split in planned.splits))
    flipped = replace(trained.panel, churned=trained.panel.churned ^ judged)
    catalog, asked = trained.bundle.catalog, study.model_copy(update={"tune": QUICK})

    assert tune_plan(trained.panel, planned, catalog, asked) == tune_plan(flipped, planned, catalog, asked)


def test_the_same_seed_finds_the_same_text_and_no_worse_than_what_was_set(
    trained: Trained, checked: CheckedTables, study: Study
) -> None:
    planned, catalog, panel = plan(checked, study), trained.bundle.catalog, trained.panel
    once, again = (tune(panel, planned.searches[0], catalog, study.fit, QUICK) for _ in range(2))
    panels = (replace(panel), replace(panel))  # neither remembers what was fitted on the other
    texts = {
        fit_split(of, planned.final, catalog, t.settings).booster.model_to_string()
        for of, t in zip(panels, (once, again), strict=True)
    }

    assert once == again
    assert once.trials == 3
    assert once.log_loss <= once.log_loss_as_set
    assert len(texts) == 1


def test_what_was_tried_is_told_tree_by_tree(trained: Trained, checked: CheckedTables, study: Study) -> None:
    """The trials, then the best of them at a careful learning rate."""
    planned = plan(checked, study)
    found = tune(trained.panel, planned.searches[0], trained.bundle.catalog, study.fit, QUICK)

    assert len(found.made) == QUICK.trials + 1
    assert found.log_loss_as_set == found.made[0].log_loss
    assert found.log_loss == min(trial.log_loss for trial in found.made[:-1])
    assert found.settings == found.made[-1].settings or found.made[-1].settings.trees == QUICK.most_trees
    assert found.settings in [trial.settings for trial in found.made]
    for trial in found.made:
        assert trial.curve.index(trial.log_loss) + 1 == trial.settings.trees


def test_without_trials_or_without_a_past_the_settings_stay_as_they_are(trained: Trained, study: Study) -> None:
    catalog = trained.bundle.catalog

    assert tune(trained.panel, (), catalog, study.fit, QUICK).settings == study.fit
    assert tune(trained.panel, (), catalog, study.fit, TuneSettings(trials=0)).trials == 0


def test_a_search_that_time_cuts_short_is_one_of_as_many_trials(
    trained: Trained, checked: CheckedTables, study: Study
) -> None:
    planned = plan(checked, study)
    found = tune(trained.panel, planned.searches[0], trained.bundle.catalog, study.fit, QUICK, seconds=0)

    assert found.trials == 1
    assert "1 settings tried" in str(found)
    asked = QUICK.model_copy(update={"trials": found.trials})
    assert found == tune(trained.panel, planned.searches[0], trained.bundle.catalog, study.fit, asked)


def test_trees_stop_where_they_no_longer_help(trained: Trained, checked: CheckedTables, study: Study) -> None:
    """On labels drawn without regard to anything, hardly a tree is worth it."""
    planned = plan(checked, study)
    panel = replace(trained.panel, churned=np.random.default_rng(1).random(len(trained.panel.churned)) < 0.3)
    found = tune(
        panel, planned.searches[0], trained.bundle.catalog, FitSettings(learning_rate=0.2), TuneSettings(trials=1)
    )

    assert found.settings.trees < 30
