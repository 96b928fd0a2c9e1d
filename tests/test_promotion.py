"""Promotion and the way back: through the gates, one at a time, whole or not at all, and noted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from registered import EASY

from features.checked import CheckedTables
from features.lock import held
from features.refusal import Refusal
from features.shop import Shop
from features.store import Store
from models.ledger import Ledger, audit
from models.published import current_id, former_ids, point, point_back
from training.compare import Side, compared, on_new_labels
from training.promotion import go_back, promote_through_gates
from training.registry import Registry
from training.study import Study
from training.train import Trained

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of its own ways
ROOT = Path(__file__).parents[1]


def champion_of(registry: Registry) -> str | None:
    champion = registry.champion()
    return champion.bundle_id if champion else None


@pytest.mark.slow
def test_the_way_up_and_back_again(unpublished: Registry, shop: Shop) -> None:
    """Two are promoted, one is turned away; from the second it goes back to the first, and from there no further."""
    store, bundles = unpublished.store, unpublished.store.bundles
    for name in ("churn/1", "churn/2"):
        assert promote_through_gates(unpublished, name, shop, EASY).is_noted
    turned_away = promote_through_gates(unpublished, "churn/3", shop, EASY)

    assert ["no worse than churn/2"] == [gate.name for gate in turned_away.failed]
    assert turned_away.published is None
    assert ("churn/2", "churn/2", ["churn/1"]) == (champion_of(unpublished), current_id(bundles), former_ids(bundles))
    found = go_back(store, shop, None)
    assert ("churn/2", "churn/1", True) == (found.left, found.bundle_id, found.alias_moved)
    assert ("churn/1", "churn/1", []) == (champion_of(unpublished), current_id(bundles), former_ids(bundles))
    with pytest.raises(Refusal, match="HF408 churn/1 is the only bundle that was served"):
        go_back(store, shop, None)
    with Ledger(store.ledger_url).engine.connect() as connection:
        told = connection.execute(sa.select(audit.c.did, audit.c.detail).order_by(audit.c.at)).all()
    assert ["promote", "promote", "roll back"] == [did for did, _ in told]
    assert {"bundle": "churn/1", "left": "churn/2"} == json.loads(told[-1].detail)
    with pytest.raises(Refusal, match=r"HF408 churn/3 was never served from .*holdfast promote churn/3"):
        go_back(store, shop, "churn/3")
    assert "churn/2" == go_back(store, shop, "churn/2").bundle_id, "it has passed the gates once"


@pytest.mark.slow
def test_without_mlflow_only_what_is_served_goes_back(unpublished: Registry, shop: Shop) -> None:
    for name in ("churn/1", "churn/2"):
        promote_through_gates(unpublished, name, shop, EASY)
    nowhere = replace(unpublished.store, mlflow_uri_setting="http://127.0.0.1:9")

    found = go_back(nowhere, shop, None, without_mlflow=True)
    assert ("churn/1", False) == (found.bundle_id, found.alias_moved)
    assert ("churn/1", "churn/2") == (current_id(nowhere.bundles), champion_of(unpublished))
    with pytest.raises(Refusal, match="HF408 churn/3 was never served from"):
        go_back(nowhere, shop, "churn/3", without_mlflow=True)
    assert go_back(unpublished.store, shop, "churn/1").alias_moved, "once it can be reached, the alias follows"
    assert "churn/1" == champion_of(unpublished)


@pytest.mark.slow
def test_a_bundle_that_cannot_be_loaded_is_not_gone_back_to(unpublished: Registry, shop: Shop) -> None:
    for name in ("churn/1", "churn/2"):
        promote_through_gates(unpublished, name, shop, EASY)
    bundles = unpublished.store.bundles
    (bundles / "churn-1" / "model.txt").write_text("tree\n")

    with pytest.raises(Refusal, match="HF403 churn/1 cannot be loaded"):
        go_back(unpublished.store, shop, None, without_mlflow=True)
    assert "churn/2" == current_id(bundles)


@pytest.mark.slow
def test_another_shop_s_bundle_is_neither_promoted_nor_gone_back_to(unpublished: Registry, shop: Shop) -> None:
    other = shop.model_copy(update={"name": "other"})

    with pytest.raises(Refusal, match="HF406"):
        promote_through_gates(unpublished, "churn/1", other, EASY)
    assert champion_of(unpublished) is None
    for name in ("churn/1", "churn/2"):
        promote_through_gates(unpublished, name, shop, EASY)
    for without_mlflow in (True, False):
        with pytest.raises(Refusal, match="HF406"):
            go_back(unpublished.store, other, None, without_mlflow)


@pytest.mark.slow
def test_a_way_back_that_breaks_off_once_it_is_served_stays_so(
    unpublished: Registry, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import registry

    for name in ("churn/1", "churn/2"):
        promote_through_gates(unpublished, name, shop, EASY)
    bundles = unpublished.store.bundles

    def half(*_: Any) -> None:
        (bundles / "CURRENT").write_text("churn/1\n")
        raise OSError(28, "No space left on device", "FORMER")

    monkeypatch.setattr(registry, "point_back", half)
    with pytest.raises(OSError, match="No space left"):
        go_back(unpublished.store, shop, None)
    assert "churn/1" == champion_of(unpublished) == current_id(bundles)


@pytest.mark.slow
def test_two_that_promote_at_once_are_held_against_one_another(unpublished: Registry, shop: Shop) -> None:
    """Whoever comes second meets the champion that the first has made: the worse one never comes last."""
    found: list[str | None] = []
    threads = [
        Thread(
            target=lambda name=name: found.append(
                promote_through_gates(unpublished, name, shop, EASY).version.bundle_id
            )
        )
        for name in ("churn/2", "churn/3")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"churn/2", "churn/3"} == set(found)
    assert "churn/2" == champion_of(unpublished) == current_id(unpublished.store.bundles)


_HOLDING = """
import sys
from pathlib import Path
from features.checked import CheckedTables
from features.lock import held
with held(Path(sys.argv[1]), "retraining"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "a.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLDING, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert other.stdout is not None
    assert "held\n" == other.stdout.readline()
    refused = rf"HF407 another process \(number {other.pid}\) is retraining in "
    with pytest.raises(Refusal, match=refused), held(file, "retraining", 0.3):
        raise AssertionError("held twice")
    other.kill()
    other.communicate()
    with held(file, "retraining"):
        pass


bundle_names = [f"churn/{k}" for k in range(1, 5)]


def test_former_bundles_are_those_that_were_served_and_are_there(tmp_path: Path) -> None:
    assert [] == former_ids(tmp_path)
    for name in bundle_names:
        (tmp_path / name.replace("/", "-")).mkdir()
        point(tmp_path, name)
    assert ["churn/3", "churn/2", "churn/1"] == former_ids(tmp_path)
    (tmp_path / "churn-2").rmdir()
    assert ["churn/3", "churn/1"] == former_ids(tmp_path)
    point(tmp_path, "churn/4")
    assert ["churn/3", "churn/1"] == former_ids(tmp_path), "served already"
    point_back(tmp_path, "churn/3")
    assert ("churn/3", ["churn/1"]) == (current_id(tmp_path), former_ids(tmp_path))


def test_a_promotion_that_broke_off_between_its_two_files_leaves_nothing_odd(tmp_path: Path) -> None:
    for name in bundle_names[:2]:
        (tmp_path / name.replace("/", "-")).mkdir()
    point(tmp_path, "churn/1")
    (tmp_path / "FORMER").write_text("churn/1\n")  # as written just before CURRENT moves

    assert ("churn/1", []) == (current_id(tmp_path), former_ids(tmp_path))
    point(tmp_path, "churn/2")
    assert ["churn/1"] == former_ids(tmp_path)


@pytest.mark.slow
def test_who_is_not_served_is_no_champion_either(
    unpublished: Registry, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, when MLflow has moved already."""
    from training import registry

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "CURRENT")

    for before in (None, "churn/1"):
        with monkeypatch.context() as patched:
            patched.setattr(registry, "point", full)
            with pytest.raises(OSError, match="No space left"):
                promote_through_gates(unpublished, "churn/2", shop, EASY)
        assert before == champion_of(unpublished)
        assert not unpublished.version("churn/2").was_champion
        promote_through_gates(unpublished, "churn/1", shop, EASY)


def test_bundles_alike_differ_in_nothing(trained: Trained) -> None:
    judged = trained.judgment.as_dict("churn/1")
    same = compared(Side(trained.bundle, judged), Side(replace(trained.bundle, id="churn/2"), judged))

    assert judged["cutoffs"] == same["judged"]["cutoffs"]
    assert {0.0} == {one["difference"] for one in same["judged"]["measures"].values()}
    assert {"settings": [], "columns": {"only_first": [], "only_second": [], "computed_otherwise": []}, "data": []} == same["differs"]  # fmt: skip


def test_what_differs_is_told_and_what_cannot_be_compared_is_not(trained: Trained) -> None:
    from training.compare import _settings

    bundle, judged = trained.bundle, trained.judgment.as_dict("churn/1")
    card = {**bundle.card, "data": {**bundle.card["data"], "known_until": "2025-01-01"}}
    fewer = replace(bundle, id="churn/2", card=card, catalog=bundle.catalog.naming(["orders_28d"]))
    later = {**judged, "cutoffs": [judged["cutoffs"][-1], "2030-01-01"]}
    found = compared(Side(bundle, judged), Side(fewer, later))

    assert [judged["cutoffs"][-1]] == found["judged"]["cutoffs"]
    assert ["known_until"] == [one["what"] for one in found["differs"]["data"]]
    assert "orders_28d" not in found["differs"]["columns"]["only_first"]
    assert len(bundle.catalog.names) - len(fewer.catalog.names) == len(found["differs"]["columns"]["only_first"])
    assert [{"setting": "fit.trees", "values": [1, 2]}] == _settings(
        {"fit": {"trees": 1, "l2": 3}}, {"fit": {"trees": 2, "l2": 3}}
    )
    other = replace(fewer, definition=replace(bundle.definition, horizon_days=56))
    asked_otherwise = compared(Side(bundle, judged), Side(other, judged))
    assert not asked_otherwise["same_question"]
    assert {} == asked_otherwise["judged"]["measures"]


@pytest.mark.slow
def test_two_bundles_are_tried_only_on_labels_new_to_both(
    trained: Trained, checked: CheckedTables, study: Study, example_store: Store
) -> None:
    """Against itself, had it been learned before the last judged cut-off, it is neither better nor worse in any draw."""
    last = trained.judgment.judged[-1].cutoff
    old = replace(trained.bundle, trained_until=last - timedelta(days=28))
    again, newer = replace(old, id="churn/2"), trained.bundle
    found = on_new_labels(old, again, checked, study, example_store)

    assert found is not None
    assert [str(last)] == found["cutoffs"]
    assert {(0.0, 0.0, 0.0)} == {tuple(one["difference"].values()) for one in found["measures"].values()}
    assert on_new_labels(old, newer, checked, study, example_store) is None
    other = replace(again, definition=replace(old.definition, horizon_days=14))
    assert on_new_labels(old, other, checked, study, example_store) is None


def test_the_commands_wait_for_no_heavy_library() -> None:
    program = (
        "import sys, training.promote_command, training.compare_command, training.retrain_command, training.label_command;"
        "print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    heavy = ["mlflow", "sklearn", "shap", "lightgbm", "scipy", "matplotlib"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
