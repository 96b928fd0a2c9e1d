"""Consent: who objects to being profiled, and is therefore neither learned from nor scored."""

from __future__ import annotations

import pyarrow.parquet as pq

from features.checked import CheckedTables


def opted_out(checked: CheckedTables) -> frozenset[str]:
    """The ids of the customers whose `profiling_opt_out` is set."""
    if "profiling_opt_out" not in checked.columns.get("customers", ()):
        return frozenset()
    table = pq.read_table(checked.path("customers"), columns=["customer_id", "profiling_opt_out"])
    flags = zip(*(table.column(name).to_pylist() for name in ("customer_id", "profiling_opt_out")), strict=True)
    return frozenset(customer for customer, flag in flags if flag == 1)
