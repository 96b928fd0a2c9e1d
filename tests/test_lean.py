"""Serving runs where nothing but its own pins is installed: no MLflow, pandas, scikit-learn or SHAP, and no training."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from running_service import ROOT, ServedShop, posted, running, scored_shop

from features.checked import CheckedTables
from models.bundle import load_bundle

pytestmark = pytest.mark.slow

LEAN = ROOT / ".venv-lean"
PYTHON = LEAN / "bin" / "python"


@pytest.fixture(scope="module")
def lean() -> str:
    """A Python with serving/requirements.txt alone; built once, and anew when the pins change."""
    pins = ROOT / "serving" / "requirements.txt"
    mark = LEAN / f"ready-{hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:16]}"
    if not mark.exists():
        shutil.rmtree(LEAN, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(LEAN)], check=True)
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(PYTHON), "-r", str(pins)], check=True)
        mark.touch()
    return str(PYTHON)


def run(lean: str, code: Path, program: str, *arguments: str) -> str:
    """What the program prints in the lean environment, with `code` the only place to import from."""
    environment = {"PYTHONPATH": str(code), "BENTOML_DO_NOT_TRACK": "true", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [lean, "-c", program, *arguments], cwd=code, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_learns_cannot_be_imported_there(lean: str, bento: Path) -> None:
    found = run(lean, bento / "src", "import importlib.util as u, sys; print([m for m in sys.argv[1:] if u.find_spec(m)])",
                "mlflow", "pandas", "sklearn", "shap", "optuna", "matplotlib", "training", "tests")  # fmt: skip

    assert "[]\n" == found


def test_a_bundle_is_loaded_and_scores_there_as_here(lean: str, bento: Path, bundle_folder: Path) -> None:
    program = """
import sys
from pathlib import Path
import numpy as np
import serving.service
from models.bundle import load_bundle
model = load_bundle(Path(sys.argv[1])).model
print(float(model.probability(np.zeros((1, len(model.features))))[0]).hex())
"""
    model = load_bundle(bundle_folder).model
    here = float(model.probability(np.zeros((1, len(model.features))))[0])

    assert here == pytest.approx(float.fromhex(run(lean, bento / "src", program, str(bundle_folder))), abs=1e-12)


def test_the_bento_serves_there(
    lean: str, bento: Path, example_folder: Path, checked: CheckedTables, bundle_folder: Path, tmp_path: Path
) -> None:
    served: ServedShop = scored_shop(tmp_path, example_folder, checked, bundle_folder)
    names = ("transactions", "customers", "interactions", "offers")
    tables = {name: pq.read_table(served.shop / f"{name}.parquet").to_pylist() for name in names}
    with running(served, lean, bento / "src"), served.client() as client:
        listed = client.get("/v1/churn-list", params={"limit": 1}).json()["customers"][0]
        stored = client.post("/v1/score", json={"customer_id": listed["customer_id"]}).json()
        fresh = client.post("/v1/score-events", json=posted(tables, listed["customer_id"], str(checked.known_until)))
        ready = httpx.get(f"{served.url}/readyz").status_code

    assert 200 == ready
    assert listed == stored
    assert fresh.json()["churn_probability"] == pytest.approx(stored["churn_probability"], abs=1e-9)
    assert json.dumps(fresh.json()["segment"]) == json.dumps(stored["segment"])
