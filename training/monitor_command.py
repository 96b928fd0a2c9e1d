"""The command `monitor`: whether today's scores can still be relied on, and what became of those whose time is up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.check import check_tables
from features.console import Stopwatch, answer, progress, say, show_table
from features.refusal import Refusal
from features.shop import read_shop
from features.store import Store, local_store, written_whole
from training.severity import EXIT_CODES
from training.spoken import LEARNED_FROM
from training.study import read_study

if TYPE_CHECKING:
    from models.runs import ScoreRun
    from training.monitor import ComparedRun
    from training.monitor_report import MonitorReport
    from training.watched_run import WatchedRun

app = typer.Typer()

_SHOWN = 8


@app.command()
def monitor(
    shop: Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")] = Path(),
    run: Annotated[str, typer.Option(help="Watch this score run, named as `holdfast score --json` does.")] = "",
    cutoff: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Watch the run of this cut-off.")] = None,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the report as one HTML page into this file.")] = None,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Watch score runs for drift, estimate how well they do, and compare matured ones with what became of them.

    Every run is watched that was not yet, and the newest one always. Exit codes: 0 nothing to look at, 4 watch, 5 alarm,
    of the newest run (or the one that is named), by the thresholds that study.toml sets under `monitor`.

    Example: holdfast monitor --shop demo-shop --report monitor.html
    """
    from models.ledger import Ledger, utc_now
    from models.outcome import runs_to_compare
    from models.runs import past_runs
    from training.monitor import bundle_of, compare_runs
    from training.monitor_report import monitor_report
    from training.watched_run import keep, not_yet_watched, watch_run

    watch = Stopwatch()
    store, settings = local_store(), read_shop(shop)
    rules = read_study(shop).monitor
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    ledger = Ledger(store.ledger_url)
    ledger.migrate()
    scored = past_runs(ledger, settings.name)
    named = _named(scored, settings.name, run, cutoff.date() if cutoff else None)
    to_compare = runs_to_compare(ledger, settings.name, checked.known_until)
    compared: list[ComparedRun] = []
    if to_compare:
        with watch.step("compare"), progress("comparing", len(to_compare)) as done:
            compared = compare_runs(to_compare, checked, ledger, store.bundles, utc_now(), rules, done)
    watched: list[WatchedRun] = []
    to_watch = [named] if run or cutoff else not_yet_watched(scored, store)
    with watch.step("watch"), progress("watching", len(to_watch)) as done:
        for one in to_watch:
            watched.append(watch_run(one, bundle_of(one, store.bundles), checked, ledger, store, rules))
            keep(watched[-1], store)
            done()
    found = monitor_report(watched, compared, checked, ledger, settings.name, rules)
    if named == scored[-1]:
        _remember(found, store)
    _show(found)
    content: dict[str, Any] = {"shop": settings.name, "known_until": checked.known_until, **found.as_dict()}
    if report is not None:
        from training.monitor_page import write_monitor_page

        write_monitor_page(report, settings, found, rules, bundle_of(found.run.run, store.bundles))
        say(f"Wrote {report}")
        content["report"] = str(report)
    answer({**content, "seconds": watch.seconds}, as_json)
    if found.severity != "ok" and not exit_zero:
        raise typer.Exit(EXIT_CODES[found.severity])


def _named(scored: Sequence[ScoreRun], shop: str, name: str, cutoff: date | None) -> ScoreRun:
    """The run that is asked for, the newest where none is; HF503 where there is no such run."""
    fit = [one for one in scored if name in ("", one.name) and cutoff in (None, one.cutoff)]
    if fit:
        return fit[-1]
    if not scored:
        raise Refusal("HF503", f"no score run of the shop {shop!r} is in the ledger.", "Run: holdfast score")
    asked = name or f"of the cut-off {cutoff}"
    raise Refusal(
        "HF503", f"the score run {asked} is not among the last ones of the shop {shop!r}.",
        f"There are: {', '.join(one.name for one in scored[-5:])}.",
    )  # fmt: skip


def _remember(found: MonitorReport, store: Store) -> None:
    """Keep how it stands with the newest run, for what decides whether to learn again."""
    with written_whole(store.last_monitoring) as beside:
        beside.write_text(json.dumps(found.summary(), ensure_ascii=False), encoding="utf-8")


def _show(found: MonitorReport) -> None:
    """What was found as people read it: the newest run, then what became of those that were compared now."""
    newest = found.run
    if newest.drift:
        _show_drift(newest)
    else:
        say(f"Drift of {newest.run.name} is not known: {newest.no_drift}.")
    if newest.estimate:
        before = newest.expected_when_judged
        show_table(
            f"To be expected of {newest.run.name}, if its probabilities are calibrated",
            ("measure", "expected", "95 % by chance", "when judged"),
            [
                (name.replace("_", " "), f"{m.value:.3f}", f"{m.low:.3f} to {m.high:.3f}",
                 f"{before[name]:.3f}" if name in before else "")
                for name, m in newest.estimate.measures.items()
            ],
        )  # fmt: skip
        if newest.flatters:
            say("This flatters: the bundle had learned from these very days, or customers.")
    if found.compared:
        show_compared([one.as_dict() for one in found.compared])
        _show_net_values(found.compared)
    else:
        say("Nothing new to compare: no further score run has matured by the end of what is known.")
    for concern in found.concerns:
        say(f"{concern.severity}: {concern.said}")
    say(f"{newest.run.name}: {found.severity}." if found.concerns else f"{newest.run.name}: ok, nothing to look at.")


def _show_drift(newest: WatchedRun) -> None:
    from training.monitor_report import most_drifted

    assert newest.drift
    drift, spread = newest.drift, newest.drift.probability
    say(f"{newest.run.name}: {drift.customers:,} eligible customers against {drift.reference_customers:,} at a cut-off of"
        f" {', '.join(map(str, drift.reference_cutoffs))}.")  # fmt: skip
    rows: list[tuple[str, ...]] = [("churn probability", "", f"{spread.psi:.3f}", f"{spread.usual_psi:.3f}", f"{spread.mean_before:.3f}",
             f"{spread.mean:.3f}", spread.state)]  # fmt: skip
    for column in most_drifted(drift.columns)[:_SHOWN]:
        means = ["" if mean is None else f"{mean:,.3g}" for mean in (column.mean_before, column.mean)]
        state = "grows by itself" if column.grows else column.state
        rows.append(
            (column.name, f"{column.gain_share:.1%}", f"{column.psi:.3f}", f"{column.usual_psi:.3f}", *means, state)
        )
    header = ("column", "share of gain", "stability index", "usually up to", "mean then", "mean now", "")
    show_table("Drift, the furthest beyond the usual first", header, rows)
    show_table(
        "Drift of drivers, in log-odds", ("driver", "mean push then", "now", "leading for, then", "now", ""),
        [
            (d.driver, f"{d.push_before:+.3f}", f"{d.push:+.3f}", f"{d.leading_before:.0%}", f"{d.leading:.0%}", d.state)
            for d in sorted(drift.drivers, key=lambda d: -abs(d.push - d.push_before))[:_SHOWN]
        ],
    )  # fmt: skip


def show_compared(found: Sequence[Mapping[str, Any]]) -> None:
    """What became of the customers of matured runs, as people read it; which comparison flatters is said."""
    rows = []
    for one in found:
        for band, group in {**one["bands"], "all": one["everyone"]}.items():
            low, high = group["interval"]
            rows.append(
                (one["cutoff"], one["bundle"], band, f"{group['customers']:,}", f"{group['expected']:.1%}",
                 f"{group['actual']:.1%} [{low:.1%}, {high:.1%}]", LEARNED_FROM[one["seen_in_training"]])
            )  # fmt: skip
    header = ("scored as of", "bundle", "band", "customers", "expected to churn", "churned [95 % interval]", "")
    show_table("Expected against actual churn", header, rows)


def _show_net_values(compared: Sequence[ComparedRun]) -> None:
    rows = []
    for one in compared:
        for net in one.net_values:
            told = "{:,.0f} [{:,.0f}, {:,.0f}]".format(*net.net) if net.net else ""
            rows.append((str(one.run.cutoff), net.action, f"{net.treated.customers:,}", f"{net.control.customers:,}",
                         f"{net.cost:,.2f}", told, net.evidence))  # fmt: skip
    if rows:
        header = (
            "scored as of",
            "action",
            "to be treated",
            "left alone",
            "cost",
            "net value [95 % interval]",
            "evidence",
        )
        show_table("What the decisions brought, whether or not they were carried out", header, rows)
