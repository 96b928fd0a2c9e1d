"""The command `compare`: two bundles side by side."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from features.check import check_tables
from features.console import answer, say, show_table
from features.shop import read_shop
from features.store import local_store
from training.spoken import with_interval
from training.study import read_study

app = typer.Typer()

_SHOWN_SETTINGS, _SHOWN_COLUMNS = 20, 8
_FIFTHS = "random fifths of the customers"


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="champion, challenger, latest, or churn/7.")] = "champion",
    second: Annotated[str, typer.Argument(help="Another.")] = "challenger",
    shop: Annotated[Path | None, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder; with it both are tried on labels that are new to both.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Show two bundles side by side: how they were judged, and in what they differ.

    Example: holdfast compare champion challenger --shop demo-shop
    """
    from models.published import require_own
    from training.compare import Side, compared, on_new_labels
    from training.registry import Registry

    store = local_store()
    registry = Registry(store)
    versions = [registry.version(name) for name in (first, second)]
    a, b = (Side(registry.bundle(version), registry.judgment(version)) for version in versions)
    found = compared(a, b)
    if shop is not None:
        settings, study = read_shop(shop), read_study(shop)
        for side in (a, b):
            require_own(settings, side.bundle.id, side.bundle.card.get("shop"), store.bundles)
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
        found["on_new_labels"] = on_new_labels(a.bundle, b.bundle, checked, study, store)
    show_compared(found)
    answer(found, as_json)


def show_compared(found: Mapping[str, Any]) -> None:
    """The comparison as people read it."""
    a, b = found["bundles"]
    if not found["same_question"]:
        say("They answer different questions, and no figure compares them:")
        for name, predicts in zip(found["bundles"], found["predicts"], strict=True):
            say(f"  {name}: {predicts}.")
    judged = found["judged"]
    if judged["measures"]:
        rows = [
            (measure.replace("_", " "), *(f"{value:.4f}" for value in one["values"]), f"{one['difference']:+.4f}",
             _better(one["difference"], one["less_is_better"], a, b))
            for measure, one in judged["measures"].items()
        ]  # fmt: skip
        in_time = all(found["judged_in_time"])
        where = ", ".join(judged["cutoffs"]) if in_time else _FIFTHS
        show_table(f"As judged on {where}", ("measure", a, b, "difference", "better"), rows)
        by = "models trained before these days" if in_time else "models that had not seen those they were judged on"
        say(f"Each by {by}. Without an interval: what is better by little may be so by chance.")
    elif found["same_question"]:
        on = [
            ", ".join(cutoffs) if in_time else f"{_FIFTHS} of its own table"
            for cutoffs, in_time in zip(found["judged_on"], found["judged_in_time"], strict=True)
        ]
        say(f"Nothing was judged for both: {a} on {on[0]}, {b} on {on[1]}.")
    _show_new(found, a, b)
    differs = found["differs"]
    if differs["settings"]:
        rows = [(one["setting"], *one["values"]) for one in differs["settings"][:_SHOWN_SETTINGS]]
        show_table("Settings of study.toml that differ", ("setting", a, b), rows)
    if differs["data"]:
        show_table("Data that differ", ("what", a, b), [(one["what"], *one["values"]) for one in differs["data"]])
    for what, told in (("only_first", f"Columns of {a} alone"), ("only_second", f"Columns of {b} alone"),
                       ("computed_otherwise", "Columns that are computed otherwise")):  # fmt: skip
        names = differs["columns"][what]
        if names:
            more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
            say(f"{told}: {', '.join(names[:_SHOWN_COLUMNS])}{more}.")
    if not (differs["settings"] or differs["data"] or any(differs["columns"].values())):
        say("They were trained on the same data, columns and settings.")


def _show_new(found: Mapping[str, Any], a: str, b: str) -> None:
    if "on_new_labels" not in found or not found["same_question"]:
        return
    new = found["on_new_labels"]
    if new is None:
        say("No labels have matured that are new to both: as they are served, they cannot be compared yet.")
        return
    rows = []
    for measure, one in new["measures"].items():
        d = one["difference"]
        sure = d["low"] > 0 or d["high"] < 0
        rows.append((
            measure.replace("_", " "), *(f"{value:.4f}" for value in one["values"]),
            with_interval(d, "+.4f"),
            _better(d["value"], one["less_is_better"], a, b) if sure else "not told",
        ))  # fmt: skip
    title = f"As served, on labels new to both: {', '.join(new['cutoffs'])}"
    show_table(title, ("measure", a, b, "difference [95 % interval]", "better"), rows)


def _better(difference: float, less_is_better: bool, a: str, b: str) -> str:
    if difference == 0:
        return "neither"
    return b if (difference < 0) == less_is_better else a
