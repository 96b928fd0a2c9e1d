"""The serving room's commands: score, serve, keys, users."""

from __future__ import annotations

import csv
import operator
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.check import check_tables
from features.console import Stopwatch, answer, progress, say, show_table
from features.refusal import Refusal
from features.shop import read_shop
from features.store import local_store
from models.keys import SCOPES, create_key, list_keys, revoke_key
from models.ledger import Ledger, utc_now
from models.playbook import read_playbook
from models.published import current_bundle, require_own
from models.runs import latest_run, named_answers
from serving import users
from serving.exports import write_churn_list

app = typer.Typer()
keys = typer.Typer(help="API keys of the scoring service.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(users.app, name="users")

ShopFolder = Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command()
def score(
    shop: ShopFolder = Path(),
    cutoff: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: as late as the tables allow.")] = None,
    churn_list: Annotated[Path | None, typer.Option(help="Where to write the list; default: churn_list.csv in the shop's folder, its day in the name where a later one is scored.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Score every customer at a cut-off into the ledger and write the churn list; may be repeated.

    Example: holdfast score --shop demo-shop --cutoff 2017-12-29
    """
    from serving.scores import score_shop

    watch = Stopwatch()
    store = local_store()
    settings, playbook = read_shop(shop), read_playbook(shop)
    with watch.step("bundle"):
        bundle = current_bundle(store.bundles)
        require_own(settings, bundle.id, bundle.card.get("shop"), store.bundles)
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    day = cutoff.date() if cutoff else checked.known_until
    ledger = Ledger(store.ledger_url)
    ledger.migrate()
    with progress("scoring") as done:
        scored = score_shop(settings, checked, bundle, playbook, day, utc_now(), ledger, done)
    is_latest = latest_run(ledger, settings.name).cutoff <= day
    file = churn_list or shop / ("churn_list.csv" if is_latest else f"churn_list_{day}.csv")
    with watch.step("churn list"):
        rows = write_churn_list(file, named_answers(ledger, scored.number), settings.language, scored.run.eligible)
    seconds = {**scored.watch.seconds, **watch.seconds}
    show_table("No action, because", ("reason", "customers"), scored.refused.most_common())
    show_table(
        "Actions", ("action", "customers"), sorted(scored.actions.items(), key=operator.itemgetter(1), reverse=True)
    )
    say(
        f"Scored {scored.run.customers:,} customers as of {day} with {bundle.id}, {scored.run.eligible:,} of them"
        f" eligible; actions cost {scored.spent:,.2f} {settings.currency}. {rows:,} rows in {file}"
    )
    equity = scored.equity
    within = f" (80 % interval {equity['low']:,.2f} to {equity['high']:,.2f})" if equity["low"] < equity["high"] else ""
    say(
        f"Customer equity: {equity['customers']:,} customers are expected to spend {equity['mean']:,.2f}"
        f" {settings.currency} within {equity['days']} days{within}"
    )
    for warning in scored.warnings:
        say(f"warning: {shop / 'playbook.toml'}: {warning}")
    answer(
        {
            "run": scored.run.name, "bundle": bundle.id, "cutoff": str(day), "customers": scored.run.customers,
            "eligible": scored.run.eligible, "churn_list": str(file), "actions": scored.actions,
            "spent": scored.spent, "equity": equity, "warnings": scored.warnings, "seconds": seconds,
        },
        as_json,
    )  # fmt: skip


@app.command()
def serve(
    shop: ShopFolder = Path(),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every one.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    drain_seconds: Annotated[int, typer.Option(help="How long to finish requests when stopped.")] = 10,
) -> None:
    """Serve the page and the scores, churn list and explanations for programs, from the ledger and the published bundle.

    Example: holdfast serve --shop demo-shop --port 3000
    """
    settings, store = read_shop(shop), local_store()
    read_playbook(shop)  # a mistake in it is told here, not by a worker
    _require_free(host, port)
    bundle = current_bundle(store.bundles)
    require_own(settings, bundle.id, bundle.card.get("shop"), store.bundles)
    Ledger(store.ledger_url).migrate()
    environment = {
        **os.environ, "HOLDFAST_SHOP": str(shop.absolute()), "HOLDFAST_WORKERS": str(workers),
        "BENTOML_DO_NOT_TRACK": "true", "OMP_NUM_THREADS": "1",
        "BENTOML_HOME": os.environ.get("BENTOML_HOME") or str(store.root / "bentoml"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "bentoml", "serve", "serving.service:Holdfast",
        "--host", host, "--port", str(port), "--timeout-graceful-shutdown", str(drain_seconds),
        "--working-dir", str(Path(__file__).resolve().parents[1]),
    ]  # fmt: skip
    say(f"Serving {bundle.id}: open http://{host}:{port} in a browser (Ctrl-C ends it). API description: /openapi.json")
    os.execve(command[0], command, environment)  # the service takes this process's place, and so its signals


def _require_free(host: str, port: int) -> None:
    """Refuse (HF108) an address that cannot be listened on; one that is taken a moment later fails as BentoML says."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Refusal(
            "HF108", f"port {port} of {host} cannot be listened on: {error.strerror}.",
            f"End what uses it, or choose another, like: --port {port % 65535 + 1}",
        ) from None  # fmt: skip


def show_churn_list(file: Path, most: int) -> None:
    """The riskiest customers of a churn list, and those whom acting on is worth most."""
    with file.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    worth = sorted(rows, key=lambda row: -float(row["expected_net_value"]))[:most]
    header = ("customer_id", "churn_probability", "tier", "lifetime_value", "reason_1", "reason_2")
    show_table(f"At most risk, of {file}", header, [tuple(row[name] for name in header) for row in rows[:most]])
    header = ("customer_id", "churn_probability", "tier", "reason_1", "action", "expected_net_value")
    show_table("Most worth acting on", header, [tuple(row[name] for name in header) for row in worth])


@keys.command()
def create(
    name: Annotated[str, typer.Option(help="Who the key is for.")],
    scope: Annotated[list[str], typer.Option(help=f"What it opens: {', '.join(SCOPES)}; repeat for several.")],
    as_json: AsJson = False,
) -> None:
    """Create an API key; it is shown once and cannot be read again.

    Example: holdfast keys create --name crm --scope score --scope list
    """
    ledger = Ledger(local_store().ledger_url)
    ledger.migrate()
    key, record = create_key(ledger, name, scope)
    say(f"Key {record.key_id} for {name} ({', '.join(sorted(record.scopes))}), shown only now:")
    if not as_json:
        sys.stdout.write(key + "\n")
    answer({"key_id": record.key_id, "key": key, "name": name, "scopes": sorted(record.scopes)}, as_json)


@keys.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the keys: for whom, what they open, since when.

    Example: holdfast keys list
    """
    ledger = Ledger(local_store().ledger_url)
    ledger.migrate()
    found = list_keys(ledger)
    show_table(
        "API keys", ("key", "name", "scopes", "created", "revoked"),
        [(k.key_id, k.name, ", ".join(sorted(k.scopes)), f"{k.created_at:%Y-%m-%d %H:%M}",
          f"{k.revoked_at:%Y-%m-%d %H:%M}" if k.revoked_at else "") for k in found],
    )  # fmt: skip
    answer(
        {"keys": [{"key_id": k.key_id, "name": k.name, "scopes": sorted(k.scopes), "created_at": k.created_at,
                   "revoked_at": k.revoked_at} for k in found]},
        as_json,
    )  # fmt: skip


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `holdfast keys list` shows it.")], as_json: AsJson = False
) -> None:
    """Revoke a key; running services refuse it within seconds.

    Example: holdfast keys revoke 1a2b3c4d
    """
    ledger = Ledger(local_store().ledger_url)
    ledger.migrate()
    revoke_key(ledger, key_id)
    say(f"Key {key_id} is revoked.")
    answer({"key_id": key_id, "revoked_at": utc_now()}, as_json)
