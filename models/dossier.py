"""The dossier: what the ledger keeps of a customer beside the score, for people who look closer.

    vector        what the model saw, in the order of its features; null for what is missing
    considered    what became of every action (models/decide.py)
    purchases, interactions, offers   the last year's events (features/timeline.py)

Only a shop's latest run has dossiers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from models.ledger import Ledger, dossiers, score_runs, scores
from models.runs import WAS_COMPARED


def dossier(
    vector: npt.NDArray[np.float64], considered: Sequence[Mapping[str, Any]], events: Mapping[str, str]
) -> dict[str, Any]:
    """One customer's dossier as plain data; `events` are JSON texts by kind."""
    return {
        "vector": [None if np.isnan(value) else float(value) for value in vector],
        "considered": list(considered),
        **{kind: json.loads(text) for kind, text in events.items()},
    }


def dossier_of(ledger: Ledger, number: int, customer_id: str) -> dict[str, Any] | None:
    """The dossier of one customer in a run, or None where the run keeps none."""
    query = sa.select(dossiers.c.dossier).where(dossiers.c.run_id == number, dossiers.c.customer_id == customer_id)
    with ledger.reading() as connection:
        text = connection.execute(query).scalar()
    return json.loads(text) if text is not None else None


def name_of(ledger: Ledger, number: int, customer_id: str) -> str | None:
    """What to call a customer, or None where the shop does not tell."""
    query = sa.select(scores.c.name).where(scores.c.run_id == number, scores.c.customer_id == customer_id)
    with ledger.reading() as connection:
        return connection.execute(query).scalar()


def past_scores(ledger: Ledger, numbers: Sequence[int], customer_id: str) -> list[dict[str, Any]]:
    """A customer in these runs, oldest cut-off first: cutoff, bundle, eligible, churn_probability, band, action, arm, churned.

    `churned` is None until the label has matured and was compared.
    """
    query = (
        sa.select(
            score_runs.c.cutoff, score_runs.c.bundle, scores.c.eligible, scores.c.churn_probability, scores.c.band,
            scores.c.action, scores.c.arm, sa.case((WAS_COMPARED, scores.c.churned)).label("churned"),
        )
        .join(score_runs, score_runs.c.run_id == scores.c.run_id)
        .where(scores.c.run_id.in_(numbers), scores.c.customer_id == customer_id)
        .order_by(score_runs.c.cutoff)
    )  # fmt: skip
    with ledger.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]
