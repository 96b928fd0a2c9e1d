"""A shop that brings nothing but a flat table with a label, and what is learned from it in a moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.check import check_tables
from features.console import Stopwatch
from features.shop import read_shop
from features.store import Store
from training.study import Study
from training.train import Trained, fit_bundle

TODAY = date(2026, 1, 1)
PEOPLE = 300
QUICK: Mapping[str, Any] = {
    "fit": {"trees": 20, "min_customers_in_leaf": 20}, "tune": {"trials": 0}, "interval": {"fits": 5},
    "judge": {"reason_refits": 0}, "segments": {"fewest": 2, "most": 3}, "minimums": {"customers": 200, "churners": 20},
}  # fmt: skip
random = np.random.default_rng(5)
LEFT = (random.random(PEOPLE) < 0.3).astype(int)
HONEST = {"calls": random.normal(size=PEOPLE) + LEFT, "tenure": random.integers(1, 70, PEOPLE)}


def learned(
    folder: Path,
    columns: Mapping[str, Any],
    churned: Any,
    people: int = PEOPLE,
    costs: Mapping[str, Any] | None = None,
    **study: Any,
) -> Trained:
    """What comes of a flat table with a label."""
    costs = costs or {}
    brought = {"left": churned, **costs, **columns}
    table = {"id": [f"c{k}" for k in range(people)], **{name: values[:people] for name, values in brought.items()}}
    folder.mkdir()
    pq.write_table(pa.table(table), folder / "people.parquet")
    attributes = "\n".join(f'{name} = "{name}"' for name in columns)
    own_costs = "".join(f'{name} = "{name}"\n' for name in costs)
    (folder / "shop.toml").write_text(
        f'name = "shop"\ncurrency = "EUR"\nknown_until = {TODAY}\n[files]\npeople = "people.parquet"\n[tables.vectors]\nfrom = "people"\n'
        f'[tables.vectors.columns]\ncustomer_id = "id"\nchurned = "left"\n{own_costs}[tables.vectors.attributes]\n{attributes}\n',
        encoding="utf-8",
    )
    shop, store = read_shop(folder), Store(folder / "store")
    wanted = Study.model_validate({**QUICK, "churn": {"definition": "given"}, **study})
    return fit_bundle(shop, wanted, check_tables(shop, store, TODAY), store, Stopwatch())
