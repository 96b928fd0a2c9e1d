"""Scores of any number of customers through Spark: vectors from Parquet to scores in Parquet, nothing on the driver."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.checked import CheckedTables
from features.on_spark import location, read_parquet
from features.store import written_whole
from models.bundle import Bundle, load_bundle
from models.reasons import Reason, raising
from models.score import explain, explainer, score

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TOLD = 3
SCHEMA = pa.schema(
    [("customer_id", pa.string()), ("cutoff", pa.int32()), ("bundle", pa.string()), ("eligible", pa.bool_())]
    + [(name, pa.float64()) for name in ("churn_probability", "percentile")]
    + [("band", pa.string())]
    + [(name, pa.float64()) for name in ("lifetime_value", "lifetime_low", "lifetime_high", "value_at_risk")]
    + [(name, pa.string()) for name in ("segment", "state", "stage", "tier", "value_quadrant", "rfm")]
    + [field for n in range(1, _TOLD + 1)
       for field in ((f"driver_{n}", pa.string()), (f"push_{n}", pa.float64()), (f"reason_{n}", pa.string()))]
)  # fmt: skip
"""What is known of each customer; `push_<n>` in log-odds, `reason_<n>` a sentence, the strongest first."""

Files = tuple[tuple[str, bytes], ...]


def score_on_spark(
    spark: SparkSession, bundle_folder: Path, vectors_folder: Path, folder: Path, bundle_id: str,
    checked: CheckedTables | None = None, language: str = "en", currency: str = "EUR",
) -> int:  # fmt: skip
    """Score the vectors that `vectors_on_spark` wrote; the scores, by cut-off, take the folder's place whole.

    Equal to `models.score` on the same vectors. Whoever is not eligible has no probability and no reasons; who opted
    out of profiling in the checked tables has no value, segment or relationship either. Every worker of Spark needs
    Holdfast installed; the bundle travels to it once, as the files it is, and is verified there.

    Returns
    -------
    int
        The number of customers scored, counted once per cut-off.
    """
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    load_bundle(bundle_folder, bundle_id)  # what is damaged is refused here, before any worker starts
    files = tuple((file.name, file.read_bytes()) for file in sorted(bundle_folder.iterdir()) if file.is_file())
    sent = spark.sparkContext.broadcast(files)

    def scored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        bundle = _bundle(sent.value, bundle_id)
        for batch in batches:
            yield _scored(bundle, pa.Table.from_batches([batch]), language, currency)

    counted = Observation()
    with written_whole(folder) as beside:
        vectors = _with_objections(spark, read_parquet(spark, vectors_folder), checked)
        frame = vectors.mapInArrow(scored, _ddl()).observe(counted, count(lit(1)).alias("rows"))
        frame.write.partitionBy("cutoff").option("compression", "zstd").parquet(location(beside))
    sent.destroy()
    return int(counted.get["rows"])


def _with_objections(spark: SparkSession, vectors: DataFrame, checked: CheckedTables | None) -> DataFrame:
    """The vectors with a column `opted_out`."""
    from pyspark.sql.functions import col, lit

    if checked is None or "profiling_opt_out" not in checked.columns.get("customers", ()):
        return vectors.withColumn("opted_out", lit(False))
    objecting = read_parquet(spark, checked.path("customers")).where("profiling_opt_out = 1")
    objecting = objecting.select("customer_id", lit(True).alias("objects"))
    return vectors.join(objecting, "customer_id", "left").withColumn("opted_out", col("objects").isNotNull())


def _ddl() -> str:
    kinds = {pa.string(): "string", pa.int32(): "int", pa.bool_(): "boolean", pa.float64(): "double"}
    return ", ".join(f"{column.name} {kinds[column.type]}" for column in SCHEMA)


@lru_cache(maxsize=1)  # Spark keeps its Python workers for many tasks
def _bundle(files: Files, bundle_id: str) -> Bundle:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files:
            (Path(folder) / name).write_bytes(content)
        return load_bundle(Path(folder), bundle_id)


def _scored(bundle: Bundle, vectors: pa.Table, language: str, currency: str) -> pa.RecordBatch:
    ids = vectors.column("customer_id").to_pylist()
    objecting = np.array(vectors.column("opted_out").to_pylist(), bool)
    scores = score(bundle, vectors, frozenset(customer for customer, no in zip(ids, objecting, strict=True) if no))
    reasons, _ = explain(scores, vectors, explainer(bundle, language, currency))
    mean, low, high = scores.lifetime_value
    segments = np.array([segment.id for segment in bundle.segmenter.segments])
    columns: dict[str, Any] = {
        "customer_id": ids,
        "cutoff": vectors.column("cutoff").to_pylist(),
        "bundle": [bundle.id] * len(ids),
        "eligible": scores.eligible,
        "churn_probability": _where(scores.eligible, scores.churn_probability),
        "percentile": _where(scores.eligible, scores.percentile),
        "band": _where(scores.eligible, scores.band),
        "lifetime_value": _where(~objecting, mean),
        "lifetime_low": _where(~objecting, low),
        "lifetime_high": _where(~objecting, high),
        "value_at_risk": np.where(scores.eligible, scores.churn_probability * scores.lost_if_gone, 0.0),
        "segment": _where(~objecting, segments[scores.segment]),
        **{
            name: _where(~objecting, scores.words[name]) for name in ("state", "stage", "tier", "value_quadrant", "rfm")
        },
        **_told(reasons),
    }
    return pa.record_batch([pa.array(columns[column.name], column.type) for column in SCHEMA], schema=SCHEMA)


def _where(known: npt.NDArray[np.bool_], values: npt.NDArray[Any]) -> list[Any]:
    return [value if there else None for value, there in zip(values.tolist(), known, strict=True)]


def _told(reasons: list[tuple[Reason, ...]]) -> dict[str, list[Any]]:
    """The reasons that people are told, in columns."""
    columns: dict[str, list[Any]] = {}
    told = [raising({"reasons": [reason.as_dict() for reason in of_one]}) for of_one in reasons]
    for n in range(_TOLD):
        nth = [found[n] if n < len(found) else {} for found in told]
        for column, key in (("driver", "driver"), ("push", "push"), ("reason", "sentence")):
            columns[f"{column}_{n + 1}"] = [reason.get(key) for reason in nth]
    return columns
