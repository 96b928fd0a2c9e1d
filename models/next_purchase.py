"""When a customer buys next: the day by which one in two in their place has bought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-12
NEEDS = ("purchase_days_in_memory", "days_since_last_purchase", "mean_gap_days")
"""The behaviour columns that tell a customer's rhythm."""


@dataclass(frozen=True)
class SilenceCurve:
    """Share of customers who are still silent, by how long ago their last purchase was (Kaplan & Meier 1958).

    Attributes
    ----------
    silence
        Rising; in the customer's own mean gaps, or in days for who has none.
    silent
        Share that has not bought again by then, falling from at most 1; what comes later is not known.
    """

    silence: tuple[float, ...]
    silent: tuple[float, ...]

    def half_by(self, silence: Floats) -> Floats:
        """The silence by which half of those silent for so long have bought; NaN where too few ever did. Shape (rows,)."""
        grid, share = np.array(self.silence), np.array(self.silent)
        if not len(grid):
            return np.full(len(silence), np.nan)
        now = np.interp(silence, np.concatenate([[0.0], grid]), np.concatenate([[1.0], share]))
        place = np.searchsorted(-share, -now / 2 - _ROUNDING)
        known = (silence <= grid[-1]) & (place < len(grid))
        return np.where(known, grid[np.minimum(place, len(grid) - 1)], np.nan)


@dataclass(frozen=True)
class NextPurchase:
    """Curves of silence for who bought once, on a few days (up to `few`), and often."""

    few: int
    once: SilenceCurve
    rarely: SilenceCurve
    often: SilenceCurve

    def days(self, column: Mapping[str, Floats]) -> Floats:
        """Days from the cut-off to the day by which half have bought, at least 0; NaN where nothing can be said."""
        visits, since, gap = (column[name] for name in NEEDS)
        found = np.full(len(visits), np.nan)
        for curve, who, unit in (
            (self.once, visits == 1, np.ones_like(gap)),
            (self.rarely, (visits > 1) & (visits <= self.few) & (gap > 0), gap),
            (self.often, (visits > self.few) & (gap > 0), gap),
        ):
            silent = since[who] - 1  # days that are over; today may still bring a purchase
            found[who] = curve.half_by(silent / unit[who]) * unit[who] - since[who]
        return np.asarray(np.maximum(found, 0), float)

    def as_dict(self) -> dict[str, Any]:
        curves = {name: vars(getattr(self, name)) | {} for name in ("once", "rarely", "often")}
        return {"few": self.few, **curves}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> NextPurchase:
        """The inverse of `as_dict`."""
        curves = {
            name: SilenceCurve(tuple(plain[name]["silence"]), tuple(plain[name]["silent"]))
            for name in ("once", "rarely", "often")
        }
        return cls(plain["few"], **curves)
