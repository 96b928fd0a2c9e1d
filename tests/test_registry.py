"""The registry: a version is whole or is not, of one shop, and knows whether it was tried in vain."""

from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import mlflow
import pytest
from registered import EASY, registered

from features.refusal import Refusal
from features.shop import Shop
from features.store import Store
from training.promotion import go_back, promote_through_gates
from training.registry import Registry
from training.train import Trained

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of its own ways


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
    promote_through_gates(unpublished, "churn/3", shop, EASY.model_copy(update={"max_log_loss_worsening": 9}))
    assert not unpublished.version("churn/3").turned_away, "it has passed since"
    go_back(unpublished.store, shop, None)
    taken_back = unpublished.latest_in_vain("churn/1")
    assert taken_back is not None
    assert taken_back.was_champion
    assert unpublished.latest_in_vain("") is None, "where nothing is served, what was is no reason not to learn"


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
