"""Reasons: a customer's pushes summed by driver, ranked, each with values, what is usual, and a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision
from babel.units import format_unit

from features.catalog import DRIVERS, Catalog, Feature

Floats = npt.NDArray[np.float64]
_FEATURES_SHOWN = 3
_STORED_DIGITS = 6
_SENTENCE_ENDS = {"en": (";", "."), "zh": ("；", "。")}


@dataclass(frozen=True)
class ReasonFeature:
    """One column behind a reason: the customer's value, and what is usual for them or, failing that, typical."""

    name: str
    value: float | str | None
    usual: float | None
    push: float


@dataclass(frozen=True)
class Reason:
    """A driver that moved this customer's probability; `push` is in log-odds, above 0 towards leaving.

    The sentence speaks of the first of `features`, so that it can be said anew in another language. It is `telling`
    where that value is known, sounds other than the usual one, and lies to the side of it that the push speaks of. A
    reason that is not is one of the sum, but not one to be told (`raising`), nor a `lever`: nothing is done about it.
    """

    driver: str
    push: float
    lever: bool
    features: tuple[ReasonFeature, ...]
    sentence: str
    telling: bool = True

    def as_dict(self) -> dict[str, Any]:
        return {
            "driver": self.driver,
            "push": round(self.push, 9),
            "lever": self.lever,
            "features": [
                {"name": f.name, "value": _plain(f.value), "usual": _plain(f.usual), "push": round(f.push, 9)}
                for f in self.features
            ],
            "sentence": self.sentence,
            "telling": self.telling,
        }


@dataclass(frozen=True)
class Explainer:
    """Turns pushes into reasons; built once per bundle and language.

    Attributes
    ----------
    typical
        The median of every numeric column among the customers the bundle learned from.
    direction
        Of a numeric column 1 where higher values push towards leaving, -1 where lower ones do.
    """

    catalog: Catalog
    typical: Mapping[str, float]
    language: str
    currency: str
    direction: Mapping[str, float] = field(default_factory=dict)

    def reasons(self, pushes: Floats, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Reason, ...]]:
        """For each row every driver, the strongest push towards leaving first.

        Parameters
        ----------
        pushes
            Shape (rows, features), in log-odds, columns in the catalog's order.
        rows
            The customers' values by column name.
        """
        drivers, member = drivers_of(self.catalog)
        by_driver = pushes @ member
        columns = {d: np.flatnonzero(member[:, k]) for k, d in enumerate(drivers)}
        ranked = np.argsort(-by_driver, axis=1, kind="stable")
        return [
            tuple(self._reason(drivers[k], by_driver[i, k], columns[drivers[k]], pushes[i], row) for k in ranked[i])
            for i, row in enumerate(rows)
        ]

    def _reason(
        self, driver: str, push: float, columns: npt.NDArray[np.intp], pushes: Floats, row: Mapping[str, Any]
    ) -> Reason:
        towards = columns[np.argsort(-pushes[columns] * np.sign(push or 1), kind="stable")]
        names = self.catalog.names
        preferred = sorted(
            towards,
            key=lambda j: (
                _absent(row[names[j]]), not self._agrees(j, row, push), not self.catalog.features[j].plain
            ),
        )  # fmt: skip
        leading = next((j for j in preferred if self._tells(j, row)), preferred[0])
        telling = self._tells(leading, row) and self._agrees(leading, row, push)
        features = []
        for j in (leading, *(j for j in towards if j != leading))[:_FEATURES_SHOWN]:
            feature = self.catalog.features[j]
            features.append(ReasonFeature(feature.name, row[feature.name], self.usual(feature, row), float(pushes[j])))
        lever = telling and any(self.catalog.features[j].role == "lever" for j in columns)
        sentence = self.sentence(self.catalog.features[leading], features[0])
        return Reason(driver, float(push), lever, tuple(features), sentence, telling)

    def _tells(self, j: int, row: Mapping[str, Any]) -> bool:
        """Whether the customer's value is known and, as it is spoken, not the usual one."""
        feature = self.catalog.features[j]
        value = row[feature.name]
        if _absent(value):
            return False
        usual = self.usual(feature, row)
        return usual is None or self.spoken(value, feature.unit) != self.spoken(usual, feature.unit)

    def _agrees(self, j: int, row: Mapping[str, Any], push: float) -> bool:
        """Whether the customer's value differs from the usual one to the side that the push speaks of.

        A push may come from several columns together; a sentence that says the contrary would only confuse.
        """
        feature = self.catalog.features[j]
        value, usual, direction = row[feature.name], self.usual(feature, row), self.direction.get(feature.name)
        if usual is None or direction is None or isinstance(value, str) or _absent(value):
            return True
        return bool((value - usual) * direction * push > 0)

    def usual(self, feature: Feature, row: Mapping[str, Any]) -> float | None:
        """What is usual for this customer or, failing that, typical; None where neither is known."""
        if feature.usual:
            own = row.get(feature.usual)
            return None if own is None or _absent(own) else float(own)
        return self.typical.get(feature.name)

    def sentence(self, feature: Feature, of: ReasonFeature) -> str:
        """The feature's sentence with the customer's value and, where known, what is usual."""
        template = feature.zh if self.language == "zh" else feature.en
        if _absent(of.value):
            return self._unknown(feature)
        if of.usual is None:
            separator, stop = _SENTENCE_ENDS[self.language]
            template = template.split(separator)[0].rstrip(stop) + stop
        return template.format(value=self.spoken(of.value, feature.unit), usual=self.spoken(of.usual, feature.unit))

    def _unknown(self, feature: Feature) -> str:
        if self.language == "zh":
            return f"{feature.meaning_zh}：未知。"
        return f"{feature.meaning}: not known."

    def spoken(self, value: float | str | None, unit: str) -> str:
        """A value as a person writes it in the explainer's language."""
        if value is None or isinstance(value, str):
            return value or "?"
        stored = round(value, _STORED_DIGITS)  # so that it is said alike when it is said anew
        return _spoken(stored, unit, self.language, self.currency)


@lru_cache(maxsize=1 << 16, typed=True)  # customers share most of what is said of them, and Babel takes its time
def _spoken(value: float, unit: str, language: str, currency: str) -> str:
    if unit == "money":
        return format_currency(_or_nothing(value, get_currency_precision(currency)), currency, locale=language)
    if unit == "days":
        shown = _or_nothing(round(value) if abs(value) >= 10 else round(value, 1), 1)
        if language == "zh":  # Babel's table of units lacks this one
            return f"{format_decimal(shown, locale='zh')}天"
        return format_unit(shown, "duration-day", locale=language)
    if unit == "share":
        return format_percent(_or_nothing(value, 2), locale=language)
    digits = 0 if abs(value) >= 10 or float(value).is_integer() else 1
    digits = 2 if unit == "ratio" and abs(value) < 10 and not float(value).is_integer() else digits
    return format_decimal(_or_nothing(round(value, digits), digits), locale=language)


def _or_nothing(value: float, digits: int) -> float:
    """The value, or 0 where it rounds to that: what is nothing has no sign."""
    return value if round(value, digits) else 0.0


def drivers_of(catalog: Catalog) -> tuple[tuple[str, ...], Floats]:
    """The drivers that have a column in a catalog, in the glossary's order, and which columns are whose.

    The latter of shape (features, drivers), 1 or 0: pushes times it are the pushes of the drivers.
    """
    present = {feature.driver for feature in catalog.features}
    names = tuple(name for name in DRIVERS if name in present)
    return names, np.array([[feature.driver == name for name in names] for feature in catalog.features], float)


def raising(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of an answer's reasons the strongest three that push towards leaving and tell people something."""
    return [reason for reason in answer["reasons"] if reason["push"] > 0 and reason.get("telling", True)][:3]


def _absent(value: Any) -> bool:
    return value is None or value != value  # NaN is what differs from itself


def _plain(value: float | str | None) -> float | str | None:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, _STORED_DIGITS)
    return value
