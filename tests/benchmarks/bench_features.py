"""Behaviour vectors of the demo shop: all cut-offs in one pass, without a cache, beside pandas.

python tests/benchmarks/bench_features.py
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from results import Bound, conclude

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd

from features.behavior import CATALOG
from features.check import check_tables
from features.checked import CheckedTables
from features.commands import init
from features.live_vectors import LiveVectors
from features.shop import read_shop
from features.snapshot import day_number
from features.store import Store
from features.vectors import vectors

ROUNDS = 5
CUTOFFS = [date(2017, 12, 1) - timedelta(days=28 * k) for k in range(9)][::-1]
MEMORY_DAYS = 182


def median_seconds(*tasks: Callable[[], object]) -> list[float]:
    """The median time of each task over alternating rounds."""
    times: list[list[float]] = [[] for _ in tasks]
    for _ in range(ROUNDS):
        for k, task in enumerate(tasks):
            began = time.perf_counter()
            task()
            times[k].append(time.perf_counter() - began)
    return [statistics.median(of_task) for of_task in times]


def in_pandas(checked: CheckedTables) -> pd.DataFrame:
    """Six columns for every cut-off, as one writes them in pandas: recency, tenure, and four window sums."""
    lines = pd.read_parquet(checked.path("transactions"), columns=["customer_id", "day", "amount"])
    parts = []
    for cutoff in map(day_number, CUTOFFS):
        known = lines[(lines["day"] < cutoff) & (lines["day"] >= cutoff - MEMORY_DAYS)]
        age = cutoff - known["day"]
        by = known.assign(age=age).groupby("customer_id")
        part = by["age"].agg(days_since_last_purchase="min", days_since_first_purchase="max")
        for window in (28, 91):
            recent = known[age <= window].groupby("customer_id")
            part[f"spend_{window}d"] = recent["amount"].sum()
            part[f"purchase_days_{window}d"] = recent["day"].nunique()
        parts.append(part.assign(cutoff=cutoff))
    return pd.concat(parts)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        init(Path(folder) / "shop", "complete-journey")
        checked = check_tables(read_shop(Path(folder) / "shop"), Store(Path(folder) / "store"), date.today())
        catalog = CATALOG.available(checked.columns, checked.attributes)
        live = LiveVectors(catalog, MEMORY_DAYS)
        day = day_number(CUTOFFS[-1])
        posted = [
            {"customer_id": "1", "day": day - 1 - k % 150, "amount": 3.5, "order_id": str(k % 50), "product": str(k)}
            for k in range(200)
        ]
        all_cutoffs, one_cutoff, pandas, one_customer = median_seconds(
            lambda: vectors(checked, catalog, CUTOFFS, MEMORY_DAYS),
            lambda: vectors(checked, catalog, CUTOFFS[-1:], MEMORY_DAYS),
            lambda: in_pandas(checked),
            lambda: live.vector({"transactions": posted}, CUTOFFS[-1]),
        )
    columns = len(catalog.features)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    conclude(
        "features",
        f"Vectors of the demo shop (1,469,307 lines, {columns} columns), nothing cached, medians of {ROUNDS} alternating"
        " rounds; peak memory of the whole process.",
        ("what", "seconds"),
        [
            (f"{columns} columns, {len(CUTOFFS)} cut-offs", f"{all_cutoffs:.2f}"),
            (f"{columns} columns, 1 cut-off", f"{one_cutoff:.2f}"),
            (f"pandas, 6 of the columns, {len(CUTOFFS)} cut-offs", f"{pandas:.2f}"),
            (f"{columns} columns, one customer with 200 posted lines", f"{one_customer:.4f}"),
            ("peak memory, GB", f"{peak:.2f}"),
        ],
        {
            "columns": columns, "all_cutoffs_seconds": round(all_cutoffs, 3), "one_cutoff_seconds": round(one_cutoff, 3),
            "pandas_six_columns_seconds": round(pandas, 3),
            "per_column_over_pandas": round(all_cutoffs / columns / (pandas / 6), 3), "live_seconds": round(one_customer, 4),
            "peak_gb": round(peak, 2),
        },
        [
            Bound("seconds for all cut-offs", all_cutoffs, 12),
            Bound("times one cut-off", all_cutoffs / one_cutoff, 3),
            Bound("time per column over that of pandas", all_cutoffs / columns / (pandas / 6), 0.5),
            Bound("seconds for one posted customer", one_customer, 0.1),
            Bound("GB at peak", peak, 3),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
