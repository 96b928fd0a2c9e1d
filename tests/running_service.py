"""A shop that is trained, scored and served on a real port, for the tests of serving."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from features.checked import CheckedTables
from features.shop import read_shop
from features.store import Store
from models.keys import create_key
from models.ledger import Ledger, score_runs, scores
from models.playbook import read_playbook
from models.published import current_bundle, place, point
from serving.scores import score_shop

ROOT = Path(__file__).parents[1]


def publish(source: Path, bundles: Path, bundle_id: str) -> None:
    """Place a bundle and have it served, as promotion does with the registry's alias in between."""
    place(source, bundles, bundle_id)
    point(bundles, bundle_id)


@dataclass
class ServedShop:
    """Where a scored shop lies, its keys by scope, and the service's address and log while it runs."""

    shop: Path
    store: Store
    keys: dict[str, str] = field(default_factory=dict)
    url: str = ""
    log: Path = Path()

    @contextmanager
    def ledger(self, busy_seconds: float = 10.0) -> Iterator[Ledger]:
        """The shop's ledger, closed again."""
        ledger = Ledger(self.store.ledger_url, busy_seconds)
        try:
            yield ledger
        finally:
            ledger.close()

    def environment(self) -> dict[str, str]:
        """What the service reads."""
        gone = ("HOLDFAST_LEDGER_URL", "HOLDFAST_BENCH", "PROMETHEUS_MULTIPROC_DIR")
        return {name: value for name, value in os.environ.items() if name not in gone} | {
            "HOLDFAST_STORE": str(self.store.root), "HOLDFAST_SHOP": str(self.shop), "HOLDFAST_WORKERS": "1",
            "BENTOML_HOME": str(self.store.root / "bentoml"), "BENTOML_DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def client(self, *scopes: str, **more: Any) -> httpx.Client:
        """A client with the key of these scopes (default: all)."""
        key = self.keys[" ".join(scopes or ("score", "list", "metrics"))]
        return httpx.Client(base_url=self.url, headers={"x-api-key": key}, timeout=30, **more)


def scored_shop(folder: Path, example: Path, checked: CheckedTables, bundle: Path) -> ServedShop:
    """The example shop in `folder`, with its bundle published, one score run and keys."""
    shutil.copytree(example, folder / "shop")
    shutil.copy(ROOT / "models" / "playbook.toml", folder / "shop")
    served = ServedShop(folder / "shop", Store(folder / "store"))
    publish(bundle, served.store.bundles, "churn/1")
    score_again(served, checked)
    with served.ledger() as ledger:
        for scopes in (["score", "list", "metrics"], ["score"], ["list"], ["metrics"]):
            served.keys[" ".join(scopes)] = create_key(ledger, "-".join(scopes), scopes)[0]
    return served


def score_again(served: ServedShop, checked: CheckedTables) -> None:
    """Score the shop with the bundle now published."""
    bundle = current_bundle(served.store.bundles)
    playbook = read_playbook(served.shop)
    now = datetime.now(UTC).replace(tzinfo=None)
    with served.ledger() as ledger:
        ledger.migrate()
        score_shop(read_shop(served.shop), checked, bundle, playbook, checked.known_until, now, ledger)


@contextmanager
def running(served: ServedShop, python: str = sys.executable, code: Path = ROOT) -> Iterator[ServedShop]:
    """The shop served by `bentoml serve` on a free port of this machine, by a Python and from a folder of code."""
    served.log = served.store.root / "service.log"
    port = free_port()
    with served.log.open("wb") as log:
        process = subprocess.Popen(
            [*bentoml(python), "serve", "serving.service:Holdfast", "--host", "127.0.0.1", "--port", str(port),
             "--timeout-graceful-shutdown", "2"],
            cwd=code, env={**served.environment(), "PYTHONPATH": str(code)}, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    served.url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(served, process)
        yield served
    finally:
        process.terminate()
        process.wait(30)


def wait_until_alive(served: ServedShop, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"{served.url}/livez", timeout=2)
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"the service did not start: {served.log.read_text()[-3000:]}")


def stored_answers(served: ServedShop) -> dict[str, str]:
    """The ledger's answers of the latest run, by customer."""
    with served.ledger() as ledger, ledger.reading() as connection:
        run = connection.execute(sa.select(score_runs.c.run_id).order_by(score_runs.c.run_id.desc())).scalar()
        rows = connection.execute(sa.select(scores.c.customer_id, scores.c.answer).where(scores.c.run_id == run))
        return {row.customer_id: row.answer for row in rows}


def eventually(what: Any, seconds: float = 15) -> None:
    """Wait until `what()` is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)


def bentoml(python: str = sys.executable) -> list[str]:
    """The command `bentoml` of a Python environment."""
    return [str(Path(python).parent / "bentoml")]


def build_bento(home: Path) -> Path:
    """The folder of the bento that `bentoml build` makes where no network can be reached."""
    nowhere = "http://127.0.0.1:9"
    environment = {
        **os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "true", "PYTHONPATH": str(ROOT),
        "http_proxy": nowhere, "https_proxy": nowhere, "all_proxy": nowhere, "UV_OFFLINE": "1", "PIP_NO_INDEX": "1",
    }  # fmt: skip
    command = [*without_network(), *bentoml(), "build", "--output", "tag"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [tag] = [line for line in done.stdout.splitlines() if line.startswith("__tag__:")]
    return home / "bentos" / tag.removeprefix("__tag__:").replace(":", "/")


def without_network() -> list[str]:
    """The command prefix that takes the network away, where this machine lets us."""
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [unshare, "-n"]
    return []


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def posted(tables: Mapping[str, Iterable[Mapping[str, Any]]], customer_id: str, cutoff: str) -> dict[str, Any]:
    """A customer's rows of the example's tables as a CRM would post them."""
    body: dict[str, Any] = {"customer_id": customer_id, "cutoff": cutoff}
    for name in ("transactions", "interactions", "offers"):
        body[name] = [_plain(row) for row in tables[name] if row["customer_id"] == customer_id]
    facts = next((_plain(row) for row in tables["customers"] if row["customer_id"] == customer_id), {})
    attributes = {name: facts.pop(name) for name in ("region", "age") if name in facts}
    return body | {"customer": {**facts, "attributes": attributes}}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
        if value is not None and name != "customer_id"
    }
