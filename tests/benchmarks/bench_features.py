"""Behaviour vectors: time and memory from one customer to 100 million lines, beside SQL by hand, pandas and featuretools.

python tests/benchmarks/bench_features.py [--small]        --small leaves out the 100 million lines
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from results import Bound, conclude

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from made_up_sales import cutoffs, made_up_sales

from features.behavior import CATALOG, catalog_of
from features.catalog import Catalog
from features.check import check_tables
from features.checked import CheckedTables
from features.commands import init
from features.live_vectors import LiveVectors
from features.shop import read_shop
from features.snapshot import day_number
from features.store import Store
from features.vectors import vectors, write_vectors

HERE = Path(__file__).resolve().parent
ROUNDS = 5
MEMORY_DAYS = 182
MEMORY_LIMIT = "6GB"  # of DuckDB; what lies beyond goes to disk
CUSTOMERS = {1_000_000: 20_000, 10_000_000: 200_000, 100_000_000: 2_000_000}
FEATURETOOLS_LINES = 200_000
FEATURETOOLS = HERE.parents[1] / ".venv-featuretools"
_FEATURETOOLS_PINS = ("featuretools==1.31.0", "pandas==2.3.3", "numpy==2.2.6", "setuptools==79.0.1", "pyarrow")
_SAME_AGGREGATES = ("days_since_last_purchase", "days_since_first_purchase", "spend_182d", "largest_purchase_day",
                    "spend_spread", "purchase_days_182d", "orders_182d", "lines_per_visit_182d", "discount_share_182d")  # fmt: skip


def shop_of(folder: Path, lines: int) -> CheckedTables:
    """Made-up sales of that many lines, the same in every process."""
    return made_up_sales(folder / str(lines), lines, CUSTOMERS.get(lines, lines // 50))


def full(checked: CheckedTables) -> Catalog:
    """Every column that transactions alone can carry."""
    return CATALOG.available(checked.columns, {})


def ours(folder: Path, lines: int) -> None:
    checked = shop_of(folder, lines)
    write_vectors(checked, full(checked), cutoffs(6), MEMORY_DAYS, folder / "ours", memory_limit=MEMORY_LIMIT)


def by_hand(folder: Path, lines: int) -> None:
    from vectors_by_hand import write_by_hand

    checked = shop_of(folder, lines)
    days = [day_number(cutoff) for cutoff in cutoffs(6)]
    write_by_hand(checked.path("transactions"), full(checked), days, MEMORY_DAYS, folder / "by_hand", MEMORY_LIMIT)


def in_pandas(folder: Path, lines: int) -> None:
    from vectors_in_pandas import vectors_in_pandas

    days = [day_number(cutoff) for cutoff in cutoffs(6)]
    vectors_in_pandas(shop_of(folder, lines).path("transactions"), days, MEMORY_DAYS)


def as_in_pandas(folder: Path, lines: int) -> None:
    """Ours, with the columns of `in_pandas` only and in memory, as there."""
    from vectors_in_pandas import vectors_in_pandas

    few = made_up_sales(folder / "few", 2_000, 40)
    names = vectors_in_pandas(few.path("transactions"), [day_number(cutoffs(1)[0])], MEMORY_DAYS).columns
    checked = shop_of(folder, lines)
    catalog = full(checked).naming(name for name in names if name not in ("cutoff", "customer_id"))
    vectors(checked, catalog, cutoffs(6), MEMORY_DAYS, threads=2)


TASKS: dict[str, Callable[[Path, int], None]] = {
    task.__name__: task for task in (ours, by_hand, in_pandas, as_in_pandas)
}


def measured(task: str, folder: Path, lines: int) -> dict[str, float]:
    """Seconds and peak GB of a task in a process of its own, imports left out."""
    done = subprocess.run(
        [sys.executable, __file__, "--task", task, str(folder), str(lines)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def medians(folder: Path, rounds: int, *asked: tuple[str, int]) -> list[dict[str, float]]:
    """The median seconds and the highest peak of each task, over alternating rounds."""
    found: list[list[dict[str, float]]] = [[] for _ in asked]
    for _ in range(rounds):
        for k, (task, lines) in enumerate(asked):
            found[k].append(measured(task, folder, lines))
    return [{"seconds": statistics.median(one["seconds"] for one in of_task), "gb": max(one["gb"] for one in of_task)}
            for of_task in found]  # fmt: skip


def median_seconds(*tasks: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The median time of each task over alternating rounds, in this process."""
    times: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds):
        for k, task in enumerate(tasks):
            began = time.perf_counter()
            task()
            times[k].append(time.perf_counter() - began)
    return [statistics.median(of_task) for of_task in times]


def ten_cutoffs_over_one(checked: CheckedTables, catalog: Catalog, days: list[date]) -> float:
    ten, one = median_seconds(
        lambda: vectors(checked, catalog, days, MEMORY_DAYS, threads=2),
        lambda: vectors(checked, catalog, days[-1:], MEMORY_DAYS, threads=2),
    )
    return ten / one


def one_customer(catalog: Catalog, day: int) -> tuple[float, float]:
    """Seconds of a customer's vector from 200 posted lines, and of the bare statement with the rows in place."""
    live = LiveVectors(catalog, MEMORY_DAYS)
    posted = [
        {"customer_id": "1", "day": day - 1 - k % 150, "amount": 3.5, "order_id": str(k % 50), "product": str(k),
         "category": str(k % 7), "store": str(k % 3)} for k in range(200)
    ]  # fmt: skip
    cutoff = date(1970, 1, 1) + timedelta(days=day)
    text = live.posted_text({"transactions": posted}, cutoff)
    statement = f"execute vector('{text}')"
    whole, bare = median_seconds(
        lambda: live.vector({"transactions": posted}, cutoff),
        lambda: live.connection.execute(statement).fetchall(),
        rounds=101,
    )
    return whole, bare


def featuretools_seconds(folder: Path) -> tuple[float, float]:
    """Median seconds of featuretools, and of ours with as many aggregates, on a size that it can do."""
    checked = shop_of(folder, FEATURETOOLS_LINES)
    python = FEATURETOOLS / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", FEATURETOOLS], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *_FEATURETOOLS_PINS], check=True)
    days = ",".join(str(day_number(cutoff)) for cutoff in cutoffs(6))
    command = [python, HERE / "vectors_in_featuretools.py", checked.path("transactions"), days, str(MEMORY_DAYS)]
    theirs = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0])
              for _ in range(ROUNDS)]  # fmt: skip
    catalog = full(checked).naming(_SAME_AGGREGATES)
    (own,) = median_seconds(lambda: vectors(checked, catalog, cutoffs(6), MEMORY_DAYS, threads=2))
    return statistics.median(theirs), own


def main(small: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for lines in CUSTOMERS:
            if lines <= 10_000_000 or not small:
                shop_of(folder, lines)
        one, ten, hand, pandas, as_pandas = medians(
            folder, ROUNDS, ("ours", 1_000_000), ("ours", 10_000_000), ("by_hand", 10_000_000),
            ("in_pandas", 10_000_000), ("as_in_pandas", 10_000_000),
        )  # fmt: skip
        hundred = medians(folder, 1, ("ours", 100_000_000))[0] if not small else None
        theirs, own = featuretools_seconds(folder)
        init(folder / "shop", "complete-journey")
        settings = read_shop(folder / "shop")
        journey = check_tables(settings, Store(folder / "store"), date.today())
        dense = ten_cutoffs_over_one(
            journey,
            catalog_of(settings, journey),
            [date(2017, 12, 1) - timedelta(days=28 * k) for k in range(10)][::-1],
        )
        lone = made_up_sales(folder / "lone", 2_000_000, 40_000, lines_per_visit=1)
        sparse = ten_cutoffs_over_one(lone, full(lone), cutoffs(10))
        whole, bare = one_customer(catalog_of(settings, journey), day_number(date(2017, 12, 1)))
        columns = len(full(lone).features)
    sizes = [(1_000_000, one), (10_000_000, ten)] + ([(100_000_000, hundred)] if hundred else [])
    rows = [(f"{lines:,} lines, {CUSTOMERS[lines]:,} customers, 6 cut-offs, {columns} columns, to Parquet",
             f"{found['seconds']:.1f}", f"{found['gb']:.2f}") for lines, found in sizes]  # fmt: skip
    rows += [
        ("10,000,000 lines: the same columns in SQL by hand", f"{hand['seconds']:.1f}", f"{hand['gb']:.2f}"),
        ("10,000,000 lines: 71 of the columns in pandas", f"{pandas['seconds']:.1f}", f"{pandas['gb']:.2f}"),
        (
            "10,000,000 lines: those 71 columns, ours, in memory",
            f"{as_pandas['seconds']:.1f}",
            f"{as_pandas['gb']:.2f}",
        ),
        (f"{FEATURETOOLS_LINES:,} lines: 22 aggregates in featuretools", f"{theirs:.2f}", ""),
        (f"{FEATURETOOLS_LINES:,} lines: {len(_SAME_AGGREGATES)} like them, ours", f"{own:.2f}", ""),
        ("one customer, 200 posted lines, Complete Journey's columns", f"{whole:.4f}", ""),
        ("the bare statement of it", f"{bare:.4f}", ""),
    ]
    growth = [(later["seconds"] / many) / (first["seconds"] / few)
              for (few, first), (many, later) in pairwise(sizes)]  # fmt: skip
    figures: dict[str, Any] = {
        "columns": columns, "by_size": {str(lines): found for lines, found in sizes}, "by_hand": hand, "pandas": pandas,
        "as_in_pandas": as_pandas, "featuretools_seconds": theirs, "like_featuretools_seconds": own,
        "ten_cutoffs_over_one": {"complete_journey": dense, "a_day_per_line": sparse},
        "one_customer_seconds": whole, "bare_statement_seconds": bare,
    }  # fmt: skip
    bounds = [
        Bound("10 million lines: time over SQL by hand", ten["seconds"] / hand["seconds"], 1.3),
        Bound("10 million lines: time of pandas over ours", pandas["seconds"] / as_pandas["seconds"], 2, at_least=True),
        Bound("10 million lines: GB", ten["gb"], 4),
        *(Bound(f"growth of the time per line, to {lines:,} lines", grown, 1.3)
          for (lines, _), grown in zip(sizes[1:], growth, strict=True)),
        *([Bound("100 million lines: GB", hundred["gb"], 12)] if hundred else []),
        Bound("Complete Journey: ten cut-offs over one", dense, 3),
        Bound("a day per line: ten cut-offs over one", sparse, 6),
        Bound("one customer: milliseconds", 1000 * whole, 20),
        Bound("one customer: our own share over the bare statement", whole / bare - 1, 0.5),
        Bound("featuretools over ours", theirs / own, 1, at_least=True),
    ]  # fmt: skip
    conclude(
        "features",
        f"Medians of {ROUNDS} alternating rounds (of one at 100 million lines), each in a process of its own, two threads,"
        f" DuckDB held to {MEMORY_LIMIT}; nothing kept from before.",
        ("what", "seconds", "GB"), rows, figures, bounds,
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        began = time.perf_counter()
        TASKS[sys.argv[2]](Path(sys.argv[3]), int(sys.argv[4]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "gb": peak}) + "\n")
    else:
        main(small="--small" in sys.argv)
