"""The best DuckDB SQL for the same columns: each cut-off written out as numbers, windows as FILTER clauses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from features.catalog import Catalog

_CASE_SUM = re.compile(r"sum\(case when ([^()]*?) then ([\w* ]+?)( else 0)? end\)")


def write_by_hand(
    file: Path, catalog: Catalog, cutoffs: Sequence[int], memory_days: int, folder: Path, memory: str
) -> None:
    """Write what the catalog's columns are worth at each cut-off to `folder`, a Parquet file per cut-off."""
    with duckdb.connect() as connection:
        connection.execute(f"set threads = 2; set memory_limit = '{memory}'; set preserve_insertion_order = false")
        connection.execute("set ieee_floating_point_ops = false; set error_on_division_by_zero = false")
        connection.execute("create macro ratio(a, b) as cast(a as double) / cast(b as double)")
        connection.execute(f"create view transactions as select *, null::double as cost from '{file}'")
        connection.execute("create table reference_prices (product varchar, price double)")
        connection.execute(
            "create table known_customers as select customer_id, min(day) as day from transactions group by 1"
        )
        for name, sql in catalog.reductions.items():
            if name != "known_customers":
                connection.execute(f"create temp table {name} as {sql}")
        folder.mkdir(parents=True, exist_ok=True)
        for cutoff in cutoffs:
            target = folder / f"{cutoff}.parquet"
            connection.execute(
                f"copy ({_query(catalog, cutoff, memory_days)}) to '{target}' (format parquet, compression zstd)"
            )


def _query(catalog: Catalog, cutoff: int, memory_days: int) -> str:
    by_relation: dict[str, list[str]] = {}
    expressions = []
    for feature in catalog.features:
        if feature.relation == "vector":
            expressions.append((feature.name, feature.sql))
        else:
            sql = f"coalesce({feature.sql}, 0)" if feature.missing == "0" else feature.sql
            by_relation.setdefault(feature.relation, []).append(f"{_filtered(sql)} as {feature.name}")
    parts = []
    for relation, columns in by_relation.items():
        source = catalog.relations[relation].replace(" join cutoffs as c on ", " where ")
        source = re.sub(r"(?<=group by) c\.cutoff,", "", source).replace("select c.cutoff, ", "select ")
        source = source.replace("c.cutoff", str(cutoff)).replace("c.memory_days", str(memory_days))
        parts.append(f"{relation} as (select customer_id, {', '.join(columns)} from ({source}) group by customer_id)")
    joins = " ".join(f"left join {relation} using (customer_id)" for relation in by_relation)
    parts.append(f"every as (select * from (select customer_id from known_customers where day < {cutoff}) {joins})")
    # DuckDB lets a select list name its own columns, in whatever order they depend on one another
    derived = "".join(f", {sql} as {name}" for name, sql in expressions)
    return f"with {', '.join(parts)} select *{derived} from every"


def _filtered(sql: str) -> str:
    """`sum(case when c then x else 0 end)` as `sum(x) filter (where c)`; without a row it is 0 where it was."""

    def rewritten(found: re.Match[str]) -> str:
        condition, value, otherwise = found.groups()
        total = (
            f"(count(*) filter (where {condition}))"
            if value.strip() == "1"
            else f"(sum({value}) filter (where {condition}))"
        )
        return f"coalesce({total}, 0)" if otherwise else total

    return _CASE_SUM.sub(rewritten, sql)
