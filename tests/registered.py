"""Bundles in a registry, as the tests of registering and promoting begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from features.shop import Shop
from features.store import Store
from training.registry import CHAMPION, Registry
from training.study import Gates
from training.train import Trained

EASY = Gates(better_than_rule=False, min_auc=0, max_calibration_error=1)


def registered(registry: Registry, trained: Trained, shop: str, **changes: Any) -> str:
    judgment = {**trained.judgment.as_dict(""), **changes}
    return registry.register(shop, trained.bundle, {"fit.trees": 60}, {}, judgment, {}, {"known_until": "2024-02-25"})


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
