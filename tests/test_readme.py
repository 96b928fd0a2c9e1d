"""The README's commands and its Python run as they stand, one after the other, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", README, flags=re.DOTALL)


def test_there_is_something_to_run() -> None:
    assert {"sh", "python"} == {language for language, _ in BLOCKS}


def as_commands(language: str, block: str) -> str:
    """A block for the shell: its commands, or its Python as a person would paste it."""
    return block if language == "sh" else f"echo\npython - <<'END'\n{block}END\n"


def test_the_blocks_run(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        assert not os.environ.get("CI"), "CI must have curl (Debian: apt-get install curl)"
        pytest.skip("needs curl (Debian: apt-get install curl)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # the trap ends the service, whatever happened before
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) && wait' EXIT\n" + "\n".join(
        as_commands(*block) for block in BLOCKS
    )
    script = script.replace("3000", str(port)).replace("\ncurl ", "\necho; curl --fail-with-body ")
    environment = {
        **os.environ, "HOLDFAST_STORE": str(tmp_path / "store"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    score, churn_list, explanation, fresh = (
        json.JSONDecoder().raw_decode(line)[0] for line in done.stdout.splitlines() if line.startswith("{")
    )
    assert "C01886" == score["customer_id"]
    assert 5 == len(churn_list["customers"])
    assert "C01886" == explanation["customer_id"]
    assert ("new one", True) == (fresh["customer_id"], fresh["eligible"])
    assert [w for w in fresh["warnings"] if w.startswith("not posted and taken as none: ") and "interactions" in w]
    told = [line.split(" | ") for line in done.stdout.splitlines() if " | " in line]
    assert len(told) > 20, "the Python asks for more than one page"
    assert {4} == {len(parts) for parts in told}
    assert all(parts[0].startswith("C") and parts[3].endswith(".") for parts in told)
