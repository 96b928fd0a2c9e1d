"""The levels of categorical columns, which give them their numeric codes."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from features.catalog import Catalog


def fit_categories(catalog: Catalog, vectors: pa.Table) -> Mapping[str, tuple[str, ...]]:
    """The levels of each categorical column, sorted, so that ordered labels keep their order."""
    return {
        feature.name: tuple(sorted({v for v in vectors.column(feature.name).to_pylist() if v is not None}))
        for feature in catalog.features
        if feature.unit == "category"
    }
