"""Behaviour vectors computed by Spark, where a shop outgrows one machine: Parquet in, Parquet out, nothing collected."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from features.catalog import Catalog
from features.checked import CheckedTables
from features.dialects import SPARK
from features.references import NUMBERS, PRICES, VectorReferences
from features.refusal import Refusal
from features.snapshot import day_number
from features.statements import LoadedColumn, statements
from features.store import written_whole

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SETTINGS = {
    "spark.app.name": "holdfast",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # what overflows is an error here as elsewhere
    # a customer's rows lie together, so that the joins of a customer's parts move nothing
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
    "spark.sql.codegen.maxFields": "1000",  # vectors are wide; compiled they take three quarters of the time
}


def spark_session(settings: Mapping[str, str] | None = None) -> SparkSession:
    """The session of this process, on all cores of this machine unless Spark's own configuration says otherwise.

    Spark reads its own: `spark-defaults.conf` in SPARK_CONF_DIR, SPARK_HOME, JAVA_HOME. `settings` go before all.

    Raises
    ------
    Refusal
        HF107 without pyspark or without a Java that it runs on.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise Refusal("HF107", 'engine = "spark" needs the package pyspark.', "Install the extra `spark`.") from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else its workers take what `python3` happens to be
    builder = SparkSession.builder
    for name, value in {**_SETTINGS, **(settings or {})}.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise Refusal(
            "HF107", f"Spark does not start: {str(error).strip().splitlines()[0]}",
            "It needs Java 17 or 21: name its folder in JAVA_HOME. Spark's own words are above.",
        ) from None  # fmt: skip


def vectors_on_spark(
    checked: CheckedTables, catalog: Catalog, cutoffs: Sequence[date], memory_days: int, spark: SparkSession,
    folder: Path, references: VectorReferences | None = None,
) -> int:  # fmt: skip
    """Write what `features.vectors.vectors` gives, to 1e-9, as Parquet by cut-off (`cutoff=<day number>/`).

    The folder is written beside and takes its place whole. Its files lie in the order of their customers, one file
    per partition and cut-off. Tables and folder must lie where all workers of Spark see them.

    Returns
    -------
    int
        The number of rows written.

    Raises
    ------
    Refusal
        HF104 for SQL that is not portable; HF107 where Spark breaks off; HF206 for a cut-off of which nothing is known.
    """
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    for cutoff in cutoffs:
        checked.require_known(cutoff)
    asked = statements(SPARK, checked, catalog, references)
    with refusing_what_breaks_off(), ExitStack() as held, written_whole(folder) as beside:
        for name, columns in asked.tables.items():
            held.enter_context(_view(spark, name, _table(spark, checked, name, columns)))
        rows = ", ".join(f"({day_number(cutoff)}, {memory_days})" for cutoff in cutoffs)
        held.enter_context(_view(spark, "cutoffs", spark.sql(f"select * from values {rows} as t(cutoff, memory_days)")))
        held.enter_context(_view(spark, NUMBERS, spark.sql(asked.numbers)))
        if asked.reads_prices:
            prices = (references or VectorReferences(date.min)).price_table()
            held.enter_context(_view(spark, PRICES, spark.createDataFrame(prices)))
        for name, sql in asked.reductions.items():
            held.enter_context(_kept(spark, name, sql))
        counted = Observation()
        vectors = spark.sql(asked.query).toDF(*asked.columns).observe(counted, count(lit(1)).alias("rows"))
        ordered = vectors.sortWithinPartitions("cutoff", "customer_id")
        ordered.write.partitionBy("cutoff").option("compression", "zstd").parquet(location(beside))
    return int(counted.get["rows"])


@contextmanager
def refusing_what_breaks_off() -> Iterator[None]:
    """Whatever goes wrong on Spark is a refusal (HF107), in the words of its first line."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise Refusal(
            "HF107", f"Spark breaks off: {(str(error).strip() or type(error).__name__).splitlines()[0].rstrip('.')}.",
            "Its own words are above. Where it lacks memory or room on a disk, give it more in its spark-defaults.conf.",
        ) from error  # fmt: skip


def read_parquet(spark: SparkSession, path: Path) -> DataFrame:
    """A file or folder of this machine, whose name is no pattern."""
    return spark.read.parquet(re.sub(r"([\\*?\[\]{}])", r"\\\1", location(path)))


def location(path: Path) -> str:
    """A path as Spark writes to it: of this machine, whatever its default file system is."""
    return f"file://{path.absolute()}"


def _table(spark: SparkSession, checked: CheckedTables, name: str, columns: Sequence[LoadedColumn]) -> DataFrame:
    """A table of the contract, laid out by customer once for all reductions; what the shop does not bring is null."""
    raw = read_parquet(spark, checked.path(name)) if name in checked.columns else spark.range(0)
    table = raw.selectExpr(
        *(f"cast({f'`{c.source}`' if c.source else 'null'} as {SPARK.types[c.kind]}) as {c.name}" for c in columns)
    )
    return table.repartition(int(spark.conf.get("spark.sql.shuffle.partitions") or 200), "customer_id")


@contextmanager
def _view(spark: SparkSession, name: str, frame: DataFrame) -> Iterator[None]:
    frame.createOrReplaceTempView(name)
    try:
        yield
    finally:
        spark.catalog.dropTempView(name)


@contextmanager
def _kept(spark: SparkSession, name: str, sql: str) -> Iterator[None]:
    """A reduction, computed once."""
    frame = spark.sql(sql).persist()
    try:
        with _view(spark, name, frame):
            yield
    finally:
        frame.unpersist()
