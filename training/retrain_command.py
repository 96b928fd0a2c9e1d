"""The command `retrain`: a challenger trained, judged and promoted through the gates; made to be run from cron."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.check import check_tables
from features.console import Stopwatch, answer, say
from features.lock import held
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.store import Store, local_store
from training.promote_command import show_gates
from training.study import Study, read_study

if TYPE_CHECKING:
    from models.bundle import Bundle
    from training.registry import Registry
    from training.retrain import TriedInVain

app = typer.Typer()


@app.command()
def retrain(
    shop: Annotated[Path, typer.Option("--shop", envvar="HOLDFAST_SHOP", help="The shop's folder.")] = Path(),
    if_needed: Annotated[bool, typer.Option("--if-needed", help="Only where `retrain` in study.toml or the last monitoring says so.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:  # fmt: skip
    """Train a challenger, judge it and promote it if it passes the gates; the champion stays if it does not.

    A second one started meanwhile ends at once. Exit code 0 whether or not anything was trained or promoted.

    Example: holdfast retrain --if-needed --shop demo-shop
    """
    settings, study, store = read_shop(shop), read_study(shop), local_store()
    with ExitStack() as alone:
        try:
            alone.enter_context(held(store.root / "retrain.lock", "retraining"))
        except Refusal as refusal:
            if refusal.code != "HF407":
                raise
            say(f"Nothing to do: {refusal.what}")
            content = {"needed": None, "because": [refusal.what], "trained": None, "promoted": False}
        else:
            content = _retrained(settings, study, store, if_needed)
    answer(content, as_json)


def _retrained(settings: Shop, study: Study, store: Store, if_needed: bool) -> dict[str, Any]:
    watch = Stopwatch()
    with watch.step("import"):
        from models.published import require_own_store
        from training.champion import present_champion
        from training.promotion import promote_through_gates
        from training.registry import Registry
        from training.retrain import reasons_to_retrain
        from training.train import fit_bundle, register
    require_own_store(settings, store.bundles)
    registry = Registry(store)
    registry.require_own(settings.name)
    with watch.step("check"):
        checked = check_tables(settings, store, settings.today(datetime.now(UTC)))
    champion = present_champion(settings, store)
    because = ["it was asked for"]
    if if_needed:
        because, why_not = reasons_to_retrain(champion, _tried_in_vain(registry, champion), checked, study, store)
        if not because:
            say(f"Not needed: {why_not}.")
            return {"needed": False, "because": [why_not], "trained": None, "promoted": False,
                    "champion": champion.id if champion else None, "seconds": watch.seconds}  # fmt: skip
        say(f"Learning again: {'; '.join(because)}.")
    trained = fit_bundle(settings, study, checked, store, watch, champion)
    bundle_id = register(settings, study, checked, store, trained, watch)
    with watch.step("promote"):
        found = promote_through_gates(registry, bundle_id, settings, study.gates)
    show_gates(bundle_id, found.gates)
    grade = f"Grade {found.judgment['grade']}: {found.judgment['grade_because']}"
    if found.failed:
        say(
            f"{bundle_id} is registered and not promoted; {champion.id if champion else 'nobody'} stays champion. {grade}"
        )
    else:
        say(f"{bundle_id} is champion, published in {found.published}. {grade}")
    serving = bundle_id if found.published else champion.id if champion else None
    return {"needed": True, "because": because, "trained": bundle_id, "promoted": found.published is not None,
            "champion": serving, "grade": found.judgment["grade"], "gates": [gate.as_dict() for gate in found.gates],
            "seconds": watch.seconds}  # fmt: skip


def _tried_in_vain(registry: Registry, champion: Bundle | None) -> TriedInVain | None:
    """What has been learned since the champion and did not stay; None too where that can no longer be read."""
    from training.retrain import TriedInVain

    if not registry.exists:
        return None
    version = registry.latest_in_vain(champion.id if champion else "")
    if version is None:
        return None
    try:
        card = registry.card(version)
    except Refusal:  # its files cannot be read; that must not stop learning for good
        return None
    return TriedInVain(
        version.bundle_id, version.turned_away, card["study"], date.fromisoformat(card["data"]["known_until"])
    )
