"""Promotion: a bundle through the gates to champion, and back to a former one; one at a time, and noted in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from features.refusal import Refusal
from features.shop import Shop
from features.store import Store
from models.bundle import card_of
from models.ledger import Ledger
from models.published import current_id, folder_name, former_ids, point_back, require_loadable, require_own
from training.gates import Gate, gates
from training.registry import Registry, Version
from training.study import Gates


@dataclass(frozen=True)
class Promotion:
    """A bundle, the gates it met, and the folder it is published in; None where a gate has turned it away.

    Attributes
    ----------
    is_noted
        Whether the ledger could be told of it.
    """

    version: Version
    judgment: Mapping[str, Any]
    gates: tuple[Gate, ...]
    published: Path | None
    is_noted: bool = False

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that were not passed."""
        return tuple(gate for gate in self.gates if not gate.passed)


def promote_through_gates(
    registry: Registry, bundle: str, shop: Shop, rules: Gates, other_question: bool = False
) -> Promotion:
    """Make a bundle champion and publish it if it passes every gate; else what is served stays, and the gates are noted.

    The champion that it is held against is the one at this moment: nobody else promotes meanwhile.

    Raises
    ------
    Refusal
        HF404 and HF405 of the registry; HF403 where the bundle cannot be loaded; HF406 for another shop's; HF407 where
        another process is registering or promoting for long.
    """
    with registry.alone():
        version, champion = registry.version(bundle), registry.champion()
        mine, theirs = registry.judgment(version), registry.judgment(champion) if champion else None
        for judged in filter(None, (mine, theirs)):
            require_own(shop, judged["bundle"], judged["shop"], registry.store.bundles)
        found = Promotion(version, mine, tuple(gates(mine, theirs, rules, other_question)), None)
        if found.failed:
            registry.turn_away(version, [gate.name for gate in found.failed])
            return found
        folder = registry.publish(version)
    former = champion.bundle_id if champion else None
    return replace(
        found, published=folder, is_noted=_noted(registry.store, "promote", bundle=version.bundle_id, former=former)
    )


@dataclass(frozen=True)
class WentBack:
    """From which bundle to which former one; whether MLflow's alias names it too, and the ledger could be told of it."""

    left: str
    bundle_id: str
    published: Path
    alias_moved: bool
    is_noted: bool


def go_back(store: Store, shop: Shop, bundle: str | None, without_mlflow: bool = False) -> WentBack:
    """Serve a former champion again, with no gate to pass: it was served before.

    Parameters
    ----------
    bundle
        Which one; None for the one served before the present one.
    without_mlflow
        Move only what is served, as where MLflow cannot be reached; the alias is left for a later call.

    Raises
    ------
    Refusal
        HF401 where nothing is published; HF408 where there is no former champion, or this is none; HF403 where it
        cannot be loaded; HF406 for another shop's; HF404, HF405 and HF407 as promotion does.
    """
    registry = Registry(store)
    with registry.alone():
        left = current_id(store.bundles)
        former = former_ids(store.bundles)
        version = None if without_mlflow or not bundle else registry.version(bundle)
        chosen = version.bundle_id if version else bundle or next(iter(former), None)
        if chosen is None:
            raise Refusal(
                "HF408", f"{left} is the only bundle that was served from {store.bundles}.",
                "Name one that was champion elsewhere: holdfast rollback churn/7",
            )  # fmt: skip
        if chosen not in (left, *former) and not (version and version.was_champion):
            raise Refusal(
                "HF408", f"{chosen} was never served from {store.bundles}.",
                f"Served before were: {', '.join(former) or 'none'}. Others go through the gates: holdfast promote {chosen}",
            )  # fmt: skip
        if without_mlflow:
            folder = store.bundles / folder_name(chosen)
            require_own(shop, chosen, card_of(folder).get("shop"), store.bundles)
            require_loadable(folder, chosen)
            point_back(store.bundles, chosen)
        else:
            version = version or registry.version(chosen)
            require_own(shop, chosen, registry.judgment(version)["shop"], store.bundles)
            folder = registry.publish(version, back=True)
    return WentBack(left, chosen, folder, not without_mlflow, _noted(store, "roll back", bundle=chosen, left=left))


def _noted(store: Store, did: str, **detail: object) -> bool:
    """Whether a line could be put into the ledger's audit; what was done stands either way."""
    ledger = Ledger(store.ledger_url)
    try:
        ledger.migrate()
        with ledger.writing() as connection:
            ledger.note(connection, "holdfast", did, **detail)
    except Refusal:
        return False
    finally:
        ledger.close()
    return True
