"""The map of the rooms: who may import whom, what is heavy where, how long a file may be, where `now` is read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "features": {"features"},
    "models": {"models", "features"},
    "training": {"training", "models", "features"},
    "serving": {"serving", "models", "features"},
}
NOT_OUTSIDE_TRAINING = {"mlflow", "pandas", "sklearn", "shap", "optuna", "matplotlib"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "core", "base", "misc", "manager", "engine", "handler"}
# Doors may read the clock: commands and the service; and the ledger, which dates its own records.
CLOCKS = {
    "holdfast.py",
    "features/commands.py",
    "training/check_command.py",
    "training/commands.py",
    "training/compare_command.py",
    "training/label_command.py",
    "training/monitor_command.py",
    "training/retrain_command.py",
    "serving/commands.py",
    "serving/service.py",
    "serving/users.py",
    "models/ledger.py",
    "models/keys.py",
}
FILES = [
    *sorted(
        file
        for room in ("features", "models", "training", "serving", "tests", "notebooks")
        for file in (ROOT / room).rglob("*.py")
        if ROOT / "models" / "store" not in file.parents
    ),
    ROOT / "holdfast.py",
]
ROOM_FILES = [file for file in FILES if file.relative_to(ROOT).parts[0] in MAY_IMPORT]


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def _imports(tree: ast.AST) -> Iterator[str]:
    """The full names of all modules imported anywhere in a file, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def _imported_roots(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imports(ast.parse(file.read_text(encoding="utf-8")))}


@pytest.mark.parametrize("file", ROOM_FILES, ids=_name)
def test_a_room_imports_only_the_rooms_it_may(file: Path) -> None:
    room = file.relative_to(ROOT).parts[0]
    ours = {*MAY_IMPORT, "notebooks", "tests", "holdfast"}
    assert _imported_roots(file) & ours - MAY_IMPORT[room] == set()


@pytest.mark.parametrize("file", [f for f in ROOM_FILES if "training" not in f.relative_to(ROOT).parts], ids=_name)
def test_heavy_libraries_stay_in_training(file: Path) -> None:
    assert _imported_roots(file) & NOT_OUTSIDE_TRAINING == set()


def test_the_command_imports_rooms_only_inside_functions() -> None:
    at_the_top = ast.Module(
        body=[
            node for node in ast.parse((ROOT / "holdfast.py").read_text()).body if not isinstance(node, ast.FunctionDef)
        ],
        type_ignores=[],
    )
    assert {name.partition(".")[0] for name in _imports(at_the_top)} & set(MAY_IMPORT) == set()


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_no_file_is_longer_than_400_lines(file: Path) -> None:

    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_no_file_is_named_for_nothing(file: Path) -> None:
    words = {part for name in file.relative_to(ROOT).with_suffix("").parts for part in name.lower().split("_")}
    assert words & FORBIDDEN_NAMES == set()


@pytest.mark.parametrize("file", [f for f in ROOM_FILES if _name(f) not in CLOCKS], ids=_name)
def test_the_clock_is_read_only_in_doors(file: Path) -> None:
    """No now(), today() or time.time(): a cut-off or a moment is an argument."""
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)}
    clocks = {
        name for name in called if name.split(".")[-1] in ("now", "utcnow", "utc_now", "today") or name == "time.time"
    }
    assert clocks == set()


@pytest.mark.parametrize("file", ROOM_FILES, ids=_name)
def test_nothing_is_pickled(file: Path) -> None:
    assert _imported_roots(file) & {"pickle", "joblib", "cloudpickle", "dill"} == set()
