"""Customer value out of time: the candidates on the demo shop, and BG/NBD's best-known holdout, CDNOW's second 39 weeks.

python tests/benchmarks/bench_value.py
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from results import Bound, conclude

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from real_tables import REAL_DATA

from features.check import check_tables
from features.commands import init
from features.console import Stopwatch
from features.shop import read_shop
from features.store import Store
from models.purchase_process import PurchaseProcess
from models.score import score
from training.fit_purchase_rate import fit_purchase_rate
from training.panel import known_by
from training.spoken import VALUED_BY
from training.study import Study, read_study
from training.train import fit_bundle
from training.value_measures import VALUE_MEASURES

HALF = date(1997, 10, 1)
DAYS = 273
CDNOW_SHOP = """name = "cdnow"
currency = "USD"
[files]
sales = "sales.parquet"
[tables.transactions]
from = "sales"
duplicates = "keep"
[tables.transactions.columns]
customer_id = "customer_id"
timestamp = "day"
amount = "amount"
"""
CDNOW_STUDY = {
    "churn": {"horizon_days": 21, "active_within_days": 182},
    "cutoffs": {"every_days": 7, "judged": 2, "min_history_days": 42},
    "vectors": {"memory_days": DAYS},
    "fit": {"trees": 60, "learning_rate": 0.1},
    "value": {"days": DAYS, "yearly_discount": 0.0},
    "minimums": {"churners": 20},
}
"""Many short windows, since 39 weeks are all that may be learned from."""


def main() -> None:
    rows, figures, bounds = [], {}, []
    with tempfile.TemporaryDirectory() as name:
        value = judged_on_the_demo_shop(Path(name) / "demo")
        within = f"Complete Journey, {value['days']} days"
        for model, measures in value["models"].items():
            chosen = " (kept)" if model == value["chosen"] else ""
            rows.append((within, VALUED_BY[model] + chosen, *(measures[m]["value"] for m in VALUE_MEASURES)))
        figures["complete_journey"] = value
        simplest = next(iter(value["models"].values()))["rmse"]["value"]
        bounds += [
            Bound("Complete Journey: RMSE over that of the usual spend", value["models"][value["chosen"]]["rmse"]["value"] / simplest, 1.0),
            Bound("Complete Journey: off 0.8, the share within the 80 % interval", abs(value["coverage"]["within"] - 0.8), 0.05),
        ]  # fmt: skip
        cdnow = REAL_DATA / "cdnow" / "cdnow_sample.parquet"
        if cdnow.exists():
            for what, amount in (("purchase days", "1.0"), ("USD", "sum(amount)")):
                found = cdnow_39_weeks(Path(name) / what.replace(" ", "-"), cdnow, amount)
                rows += [(f"CDNOW, 39 weeks, {what}", model, *of.values()) for model, of in found.items()]
                figures[f"cdnow {what}"] = found
            ours = figures["cdnow purchase days"]["kept"]
            bounds += [
                Bound("CDNOW: RMSE of purchase days (BG/NBD: 1.608)", ours["rmse"], 1.608),
                Bound("CDNOW: correlation (BG/NBD: 0.626)", ours["correlation"], 0.626, at_least=True),
                Bound("CDNOW: MAE (BG/NBD: 0.785)", ours["mae"], 0.785),
            ]
    conclude(
        "value",
        "Spend expected over spend that came, out of time. Complete Journey: each model fitted on windows that ended"
        f" before {', '.join(value['cutoffs'])}, {value['customers']:,} customers. CDNOW: 2,357 customers, everything"
        f" fitted on what was known on {HALF}, nothing later; once with every purchase day counting 1, once in money."
        " How the trees start and the order of the candidates were settled with both in sight.",
        ("data", "model", *VALUE_MEASURES),
        [tuple(f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row) for row in rows],
        figures,
        bounds,
    )


def judged_on_the_demo_shop(folder: Path) -> Mapping[str, Any]:
    """How value was judged on the demo shop."""
    init(folder, "complete-journey")
    shop, study, store = read_shop(folder), read_study(folder), Store(folder / "store")
    value = fit_bundle(shop, study, check_tables(shop, store, date.today()), store, Stopwatch()).judgment.value
    assert value is not None
    return value


def cdnow_39_weeks(folder: Path, sales: Path, amount: str) -> dict[str, dict[str, float]]:
    """Measures of what is kept and of BG/NBD, whose purchases are told in the mean money of a purchase day so far."""
    folder.mkdir()
    duckdb.sql(
        "copy (select cast(sample_id as varchar) as customer_id, cast(date as date) as day,"
        f" {amount} as amount from '{sales}' group by all) to '{folder}/sales.parquet'"
    )
    (folder / "shop.toml").write_text(CDNOW_SHOP)
    shop, store = read_shop(folder), Store(folder / "store")
    checked = check_tables(shop, store, date.today())
    bundle = fit_bundle(
        shop, *known_by(HALF, Study.model_validate(CDNOW_STUDY), checked), store, Stopwatch()
    ).bundle  # fmt: skip
    table = bundle.vectors(checked, [HALF])
    known = duckdb.sql(
        f"""select customer_id, count(*) filter (day < date '{HALF}') - 1.0 as repeats, avg(amount) filter (day < date '{HALF}') as mean,
        (max(day) filter (day < date '{HALF}') - min(day)) / 7.0 as last, (date '{HALF}' - 1 - min(day)) / 7.0 as observed,
        coalesce(sum(amount) filter (day >= date '{HALF}' and day < date '{HALF}' + {DAYS}), 0.0) as later
        from '{folder}/sales.parquet' group by customer_id order by customer_id"""
    ).fetchnumpy()
    assert table.column("customer_id").to_pylist() == known.pop("customer_id").tolist()
    seen = {name: np.asarray(column, float) for name, column in known.items()}
    rate = fit_purchase_rate(seen["repeats"], seen["last"], seen["observed"])
    assert rate is not None
    process = PurchaseProcess(7, rate.r, rate.alpha, rate.a, rate.b, 1.0, 2.0, 1.0)
    weeks = np.array([DAYS / 7])
    told = process.purchases(seen["repeats"], seen["last"], seen["observed"], weeks)[:, 0] * seen["mean"]
    everyone = np.ones((1, len(told)))
    expected = {"kept": score(bundle, table).lifetime_value[0], "BG/NBD": told, "nothing": np.zeros(len(told))}
    return {
        name: {m: float(of(seen["later"], e, everyone)[0]) for m, of in VALUE_MEASURES.items()}
        for name, e in expected.items()
    }


if __name__ == "__main__":
    main()
