"""What became of a score run: churn as it was expected and as it came, once the labels have matured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from models.ledger import Ledger, score_runs, scores
from models.runs import ScoreRun

Floats = npt.NDArray[np.float64]
BANDS = ("low", "medium", "high")
_BINS = 10
_Z = 1.959964  # of a 95 % interval
_CHUNK = 5000


@dataclass(frozen=True)
class Group:
    """Some customers of a run: how many were expected to churn, and how many did.

    Attributes
    ----------
    expected
        Mean churn probability.
    actual
        Share of churners.
    interval
        95 % interval of that share (Wilson 1927); all of [0, 1] where there are no customers.
    """

    customers: int
    churners: int
    expected: float
    actual: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, probability: Floats, churned: npt.NDArray[np.bool_]) -> Group:
        """The group of these customers; arrays of shape (rows,)."""
        customers, churners = len(churned), int(churned.sum())
        if not customers:
            return cls(0, 0, 0.0, 0.0, (0.0, 1.0))
        low, high = wilson(churners, customers)
        return cls(
            customers, churners, round(float(probability.mean()), 6), round(churners / customers, 6),
            (round(low, 6), round(high, 6)),
        )  # fmt: skip

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Group:
        low, high = content["interval"]
        return cls(**{**content, "interval": (low, high)})


@dataclass(frozen=True)
class RunOutcome:
    """Expected against actual churn of a run's eligible customers. Where actions were taken, it came after them.

    Attributes
    ----------
    left_out
        Eligible customers whose label nobody knows: the tables no longer hold them, or they object to profiling.
    bands
        By band of risk, those that have customers, the lowest first.
    bins
        Ten of equal count by probability, the lowest first; fewer where there are fewer customers than that.
    seen_in_training
        Whether the bundle had learned from labels of the days it is compared on, so that the comparison flatters;
        None where the bundle is gone.
    """

    compared_at: datetime
    everyone: Group
    left_out: int
    bands: Mapping[str, Group]
    bins: tuple[Group, ...]
    seen_in_training: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "compared_at": self.compared_at.isoformat(timespec="seconds")}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunOutcome:
        """The outcome that `as_dict` made this of, in person or by way of JSON."""
        return cls(
            compared_at=datetime.fromisoformat(content["compared_at"]),
            everyone=Group.from_dict(content["everyone"]),
            left_out=content["left_out"],
            bands={band: Group.from_dict(group) for band, group in content["bands"].items()},
            bins=tuple(Group.from_dict(group) for group in content["bins"]),
            seen_in_training=content["seen_in_training"],
        )


@dataclass(frozen=True)
class Expected:
    """A run's eligible customers as they were scored, by rising probability; arrays of shape (rows,)."""

    customer_ids: npt.NDArray[np.object_]
    churn_probability: Floats
    band: npt.NDArray[np.object_]


def outcome(
    expected: Expected, churned: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_], compared_at: datetime,
    seen_in_training: bool | None,
) -> RunOutcome:  # fmt: skip
    """What became of these customers.

    Parameters
    ----------
    churned, known
        Shape (rows,); a label that is not known counts nowhere but in `left_out`.
    """
    probability, band, gone = expected.churn_probability[known], expected.band[known], churned[known]
    by_rising_risk = np.argsort(probability, kind="stable")
    bins = [part for part in np.array_split(by_rising_risk, _BINS) if len(part)]
    return RunOutcome(
        compared_at=compared_at.replace(microsecond=0),
        everyone=Group.of(probability, gone),
        left_out=int((~known).sum()),
        bands={name: Group.of(probability[band == name], gone[band == name]) for name in BANDS if (band == name).any()},
        bins=tuple(Group.of(probability[part], gone[part]) for part in bins),
        seen_in_training=seen_in_training,
    )


def wilson(churners: int, customers: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), which holds for few customers and for shares near 0 and 1 too."""
    share, z2 = churners / customers, _Z * _Z
    middle = (share + z2 / (2 * customers)) / (1 + z2 / customers)
    half = _Z * sqrt(share * (1 - share) / customers + z2 / (4 * customers**2)) / (1 + z2 / customers)
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))  # a rounding off would leave it out


_NAMED = ("shop", "bundle", "cutoff", "scored_at", "customers", "eligible", "language", "currency", "matures_on")
_NOT_COMPARED = (
    sa.select(*(score_runs.c[name] for name in _NAMED), score_runs.c.run_id.label("number"))
    .where(score_runs.c.state == "complete", score_runs.c.outcome.is_(None))
    .order_by(score_runs.c.cutoff, score_runs.c.run_id)
)


def runs_to_compare(ledger: Ledger, shop: str, known_until: date) -> list[ScoreRun]:
    """A shop's complete runs whose labels have matured by `known_until` and that nobody compared yet, oldest first."""
    query = _NOT_COMPARED.where(score_runs.c.shop == shop, score_runs.c.matures_on <= known_until)
    with ledger.reading() as connection:
        return [ScoreRun(**row._mapping) for row in connection.execute(query)]


def expected_of(ledger: Ledger, number: int) -> Expected:
    """The eligible customers of a run."""
    query = (
        sa.select(scores.c.customer_id, scores.c.churn_probability, scores.c.band)
        .where(scores.c.run_id == number, scores.c.eligible.is_(True))
        .order_by(scores.c.churn_probability.desc(), scores.c.customer_id)  # as an index has them
    )
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
    ids, probability, band = zip(*rows[::-1], strict=True) if rows else ((), (), ())
    return Expected(np.array(ids, object), np.array(probability, float), np.array(band, object))


def write_outcome(ledger: Ledger, number: int, churned: Mapping[str, bool], found: RunOutcome) -> bool:
    """Write what became of a run and of each of its customers, in one transaction; False where that was done before.

    A run that another has superseded meanwhile is left as it is, too.

    Parameters
    ----------
    churned
        By customer id, those whose label is known.
    """
    text = json.dumps(found.as_dict(), allow_nan=False)
    run_row = sa.update(score_runs).where(score_runs.c.run_id == number, score_runs.c.outcome.is_(None))
    customer_row = (
        sa.update(scores)
        .where(scores.c.run_id == number, scores.c.customer_id == sa.bindparam("customer"))
        .values(churned=sa.bindparam("label"))
    )
    labels = sorted(churned.items())  # as their rows lie, for half the time
    with ledger.writing() as connection:
        row = connection.execute(_NOT_COMPARED.where(score_runs.c.run_id == number)).first()
        if row is None or not connection.execute(run_row.values(outcome=text)).rowcount:
            return False
        for start in range(0, len(labels), _CHUNK):
            chunk = labels[start : start + _CHUNK]
            connection.execute(customer_row, [{"customer": customer, "label": label} for customer, label in chunk])
        of_all = {"customers": found.everyone.customers, "churners": found.everyone.churners}
        ledger.note(connection, "holdfast", "compare", run=ScoreRun(**row._mapping).name, **of_all)
    return True


def outcome_of(ledger: Ledger, number: int) -> RunOutcome | None:
    """What became of a run, or None while nobody has compared it."""
    with ledger.reading() as connection:
        text = connection.execute(sa.select(score_runs.c.outcome).where(score_runs.c.run_id == number)).scalar()
    return RunOutcome.from_dict(json.loads(text)) if text else None
