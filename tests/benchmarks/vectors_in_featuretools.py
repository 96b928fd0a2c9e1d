"""The same aggregates by featuretools with cut-off times, in an environment of its own, since it needs an older pandas.

python vectors_in_featuretools.py transactions.parquet 19667,19695 182    prints the seconds it took
"""

from __future__ import annotations

import sys
import time
import warnings

import featuretools
import pandas as pd

warnings.filterwarnings("ignore")


def main(file: str, cutoffs: str, memory_days: str) -> None:
    lines = pd.read_parquet(file, columns=["customer_id", "day", "amount", "quantity", "discount"])
    lines["customer_id"] = lines["customer_id"].astype(object)
    began = time.perf_counter()
    epoch = pd.Timestamp("1970-01-01")
    first = lines.groupby("customer_id")["day"].min()
    asked = pd.concat([
        # a cut-off time counts itself: the last moment that counts is the day before
        pd.DataFrame({"customer_id": first.index[first < day], "time": epoch + pd.Timedelta(days=day - 1)})
        for day in map(int, cutoffs.split(","))
    ])  # fmt: skip
    shop = featuretools.EntitySet("shop")
    shop.add_dataframe(
        dataframe_name="lines", dataframe=lines.assign(when=pd.to_datetime(lines["day"], unit="D")),
        index="line", make_index=True, time_index="when",
    )  # fmt: skip
    shop.normalize_dataframe("lines", "customers", index="customer_id", make_time_index=False)
    found, _ = featuretools.dfs(
        entityset=shop, target_dataframe_name="customers", cutoff_time=asked, training_window=f"{memory_days} days",
        agg_primitives=["sum", "mean", "max", "min", "std", "count"], trans_primitives=[], n_jobs=1,
    )  # fmt: skip
    sys.stdout.write(f"{time.perf_counter() - began} {found.shape[1]} {found.shape[0]}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
