"""Promotion and the way back: through the gates, one at a time, whole or not at all, and noted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import mlflow
import pytest
import sqlalchemy as sa

from features.checked import CheckedTables
from features.lock import held
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.store import Store
from models.ledger import Ledger, audit
from models.published import current_id, former_ids, point, point_back
from training.compare import Side, compared, on_new_labels
from training.promotion import go_back, promote_through_gates
from training.registry import CHAMPION, Registry
from training.study import Gates, Study
from training.train import Trained

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of its own ways
ROOT = Path(__file__).parents[1]
EASY = Gates(better_than_rule=False, min_auc=0, max_calibration_error=1)


def registered(registry: Registry, trained: Trained, shop: str, **changes: Any) -> str:
    judgment = {**trained.judgment.as_dict(""), **changes}
    return registry.register(shop, trained.bundle, {"fit.trees": 60}, {}, judgment, {}, {"known_until": "2024-02-25"})


@pytest.fixture(scope="module")
def shop(example_folder: Path) -> Shop:
    return read_shop(example_folder)


@pytest.fixture(scope="module")
def registry(trained: Trained, shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Three bundles alike, of which the last is judged to be far worse."""
    found = Registry(Store(tmp_path_factory.mktemp("registry") / "store"))
    worse = json.loads(json.dumps(trained.judgment.models))
    worse["holdfast"]["log_loss"]["value"] += 0.5
    assert ["churn/1", "churn/2", "churn/3"] == [
        registered(found, trained, shop.name, **changes) for changes in ({}, {}, {"models": worse})
    ]
    return found


@pytest.fixture
def unpublished(registry: Registry, trained: Trained, tmp_path: Path) -> Iterator[Registry]:
    """The registry with nothing promoted yet, whose bundles are served from an empty folder."""
    store = replace(registry.store, root=tmp_path, mlflow_uri_setting=registry.store.mlflow_uri)
    for k in (1, 2, 3):
        trained.bundle.write(store.bundles / f"churn-{k}")  # as placed before: no child has to load it again
    made = Registry(store)
    yield made
    with made._reached() as client:
        if made.champion():
            client.delete_registered_model_alias("churn", CHAMPION)
        for version in client.search_model_versions("name='churn'"):
            for tag in version.tags.keys() & {"turned_away", "was_champion"}:
                client.delete_model_version_tag("churn", version.version, tag)


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


class _Dying(BaseHTTPRequestHandler):
    """An MLflow server that answers so many requests and then none: each connection is closed without a word."""

    answered = 0
    most = 0

    def _answer(self) -> None:
        type(self).answered += 1
        if type(self).answered > type(self).most:
            self.close_connection = True
            return
        body = json.dumps(self._content()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _content(self) -> dict[str, Any]:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "experiments" in self.path:
            return {
                "experiment": {"experiment_id": "1", "name": "x", "lifecycle_stage": "active", "artifact_location": ""}
            }
        if "runs/create" in self.path:
            info = {
                "run_id": "r",
                "experiment_id": "1",
                "status": "RUNNING",
                "start_time": 1,
                "artifact_uri": "/nowhere",
            }
            return {"run": {"info": info, "data": {}}}
        return {}

    do_GET = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 - as the class asks

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 1, 3, 5])
def test_an_mlflow_that_dies_in_the_middle_registers_nothing(
    trained: Trained, shop: Shop, tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    handler = type("Handler", (_Dying,), {"most": most})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    store = Store(tmp_path / "store", mlflow_uri_setting=f"http://127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(Refusal, match="HF405 the MLflow store http://127"):
            registered(Registry(store), trained, shop.name)
    finally:
        server.shutdown()
        server.server_close()
        while mlflow.active_run():
            mlflow.tracking.fluent._active_run_stack.get().pop()
    assert handler.answered > most
    assert not store.bundles.exists()


@pytest.mark.slow
def test_a_run_that_breaks_off_is_failed_and_no_version_is_made_of_it(
    registry: Registry, trained: Trained, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, after parameters and metrics were logged; the next run ends what another process left."""
    latest = registry.version("latest")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "model.lgb")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.lightgbm, "log_model", full)
        with pytest.raises(OSError, match="No space left"):
            registered(registry, trained, shop.name)
    assert latest == registry.version("latest")
    with registry._reached() as client:
        experiment = client.get_run(latest.run_id).info.experiment_id
        states = [run.info.status for run in client.search_runs([experiment])]
        assert ("FAILED", 3) == (states[0], states.count("FINISHED"))
        left = client.create_run(experiment, start_time=1_000).info.run_id
        registered(registry, trained, shop.name)
        assert "FAILED" == client.get_run(left).info.status
        version = registry.version("latest")
        client.delete_model_version("churn", version.number)
    assert latest.bundle_id == registry.version("latest").bundle_id


@pytest.mark.slow
@pytest.mark.parametrize("last_steps", ["log_text", "set_registered_model_alias"])
def test_a_version_that_cannot_be_made_whole_is_taken_back(
    registry: Registry, trained: Trained, shop: Shop, monkeypatch: pytest.MonkeyPatch, last_steps: str
) -> None:
    latest = registry.version("latest")

    def lost(*_: Any, **__: Any) -> None:
        raise mlflow.exceptions.MlflowException("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.MlflowClient, last_steps, lost)
        with pytest.raises(Refusal, match="HF405"):
            registered(registry, trained, shop.name)

    assert latest == registry.version("latest")


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
        promote_through_gates(unpublished, "churn/1", shop, EASY)


@pytest.mark.slow
def test_what_was_tried_in_vain_is_what_gates_turned_away_or_was_taken_back(unpublished: Registry, shop: Shop) -> None:
    """One that has met no gate was not tried: a training by hand, or one whose process died before its promotion."""
    assert unpublished.latest_in_vain("churn/2") is None
    assert not promote_through_gates(unpublished, "churn/3", shop, EASY.model_copy(update={"min_auc": 1})).published
    found = unpublished.latest_in_vain("churn/2")
    assert found is not None
    assert ("churn/3", "tells leavers from stayers") == (found.bundle_id, found.turned_away)
    assert unpublished.latest_in_vain("churn/3") is None
    assert "known_until" in unpublished.card(found)["data"]
    for name in ("churn/1", "churn/2"):
        promote_through_gates(unpublished, name, shop, EASY)
    go_back(unpublished.store, shop, None)
    with unpublished._reached() as client:
        client.delete_model_version_tag("churn", "3", "turned_away")
    assert "churn/2" == unpublished.latest_in_vain("churn/1").bundle_id


@pytest.mark.slow
def test_shops_that_share_a_server_have_a_model_each(unpublished: Registry, trained: Trained, tmp_path: Path) -> None:
    shared = replace(unpublished.store, root=tmp_path / "other")
    with pytest.raises(Refusal, match=r"HF406 churn holds bundles of the shop .* export HOLDFAST_MODEL=churn-north"):
        registered(Registry(shared), trained, "north")

    north = Registry(replace(shared, model_name="churn-north"))
    north.require_own("north")
    assert "churn-north/1" == registered(north, trained, "north") == north.version("latest").bundle_id
    assert "churn/3" == unpublished.version("latest").bundle_id
    with pytest.raises(Refusal, match="HF404"):
        north.version("churn/1")


def test_a_name_that_no_model_can_have_is_refused() -> None:
    with pytest.raises(Refusal, match="HF104 HOLDFAST_MODEL is 'north/churn'"):
        Store.from_environment({"HOLDFAST_MODEL": "north/churn"})


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
