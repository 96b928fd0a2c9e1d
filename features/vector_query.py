"""The one SQL statement of a catalog's behaviour vectors; the same text for one customer and for all."""

from __future__ import annotations

import re

from features.catalog import Catalog, Feature
from features.references import NUMBERS

KEYS = ("cutoff", "customer_id", "has_bought")


def vector_query(catalog: Catalog) -> str:
    """SQL that gives `cutoff`, `customer_id`, `has_bought` and every column of the catalog.

    It reads the catalog's reductions, the table `cutoffs` (cutoff, memory_days) and, where a feature needs them, the
    references, so that the same text serves one cut-off or many, and is prepared once.
    """
    by_relation: dict[str, list[Feature]] = {}
    for feature in catalog.features:
        by_relation.setdefault(feature.relation, []).append(feature)
    expressions = by_relation.pop("vector", [])
    attributes = by_relation.pop("attributes", [])
    parts = [
        "spine as (select c.cutoff, k.customer_id,"
        " case when k.first_purchase_day < c.cutoff then 1 else 0 end as has_bought from known_customers as k"
        " join cutoffs as c on k.first_day < c.cutoff)"
    ]
    columns, joins = [f"s.{name}" for name in KEYS], []
    # few columns first: what is joined early passes through every later join
    if attributes:
        joins.append("left join customers as a on a.customer_id = s.customer_id")
        columns += [f"a.{f.sql} as {f.name}" for f in attributes]
    if numbers := reference_numbers(catalog):
        joins.append(f"cross join {NUMBERS} as p")
        columns += [f"p.{name}" for name in numbers]
    for relation, features in sorted(by_relation.items(), key=lambda item: len(item[1])):
        aggregates = ", ".join(f"{f.sql} as {f.name}" for f in features)
        parts.append(
            f"{relation}_features as (select cutoff, customer_id, {aggregates}"
            f" from ({catalog.relations[relation]}) as r group by cutoff, customer_id)"
        )
        joins.append(
            f"left join {relation}_features as {relation}"
            f" on {relation}.cutoff = s.cutoff and {relation}.customer_id = s.customer_id"
        )
        columns += [_column(f, f"{relation}.{f.name}") for f in features]
    parts.append(f"gathered as (select {', '.join(columns)} from spine as s {' '.join(joins)})")
    source, last = "gathered", {name: name for name in catalog.names}
    for depth, level in enumerate(levels := _levels(expressions)):
        if depth < len(levels) - 1:
            found = ", ".join(_column(feature, feature.sql) for feature in level)
            parts.append(f"expressed_{depth} as (select *, {found} from {source})")
            source = f"expressed_{depth}"
        else:
            last |= {feature.name: _column(feature, feature.sql) for feature in level}
    return f"with {', '.join(parts)} select {', '.join((*KEYS, *last.values()))} from {source}"


def reference_numbers(catalog: Catalog) -> tuple[str, ...]:
    """The columns of `reference_numbers` that the catalog's features read, in order."""
    needed = {need.removeprefix("references.") for f in catalog.features for need in f.needs if need != _PRICES
              and need.startswith("references.")}  # fmt: skip
    return tuple(sorted(needed))


_PRICES = "references.prices"


def _levels(expressions: list[Feature]) -> list[list[Feature]]:
    """Features over other columns, those first that name no other such feature.

    PostgreSQL does not let a select list name its own columns, so that each level is a select of its own.
    """
    waiting = {feature.name: feature for feature in expressions}
    named = {name: set(re.findall(r"\w+", feature.sql)) & (set(waiting) - {name}) for name, feature in waiting.items()}
    levels = []
    while waiting:
        ready = [name for name in waiting if not named[name] & set(waiting)]
        if not ready:
            raise ValueError(f"features name one another in a circle: {', '.join(waiting)}")
        levels.append([waiting.pop(name) for name in ready])
    return levels


def _column(feature: Feature, sql: str) -> str:
    filled = f"coalesce({sql}, 0)" if feature.missing == "0" else sql
    return f"cast({filled} as {'varchar' if feature.unit == 'category' else 'double'}) as {feature.name}"
