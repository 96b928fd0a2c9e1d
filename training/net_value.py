"""What the playbook would have brought on judged customers, by its own costs and save rates, beside simpler rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from models.bundle import Bundle
from models.habits import USUAL, habits
from models.playbook import Playbook
from models.spend import ValueRows
from training.bootstrap import FEWER, draws, summary
from training.judge import JudgedCutoff

Floats = npt.NDArray[np.float64]
_TIER = "ordinary"  # of whom nothing tells
_TOP = 0.1


@dataclass(frozen=True)
class _Menu:
    """What each judged row could get; arrays of shape (rows, actions), NaN where the action is not for their tier."""

    saves: Floats
    cost: Floats

    def chosen(self, probability: Floats) -> tuple[Floats, Floats, Floats]:
        """Money saved if they would leave, cost, and expected net value of each row's best action; shape (rows,)."""
        worth = probability[:, None] * self.saves - self.cost
        best = np.where(np.isnan(worth), -np.inf, worth).argmax(axis=1)
        rows = np.arange(len(best))
        return tuple(np.nan_to_num(each[rows, best]) for each in (self.saves, self.cost, worth))  # type: ignore[return-value]


def net_value(judged: Sequence[JudgedCutoff], bundle: Bundle, playbook: Playbook, seed: int) -> dict[str, Any] | None:
    """By rule the net value per customer in the shop's currency that would have come; None where nothing tells worth.

    A rule gives every customer the action of the highest expected net value for their tier, where that is above 0. What
    came of it: save rate x profit lost if gone of those who did leave, less the cost of all who were contacted. Save
    rates are the playbook's assumption. Reasons, budget, caps, consent and control groups are left aside, since rules
    without reasons are compared; so are the borders of whom to let go, or the surer of two models would bring less. What
    a customer's leaving would cost is valued at the base rate of churn for every rule alike.
    """
    X = np.concatenate([j.X for j in judged])
    column = {name: X[:, j] for j, name in enumerate(bundle.catalog.names)}
    known = habits(column, bundle.value)
    if USUAL not in known:
        return None
    usual, base_rate = np.maximum(np.nan_to_num(known[USUAL]), 0), np.full(len(X), bundle.references.base_rate)
    value, _, _ = bundle.lifetime.value(ValueRows(column, usual, base_rate))
    at_stake = bundle.lifetime.lost_if_gone(value, base_rate)
    tiers = bundle.relationship.words(known, np.ones(len(X), bool))["tier"]
    menu = _menu(playbook, bundle.catalog, at_stake * playbook.value.margin_share, np.where(tiers == "", _TIER, tiers))
    if menu is None:
        return None
    churned = np.concatenate([j.churned for j in judged])
    brought, told = {}, {}
    for name, (probability, contacted) in _rules(judged, menu).items():
        saves, cost, worth = menu.chosen(probability)
        brought[name] = contacted * (churned * saves - cost)
        told[name] = {
            "contacted": round(float(contacted.mean()), 6), "cost": round(float((contacted * cost).mean()), 6),
            "promised": round(float((contacted * worth).mean()), 6),
        }  # fmt: skip
    brought["nobody"] = np.zeros(len(churned))
    told["nobody"] = {"contacted": 0.0, "cost": 0.0, "promised": 0.0}
    drawn = _means(judged, np.column_stack(list(brought.values())), seed)
    names = list(brought)
    ours = names.index("holdfast")
    return {
        "rules": {name: {**told[name], "per_customer": summary(drawn[:, k])} for k, name in enumerate(names)},
        "holdfast_above": {
            name: summary(drawn[:, ours] - drawn[:, k]) for k, name in enumerate(names) if name != "holdfast"
        },
    }


def _menu(playbook: Playbook, catalog: Catalog, at_stake: Floats, tiers: npt.NDArray[np.str_]) -> _Menu | None:
    drivers = {feature.driver for feature in catalog.features}
    actions = [action for action in playbook.actions if drivers & set(action.drivers)]
    if not actions:
        return None
    rates, costs = (np.array([float(x) for x in each]) for each in
                    ([a.save_rate[1] for a in actions], [a.cost for a in actions]))  # fmt: skip
    allowed = np.column_stack([np.isin(tiers, action.tiers) for action in actions])
    return _Menu(np.where(allowed, at_stake[:, None] * rates, np.nan), np.where(allowed, costs, np.nan))


def _rules(judged: Sequence[JudgedCutoff], menu: _Menu) -> Mapping[str, tuple[Floats, npt.NDArray[np.bool_]]]:
    """By rule the probabilities that choose the action, and who is contacted."""
    found = {}
    for name in judged[0].probability:
        probability = np.concatenate([j.probability[name] for j in judged])
        found[name] = probability, menu.chosen(probability)[2] > 0
    ours = found["holdfast"][0]
    top = np.concatenate([_riskiest(j.probability["holdfast"]) for j in judged])
    return {**found, "top_tenth": (ours, top & (menu.chosen(ours)[1] > 0))}


def _riskiest(probability: Floats) -> npt.NDArray[np.bool_]:
    order = np.argsort(-probability, kind="stable")[: max(1, round(len(probability) * _TOP))]
    return np.isin(np.arange(len(probability)), order)


def _means(judged: Sequence[JudgedCutoff], columns: Floats, seed: int) -> Floats:
    """The mean of each column for every draw of customers, shape (1 + draws, columns)."""
    blocks = []
    for [weights] in draws([np.concatenate([j.customer_ids for j in judged])], seed, FEWER):
        blocks.append(weights @ columns / weights.sum(axis=1, keepdims=True))
    return np.concatenate(blocks)
