"""The present: what a worker knows right now — the bundle in force, the latest score run, the shop's facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.store import Store
from models.bundle import Bundle, load_bundle
from models.ledger import Ledger
from models.playbook import Playbook, read_playbook
from models.published import Follower, folder_name
from models.runs import ScoreRun, latest_run

_RUN_KNOWN_FOR_SECONDS = 1.0


class Present:
    """Opened once per worker; safe to share between threads. Its methods may wait for the ledger."""

    def __init__(self, store: Store, shop_folder: Path) -> None:
        self.ledger = Ledger(store.ledger_url, busy_seconds=5.0)
        self.follower = Follower(store.bundles)
        self.shop_folder = shop_folder
        self._lock = threading.Lock()
        self._run: tuple[float, ScoreRun] | None = None
        self._former: tuple[str, Bundle | None] | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Present:
        """The present that `HOLDFAST_STORE`, `HOLDFAST_LEDGER_URL` and `HOLDFAST_SHOP` name."""
        return cls(Store.from_environment(environment), Path(environment.get("HOLDFAST_SHOP") or "demo-shop"))

    @cached_property
    def shop(self) -> Shop:
        """The shop whose time zone, language, currency and mapping posted events follow."""
        return read_shop(self.shop_folder)

    @cached_property
    def playbook(self) -> Playbook:
        """The marketers' rules."""
        return read_playbook(self.shop_folder)

    def bundle(self) -> Bundle:
        """The published bundle; HF401 where there is none."""
        bundle = self.follower.bundle
        if bundle is None:
            raise Refusal("HF401", f"no bundle could be loaded from {self.follower.bundles}.", "Run: holdfast train")
        return bundle

    def bundle_of(self, run: ScoreRun) -> Bundle | None:
        """The bundle that scored a run: the published one, or its folder as promotion left it; None where it is gone."""
        published = self.follower.bundle
        if published is not None and published.id == run.bundle:
            return published
        with self._lock:
            if self._former is None or self._former[0] != run.bundle:
                self._former = run.bundle, self._placed(run.bundle)
            return self._former[1]

    def _placed(self, bundle_id: str) -> Bundle | None:
        try:
            return load_bundle(self.follower.bundles / folder_name(bundle_id), bundle_id)
        except Refusal:
            return None

    def run(self, again: bool = False) -> ScoreRun:
        """The shop's latest score run, looked up at most once a second unless `again`; HF503 where there is none."""
        known = self._run
        now = time.monotonic()
        if not again and known is not None and now - known[0] < _RUN_KNOWN_FOR_SECONDS:
            return known[1]
        run = latest_run(self.ledger, self.shop.name)
        self._run = (now, run)
        return run

    def missing(self) -> Refusal | None:
        """What keeps the service from being ready: no bundle, no ledger or no score run."""
        try:
            self.bundle()
            self.run()
        except Refusal as refusal:
            return refusal
        return None

    def close(self) -> None:
        """Stop following and give the ledger's connections back."""
        self.follower.close()
        self.ledger.close()
