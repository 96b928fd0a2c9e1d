"""The churn definition: what counts as leaving, and which customers the question is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from features.catalog import (
    DAYS_SINCE_CONTACT,
    DAYS_SINCE_EVENT,
    EXCLUDED,
    Catalog,
    Feature,
    event_features,
    excluded_feature,
)
from features.events import TABLES

Floats = npt.NDArray[np.float64]
Kind = Literal["silence", "contract", "event", "given"]
Event = Literal["does", "does_not"]
Exclusions = tuple[tuple[str, tuple[str | int, ...]], ...]
"""Attributes of customers with the values that leave a customer out."""
GIVEN = TABLES["vectors"].attribute_prefix
"""How the columns of a shop's own vectors begin."""
_BOUGHT, _RUNNING, _UNDER_NOTICE = "days_since_last_purchase", "running_contracts", "contracts_under_notice"


@dataclass(frozen=True)
class ChurnDefinition:
    """What is predicted at a cut-off.

    `silence`: no purchase within the horizon, of those who bought within `active_within_days` before. `contract`: a
    contract ends within the horizon and none follows within `grace_days` of its end, of those who hold one of which no
    notice was given. `event` that a customer `does`: an interaction of one of `event_kinds` within the horizon, of
    those who bought, were in contact or hold a contract and had none of these kinds within `active_within_days` before;
    `does_not`: none of these kinds within the horizon, of those who had one within `active_within_days` before.
    `given`: what the shop's own table says, of those whom it holds, or of all where it holds nothing but labels.
    Nobody is asked about whose attribute has one of the values of `exclude`.
    """

    kind: Kind
    horizon_days: int
    active_within_days: int = 0
    grace_days: int = 0
    event_kinds: tuple[str, ...] = ()
    event: Event = "does"
    exclude: Exclusions = ()

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ChurnDefinition:
        """The inverse of `dataclasses.asdict`, also of a definition of before there were events."""
        exclude = tuple((name, tuple(values)) for name, values in plain.get("exclude", ()))
        return cls(**{**plain, "event_kinds": tuple(plain.get("event_kinds", ())), "exclude": exclude})

    @property
    def label_days(self) -> int:
        """Days after the cut-off until the label is known."""
        return self.horizon_days + self.grace_days

    @property
    def is_of_silence(self) -> bool:
        """Whether leaving is to do nothing for the whole horizon: the longer it is, the fewer leave, else the more."""
        return self.kind == "silence" or (self.kind == "event" and self.event == "does_not")

    def over(self, horizon_days: int) -> ChurnDefinition:
        """The same question over another horizon."""
        return replace(self, horizon_days=horizon_days)

    @property
    def told(self) -> str:
        """What is predicted, of whom, as the end of a sentence."""
        left_out = [f"{name} {' or '.join(map(str, values))}" for name, values in self.exclude]
        return self._asked + (f"; customers of {' or of '.join(left_out)} are left out" if left_out else "")

    @property
    def _asked(self) -> str:
        days, kinds = self.horizon_days, " or ".join(self.event_kinds)
        match self.kind:
            case "silence":
                return (
                    f"whether a customer who bought within {self.active_within_days} days will buy nothing in the {days}"
                    " days after the cut-off"
                )
            case "contract":
                return (
                    f"whether a contract of a customer who has given no notice will end within {days} days after the"
                    f" cut-off and none follow within {self.grace_days} days of its end"
                )
            case "event" if self.event == "does":
                return (
                    f"whether a customer who was active and had no {kinds} within {self.active_within_days} days will have"
                    f" one in the {days} days after the cut-off"
                )
            case "event":
                return (
                    f"whether a customer who had a {kinds} within {self.active_within_days} days will have none in the"
                    f" {days} days after the cut-off"
                )
            case "given":
                return f"what the shop's own table calls churned, of {days} days after its day"

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The columns that `eligible` reads, where there are such; of `given` all that the shop's own table holds."""
        known: tuple[str, ...] = {
            "silence": (_BOUGHT,),
            "contract": (_RUNNING, _UNDER_NOTICE),
            "event": (DAYS_SINCE_EVENT, DAYS_SINCE_CONTACT, _BOUGHT, _RUNNING) if self.event == "does" else (DAYS_SINCE_EVENT,),
            "given": (),
        }[self.kind]  # fmt: skip
        return (*known, EXCLUDED) if self.exclude else known

    def in_catalog(self, catalog: Catalog) -> Catalog:
        """The catalog with the columns that the definition brings: how long ago its kinds of event were, who is left out.

        By `event` whoever has interacted is known as a customer.

        Raises
        ------
        Refusal
            HF104 where an attribute of `exclude` is not there, or is not of the kind that its values are.
        """
        own: tuple[Feature, ...] = ()
        if self.kind == "event":
            own, catalog = event_features(self.event_kinds), catalog.known_by_contact
        if self.exclude:
            own = (*own, excluded_feature(self.exclude, catalog))
        return replace(catalog, features=(*catalog.features, *own)) if own else catalog

    def eligible(self, column: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        """Whom the question is about, by attributes and behaviour alone; shape (rows,), a missing value being NaN."""
        asked = self._is_about(column)
        return asked & ~(column[EXCLUDED] > 0) if self.exclude else asked

    def _is_about(self, column: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        match self.kind:
            case "silence":
                return self._lately(column, _BOUGHT)
            case "contract":
                running = column[_RUNNING]
                return np.asarray(running > column.get(_UNDER_NOTICE, np.zeros_like(running)))
            case "event":
                had = self._lately(column, DAYS_SINCE_EVENT)
                if self.event == "does_not":
                    return had
                active = self._lately(column, DAYS_SINCE_CONTACT) | self._lately(column, _BOUGHT)
                return (active | np.asarray(column.get(_RUNNING, np.zeros(len(had))) > 0)) & ~had
            case "given":
                own = [values for name, values in column.items() if name.startswith(GIVEN)]
                known = np.ones(np.shape(next(iter(column.values()), True)), bool)
                return np.asarray(~np.isnan(np.stack(own)).all(axis=0)) if own else known

    def _lately(self, column: Mapping[str, Floats], days_since: str) -> npt.NDArray[np.bool_]:
        """Whether it was within `active_within_days`; False for who never did it, and where no table tells."""
        missing = np.full(np.shape(next(iter(column.values()))), np.nan)
        return np.asarray(column.get(days_since, missing) <= self.active_within_days)
