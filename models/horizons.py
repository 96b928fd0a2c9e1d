"""Horizons: the same question over several numbers of days, told so that no answer contradicts another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.definition import ChurnDefinition

Floats = npt.NDArray[np.float64]


def in_order(definition: ChurnDefinition, said: Mapping[int, Floats]) -> dict[int, Floats]:
    """Churn probabilities by horizon in days, shape (rows,) each, as they are told: the shortest horizon first.

    Whoever is silent for 56 days was silent for the first 28 of them, and a contract that ends within 28 days ends
    within 56. What the models of single horizons say is brought into that order from the definition's own horizon
    outwards: its probability stays as it is, and each further one is moved to the one before it where it lies beyond.
    """
    own = definition.horizon_days
    told = {own: said[own]}
    longer = sorted(days for days in said if days > own)
    shorter = sorted((days for days in said if days < own), reverse=True)
    for outwards in (longer, shorter):
        last = said[own]
        for days in outwards:
            falls = definition.is_of_silence == (days > own)
            last = told[days] = (np.minimum if falls else np.maximum)(said[days], last)
    return dict(sorted(told.items()))
