"""Examples: what a request and its answer look like, for the API's description; tests hold them to the models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from serving.messages import (
    Answer,
    Answers,
    ChurnListPage,
    EventsRequest,
    Explanation,
    ModelCard,
    ProblemDetails,
    ScoreRequest,
    ScoresRequest,
)

_REASONS = [
    {
        "driver": "going_quiet",
        "push": 0.81,
        "lever": True,
        "features": [{"name": "days_since_last_purchase", "value": 23.0, "usual": 6.1, "push": 0.52}],
        "sentence": "Last bought 23 days ago; usually every 6.1 days.",
        "telling": True,
    }
]
_ANSWER: dict[str, Any] = {
    "customer_id": "1228",
    "as_of": "2017-12-01",
    "scored_at": "2017-12-01T06:00:12+00:00",
    "bundle": "churn/7",
    "path": "gbdt",
    "eligible": True,
    "churn_probability": 0.412,
    "interval": [0.33, 0.49],
    "percentile": 0.93,
    "band": "high",
    "horizon_days": 28,
    "label_matures_on": "2017-12-29",
    "churn_by_horizon": [
        {"horizon_days": 28, "churn_probability": 0.412, "label_matures_on": "2017-12-29"},
        {"horizon_days": 56, "churn_probability": 0.283, "label_matures_on": "2018-01-26"},
    ],
    "expected_next_purchase": "2017-12-19",
    "lifetime_value": {"mean": 212.4, "low": 120.0, "high": 330.0, "days": 365},
    "value_at_risk": 131.2,
    "segment": {"id": "S3", "name": "weekly family shoppers, fading"},
    "relationship": {
        "state": "loyal",
        "stage": "decline",
        "tier": "key",
        "unprofitable": False,
        "value_quadrant": "gold",
        "rfm": "255",
        "loyalty": None,
    },
    "base": -1.62,
    "reasons": _REASONS,
    "decision": {
        "action": "call_back_with_coupon",
        "arm": "treat",
        "propensity": 0.873,
        "expected_net_value": 18.2,
        "interval": [4.1, 31.0],
        "cost": 5.0,
        "evidence": "rule",
        "because": ["going_quiet"],
        "why_not": "",
        "withheld": "",
        "valid_until": "2017-12-29",
    },
    "warnings": [],
}

EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    ScoreRequest: {"customer_id": "1228"},
    ScoresRequest: {"customer_ids": ["1228", "67"]},
    EventsRequest: {
        "customer_id": "1228",
        "cutoff": "2017-12-01",
        "transactions": [
            {"timestamp": "2017-11-02T17:20:00", "amount": 31.4, "order_id": "b1", "category": "GROCERY: CHEESE"},
            {"timestamp": "2017-11-21T09:05:00-05:00", "amount": 12.9, "order_id": "b2", "discount": 1.5},
        ],
    },
    Answer: _ANSWER,
    Answers: {"scores": [_ANSWER], "unknown": ["67"]},
    ChurnListPage: {
        "bundle": "churn/7",
        "as_of": "2017-12-01",
        "scored_at": "2017-12-01T06:00:12+00:00",
        "total": 214,
        "next": "WzAuNDEyLCAiMTIyOCJd",
        "customers": [_ANSWER],
    },
    Explanation: {
        **{name: _ANSWER[name] for name in ("customer_id", "as_of", "bundle", "eligible", "churn_probability", "base")},
        "log_odds": -0.356,
        "reasons": _REASONS,
    },
    ModelCard: {
        "bundle": "churn/7",
        "definition": {"kind": "silence", "horizon_days": 28, "active_within_days": 91},
        "trained_until": "2017-11-03",
        "memory_days": 182,
        "columns": 101,
        "card": {"grade": "A"},
    },
    ProblemDetails: {
        "type": "urn:holdfast:HF603",
        "title": "the customer is not in the ledger",
        "status": 404,
        "detail": "no such customer in the latest score run.",
        "code": "HF603",
        "mend": "Check the id, or post events to /v1/score-events.",
        "instance": "urn:uuid:0d3f1b6a-beaf-4316-8586-efe7764da3ea",
    },
}
