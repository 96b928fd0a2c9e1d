"""What if: a customer's churn probability were their levers different, by the model that scored them.

It answers what the model would say of such a customer, not what an action would do: that only a control group tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.catalog import DRIVERS, Feature
from models.bundle import Bundle
from models.churn import sigmoid
from models.reasons import Explainer
from serving.speech import Speech

MOST_SHOWN = 2
_FROM_NONE = frozenset({"days", "count"})


@dataclass(frozen=True)
class Lever:
    """A column that someone can change: the customer's value, what is usual, what is tried; in the unit shown."""

    name: str
    meaning: str
    unit: str
    value: float
    usual: float | None
    tried: float


@dataclass(frozen=True)
class LeverGroup:
    """A driver with levers, and whether all of it is set to what is usual."""

    driver: str
    label: str
    as_usual: bool
    levers: tuple[Lever, ...]


@dataclass(frozen=True)
class WhatIf:
    """The levers and, where some were moved, the probability they would give and what then pushes how much."""

    groups: tuple[LeverGroup, ...]
    probability: float
    would_be: float | None
    band: str
    moved: tuple[tuple[str, float], ...]


def what_if(
    bundle: Bundle,
    vector: Sequence[float | None],
    asked: Mapping[str, Sequence[str]],
    speaker: Explainer,
    speech: Speech,
) -> WhatIf:
    """The levers of a customer, moved as asked.

    Parameters
    ----------
    vector
        As the dossier keeps it: in the order of the bundle's features, null for what is missing.
    asked
        `usual`: drivers to set to what is usual; and by column name the value to try, shares in per cent. What cannot
        be read, and fewer days or events than none, is not asked.
    """
    X = np.array([[np.nan if value is None else value for value in vector]])
    catalog = bundle.catalog
    columns = {feature.name: j for j, feature in enumerate(catalog.features)}
    row = {name: float(X[0, j]) for name, j in columns.items()}
    tried = X.copy()
    usual_drivers = set(asked.get("usual", ()))
    for feature in catalog.features:
        usual = _usual(speaker, feature, row)
        if feature.driver in usual_drivers and _is_lever(feature) and usual is not None:
            tried[0, columns[feature.name]] = usual
    movable = _movable(bundle)
    for feature in movable:
        given, value = _read(feature, asked.get(feature.name, ())), row[feature.name]
        if given is not None and not math.isnan(value) and not _same(given, value, feature):  # NaN: it is not shown
            tried[0, columns[feature.name]] = given
    before, after = float(bundle.model.probability(X)[0]), float(bundle.model.probability(tried)[0])
    is_moved = not np.array_equal(X, tried, equal_nan=True)
    return WhatIf(
        _groups(movable, speaker, speech, row, tried[0], columns, usual_drivers),
        before,
        after if is_moved else None,
        str(bundle.references.band(np.array([after]))[0]),
        _moved(bundle, X, tried, speech) if is_moved else (),
    )


def _is_lever(feature: Feature) -> bool:
    return feature.role == "lever" and feature.unit != "category"


def _usual(speaker: Explainer, feature: Feature, row: Mapping[str, Any]) -> float | None:
    usual = speaker.usual(feature, row)
    return None if usual is None or math.isnan(usual) else usual


def _movable(bundle: Bundle) -> list[Feature]:
    """The levers that are shown: of each driver the plain ones that the model looks at most.

    What is counted comes before what is worked out of other columns: a person can say how many days, hardly which ratio.
    """
    gain = bundle.model.gain()
    found: list[Feature] = []
    for driver in DRIVERS:
        plain = [f for f in bundle.catalog.features if f.driver == driver and _is_lever(f) and f.plain and gain[f.name]]
        found += sorted(plain, key=lambda f: (f.relation == "vector", -gain[f.name]))[:MOST_SHOWN]
    return found


def _groups(
    movable: Sequence[Feature], speaker: Explainer, speech: Speech, row: Mapping[str, float],
    tried: npt.NDArray[np.float64], columns: Mapping[str, int], usual_drivers: set[str],
) -> tuple[LeverGroup, ...]:  # fmt: skip
    by_driver: dict[str, list[Lever]] = {}
    for feature in movable:
        value = row[feature.name]
        if math.isnan(value):
            continue
        usual = _usual(speaker, feature, row)
        lever = Lever(
            feature.name, feature.meaning_zh if speech.language == "zh" else feature.meaning, feature.unit,
            _shown(value, feature), None if usual is None else _shown(usual, feature),
            _shown(float(tried[columns[feature.name]]), feature),
        )  # fmt: skip
        by_driver.setdefault(feature.driver, []).append(lever)
    return tuple(
        LeverGroup(driver, getattr(DRIVERS[driver], speech.language), driver in usual_drivers, tuple(levers))
        for driver, levers in by_driver.items()
    )


def _shown(value: float, feature: Feature) -> float:
    """A value as the form shows it: shares in per cent, no more digits than a person would type."""
    shown = round(value * 100, 1) if feature.unit == "share" else round(value, 2)
    return int(shown) if shown == int(shown) else shown


def _read(feature: Feature, given: Sequence[str]) -> float | None:
    try:
        value = float(given[-1])
    except (IndexError, ValueError):
        return None
    if not math.isfinite(value) or abs(value) > 1e12 or (value < 0 and feature.unit in _FROM_NONE):
        return None
    return value / 100 if feature.unit == "share" else value


def _same(given: float, value: float, feature: Feature) -> bool:
    """Whether a form gave back what it had shown, rounded as that was."""
    return _shown(given, feature) == _shown(value, feature)


def _moved(
    bundle: Bundle, X: npt.NDArray[np.float64], tried: npt.NDArray[np.float64], speech: Speech
) -> tuple[tuple[str, float], ...]:
    """(driver, change of its push in log-odds), the largest first, of those that change at all."""
    before, _ = bundle.model.contributions(X)
    after, _ = bundle.model.contributions(tried)
    change: dict[str, float] = {}
    for j, feature in enumerate(bundle.catalog.features):
        change[feature.driver] = change.get(feature.driver, 0.0) + float(after[0, j] - before[0, j])
    ordered = sorted(change.items(), key=lambda pair: -abs(pair[1]))
    return tuple((getattr(DRIVERS[d], speech.language), push) for d, push in ordered if abs(push) >= 0.005)


def probability_of(log_odds: float) -> float:
    """The probability of log-odds."""
    return float(sigmoid(np.array(log_odds)))
