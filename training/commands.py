"""The training room's commands: train, judge, ui."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from features.check import check_tables
from features.console import Stopwatch, answer, say, show_table
from features.refusal import Refusal
from features.shop import read_shop
from features.store import local_store, written_whole
from training.spoken import SPOKEN, VALUED_BY, with_interval
from training.study import read_study

app = typer.Typer()

ShopFolder = Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command()
def train(
    shop: ShopFolder = Path(),
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Learn as on this day, from what was known before it.")] = None,
    trials: Annotated[int | None, typer.Option(min=0, help="Settings to try, in place of tune.trials; 0 is quick.")] = None,
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
        from training.registry import Registry
        from training.train import fit_bundle, register
    settings, study = read_shop(shop), read_study(shop)
    if trials is not None:
        study = study.model_copy(update={"tune": study.tune.model_copy(update={"trials": trials})})
    require_own_store(settings, store.bundles)
    Registry(store).require_own(settings.name)
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    day = until.date() if until else None
    if day:
        study, checked = known_by(day, study, checked)
    trained = fit_bundle(settings, study, checked, store, watch, present_champion(settings, store, day))
    bundle_id = register(settings, study, checked, store, trained, watch)
    found = trained.judgment.as_dict(bundle_id)
    show_judgment(found)
    say(str(trained.tuned))
    watch.show()
    say(f"\nRegistered {bundle_id} as challenger. Make it champion with: holdfast promote --shop {shop}")
    answer({"bundle": bundle_id, "grade": found["grade"], "columns": len(trained.bundle.catalog.features),
            "tuned": trained.tuned.as_dict(), "seconds": watch.seconds}, as_json)  # fmt: skip


@app.command()
def judge(
    bundle: Annotated[str, typer.Argument(help="champion, challenger, latest, or churn/7.")] = "latest",
    card: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the model card into this file, as one HTML page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a bundle was judged: on later days or other customers than it knew, beside rules of thumb.

    Example: holdfast judge champion --card card.html
    """
    from training.registry import Registry

    registry = Registry(local_store())
    version = registry.version(bundle)
    found = registry.judgment(version)
    show_judgment(found)
    if card:
        with written_whole(card) as beside:
            beside.write_text(registry.card_page(version), encoding="utf-8")
        say(f"Wrote {card}")
    answer(found, as_json)


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
        cells = [with_interval(values[m], ".3f") for m in measures]
        rows.append((SPOKEN.get(model, model), *cells))
    title = f"Judged on {', '.join(found['cutoffs'])}: mean [95 % interval]"
    show_table(title, ("model", *(m.replace("_", " ") for m in measures)), rows)
    for other, differences in found["paired"].items():
        d = differences["auc_difference"]
        say(f"AUC above {SPOKEN.get(other, other)}: {with_interval(d, '+.4f')}")
    show_worth(found)
    show_horizons(found.get("further_horizons", ()))
    say(f"Grade {found['grade']}: {found['grade_because']}")
    show_value(found.get("value"))


def show_value(found: Mapping[str, Any] | None) -> None:
    """How customer value was judged, as people read it; nothing where it was not."""
    if not found:
        return
    measures = ("rmse", "mae", "deviance", "correlation", "gini", "total_ratio")
    rows = [
        (VALUED_BY[model], *(with_interval(of[m], ",.3f") for m in measures)) for model, of in found["models"].items()
    ]
    title = f"Spend within {found['days']} days of {', '.join(found['cutoffs'])}: mean [95 % interval]"
    show_table(title, ("value by", *(m.replace("_", " ") for m in measures)), rows)
    within = found["coverage"].get("within")
    say(found["because"] + (f" The 80 % interval held {within:.0%} of them." if within is not None else ""))


def show_horizons(found: Sequence[Mapping[str, Any]]) -> None:
    """How the further horizons were judged, as people read it; nothing where there are none."""
    if not found:
        return
    rows = [
        (f"{one['horizon_days']} days", f"{one['cutoffs'][0]} to {one['cutoffs'][-1]}", f"{one['churn_rate']:.1%}",
         *(with_interval(of, ".3f") for of in one["measures"].values()))
        for one in found
    ]  # fmt: skip
    header = ("horizon", "judged", "left", *(measure.replace("_", " ") for measure in found[0]["measures"]))
    show_table("Over further horizons, in what is told: mean [95 % interval]", header, rows)


def show_worth(found: Mapping[str, Any]) -> None:
    """What the probabilities are worth and how far they can be relied on: a second, small table.

    Of a judgment of an older Holdfast there is none of it.
    """
    if "calibration_error_noise" not in found:
        return
    worth = found.get("net_value") or {}
    rules = worth.get("rules", {})
    rows = []
    for model, values in found["models"].items():
        cells = [
            with_interval(values[m], ".2f") for m in ("gain_at_20", "calibration_slope", "expected_maximum_profit")
        ]
        brought = rules[model]["per_customer"] if model in rules else None
        told = with_interval(brought, ".3f") if brought else "not told"
        rows.append((SPOKEN.get(model, model), *cells, told))
    money = f"playbook's net value, {worth['currency']}" if rules else "playbook's net value"
    header = ("model", "churners in riskiest fifth", "calibration slope", "max. profit (EMPC)", money)
    show_table("What that is worth, per customer: mean [95 % interval]", header, rows)
    say(f"Calibration error by chance alone: up to {found['calibration_error_noise']:.3f}")
    saved = (found.get("savings") or {}).get("models", {}).get("holdfast", {}).get("least_expected_cost")
    if saved:
        say(
            f"By the table's own costs, offers to {saved['targeted']:.0%} save {with_interval(saved['saved'], '.1%')} of what"
            " the cheaper of offering to nobody and to all would have cost"
        )
    stable = (found.get("reasons") or {}).get("at_risk")
    if stable:
        say(f"Learned again from other customers, {stable['same_first']:.0%} of those at risk keep their first reason")
    for comparison in found.get("fairness", ()):
        for group in comparison["groups"]:
            if group["words"]:
                say(f"{comparison['attribute']} {group['group']}: {group['words']}")
