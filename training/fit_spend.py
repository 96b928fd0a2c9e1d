"""Fitting the candidates for what customers will spend; which of them is kept is judged out of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.catalog import Catalog
from features.snapshot import day_number
from models.combined_spend import CombinedSpend
from models.purchase_process import NEEDS, PurchaseProcess
from models.spend import BoostedSpend, SpendModel, UsualSpend, start
from training.fit_contract_spend import fit_contract_spend
from training.fit_purchase_rate import fit_purchase_rate
from training.fit_spend_per_purchase import fit_spend_per_purchase
from training.spending import Spending
from training.study import Study

Floats = npt.NDArray[np.float64]
Candidate = Callable[[Spending, Sequence[date], int, Study], SpendModel | None]
"""Fits on the windows of some cut-offs, each of so many periods; None where these tell too little."""
_CUSTOMERS_FOR_A_PROCESS = 20_000
_TWEEDIE_POWER = 1.3
_FEWEST_SPENDERS = 50


def fit_usual(spending: Spending, cutoffs: Sequence[date], periods: int, study: Study) -> UsualSpend:
    """The level of spend over what the usual one and the chance of staying promise, on the last of the cut-offs."""
    which = spending.at(max(cutoffs))
    promise = UsualSpend(study.churn.horizon_days, 1.0)
    promised = float(promise.by_period(spending.rows(which), periods).sum())
    spent = float(spending.spend[which].sum())
    return UsualSpend(study.churn.horizon_days, spent / promised if promised > 0 and spent > 0 else 1.0)


def fit_process(spending: Spending, cutoffs: Sequence[date], periods: int, study: Study) -> PurchaseProcess | None:
    """BG/NBD and gamma-gamma on the purchases in memory at the end of the last window, before which all is known."""
    known = day_number(max(cutoffs)) + periods * study.churn.horizon_days
    latest = spending.cutoff[spending.cutoff <= known].max()
    rows = spending.rows(np.flatnonzero(spending.cutoff == latest))
    column = {name: rows.column[name] for name in NEEDS}
    drawn = np.random.default_rng(study.fit.seed).permutation(len(rows))
    bought = drawn[column["purchase_days_in_memory"][drawn] >= 1][:_CUSTOMERS_FOR_A_PROCESS]
    days, first, last, usual, visits = (column[name][bought] for name in NEEDS)
    rate = fit_purchase_rate(days - 1, first - last, first)
    spend = fit_spend_per_purchase(days, np.nan_to_num(usual / visits))
    if rate is None or spend is None:
        return None
    return PurchaseProcess(
        study.churn.horizon_days, rate.r, rate.alpha, rate.a, rate.b, spend.p, spend.q, spend.v
    )  # fmt: skip


def fit_boosted(spending: Spending, cutoffs: Sequence[date], periods: int, study: Study) -> BoostedSpend | None:
    """Trees on the Tweedie loss, from the usual spend on; more of it, or what lowers the risk, never lowers the value.

    Columns that lean on references are left out.
    """
    which = spending.at(*cutoffs)
    spent = spending.spend[which]
    if (spent > 0).sum() < _FEWEST_SPENDERS:
        return None
    kept, X = without_references(spending.catalog, spending.X[which])
    rows, typical, settings = spending.rows(which), float(spent.mean()), study.fit
    window_days = periods * study.churn.horizon_days
    parameters = {
        "objective": "tweedie", "tweedie_variance_power": _TWEEDIE_POWER, "verbose": -1, "seed": settings.seed,
        "num_threads": settings.threads, "deterministic": True, "force_row_wise": True,
        "learning_rate": 0.03, "max_depth": 5, "num_leaves": 15, "min_data_in_leaf": 50, "lambda_l2": 20.0,
        "feature_fraction": 0.2, "bagging_fraction": 0.7, "bagging_freq": 1,
        "monotone_constraints": [-f.monotone for f in kept.features],
    }  # fmt: skip
    data = lgb.Dataset(
        X, spent / typical, init_score=start(rows, window_days, typical) - np.log(typical),
        feature_name=list(kept.names),
    )  # fmt: skip
    booster = lgb.train(parameters, data, num_boost_round=study.value.trees)
    return BoostedSpend(
        study.churn.horizon_days, periods, typical, decline(spending, cutoffs, window_days), kept.names,
        booster.model_to_string(),
    )  # fmt: skip


def without_references(catalog: Catalog, X: Floats) -> tuple[Catalog, Floats]:
    """The columns that lean on no references: value is learned and judged on days that these may know more than."""
    kept = catalog.without_references
    return kept, X[:, [catalog.names.index(name) for name in kept.names]]


def decline(spending: Spending, cutoffs: Sequence[date], window_days: int) -> float:
    """Spend of the second window over that of the first, of the same customers; at most 1, since no growth is carried on.

    Of the later half of the cut-offs whose second window ends no later than the first one of the last: customers who are
    new together decline more slowly the longer they have been here. 1 where there are none.
    """
    known = sorted(cutoff for cutoff in cutoffs if cutoff + timedelta(days=window_days) <= max(cutoffs))
    which = spending.at(*known[len(known) // 2 :])
    first = float(spending.spend[which].sum())
    return min(1.0, float(spending.later[which].sum()) / first) if first > 0 else 1.0


def fit_all(
    candidates: Mapping[str, Candidate], spending: Spending, cutoffs: Sequence[date], periods: int, study: Study
) -> dict[str, SpendModel]:
    """Every candidate that these windows allow, the simplest first.

    Where both the process and the trees are, their mean stands before the trees, since it leans on them by half.
    """
    fitted = {name: fit(spending, cutoffs, periods, study) for name, fit in candidates.items()}
    found = {name: model for name, model in fitted.items() if model is not None}
    process, boosted = found.get(PurchaseProcess.kind), found.get(BoostedSpend.kind)
    if isinstance(process, PurchaseProcess) and isinstance(boosted, BoostedSpend):
        del found[BoostedSpend.kind]
        found |= {CombinedSpend.kind: CombinedSpend(process, boosted), BoostedSpend.kind: boosted}
    return found


def fit_kept(
    kind: str, candidates: Mapping[str, Candidate], spending: Spending, cutoffs: Sequence[date], periods: int, study: Study
) -> SpendModel | None:  # fmt: skip
    """The candidate of this kind, and only what it is made of; None where these windows do not allow it."""
    needed = (PurchaseProcess.kind, BoostedSpend.kind) if kind == CombinedSpend.kind else (kind,)
    return fit_all({name: candidates[name] for name in needed}, spending, cutoffs, periods, study).get(kind)


def candidates_of(catalog: Catalog) -> Mapping[str, Candidate]:
    """What is tried for a shop with these columns, the simplest first."""
    found: dict[str, Candidate] = {UsualSpend.kind: fit_usual}
    if set(NEEDS) <= set(catalog.names):
        found[PurchaseProcess.kind] = fit_process
    elif "contract_price_per_30d" in catalog.names:
        found["contract_spend"] = fit_contract_spend
    return found | {BoostedSpend.kind: fit_boosted}
