"""Curves of a judgment as plain points, for the model card and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.outcome import wilson
from training.measures import gain

Floats = npt.NDArray[np.float64]
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def gains_curve(churned: Sequence[Floats], probability: Sequence[Floats]) -> list[list[float]]:
    """[share of customers, the riskiest; share of the churners among them], the mean over cut-offs."""
    each = list(zip(churned, probability, strict=True))
    return [
        [share, round(float(np.mean([gain(c, p, np.ones((1, len(c))), share)[0] for c, p in each])), 4)]
        for share in _SHARES
    ]


def reliability_curve(
    churned: Floats, probability: Floats, customer_ids: npt.NDArray[np.object_], bins: int = 10
) -> list[dict[str, Any]]:
    """By tenths of the rows, of rising probability: what was said on average, what was seen, and its 95 % interval.

    The interval is Wilson's (1927), of as many customers as the rows are worth: one customer's rows of several cut-offs
    are alike (design effect; Kish 1965). Fewer points where there are fewer rows than bins.
    """
    points = []
    for part in np.array_split(np.argsort(probability, kind="stable"), bins):
        if len(part):
            seen = float(churned[part].mean())
            worth = len(part) / _design_effect(churned[part] - seen, customer_ids[part])
            low, high = wilson(seen * worth, worth)
            points.append({
                "customers": len(part), "said": round(float(probability[part].mean()), 4), "seen": round(seen, 4),
                "low": round(low, 4), "high": round(high, 4),
            })  # fmt: skip
    return points


def _design_effect(off: Floats, customer_ids: npt.NDArray[np.object_]) -> float:
    """How many times the variance of a mean is what rows of as many different customers would give; at least 1."""
    who = np.unique(customer_ids.astype(str), return_inverse=True)[1]
    of_all = float((off**2).sum())
    if of_all == 0:  # all did the same, each time
        return len(off) / (int(who.max()) + 1)
    return max(1.0, float((np.bincount(who, weights=off) ** 2).sum()) / of_all)
