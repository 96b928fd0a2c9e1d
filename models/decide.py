"""Decisions: the best allowed action for each customer by expected net value, or none and why.

expected net value = churn probability x save rate x profit lost if gone - cost

Pure: scores and a playbook in, decisions out. Budget and contact caps are met by the customers with the highest
net value per unit of cost; whose best action is used up gets their next best one. The universal hold-out is drawn by
salted hash before anything is chosen. Nobody gets an action through a channel that they do not allow, nor stands for
comparison with those who do. An action's control group is drawn by another one among exactly those whom the
limits let have it, so that treated and control differ by chance alone; a control's share of the budget stays unspent.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.playbook import Action, Playbook, draw
from models.reasons import Reason

NO_ACTION_REASONS = {
    "not_eligible": ("not among the customers the churn definition is about", "不在流失定义范围内"),
    "universal_holdout": ("held out from all actions, to measure whether they help", "属于总体对照组，不采取任何行动"),
    "opted_out": ("opted out of profiling", "客户拒绝画像分析"),
    "contacted_lately": ("contacted too lately", "近期已联系过"),
    "already_safe": ("already safe", "客户稳定，无需挽留"),
    "lost_cause": ("lost cause", "挽留无望"),
    "no_remedy": ("no action answers the reasons", "暂无对应原因的行动"),
    "not_worth_it": ("would cost more than it brings", "成本高于收益"),
    "no_consent": ("the customer allows no channel of the actions that would pay", "客户未同意可行行动的联系渠道"),
    "campaign_control": ("in the action's control group", "属于该行动的对照组"),
    "contacts_spent": ("the action's contact cap is reached", "该行动的联系上限已满"),
    "budget_spent": ("the budget is spent", "预算已用完"),
}
_REASONS_ANSWERED = 3


@dataclass(frozen=True)
class Case:
    """What a decision needs to know of one customer; money in the shop's currency.

    `channels` are those that the customer allows, None where all are (features/consent.py).
    """

    customer_id: str
    eligible: bool
    opted_out: bool
    churn_probability: float
    lost_if_gone: float
    tier: str
    days_since_last_offer: float | None
    reasons: tuple[Reason, ...]
    channels: frozenset[str] | None = None


@dataclass(frozen=True)
class Decision:
    """One customer, one moment: the action or `no_action`, why, the arm, and the chance of that arm.

    `withheld` names the action a control customer would have got, `spent` the better ones that a limit forbade, and
    which: `contacts_spent` or `budget_spent`.
    """

    action: str
    arm: str
    propensity: float
    expected_net_value: float
    low: float
    high: float
    cost: float
    evidence: str
    because: tuple[str, ...]
    why_not: str = ""
    withheld: str = ""
    spent: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "arm": self.arm,
            "propensity": self.propensity,
            "expected_net_value": round(self.expected_net_value, 2),
            "interval": [round(self.low, 2), round(self.high, 2)],
            "cost": self.cost,
            "evidence": self.evidence,
            "because": list(self.because),
            "why_not": self.why_not,
            "withheld": self.withheld,
        }


def decide(playbook: Playbook, cases: Sequence[Case]) -> list[Decision]:
    """One decision per case, in order; the sum of costs never exceeds the budget, nor contacts their caps."""
    decisions: list[Decision] = []
    options: dict[int, list[Decision]] = {}
    for i, case in enumerate(cases):
        nothing, wanted = _wanted(playbook, case)
        decisions.append(nothing)
        if wanted:
            options[i] = wanted
    for i, decision in _within_limits(playbook, options).items():
        decisions[i] = _drawn(playbook, cases[i].customer_id, decision)
    return decisions


def _wanted(playbook: Playbook, case: Case) -> tuple[Decision, list[Decision]]:
    """Why nothing would be done, and what would be instead if there were no limits, best first."""
    control = playbook.control
    if draw(control.universal_salt, case.customer_id) < control.universal_share:
        return _nothing("universal_holdout", arm="control", propensity=control.universal_share), []
    treated = 1 - control.universal_share
    refused = _refused(playbook, case)
    if refused:
        return _nothing(refused, propensity=treated), []
    options = _options(playbook, case)
    paying = [option for option in options if option.expected_net_value > 0]
    forbidden = _forbidden(playbook, case)
    allowed = [option for option in paying if option.action not in forbidden]
    why = "no_consent" if paying else "not_worth_it" if options else "no_remedy"
    return _nothing(why, propensity=treated), allowed


def _drawn(playbook: Playbook, customer_id: str, decision: Decision) -> Decision:
    """The decision with its arm: left alone by chance, as a control of its action, or treated."""
    control = playbook.control
    treated = 1 - control.universal_share
    if decision.action == "no_action":
        return replace(decision, propensity=treated)
    if draw(f"{control.campaign_salt}:{decision.action}", customer_id) < control.campaign_share:
        nothing = _nothing("campaign_control", arm="control", propensity=treated * control.campaign_share)
        return replace(nothing, withheld=decision.action, because=decision.because, spent=decision.spent)
    return replace(decision, propensity=treated * (1 - control.campaign_share))


def _refused(playbook: Playbook, case: Case) -> str:
    if case.opted_out:
        return "opted_out"
    if not case.eligible:
        return "not_eligible"
    if case.churn_probability < playbook.value.safe_below:
        return "already_safe"
    if case.churn_probability > playbook.value.lost_above:
        return "lost_cause"
    since = case.days_since_last_offer
    if since is not None and since < playbook.contact.min_days_between:
        return "contacted_lately"
    return ""


def _options(playbook: Playbook, case: Case) -> list[Decision]:
    """The actions that answer one of the strongest levers, the highest expected net value first."""
    levers = [r.driver for r in case.reasons if r.lever and r.push > 0][:_REASONS_ANSWERED]
    options = [
        _valued(playbook, case, action, tuple(d for d in levers if d in action.drivers))
        for action in playbook.actions
        if case.tier in action.tiers and set(levers) & set(action.drivers)
    ]
    return sorted(options, key=lambda option: -option.expected_net_value)


def _forbidden(playbook: Playbook, case: Case) -> frozenset[str]:
    """The actions whose channel the customer does not allow."""
    return frozenset(action.name for action in playbook.actions if not action.allowed_by(case.channels))


def _valued(playbook: Playbook, case: Case, action: Action, because: tuple[str, ...]) -> Decision:
    at_stake = case.churn_probability * case.lost_if_gone * playbook.value.margin_share
    low, likely, high = (rate * at_stake - action.cost for rate in action.save_rate)
    return Decision(action.name, "treat", 1.0, likely, low, high, action.cost, "rule", because)


def _within_limits(playbook: Playbook, options: dict[int, list[Decision]]) -> dict[int, Decision]:
    """For each case the best of its options that budget and caps still allow, or none and which limit forbade it."""
    left = playbook.budget.per_run
    contacts = {action.name: action.max_contacts for action in playbook.actions}
    found: dict[int, Decision] = {}
    spent: dict[int, tuple[tuple[str, str], ...]] = {}
    queue = [(-_per_cost(wanted[0]), i, 0) for i, wanted in options.items()]
    heapq.heapify(queue)
    while queue:
        _, i, rank = heapq.heappop(queue)
        option = options[i][rank]
        cap = contacts[option.action]
        if cap is not None and cap < 1:
            limit = "contacts_spent"
        elif left is not None and option.cost > left:
            limit = "budget_spent"
        else:
            left = None if left is None else left - option.cost
            contacts[option.action] = None if cap is None else cap - 1
            found[i] = replace(option, spent=spent.get(i, ()))
            continue
        spent[i] = (*spent.get(i, ()), (option.action, limit))
        found[i] = replace(_nothing(limit), spent=spent[i])
        if rank + 1 < len(options[i]):
            heapq.heappush(queue, (-_per_cost(options[i][rank + 1]), i, rank + 1))
    return found


def _per_cost(option: Decision) -> float:
    return option.expected_net_value / max(option.cost, 0.01)


def _nothing(why: str, arm: str = "none", propensity: float = 1.0) -> Decision:
    return Decision("no_action", arm, propensity, 0.0, 0.0, 0.0, 0.0, "rule", (), why_not=why)


CONSIDERED = {
    "chosen": ("chosen", "已选择"),
    "held_out": ("chosen, but the customer is in its control group", "已选择，但客户属于对照组"),
    "worth_less": ("worth less than the one chosen", "预期价值低于所选行动"),
    "costs_more": ("would cost more than it brings", "成本高于收益"),
    "no_consent": ("the customer does not allow its channel", "客户未同意该联系渠道"),
    "contacts_spent": NO_ACTION_REASONS["contacts_spent"],
    "budget_spent": NO_ACTION_REASONS["budget_spent"],
    "other_tier": ("is for customers of another tier", "适用于其他客户层级"),
    "other_reasons": ("answers other reasons", "针对其他原因"),
}
_BEFORE_ANY_ACTION = {
    "not_eligible",
    "universal_holdout",
    "opted_out",
    "contacted_lately",
    "already_safe",
    "lost_cause",
}


def considered(playbook: Playbook, case: Case, decision: Decision) -> list[dict[str, Any]]:
    """What became of every action of the playbook for this customer, the best first; empty where none was considered.

    Each has `action`, `verdict` (of CONSIDERED) and, where it answers a reason of this tier, `expected_net_value`.
    """
    if decision.why_not in _BEFORE_ANY_ACTION:
        return []
    options = _options(playbook, case)
    verdicts = dict.fromkeys(_forbidden(playbook, case), "no_consent") | dict(decision.spent)
    found: list[dict[str, Any]] = []
    for option in options:
        name = option.action
        if name in (decision.action, decision.withheld):
            verdict = "chosen" if name == decision.action else "held_out"
        else:
            verdict = verdicts.get(name) or ("costs_more" if option.expected_net_value <= 0 else "worth_less")
        found.append({"action": name, "expected_net_value": round(option.expected_net_value, 2), "verdict": verdict})
    valued = {option.action for option in options}
    for action in playbook.actions:
        if action.name not in valued:
            verdict = "other_reasons" if case.tier in action.tiers else "other_tier"
            found.append({"action": action.name, "verdict": verdict})
    return found
