"""Behaviour vectors of a whole shop: one row per customer and cut-off, from its checked tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.checked import CheckedTables
from features.kept_vectors import kept_or_computed
from features.on_duckdb import vectors_on_duckdb, write_on_duckdb
from features.references import VectorReferences
from features.store import Store, written_whole


def vectors(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, store: Store | None = None,
    threads: int = 1, references: VectorReferences | None = None,
) -> pa.Table:  # fmt: skip
    """The vectors of every customer known at each cut-off, ordered by cut-off and customer.

    Returns
    -------
    pyarrow.Table
        `cutoff` (day number), `customer_id`, `has_bought` (1, or 0 for who only signed up), then the catalog's
        columns: doubles, or strings for categories; null where the catalog says unknown.

    The shop's engine computes them. With a store, each family is kept there by cut-off and taken again while nothing
    that it rests on has changed (features/kept_vectors.py).
    """
    for cutoff in cutoffs:
        checked.require_known(cutoff)

    def compute(catalog: Catalog, cutoffs: Sequence[date]) -> pa.Table:
        if checked.engine == "postgres":
            from features.on_postgres import vectors_on_postgres

            return vectors_on_postgres(checked, catalog, cutoffs, memory_days, checked.postgres_url, references)
        if checked.engine == "spark":
            with tempfile.TemporaryDirectory(dir=checked.folder.parent) as beside:
                folder = Path(beside) / "vectors"
                write_vectors(checked, catalog, cutoffs, memory_days, folder, references)
                return read_vectors(folder)
        return vectors_on_duckdb(checked, catalog, cutoffs, memory_days, references, threads)

    if store is None:
        return compute(catalog, cutoffs)
    return kept_or_computed(checked, catalog, cutoffs, memory_days, store, references, compute)


def write_vectors(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, folder: Path,
    references: VectorReferences | None = None, threads: int = 2, memory_limit: str | None = None,
    tell: Callable[[int, int], object] = lambda _done, _of: None,
) -> int:  # fmt: skip
    """Write the same rows as Parquet, a folder per cut-off (`cutoff=<day number>/`); the number of rows written.

    The folder takes its place whole. The cut-off stands in the folder's name, not in the files.
    """
    for cutoff in cutoffs:
        checked.require_known(cutoff)
    if checked.engine == "spark":
        from features.on_spark import spark_session, vectors_on_spark

        return vectors_on_spark(checked, catalog, cutoffs, memory_days, spark_session(), folder, references)
    if checked.engine == "postgres":
        from features.on_postgres import vector_batches

        with vector_batches(checked, catalog, cutoffs, memory_days, checked.postgres_url, references) as batches:
            return _write_by_cutoff(batches, folder)
    return write_on_duckdb(checked, catalog, cutoffs, memory_days, folder, references, threads, memory_limit, tell=tell)


def read_vectors(folder: Path) -> pa.Table:
    """What `write_vectors` wrote, as `vectors` gives it."""
    import pyarrow.dataset as ds  # brings pandas along, which only this engine's way back needs

    cutoff = ds.partitioning(pa.schema([("cutoff", pa.int32())]), flavor="hive")
    table = ds.dataset(folder, format="parquet", partitioning=cutoff).to_table()
    table = table.select(["cutoff", *(name for name in table.column_names if name != "cutoff")])
    return table.sort_by([("cutoff", "ascending"), ("customer_id", "ascending")])


def _write_by_cutoff(batches: pa.RecordBatchReader, folder: Path) -> int:
    """Batches in the order of their cut-offs, each into the file of its own."""
    kept = pa.schema([field for field in batches.schema if field.name != "cutoff"])
    written = 0
    with written_whole(folder) as beside:
        beside.mkdir(parents=True)
        writers: dict[int, pq.ParquetWriter] = {}
        try:
            for batch in batches:
                for cutoff in batch.column("cutoff").unique().to_pylist():
                    if cutoff not in writers:
                        file = beside / f"cutoff={cutoff}" / "part-0000.parquet"
                        file.parent.mkdir()
                        writers[cutoff] = pq.ParquetWriter(file, kept, compression="zstd")
                    rows = pa.table(batch).filter(pc.equal(batch.column("cutoff"), cutoff))
                    writers[cutoff].write_table(rows.select(kept.names))
                written += batch.num_rows
        finally:
            for writer in writers.values():
                writer.close()
    return written
