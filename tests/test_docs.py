"""Documentation that cannot fail is a lie in waiting: commands, addresses, settings and words are all in it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

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
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PICTURES = ROOT / "tests" / "browser" / "pictures"
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


SENT_ONLY = {"/sign-out", "/language"}  # forms that every page has, not pages to open


@pytest.mark.parametrize("path", [a.path for a in ADDRESSES if a.is_page and a.path not in SENT_ONLY])
def test_every_page_that_people_open_is_in_the_readme(path: str) -> None:
    assert f"| `{path}` |" in README


def test_every_picture_is_in_the_readme_and_every_picture_of_the_readme_is_there() -> None:
    named = set(re.findall(r"tests/browser/pictures/(\w+\.png)", README))

    assert {file.name for file in PICTURES.iterdir()} == named
    assert [file.name for file in PICTURES.iterdir() if file.stat().st_size >= 250_000] == []


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", README + CONTRIBUTING, flags=re.DOTALL))
def test_every_setting_that_is_shown_can_be_used(block: str) -> None:
    """A piece of shop.toml, study.toml or playbook.toml, by what is in it."""
    shown = tomllib.loads(block)
    if "files" in shown:
        assert Shop.model_validate(shown).tables
    elif "actions" in shown:
        whole = tomllib.loads((ROOT / "models" / "playbook.toml").read_text(encoding="utf-8"))
        assert Playbook.model_validate({**whole, **shown})
    else:
        assert Study.model_validate(shown) != Study()


def test_the_family_that_is_shown_can_be_declared() -> None:
    [block] = re.findall(r"```python\n(.*?)```", CONTRIBUTING, flags=re.DOTALL)
    declared: dict[str, Any] = {}
    exec(block, declared)

    assert [feature.name for feature in declared["CHANNEL"].features] == ["channels_91d"]


SHOWN_AS_EXAMPLE = {"features/behavior/channel.py", "serving/pages/actions.html"}


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_file_that_is_named_is_there(text: str) -> None:
    rooms = "features|models|training|serving|notebooks|tests"
    named = set(re.findall(rf"\b(?:{rooms})/[\w/]+\.\w+", text)) - SHOWN_AS_EXAMPLE
    linked = {link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link}

    assert len(named | linked) > 5
    assert [name for name in sorted(named | linked) if not (ROOT / name).exists()] == []


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
