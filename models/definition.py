"""The churn definition: what counts as leaving, and which customers the question is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from features.events import TABLES

Floats = npt.NDArray[np.float64]
Kind = Literal["silence", "contract", "given"]
GIVEN = TABLES["vectors"].attribute_prefix
"""How the columns of a shop's own vectors begin."""


@dataclass(frozen=True)
class ChurnDefinition:
    """What is predicted at a cut-off.

    `silence`: no purchase within the horizon, of those who bought within `active_within_days` before. `contract`: a
    contract ends within the horizon and none follows within `grace_days` of its end, of those who hold one of which no
    notice was given. `given`: what the shop's own table says, of those whom it holds, or of
    all where it holds nothing but labels.
    """

    kind: Kind
    horizon_days: int
    active_within_days: int = 0
    grace_days: int = 0

    @property
    def label_days(self) -> int:
        """Days after the cut-off until the label is known."""
        return self.horizon_days + self.grace_days

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The columns that `eligible` reads; of `given` all that the shop's own table holds."""
        return {
            "silence": ("days_since_last_purchase",),
            "contract": ("running_contracts", "contracts_under_notice"),
            "given": (),
        }[self.kind]

    def eligible(self, column: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        """Whom the question is about, by their behaviour alone; shape (rows,), a missing value being NaN."""
        match self.kind:
            case "silence":
                return np.asarray(column["days_since_last_purchase"] <= self.active_within_days)
            case "contract":
                running = column["running_contracts"]
                return np.asarray(running > column.get("contracts_under_notice", np.zeros_like(running)))
            case "given":
                own = [values for name, values in column.items() if name.startswith(GIVEN)]
                known = np.ones(np.shape(next(iter(column.values()), True)), bool)
                return np.asarray(~np.isnan(np.stack(own)).all(axis=0)) if own else known
