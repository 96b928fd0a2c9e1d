"""Documentation that cannot fail is a lie in waiting: commands, addresses, settings and words are all in it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

import holdfast
from features.catalog import DRIVERS
from features.refusal import CODES
from features.shop import Shop, TableSource
from models.keys import SCOPES
from models.playbook import Playbook
from models.relationship import QUADRANTS, STAGES, STATES, TIERS
from serving.addresses import ADDRESSES
from training.study import Study

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = [p for room in ("features", "models", "training", "serving") for p in (ROOT / room).rglob("*.py")]
SOURCES.append(ROOT / "holdfast.py")
GROUPS = ("keys", "users")


def commands() -> dict[str, typer.models.CommandInfo | object]:
    group = typer.main.get_command(holdfast.application([]))
    found = dict(group.commands)
    for of_several in GROUPS:
        found |= {f"{of_several} {name}": command for name, command in found[of_several].commands.items()}
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_with_an_example_and_is_in_the_readme(name: str) -> None:
    command = commands()[name]

    assert command.help
    if name not in GROUPS:
        assert f"Example: holdfast {name}" in command.help
    assert f"holdfast {name.split()[0]}" in README


def test_every_room_mounts_exactly_its_commands() -> None:
    assert {"demo", *(c for of_room in holdfast.ROOMS.values() for c in of_room)} == {
        n for n in commands() if " " not in n
    }


def test_every_command_but_the_lasting_ones_speaks_json() -> None:
    silent = {name for name, command in commands().items() if "json" not in str([p.opts for p in command.params])}

    assert {"serve", "ui", *GROUPS} == silent


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.listed], ids=lambda a: f"{a.method} {a.path}")
def test_every_address_is_in_the_readme(address) -> None:
    assert address.path in README


@pytest.mark.parametrize("code", CODES)
def test_every_refusal_code_is_used(code: str) -> None:
    places = [p for p in SOURCES if p.name != "refusal.py" and f'"{code}"' in p.read_text(encoding="utf-8")]

    assert places


def settings(kind: type[BaseModel]) -> list[str]:
    found = []
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += settings(inner)
        elif not field.exclude:
            found.append(field.alias or name)
    return found


@pytest.mark.parametrize(
    ("file", "kind"),
    [("training/study.toml", Study), ("models/playbook.toml", Playbook), ("features/shop.toml", Shop),
     ("features/shop.toml", TableSource)],
)  # fmt: skip
def test_every_setting_is_in_the_commented_file_that_init_writes(file: str, kind: type[BaseModel]) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert not [name for name in settings(kind) if not re.search(rf"\b{name}\b", text)]


def test_the_study_that_init_writes_is_the_default() -> None:
    written = tomllib.loads((ROOT / "training" / "study.toml").read_text(encoding="utf-8"))

    assert Study() == Study.model_validate(written)


@pytest.mark.parametrize("word", [*TIERS, *STATES, *STAGES, *QUADRANTS, *SCOPES])
def test_every_word_of_the_relationship_is_in_the_glossary(word: str) -> None:
    assert re.search(rf"\b{word}\b", README)


def test_every_driver_has_words_in_both_languages() -> None:
    assert all(driver.en and driver.zh for driver in DRIVERS.values())
    assert len({driver.zh for driver in DRIVERS.values()}) == len(DRIVERS)


def test_every_environment_variable_is_in_the_readme() -> None:
    read = {
        name for path in SOURCES for name in re.findall(r"\"(HOLDFAST_[A-Z_]+)\"", path.read_text(encoding="utf-8"))
    }

    assert not {name for name in read if name not in README} - {"HOLDFAST_BENCH"}


def test_no_file_names_a_package_registry() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "deb.debian" + ".org")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    found = [
        name
        for name in tracked
        for host in hosts
        if host in (ROOT / name).read_text(encoding="utf-8", errors="replace")
    ]
    assert not found


def test_the_service_is_pinned_as_everything_else() -> None:
    def pins(file: str) -> set[str]:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        return {line.split(";")[0].strip() for line in lines if "==" in line}

    assert pins("serving/requirements.txt") <= pins("constraints.txt")
