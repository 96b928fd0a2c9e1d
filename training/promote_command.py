"""The commands `promote` and `rollback`: which bundle is champion, and is served."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from features.console import answer, say, show_table
from features.refusal import Refusal
from features.shop import read_shop
from features.store import local_store
from training.gates import Gate
from training.study import read_study

app = typer.Typer()

ShopFolder = Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command()
def promote(
    bundle: Annotated[str, typer.Argument(help="challenger, latest, or churn/7.")] = "challenger",
    shop: ShopFolder = Path(),
    other_question: Annotated[bool, typer.Option("--other-question", help="Let a bundle of another churn definition than the champion's pass unmeasured.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pass a bundle through the gates of study.toml, make it champion and publish it for serving.

    Example: holdfast promote challenger --shop demo-shop
    """
    from training.promotion import promote_through_gates
    from training.registry import Registry

    settings, study = read_shop(shop), read_study(shop)
    found = promote_through_gates(Registry(local_store()), bundle, settings, study.gates, other_question)
    name = found.version.bundle_id
    show_gates(name, found.gates)
    if found.failed:
        raise Refusal(
            "HF304", f"{name} is not promoted: {found.failed[0].name}: {found.failed[0].because}.",
            "The champion stays. Train a better one, or change the gates in study.toml.",
        )  # fmt: skip
    say(f"{name} is champion, published in {found.published}")
    grade, because = found.judgment["grade"], found.judgment["grade_because"]
    weak = "" if grade in "AB" else " The gates let it pass, but what you would do without it is about as good."
    say(f"Grade {grade}: {because}{weak}")
    say_noted(found.is_noted)
    answer({"bundle": name, "published": str(found.published), "grade": grade,
            "gates": [gate.as_dict() for gate in found.gates], "noted": found.is_noted}, as_json)  # fmt: skip


@app.command()
def rollback(
    bundle: Annotated[str | None, typer.Argument(help="A former champion like churn/7; default: the one served before.", show_default=False)] = None,
    shop: ShopFolder = Path(),
    without_mlflow: Annotated[bool, typer.Option("--without-mlflow", help="Move only what is served, while MLflow cannot be reached.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a former champion champion again and serve it; repeated, it goes one further back.

    Example: holdfast rollback --shop demo-shop
    """
    from training.promotion import go_back

    found = go_back(local_store(), read_shop(shop), bundle, without_mlflow)
    say(f"{found.bundle_id} is served in the place of {found.left}, from {found.published}")
    if not found.alias_moved:
        say(f"MLflow still calls another one champion: run holdfast rollback {found.bundle_id} once it can be reached.")
    say_noted(found.is_noted)
    answer({"bundle": found.bundle_id, "left": found.left, "published": str(found.published),
            "alias_moved": found.alias_moved, "noted": found.is_noted}, as_json)  # fmt: skip


def show_gates(bundle_id: str, gates: Sequence[Gate]) -> None:
    """The gates as people read them."""
    rows = [(gate.name, "yes" if gate.passed else "NO", gate.because) for gate in gates]
    show_table(f"Gates for {bundle_id}", ("gate", "passed", "because"), rows)


def say_noted(is_noted: bool) -> None:
    """Say where the ledger's audit lacks a line."""
    if not is_noted:
        say("The ledger could not be reached: its audit does not tell of this.")
