"""The bootstrap of customers: as weights, so that many draws are measured at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DRAWS = 1000
FEWER = 200
"""Draws of what takes long to measure, and of small groups: enough for an interval of two digits."""
_BLOCK = 50
_LEVELS = (0.025, 0.975)


def draws(customer_ids: Sequence[npt.NDArray[Any]], seed: int, count: int = DRAWS) -> Iterator[list[Floats]]:
    """Weights for each part, shape (draws, rows): first one draw of all ones, then blocks of customers drawn.

    A customer drawn twice counts twice in every part. Blocks, so that a large shop's draws fit in memory.
    """
    everyone, where = np.unique(np.concatenate(customer_ids), return_inverse=True)
    ends = np.cumsum([len(ids) for ids in customer_ids])[:-1]
    random = np.random.default_rng(seed)
    yield [np.ones((1, len(ids))) for ids in customer_ids]
    for _ in range(count // _BLOCK):
        counts = random.multinomial(len(everyone), np.full(len(everyone), 1 / len(everyone)), size=_BLOCK)
        yield [counts[:, part].astype(float) for part in np.split(where, ends)]


def summary(values: Floats) -> dict[str, float]:
    """A measure of all and its 95 % interval, of values of shape (1 + draws,); draws where it is not defined are left out."""
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(drawn, _LEVELS) if len(drawn) else (np.nan, np.nan)
    return {"value": round(float(values[0]), 6), "low": round(float(low), 6), "high": round(float(high), 6)}
