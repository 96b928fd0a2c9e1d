"""Groups of judged customers: by segment, tier, tenure, and the attributes that a study names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.catalog import is_protected
from features.checked import CheckedTables
from features.sources import connect
from models.bundle import Bundle
from models.habits import habits
from training.judge import JudgedCutoff
from training.names import require_attributes

Floats = npt.NDArray[np.float64]
FEWEST_CUSTOMERS = 30
"""Groups of fewer customers are put together: their figures would be chance, and could tell of someone."""
OTHERS = "all others"
UNKNOWN = "not known"
_MOST_GROUPS = 12
_FEW_VALUES = 8
_TENURE = ((91, "under 3 months"), (365, "3 to 12 months"), (np.inf, "a year and more"))


@dataclass(frozen=True)
class Grouping:
    """One way of telling judged customers apart.

    Attributes
    ----------
    group
        The group of every judged row, of all cut-offs after each other.
    order
        The groups in the order to show them.
    is_attribute
        Whether the study names it: then it is also compared for fairness.
    is_protected, in_model
        Of an attribute: whether its name is of what the law protects, and whether the model learns from it.
    """

    name: str
    group: npt.NDArray[np.str_]
    order: tuple[str, ...]
    is_attribute: bool = False
    is_protected: bool = False
    in_model: bool = False


def groupings(
    judged: Sequence[JudgedCutoff], bundle: Bundle, checked: CheckedTables, attributes: Sequence[str]
) -> list[Grouping]:
    """Segment, tier and tenure where the vectors tell them, then each attribute.

    Raises
    ------
    Refusal
        HF104 where an attribute is none of the shop's.
    """
    X = np.concatenate([j.X for j in judged])
    ids = np.concatenate([j.customer_ids for j in judged])
    names = bundle.catalog.names
    known = habits({name: X[:, j] for j, name in enumerate(names)}, bundle.value)
    segments = bundle.segmenter.segments
    assigned = bundle.segmenter.assign(X[:, [names.index(name) for name in bundle.segmenter.features]])
    called = np.array([f"{s.id} {s.en}" for s in segments])
    found = [_grouping("segment", called[assigned], ids, list(called))]
    tier = bundle.relationship.words(known, np.ones(len(X), bool))["tier"]
    if (tier != "").all():
        found.append(_grouping("tier", tier, ids, ["key_top", "key", "ordinary", "small"]))
    if "days_since_first_purchase" in known:
        found.append(_tenure(known["days_since_first_purchase"], ids))
    for name in attributes:
        kind, values = _attribute(checked, name, judged)
        group, order = (_numbers if kind == "number" else _levels)(values)
        column = {f"attribute_{name}", f"given_{name}"}
        found.append(_grouping(name, group, ids, order, is_attribute=True, is_protected=is_protected(name),
                               in_model=bool(column & set(names))))  # fmt: skip
    return found


def _grouping(
    name: str, group: npt.NDArray[Any], ids: npt.NDArray[Any], order: Sequence[str], **more: bool
) -> Grouping:
    """The grouping with small groups put together, and those beyond the largest dozen."""
    group = group.astype(object)
    sizes = {one: len(set(ids[group == one])) for one in order if (group == one).any()}
    largest = sorted(sizes, key=lambda one: -sizes[one])[
        : _MOST_GROUPS if len(sizes) <= _MOST_GROUPS else _MOST_GROUPS - 1
    ]
    kept = [one for one in sizes if one in largest and sizes[one] >= FEWEST_CUSTOMERS]
    group = np.where(np.isin(group, kept), group, OTHERS)
    order = [*kept, OTHERS] if (group == OTHERS).any() else kept
    return Grouping(name, group.astype(str), tuple(order), **more)


def _tenure(days: Floats, ids: npt.NDArray[Any]) -> Grouping:
    edges, names = zip(*_TENURE, strict=True)
    said = np.array(names)[np.minimum(np.searchsorted(edges, np.nan_to_num(days), side="right"), len(names) - 1)]
    return _grouping("tenure", np.where(np.isnan(days), UNKNOWN, said), ids, [*names, UNKNOWN])


def _attribute(checked: CheckedTables, name: str, judged: Sequence[JudgedCutoff]) -> tuple[str, list[Any]]:
    """Kind and value of an attribute for every judged row, None where it is not known.

    Of a column of `vectors` the latest row that was known at the cut-off.
    """
    require_attributes(checked, [name])
    of_customers = name in checked.attributes
    asked = pa.table({
        "row": np.arange(sum(len(j.customer_ids) for j in judged)),
        "customer_id": np.concatenate([j.customer_ids for j in judged]).astype(str),
        "cutoff": np.concatenate([j.day for j in judged]),
    })  # fmt: skip
    if of_customers:
        value, known = f"any_value(t.attribute_{name})", ""
        rows, kind = checked.rows("customers"), checked.attributes[name]
    else:
        dated = "as_of_day" in checked.columns["vectors"]
        value = f"arg_max(t.given_{name}, coalesce(t.as_of_day, 0))" if dated else f"any_value(t.given_{name})"
        known = " and coalesce(t.as_of_day, 0) <= a.cutoff" if dated else ""
        rows, kind = checked.rows("vectors"), checked.given[name]
    with connect() as connection:
        connection.register("asked", asked)
        found = connection.sql(
            f"select a.row, {value} as value from asked as a left join {rows} as t"
            f" on t.customer_id = a.customer_id{known} group by a.row order by a.row"
        ).to_arrow_table()
    return kind, found.column("value").to_pylist()


def _levels(values: Sequence[Any]) -> tuple[npt.NDArray[Any], list[str]]:
    said = np.array([UNKNOWN if value is None else str(value) for value in values], object)
    levels = sorted(set(said) - {UNKNOWN}, key=_by_first_number)
    return said, [*levels, UNKNOWN]


def _by_first_number(level: str) -> tuple[float, bool, str]:
    """Levels like `under 15K`, `15-24K`, `100-124K` in the order that they mean."""
    found = re.search(r"\d+", level)
    return float(found[0]) if found else np.inf, level[:1].isdigit(), level


def _numbers(values: Sequence[Any]) -> tuple[npt.NDArray[Any], list[str]]:
    """Few values as they are; many in four parts of about equal count."""
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    there = numbers[~np.isnan(numbers)]
    distinct = np.unique(there)
    if len(distinct) <= _FEW_VALUES:
        said = np.array([UNKNOWN if np.isnan(x) else f"{x:g}" for x in numbers], object)
        return said, [*(f"{x:g}" for x in distinct), UNKNOWN]
    edges = np.unique(np.quantile(there, [0.25, 0.5, 0.75]))
    names = [f"under {edges[0]:g}", *(f"{a:g} to under {b:g}" for a, b in pairwise(edges)),
             f"{edges[-1]:g} and more"]  # fmt: skip
    part = np.searchsorted(edges, np.nan_to_num(numbers), side="right")
    return np.where(np.isnan(numbers), UNKNOWN, np.array(names, object)[part]), [*names, UNKNOWN]
