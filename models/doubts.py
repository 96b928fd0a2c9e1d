"""Doubts: what in a playbook looks as if it had not been made for this shop. Nothing is refused; it is said once a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from models.decide import Case
from models.playbook import Playbook, read_playbook

SHIPPED_FOR = ("EUR", "USD", "GBP")
"""Currencies in which the amounts of the playbook that `holdfast init` writes are of a likely size."""


def doubts(playbook: Playbook, currency: str, cases: Sequence[Case]) -> list[str]:
    """Sentences on amounts and channels that fit neither the shop's currency nor its customers; mostly none."""
    return [*_amounts(playbook, currency, cases), *_channels(playbook, cases)]


def _amounts(playbook: Playbook, currency: str, cases: Sequence[Case]) -> Iterator[str]:
    if currency not in SHIPPED_FOR and _priced(playbook) == _priced(read_playbook(Path(__file__).parent)):
        yield (
            f"its amounts are still those that holdfast init writes, of a size for {', '.join(SHIPPED_FOR)};"
            f" set the costs and budget.per_run in {currency}"
        )
        return
    at_risk = [case.churn_probability * case.lost_if_gone for case in cases if case.eligible]
    cheapest = min(playbook.actions, key=lambda action: action.cost, default=None)
    if at_risk and cheapest and cheapest.cost > (median := float(np.median(at_risk))):
        yield (
            f"its cheapest action, {cheapest.name}, costs {cheapest.cost:,.2f} {currency}, more than half of the"
            f" customers have at risk ({median:,.2f} {currency} or less); are its amounts in {currency}?"
        )


def _priced(playbook: Playbook) -> tuple[float | None, frozenset[tuple[str, float]]]:
    return playbook.budget.per_run, frozenset((action.name, action.cost) for action in playbook.actions)


def _channels(playbook: Playbook, cases: Sequence[Case]) -> Iterator[str]:
    """An action's channel that nobody names though others are named: most likely the shop has another word for it."""
    named = frozenset[str]().union(*{case.channels for case in cases if case.channels})
    for channel in dict.fromkeys(action.channel for action in playbook.actions):
        if named and channel and channel not in named:
            yield f"no customer's consent names its channel {channel!r}; they name {', '.join(sorted(named)[:10])}"
