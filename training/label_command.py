"""The command `label`: who counts as churned, written as a table, or previewed so that a horizon can be chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from features.check import check_tables
from features.console import Stopwatch, answer, say, show_table
from features.shop import read_shop
from features.store import local_store
from training.label_preview import LabelPreview, interval_of, label_preview
from training.labels import write_labels
from training.plan import plan
from training.population import population
from training.study import Study, read_study

app = typer.Typer()


@app.command()
def label(
    shop: Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")] = Path(),
    preview: Annotated[bool, typer.Option("--preview", help="Write no labels; show how many churn, and under other horizons.")] = False,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="With --preview: write it as one HTML page into this file.")] = None,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="File to write the labels into. Default: labels.parquet in the shop's folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Who churned by the study's definition at each matured cut-off, as Parquet; or a preview by cut-off and horizon.

    Example: holdfast label --shop my-shop --preview --report labels.html
    """
    if report and not preview:
        raise typer.BadParameter("--report goes with --preview")
    settings, store, watch = read_shop(shop), local_store(), Stopwatch()
    has_study = (shop / "study.toml").exists()  # whoever chooses a horizon may not have written one yet
    study = read_study(shop) if has_study or not preview else Study()
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    if not preview:
        file = out or shop / "labels.parquet"
        with watch.step("labels"):
            found = population(checked, study, plan(checked, study).cutoffs)
            rows = write_labels(file, found.vectors, found.eligible, found.labels)
        say(
            f"Wrote {rows:,} labels at {len(found.cutoffs)} cut-offs to {file}; who is not eligible is not asked about."
        )
        answer({"file": str(file), "rows": rows, "cutoffs": found.cutoffs, "seconds": watch.seconds}, as_json)
        return
    with watch.step("preview"):
        previewed = label_preview(settings.name, checked, study)
    show_preview(previewed)
    if not has_study:
        say("There is no study.toml beside shop.toml: its defaults were looked at.")
    content: dict[str, Any] = previewed.as_dict()
    if report is not None:
        from training.label_page import write_label_page

        write_label_page(report, previewed)
        say(f"Wrote {report}")
        content["report"] = str(report)
    answer({**content, "seconds": watch.seconds}, as_json)


def show_preview(found: LabelPreview) -> None:
    """The preview as people read it."""
    say(f"The question: {found.definition.told}.")
    rows = []
    for count in found.cutoffs:
        interval = interval_of(count)
        share = _percent(count.churn_share, 1)
        told = f"{share} [{interval[0]:.1%}, {interval[1]:.1%}]" if interval else share
        rows.append(
            (str(count.cutoff), f"{count.eligible:,}", "" if count.churned is None else f"{count.churned:,}", told)
        )
    show_table("By cut-off", ("cut-off", "eligible", "churned", "share [95 % interval]"), rows)
    if found.horizons:
        show_table(
            "By horizon",
            ("horizon", "cut-offs", "eligible", "churned", "share", "by cut-off", "back within as long again",
             "within twice as long", f"within {found.definition.active_within_days} days", "history carries training"),
            [
                (f"{one.horizon_days} days", one.cutoffs, f"{one.eligible:,}", f"{one.churned:,}", f"{one.churn_share:.1%}",
                 f"{one.least:.1%} to {one.most:.1%}", _percent(one.back_within_once), _percent(one.back_within_twice),
                 _percent(one.back_within_active),
                 "yes" if one.carries_training else "no")
                for one in found.horizons
            ],
        )  # fmt: skip
    say(found.advice)


def _percent(share: float | None, digits: int = 0) -> str:
    return "not known" if share is None else f"{share:.{digits}%}"
