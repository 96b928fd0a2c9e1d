"""The summary of a score run: what the overview shows of all customers together, added up while they are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from models.reasons import raising

RISK_BINS = 20
"""Equal bins of the churn probability, from 0 to 1."""
AT_RISK = ("high", "medium")
"""The bands of those of whom it is asked why they leave."""
NO_REASON = "none"
"""The first reason of whoever has none that tells people something."""


class Summary:
    """Adds up answers (as models/score.py makes them); only eligible customers count, but for `equity`.

    `as_dict` gives `risk`, the customers in each of RISK_BINS; `total` and, under `by`, for each value of each facet a
    tally: `customers`, `churners` expected (the sum of their probabilities), `value_at_risk`, `lifetime_value`, and
    `cost` and `expected_net_value` of what is to be done, money in the shop's currency. A `reason` is any of the three
    strongest; under `first_reason` whoever is AT_RISK is counted once, under the strongest or NO_REASON. `equity` is the
    sum of the lifetime values of all `customers` who have one: `mean`, `low` and `high`.

    Parameters
    ----------
    straying
        Low and high of the equity over its mean (`LifetimeModel.total`).
    """

    def __init__(self, straying: tuple[float, float] = (1.0, 1.0)) -> None:
        self._straying = straying
        self._equity = [0.0, 0.0]  # customers, money
        self._risk = [0] * RISK_BINS
        self._total: dict[str, float] = defaultdict(float)
        self._by: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))

    def add(self, answer: Mapping[str, Any]) -> None:
        """Count one customer."""
        if answer["lifetime_value"]:
            self._equity[0] += 1
            self._equity[1] += answer["lifetime_value"]["mean"]
        probability = answer["churn_probability"]
        if probability is None:
            return
        self._risk[min(int(probability * RISK_BINS), RISK_BINS - 1)] += 1
        decision = answer["decision"]
        figures = {
            "customers": 1,
            "churners": probability,
            "value_at_risk": answer["value_at_risk"],
            "lifetime_value": answer["lifetime_value"]["mean"],
            "cost": decision["cost"],
            "expected_net_value": decision["expected_net_value"],
        }
        for tally in (self._total, *(self._by[facet][value] for facet, value in _facets(answer))):
            for name, figure in figures.items():
                tally[name] += figure

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        customers, value = self._equity
        low, high = (value * times for times in self._straying)
        return {
            "equity": _rounded({"customers": customers, "mean": value, "low": low, "high": high}),
            "risk": list(self._risk),
            "total": _rounded(self._total),
            "by": {
                facet: {value: _rounded(tally) for value, tally in sorted(values.items())}
                for facet, values in sorted(self._by.items())
            },
        }


def _facets(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(facet, value) pairs of an answer: the churn list's filters, and why there is no action."""
    decision, words = answer["decision"], answer["relationship"]
    yield "band", answer["band"]
    yield "segment", answer["segment"]["id"]
    for name in ("tier", "value_quadrant"):
        if words[name]:
            yield name, words[name]
    reasons = [reason["driver"] for reason in raising(answer)]
    for reason in reasons:
        yield "reason", reason
    if answer["band"] in AT_RISK:
        yield "first_reason", reasons[0] if reasons else NO_REASON
    yield "action", decision["action"]
    yield "arm", decision["arm"]
    if decision["why_not"]:
        yield "why_not", decision["why_not"]


def _rounded(tally: Mapping[str, float]) -> dict[str, float]:
    return {name: int(figure) if name == "customers" else round(figure, 4) for name, figure in tally.items()}
