"""Slices: how the model does for each group of customers, and whether groups are treated alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.outcome import wilson
from training.bootstrap import FEWER, draws, summary
from training.groups import FEWEST_CUSTOMERS, OTHERS, UNKNOWN, Grouping
from training.judge import JudgedCutoff
from training.measures import auc, calibration_error, calibration_error_noise

Floats = npt.NDArray[np.float64]
FOUR_FIFTHS = 0.8
"""The ratio of selection rates below which a selection is taken for adverse (EEOC Uniform Guidelines 1978, 4D)."""
_FEWEST_OF_A_CLASS = 10


def measure_slices(
    judged: Sequence[JudgedCutoff], groupings: Sequence[Grouping], high_from: float, seed: int
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """By grouping the figures of each group, and for each attribute how its groups compare; all cut-offs together.

    Whoever has at least the probability `high_from` counts as selected: they are marked high. Intervals are of 95 %, by
    bootstrap of customers. A figure is None where it cannot be told, and so are all of a group that is too small.
    """
    rows = _Rows.of(judged, high_from)
    slices, fairness = {}, []
    for grouping, sums in zip(groupings, _sums(rows, groupings, seed), strict=True):
        slices[grouping.name] = [
            _figures(rows, grouping.group == one, one, {name: drawn[:, k] for name, drawn in sums.items()}, seed)
            for k, one in enumerate(grouping.order)
        ]
        if grouping.is_attribute:
            fairness.append(_compared(grouping, sums, slices[grouping.name]))
    return slices, fairness


@dataclass(frozen=True)
class _Rows:
    """The judged rows of all cut-offs after each other; arrays of shape (rows,)."""

    ids: npt.NDArray[np.object_]
    churned: Floats
    probability: Floats
    selected: Floats

    @classmethod
    def of(cls, judged: Sequence[JudgedCutoff], high_from: float) -> _Rows:
        probability = np.concatenate([j.probability["holdfast"] for j in judged])
        return cls(
            np.concatenate([j.customer_ids for j in judged]), np.concatenate([j.churned for j in judged]), probability,
            (probability >= high_from).astype(float),
        )  # fmt: skip


def _sums(rows: _Rows, groupings: Sequence[Grouping], seed: int) -> list[dict[str, Floats]]:
    """For each grouping the sums of each draw and group, shape (1 + draws, groups), and the AUC where both classes are.

    `all`: the weight; `churned`; `said`: of the probabilities; `selected`; `found`: churners selected; `auc`.
    """
    y, p, s = rows.churned, rows.probability, rows.selected
    columns = {"all": np.ones(len(y)), "churned": y, "said": p, "selected": s, "found": s * y}
    members = [np.array([g.group == one for one in g.order], float).T for g in groupings]
    blocks: list[list[dict[str, Floats]]] = [[] for _ in groupings]
    for [weights] in draws([rows.ids], seed, FEWER):
        for member, found in zip(members, blocks, strict=True):
            sums = {name: weights @ (member * column[:, None]) for name, column in columns.items()}
            sums["auc"] = np.column_stack([_auc(rows, of > 0, weights) for of in member.T])
            found.append(sums)
    return [{name: np.concatenate([block[name] for block in found]) for name in found[0]} for found in blocks]


def _auc(rows: _Rows, members: npt.NDArray[np.bool_], weights: Floats) -> Floats:
    churned = rows.churned[members]
    if min(churned.sum(), len(churned) - churned.sum()) < _FEWEST_OF_A_CLASS:
        return np.full(len(weights), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return auc(churned, rows.probability[members], weights[:, members])


def _figures(
    rows: _Rows, members: npt.NDArray[np.bool_], name: str, sums: Mapping[str, Floats], seed: int
) -> dict[str, Any]:
    """The figures of one group."""
    customers = len(set(rows.ids[members]))
    if customers < FEWEST_CUSTOMERS:
        return {"group": name, "customers": customers, "too_small": True}
    y, p = rows.churned[members], rows.probability[members]
    return {
        "group": name, "customers": customers, "rows": len(y), "too_small": False,
        "churn_rate": _share(sums["churned"], sums["all"]), "mean_probability": _of(sums["said"], sums["all"]),
        "expected_over_actual": _of(sums["said"], sums["churned"]),
        "auc": _known(sums["auc"]),
        "calibration_error": round(float(calibration_error(y, p, np.ones((1, len(y))))[0]), 6),
        "calibration_error_noise": round(calibration_error_noise([p], seed, simulated=200), 6),
        "selected": _share(sums["selected"], sums["all"]),
        "missed": _share(sums["churned"] - sums["found"], sums["churned"]),
        "false_alarms": _share(sums["selected"] - sums["found"], sums["all"] - sums["churned"]),
    }  # fmt: skip


def _of(part: Floats, whole: Floats) -> dict[str, float] | None:
    """A ratio of sums, and its interval over the draws."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _known(part / whole)


def _share(part: Floats, whole: Floats) -> dict[str, float] | None:
    """A share in all; of none and of all, which every draw repeats, the interval is Wilson's."""
    found = _of(part, whole)
    if found and found["value"] in (0, 1):
        low, high = wilson(round(part[0]), round(whole[0]))
        found |= {"low": round(low, 6), "high": round(high, 6)}
    return found


def _known(drawn: Floats) -> dict[str, float] | None:
    """The value and its interval, None where either cannot be told."""
    found = summary(drawn)
    return found if np.isfinite(list(found.values())).all() else None


def _compared(grouping: Grouping, sums: Mapping[str, Floats], slices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How the groups of an attribute compare that are named and large enough; the reference is selected most often.

    A ratio is told where enough of the reference are selected, a difference where enough of the group have left.
    """
    told = [k for k, one in enumerate(slices) if not one["too_small"] and one["group"] not in (OTHERS, UNKNOWN)]
    found: dict[str, Any] = {
        "attribute": grouping.name, "protected": grouping.is_protected, "in_model": grouping.in_model, "reference": None,
        "groups": [],
    }  # fmt: skip
    if len(told) < 2:
        return found
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = sums["selected"] / sums["all"]
        reached = sums["found"] / sums["churned"]
    often = [k for k in told if sums["selected"][0, k] >= _FEWEST_OF_A_CLASS]
    most = max(often, key=lambda k: rate[0, k], default=None)
    found["reference"] = None if most is None else slices[most]["group"]
    for k in told:
        others = [other for other in told if other != k]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = None if most is None else _known(rate[:, k] / rate[:, most])
            elsewhere = sums["found"][:, others].sum(axis=1) / sums["churned"][:, others].sum(axis=1)
        enough = sums["churned"][0, k] >= _FEWEST_OF_A_CLASS
        one = {
            "group": slices[k]["group"], "selection_ratio": ratio,
            "below_four_fifths": ratio is not None and ratio["value"] < FOUR_FIFTHS,
            "found_difference": _known(reached[:, k] - elsewhere) if enough else None,
            "calibration_gap": _known((sums["said"][:, k] - sums["churned"][:, k]) / sums["all"][:, k]),
        }  # fmt: skip
        found["groups"].append({**one, "words": _words(one, slices[k], None if most is None else slices[most])})
    return found


def _words(one: Mapping[str, Any], own: Mapping[str, Any], most: Mapping[str, Any] | None) -> str:
    """What of a group's comparison a person should know; empty where nothing stands out."""
    said = []
    ratio, difference, gap = one["selection_ratio"], one["found_difference"], one["calibration_gap"]
    if most is not None and one["below_four_fifths"]:
        surely = "below four fifths" if ratio["high"] < FOUR_FIFTHS else "below four fifths, which may be chance"
        said.append(
            f"Marked high {ratio['value']:.2f} times as often as {most['group']}, {surely};"
            f" {own['churn_rate']['value']:.1%} of them left, {most['churn_rate']['value']:.1%} of those."
        )
    if difference and not difference["low"] <= 0 <= difference["high"]:
        less = "fewer" if difference["value"] < 0 else "more"
        said.append(
            f"Of 100 who leave, {abs(difference['value']) * 100:.0f} {less} are marked high than in the other groups."
        )
    if gap and not gap["low"] <= 0 <= gap["high"]:
        way = "more" if gap["value"] > 0 else "fewer"
        said.append(f"Of 100, {abs(gap['value']) * 100:.1f} {way} are expected to leave than do.")
    return " ".join(said)
