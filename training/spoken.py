"""What the judged models are called, ours, the rules of thumb and the regressions beside it; and how figures are told."""

from __future__ import annotations

from collections.abc import Mapping

SPOKEN = {
    "holdfast": "Holdfast", "recency_rule": "recency rule", "rfm_logistic": "RFM logistic",
    "best_column_rule": "best single column", "logistic": "logistic regression",
}  # fmt: skip
"""In tables and pictures."""
PLAINLY = {
    "recency_rule": "asking who has not bought for longest", "rfm_logistic": "recency, frequency and spend",
    "best_column_rule": "the best single column", "logistic": "a regression on all columns",
}  # fmt: skip
"""In sentences."""
VALUED_BY = {
    "usual_spend": "usual spend", "purchase_process": "BG/NBD and gamma-gamma", "contract_spend": "contract survival",
    "boosted_spend": "boosted trees", "combined_spend": "mean of BG/NBD and trees",
}  # fmt: skip
"""What customer value is expected by."""
LEARNED_FROM = {
    False: "", True: "The bundle had learned from these very days: this flatters.",
    None: "The bundle is gone, and what it had learned from is unknown.",
}  # fmt: skip
"""Of a matured run, by whether its bundle had learned from what it is compared on; None where that is not known."""


def with_interval(of: Mapping[str, float], form: str) -> str:
    """`value [low, high]` of a figure with its interval, each in the given format."""
    return f"{of['value']:{form}} [{of['low']:{form}}, {of['high']:{form}}]"
