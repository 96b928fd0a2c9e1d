"""Scores of any number of customers through Spark: vectors from Parquet to answers in Parquet, read back in blocks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.checked import CheckedTables
from features.on_spark import location, read_parquet, refusing_what_breaks_off
from features.store import written_whole
from models.bundle import Bundle, load_bundle
from models.decide import Case, Decision
from models.reasons import Reason
from models.score import answers, cases, explain, explainer, score

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_BLOCK = 5000
_LIGHT = pa.schema([
    ("customer_id", pa.string()), ("eligible", pa.bool_()), ("opted_out", pa.bool_()),
    ("churn_probability", pa.float64()), ("lost_if_gone", pa.float64()), ("tier", pa.string()),
    ("days_since_last_offer", pa.float64()), ("levers", pa.list_(pa.string())), ("pushes", pa.list_(pa.float64())),
])  # fmt: skip
SCHEMA = pa.schema([
    ("cutoff", pa.int32()), *_LIGHT, ("answer", pa.string()), ("vector", pa.list_(pa.float64())),
])  # fmt: skip
"""What decisions are made of; then the answer as JSON, its decision still null, and the vector as the model saw it."""

_UNDECIDED = Decision("no_action", "none", 1.0, 0.0, 0.0, 0.0, 0.0, "rule", ())
Files = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Told:
    """What every answer of a run says alike: when it was scored, in which language and currency it speaks."""

    scored_at: datetime
    language: str = "en"
    currency: str = "EUR"


def score_on_spark(
    spark: SparkSession, bundle: Bundle, vectors_folder: Path, folder: Path, told: Told,
    checked: CheckedTables | None = None,
) -> int:  # fmt: skip
    """Score the vectors that `vectors_on_spark` wrote; the answers, by cut-off, take the folder's place whole.

    Equal to `models.score` on the same vectors, reasons and all; nobody's decision is made, since these depend on all
    customers. Who opted out of profiling is told by the checked tables. Every worker of Spark needs Holdfast
    installed; the bundle travels to it once, as the files it is, and is verified there.

    Returns
    -------
    int
        The number of customers scored, counted once per cut-off.

    Raises
    ------
    Refusal
        HF107 where Spark breaks off; the folder stays as it was.
    """
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    sent, bundle_id = spark.sparkContext.broadcast(_files(bundle)), bundle.id

    def scored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        there = _bundle(sent.value, bundle_id)
        for batch in batches:
            for cutoff in batch.column("cutoff").unique():  # files of several days may come as one batch
                of_day = batch.filter(pc.equal(batch.column("cutoff"), cutoff))
                yield _scored(there, pa.Table.from_batches([of_day]), told)

    counted = Observation()
    with refusing_what_breaks_off(), written_whole(folder) as beside:
        vectors = _with_objections(spark, read_parquet(spark, vectors_folder), checked)
        frame = vectors.mapInArrow(scored, _ddl()).observe(counted, count(lit(1)).alias("rows"))
        frame.write.partitionBy("cutoff").option("compression", "zstd").parquet(location(beside))
    sent.destroy()
    return int(counted.get["rows"])


@dataclass(frozen=True)
class Answered:
    """Some customers' answers, decisions and all; their vectors, shape (rows, features); their places among all cases."""

    answers: Sequence[dict[str, Any]]
    X: npt.NDArray[np.float64]
    opted_out: npt.NDArray[np.bool_]
    places: Sequence[int]


class AnswersOnDisk:
    """What `score_on_spark` wrote of one cut-off: the light columns of all customers, the rest a block at a time."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("cutoff=*/*.parquet"))
        parts = [pq.ParquetFile(file).read(columns=_LIGHT.names).cast(_LIGHT) for file in self._files]
        light = pa.concat_tables([_LIGHT.empty_table(), *parts])
        order = pc.sort_indices(light.column("customer_id")).to_numpy()
        self._cases = light.take(order)
        self._places = np.empty(len(order), np.int64)  # of each row as it lies in the files
        self._places[order] = np.arange(len(order))

    def cases(self, channels: Mapping[str, frozenset[str]]) -> list[Case]:
        """What the decisions need to know of each customer, in the order of their ids, as everywhere."""
        columns = {name: self._cases.column(name).to_pylist() for name in _LIGHT.names}
        levers, pushes = columns.pop("levers"), columns.pop("pushes")
        rows = zip(*columns.values(), levers, pushes, strict=True)
        return [
            Case(
                **dict(zip(columns, light, strict=True)),
                reasons=tuple(Reason(name, push, True, (), "") for name, push in zip(names, values, strict=True)),
                channels=channels.get(light[0]),
            )
            for *light, names, values in rows
        ]

    def blocks(self, decisions: Sequence[Decision]) -> Iterator[Answered]:
        """Everybody's answers with these decisions, which are in the order of `cases`."""
        start = 0
        for file in self._files:
            for rows in pq.ParquetFile(file).iter_batches(_BLOCK, columns=["answer", "opted_out", "vector"]):
                places = self._places[start : start + rows.num_rows].tolist()
                start += rows.num_rows
                yield Answered(
                    [
                        _decided(text, decisions[place])
                        for text, place in zip(rows.column("answer").to_pylist(), places, strict=True)
                    ],
                    rows.column("vector").flatten().to_numpy().reshape(rows.num_rows, -1),
                    rows.column("opted_out").to_numpy(zero_copy_only=False),
                    places,
                )


def _decided(text: str, decision: Decision) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(text)
    answer["decision"] = {**decision.as_dict(), "valid_until": answer["label_matures_on"]}
    return answer


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
    kinds |= {pa.list_(kind): f"array<{name}>" for kind, name in kinds.items()}
    return ", ".join(f"{column.name} {kinds[column.type]}" for column in SCHEMA)


def _files(bundle: Bundle) -> Files:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        bundle.write(folder)
        return tuple((file.name, file.read_bytes()) for file in sorted(folder.iterdir()))


@lru_cache(maxsize=1)  # Spark keeps its Python workers for many tasks
def _bundle(files: Files, bundle_id: str) -> Bundle:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files:
            (Path(folder) / name).write_bytes(content)
        return load_bundle(Path(folder), bundle_id)


def _scored(bundle: Bundle, vectors: pa.Table, told: Told) -> pa.RecordBatch:
    ids, objecting = (vectors.column(name).to_pylist() for name in ("customer_id", "opted_out"))
    scores = score(bundle, vectors, frozenset(customer for customer, no in zip(ids, objecting, strict=True) if no))
    reasons, base = explain(scores, vectors, explainer(bundle, told.language, told.currency))
    found = answers(scores, reasons, base, [_UNDECIDED] * len(ids), told.scored_at, told.language)
    known = cases(scores, reasons)
    levers = [[reason for reason in case.reasons if reason.lever and reason.push > 0] for case in known]
    rows, width = scores.X.shape
    columns: dict[str, Any] = {
        "cutoff": vectors.column("cutoff").to_pylist(),
        **{name: [getattr(case, name) for case in known] for name in _LIGHT.names if name not in ("levers", "pushes")},
        "levers": [[reason.driver for reason in of_one] for of_one in levers],
        "pushes": [[reason.push for reason in of_one] for of_one in levers],
        "answer": [json.dumps({**answer, "decision": None}, ensure_ascii=False, allow_nan=False) for answer in found],
    }
    vector = pa.ListArray.from_arrays(np.arange(0, rows * width + 1, width, dtype=np.int32), scores.X.ravel())
    arrays = [vector if f.name == "vector" else pa.array(columns[f.name], f.type) for f in SCHEMA]
    return pa.record_batch(arrays, schema=SCHEMA)
