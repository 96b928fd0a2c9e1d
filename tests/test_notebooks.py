"""The notebooks: kept without their results, readable, and true from top to bottom on a shop with many tables.

tests/test_demo.py runs them on the demo shop.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from running_notebook import NOTEBOOKS, assert_tells_its_story, code_cells, every_notebook, read_notebook
from running_service import ServedShop, scored_shop

from features.checked import CheckedTables

ROOMS = {"features", "models", "training", "serving"}
LIBRARIES = {"IPython", "babel", "duckdb", "matplotlib", "numpy", "pandas", "pyarrow", "sklearn"}


def _imports(notebook: Any) -> Iterator[tuple[str, str]]:
    """Module and name (empty for a whole module) of all that is imported anywhere."""
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.module or "", alias.name) for alias in node.names)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@every_notebook
def test_a_notebook_is_kept_without_its_results(file: Path) -> None:
    notebook = read_notebook(file)

    nbformat.validate(notebook)
    assert [cell.id for cell in code_cells(notebook) if cell.outputs or cell.execution_count is not None] == []
    assert [cell.id for cell in notebook.cells if cell.metadata] == []
    assert {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}} == notebook.metadata


@every_notebook
def test_a_notebook_says_what_it_is_about_before_its_first_code(file: Path) -> None:
    first = read_notebook(file).cells[0]

    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


@every_notebook
def test_every_picture_of_a_notebook_is_introduced(file: Path) -> None:
    """Between two cells that draw stands text."""
    drawn = False
    for cell in read_notebook(file).cells:
        draws = cell.cell_type == "code" and "picture(" in cell.source and "def picture(" not in cell.source
        assert not (drawn and draws), cell.id
        drawn = draws or (drawn and cell.cell_type == "code")


@every_notebook
def test_a_notebook_imports_rooms_and_known_libraries_only(file: Path) -> None:
    roots = {module.partition(".")[0] for module, _ in _imports(read_notebook(file))}

    assert roots <= ROOMS | LIBRARIES | set(sys.stdlib_module_names)


@every_notebook
def test_what_a_notebook_takes_from_the_rooms_is_there(file: Path) -> None:
    taken = [
        (module, name) for module, name in _imports(read_notebook(file)) if name and module.partition(".")[0] in ROOMS
    ]

    assert taken
    assert [pair for pair in taken if not hasattr(importlib.import_module(pair[0]), pair[1])] == []


@every_notebook
def test_where_nothing_is_published_the_first_cell_says_what_to_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_SHOP", str(tmp_path / "no shop"))
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "store"))

    with pytest.raises(Exception, match="run `make demo SERVE=no` first") as raised:
        exec(compile(code_cells(read_notebook(file))[0].source, file.name, "exec"), {"__name__": "__main__"})
    assert [str(raised.value)] == raised.value._render_traceback_()  # type: ignore[attr-defined]


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
    assert_tells_its_story(file, other_shop.environment(), tmp_path)
