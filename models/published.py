"""The published bundle: the folder `CURRENT` names, put there whole and followed by whoever serves it."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from features.refusal import Refusal
from features.shop import Shop
from features.store import written_whole
from models.bundle import Bundle, load_bundle

log = logging.getLogger("bentoml.holdfast")
_POINTER, _FORMER = "CURRENT", "FORMER"
_MOST_FORMER = 50


def folder_name(bundle_id: str) -> str:
    """`churn/7` lies in the folder `churn-7`."""
    return bundle_id.replace("/", "-")


def place(source: Path, bundles: Path, bundle_id: str) -> Path:
    """Put the bundle in `source` under `bundles` as `bundle_id`; nothing serves it before `point` says so.

    It is first loaded in a child process, since a damaged model text can take a process down with it. A folder that
    already holds the same bundle, whole, is left as it is, for someone may be loading it.

    Raises
    ------
    Refusal
        HF403 where the child could not load it.
    """
    target = bundles / folder_name(bundle_id)
    if _sums(target) and _sums(target) == _sums(source):
        with suppress(Refusal):
            require_loadable(target, bundle_id)
            return target
    with written_whole(target) as beside:
        shutil.copytree(source, beside)
        require_loadable(beside, bundle_id)
    return target


def require_loadable(folder: Path, bundle_id: str) -> None:
    """Refuse (HF403) a bundle's folder that a child process cannot load."""
    child = subprocess.run(
        [sys.executable, "-m", "models.bundle", str(folder)],
        capture_output=True, text=True, errors="replace", check=False, cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or ["no message"])[-1]
        raise Refusal("HF403", f"{bundle_id} cannot be loaded (exit {child.returncode}): {last}", "Train it again.")


def point(bundles: Path, bundle_id: str) -> None:
    """Make a placed bundle the one that is served; the one before becomes the latest former one."""
    served = _lines(bundles / _POINTER)
    if served and served != [bundle_id]:
        _write(bundles / _FORMER, [*served, *former_ids(bundles)][:_MOST_FORMER])
    _write(bundles / _POINTER, [bundle_id])


def point_back(bundles: Path, bundle_id: str) -> None:
    """Make a placed bundle the one that is served, in the place of all that came after it."""
    former = former_ids(bundles)
    before = former[former.index(bundle_id) + 1 :] if bundle_id in former else former
    _write(bundles / _POINTER, [bundle_id])
    _write(bundles / _FORMER, before)


def former_ids(bundles: Path) -> list[str]:
    """The bundles that were served before the present one and are still there, the latest first."""
    served = _lines(bundles / _POINTER)  # after a promotion that broke off it stands at the head of the former ones too
    return [one for one in _lines(bundles / _FORMER) if one not in served and (bundles / folder_name(one)).is_dir()]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except FileNotFoundError:
        return []


def _write(file: Path, lines: Sequence[str]) -> None:
    with written_whole(file) as beside:
        beside.write_text("".join(f"{line}\n" for line in lines))


def _sums(folder: Path) -> str:
    """The checksums of a bundle's folder, which tell one bundle from another; empty where there is none."""
    try:
        return (folder / "sums.json").read_text()
    except OSError:
        return ""


def current_id(bundles: Path) -> str:
    """The id that CURRENT names; HF401 where nothing is published."""
    try:
        return (bundles / _POINTER).read_text().strip()
    except FileNotFoundError:
        raise Refusal(
            "HF401", f"no bundle is published in {bundles}.", "Run: holdfast train, then holdfast promote"
        ) from None


def is_served(bundles: Path, bundle_id: str) -> bool:
    """Whether CURRENT names this bundle."""
    return _lines(bundles / _POINTER) == [bundle_id]


def current_bundle(bundles: Path) -> Bundle:
    """The published bundle, loaded."""
    bundle_id = current_id(bundles)
    return load_bundle(bundles / folder_name(bundle_id), bundle_id)


def require_own(shop: Shop, bundle_id: str, trained_on: str | None, bundles: Path) -> None:
    """Refuse (HF406) to work on a shop with a bundle that was trained on another one's customers."""
    if trained_on != shop.name:
        raise Refusal(
            "HF406", f"{bundle_id} in {bundles} was trained on the shop {trained_on!r}, not on {shop.name!r}.",
            "One store serves one shop. Give this one its own, in every shell that works on it, like:"
            f" export HOLDFAST_STORE={shlex.quote(str(shop.folder / 'store'))}",
        )  # fmt: skip


def require_own_store(shop: Shop, bundles: Path) -> None:
    """Refuse (HF406) a store whose published bundle is another shop's; one that holds none, or a damaged one, is free."""
    try:
        bundle = current_bundle(bundles)
    except Refusal:
        return
    require_own(shop, bundle.id, bundle.card.get("shop"), bundles)


class Follower:
    """Holds the published bundle and changes over when CURRENT moves; a bad new one never replaces the old."""

    def __init__(self, bundles: Path, every_seconds: float = 2.0) -> None:
        self.bundles = bundles
        self.every_seconds = every_seconds
        self._stop = threading.Event()
        self._seen = ""
        self._told = ""
        self._bundle: Bundle | None = None
        self.look()
        self._thread = threading.Thread(target=self._watch, name="bundle-follower", daemon=True)
        self._thread.start()

    @property
    def bundle(self) -> Bundle | None:
        """The bundle now in force, or None while none could be loaded."""
        return self._bundle

    def look(self) -> None:
        """Load what CURRENT names, if it has moved."""
        try:
            named = current_id(self.bundles)
            seen = f"{named} {_sums(self.bundles / folder_name(named))}"
            if seen != self._seen:
                self._bundle = load_bundle(self.bundles / folder_name(named), named)
                self._seen = seen
                log.info("bundle now %s (process %d)", named, os.getpid())
        except Exception as error:
            if str(error) != self._told:
                log.warning("keeping %s: %s", self._bundle.id if self._bundle else "no bundle", error)
                self._told = str(error)

    def _watch(self) -> None:
        while not self._stop.wait(self.every_seconds):
            self.look()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
