"""The notebooks: kept without their results, readable, and true from top to bottom on the demo shop."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from demo_shop import DemoShop
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from running_service import ServedShop, scored_shop

from features.checked import CheckedTables

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ROOMS = {"features", "models", "training", "serving"}
LIBRARIES = {"IPython", "babel", "duckdb", "matplotlib", "numpy", "pandas", "pyarrow", "sklearn"}
PICTURES = 12  # a story has at least so many

every_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def _read(file: Path) -> Any:
    return nbformat.read(file, as_version=4)


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _imports(notebook: Any) -> Iterator[tuple[str, str]]:
    """Module and name (empty for a whole module) of all that is imported anywhere."""
    for cell in _code(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.module or "", alias.name) for alias in node.names)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@every_notebook
def test_a_notebook_is_kept_without_its_results(file: Path) -> None:
    notebook = _read(file)

    nbformat.validate(notebook)
    assert [cell.id for cell in _code(notebook) if cell.outputs or cell.execution_count is not None] == []
    assert [cell.id for cell in notebook.cells if cell.metadata] == []
    assert {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}} == notebook.metadata


@every_notebook
def test_a_notebook_says_what_it_is_about_before_its_first_code(file: Path) -> None:
    first = _read(file).cells[0]

    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


@every_notebook
def test_every_picture_of_a_notebook_is_introduced(file: Path) -> None:
    """Between two cells that draw stands text."""
    drawn = False
    for cell in _read(file).cells:
        draws = cell.cell_type == "code" and "picture(" in cell.source and "def picture(" not in cell.source
        assert not (drawn and draws), cell.id
        drawn = draws or (drawn and cell.cell_type == "code")


@every_notebook
def test_a_notebook_imports_rooms_and_known_libraries_only(file: Path) -> None:
    roots = {module.partition(".")[0] for module, _ in _imports(_read(file))}

    assert roots <= ROOMS | LIBRARIES | set(sys.stdlib_module_names)


@every_notebook
def test_what_a_notebook_takes_from_the_rooms_is_there(file: Path) -> None:
    taken = [(module, name) for module, name in _imports(_read(file)) if name and module.partition(".")[0] in ROOMS]

    assert taken
    assert [pair for pair in taken if not hasattr(importlib.import_module(pair[0]), pair[1])] == []


@every_notebook
def test_where_nothing_is_published_the_first_cell_says_what_to_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_SHOP", str(tmp_path / "no shop"))
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "store"))

    with pytest.raises(Exception, match="run `make demo SERVE=no` first") as raised:
        exec(compile(_code(_read(file))[0].source, file.name, "exec"), {"__name__": "__main__"})
    assert [str(raised.value)] == raised.value._render_traceback_()  # type: ignore[attr-defined]


class _ThisPython(AsyncKernelManager):
    """Starts the interpreter that runs the tests, whatever kernels this machine has."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="this Python", language="python")


def _outputs(file: Path, environment: Mapping[str, str], folder: Path) -> list[Any]:
    """What the cells of a notebook show, run from the top; every warning is an error."""
    notebook = _read(file)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import warnings\nwarnings.simplefilter('error')"))
    kept = {name: value for name, value in environment.items() if name != "MPLBACKEND"}
    kept |= {"IPYTHONDIR": str(folder / "ipython"), "MPLCONFIGDIR": str(folder / "matplotlib")}
    with (folder / "kernel.log").open("wb") as log:
        client = NotebookClient(notebook, timeout=120, kernel_manager_class=_ThisPython)
        client.execute(cwd=str(folder), env=kept, stderr=log)
    return [output for cell in _code(notebook) for output in cell.outputs]


def _assert_tells_its_story(outputs: list[Any]) -> None:
    assert [output.text for output in outputs if output.output_type == "stream"] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= PICTURES


@pytest.mark.slow
@every_notebook
def test_a_notebook_tells_its_story_of_the_demo_shop(file: Path, demo_shop: DemoShop, tmp_path: Path) -> None:
    _assert_tells_its_story(_outputs(file, demo_shop.environment(), tmp_path))


@pytest.fixture(scope="module")
def other_shop(
    example_folder: Path, checked: CheckedTables, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> ServedShop:
    """The example shop, which brings columns that the demo shop does not: returns, costs, complaints."""
    shop = scored_shop(tmp_path_factory.mktemp("other"), example_folder, checked, bundle_folder)
    (shop.shop / "study.toml").write_text("[cutoffs]\njudged = 2\n", encoding="utf-8")
    return shop


@pytest.mark.slow
@every_notebook
def test_a_notebook_tells_its_story_of_another_shop(file: Path, other_shop: ServedShop, tmp_path: Path) -> None:
    _assert_tells_its_story(_outputs(file, other_shop.environment(), tmp_path))
