"""Labels: whether a customer churned, by the study's definition, known only once there was time for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.checked import CheckedTables
from features.refusal import Refusal, did_you_mean
from features.snapshot import day_number
from features.sources import connect
from features.store import written_whole
from models.definition import ChurnDefinition, Kind

TOLD_BY: Mapping[Kind, tuple[str, str]] = {
    "silence": ("transactions", "day"), "contract": ("subscriptions", "ended_day"), "event": ("interactions", "kind"), "given": ("vectors", "churned"),
}  # fmt: skip
"""The table and column that tell who churned."""
EVENT_TABLES = ("transactions", "subscriptions", "interactions", "offers")


@dataclass(frozen=True)
class Labels:
    """What happened after each cut-off, in the order of a vectors table; of a censored row nothing can be read.

    A part is taken by `labels[rows]`, rows being a mask or places; only a part that is wholly matured tells who
    `churned`. So no count or measure takes in what nobody can know yet.

    Attributes
    ----------
    matured
        Shape (rows,): whether there was time to see it, and the shop has said it; False is censored.
    """

    matured: npt.NDArray[np.bool_]
    _churned: npt.NDArray[np.bool_] = field(repr=False)
    _spend: npt.NDArray[np.float64] = field(repr=False)

    @classmethod
    def of(
        cls, churned: npt.NDArray[np.bool_], spend: npt.NDArray[np.float64], matured: npt.NDArray[np.bool_]
    ) -> Labels:
        """The labels of what was found; what was found of censored rows is not kept."""
        return cls(matured, churned & matured, np.where(matured, spend, np.nan))

    def __len__(self) -> int:
        return len(self.matured)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Labels:
        return Labels(self.matured[rows], self._churned[rows], self._spend[rows])

    @property
    def churned(self) -> npt.NDArray[np.bool_]:
        """Whether each customer left, shape (rows,); ValueError where one of the rows is censored."""
        self._require_matured()
        return self._churned

    @property
    def spend(self) -> npt.NDArray[np.float64]:
        """Money spent within the horizon, shape (rows,): purchases, else the price of the contracts by the day.

        ValueError where one of the rows is censored.
        """
        self._require_matured()
        return self._spend

    def _require_matured(self) -> None:
        if not self.matured.all():
            censored = int((~self.matured).sum())
            raise ValueError(f"{censored} of {len(self)} labels are censored; take the matured ones: labels[rows]")


def is_matured(cutoff: date, label_days: int, known_until: date) -> bool:
    """Whether the label of a cut-off can be known."""
    return cutoff + timedelta(days=label_days) <= known_until


def churn_labels(checked: CheckedTables, vectors: pa.Table, definition: ChurnDefinition) -> Labels:
    """The labels of every row of a vectors table, of which `cutoff` and `customer_id` are read.

    Raises
    ------
    Refusal
        HF207 where the shop has no table that tells who churned by this definition; HF104 for kinds of event that it
        never had.
    """
    require_told(checked, definition)
    rows = vectors.select(["cutoff", "customer_id"])
    rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    known = day_number(checked.known_until)
    matured = np.asarray(rows.column("cutoff").to_numpy() + definition.label_days <= known)
    with connect(threads=1) as connection:
        connection.register("asked", rows)
        if definition.kind == "silence":
            found = connection.sql(_purchases_within(checked, definition.horizon_days)).fetchnumpy()
            return Labels.of(np.asarray(found["days"] == 0), np.asarray(found["spend"], float), matured)
        spend = _spend(connection, checked, definition.horizon_days)
        if definition.kind == "contract":
            return Labels.of(_contract_ended(connection, checked, definition) == 1, spend, matured)
        if definition.kind == "event":
            did = _event_happened(connection, checked, definition)
            return Labels.of(did if definition.event == "does" else ~did, spend, matured)
        said = _given(connection, checked)
        return Labels.of(said == 1, spend, ~np.isnan(said))


def write_labels(file: Path, vectors: pa.Table, eligible: npt.NDArray[np.bool_], labels: Labels) -> int:
    """Write the labels of the eligible rows as Parquet, whole or not at all; the number of rows.

    The columns are `cutoff` (a date), `customer_id`, `churned` and `spend`, which are null while censored.
    """
    rows = np.flatnonzero(eligible)
    known = np.flatnonzero(labels.matured[rows])
    churned, spend = np.full(len(rows), None, object), np.full(len(rows), None, object)
    churned[known], spend[known] = labels[rows[known]].churned, labels[rows[known]].spend
    table = pa.table({
        "cutoff": vectors.column("cutoff").take(rows).cast(pa.int32()).cast(pa.date32()),
        "customer_id": vectors.column("customer_id").take(rows),
        "churned": pa.array(churned, pa.bool_()), "spend": pa.array(spend, pa.float64()),
    })  # fmt: skip
    with written_whole(file) as beside:
        pq.write_table(table, beside, compression="zstd")
    return int(table.num_rows)


def spend_within(checked: CheckedTables, rows: pa.Table, days: int) -> npt.NDArray[np.float64]:
    """Money spent in the days after its cut-off by each row of a table of `cutoff` and `customer_id`; shape (rows,).

    Purchases, else the price of the contracts by the day, else 0; only what is known counts.
    """
    asked = rows.select(["cutoff", "customer_id"]).append_column("row", pa.array(np.arange(rows.num_rows)))
    with connect(threads=1) as connection:
        connection.register("asked", asked)
        return _spend(connection, checked, days)


def require_told(checked: CheckedTables, definition: ChurnDefinition) -> None:
    """Refuse (HF207, HF104) a definition of which the shop's tables tell nothing."""
    table, column = TOLD_BY[definition.kind]
    others = " or ".join(f"{kind} ({of})" for kind, (of, _) in TOLD_BY.items() if kind != definition.kind)
    have = checked.columns.get(table)
    if have is None or column not in have:
        lacking = f"[tables.{table}]" if have is None else f"tables.{table}.columns.{column.replace('_day', '_at')}"
        raise Refusal(
            "HF207", f"Who churned by {definition.kind} is told from {table}, and shop.toml does not map {lacking}.",
            f"Add {lacking}, or set churn.definition in study.toml to {others}.",
        )  # fmt: skip
    if definition.kind == "event":
        _require_kinds(checked, definition.event_kinds)
    if definition.kind == "given" and not checked.given and not _brings_features(checked):
        raise Refusal(
            "HF207", "The table vectors holds labels and no measures, and no other table tells anything of the customers.",
            "Map measures under [tables.vectors.attributes], or add [tables.transactions] or another table.",
        )  # fmt: skip


def _brings_features(checked: CheckedTables) -> bool:
    """Whether a table beside the labels brings columns to learn from."""
    return bool(checked.attributes) or any(name in checked.columns for name in EVENT_TABLES)


def _require_kinds(checked: CheckedTables, kinds: Sequence[str]) -> None:
    """Refuse (HF104) kinds of event that the table never holds: a slip of the pen would make everyone stay."""
    with connect() as connection:
        found = connection.sql(
            f"select distinct kind from {checked.rows('interactions')} where kind is not null"
        ).fetchall()
    held = {kind for (kind,) in found}
    for kind in kinds:
        if kind not in held:
            raise Refusal("HF104", f"study.toml: churn.event_kinds names {kind!r}, and no interaction is of that kind.",
                          did_you_mean(kind, held))  # fmt: skip


def _event_happened(
    connection: duckdb.DuckDBPyConnection, checked: CheckedTables, definition: ChurnDefinition
) -> npt.NDArray[np.bool_]:
    """Whether an interaction of the definition's kinds lies within the horizon."""
    found = connection.execute(
        "select a.row, count(i.day) > 0 as happened from asked as a"
        f" left join (select customer_id, day from {checked.rows('interactions')} where list_contains(?, kind)) as i"
        " on i.customer_id = a.customer_id and i.day >= a.cutoff"
        f" and i.day < a.cutoff + {int(definition.horizon_days)} group by a.row order by a.row",
        [list(definition.event_kinds)],
    ).fetchnumpy()
    return np.asarray(found["happened"], bool)


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
