"""Behaviour vectors as the numbers that models see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]


def encode(vectors: pa.Table, features: tuple[str, ...], categories: Mapping[str, tuple[str, ...]]) -> Floats:
    """The named columns as a float64 matrix, categories as their codes."""
    X = np.empty((vectors.num_rows, len(features)))
    for j, name in enumerate(features):
        column = vectors.column(name)
        if name in categories:
            codes = {level: float(code) for code, level in enumerate(categories[name])}
            X[:, j] = [codes.get(level, np.nan) for level in column.to_pylist()]
        else:
            X[:, j] = column.to_numpy().astype(float)
    return X
