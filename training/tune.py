"""Tuning: a seeded search for the settings of the fit, each tried on parts later than those it was fitted on.

What is judged takes no part: a search looks only at parts whose labels were known when its first judged part came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import optuna

from features.catalog import Catalog
from features.console import progress
from training.fit_churn import tree_parameters
from training.panel import Panel, Tried
from training.plan import Plan
from training.study import FitSettings, Study, TuneSettings

Floats = npt.NDArray[np.float64]
_PATIENCE = 50
_FEWEST_IN_LEAF = 5
_LIGHTGBM = {
    "max_depth": 12,
    "max_leaves": 31,
    "min_customers_in_leaf": 20,
    "column_share": 1.0,
    "row_share": 1.0,
    "l2": 0.0,
}
"""The second trial: the defaults of LightGBM, as far as the space reaches."""
_QUICK_RATE, _CAREFUL_RATE = (
    0.1,
    0.03,
)  # what is best at a quick learning rate is best at a careful one, and found sooner


@dataclass(frozen=True)
class Trial:
    """Settings that were tried, with the number of trees at which the loss was least.

    Attributes
    ----------
    curve
        The mean log loss after each tree, up to where further ones had long not helped.
    """

    settings: FitSettings
    curve: tuple[float, ...] = field(repr=False)

    @property
    def log_loss(self) -> float:
        """The least mean log loss."""
        return min(self.curve)


@dataclass(frozen=True)
class Tuned:
    """The settings found, and how the search went.

    Attributes
    ----------
    trials
        Those that were made: fewer than asked for where time ran out, 0 where none were asked for.
    log_loss, log_loss_as_set
        Of the best trial, and of the first one: of `[fit]`, as near as what is searched comes to it, but for the number of
        trees and how fast they learn; None without trials. Both are of quick learning, so that they compare.
    made
        What was tried, in that order; after the trials the best settings at a careful learning rate.
    """

    settings: FitSettings
    trials: int = 0
    log_loss: float | None = None
    log_loss_as_set: float | None = None
    made: tuple[Trial, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON: trials, the two losses, and the settings by name."""
        return {
            "trials": self.trials, "log_loss": self.log_loss, "log_loss_as_set": self.log_loss_as_set,
            "settings": self.settings.model_dump(),
        }  # fmt: skip

    def __str__(self) -> str:
        if not self.trials:
            return "Settings as [fit] of study.toml has them; nothing was tried."
        return (
            f"{self.trials} settings tried on what came before the first judged part: log loss {self.log_loss:.4f}, with"
            f" those of [fit] {self.log_loss_as_set:.4f}; {self.settings.trees} trees of depth {self.settings.max_depth}."
        )


def tune(
    panel: Panel, tried: Sequence[Tried], catalog: Catalog, fit: FitSettings, asked: TuneSettings,
    seconds: float | None = None, tell: Callable[[], object] = lambda: None,
) -> Tuned:  # fmt: skip
    """The settings of least mean log loss over `tried`, by a tree-structured Parzen estimator (Bergstra et al. 2011).

    They are searched at a quick learning rate, of which the losses are told; the best are then taken at a careful one
    (Friedman 2001, section 5), whatever its loss, unless these trees would be too many. The number of trees is that after
    which the mean loss was least. The same panel, seed and number of trials made find the same settings, also where it
    was time that ended the search after so many.

    Parameters
    ----------
    seconds
        After so long no further trial is begun; the first one always is, and the careful one after the last.
    tell
        Called after each trial.
    """
    if not asked.trials or not tried:
        return Tuned(fit)
    data = [_datasets(panel, catalog, one) for one in tried]
    rows = min(train.num_data() for train, _ in data)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=fit.seed))
    for known in (fit, fit.model_copy(update=_LIGHTGBM)):
        search.enqueue_trial(_within(known, asked, rows))
    begun = monotonic()
    made: list[Trial] = []
    for number in range(asked.trials):
        if number and seconds is not None and monotonic() - begun > seconds:
            break
        trial = search.ask(_space(asked, rows))
        quick = fit.model_copy(update={**trial.params, "learning_rate": max(_QUICK_RATE, fit.learning_rate)})
        made.append(_tried(data, catalog, quick, asked.most_trees))
        search.tell(trial, made[-1].log_loss)
        tell()
    trials, best = len(made), min(made, key=_loss)
    slower = best.settings.model_copy(update={"learning_rate": _CAREFUL_RATE})
    careful = _tried(data, catalog, slower, asked.most_trees)
    made.append(careful)
    # the least of many losses owes something to chance, which that of a single trial does not
    found = careful if careful.settings.trees < asked.most_trees else min(best, careful, key=_loss)
    return Tuned(found.settings, trials, best.log_loss, made[0].log_loss, tuple(made))


def tune_plan(panel: Panel, planned: Plan, catalog: Catalog, study: Study) -> tuple[Tuned, ...]:
    """What was found for each split that is judged, then for the champion.

    In time one search before the first judged cut-off serves all; of folds each split has its own, and the champion
    that of all of them. They share the seconds evenly, so that what is served is searched for as long as what is judged.
    """
    searches = planned.searches
    if not study.tune.trials:
        return (Tuned(study.fit),) * (len(planned.splits) + 1)
    seconds = study.tune.seconds / max(1, len(searches))
    with progress("tuning", len(searches) * study.tune.trials) as done:
        found = [tune(panel, tried, catalog, study.fit, study.tune, seconds, done) for tried in searches]
    return tuple(found) if len(found) > 1 else tuple(found) * (len(planned.splits) + 1)


def _datasets(panel: Panel, catalog: Catalog, tried: Tried) -> tuple[lgb.Dataset, lgb.Dataset]:
    """What is fitted on and what it is tried on, binned once for all trials."""
    rows, later = panel.at(*tried.fit), panel.at(tried.on)
    names, binning = list(catalog.names), {"feature_pre_filter": False, "verbose": -1}
    train = lgb.Dataset(
        panel.X[rows], panel.churned[rows].astype(float), feature_name=names, params=binning, free_raw_data=False
    ).construct()
    return train, train.create_valid(panel.X[later], panel.churned[later].astype(float), params=binning).construct()


def _space(asked: TuneSettings, rows: int) -> dict[str, optuna.distributions.BaseDistribution]:
    real, whole = optuna.distributions.FloatDistribution, optuna.distributions.IntDistribution
    return {
        "max_depth": whole(2, asked.deepest),
        "max_leaves": whole(4, 2 ** min(asked.deepest, 6), log=True),
        "min_customers_in_leaf": whole(_FEWEST_IN_LEAF, max(_FEWEST_IN_LEAF + 1, rows // 50), log=True),
        "column_share": real(0.1, 1.0),
        "row_share": real(0.5, 1.0),
        "l2": real(0.1, 100.0, log=True),
    }


def _within(fit: FitSettings, asked: TuneSettings, rows: int) -> dict[str, Any]:
    """Settings as the nearest point of the space."""
    found = {}
    for name, within in _space(asked, rows).items():
        low, high = within.low, within.high  # type: ignore[attr-defined]
        found[name] = type(low)(min(max(getattr(fit, name), low), high))
    return found


def _tried(
    data: Sequence[tuple[lgb.Dataset, lgb.Dataset]], catalog: Catalog, settings: FitSettings, most_trees: int
) -> Trial:
    """The settings with the number of trees at which the mean log loss is least."""
    curves = []
    for train, later in data:
        curve: dict[str, Any] = {}
        lgb.train(
            tree_parameters(catalog, settings) | {"metric": "binary_logloss"}, train, most_trees, valid_sets=[later],
            callbacks=[lgb.early_stopping(_PATIENCE, verbose=False), lgb.record_evaluation(curve)],
        )  # fmt: skip
        curves.append(np.array(curve["valid_0"]["binary_logloss"]))
    longest = max(map(len, curves))
    mean = np.mean([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves], axis=0)
    return Trial(settings.model_copy(update={"trees": int(mean.argmin()) + 1}), tuple(mean.tolist()))


def _loss(trial: Trial) -> float:
    return trial.log_loss
