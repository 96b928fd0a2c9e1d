"""The demo shop, learned from and scored once in a session by the command that people run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class DemoShop:
    """What `holdfast demo --no-serve` left behind, and what it said meanwhile.

    Attributes
    ----------
    told
        The JSON on standard output, with `seconds` by step.
    words
        What was on standard error.
    """

    folder: Path
    store: Path
    told: Mapping[str, Any]
    words: str

    def environment(self) -> dict[str, str]:
        """What a process reads that is to work on this shop."""
        return {**_environment(self.store), "HOLDFAST_SHOP": str(self.folder)}


@pytest.fixture(scope="session")
def demo_shop(tmp_path_factory: pytest.TempPathFactory) -> DemoShop:
    """The shop of `make demo`, checked, trained on, promoted and scored; takes a minute, for slow tests."""
    folder = tmp_path_factory.mktemp("demo")
    shop, store = folder / "demo-shop", folder / "store"
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "demo", "--no-serve", "--folder", str(shop), "--json"],
        cwd=folder, env=_environment(store), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1, done.stdout
    return DemoShop(shop, store, json.loads(done.stdout), done.stderr)


def _environment(store: Path) -> dict[str, str]:
    gone = ("HOLDFAST_LEDGER_URL", "MLFLOW_TRACKING_URI", "HOLDFAST_SHOP")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    return {**kept, "HOLDFAST_STORE": str(store), "PYTHONPATH": str(ROOT)}
