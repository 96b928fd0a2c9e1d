"""Spark as the engine: the vectors of DuckDB and the scores of one process, from Parquet to Parquet."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from parity import Question, same_vectors

from features.checked import CheckedTables
from features.consent import opted_out
from features.on_spark import spark_session, vectors_on_spark
from features.refusal import Refusal
from features.vectors import read_vectors, vectors, write_vectors
from models.bundle import Bundle, load_bundle
from models.reasons import raising
from models.score import explain, explainer, score
from serving.score_on_spark import score_on_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def _write(question: Question, spark: SparkSession, folder: Path) -> int:
    return vectors_on_spark(
        question.checked, question.catalog, question.cutoffs, question.memory_days, spark, folder, question.references
    )


def test_every_column_of_a_shop_of_oddities_is_the_same(
    motley_question: Question, spark: SparkSession, tmp_path: Path
) -> None:
    """The folder's name is of every oddity too, and what lay there before is gone."""
    folder = tmp_path / "it's [a] {b}*?" / "vectors"
    folder.mkdir(parents=True)
    (folder / "of old").touch()

    rows = _write(motley_question, spark, folder)

    assert rows == motley_question.answer.num_rows
    same_vectors(read_vectors(folder), motley_question.answer)
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        f"cutoff={cutoff}" for cutoff in motley_question.answer.column("cutoff").unique().to_pylist()
    }
    assert [path.name for path in folder.parent.iterdir()] == ["vectors"]
    assert not (folder / "of old").exists()


def test_every_column_of_the_example_shop_is_the_same_where_spark_is_its_engine(
    example_question: Question, spark: SparkSession
) -> None:
    asked = replace(example_question, checked=replace(example_question.checked, engine="spark"))

    found = vectors(asked.checked, asked.catalog, asked.cutoffs, asked.memory_days, references=asked.references)

    same_vectors(found, asked.answer)


def test_every_column_of_a_grocery_chain_is_the_same(
    complete_journey_question: Question, spark: SparkSession, tmp_path: Path
) -> None:
    _write(complete_journey_question, spark, tmp_path / "vectors")
    same_vectors(read_vectors(tmp_path / "vectors"), complete_journey_question.answer)


def test_nothing_is_kept_in_the_session(motley_question: Question, spark: SparkSession, tmp_path: Path) -> None:
    asked = replace(motley_question, catalog=motley_question.catalog.naming(["complaints_28d"]))

    _write(asked, spark, tmp_path / "vectors")

    assert spark.catalog.listTables() == []
    assert spark.sparkContext._jsc.sc().getPersistentRDDs().isEmpty()


def test_where_spark_fails_the_folder_stays_as_it_was(
    motley_question: Question, spark: SparkSession, tmp_path: Path
) -> None:
    from pyspark.errors import PySparkException

    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "of old").touch()
    catalog = motley_question.catalog.naming(["complaints_28d"])
    overflowing = replace(catalog.features[0], sql="sum(age * 100000 * 100000)")

    with pytest.raises(PySparkException, match="ARITHMETIC_OVERFLOW"):
        _write(replace(motley_question, catalog=replace(catalog, features=(overflowing,))), spark, folder)

    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]
    assert (folder / "of old").exists()
    assert spark.catalog.listTables() == []


@pytest.fixture
def scored(
    checked: CheckedTables, bundle_folder: Path, spark: SparkSession, tmp_path: Path
) -> tuple[Bundle, pa.Table, pa.Table, frozenset[str]]:
    """The example's bundle, its vectors at two cut-offs, their scores by Spark, and who objects to being profiled."""
    bundle = load_bundle(bundle_folder, "churn/7")
    cutoffs = [date(2024, 1, 15), checked.known_until]
    write_vectors(checked, bundle.catalog, cutoffs, bundle.memory_days, tmp_path / "v", bundle.vector_references)
    rows = score_on_spark(spark, bundle_folder, tmp_path / "v", tmp_path / "scores", "churn/7", checked)
    table, found = read_vectors(tmp_path / "v"), read_vectors(tmp_path / "scores")
    assert rows == table.num_rows == found.num_rows
    return bundle, table, found, opted_out(checked)


def test_scores_are_those_of_one_process(
    scored: tuple[Bundle, pa.Table, pa.Table, frozenset[str]],
) -> None:
    bundle, table, found, objecting = scored
    assert 0 < len(objecting)
    alone = score(bundle, table, objecting)
    reasons, _ = explain(alone, table, explainer(bundle, "en", "EUR"))

    def equal(name: str, values: Any) -> None:
        theirs = found.column(name).to_numpy()
        assert np.array_equal(np.isnan(theirs), np.isnan(values)), name
        assert np.allclose(theirs, values, rtol=1e-9, atol=1e-9, equal_nan=True), name

    assert found.column("customer_id").to_pylist() == list(alone.customer_ids)
    assert found.column("eligible").to_pylist() == alone.eligible.tolist()
    assert 0 < alone.eligible.sum() < len(alone)
    equal("churn_probability", alone.churn_probability)
    equal("percentile", alone.percentile)
    equal("lifetime_value", np.where(alone.opted_out, np.nan, alone.lifetime_value[0]))
    equal("lifetime_high", np.where(alone.opted_out, np.nan, alone.lifetime_value[2]))
    segments = [bundle.segmenter.segments[place].id for place in alone.segment]
    for name, values in {"segment": segments, **alone.words}.items():
        kept = [None if out else str(value) for value, out in zip(values, alone.opted_out, strict=True)]
        assert found.column(name).to_pylist() == kept
    for n in range(3):
        told = [raising({"reasons": [reason.as_dict() for reason in of_one]})[n : n + 1] for of_one in reasons]
        assert found.column(f"driver_{n + 1}").to_pylist() == [one[0]["driver"] if one else None for one in told]
        assert found.column(f"reason_{n + 1}").to_pylist() == [one[0]["sentence"] if one else None for one in told]
        equal(f"push_{n + 1}", np.array([one[0]["push"] if one else np.nan for one in told]))


def test_without_the_package_the_refusal_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(Refusal, match="HF107 .* needs the package pyspark. Install the extra `spark`."):
        spark_session()


@pytest.mark.usefixtures("spark")  # no place without Spark to say that Java is missing
def test_without_java_the_refusal_says_which_it_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from features.on_spark import spark_session; spark_session()"],
        cwd=Path(__file__).parents[1], env={"PATH": "/nowhere", "JAVA_HOME": "/nowhere"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Refusal: HF107 Spark does not start: " in done.stderr
    assert "It needs Java 17 or 21: name its folder in JAVA_HOME." in done.stderr
