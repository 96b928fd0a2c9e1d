"""The judge of customer value: candidates fitted on earlier windows, each judged on later ones, and the one that is kept.

The rule: the candidates are tried from the simplest to the least simple, and one takes the place of the one kept so far
only where its mean deviance is lower with the whole 95 % interval of a paired bootstrap of customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from models.lifetime import Spread
from training.bootstrap import measured, over_parts, summary
from training.fit_spend import Candidate, fit_all, fit_kept
from training.spending import Spending, Window
from training.spoken import VALUED_BY
from training.study import Study
from training.value_measures import VALUE_MEASURES

Floats = npt.NDArray[np.float64]
_CLASSES, _ROWS_FOR_A_CLASS = 5, 100
_TAIL = 0.1


@dataclass(frozen=True)
class JudgedValue:
    """What was spent within the window of a judged cut-off, and what each candidate expected; arrays of shape (rows,)."""

    cutoff: date
    which: npt.NDArray[np.intp]
    spent: Floats
    expected: Mapping[str, Floats]


@dataclass(frozen=True)
class ValueJudgment:
    """What the judge of value found, and which candidate is kept.

    Attributes
    ----------
    coverage
        Of the kept one's 80 % interval: the share of customers `within`, `below` and `above`.
    """

    window: Window
    judged: tuple[JudgedValue, ...]
    models: dict[str, dict[str, dict[str, Any]]]
    paired: dict[str, dict[str, Any]]
    chosen: str
    coverage: dict[str, float]

    @property
    def because(self) -> str:
        """Which candidate is kept and why, in a plain line."""
        figures = self.models[self.chosen]
        error, ratio = figures["rmse"]["value"], figures["total_ratio"]["value"]
        others = [name for name in self.models if name != self.chosen]
        simpler = list(self.models)[: list(self.models).index(self.chosen)]
        if simpler:
            best = min(simpler, key=lambda name: self.models[name]["rmse"]["value"])
            reason = (
                f"reliably closer than {VALUED_BY[best]} (root mean square error {error:,.2f}, against"
                f" {self.models[best]['rmse']['value']:,.2f})"
            )
        elif others:
            reason = "none of the others is reliably closer"
        else:
            reason = "nothing else could be fitted"
        return (
            f"Customer value is told by {VALUED_BY[self.chosen]}: {reason}. Over {self.window.days} days all customers together were"
            f" expected to spend {ratio:.2f} times what they did."
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "days": self.window.days, "cutoffs": [str(one.cutoff) for one in self.judged],
            "customers": len(self.judged[-1].spent), "models": self.models, "paired": self.paired,
            "chosen": self.chosen, "because": self.because, "coverage": self.coverage,
        }  # fmt: skip


def judge_value(spending: Spending, window: Window, candidates: Mapping[str, Candidate], study: Study) -> ValueJudgment:
    """Judge the candidates that can be fitted (the first one always can) and keep one by the rule."""
    judged = [_judged(spending, window, cutoff, candidates, study) for cutoff in window.judged]
    names = [name for name in judged[0].expected if all(name in one.expected for one in judged)]
    models, deviance = _measured(judged, names, spending, study.fit.seed)
    chosen = names[0]
    paired: dict[str, dict[str, Any]] = {}
    for name in names[1:]:
        gain = summary((deviance[chosen] - deviance[name]).mean(axis=0))
        paired[name] = {"against": chosen, "deviance_less": gain}
        if gain["low"] > 0:
            chosen = name
    coverage = _coverage(spending, window, judged, chosen, candidates, study)
    return ValueJudgment(window, tuple(judged), models, paired, chosen, coverage)


def _judged(
    spending: Spending, window: Window, cutoff: date, candidates: Mapping[str, Candidate], study: Study
) -> JudgedValue:
    """What every candidate expects at a cut-off, fitted on all windows that are over by then."""
    over = [one for one in window.cutoffs if one + timedelta(days=window.days) <= cutoff]
    which = spending.at(cutoff)
    rows = spending.rows(which)
    fitted = fit_all(candidates, spending, over, window.periods, study)
    expected = {name: model.by_period(rows, window.periods).sum(axis=1) for name, model in fitted.items()}
    return JudgedValue(cutoff, which, spending.spend[which], expected)


def _measured(
    judged: Sequence[JudgedValue], names: Sequence[str], spending: Spending, seed: int
) -> tuple[dict[str, dict[str, dict[str, Any]]], dict[str, Floats]]:
    """The measures of every candidate with their intervals, and its deviance, shape (cut-offs, 1 + draws)."""
    expected = {name: [one.expected[name] for one in judged] for name in names}
    ids = [spending.customer_ids[one.which] for one in judged]
    values = measured([one.spent for one in judged], expected, ids, VALUE_MEASURES, seed)
    models = {name: {m: over_parts(drawn) for m, drawn in of.items()} for name, of in values.items()}
    return models, {name: of["deviance"] for name, of in values.items()}


def _coverage(
    spending: Spending, window: Window, judged: Sequence[JudgedValue], name: str, candidates: Mapping[str, Candidate],
    study: Study,
) -> dict[str, float]:  # fmt: skip
    """How often spend fell within, below and above the interval that earlier windows would have given it."""
    below, above = [], []
    for split, one in zip(window.splits, judged, strict=True):
        assert isinstance(split.calibrate, date)
        cutoffs = [cutoff for cutoff in split.fit if isinstance(cutoff, date)]
        earlier = fit_kept(name, candidates, spending, cutoffs, window.periods, study)
        which = spending.at(split.calibrate)
        if earlier is None:
            continue
        expected = earlier.by_period(spending.rows(which), window.periods).sum(axis=1)
        spread = fit_spread(spending.spend[which], expected, window.periods)
        low, high = spread.around(one.expected[name], window.periods)
        below.append(one.spent < low)
        above.append(one.spent > high)
    if not below:
        return {}
    under, over = float(np.concatenate(below).mean()), float(np.concatenate(above).mean())
    return {"within": round(1 - under - over, 4), "below": round(under, 4), "above": round(over, 4)}


def fit_spread(spent: Floats, expected: Floats, periods: int) -> Spread:
    """10 % and 90 % quantiles of spent over expected, by class of what was expected (split conformal: Lei et al. 2018)."""
    some = expected > 0
    if not some.any() or not spent.any():
        return Spread((), (1.0,), (1.0,))
    per_period, ratio = expected[some] / periods, spent[some] / expected[some]
    classes = int(np.clip(len(ratio) // _ROWS_FOR_A_CLASS, 1, _CLASSES))
    edges = np.unique(np.quantile(per_period, np.linspace(0, 1, classes + 1)[1:-1]))
    which = np.searchsorted(edges, per_period, side="right")
    members = [ratio[which == k] if (which == k).any() else ratio for k in range(len(edges) + 1)]
    return Spread(
        tuple(map(float, edges)),
        tuple(float(np.quantile(one, _TAIL, method="lower")) for one in members),
        tuple(float(np.quantile(one, 1 - _TAIL, method="higher")) for one in members),
    )
