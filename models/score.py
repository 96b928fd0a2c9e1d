"""Scores: a bundle applied to behaviour vectors, the same for a whole shop and for one posted customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.snapshot import day_date
from models.bundle import Bundle
from models.churn import sigmoid
from models.decide import Case, Decision
from models.habits import MARGIN, USUAL, habits
from models.horizons import in_order
from models.reasons import Explainer, Reason
from models.spend import ValueRows

Floats = npt.NDArray[np.float64]
_WORTH_UNKNOWN = "ordinary"  # the tier to decide by


@dataclass(frozen=True)
class Scores:
    """Everything scored about some customers at one cut-off, as arrays of shape (rows,) in the vectors' order.

    Customers who are not eligible carry NaN as probability: the churn definition is not about them. As far as their
    value goes they count as gone. `interval` is the low and the high end around the probability, None where the bundle
    is of a version that knew none. `next_purchase_days` is NaN where no day can be told. `by_horizon` is the probability
    over every horizon by its days, the shortest first, the bundle's own among them; empty where there is no other.
    """

    bundle: Bundle
    cutoff: date
    customer_ids: Sequence[str]
    X: Floats
    eligible: npt.NDArray[np.bool_]
    opted_out: npt.NDArray[np.bool_]
    churn_probability: Floats
    interval: tuple[Floats, Floats] | None
    percentile: Floats
    band: npt.NDArray[np.str_]
    lifetime_value: tuple[Floats, Floats, Floats]
    lost_if_gone: Floats
    next_purchase_days: Floats
    segment: npt.NDArray[np.intp]
    words: dict[str, npt.NDArray[np.str_]]
    by_horizon: Mapping[int, Floats]

    def __len__(self) -> int:
        return len(self.customer_ids)


def score(bundle: Bundle, vectors: pa.Table, opted_out: frozenset[str] = frozenset(), threads: int = 1) -> Scores:
    """The scores of the customers in a vectors table of one cut-off."""
    X = bundle.model.matrix(vectors)
    ids = vectors.column("customer_id").to_pylist()
    column = {name: X[:, j] for j, name in enumerate(bundle.model.features)}
    out = np.array([customer in opted_out for customer in ids], bool)
    eligible = bundle.definition.eligible(column) & ~out
    log_odds = np.full(len(ids), np.nan)
    if eligible.any():
        log_odds[eligible] = bundle.model.log_odds(X[eligible], threads)
    probability = sigmoid(log_odds)
    known = habits(column, bundle.value)
    for_value = np.where(eligible, probability, 1.0)
    usual = np.maximum(np.nan_to_num(known.get(USUAL, np.zeros(len(ids)))), 0)
    value = bundle.lifetime.value(ValueRows(column, usual, for_value))
    next_purchase = bundle.next_purchase.days(column) if bundle.next_purchase else np.full(len(ids), np.nan)
    return Scores(
        bundle=bundle,
        cutoff=day_date(vectors.column("cutoff")[0].as_py()),
        customer_ids=ids,
        X=X,
        eligible=eligible,
        opted_out=out,
        churn_probability=probability,
        interval=_interval(bundle, X, log_odds, threads),
        percentile=bundle.references.percentile(probability),
        band=np.where(eligible, bundle.references.band(for_value), ""),
        lifetime_value=value,
        lost_if_gone=bundle.lifetime.lost_if_gone(value[0], for_value),
        next_purchase_days=np.where(eligible, next_purchase, np.nan),
        segment=bundle.segmenter.assign(
            X[:, [bundle.model.features.index(name) for name in bundle.segmenter.features]]
        ),
        words=bundle.relationship.words(known, vectors.column("has_bought").to_numpy() == 1),
        by_horizon=_by_horizon(bundle, X, probability, threads),
    )


def _interval(bundle: Bundle, X: Floats, log_odds: Floats, threads: int) -> tuple[Floats, Floats] | None:
    if bundle.interval is None:
        return None
    low, high = np.full((2, len(X)), np.nan)
    known = ~np.isnan(log_odds)
    if known.any():
        low[known], high[known] = bundle.interval.bounds(X[known], log_odds[known], threads)
    return low, high


def _by_horizon(bundle: Bundle, X: Floats, probability: Floats, threads: int) -> dict[int, Floats]:
    if not bundle.further_horizons:
        return {}
    known = ~np.isnan(probability)
    said = {bundle.definition.horizon_days: probability}
    for days, model in bundle.further_horizons.items():
        said[days] = np.full(len(X), np.nan)
        if known.any():
            said[days][known] = model.probability(X[known], threads)
    return in_order(bundle.definition, said)


def explainer(bundle: Bundle, language: str, currency: str) -> Explainer:
    """Speaks of a bundle's pushes in a shop's language and currency."""
    references = bundle.references
    return Explainer(bundle.catalog, references.typical, language, currency, references.direction)


def explain(
    scores: Scores, vectors: pa.Table, speaker: Explainer, threads: int = 1
) -> tuple[list[tuple[Reason, ...]], float]:
    """Reasons of each customer (none for the ineligible), and the base that all pushes start from."""
    reasons: list[tuple[Reason, ...]] = [()] * len(scores)
    where = np.flatnonzero(scores.eligible)
    if not len(where):
        return reasons, 0.0
    pushes, base = scores.bundle.model.contributions(scores.X[where], threads)
    for i, found in zip(where, speaker.reasons(pushes, vectors.take(where).to_pylist()), strict=True):
        reasons[i] = found
    return reasons, base


def cases(
    scores: Scores, reasons: Sequence[tuple[Reason, ...]],
    channels: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> list[Case]:  # fmt: skip
    """What the decisions need to know of each customer.

    Parameters
    ----------
    channels
        By customer id those they allow; who is not in it allows all (features/consent.py).
    """
    names = scores.bundle.model.features
    since = scores.X[:, names.index("days_since_last_offer")] if "days_since_last_offer" in names else None
    return [
        Case(
            customer_id=scores.customer_ids[i],
            eligible=bool(scores.eligible[i]),
            opted_out=bool(scores.opted_out[i]),
            churn_probability=float(scores.churn_probability[i]),
            lost_if_gone=float(scores.lost_if_gone[i]),
            tier=str(scores.words["tier"][i]) or _WORTH_UNKNOWN,
            days_since_last_offer=None if since is None or np.isnan(since[i]) else float(since[i]),
            reasons=reasons[i],
            channels=channels.get(scores.customer_ids[i]),
        )
        for i in range(len(scores))
    ]


def answers(
    scores: Scores, reasons: Sequence[tuple[Reason, ...]], base: float, decisions: Sequence[Decision],
    scored_at: datetime, language: str, warnings: Sequence[str] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """For each customer the score a CRM receives, as plain data ready for JSON.

    Whoever opted out of profiling has no probability, value, segment or relationship.
    """
    bundle = scores.bundle
    horizon = bundle.definition.horizon_days
    aware = scored_at if scored_at.tzinfo else scored_at.replace(tzinfo=UTC)  # the ledger keeps UTC without a zone
    moment = aware.astimezone(UTC).isoformat(timespec="seconds")
    matures = _matures_on(scores, horizon)
    matured_by = {days: _matures_on(scores, days) for days in scores.by_horizon}
    (mean, low, high), judged = scores.lifetime_value, bundle.lifetime.has_interval
    found = []
    for i, customer in enumerate(scores.customer_ids):
        eligible = bool(scores.eligible[i])
        found.append({
            "customer_id": customer,
            "as_of": scores.cutoff.isoformat(),
            "scored_at": moment,
            "bundle": bundle.id,
            "path": "gbdt" if eligible else "none",
            "eligible": eligible,
            "churn_probability": float(scores.churn_probability[i]) if eligible else None,
            "interval": _both_ends(scores, i) if eligible else None,
            "percentile": round(float(scores.percentile[i]), 4) if eligible else None,
            "band": str(scores.band[i]) if eligible else None,
            "horizon_days": horizon,
            "label_matures_on": matures,
            "churn_by_horizon": [
                {"horizon_days": days, "churn_probability": float(said[i]), "label_matures_on": matured_by[days]}
                for days, said in scores.by_horizon.items()
            ] if eligible and scores.by_horizon else None,
            "expected_next_purchase": _expected_next_purchase(scores, i),
            "lifetime_value": None if scores.opted_out[i] else {
                "mean": round(float(mean[i]), 2), "low": round(float(low[i]), 2) if judged else None,
                "high": round(float(high[i]), 2) if judged else None, "days": bundle.lifetime.days,
            },
            "value_at_risk": round(float(scores.churn_probability[i] * scores.lost_if_gone[i]), 2) if eligible else 0.0,
            "segment": None if scores.opted_out[i] else _segment(scores, i, language),
            "relationship": None if scores.opted_out[i] else _relationship(scores, i),
            "base": round(base, 9) if eligible else None,
            "reasons": [reason.as_dict() for reason in reasons[i]],
            "decision": {**decisions[i].as_dict(), "valid_until": matures},
            "warnings": list(warnings) + (["opted out of profiling"] if scores.opted_out[i] else []),
        })  # fmt: skip
    return found


def _matures_on(scores: Scores, horizon_days: int) -> str:
    """The day on which a label over this horizon is known."""
    return (scores.cutoff + timedelta(days=scores.bundle.definition.over(horizon_days).label_days)).isoformat()


def _both_ends(scores: Scores, i: int) -> list[float] | None:
    return None if scores.interval is None else [round(float(end[i]), 4) for end in scores.interval]


def _segment(scores: Scores, i: int, language: str) -> dict[str, str]:
    segment = scores.bundle.segmenter.segments[scores.segment[i]]
    return {"id": segment.id, "name": segment.zh if language == "zh" else segment.en}


def _relationship(scores: Scores, i: int) -> dict[str, Any]:
    """The relationship words, None where nothing tells; `unprofitable` where costs are unknown, `loyalty` always."""
    names = scores.bundle.model.features
    margin = scores.X[i, names.index(MARGIN)] if MARGIN in names else np.nan
    words = {name: str(scores.words[name][i]) or None for name in ("state", "stage", "tier", "value_quadrant", "rfm")}
    return {**words, "unprofitable": None if np.isnan(margin) else bool(margin < 0), "loyalty": None}


def _expected_next_purchase(scores: Scores, i: int) -> str | None:
    """The day by which half of those in the customer's place have bought; None where no such day can be told."""
    days = scores.next_purchase_days[i]
    return None if np.isnan(days) else (scores.cutoff + timedelta(days=max(1, round(float(days))))).isoformat()
