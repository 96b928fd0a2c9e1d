"""The judge: each judged cut-off by a model trained strictly before it, beside what a person would do without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from features.snapshot import day_date
from models.churn import sigmoid
from training.baselines import Baseline
from training.bootstrap import DRAWS, FEWER, Measure, measured, over_parts, summary
from training.calibrations import calibrated
from training.curves import gains_curve, reliability_curve
from training.fit_churn import fit_split, margin_of
from training.grade import grade
from training.measures import DISTANCES, MEASURES, calibration_error_noise, further_measures
from training.panel import Panel, Split
from training.study import FitSettings, ProfitSettings

Floats = npt.NDArray[np.float64]
_OF_A_CALIBRATION = ("log_loss", "brier", "calibration_error", "auc")


@dataclass(frozen=True)
class JudgedCutoff:
    """Out-of-time probabilities of every model at one judged cut-off; arrays of shape (rows,).

    Attributes
    ----------
    day
        The day that each row is of: folds that are judged as one cut-off may be of several.
    calibrated
        Our probabilities as they would be by each way of calibrating (training/calibrations.py).
    """

    cutoff: date
    customer_ids: npt.NDArray[np.object_]
    day: npt.NDArray[np.int32]
    churned: Floats
    spend: Floats
    X: Floats
    probability: Mapping[str, Floats]
    calibrated: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgment:
    """What the judge found, as `holdfast judge --json` prints it, and the probabilities it rests on.

    Attributes
    ----------
    calibration
        By way of calibrating our margins, what it would have measured, `served` being what is served.
    calibration_error_noise
        What the calibration error stays below by chance alone in 95 of 100 cases, were every probability true.
    curves
        `gains` by model and `reliability` of ours, as training/curves.py gives them.
    further
        What training/examine.py adds once there is a bundle: `net_value`, `savings`, `slices`, `fairness`,
        `reasons`.
    further_horizons
        What training/judge_horizons.py found of each horizon that is told besides.
    """

    judged: tuple[JudgedCutoff, ...]
    models: dict[str, dict[str, dict[str, Any]]]
    paired: dict[str, dict[str, dict[str, float]]]
    grade: str
    grade_because: str
    against_champion: dict[str, Any] | None = None
    is_in_time: bool = True
    calibration: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    calibration_error_noise: float = 0.0
    curves: Mapping[str, Any] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)
    value: dict[str, Any] | None = None
    further_horizons: Sequence[Mapping[str, Any]] = ()

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
            "calibration": self.calibration,
            "calibration_error_noise": self.calibration_error_noise,
            "curves": self.curves,
            **self.further,
            "value": self.value,
            "further_horizons": list(self.further_horizons),
        }


def judge(
    panel: Panel, splits: Sequence[Split], catalog: Catalog, fits: Sequence[FitSettings],
    baselines: Mapping[str, Baseline], profit: ProfitSettings, tell: Callable[[], object] = lambda: None,
) -> Judgment:  # fmt: skip
    """Judge ours and the baselines on each split; `tell` is called after each. Folds are judged as one cut-off.

    Parameters
    ----------
    fits
        The settings of each split's fit, found without a look at what it judges.
    """
    judged = []
    for split, settings in zip(splits, fits, strict=True):
        judged.append(_judge_split(panel, split, catalog, settings, baselines))
        tell()
    in_time = all(isinstance(split.judge, date) for split in splits)
    if not in_time:
        judged = [_as_one(judged)]
    means = _measured(judged, MEASURES, fits[0].seed, DRAWS)
    fewer = _measured(judged, further_measures(profit), fits[0].seed, FEWER)
    models = {
        name: {m: over_parts(values, m in DISTANCES) for m, values in {**of_model, **fewer[name]}.items()}
        for name, of_model in means.items()
    }
    paired = {
        name: {
            f"{measure}_difference": summary((means["holdfast"][measure] - means[name][measure]).mean(axis=0))
            for measure in ("auc", "log_loss")
        }
        for name in baselines
    }
    noise = round(calibration_error_noise([j.probability["holdfast"] for j in judged], fits[0].seed), 6)
    reliability = reliability_curve(
        np.concatenate([j.churned for j in judged]), np.concatenate([j.probability["holdfast"] for j in judged]),
        np.concatenate([j.customer_ids for j in judged]),
    )  # fmt: skip
    gains = {name: gains_curve([j.churned for j in judged], [j.probability[name] for j in judged]) for name in models}
    return Judgment(
        tuple(judged), models, paired, *grade(models, paired, noise, reliability), is_in_time=in_time,
        calibration=_calibrations(judged), calibration_error_noise=noise,
        curves={"gains": gains, "reliability": reliability},
    )  # fmt: skip


def _calibrations(judged: Sequence[JudgedCutoff]) -> dict[str, dict[str, float]]:
    """By way of calibrating: the mean of each measure over the judged cut-offs."""
    ways = {"served": [j.probability["holdfast"] for j in judged]}
    ways |= {way: [j.calibrated[way] for j in judged] for way in judged[0].calibrated}
    found = {}
    for way, probabilities in ways.items():
        once = [(j.churned, said, np.ones((1, len(said)))) for j, said in zip(judged, probabilities, strict=True)]
        found[way] = {
            name: round(float(np.mean([MEASURES[name](*each)[0] for each in once])), 6) for name in _OF_A_CALIBRATION
        }
    return found


def _judge_split(
    panel: Panel, split: Split, catalog: Catalog, settings: FitSettings, baselines: Mapping[str, Baseline]
) -> JudgedCutoff:
    assert split.judge is not None
    fitted, rows = fit_split(panel, split, catalog, settings), panel.at(split.judge)
    margin = margin_of(fitted.booster, panel.X[rows])
    probability = {"holdfast": sigmoid(fitted.platt(margin))}
    for name, baseline in baselines.items():
        probability[name] = baseline(panel, split, catalog)
    return JudgedCutoff(
        day_date(int(panel.cutoff[rows].max())), panel.customer_ids[rows], panel.cutoff[rows],
        panel.churned[rows].astype(float), panel.spend[rows], panel.X[rows], probability,
        calibrated(fitted.margin, fitted.churned, margin),
    )  # fmt: skip


def _as_one(folds: Sequence[JudgedCutoff]) -> JudgedCutoff:
    """Every row once, by the model that has not seen it."""
    return JudgedCutoff(
        max(fold.cutoff for fold in folds),
        *(
            np.concatenate([getattr(fold, name) for fold in folds])
            for name in ("customer_ids", "day", "churned", "spend", "X")
        ),
        {name: np.concatenate([fold.probability[name] for fold in folds]) for name in folds[0].probability},
        {way: np.concatenate([fold.calibrated[way] for fold in folds]) for way in folds[0].calibrated},
    )


def _measured(
    judged: Sequence[JudgedCutoff], measures: Mapping[str, Measure], seed: int, count: int
) -> dict[str, dict[str, Floats]]:
    said = {name: [j.probability[name] for j in judged] for name in judged[0].probability}
    return measured([j.churned for j in judged], said, [j.customer_ids for j in judged], measures, seed, count)
