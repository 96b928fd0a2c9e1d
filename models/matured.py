"""A compared run's customers: what was expected of each, what was decided, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from models.ledger import Ledger, score_runs, scores
from models.runs import WAS_COMPARED, ScoreRun, run_of

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
HELD_OUT = "universal_holdout"


@dataclass(frozen=True)
class MaturedScores:
    """The eligible customers of a run whose label is known; arrays of shape (rows,).

    Attributes
    ----------
    lost_if_gone
        Profit that goes with the customer, in the shop's currency: the playbook's share of the value at risk over the
        probability.
    action, withheld
        What was to be done, and what a control of that action would have got; `no_action` and empty where nothing was.
    """

    customer_ids: Texts
    churn_probability: Floats
    churned: npt.NDArray[np.bool_]
    lost_if_gone: Floats
    action: Texts
    arm: Texts
    withheld: Texts
    why_not: Texts
    cost: Floats

    def __len__(self) -> int:
        return len(self.customer_ids)

    @property
    def treated(self) -> npt.NDArray[np.bool_]:
        """Who was to be acted on."""
        return np.asarray(self.arm == "treat")

    @property
    def held_out(self) -> npt.NDArray[np.bool_]:
        """Who is in the universal hold-out, never acted on by anything."""
        return np.asarray(self.why_not == HELD_OUT)


def matured_scores(ledger: Ledger, run: ScoreRun) -> MaturedScores:
    """The customers of a run that was compared, by rising id."""
    kept = (
        "customer_id",
        "churn_probability",
        "churned",
        "value_at_risk",
        "action",
        "arm",
        "withheld",
        "why_not",
        "cost",
    )
    query = (
        sa.select(*(scores.c[name] for name in kept))
        .where(scores.c.run_id == run.number, scores.c.eligible.is_(True), scores.c.churned.is_not(None))
        .order_by(scores.c.customer_id)
    )
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
    ids, probability, churned, at_risk, action, arm, withheld, why_not, cost = (
        zip(*rows, strict=True) if rows else ((),) * len(kept)
    )
    expected = np.array(probability, float)
    lost = np.divide(
        run.margin_share * np.array(at_risk, float), expected, out=np.zeros(len(expected)), where=expected > 0
    )
    return MaturedScores(
        np.array(ids, object), expected, np.array(churned, bool), lost, np.array(action, object), np.array(arm, object),
        np.array(withheld, object), np.array(why_not, object), np.array(cost, float),
    )  # fmt: skip


def compared_runs(ledger: Ledger, shop: str) -> list[ScoreRun]:
    """A shop's complete runs that were compared with what became of their customers, oldest first."""
    query = (
        sa.select(score_runs)
        .where(score_runs.c.shop == shop, score_runs.c.state == "complete", WAS_COMPARED)
        .order_by(score_runs.c.cutoff, score_runs.c.run_id)
    )
    with ledger.reading() as connection:
        return [run_of(row) for row in connection.execute(query)]
