"""The command `check`: what a shop's tables can carry, and whether anything in them knows the future."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from features.check import check_tables
from features.console import answer, progress, say, show_table
from features.refusal import REFUSED
from features.shop import read_shop
from features.store import local_store
from training.preflight import Preflight, preflight
from training.study import Study, read_study

app = typer.Typer()


@app.command()
def check(
    shop: Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")] = Path(),
    leaks: Annotated[bool, typer.Option("--leaks", help="Prove that no vector knows what came after its cut-off, and look for columns that do; takes minutes.")] = False,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the report as one HTML page into this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Read the tables and tell what they can carry: what is usable, quarantined, refused, and what would help.

    Example: holdfast check --shop my-shop --leaks --html report.html
    """
    settings, store, now = read_shop(shop), local_store(), datetime.now(UTC)
    has_study = (shop / "study.toml").exists()
    study = read_study(shop) if has_study else Study()
    today = settings.today(now)
    with progress("reading tables", len(settings.tables)) as done:
        checked = check_tables(settings, store, today, lambda _table: done())
    found = preflight(settings, study, checked, today)
    content: dict[str, Any] = {}
    if leaks:
        from training.leaks import find_leaks

        with progress("looking for leaks") as done:
            leaking = find_leaks(settings, study, checked, store, done)
        found = found.with_more(leaking.findings)
        content["leaks"] = leaking.as_dict()
    show_preflight(found, has_study)
    if not leaks:
        say("Columns that know who left were not looked for: --leaks does, and training refuses the surest of them.")
    if html is not None:
        from training.check_page import write_check_page

        write_check_page(html, found)
        say(f"Wrote {html}")
        content["html"] = str(html)
    answer({**found.as_dict(), "study": "study.toml" if has_study else "defaults", **content}, as_json)
    if not found.is_usable:
        raise typer.Exit(REFUSED)  # an error found is a refusal that was foretold


def show_preflight(found: Preflight, has_study: bool) -> None:
    """The report as people read it; what is as it should be is counted only."""
    checked = found.checked
    show_table(
        "Tables", ("table", "rows read", "used", "quarantined", "quarantine file"),
        [(r.table, f"{r.read:,}", f"{r.used:,}", f"{r.quarantined:,}", r.quarantine_file or "") for r in checked.reports],
    )  # fmt: skip
    show_table(
        "Usability", ("name", "step", "state", "column", "table", "details"),
        [
            (f.name, f.step, f.state, f.column, f.table, " ".join(filter(None, (f.code, f.details, f.mend))))
            for f in found.findings if f.state != "ok"
        ],
    )  # fmt: skip
    told = ", ".join(
        f"{count} {state}{'' if state == 'ok' or count == 1 else 's'}" for state, count in found.states.items()
    )
    say(f"{told}. All of it: --json or --html FILE.")
    if not has_study:
        say("There is no study.toml beside shop.toml: its defaults were looked at.")
    if found.cutoffs:
        last = found.cutoffs[-1]
        left = "who of them churned is not known" if last.churned is None else f"{last.churned:,} of them churned"
        say(f"At {last.cutoff}, {last.eligible:,} customers are eligible and {left} within"
            f" {found.study.churn.horizon_days} days.")  # fmt: skip
    say(f"{checked.spanned}.")
    say("It can be learned from." if found.is_usable else "It cannot be learned from yet.")
