"""The command as a person runs it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Shell:
    """Runs `holdfast` in a folder of its own; answers with exit code and the JSON on standard output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "HOLDFAST_STORE": str(folder / "store"), "PYTHONPATH": str(ROOT)}
        self.last_words = ""

    def __call__(self, *arguments: str, expect: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "holdfast", *arguments, "--json"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.last_words = done.stderr
        assert done.returncode == expect, done.stderr[-3000:]
        assert "Traceback" not in done.stderr
        assert len(done.stdout.splitlines()) == 1, done.stdout
        return json.loads(done.stdout)
