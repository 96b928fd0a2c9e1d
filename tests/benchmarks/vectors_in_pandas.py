"""Behaviour vectors as one writes them in pandas: customer-days once, then windows cut-off by cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

_READ = ["customer_id", "day", "amount", "order_id", "product", "category", "store", "discount", "is_return"]


def vectors_in_pandas(file: Path, cutoffs: Sequence[int], memory_days: int) -> pd.DataFrame:
    """The columns below for every customer with a purchase in memory, by cut-off and customer."""
    lines = pd.read_parquet(file, columns=_READ)
    returns = lines[lines["is_return"] == 1]
    bought = lines[lines["is_return"] != 1].assign(
        discounted=lambda d: d["discount"] > 0, discount=lambda d: d["discount"].clip(lower=0)
    )
    by_day = bought.groupby(["customer_id", "day"], sort=True)
    days = by_day.agg(
        lines=("amount", "size"), amount=("amount", "sum"), discount=("discount", "sum"),
        discounted_lines=("discounted", "sum"), orders=("order_id", "nunique"), products=("product", "nunique"),
    ).reset_index()  # fmt: skip
    days["gap"] = days.groupby("customer_id")["day"].diff()
    categories = bought.groupby(["customer_id", "day", "category"], as_index=False)["amount"].sum()
    stores = bought[["customer_id", "day", "store"]].drop_duplicates()
    returned = returns.groupby(["customer_id", "day"], as_index=False)["amount"].agg(lines="size", amount="sum")
    parts = [
        _at(cutoff, *(_within(t, cutoff, memory_days) for t in (days, categories, stores, returned)), memory_days)
        for cutoff in cutoffs
    ]
    return pd.concat(parts)


def _within(table: pd.DataFrame, cutoff: int, memory_days: int) -> pd.DataFrame:
    kept = table[(table["day"] < cutoff) & (table["day"] >= cutoff - memory_days)]
    return kept.assign(age=cutoff - kept["day"])


def _at(
    cutoff: int, days: pd.DataFrame, categories: pd.DataFrame, stores: pd.DataFrame, returned: pd.DataFrame,
    memory_days: int,
) -> pd.DataFrame:  # fmt: skip
    days = days.assign(gap=days["gap"].where(days["age"] + days["gap"] <= memory_days))
    by = days.groupby("customer_id")
    last = by.tail(1).set_index("customer_id")
    count, first_age = by.size(), by["age"].max()
    since = first_age.clip(lower=28)
    out = pd.DataFrame({
        "days_since_last_purchase": by["age"].min(),
        "days_since_first_purchase": first_age,
        "days_since_typical_purchase": by["age"].mean(),
        "days_since_typical_spend": _sum(days, days["age"] * days["amount"]) / by["amount"].sum(),
        "usual_purchase_days_per_28d": 28 * count / since,
        "usual_spend_per_28d": 28 * by["amount"].sum() / since,
        "largest_purchase_day": by["amount"].max(),
        "spend_spread": by["amount"].std(),
        "last_purchase_day_spend": last["amount"],
        "mean_gap_days": by["gap"].mean(),
        "gap_spread_days": by["gap"].std(),
        "longest_gap_days": by["gap"].max(),
        "last_gap_days": last["gap"],
        "weekend_share": _sum(days, ((days["day"] + 3) % 7 >= 5).astype(float)) / count,
        "largest_basket": by["lines"].max(),
        "days_since_last_discount": days[days["discount"] > 0].groupby("customer_id")["age"].min(),
    })  # fmt: skip
    for window in (7, 14, 28, 56, 91, 182):
        recent = days[days["age"] <= window].groupby("customer_id")
        out[f"purchase_days_{window}d"] = recent.size()
        if window >= 14:
            out[f"spend_{window}d"] = recent["amount"].sum()
        if window in (28, 91, 182):
            out[f"orders_{window}d"] = recent["orders"].sum()
            out[f"spend_per_purchase_day_{window}d"] = recent["amount"].mean()
            out[f"lines_per_visit_{window}d"] = recent["lines"].mean()
            discount = recent["discount"].sum()
            out[f"discount_share_{window}d"] = discount / (recent["amount"].sum() + discount)
        if window in (56, 91):
            out[f"mean_gap_days_{window}d"] = recent["gap"].mean()
        if window in (28, 182):
            out[f"amount_per_line_{window}d"] = recent["amount"].sum() / recent["lines"].sum()
        if window in (28, 91):
            out[f"discounted_line_share_{window}d"] = recent["discounted_lines"].sum() / recent["lines"].sum()
        if window == 91:
            out["products_per_visit_91d"] = recent["products"].mean()
    for window in (56, 91, 182):
        weeks = days[days["age"] <= window].assign(week=(days["age"] - 1) // 7)
        out[f"active_weeks_{window}d"] = weeks.groupby("customer_id")["week"].nunique()
    for constant in (7, 14, 28, 56):
        out[f"fading_visits_{constant}d"] = _sum(days, np.exp(-days["age"] / constant))
    for constant in (14, 56):
        out[f"fading_spend_{constant}d"] = _sum(days, days["amount"] * np.exp(-days["age"] / constant))
    of_category = categories.groupby(["customer_id", "category"], as_index=False).agg(
        age=("age", "min"), first_age=("age", "max"), days=("age", "size"), amount=("amount", "sum")
    )
    by = of_category.groupby("customer_id")
    for window in (28, 91, 182):
        out[f"categories_{window}d"] = _sum(of_category, (of_category["age"] <= window).astype(float))
    out["dropped_categories"] = _sum(
        of_category, ((of_category["age"] > 28) & (of_category["days"] >= 3)).astype(float)
    )
    out["new_categories_28d"] = _sum(of_category, (of_category["first_age"] <= 28).astype(float))
    out["category_concentration"] = _sum(of_category, of_category["amount"] ** 2) / by["amount"].sum() ** 2
    out["top_category_share"] = by["amount"].max() / by["amount"].sum()
    of_store = stores.groupby(["customer_id", "store"], as_index=False).agg(
        age=("age", "min"), first_age=("age", "max"), days=("age", "size")
    )
    by = of_store.groupby("customer_id")
    for window in (28, 91):
        out[f"stores_{window}d"] = _sum(of_store, (of_store["age"] <= window).astype(float))
    out["main_store_share"] = by["days"].max() / by["days"].sum()
    out["days_since_store_change"] = by["first_age"].min()
    for window in (28, 91, 182):
        out[f"return_lines_{window}d"] = returned[returned["age"] <= window].groupby("customer_id")["lines"].sum()
    out["returned_amount_182d"] = returned.groupby("customer_id")["amount"].sum()
    out["days_since_last_return"] = returned.groupby("customer_id")["age"].min()
    zero = [name for name in out if name.startswith(_ZERO)]
    return out.fillna(dict.fromkeys(zero, 0.0)).assign(cutoff=cutoff).reset_index()


_ZERO = ("purchase_days", "spend_14d", "spend_28d", "spend_56d", "spend_91d", "spend_182d", "orders", "active_weeks",
         "categories", "stores", "return_lines", "returned_amount")  # fmt: skip


def _sum(table: pd.DataFrame, values: pd.Series) -> pd.Series:
    return values.groupby(table["customer_id"]).sum()
