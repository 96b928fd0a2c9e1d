"""The training room's commands: train, judge, monitor, ui."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from features.check import check_tables
from features.console import Stopwatch, answer, progress, say, show_table
from features.refusal import Refusal
from features.shop import read_shop
from features.store import local_store
from training.spoken import SPOKEN
from training.study import read_study

app = typer.Typer()

ShopFolder = Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command()
def train(
    shop: ShopFolder = Path(),
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Learn as on this day, from what was known before it.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Fit, judge and register a bundle; it becomes the challenger.

    Example: holdfast train --shop demo-shop --until 2017-10-06
    """
    watch = Stopwatch()
    store = local_store()
    with watch.step("import"):
        from models.published import require_own_store
        from training.champion import present_champion
        from training.panel import known_by
        from training.train import fit_bundle, register
    settings, study = read_shop(shop), read_study(shop)
    require_own_store(settings, store.bundles)
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    day = until.date() if until else None
    if day:
        study, checked = known_by(day, study, checked)
    trained = fit_bundle(settings, study, checked, store, watch, present_champion(settings, store, day))
    bundle_id = register(settings, study, checked, store, trained, watch)
    found = trained.judgment.as_dict(bundle_id)
    show_judgment(found)
    watch.show()
    say(f"\nRegistered {bundle_id} as challenger. Make it champion with: holdfast promote --shop {shop}")
    answer({"bundle": bundle_id, "grade": found["grade"], "columns": len(trained.bundle.catalog.features),
            "seconds": watch.seconds}, as_json)  # fmt: skip


@app.command()
def judge(
    bundle: Annotated[str, typer.Argument(help="champion, challenger, latest, or churn/7.")] = "latest",
    as_json: AsJson = False,
) -> None:
    """Show how a bundle was judged: out of time, beside the recency rule and RFM logistic regression.

    Example: holdfast judge champion --json
    """
    from training.registry import Registry

    registry = Registry(local_store())
    found = registry.judgment(registry.version(bundle))
    show_judgment(found)
    answer(found, as_json)


@app.command()
def monitor(shop: ShopFolder = Path(), as_json: AsJson = False) -> None:
    """Compare matured score runs with what became of their customers; each is compared once.

    Example: holdfast monitor --shop demo-shop
    """
    from models.ledger import Ledger, utc_now
    from models.outcome import runs_to_compare
    from training.monitor import compare_runs

    watch = Stopwatch()
    store, settings = local_store(), read_shop(shop)
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    ledger = Ledger(store.ledger_url)
    ledger.migrate()
    found: list[dict[str, Any]] = []
    runs = runs_to_compare(ledger, settings.name, checked.known_until)
    if runs:
        with watch.step("compare"), progress("comparing", len(runs)) as done:
            compared = compare_runs(runs, checked, ledger, store.bundles, utc_now(), done)
        found = [one.as_dict() for one in compared]
        show_compared(found)
    else:
        say(f"Nothing to compare: no other score run has matured by {checked.known_until}, the end of what is known.")
    answer({"shop": settings.name, "known_until": checked.known_until, "compared": found, "seconds": watch.seconds},
           as_json)  # fmt: skip


@app.command()
def ui(port: Annotated[int, typer.Option(min=1, max=65535, help="Port on localhost.")] = 5000) -> None:
    """Open MLflow on the local store: runs, metrics, plots, model versions.

    Example: holdfast ui --port 5001
    """
    store = local_store()
    environment = {
        **os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }  # fmt: skip
    if not store.mlflow.exists() and not store.mlflow_uri_setting:
        raise Refusal("HF405", f"there is no MLflow store in {store.mlflow}.", "Run: holdfast train")
    say(f"MLflow on http://127.0.0.1:{port} (Ctrl-C ends it)")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store.mlflow_uri,
               "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]  # fmt: skip
    os.execve(command[0], command, environment)  # MLflow takes this process's place, and so its signals


def past_quarter(shop: Path) -> tuple[date, ...]:
    """The last matured cut-offs, as many as are judged, oldest first; none where the champion has learned from them."""
    from training.champion import has_learned_from, present_champion
    from training.panel import matured_cutoffs

    settings, study, store = read_shop(shop), read_study(shop), local_store()
    checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    past = matured_cutoffs(checked, study.cutoffs, study.churn.meant.label_days)[-study.cutoffs.judged :]
    champion = present_champion(settings, store)
    return () if champion and has_learned_from(champion, past[0]) else past


def show_judgment(found: dict[str, Any]) -> None:
    """The judgment as people read it."""
    measures = ("auc", "average_precision", "lift_at_10", "brier", "log_loss", "calibration_error")
    rows = []
    for model, values in found["models"].items():
        cells = [f"{values[m]['value']:.3f} [{values[m]['low']:.3f}, {values[m]['high']:.3f}]" for m in measures]
        rows.append((SPOKEN.get(model, model), *cells))
    title = f"Judged on {', '.join(found['cutoffs'])}: mean [95 % interval]"
    show_table(title, ("model", *(m.replace("_", " ") for m in measures)), rows)
    for other, differences in found["paired"].items():
        d = differences["auc_difference"]
        say(f"AUC above {SPOKEN.get(other, other)}: {d['value']:+.4f} [{d['low']:+.4f}, {d['high']:+.4f}]")
    say(f"Grade {found['grade']}: {found['grade_because']}")


def show_compared(found: Sequence[Mapping[str, Any]]) -> None:
    """What became of the customers of matured runs, as people read it; which comparison flatters is said."""
    learned = {False: "", True: "flatters: its bundle had learned from these days",
               None: "its bundle is gone: what it had learned from is unknown"}  # fmt: skip
    rows = []
    for one in found:
        for band, group in {**one["bands"], "all": one["everyone"]}.items():
            low, high = group["interval"]
            rows.append(
                (one["cutoff"], one["bundle"], band, f"{group['customers']:,}", f"{group['expected']:.1%}",
                 f"{group['actual']:.1%} [{low:.1%}, {high:.1%}]", learned[one["seen_in_training"]])
            )  # fmt: skip
    header = ("scored as of", "bundle", "band", "customers", "expected to churn", "churned [95 % interval]", "")
    show_table("Expected against actual churn", header, rows)
