"""What a shop looked like when a bundle learned from it: shares and means by column, by driver and of the probability.

Plain aggregates, nothing of any one customer. training/fit_drift_reference.py fits it, training/drift.py compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """How the values of one column are spread over bins.

    Attributes
    ----------
    edges
        Upper ends of the bins, rising, the end itself inside; the last bin has none. For a category its codes.
    shares
        Of the customers, a share for each bin; the last one is of those whose value is missing.
    mean
        Of the values that are known; None where none is, and for a category.
    usual_psi
        The largest index with which a cut-off differed from those before it while the bundle learned (training/drift.py).
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    mean: float | None
    usual_psi: float

    @property
    def missing(self) -> float:
        """Share of customers whose value is missing."""
        return self.shares[-1]

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Spread:
        return cls(tuple(content["edges"]), tuple(content["shares"]), content["mean"], content["usual_psi"])


@dataclass(frozen=True)
class DriverReference:
    """How one driver pushed.

    Attributes
    ----------
    push, deviation
        Mean and standard deviation over customers, in log-odds.
    leading
        Share of customers for whom it is among the three strongest pushes towards leaving.
    usual_shift
        The largest distance, in log-odds, of a cut-off's mean from that of the cut-offs before it.
    """

    push: float
    deviation: float
    leading: float
    usual_shift: float


@dataclass(frozen=True)
class DriftReference:
    """What later score runs are compared with.

    Attributes
    ----------
    cutoffs
        The judged cut-offs, oldest first, whose eligible customers it is of.
    customers
        How many these are at one cut-off, on average; what is compared with them is as noisy as so many make it.
    columns, drivers
        By name.
    probability
        Of what this very model says of them: one that had not seen them says nearly the same, and another one would
        differ by being another.
    expected
        The measures that the out-of-time probabilities of the judge let expect (training/performance_estimate.py).
    """

    cutoffs: tuple[date, ...]
    customers: int
    columns: Mapping[str, Spread]
    drivers: Mapping[str, DriverReference]
    probability: Spread
    expected: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "cutoffs": [str(day) for day in self.cutoffs]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DriftReference:
        """The reference that `as_dict` made this of."""
        return cls(
            cutoffs=tuple(date.fromisoformat(day) for day in content["cutoffs"]),
            customers=content["customers"],
            columns={name: Spread.from_dict(spread) for name, spread in content["columns"].items()},
            drivers={name: DriverReference(**driver) for name, driver in content["drivers"].items()},
            probability=Spread.from_dict(content["probability"]),
            expected=content["expected"],
        )


def counts(values: Floats, edges: tuple[float, ...]) -> npt.NDArray[np.int64]:
    """How many values lie in each bin, then how many are missing; shape (len(edges) + 2,)."""
    known = values[~np.isnan(values)]
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(inside, len(values) - len(known))
