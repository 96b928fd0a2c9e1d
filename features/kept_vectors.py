"""Vectors kept in the store, a file per family and cut-off, taken again while nothing they rest on has changed.

A new day of events changes no former cut-off, a changed feature only its family and those that name it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.checked import CheckedTables
from features.events import TABLES
from features.known_rows import Known, known_rows
from features.references import VectorReferences
from features.snapshot import day_number
from features.store import Store, written_whole
from features.vector_query import KEYS

FORMAT = 1  # of the kept files; a change makes every vector be computed again
_KEPT_DAYS = 30  # after its last use a file makes room, told from the file times alone

Compute = Callable[[Catalog, Sequence[date]], pa.Table]


def kept_or_computed(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, store: Store,
    references: VectorReferences | None, compute: Compute,
) -> pa.Table:  # fmt: skip
    """What `compute(catalog, cutoffs)` gives; only the families and cut-offs that are not in the store are computed."""
    cutoffs = sorted(set(cutoffs))
    spine = compute(catalog.naming(()), cutoffs)
    of_cutoff = spine.column("cutoff").to_numpy()
    spines = {cutoff: spine.filter(pa.array(of_cutoff == day_number(cutoff))) for cutoff in cutoffs}
    of_spine = {cutoff: _ids(spines[cutoff]) for cutoff in cutoffs}
    rows = known_rows(checked, cutoffs)
    families = tuple(dict.fromkeys(feature.family for feature in catalog.features))
    closures = {family: catalog.closure(family) for family in families}
    files = {}
    for family, closure in closures.items():
        rests_on = [FORMAT, closure.as_dict(), memory_days]
        if references and any(need.startswith("references.") for f in closure.features for need in f.needs):
            rests_on.append(references.fingerprint)
        tables = _tables_of(closure)
        for k, cutoff in enumerate(cutoffs):
            known: dict[str, Known] = {name: rows[name][k] for name in tables if name in rows}
            key = _key(*rests_on, known, {name: checked.columns[name] for name in known}, of_spine[cutoff])
            files[family, cutoff] = store.vectors / str(cutoff) / f"{family}-{key}.parquet"
    missing: dict[tuple[str, ...], list[date]] = defaultdict(list)
    for cutoff in cutoffs:
        if lacking := tuple(family for family in families if not files[family, cutoff].exists()):
            missing[lacking].append(cutoff)
    for lacking, at in missing.items():
        wanted = catalog.naming(f.name for f in catalog.features if f.family in lacking)
        found = compute(wanted, at)
        of_found = found.column("cutoff").to_numpy()
        for cutoff in at:
            part = found.filter(pa.array(of_found == day_number(cutoff)))
            for family in lacking:
                names = [feature.name for feature in catalog.features if feature.family == family]
                _keep(part.select(names), files[family, cutoff])
    return pa.concat_tables(_gathered(spines[cutoff], cutoff, catalog, families, files) for cutoff in cutoffs)


def _gathered(
    spine: pa.Table, cutoff: date, catalog: Catalog, families: Sequence[str], files: dict[tuple[str, date], Path]
) -> pa.Table:
    columns = {name: spine.column(name) for name in KEYS}
    for family in families:
        file = files[family, cutoff]
        os.utime(file)
        kept = pq.read_table(file)
        columns |= {name: kept.column(name) for name in kept.column_names}
    return pa.table({name: columns[name] for name in (*KEYS, *catalog.names)})


def _keep(table: pa.Table, file: Path) -> None:
    with written_whole(file) as beside:
        pq.write_table(table, beside, compression="zstd")
    now = file.stat().st_mtime
    for other in file.parent.iterdir():
        with suppress(FileNotFoundError):  # another process may be writing here, or making room
            if other.stat().st_mtime < now - _KEPT_DAYS * 86400:
                other.unlink()


def _tables_of(closure: Catalog) -> list[str]:
    """The shop's tables that a family reads; who is known to the shop is told by the customers' ids themselves."""
    read = [sql for name, sql in (*closure.reductions.items(), *closure.relations.items()) if name != "known_customers"]
    words = set(re.findall(r"\w+", " ".join(read)))
    if any(feature.relation == "attributes" for feature in closure.features):
        words.add("customers")
    return [name for name in TABLES if name in words]


def _ids(spine: pa.Table) -> str:
    return hashlib.sha256("\0".join(spine.column("customer_id").to_pylist()).encode()).hexdigest()


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()[:16]
