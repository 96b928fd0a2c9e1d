"""Spark as the engine: the vectors of DuckDB and the scores of one process, from Parquet to Parquet to the ledger."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
from parity import Question, same_vectors

import holdfast
from features.checked import CheckedTables
from features.consent import opted_out
from features.on_spark import spark_session, vectors_on_spark
from features.refusal import Refusal
from features.vectors import read_vectors, vectors, write_vectors
from models.bundle import Bundle, load_bundle
from models.decide import decide
from models.ledger import Ledger, dossiers, score_runs, scores
from models.playbook import Playbook, read_playbook
from models.published import place, point
from models.score import answers, cases, explain, explainer, score
from serving import score_on_spark as on_spark
from serving.score_on_spark import AnswersOnDisk, Told, score_on_spark

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
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "of old").touch()
    catalog = motley_question.catalog.naming(["complaints_28d"])
    overflowing = replace(catalog.features[0], sql="sum(age * 100000 * 100000)")

    with pytest.raises(Refusal, match="HF107 Spark breaks off: .*ARITHMETIC_OVERFLOW"):
        _write(replace(motley_question, catalog=replace(catalog, features=(overflowing,))), spark, folder)

    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]
    assert (folder / "of old").exists()
    assert spark.catalog.listTables() == []


NOON = datetime(2024, 5, 1, 12)
PLAYBOOK = Path(__file__).parents[1] / "models" / "playbook.toml"


@pytest.fixture
def playbook() -> Playbook:
    """As `holdfast init` writes it."""
    return read_playbook(PLAYBOOK.parent)


def _alike(one: Any, other: Any, where: str = "") -> None:
    """The same shape and words; numbers to 1e-9 x max(1, |x|)."""
    if isinstance(one, Mapping):
        assert one.keys() == other.keys(), where
        for key in one:
            _alike(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for k, pair in enumerate(zip(one, other, strict=True)):
            _alike(*pair, f"{where}[{k}]")
    elif isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9, nan_ok=True), where
    else:
        assert one == other, where


def test_answers_are_those_of_one_process_whatever_day_and_file_they_come_from(
    checked: CheckedTables, bundle_folder: Path, playbook: Playbook, spark: SparkSession, tmp_path: Path
) -> None:
    """At two cut-offs in one pass, for whoever objects to being profiled too."""
    bundle, days = load_bundle(bundle_folder, "churn/7"), [date(2024, 1, 15), checked.known_until]
    write_vectors(checked, bundle.catalog, days, bundle.memory_days, tmp_path / "v", bundle.vector_references)
    rows = score_on_spark(spark, bundle, tmp_path / "v", tmp_path / "scores", Told(NOON), checked)
    table, found = read_vectors(tmp_path / "v"), read_vectors(tmp_path / "scores")
    assert rows == table.num_rows == found.num_rows

    for cutoff in table.column("cutoff").unique():
        of_day, there = (t.filter(pc.equal(t.column("cutoff"), cutoff)) for t in (table, found))
        alone = score(bundle, of_day, opted_out(checked))
        reasons, base = explain(alone, of_day, explainer(bundle, "en", "EUR"))
        known = cases(alone, reasons)
        expected = answers(alone, reasons, base, decide(playbook, known), NOON, "en")
        assert 0 < alone.opted_out.sum() < len(alone)
        assert 0 < alone.eligible.sum() < len(alone)
        _alike([json.loads(text) for text in there.column("answer").to_pylist()],
               [{**answer, "decision": None} for answer in expected])  # fmt: skip
        _alike(there.column("vector").to_pylist(), alone.X.tolist())


def test_where_the_workers_fail_it_is_a_refusal_and_nothing_is_left(
    checked: CheckedTables, bundle_folder: Path, spark: SparkSession, tmp_path: Path
) -> None:
    """As where they are given vectors that lack what the bundle's model looks at."""
    bundle, last = load_bundle(bundle_folder, "churn/7"), checked.known_until
    few = bundle.catalog.naming(["days_since_last_purchase"])
    write_vectors(checked, few, [last], bundle.memory_days, tmp_path / "v", bundle.vector_references)

    with pytest.raises(Refusal, match="HF107 Spark breaks off: .* Its own words are above"):
        score_on_spark(spark, bundle, tmp_path / "v", tmp_path / "scores", Told(NOON), checked)
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_the_decisions_are_those_of_one_process(
    checked: CheckedTables, bundle_folder: Path, playbook: Playbook, spark: SparkSession, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A budget is shared by all customers, so that it matters in what order they come; their answers come in blocks."""
    monkeypatch.setattr(on_spark, "_BLOCK", 64)
    bundle = load_bundle(bundle_folder, "churn/7")
    tight = playbook.model_copy(update={"budget": playbook.budget.model_copy(update={"per_run": 5.0})})
    last = checked.known_until
    write_vectors(checked, bundle.catalog, [last], bundle.memory_days, tmp_path / "v", bundle.vector_references)
    score_on_spark(spark, bundle, tmp_path / "v", tmp_path / "scores", Told(NOON), checked)
    there = AnswersOnDisk(tmp_path / "scores")
    made = decide(tight, there.cases({}))

    table = read_vectors(tmp_path / "v")
    alone = score(bundle, table, opted_out(checked))
    reasons, base = explain(alone, table, explainer(bundle, "en", "EUR"))
    decisions = decide(tight, cases(alone, reasons))
    expected = {one["customer_id"]: one for one in answers(alone, reasons, base, decisions, NOON, "en")}
    blocks = list(there.blocks(made))

    assert "budget_spent" in {decision.why_not for decision in decisions}
    assert {decision.action for decision in decisions} > {"no_action"}
    assert max(len(block.answers) for block in blocks) == 64
    found = {answer["customer_id"]: answer for block in blocks for answer in block.answers}
    _alike(dict(sorted(found.items())), dict(sorted(expected.items())))
    for block in blocks:
        ids = [alone.customer_ids[place] for place in block.places]
        assert ids == [answer["customer_id"] for answer in block.answers]
        _alike(block.X.tolist(), alone.X[block.places].tolist())


def _scored(
    engine: str, shop: Path, bundle: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[dict[str, str]], dict[str, list[dict[str, Any]]]]:
    """The churn list and the ledger's rows by table, as `holdfast score` leaves them where this engine computes."""
    shutil.copytree(shop, folder / "shop")
    shutil.copy(PLAYBOOK, folder / "shop")
    file, store = folder / "shop" / "shop.toml", folder / "store"
    file.write_text(f'engine = "{engine}"\n{file.read_text(encoding="utf-8")}', encoding="utf-8")
    bundle.write(store / "staged")
    place(store / "staged", store / "bundles", "churn/7")
    point(store / "bundles", "churn/7")
    for name in (*holdfast._NO_TELEMETRY, "HOLDFAST_STORE"):
        monkeypatch.setenv(name, str(store) if name == "HOLDFAST_STORE" else "1")
    monkeypatch.setattr("sys.argv", ["holdfast", "score", "--shop", str(folder / "shop")])
    with pytest.raises(SystemExit) as left:
        holdfast.main()
    assert not left.value.code
    with (folder / "shop" / "churn_list.csv").open(encoding="utf-8-sig", newline="") as source:
        listed = list(csv.DictReader(source))
    ledger = Ledger(f"sqlite:///{store / 'ledger.db'}")
    with ledger.reading() as connection:
        kept = {
            table.name: [
                dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for table in (score_runs, scores, dossiers)
        }
    ledger.close()
    for row in (*kept["score_runs"], *kept["scores"], *kept["dossiers"]):
        row |= {name: json.loads(row[name]) for name in ("summary", "answer", "dossier") if name in row}
    for told in (*kept["score_runs"], *(row["answer"] for row in kept["scores"])):
        del told["scored_at"]
    return listed, kept


def test_the_command_leaves_the_same_list_and_ledger_whichever_engine_computes(
    example_folder: Path, trained: Any, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And on Spark no row of vectors is brought to this process by any of the ways there are."""
    from pyspark.sql.classic.dataframe import DataFrame

    here, in_ledger = _scored("duckdb", example_folder, trained.bundle, tmp_path / "duckdb", monkeypatch)

    def too_much(*_: object, **__: object) -> None:
        raise AssertionError("all vectors at once")

    for way in ("collect", "toArrow", "toPandas", "toLocalIterator", "take", "head"):
        monkeypatch.setattr(DataFrame, way, too_much)
    monkeypatch.setattr("features.vectors.read_vectors", too_much)
    there, in_ledger_too = _scored("spark", example_folder, trained.bundle, tmp_path / "spark", monkeypatch)

    assert len(here) > 100
    _alike([_numbers(row) for row in there], [_numbers(row) for row in here])
    assert len(in_ledger["scores"]) > len(here)
    _alike(in_ledger_too, in_ledger)
    assert not [
        path.name for path in (tmp_path / "spark" / "store" / "tables").iterdir() if path.name.startswith("tmp")
    ]


def _numbers(row: Mapping[str, str]) -> dict[str, Any]:
    def plain(text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return text

    return {name: plain(text) for name, text in row.items()}


def test_without_spark_the_command_says_so_and_begins_no_run(
    example_folder: Path,
    trained: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(AssertionError):
        _scored("spark", example_folder, trained.bundle, tmp_path, monkeypatch)

    told = " ".join(capsys.readouterr().err.split())
    assert 'holdfast: HF107 engine = "spark" needs the package pyspark. Install the extra `spark`.' in told
    ledger = Ledger(f"sqlite:///{tmp_path / 'store' / 'ledger.db'}")
    with ledger.reading() as connection:
        assert connection.execute(sa.select(score_runs)).all() == []
    ledger.close()


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
