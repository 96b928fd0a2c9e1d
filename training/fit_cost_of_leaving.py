"""Fitting what leaving costs: what those who stayed and those who left spent, beside what was expected of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from models.cost_of_leaving import CostOfLeaving

Floats = npt.NDArray[np.float64]
_CLASSES = 50
_FEWEST = 30
"""Stayers, and leavers, that a class holds: fewer, and one big spender decides."""


def fit_cost_of_leaving(churn_probability: Floats, left: Floats, expected: Floats, spent: Floats) -> CostOfLeaving:
    """By class of churn probability: spent over expected of those who stayed, less that of those who left.

    Parameters
    ----------
    churn_probability, left, expected, spent
        Of judged customers, shape (rows,): told before, 1 for who left and 0 for who stayed, told before, and what came.

    Returns
    -------
    CostOfLeaving
        Without points where fewer than `_FEWEST` stayed or left, or nothing was expected of them.
    """
    at, multiple, weight = [], [], []
    for rows in _classes(churn_probability, left):
        stayed, gone = rows[left[rows] == 0], rows[left[rows] == 1]
        hoped = expected[stayed].sum(), expected[gone].sum()
        if min(hoped) > 0:
            at.append(float(churn_probability[stayed].mean()))  # who stayed make the multiple what it is
            multiple.append(float(spent[stayed].sum() / hoped[0] - spent[gone].sum() / hoped[1]))
            weight.append(len(rows))
    if not at:
        return CostOfLeaving()
    rising = IsotonicRegression(y_min=0.0).fit(range(len(at)), multiple, weight).predict(range(len(at)))
    return CostOfLeaving(tuple(at), tuple(map(float, rising)))


def _classes(churn_probability: Floats, left: Floats) -> list[npt.NDArray[np.intp]]:
    """Classes of like churn probability, the highest last, each with enough who stayed and enough who left.

    Cut from the highest on: there the multiple is largest, and those who stayed are few.
    """
    order = np.argsort(-churn_probability, kind="stable")
    least = len(order) / _CLASSES
    ends, begun = [], 0
    gone = np.concatenate([[0], np.cumsum(left[order] == 1)])
    for end in range(1, len(order) + 1):
        leavers = gone[end] - gone[begun]
        if end - begun >= least and leavers >= _FEWEST and end - begun - leavers >= _FEWEST:
            ends.append(end)
            begun = end
    if not ends:
        return []
    return np.split(order, ends[:-1])[::-1]  # what is left over belongs to the lowest
