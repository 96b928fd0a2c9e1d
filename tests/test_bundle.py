"""Bundles: plain files that load to the same answers, or are refused; publishing is whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from running_service import publish

from features.refusal import Refusal
from models.bundle import load_bundle
from models.cost_of_leaving import CostOfLeaving
from models.published import Follower, current_bundle, current_id, place
from training.train import Trained

OLD = Path(__file__).parent / "data" / "bundle-format-1"


def test_a_loaded_bundle_answers_as_the_one_written(trained: Trained, bundle_folder: Path) -> None:
    loaded = load_bundle(bundle_folder, "churn/1")
    X = trained.panel.X[:50]

    assert np.array_equal(trained.bundle.model.log_odds(X), loaded.model.log_odds(X))
    assert trained.bundle.catalog == loaded.catalog
    assert trained.bundle.segmenter == loaded.segmenter
    assert trained.bundle.relationship == loaded.relationship
    assert trained.bundle.lifetime == loaded.lifetime
    assert trained.bundle.next_purchase == loaded.next_purchase
    assert trained.bundle.references == loaded.references
    assert trained.bundle.drift_reference == loaded.drift_reference is not None


def test_nothing_in_a_bundle_is_pickled(trained: Trained, bundle_folder: Path) -> None:
    files = {
        "bundle.json", "card.html", "card.json", "drift_reference.json", "interval.txt", "model.txt", "sums.json",
        "vector_references.json",
    }  # fmt: skip
    files |= {"value.txt"} if trained.bundle.lifetime.spend.text else set()
    assert files == {f.name for f in bundle_folder.iterdir()}
    for file in bundle_folder.iterdir():
        file.read_text(encoding="utf-8")


def test_no_customer_is_in_a_bundle(trained: Trained, bundle_folder: Path) -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in bundle_folder.iterdir())

    assert not [customer for customer in set(trained.panel.customer_ids) if customer in text]


def test_an_old_bundle_still_loads() -> None:
    """Written by the first release; its golden rows are checked by loading it."""
    bundle = load_bundle(OLD, "churn/1")

    assert (bundle.definition.kind, bundle.definition.horizon_days) == ("silence", 28)
    assert ("usual_spend", CostOfLeaving()) == (bundle.lifetime.spend.kind, bundle.lifetime.cost_of_leaving)
    assert bundle.next_purchase is None
    assert bundle.drift_reference is None


@pytest.mark.parametrize("name", ["bundle.json", "card.html", "card.json", "model.txt"])
def test_an_altered_file_is_refused_before_it_is_parsed(bundle_folder: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    (copy / name).write_bytes((copy / name).read_bytes()[:-100])

    with pytest.raises(Refusal, match=f"HF402 .*{name} is not what was published"):
        load_bundle(copy)


def test_a_bundle_of_a_newer_format_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    resealed(copy, lambda content: content | {"format": 99})

    with pytest.raises(Refusal, match="HF403 .* has format 99; this Holdfast reads up to 4. Update Holdfast"):
        load_bundle(copy)


def test_a_bundle_that_answers_its_golden_rows_differently_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    resealed(copy, lambda content: content | {"golden": content["golden"] | {"probabilities": [0.5, 0.5, 0.5]}})

    with pytest.raises(Refusal, match="HF402 .* golden rows"):
        load_bundle(copy)


@pytest.mark.parametrize("key", ["golden", "format", "catalog", "references", "lifetime", "trained_until"])
def test_a_bundle_that_lacks_a_part_is_refused(bundle_folder: Path, tmp_path: Path, key: str) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    resealed(copy, lambda content: {name: part for name, part in content.items() if name != key})

    with pytest.raises(Refusal, match=f"HF402 .* '{key}' is missing"):
        load_bundle(copy)


def test_a_bundle_whose_part_is_of_another_kind_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    resealed(copy, lambda content: content | {"definition": ["silence"], "trained_until": 7})

    with pytest.raises(Refusal, match="HF402"):
        load_bundle(copy)


def resealed(folder: Path, change) -> None:
    """Change bundle.json and its checksum alike."""
    file = folder / "bundle.json"
    file.write_text(json.dumps(change(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    seal(folder, file.name)


def seal(folder: Path, name: str) -> None:
    """Take the checksum of a file that was changed anew."""
    sums = json.loads((folder / "sums.json").read_text())
    sums[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "sums.json").write_text(json.dumps(sums))


def test_a_model_text_that_lightgbm_refuses_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle_folder, tmp_path / "copy"))
    (copy / "model.txt").write_text("tree\nversion=v4\n", encoding="utf-8")
    seal(copy, "model.txt")

    with pytest.raises(Refusal, match="HF402"):
        load_bundle(copy)


@pytest.mark.slow
def test_a_damaged_bundle_is_mended_by_publishing_it_again(bundle_folder: Path, tmp_path: Path) -> None:
    placed = place(bundle_folder, tmp_path, "churn/3")
    (placed / "model.txt").write_bytes((placed / "model.txt").read_bytes()[:-100])

    assert placed == place(bundle_folder, tmp_path, "churn/3")
    assert "churn/3" == load_bundle(placed, "churn/3").id


@pytest.mark.slow
def test_a_folder_without_a_bundle_is_never_placed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(Refusal, match="HF403"):
        place(tmp_path / "empty", tmp_path / "bundles", "churn/3")
    assert not (tmp_path / "bundles" / "churn-3").exists()


def test_without_a_published_bundle_one_is_told_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="HF401 no bundle is published .* holdfast train, then holdfast promote"):
        current_id(tmp_path)


@pytest.mark.slow
def test_publishing_points_current_at_a_copy(bundle_folder: Path, tmp_path: Path) -> None:
    publish(bundle_folder, tmp_path, "churn/3")

    assert current_bundle(tmp_path).id == "churn/3"
    assert {"CURRENT", "churn-3"} == {entry.name for entry in tmp_path.iterdir()}


@pytest.mark.slow
def test_a_model_text_that_kills_its_reader_is_refused_and_the_old_stays(bundle_folder: Path, tmp_path: Path) -> None:
    """LightGBM aborts the process on a truncated text: only a child process dies."""
    import hashlib

    publish(bundle_folder, tmp_path, "churn/1")
    bad = Path(shutil.copytree(bundle_folder, tmp_path / "bad"))
    text = (bad / "model.txt").read_bytes()
    (bad / "model.txt").write_bytes(text[: len(text) // 2])
    sums = json.loads((bad / "sums.json").read_text())
    sums["model.txt"] = hashlib.sha256((bad / "model.txt").read_bytes()).hexdigest()
    (bad / "sums.json").write_text(json.dumps(sums))

    with pytest.raises(Refusal, match="HF403 churn/2 cannot be loaded"):
        publish(bad, tmp_path, "churn/2")
    assert current_id(tmp_path) == "churn/1"
    assert not (tmp_path / "churn-2").exists()


@pytest.mark.slow
def test_a_follower_changes_over_and_keeps_the_old_when_the_new_is_bad(bundle_folder: Path, tmp_path: Path) -> None:
    publish(bundle_folder, tmp_path, "churn/1")
    follower = Follower(tmp_path, every_seconds=3600)
    try:
        publish(bundle_folder, tmp_path, "churn/2")
        follower.look()
        assert follower.bundle.id == "churn/2"
        (tmp_path / "CURRENT").write_text("churn/9\n")
        follower.look()
        assert follower.bundle.id == "churn/2"
    finally:
        follower.close()
