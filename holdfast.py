"""The one command, `holdfast`: mounts each room's commands, and only the room that is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from datetime import datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

ROOMS = {
    "features.commands": ("init", "vectors"),
    "training.check_command": ("check",),
    "training.label_command": ("label",),
    "training.commands": ("train", "judge", "ui"),
    "training.monitor_command": ("monitor",),
    "training.promote_command": ("promote", "rollback"),
    "training.compare_command": ("compare",),
    "training.retrain_command": ("retrain",),
    "serving.commands": ("score", "serve", "keys", "users"),
}

_NO_TELEMETRY = {"BENTOML_DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}


def application(arguments: list[str]) -> typer.Typer:
    """The command-line application, with the rooms that `arguments` may need."""
    app = typer.Typer(
        help="Holdfast: which customers are leaving, why, and what to do about it.",
        no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    )  # fmt: skip
    asked = next((word for word in arguments if not word.startswith("-")), None)
    known = {command for commands in ROOMS.values() for command in commands}
    for module, commands in ROOMS.items():
        if asked in commands or asked not in known:
            app.add_typer(importlib.import_module(module).app)
    app.command()(demo)
    return app


def demo(
    folder: Annotated[Path, typer.Option(help="The demo shop's folder.")] = Path("demo-shop"),
    example: Annotated[str, typer.Option(help="complete-journey or simulated.")] = "complete-journey",
    serving: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve when scored.")] = True,
    port: Annotated[int, typer.Option(help="Port to serve on.")] = 3000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """The main job on an example shop, as a quarter of its life: learn, score, look back, learn again, score, serve.

    Example: holdfast demo --no-serve
    """
    from features import commands as features
    from features.console import Stopwatch, answer, say, show_table
    from features.refusal import Refusal
    from serving import commands as serving_room
    from serving.users import first_login
    from training import commands as training
    from training.check_command import check
    from training.monitor_command import monitor
    from training.promote_command import promote

    watch = Stopwatch()
    if not (folder / "shop.toml").exists():
        features.init(folder, example)
    with watch.step("check"):
        check(folder)
    past = training.past_quarter(folder)
    if past:
        say(f"\n{past[0]}: a first bundle learns, from what was known by then, and scores the months that follow.")
        with watch.step("train as then"):
            training.train(folder, datetime.combine(past[0], time()), trials=0)
            promote("challenger", folder)
        with watch.step("score as then"), TemporaryDirectory() as nowhere:
            for day in past:
                serving_room.score(folder, datetime.combine(day, time()), Path(nowhere) / "churn_list.csv")
        say("\nToday: the next bundle learns from all that is known.")
    with watch.step("train"):
        training.train(folder, trials=0)  # the search for better settings takes minutes
    with watch.step("promote"):
        try:
            promote("challenger", folder)
        except Refusal as refusal:
            if refusal.code != "HF304":
                raise
            say(f"{refusal}\n")  # which is what gates are for: the champion goes on
    with watch.step("score"):
        serving_room.score(folder)
    with watch.step("monitor"):
        monitor(folder, exit_zero=True)
    serving_room.show_churn_list(folder / "churn_list.csv", most=8)
    watch.show("Where the demo's time went")
    peak = round(_peak_memory_gb(), 2)
    show_table("Peak memory", ("process", "GB"), [("demo", peak)])
    password = first_login("demo")
    answer({"folder": str(folder), "churn_list": str(folder / "churn_list.csv"), "past": [str(day) for day in past],
            "login": "demo", "password": password, "seconds": watch.seconds, "peak_memory_gb": peak}, as_json)  # fmt: skip
    shown = f"and the password {password} (shown only now)" if password else "(its password was shown when it was made)"
    say(f"\nSign in on the page as demo {shown}.")
    if serving:
        say("\nAn API key for this demo:")
        serving_room.create("demo", ["score", "list", "metrics"])
        serving_room.serve(folder, port)
    else:
        say(f"Serve it with: make serve, or: {Path(sys.executable).parent / 'holdfast'} serve --shop {folder}")


def _peak_memory_gb() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 30 if sys.platform == "darwin" else 1 << 20)  # macOS counts bytes, Linux kilobytes


def _is_of_a_file(error: Exception) -> bool:
    """Whether the system refused a file or folder: permission, a folder for a file, a full disk."""
    import duckdb

    return isinstance(error, (OSError, duckdb.IOException)) and not isinstance(error, (ConnectionError, TimeoutError))


def main() -> None:
    """The door: runs a command; refusals become one sentence and exit code 3.

    What it writes holds personal data, and is readable by its owner only.
    """
    os.umask(0o077)
    for name, value in _NO_TELEMETRY.items():
        os.environ.setdefault(name, value)
    from features.console import answer, say
    from features.refusal import REFUSED, Refusal
    from features.store import file_refusal

    arguments = sys.argv[1:]
    try:
        application(arguments)(arguments)
    except Exception as error:
        if isinstance(error, Refusal):
            refusal = error
        elif _is_of_a_file(error):
            refusal = file_refusal(error)
        else:
            raise
        say(f"holdfast: {refusal}")
        answer({"error": refusal.as_dict()}, "--json" in arguments)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
