"""Segments: named groups of like behaviour, as centroids over scaled columns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Segment:
    """A group with an identity; names in both languages say what sets it apart."""

    id: str
    en: str
    zh: str
    share: float
    profile: dict[str, float]


@dataclass(frozen=True)
class Segmenter:
    """Nearest centroid in scaled space. Columns flagged `logged` enter as ln(1 + x); missing ones at the centre.

    `last_number` is the highest number that a segment of this segmenter, or of one that it followed, has borne: none is
    given twice in such a row.
    """

    features: tuple[str, ...]
    logged: tuple[bool, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    centroids: tuple[tuple[float, ...], ...]
    segments: tuple[Segment, ...]
    last_number: int = 0

    def __repr__(self) -> str:
        names = "; ".join(f"{s.id} {s.en} ({s.share:.0%})" for s in self.segments)
        return f"<Segmenter: {names}>"

    def scaled(self, X: Floats) -> Floats:
        """Shape (rows, features): the columns as the centroids see them, at most 4 spreads from the centre."""
        Z = np.where(np.array(self.logged), np.log1p(np.maximum(X, 0)), X)
        Z = (Z - np.array(self.center)) / np.array(self.scale)
        return np.asarray(np.clip(np.nan_to_num(Z, nan=0.0), -4, 4), float)

    def assign(self, X: Floats) -> npt.NDArray[np.intp]:
        """Shape (rows,): the position in `segments` of each row's nearest centroid."""
        distances = ((self.scaled(X)[:, None, :] - np.array(self.centroids)[None]) ** 2).sum(axis=2)
        return np.asarray(distances.argmin(axis=1), np.intp)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Segmenter:
        return cls(
            tuple(plain["features"]), tuple(plain["logged"]), tuple(plain["center"]), tuple(plain["scale"]),
            tuple(tuple(row) for row in plain["centroids"]), tuple(Segment(**s) for s in plain["segments"]),
            plain.get("last_number") or max(int(s["id"].removeprefix("S")) for s in plain["segments"]),
        )  # fmt: skip
