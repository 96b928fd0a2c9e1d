"""The bento holds the code that serves and the pins it runs with, and nothing that was learned, tested or taught."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from running_service import ROOT

pytestmark = pytest.mark.slow


def files(bento: Path) -> set[str]:
    return {str(file.relative_to(bento / "src")) for file in (bento / "src").rglob("*") if file.is_file()}


def pins(file: Path) -> set[str]:
    """`name==version` of every line, without its marker."""
    return {line.partition(";")[0].strip() for line in file.read_text().splitlines() if line.strip()}


def test_the_code_of_three_rooms_is_in_it(bento: Path) -> None:
    inside = files(bento)

    for room in ("features", "models", "serving"):
        here = {str(f.relative_to(ROOT)) for f in (ROOT / room).rglob("*.py") if "store" not in f.parts[-3:-1]}
        assert here <= inside
    for page in ("serving/pages/base.html", "serving/pages/holdfast.css", "serving/locale/zh/LC_MESSAGES/holdfast.po"):
        assert page in inside
    assert {"models/playbook.toml", "features/shop.toml", "models/ledger_versions/script.py.mako"} <= inside


def test_nothing_stored_tested_or_taught_is_in_it(bento: Path) -> None:
    for file in files(bento):
        assert not file.startswith(("models/store", "tests", "training", "notebooks", "demo-shop", ".")), file
        assert not file.endswith((".db", ".parquet", ".csv", ".pyc", "model.txt")), file


def test_it_runs_with_our_pins(bento: Path) -> None:
    pinned = pins(ROOT / "serving" / "requirements.txt")

    assert pinned <= pins(bento / "env" / "python" / "requirements.txt")
    assert pinned <= pins(ROOT / "constraints.txt")
    names = {pin.partition("==")[0] for pin in pinned}
    assert not names & {"mlflow", "mlflow-skinny", "pandas", "scikit-learn", "shap", "optuna", "matplotlib"}


def test_its_service_is_ours_without_telemetry(bento: Path) -> None:
    manifest = yaml.safe_load((bento / "bento.yaml").read_text())

    assert "holdfast" == manifest["name"]
    assert "serving.service:Holdfast" == manifest["service"]
    assert {"BENTOML_DO_NOT_TRACK": "true", "OMP_NUM_THREADS": "1"} == {
        variable["name"]: variable["value"] for variable in manifest["envs"]
    }
