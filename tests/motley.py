"""A small shop of every table and every oddity that a check lets through, to ask different engines about the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.behavior import CATALOG
from features.checked import CheckedTables
from features.events import TABLES
from features.references import VectorReferences
from features.snapshot import day_number

CUTOFFS = (date(2024, 3, 1), date(2024, 5, 31), date(2024, 6, 30), date(2024, 7, 1))
MEMORY = 182
IDS = ("a", "A", "B", "_", "ä", "Ä", "z", "中文", "😀", "it's", 'a "quoted" one', "a,b", "a\\b", "a\nb", " a", "", "0", "-1",
       *(f"c{number}" for number in range(40)))  # fmt: skip
OWN = {"region": "text", "age": "number", "Région": "text", "KundenNr": "number", "l" + "o" * 70 + "ng": "number"}
_NUMBERS = {
    need.removeprefix("references.") for f in CATALOG.features for need in f.needs if need.startswith("references.")
}
REFERENCES = VectorReferences(
    date(2024, 1, 1),
    {name: number / 4 for number, name in enumerate(sorted(_NUMBERS - {"prices"}), 1)},
    dict.fromkeys(IDS[::2], 12.5),
)
_FIRST, _LAST = day_number(date(2023, 6, 1)), day_number(date(2024, 8, 1))
_TYPES = {"varchar": pa.string(), "integer": pa.int32(), "double": pa.float64()}
_TEXTS = {
    "kind": ("visit", "complaint", "ticket", "email_open", "email_click", "call", "review", "payment_failed", "it's"),
    "arm": ("treat", "control"),
    "order_id": tuple(f"o{number}" for number in range(300)),
}
_ROWS = {
    "transactions": 3000, "customers": len(IDS), "interactions": 900, "subscriptions": 250, "offers": 500, "vectors": 150,
}  # fmt: skip


def motley_shop(folder: Path) -> CheckedTables:
    """Its checked tables in `folder`, the same each time; a fifth of what may be empty is."""
    rng = np.random.default_rng(5)
    columns = {}
    for name, table in TABLES.items():
        schema = dict(table.checked_schema)
        if table.takes_attributes:
            prefix = "attribute" if name == "customers" else "given"
            schema |= {f"{prefix}_{own}": "varchar" if kind == "text" else "double" for own, kind in OWN.items()}
        required = [column.checked_name for column in table.columns if column.required]
        rows: dict[str, Any] = {}
        for column, kind in schema.items():
            values = _values(rng, column, kind, _ROWS[name])
            gone = (rng.random(_ROWS[name]) < 0.2) & (column not in required)
            rows[column] = pa.array([None if out else v for v, out in zip(values, gone, strict=True)], _TYPES[kind])
        if table.one_row_per_customer:
            rows["customer_id"] = pa.array(IDS)
        pq.write_table(pa.table(rows), folder / f"{name}.parquet", row_group_size=400)
        columns[name] = tuple(rows)
    return CheckedTables(
        folder=folder, fingerprint="motley", known_until=date(2030, 1, 1), first_day=date(2000, 1, 1),
        last_day=date(2029, 12, 31), columns=columns, attributes=OWN, given=OWN,
    )  # fmt: skip


def _values(rng: np.random.Generator, column: str, kind: str, count: int) -> list[Any]:
    if column == "customer_id":
        return list(rng.choice(IDS, count))
    if column.endswith("day"):
        return list(map(int, _FIRST + (_LAST - _FIRST) * rng.random(count) ** 0.5))
    if kind == "integer":
        return list(map(int, rng.random(count) < 0.15))
    if kind == "varchar":
        return list(rng.choice(_TEXTS.get(column, IDS), count))
    if column == "period_days":
        return list(map(float, rng.choice([7, 30, 30.5, 365, 0, 1e9], count)))
    # prices in quarters, so that sums of equal ones are equal; some are nothing, some negative, a few out of proportion
    values = rng.integers(-20, 400, count) / 4
    values[rng.random(count) < 0.1] = 0
    values[rng.random(count) < 0.01] = 1e6
    return list(map(float, values))
