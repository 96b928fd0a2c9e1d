"""Fitting the references: what is usual among customers, and at what price a product is usually sold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pyarrow as pa

from features.behavior import CATALOG
from features.behavior.peers import PEERS, ventile_names
from features.checked import CheckedTables
from features.references import VectorReferences
from features.snapshot import day_number
from features.sources import connect
from features.vectors import vectors
from training.fit_purchase_rate import fit_purchase_rate

_LINES_FOR_A_PRICE = 5
_CUSTOMERS_FOR_A_RATE = 20_000
_VENTILES = np.arange(1, 20) / 20


def fit_vector_references(
    checked: CheckedTables, until: date, memory_days: int, seed: int, threads: int = 1
) -> VectorReferences:
    """The references on what was known before the midnight `until`, which is not after any day they are judged on."""
    numbers = _ventiles(checked, until, memory_days, threads)
    if "transactions" not in checked.columns:
        return VectorReferences(until, numbers)
    return VectorReferences(
        until, {**numbers, **_purchase_rate(checked, until, memory_days, seed)}, _prices(checked, until, threads)
    )


def _ventiles(checked: CheckedTables, until: date, memory_days: int, threads: int) -> Mapping[str, float]:
    """The 5 %, 10 % ... 95 % quantiles of every peer feature among customers who have it."""
    catalog = CATALOG.available(checked.columns, {})
    peers = [name for name in PEERS if name in catalog.names]
    if not peers:
        return {}
    table = vectors(checked, catalog.naming(peers), [until], memory_days, threads=threads)
    found = {}
    for name in peers:
        values = table.column(name).drop_null().to_numpy()
        if len(values):
            edges = np.quantile(values, _VENTILES)
            # an edge is often a customer's own value, which the last bit of a sum must not move across it
            lowered = edges - 1e-9 * np.maximum(1, np.abs(edges))
            found |= dict(zip(ventile_names(name), lowered.tolist(), strict=True))
    return found


def _purchase_rate(checked: CheckedTables, until: date, memory_days: int, seed: int) -> Mapping[str, float]:
    """BG/NBD parameters in days, of purchase days within memory."""
    with connect() as connection:
        found = connection.sql(
            "select customer_id, count(distinct day) - 1 as repeats, max(day) - min(day) as last,"
            f" {day_number(until)} - min(day) as observed"
            f" from {checked.purchases}"
            f" where day < {day_number(until)} and day >= {day_number(until) - memory_days}"
            " group by customer_id order by customer_id"
        ).fetchnumpy()
    rows = np.random.default_rng(seed).permutation(len(found["repeats"]))[:_CUSTOMERS_FOR_A_RATE]
    rate = fit_purchase_rate(*(np.asarray(found[name], float)[rows] for name in ("repeats", "last", "observed")))
    if rate is None:
        return {}
    return {"purchase_r": rate.r, "purchase_alpha": rate.alpha, "purchase_a": rate.a, "purchase_b": rate.b}


def _prices(checked: CheckedTables, until: date, threads: int) -> Mapping[str, float]:
    """Product to the mean price of a piece, of products sold often enough for one."""
    columns = checked.columns["transactions"]
    if "product" not in columns:
        return {}
    pieces = "case when quantity > 0 then quantity else 1 end" if "quantity" in columns else "1"
    with connect(threads=threads) as connection:
        found: pa.Table = connection.sql(
            f"select product, sum(amount) / sum({pieces}) as price"
            f" from {checked.purchases}"
            f" where product is not null and amount > 0 and day < {day_number(until)}"
            f" group by product having count(*) >= {_LINES_FOR_A_PRICE} order by product"
        ).to_arrow_table()
    return dict(zip(found.column("product").to_pylist(), found.column("price").to_pylist(), strict=True))
