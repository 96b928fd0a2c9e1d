"""The bootstrap of customers: as weights, so that many draws are measured at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Measure = Callable[[Floats, Floats, Floats], Floats]
"""What came and what was said, of shape (n,), and weights of shape (draws, n), to one value per draw."""
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
        counts = redrawn(len(everyone), random, _BLOCK)
        yield [counts[:, part].astype(float) for part in np.split(where, ends)]


def redrawn(customers: int, random: np.random.Generator, times: int | None = None) -> npt.NDArray[np.int64]:
    """How often each customer comes when as many are drawn with repetition, shape (customers,); or so many times over."""
    return random.multinomial(customers, np.full(customers, 1 / customers), size=times)


def measured(
    came: Sequence[Floats], said: Mapping[str, Sequence[Floats]], customer_ids: Sequence[npt.NDArray[Any]],
    measures: Mapping[str, Measure], seed: int, count: int = DRAWS,
) -> dict[str, dict[str, Floats]]:  # fmt: skip
    """By model and measure, shape (parts, 1 + draws): the measure itself, then its bootstrap draws.

    Parameters
    ----------
    came, said, customer_ids
        For each part arrays of shape (rows,), `said` by model; the draws are the same for all models.
    """
    blocks: dict[str, dict[str, list[Floats]]] = {model: {name: [] for name in measures} for model in said}
    for weights in draws(customer_ids, seed, count):
        for model, of_model in blocks.items():
            for name, found in of_model.items():
                parts = zip(came, said[model], weights, strict=True)
                found.append(np.array([measures[name](*part) for part in parts]))
    return {model: {name: np.concatenate(b, axis=1) for name, b in of.items()} for model, of in blocks.items()}


def over_parts(values: Floats, is_distance: bool = False) -> dict[str, Any]:
    """The `summary` of the mean over parts, of values of shape (parts, 1 + draws), and each part's own under `by_cutoff`."""
    by_part = [round(float(value), 6) for value in values[:, 0]]
    return {**summary(values.mean(axis=0), is_distance), "by_cutoff": by_part}


def summary(values: Floats, is_distance: bool = False) -> dict[str, float]:
    """A measure of all and its 95 % interval, of values of shape (1 + draws,); draws where it is not defined are left out.

    Parameters
    ----------
    is_distance
        Whether chance only adds to it: then the draws are moved by the bias that they show (Efron and Tibshirani 1993,
        equation 10.2), or the interval would lie above the measure.
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if is_distance and len(drawn):
        drawn = np.maximum(drawn - (drawn.mean() - values[0]), 0)
    low, high = np.quantile(drawn, _LEVELS) if len(drawn) else (np.nan, np.nan)
    return {"value": round(float(values[0]), 6), "low": round(float(low), 6), "high": round(float(high), 6)}
