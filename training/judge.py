"""The judge: each judged cut-off by a model trained strictly before it, beside what a person would do without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from features.snapshot import day_date
from models.churn import sigmoid
from training.baselines import Baseline
from training.fit_churn import fit_split
from training.measures import MEASURES
from training.panel import Panel, Split
from training.spoken import PLAINLY
from training.study import FitSettings

Floats = npt.NDArray[np.float64]
DRAWS = 1000
_BLOCK = 50
_LEVELS = (0.025, 0.975)


@dataclass(frozen=True)
class JudgedCutoff:
    """Out-of-time probabilities of every model at one judged cut-off; arrays of shape (rows,)."""

    cutoff: date
    customer_ids: npt.NDArray[np.object_]
    churned: Floats
    spend: Floats
    X: Floats
    probability: Mapping[str, Floats]


@dataclass(frozen=True)
class Judgment:
    """What the judge found, as `holdfast judge --json` prints it, and the probabilities it rests on."""

    judged: tuple[JudgedCutoff, ...]
    models: dict[str, dict[str, dict[str, Any]]]
    paired: dict[str, dict[str, dict[str, float]]]
    grade: str
    grade_because: str
    against_champion: dict[str, Any] | None = None
    is_in_time: bool = True
    value: dict[str, Any] | None = None

    def as_dict(self, bundle_id: str) -> dict[str, Any]:
        last = self.judged[-1]
        return {
            "bundle": bundle_id,
            "cutoffs": [str(judged.cutoff) for judged in self.judged],
            "customers": len(last.churned),
            "churn_rate": round(float(last.churned.mean()), 4),
            "by_cutoff": [
                {"cutoff": str(j.cutoff), "customers": len(j.churned), "churn_rate": round(float(j.churned.mean()), 4)}
                for j in self.judged
            ],
            "models": self.models,
            "paired": self.paired,
            "grade": self.grade,
            "grade_because": self.grade_because,
            "against_champion": self.against_champion,
            "in_time": self.is_in_time,
            "value": self.value,
        }


def judge(
    panel: Panel, splits: Sequence[Split], catalog: Catalog, settings: FitSettings, baselines: Mapping[str, Baseline],
    tell: Callable[[], object] = lambda: None,
) -> Judgment:  # fmt: skip
    """Judge ours and the baselines on each split; `tell` is called after each. Folds are judged as one cut-off."""
    judged = []
    for split in splits:
        judged.append(_judge_split(panel, split, catalog, settings, baselines))
        tell()
    in_time = all(isinstance(split.judge, date) for split in splits)
    if not in_time:
        judged = [_as_one(judged)]
    means = _measured(judged, settings.seed)
    models = {
        name: {
            measure: {
                **summary_of(values.mean(axis=0)), "by_cutoff": [round(float(v), 6) for v in values[:, 0]],
            }
            for measure, values in of_model.items()
        }
        for name, of_model in means.items()
    }  # fmt: skip
    paired = {
        name: {
            f"{measure}_difference": summary_of((means["holdfast"][measure] - means[name][measure]).mean(axis=0))
            for measure in ("auc", "log_loss")
        }
        for name in baselines
    }
    return Judgment(tuple(judged), models, paired, *_grade(models, paired), is_in_time=in_time)


def _judge_split(
    panel: Panel, split: Split, catalog: Catalog, settings: FitSettings, baselines: Mapping[str, Baseline]
) -> JudgedCutoff:
    assert split.judge is not None
    booster, platt = fit_split(panel, split, catalog, settings)
    rows = panel.at(split.judge)
    margin = np.asarray(booster.predict(panel.X[rows], raw_score=True), float)
    probability = {"holdfast": sigmoid(platt(margin))}
    for name, baseline in baselines.items():
        probability[name] = baseline(panel, split, catalog)
    return JudgedCutoff(
        day_date(int(panel.cutoff[rows].max())), panel.customer_ids[rows], panel.churned[rows].astype(float), panel.spend[rows],
        panel.X[rows], probability,
    )  # fmt: skip


def _as_one(folds: Sequence[JudgedCutoff]) -> JudgedCutoff:
    """Every row once, by the model that has not seen it."""
    return JudgedCutoff(
        max(fold.cutoff for fold in folds),
        np.concatenate([fold.customer_ids for fold in folds]),
        *(np.concatenate([getattr(fold, name) for fold in folds]) for name in ("churned", "spend", "X")),
        {name: np.concatenate([fold.probability[name] for fold in folds]) for name in folds[0].probability},
    )


def customer_draws(of_cutoffs: Sequence[npt.NDArray[np.object_]], seed: int) -> Iterator[list[Floats]]:
    """Bootstrap weights per cut-off, shape (draws, rows): first one draw of all ones, then blocks of customers drawn.

    A customer drawn twice counts twice at every cut-off. Blocks, so that a large shop's draws fit in memory.
    """
    everyone, where = np.unique(np.concatenate(of_cutoffs), return_inverse=True)
    ends = np.cumsum([len(customers) for customers in of_cutoffs])[:-1]
    random = np.random.default_rng(seed)
    yield [np.ones((1, len(customers))) for customers in of_cutoffs]
    for size in [_BLOCK] * (DRAWS // _BLOCK):
        counts = random.multinomial(len(everyone), np.full(len(everyone), 1 / len(everyone)), size=size)
        yield [counts[:, part].astype(float) for part in np.split(where, ends)]


def _measured(judged: Sequence[JudgedCutoff], seed: int) -> dict[str, dict[str, Floats]]:
    """By model and measure, shape (cut-offs, 1 + DRAWS): the measure itself, then its bootstrap draws."""
    blocks: dict[str, dict[str, list[Floats]]] = {n: {m: [] for m in MEASURES} for n in judged[0].probability}
    for weights in customer_draws([j.customer_ids for j in judged], seed):
        for name, of_model in blocks.items():
            for measure, found in of_model.items():
                found.append(
                    np.array(
                        [
                            MEASURES[measure](j.churned, j.probability[name], drawn)
                            for j, drawn in zip(judged, weights, strict=True)
                        ]
                    )
                )
    return {n: {m: np.concatenate(found, axis=1) for m, found in of.items()} for n, of in blocks.items()}


def summary_of(values: Floats) -> dict[str, float]:
    """A measure and its 95 % interval, of shape (1 + draws,): the measure itself, then its draws."""
    low, high = np.nanquantile(values[1:], _LEVELS)
    return {"value": round(float(values[0]), 6), "low": round(float(low), 6), "high": round(float(high), 6)}


def _grade(models: Mapping[str, Any], paired: Mapping[str, Any]) -> tuple[str, str]:
    """A to D against what one would do without a model, in words a manager understands."""
    auc = models["holdfast"]["auc"]["value"]
    lift = models["holdfast"]["lift_at_10"]["value"]
    rule, regression = paired
    over_rule, over_regression = (paired[name]["auc_difference"] for name in paired)
    finds = f"Among the tenth it holds most at risk, {lift:.1f} times as many leave as among all."
    if over_rule["low"] <= 0:
        grade = "C" if over_rule["value"] > 0 else "D"
        return grade, f"Not reliably better than {PLAINLY[rule]}. {finds}"
    if auc < 0.65:
        return "C", f"Better than {PLAINLY[rule]}, but it tells few leavers from stayers. {finds}"
    if over_regression["low"] > 0:
        return "A", f"Reliably better than {PLAINLY[rule]} and than {PLAINLY[regression]}. {finds}"
    if over_regression["high"] < 0:
        return "C", f"Better than {PLAINLY[rule]}, but reliably worse than {PLAINLY[regression]}. {finds}"
    return "B", f"Reliably better than {PLAINLY[rule]}, not than {PLAINLY[regression]}. {finds}"
