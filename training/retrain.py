"""Whether it is time to learn again, and why: no champion, an alarm, new labels, or another question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from features.checked import CheckedTables
from features.store import Store
from models.bundle import Bundle
from training.champion import has_learned_from, learned_until
from training.plan import Plan, plan
from training.study import Study, flat

_NOT_LEARNED_BY = (
    "gates.",
    "judge.",
    "minimums.",
    "monitor.",
    "retrain.",
    "tune.seconds",
    "tune.trials",
    "vectors.threads",
    "fit.threads",
    "cutoffs.last",
)
"""Settings that make no other bundle, or that only say how far is learned or how long is searched, as
`holdfast train --until` and `--trials` do too."""


@dataclass(frozen=True)
class TriedInVain:
    """A bundle that was learned after the champion and is not in its place.

    Attributes
    ----------
    turned_away
        The gates that it did not pass; empty where it was champion and was taken back.
    known_until
        The day up to which what it learned from was known.
    """

    bundle_id: str
    turned_away: str
    study: Mapping[str, Any]
    known_until: date


def reasons_to_retrain(
    champion: Bundle | None, tried: TriedInVain | None, checked: CheckedTables, study: Study, store: Store
) -> tuple[list[str], str]:
    """Why to learn again now, none where it is not needed; and why not.

    Parameters
    ----------
    tried
        The latest of those: the same study is not tried again before `retrain.retry_days` of new days are known.

    Raises
    ------
    Refusal
        HF104, HF207, HF303 where there is nothing to learn from.
    """
    planned = plan(checked, study)
    newest = planned.cutoffs[-1]
    if champion is None:
        return _unless_tried(["there is no champion"], tried, checked, study)
    found = []
    if champion.definition != study.churn.meant:
        found.append(f"study.toml asks another question: {study.churn.meant.told}")
    elif set(champion.further_horizons) != set(study.churn.further_horizons_days):
        asked = ", ".join(map(str, study.churn.further_horizons_days)) or "none"
        found.append(f"study.toml asks for other further horizons than {champion.id} tells: {asked}")
    elif changed := settings_changed(champion.card.get("study", {}), study):
        found.append(f"study.toml was changed since {champion.id}: {', '.join(changed)}")
    if alarm := _alarm(store, champion.id):
        found.append(alarm)
    days = (newest - champion.trained_until).days
    if days >= study.retrain.after_days:
        found.append(
            f"{days} days of labels are new to {champion.id}; retrain.after_days is {study.retrain.after_days}"
        )
    if not found:
        return [], (
            f"{champion.id} has learned until {champion.trained_until}; {max(days, 0)} days of labels are new to it, of"
            f" {study.retrain.after_days} wanted, and nothing else has changed"
        )
    if later := _comparable_from(champion, planned, study):
        when = f" before {later} is known" if later > checked.known_until else ""
        return [], f"{'; '.join(found)}; but no cut-off to compare it on is new to {champion.id}{when}"
    return _unless_tried(found, tried, checked, study)


def _comparable_from(champion: Bundle, planned: Plan, study: Study) -> date | None:
    """The day up to which must be known what a gate can hold against this champion; None where it can be by now.

    Cut-offs are compared whose labels the champion has not learned from, or those that both are judged on.
    """
    judged = [split.judge for split in planned.splits if isinstance(split.judge, date)]
    if champion.definition != study.churn.meant or any(not has_learned_from(champion, day) for day in judged):
        return None
    if [str(day) for day in judged] == champion.card.get("judged", {}).get("cutoffs") or not planned.is_in_time:
        return None
    return learned_until(champion.trained_until, champion.definition) + timedelta(days=champion.definition.label_days)


def _unless_tried(
    found: list[str], tried: TriedInVain | None, checked: CheckedTables, study: Study
) -> tuple[list[str], str]:
    if tried is None or settings_changed(tried.study, study):
        return found, ""
    again = tried.known_until + timedelta(days=study.retrain.retry_days)
    if checked.known_until >= again:
        return found, ""
    what = f"was turned away ({tried.turned_away})" if tried.turned_away else "was taken back"
    return [], (
        f"{'; '.join(found)}; but {tried.bundle_id}, learned so from what was known until {tried.known_until}, {what}:"
        f" tried again once {again} is known"
    )


def settings_changed(learned_by: Mapping[str, Any], study: Study) -> list[str]:
    """The settings by which other things would be learned than by those of a bundle; those it did not know yet count not."""
    before, now = flat(learned_by), flat(study.model_dump(mode="json"))
    excluded = {name for name in before.keys() | now.keys() if name.startswith("churn.exclude.")}  # named by the shop
    return sorted(
        name for name in before.keys() & now.keys() | excluded
        if before.get(name) != now.get(name) and not name.startswith(_NOT_LEARNED_BY)
    )  # fmt: skip


def _alarm(store: Store, bundle_id: str) -> str | None:
    """What the last monitoring says of this bundle, if it is an alarm."""
    try:
        told = json.loads(store.last_monitoring.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if told.get("severity") != "alarm" or told.get("bundle") != bundle_id:
        return None
    return f"the last monitoring of {bundle_id} raised an alarm"
