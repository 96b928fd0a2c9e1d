"""What a run's decisions brought, once their labels are known: those acted on against those left alone by chance.

Two comparisons, both randomised by the salted draws of models/decide.py: everybody against the universal hold-out, and
each action's customers against its control group. Customers kept are the difference in churn times the customers, with
the 95 % interval of Newcombe (1998, method 10); the profit kept values each at what goes, on average, with a customer
that was to be acted on (models/matured.py), and the net value is that less the cost. No more customers are kept, nor
driven away, than were to be acted on. It is a measure of the decision: who was to be acted on counts as such, whether
or not anybody did it (intention to treat).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import hypot
from typing import Any

import numpy as np
import numpy.typing as npt

from models.matured import MaturedScores
from models.outcome import wilson

Triple = tuple[float, float, float]
"""A value and its 95 % interval, low and high."""
EVERYTHING = "everything"
"""The comparison of all decisions together with the universal hold-out."""


@dataclass(frozen=True)
class Arm:
    """Customers of one arm: how many, how many left, and the 95 % interval of that share."""

    customers: int
    churners: int
    interval: tuple[float, float]


@dataclass(frozen=True)
class NetValue:
    """What one action brought, or all together, in the shop's currency.

    Attributes
    ----------
    kept, net
        Profit kept, and that less `cost`, each with its 95 % interval; None where nothing can be told.
    evidence
        `randomised (n)`, n of them in control, or why nothing can be told.
    carried_out
        Of the treated, how many had this action within the horizon by the table of offers; None where there is none.
    """

    action: str
    treated: Arm
    control: Arm
    cost: float
    kept: Triple | None
    net: Triple | None
    evidence: str
    carried_out: int | None

    @property
    def is_told(self) -> bool:
        """Whether there were customers enough to tell."""
        return self.net is not None

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; a triple is value, low, high."""
        return asdict(self)


def net_values(
    matured: MaturedScores, min_control: int, reached: frozenset[tuple[str, str]] | None = None
) -> tuple[NetValue, ...]:
    """All decisions together, then each action that has anybody in either arm, the most treated first.

    Parameters
    ----------
    min_control
        Customers in control, and in treatment, below which nothing is told.
    reached
        Customer and action, of the offers within the horizon; None where no table tells of any.
    """
    controls = matured.arm == "control"
    names = sorted({*matured.action[matured.treated], *matured.withheld[controls]} - {"", "no_action"})
    compared = [(EVERYTHING, ~matured.held_out, matured.held_out)] if matured.treated.any() else []
    compared += [
        (name, matured.treated & (matured.action == name), controls & (matured.withheld == name)) for name in names
    ]
    found = [_net_value(name, matured, treated, control, min_control, reached) for name, treated, control in compared]
    return tuple(sorted(found, key=lambda one: (one.action != EVERYTHING, -one.treated.customers)))


def _net_value(
    name: str, matured: MaturedScores, treated: npt.NDArray[np.bool_], control: npt.NDArray[np.bool_], min_control: int,
    reached: frozenset[tuple[str, str]] | None,
) -> NetValue:  # fmt: skip
    acted_on = treated & matured.treated
    cost = round(float(matured.cost[acted_on].sum()), 2)
    arms = _arm(matured, treated), _arm(matured, control)
    of_actions = zip(matured.customer_ids[acted_on], matured.action[acted_on], strict=True)
    carried_out = None if reached is None else sum(pair in reached for pair in of_actions)
    n, m = int(treated.sum()), int(control.sum())
    if min(n, m) < min_control:
        few = "in control" if m <= n else "treated"
        return NetValue(name, *arms, cost, None, None, f"too few {few} to tell ({min(n, m)})", carried_out)
    each = float(matured.lost_if_gone[acted_on].mean())
    most = int(acted_on.sum())
    value, low, high = (min(max(n * share, -most), most) * each for share in kept_share(*arms))
    return NetValue(
        name, *arms, cost, _rounded(value, low, high), _rounded(value - cost, low - cost, high - cost),
        f"randomised ({m})", carried_out,
    )  # fmt: skip


def _rounded(value: float, low: float, high: float) -> Triple:
    return round(value, 2), round(low, 2), round(high, 2)


def kept_share(treated: Arm, control: Arm) -> tuple[float, float, float]:
    """By how much the share of leavers is lower among the treated, with its 95 % interval (Newcombe 1998, method 10)."""
    p, q = control.churners / control.customers, treated.churners / treated.customers
    (p_low, p_high), (q_low, q_high) = control.interval, treated.interval
    return p - q, p - q - hypot(p - p_low, q_high - q), p - q + hypot(p_high - p, q - q_low)


def _arm(matured: MaturedScores, rows: npt.NDArray[np.bool_]) -> Arm:
    customers, churners = int(rows.sum()), int(matured.churned[rows].sum())
    low, high = wilson(churners, customers) if customers else (0.0, 1.0)
    return Arm(customers, churners, (round(low, 6), round(high, 6)))
