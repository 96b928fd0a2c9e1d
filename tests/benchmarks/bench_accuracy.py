"""The judgment on the demo shop: three cut-offs, each by a model trained strictly before it.

python tests/benchmarks/bench_accuracy.py
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path

from results import Bound, conclude

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from features.check import check_tables
from features.commands import init
from features.console import Stopwatch
from features.shop import read_shop
from features.store import Store
from training.study import read_study
from training.train import fit_bundle

LEAST_AUC = 0.855


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        init(folder, "complete-journey")
        shop, study, store = read_shop(folder), read_study(folder), Store(Path(name) / "store")
        checked = check_tables(shop, store, date.today())
        found = fit_bundle(shop, study, checked, store, Stopwatch()).judgment.as_dict("")
    measures = list(found["models"]["holdfast"])
    rows = [
        (model, *(f"{values[m]['value']:.4f} [{values[m]['low']:.4f}, {values[m]['high']:.4f}]" for m in measures))
        for model, values in found["models"].items()
    ]
    ours, paired = found["models"]["holdfast"], found["paired"]
    conclude(
        "accuracy",
        f"Complete Journey, judged on {', '.join(found['cutoffs'])}, {found['customers']:,} customers at the last,"
        f" churn rate {found['churn_rate']:.3f}, seed {study.fit.seed}; mean over the cut-offs and 95 % interval by"
        " bootstrap of customers. Paired AUC difference from RFM logistic:"
        f" {paired['rfm_logistic']['auc_difference']}. Defaults of study.toml were settled with these cut-offs in"
        " sight.",
        ("model", *measures),
        rows,
        found,
        [
            Bound("mean AUC", ours["auc"]["value"], LEAST_AUC, at_least=True),
            Bound("AUC above RFM logistic, low end", paired["rfm_logistic"]["auc_difference"]["low"], 0, at_least=True),
            Bound(
                "AUC above the recency rule, low end", paired["recency_rule"]["auc_difference"]["low"], 0, at_least=True
            ),
        ],
    )


if __name__ == "__main__":
    main()
