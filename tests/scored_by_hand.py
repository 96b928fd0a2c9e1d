"""Score runs written by hand into a ledger of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

from models.definition import ChurnDefinition
from models.ledger import Ledger, scores
from models.runs import Entry, ScoreRun, write_run

HORIZON = timedelta(days=28)


@contextmanager
def fresh_ledger(folder: Path) -> Iterator[Ledger]:
    """An empty ledger, closed again."""
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    ledger.migrate()
    try:
        yield ledger
    finally:
        ledger.close()


def band(probability: float) -> str:
    return "low" if probability < 0.2 else "medium" if probability < 0.5 else "high"


def score_by_hand(
    ledger: Ledger, people: Mapping[str, float | None], cutoff: date, *, matures_on: date | None = None,
    shop: str = "tiny", bundle: str = "churn/1", definition: ChurnDefinition | None = None,
    trained_until: date | None = None, margin_share: float = 1.0, decisions: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
) -> int:  # fmt: skip
    """Write a run of these customers with their probabilities (None: not eligible); its number.

    `decisions` are of some customers what differs from no action.
    """
    matures_on = matures_on or cutoff + HORIZON
    eligible = sum(probability is not None for probability in people.values())
    run = ScoreRun(shop, bundle, cutoff, datetime(2024, 5, 1), len(people), eligible, "en", "EUR", matures_on,
                   definition=definition, trained_until=trained_until, margin_share=margin_share)  # fmt: skip
    return write_run(
        ledger, run, [[_entry(customer, p, decisions.get(customer, {})) for customer, p in people.items()]]
    )


def _entry(customer_id: str, probability: float | None, decision: Mapping[str, object]) -> Entry:
    eligible = probability is not None
    return Entry({
        "customer_id": customer_id, "eligible": eligible, "churn_probability": probability, "percentile": 0.5,
        "band": band(probability) if eligible else None, "segment": {"id": "S1", "name": "regulars"},
        "value_at_risk": 10.0, "lifetime_value": {"mean": 100.0}, "reasons": [],
        "relationship": {"tier": "key", "value_quadrant": "gold", "state": "loyal", "stage": "growth"},
        "decision": {"action": "no_action", "arm": "none", "propensity": 1.0, "expected_net_value": 0.0, "cost": 0.0,
                     "evidence": "", "why_not": "already_safe", "withheld": "", **decision},
    })  # fmt: skip


def labels(ledger: Ledger, number: int) -> dict[str, bool | None]:
    """What the ledger says became of each customer of a run."""
    query = sa.select(scores.c.customer_id, scores.c.churned).where(scores.c.run_id == number)
    with ledger.reading() as connection:
        return {row.customer_id: row.churned for row in connection.execute(query)}
