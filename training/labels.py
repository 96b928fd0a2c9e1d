"""Labels: whether a customer churned, by the study's definition, known only once there was time for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.checked import CheckedTables
from features.refusal import Refusal
from features.snapshot import day_number
from features.sources import connect
from models.definition import ChurnDefinition, Kind

TOLD_BY: Mapping[Kind, tuple[str, str]] = {
    "silence": ("transactions", "day"), "contract": ("subscriptions", "ended_day"), "given": ("vectors", "churned"),
}  # fmt: skip
"""The table and column that tell who churned."""


@dataclass(frozen=True)
class Labels:
    """What happened after each cut-off, in the order of a vectors table; arrays of shape (rows,).

    Attributes
    ----------
    churned
        Whether the customer left. Meaningless where not matured.
    matured
        Whether there was time to see it, and the shop has said it; False is censored.
    spend
        Money spent within the horizon: purchases, else the price of the contracts by the day.
    """

    churned: npt.NDArray[np.bool_]
    matured: npt.NDArray[np.bool_]
    spend: npt.NDArray[np.float64]


def is_matured(cutoff: date, label_days: int, known_until: date) -> bool:
    """Whether the label of a cut-off can be known."""
    return cutoff + timedelta(days=label_days) <= known_until


def churn_labels(checked: CheckedTables, vectors: pa.Table, definition: ChurnDefinition) -> Labels:
    """The labels of every row of a vectors table, of which `cutoff` and `customer_id` are read.

    Raises
    ------
    Refusal
        HF207 where the shop has no table that tells who churned by this definition.
    """
    require_told(checked, definition)
    rows = vectors.select(["cutoff", "customer_id"])
    rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    known = day_number(checked.known_until)
    matured = np.asarray(rows.column("cutoff").to_numpy() + definition.label_days <= known)
    with connect() as connection:
        connection.register("asked", rows)
        if definition.kind == "silence":
            found = connection.sql(_purchases_within(checked, definition.horizon_days)).fetchnumpy()
            return Labels(np.asarray(found["days"] == 0), matured, np.asarray(found["spend"], float))
        spend = _spend(connection, checked, definition.horizon_days)
        if definition.kind == "contract":
            return Labels(_contract_ended(connection, checked, definition) == 1, matured, spend)
        said = _given(connection, checked)
        return Labels(said == 1, ~np.isnan(said), spend)


def spend_within(checked: CheckedTables, rows: pa.Table, days: int) -> npt.NDArray[np.float64]:
    """Money spent in the days after its cut-off by each row of a table of `cutoff` and `customer_id`; shape (rows,).

    Purchases, else the price of the contracts by the day, else 0; only what is known counts.
    """
    asked = rows.select(["cutoff", "customer_id"]).append_column("row", pa.array(np.arange(rows.num_rows)))
    with connect() as connection:
        connection.register("asked", asked)
        return _spend(connection, checked, days)


def require_told(checked: CheckedTables, definition: ChurnDefinition) -> None:
    """Refuse (HF207) a definition of which the shop's tables tell nothing."""
    table, column = TOLD_BY[definition.kind]
    others = " or ".join(f"{kind} ({of})" for kind, (of, _) in TOLD_BY.items() if kind != definition.kind)
    have = checked.columns.get(table)
    if have is None or column not in have:
        lacking = f"[tables.{table}]" if have is None else f"tables.{table}.columns.{column.replace('_day', '_at')}"
        raise Refusal(
            "HF207", f"Who churned by {definition.kind} is told from {table}, and shop.toml does not map {lacking}.",
            f"Add {lacking}, or set churn.definition in study.toml to {others}.",
        )  # fmt: skip


def _purchases_within(checked: CheckedTables, horizon_days: int) -> str:
    """SQL of purchase days and spend within the horizon, a row for each that is asked for, in order."""
    return (
        f"with days as (select customer_id, day, sum(amount) as amount from {checked.purchases} group by customer_id, day)"
        " select a.row, count(d.day) as days, coalesce(sum(d.amount), 0) as spend"
        " from asked as a left join days as d on d.customer_id = a.customer_id and d.day >= a.cutoff"
        f" and d.day < a.cutoff + {int(horizon_days)} group by a.row order by a.row"
    )


def _contract_ended(
    connection: duckdb.DuckDBPyConnection, checked: CheckedTables, definition: ChurnDefinition
) -> npt.NDArray[np.float64]:
    """1 where a contract that had begun before the horizon's end ends within it and no other carries on, else 0.

    Another carries on that has begun by the end's grace and ends later, or not at all.
    """
    found = connection.sql(
        f"with terms as (select customer_id, started_day, ended_day from {checked.rows('subscriptions')}),"
        " ends as (select distinct e.customer_id, e.ended_day from terms as e where e.ended_day is not null"
        "  and not exists (select 1 from terms as o where o.customer_id = e.customer_id"
        f"   and o.started_day <= e.ended_day + {int(definition.grace_days)}"
        "   and (o.ended_day is null or o.ended_day > e.ended_day)))"
        " select a.row, count(e.ended_day) > 0 as churned from asked as a left join ends as e"
        " on e.customer_id = a.customer_id and e.ended_day >= a.cutoff"
        f" and e.ended_day < a.cutoff + {int(definition.horizon_days)} group by a.row order by a.row"
    ).fetchnumpy()
    return np.asarray(found["churned"], float)


def _given(connection: duckdb.DuckDBPyConnection, checked: CheckedTables) -> npt.NDArray[np.float64]:
    """What the shop's own table says of the very day, 0 or 1; NaN where it says nothing.

    A table without days says the same of every day; of several rows of one day the largest counts.
    """
    dated = "as_of_day" in checked.columns["vectors"]
    of_the_day = " and (v.as_of_day is null or v.as_of_day = a.cutoff)" if dated else ""
    found = connection.sql(
        "select a.row, cast(max(v.churned) as double) as churned from asked as a"
        f" left join {checked.rows('vectors')} as v on v.customer_id = a.customer_id{of_the_day}"
        " group by a.row order by a.row"
    ).fetchnumpy()["churned"]
    return np.ma.filled(np.ma.asarray(found, float), np.nan)


def _spend(connection: duckdb.DuckDBPyConnection, checked: CheckedTables, horizon_days: int) -> npt.NDArray[np.float64]:
    """Money within the horizon, 0 where no table tells of any."""
    terms = checked.columns.get("subscriptions", ())
    if "transactions" in checked.columns:
        query = _purchases_within(checked, horizon_days)
    elif {"price", "period_days"} <= set(terms):
        ended = "least(coalesce(s.ended_day, a.cutoff + h.days), a.cutoff + h.days)"
        if "ended_day" not in terms:
            ended = "a.cutoff + h.days"
        query = (
            f"select a.row, coalesce(sum(greatest({ended} - greatest(s.started_day, a.cutoff), 0)"
            " * s.price / case when s.period_days >= 1 and s.period_days < 100000 then floor(s.period_days) end), 0) as spend"
            f" from asked as a cross join (select {int(horizon_days)} as days) as h"
            f" left join {checked.rows('subscriptions')} as s on s.customer_id = a.customer_id"
            " and s.started_day < a.cutoff + h.days group by a.row order by a.row"
        )
    else:
        query = "select row, 0.0 as spend from asked order by row"
    return np.asarray(connection.sql(query).fetchnumpy()["spend"], float)
