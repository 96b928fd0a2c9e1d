"""What the judged models are called: ours, the rules of thumb and the regressions beside it."""

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
