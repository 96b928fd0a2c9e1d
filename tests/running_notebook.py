"""Notebooks run from top to bottom on a shop that is scored, and what they may not touch meanwhile."""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
PICTURES = 12  # a story has at least so many
_CACHES = {"tables", "vectors", "quarantine"}

every_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def read_notebook(file: Path) -> Any:
    return nbformat.read(file, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def assert_tells_its_story(file: Path, environment: Mapping[str, str], folder: Path) -> None:
    """Run it in `folder` on the shop that the environment names: pictures, no stray output, and nothing left behind."""
    shop, store = (Path(environment[name]) for name in ("HOLDFAST_SHOP", "HOLDFAST_STORE"))
    before = _kept(shop, store)
    outputs = _outputs(file, environment, folder)

    assert [output.text for output in outputs if output.output_type == "stream"] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= PICTURES
    assert _kept(shop, store) == before


class _ThisPython(AsyncKernelManager):
    """Starts the interpreter that runs the tests, whatever kernels this machine has."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="this Python", language="python")


def _outputs(file: Path, environment: Mapping[str, str], folder: Path) -> list[Any]:
    """What the cells of a notebook show, run from the top; every warning is an error."""
    notebook = read_notebook(file)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import warnings\nwarnings.simplefilter('error')"))
    kept = {name: value for name, value in environment.items() if name != "MPLBACKEND"}
    kept |= {"IPYTHONDIR": str(folder / "ipython"), "MPLCONFIGDIR": str(folder / "matplotlib")}
    with (folder / "kernel.log").open("wb") as log:
        client = NotebookClient(notebook, timeout=120, kernel_manager_class=_ThisPython)
        client.execute(cwd=str(folder), env=kept, stderr=log)
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def _kept(shop: Path, store: Path) -> dict[Path, str]:
    """A checksum of everything that a shop and its store hold, but for tables and vectors that are kept to save time."""
    found = {}
    for root in (shop, store):
        for file in root.rglob("*"):
            if file.is_file() and file.relative_to(root).parts[0] not in _CACHES and file.suffix[:3] != ".db-":
                found[file] = hashlib.sha256(_content(file)).hexdigest()
    return found


def _content(file: Path) -> bytes:
    """Of a database what it says, since reading alone may move its pages."""
    if file.suffix != ".db":
        return file.read_bytes()
    with closing(sqlite3.connect(file)) as database:
        return "\n".join(database.iterdump()).encode()
