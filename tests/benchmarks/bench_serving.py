"""Score by id at 16 clients beside a no-op of the same service, in alternating rounds of the same run.

    python tests/benchmarks/bench_serving.py

The ledger holds 20,000 made-up customers whose answers are as long as real ones. Clients are raw keep-alive
connections in a process of their own, so that what is measured is the service.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from results import Bound, conclude

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

CUSTOMERS = 20_000
CLIENTS = 16
ROUNDS = 5
SECONDS = 3.0
MOST_TIMES_NOOP = 2.0
"""Score by id may take so many times the no-op's median."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        key = fill_ledger(Path(folder))
        port = free_port()
        service = start_service(Path(folder), port)
        try:
            wait_until_alive(port)
            rounds = {"noop": [], "score": []}  # type: dict[str, list[dict[str, Any]]]
            for _ in range(ROUNDS):
                for what, found in rounds.items():
                    found.append(load(port, key, what))
        finally:
            service.terminate()
            service.wait(20)
    report(rounds)


def fill_ledger(folder: Path) -> str:
    """A shop in `folder`/shop, a ledger with one run in `folder`/store; an API key for it."""
    from features.commands import init
    from features.shop import read_shop
    from features.store import Store
    from models.keys import create_key
    from models.ledger import Ledger
    from models.runs import Entry, ScoreRun, write_run
    from serving.examples import EXAMPLES
    from serving.messages import Answer

    init(folder / "shop")
    ledger = Ledger(Store(folder / "store").ledger_url)
    ledger.migrate()
    [reason] = EXAMPLES[Answer]["reasons"]
    reasons = [{**reason, "features": reason["features"] * 3}] * 11
    people = ({**EXAMPLES[Answer], "reasons": reasons, "customer_id": f"C{i:06d}"} for i in range(CUSTOMERS))
    run = ScoreRun(
        read_shop(folder / "shop").name,
        "churn/1",
        date(2017, 12, 1),
        datetime(2017, 12, 1, 6),
        CUSTOMERS,
        CUSTOMERS,
        "en",
        "USD",
    )
    write_run(ledger, run, [[Entry(answer) for answer in people]])
    key, _ = create_key(ledger, "bench", ["score"])
    ledger.close()
    return key


def start_service(folder: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "HOLDFAST_STORE": str(folder / "store"), "HOLDFAST_SHOP": str(folder / "shop"), "HOLDFAST_BENCH": "1", "HOLDFAST_WORKERS": "1",
        "BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    environment.pop("HOLDFAST_LEDGER_URL", None)
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:Holdfast", "--host", "127.0.0.1",
               "--port", str(port), "--timeout-graceful-shutdown", "2"]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until_alive(port: int) -> None:
    for _ in range(240):
        try:
            with urlopen(f"http://127.0.0.1:{port}/livez", timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise SystemExit("the service did not start")


def load(port: int, key: str, what: str) -> dict[str, Any]:
    """One round: latencies in milliseconds, answers per second, errors."""
    arguments = [sys.executable, __file__, "--load", str(port), key, what]
    return json.loads(subprocess.run(arguments, check=True, capture_output=True).stdout)


async def clients(port: int, key: str, what: str) -> dict[str, Any]:
    await asyncio.gather(*(client(port, key, what, 0.5, seed) for seed in range(CLIENTS)))  # warm
    began = time.perf_counter()
    found = await asyncio.gather(*(client(port, key, what, SECONDS, seed) for seed in range(CLIENTS)))
    lasted = time.perf_counter() - began
    times = sorted(t for latencies, _ in found for t in latencies)
    return {
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[int(len(times) * 0.99)],
        "requests_per_second": len(times) / lasted,
        "errors": sum(errors for _, errors in found),
    }


async def client(port: int, key: str, what: str, seconds: float, seed: int) -> tuple[list[float], int]:
    draw = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies, errors = [], 0
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        customer = f"C{draw.randrange(CUSTOMERS):06d}"
        body = f'{{"customer_id":"{customer}"}}'
        writer.write(
            f"POST /v1/{what} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        latencies.append(time.perf_counter() - began)
        errors += not (head.startswith(b"HTTP/1.1 200") and (what == "noop" or customer.encode() in answer))
    writer.close()
    return latencies, errors


def report(rounds: dict[str, list[dict[str, Any]]]) -> None:
    figures = {
        what: {name: round(statistics.median(r[name] for r in found), 2) for name in found[0]}
        | {"errors": sum(r["errors"] for r in found)}
        for what, found in rounds.items()
    }
    times = figures["score"]["p50_ms"] / figures["noop"]["p50_ms"]
    errors = sum(f["errors"] for f in figures.values())
    conclude(
        "serving",
        f"Score by id over HTTP: {CLIENTS} clients, 1 worker, {CUSTOMERS:,} customers in the ledger, medians of"
        f" {ROUNDS} alternating rounds of {SECONDS:.0f} s beside a no-op endpoint of the same service.",
        ("endpoint", "p50 ms", "p99 ms", "requests/s", "errors"),
        [(what, f["p50_ms"], f["p99_ms"], round(f["requests_per_second"]), f["errors"]) for what, f in figures.items()],
        {**figures, "score_over_noop_p50": round(times, 3), "clients": CLIENTS},
        [
            Bound("score by id p50 over no-op p50", times, MOST_TIMES_NOOP),
            Bound("errors", errors, 0),
        ],
    )


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        sys.stdout.write(json.dumps(asyncio.run(clients(int(sys.argv[2]), sys.argv[3], sys.argv[4]))))
    else:
        main()
