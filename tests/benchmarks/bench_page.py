"""Each page of the demo shop: time on the server and weight over the wire, beside the bare probe of the same service.

    python tests/benchmarks/bench_page.py

Serves what `make demo SERVE=no` has made; pages are asked for in turn, so that a noisy moment falls on all of them.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import httpx
from results import Bound, conclude

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

ROUNDS = 15
MOST_MS = 100.0
MOST_KB = 150.0
LOGIN = "bench-page"


def main() -> None:
    from running_service import ServedShop, running
    from signed_in import add_person, client_of

    from features.store import Store
    from models.ledger import Ledger
    from models.people import remove_user

    store = Store.from_environment(os.environ)
    served = ServedShop(Path(os.environ.get("HOLDFAST_SHOP") or ROOT / "demo-shop"), store)
    if not (served.shop / "shop.toml").exists() or not store.bundles.exists():
        raise SystemExit(f"there is no demo shop in {served.shop}; run: make demo SERVE=no")
    Ledger(store.ledger_url).migrate()
    add_person(served, LOGIN)
    try:
        with running(served), client_of(served, LOGIN) as client:
            report(client)
    finally:
        with served.ledger() as ledger:
            remove_user(ledger, LOGIN)


def report(client: httpx.Client) -> None:
    """Ask for every page in turn, and conclude."""
    top = client.get("/customers?sort=value_at_risk&format=json").json()[0]["customer_id"]
    pages = {
        "overview": "/",
        "customers": "/customers",
        "customers, filtered": "/customers?band=high&reason=going_quiet",
        "customers, searched": "/customers?q=12",
        "customer": f"/customers/{top}",
        "customer, what if": f"/customers/{top}?usual=going_quiet",
        "words": "/words",
        "the bare probe": "/livez",
    }
    loaded = sum(len(client.get(f"/static/{name}").content) for name in ("holdfast.css", "holdfast.js", "icon.svg"))
    times: dict[str, list[float]] = {name: [] for name in pages}
    weight = {}
    for _ in range(ROUNDS):
        for name, path in pages.items():
            began = time.perf_counter()
            answer = client.get(path)
            times[name].append(1000 * (time.perf_counter() - began))
            answer.raise_for_status()
            weight[name] = (len(answer.content) + loaded) / 1000
    median = {name: round(statistics.median(found), 1) for name, found in times.items()}
    probe = median.pop("the bare probe")
    slowest, heaviest = max(median, key=lambda n: median[n]), max(median, key=lambda n: weight[n])
    conclude(
        "page",
        f"Pages of the demo shop, signed in, one client, medians of {ROUNDS}; kB are of HTML, style, script and icon"
        f" together, uncompressed. The bare probe of the same service takes {probe} ms.",
        ("page", "ms", "times the probe", "kB"),
        [(name, ms, round(ms / probe, 1), round(weight[name], 1)) for name, ms in median.items()],
        {"ms": median, "kb": {name: round(weight[name], 1) for name in median}, "probe_ms": probe},
        [
            Bound(f"milliseconds of the slowest page ({slowest})", median[slowest], MOST_MS),
            Bound(f"kB of the heaviest page ({heaviest})", round(weight[heaviest], 1), MOST_KB),
        ],
    )


if __name__ == "__main__":
    main()
