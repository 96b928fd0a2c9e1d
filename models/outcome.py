"""What became of a score run: churn as it was expected and as it came, once the labels have matured.

It is written in short transactions, so that nobody waits for the ledger meanwhile, and is there whole or not at all:
the run is claimed, its customers get their labels, and the last transaction puts the outcome in the claim's place.
While there is a claim, or none, the run counts as not compared.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from features.refusal import Refusal
from models.ledger import Ledger, score_runs, scores
from models.runs import CLAIM, WAS_COMPARED, ScoreRun, read_outcome, run_of

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


def wilson(churners: float, customers: float) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), which holds for few customers and for shares near 0 and 1 too."""
    share, z2 = churners / customers, _Z * _Z
    middle = (share + z2 / (2 * customers)) / (1 + z2 / customers)
    half = _Z * sqrt(share * (1 - share) / customers + z2 / (4 * customers**2)) / (1 + z2 / customers)
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))  # a rounding off would leave it out


_IS_NOT_COMPARED = (
    score_runs.c.state == "complete",
    ~WAS_COMPARED,
)
_NOT_COMPARED = sa.select(score_runs).where(*_IS_NOT_COMPARED).order_by(score_runs.c.cutoff, score_runs.c.run_id)


def runs_to_compare(ledger: Ledger, shop: str, known_until: date) -> list[ScoreRun]:
    """A shop's complete runs whose labels have matured by `known_until` and that nobody compared yet, oldest first."""
    query = _NOT_COMPARED.where(score_runs.c.shop == shop, score_runs.c.matures_on <= known_until)
    with ledger.reading() as connection:
        return [run_of(row) for row in connection.execute(query)]


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
    """Write what became of a run and of each of its customers; False where another has done it, or goes on with it.

    Of two who write at once the one that began later does. A run that was superseded meanwhile is left as it is.

    Parameters
    ----------
    churned
        By customer id, those whose label is known.
    """
    claim = f'{CLAIM}: "{secrets.token_hex(16)}"}}'
    claimed = _Claimed(ledger, number, claim)
    if not claimed.begin():
        return False
    try:
        claimed.label(churned)
        claimed.end(found)
    except _LostError:
        return False
    except BaseException:
        with contextlib.suppress(Refusal, _LostError):  # what cannot be taken back now, the next one writes over
            claimed.give_up()
        raise
    return True


class _LostError(Exception):
    """Another has claimed the run, or a new one has superseded it."""


@dataclass(frozen=True)
class _Claimed:
    """The writing of one outcome; every transaction first sees that the claim still stands."""

    ledger: Ledger
    number: int
    claim: str

    def begin(self) -> bool:
        """Claim the run; False where it is compared already, or gone. Labels that another has left are taken back."""
        row = score_runs.c.run_id == self.number
        with self.ledger.writing() as connection:
            before = connection.execute(
                sa.select(score_runs.c.outcome).where(row, *_IS_NOT_COMPARED).with_for_update(key_share=True)
            ).first()
            if before is None:
                return False
            connection.execute(sa.update(score_runs).where(row).values(outcome=self.claim))
        if before.outcome is not None:
            with contextlib.suppress(_LostError):
                self._take_back()
        return True

    def label(self, churned: Mapping[str, bool]) -> None:
        """Write the labels that are known, a block at a time."""
        customer_row = (
            sa.update(scores)
            .where(scores.c.run_id == self.number, scores.c.customer_id == sa.bindparam("customer"))
            .values(churned=sa.bindparam("label"))
        )
        labels = sorted(churned.items())  # as their rows lie, for half the time
        for start in range(0, len(labels), _CHUNK):
            rows = [{"customer": customer, "label": label} for customer, label in labels[start : start + _CHUNK]]
            with self._writing() as connection:
                connection.execute(customer_row, rows)

    def end(self, found: RunOutcome) -> None:
        """Put the outcome in the claim's place, and a line into the audit."""
        text = json.dumps(found.as_dict(), allow_nan=False)
        of_all = {"customers": found.everyone.customers, "churners": found.everyone.churners}
        with self._writing() as connection:
            row = connection.execute(_NOT_COMPARED.where(score_runs.c.run_id == self.number)).one()
            connection.execute(sa.update(score_runs).where(score_runs.c.run_id == self.number).values(outcome=text))
            self.ledger.note(connection, "holdfast", "compare", run=run_of(row).name, **of_all)

    def give_up(self) -> None:
        """Take back the labels, then the claim."""
        self._take_back()
        with self._writing() as connection:
            connection.execute(sa.update(score_runs).where(score_runs.c.run_id == self.number).values(outcome=None))

    def _take_back(self) -> None:
        of_run, last = scores.c.run_id == self.number, ""
        ids = sa.select(scores.c.customer_id).where(of_run).order_by(scores.c.customer_id)
        while True:
            with self.ledger.reading() as connection:
                block = connection.execute(ids.where(scores.c.customer_id > last).limit(_CHUNK)).scalars().all()
            if not block:
                return
            between = (scores.c.customer_id > last, scores.c.customer_id <= block[-1], scores.c.churned.is_not(None))
            with self._writing() as connection:
                connection.execute(sa.update(scores).where(of_run, *between).values(churned=None))
            last = block[-1]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        mine = (
            score_runs.c.run_id == self.number,
            score_runs.c.state == "complete",
            score_runs.c.outcome == self.claim,
        )
        with self.ledger.writing() as connection:
            held = sa.select(score_runs.c.run_id).where(*mine).with_for_update(key_share=True)
            if connection.execute(held).first() is None:
                raise _LostError
            yield connection


def outcome_of(ledger: Ledger, number: int) -> RunOutcome | None:
    """What became of a run, or None while nobody has compared it."""
    with ledger.reading() as connection:
        text = connection.execute(sa.select(score_runs.c.outcome).where(score_runs.c.run_id == number)).scalar()
    found = read_outcome(text)
    return RunOutcome.from_dict(found) if found else None
