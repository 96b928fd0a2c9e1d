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
class _Known:
    """Of each row and column whether the value is absent, and how far it lies from the usual one to the side that pushes
    towards leaving (NaN where that cannot be told); shape (rows, features)."""

    absent: npt.NDArray[np.bool_]
    side: Floats


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
        known = self._known(rows)
        by_rank = np.argsort(-by_driver, axis=1, kind="stable")
        found = [
            self._of_driver(driver, by_driver[:, k], np.flatnonzero(member[:, k]), pushes, known, rows)
            for k, driver in enumerate(drivers)
        ]
        return [tuple(found[k][i] for k in ranked) for i, ranked in enumerate(by_rank)]

    def _of_driver(
        self, driver: str, push: Floats, columns: npt.NDArray[np.intp], pushes: Floats, known: _Known,
        rows: Sequence[Mapping[str, Any]],
    ) -> list[Reason]:  # fmt: skip
        """The driver's reason for each row, told by the column that pushes most among those that are best to be told of."""
        features = [self.catalog.features[j] for j in columns]
        absent, side = known.absent[:, columns], known.side[:, columns]
        # a push may come from several columns together; a sentence that says the contrary would only confuse
        agrees = ~(side * push[:, None] <= 0)
        against = -pushes[:, columns] * np.where(push < 0, -1.0, 1.0)[:, None]
        towards = np.argsort(against, axis=1, kind="stable")
        plain = np.broadcast_to([feature.plain for feature in features], agrees.shape)
        preferred = np.lexsort((against, ~plain, ~agrees, absent))
        acts = any(feature.role == "lever" for feature in features)
        found = []
        for i, row in enumerate(rows):
            telling = next((j for j in preferred[i] if self._tells(features[j], row)), None)
            leading = preferred[i, 0] if telling is None else telling
            is_telling = telling is not None and bool(agrees[i, leading])
            shown = [leading, *(j for j in towards[i, :_FEATURES_SHOWN] if j != leading)][:_FEATURES_SHOWN]
            told = tuple(
                ReasonFeature(
                    features[j].name, row[features[j].name], self.usual(features[j], row), float(pushes[i, columns[j]])
                )
                for j in shown
            )
            sentence = self.sentence(features[leading], told[0])
            found.append(Reason(driver, float(push[i]), is_telling and acts, told, sentence, is_telling))
        return found

    def _known(self, rows: Sequence[Mapping[str, Any]]) -> _Known:
        names, typical = self.catalog.names, self.typical
        values = np.array([[_number(row[name]) for name in names] for row in rows], float).reshape(-1, len(names))
        usual = np.broadcast_to([typical.get(name, np.nan) for name in names], values.shape).copy()
        for j, feature in enumerate(self.catalog.features):
            if feature.usual:
                usual[:, j] = [_number(row.get(feature.usual)) for row in rows]
        direction = np.array([self.direction.get(name, np.nan) for name in names])
        return _Known(np.isnan(values), (values - usual) * direction)

    def _tells(self, feature: Feature, row: Mapping[str, Any]) -> bool:
        """Whether the customer's value is known and, as it is spoken, not the usual one."""
        value = row[feature.name]
        if _absent(value):
            return False
        usual = self.usual(feature, row)
        return usual is None or self.spoken(value, feature.unit) != self.spoken(usual, feature.unit)

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


def _number(value: float | str | None) -> float:
    """A level of a category is there, and nothing more is asked of it."""
    return 0.0 if isinstance(value, str) else np.nan if value is None else value


def _plain(value: float | str | None) -> float | str | None:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, _STORED_DIGITS)
    return value
