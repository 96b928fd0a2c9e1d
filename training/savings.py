"""What deciding customer by customer saves, where the shop's own table tells what each mistake costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.checked import CheckedTables
from features.sources import connect
from training.bootstrap import FEWER, draws, summary
from training.judge import JudgedCutoff

Floats = npt.NDArray[np.float64]
COSTS = ("cost_false_positive", "cost_false_negative", "cost_true_positive")
"""Of `vectors`: an offer to one who would have stayed, a loss without an offer, an offer to one who would have left."""


@dataclass(frozen=True)
class Costs:
    """Of each judged row, in the shop's currency, arrays of shape (rows,); letting a stayer alone costs nothing."""

    false_positive: Floats
    false_negative: Floats
    true_positive: Floats

    def of(self, offered: npt.NDArray[np.bool_], churned: Floats) -> Floats:
        """What came of offering to some, shape (rows,)."""
        gone = churned == 1
        return np.where(
            offered, np.where(gone, self.true_positive, self.false_positive), np.where(gone, self.false_negative, 0.0)
        )

    def saved(self, offered: Mapping[str, npt.NDArray[np.bool_]], churned: Floats, weights: Floats) -> Floats:
        """Shape (draws, rules): the share saved of the better of nobody and all (Bahnsen et al. 2015, equation 3).

        Parameters
        ----------
        offered
            By rule who gets an offer, shape (rows,).
        weights
            Shape (draws, rows).
        """
        everyone = np.ones(len(churned), bool)
        least = np.minimum(weights @ self.of(~everyone, churned), weights @ self.of(everyone, churned))
        spent = np.column_stack([self.of(who, churned) for who in offered.values()])
        return np.asarray(1 - (weights @ spent) / least[:, None])

    def pays(self, probability: Floats) -> npt.NDArray[np.bool_]:
        """To whom an offer costs less than none, were the probabilities true (Bahnsen et al. 2015, equation 4)."""
        offer = probability * self.true_positive + (1 - probability) * self.false_positive
        return np.asarray(offer < probability * self.false_negative)


def savings(judged: Sequence[JudgedCutoff], checked: CheckedTables, seed: int) -> dict[str, Any] | None:
    """By model the share of cost saved by its offers over the better of offering to nobody and to all; None without
    costs, or where that one costs nothing.

    Savings (`Costs.saved`) have their 95 % interval, and `targeted`, the share who get an offer: by rule,
    `least_expected_cost` and a threshold of `one_half`. Of customers without all three costs nothing is told;
    `customers` counts the others.
    """
    known = _costs(judged, checked)
    if known is None:
        return None
    costs, rows = known
    churned = np.concatenate([j.churned for j in judged])[rows]
    ids = np.concatenate([j.customer_ids for j in judged])[rows]
    everyone = np.ones(len(churned), bool)
    if min(costs.of(who, churned).sum() for who in (everyone, ~everyone)) <= 0:
        return None  # a share of what costs nothing, or brings something, says nothing
    said = {model: np.concatenate([j.probability[model] for j in judged])[rows] for model in judged[0].probability}
    models = {model: saved_by_rule(costs, p, churned, ids, seed) for model, p in said.items()}
    return {"customers": len(churned), "models": models}


def saved_by_rule(
    costs: Costs, probability: Floats, churned: Floats, customer_ids: npt.NDArray[np.object_], seed: int
) -> dict[str, dict[str, Any]]:
    """For each rule what its offers save, with the 95 % interval, and the share of customers `targeted`."""
    offered = {"least_expected_cost": costs.pays(probability), "one_half": probability >= 0.5}
    blocks = draws([customer_ids], seed, FEWER)
    saved = np.concatenate([costs.saved(offered, churned, weights) for [weights] in blocks])
    return {
        rule: {"saved": summary(saved[:, k]), "targeted": round(float(who.mean()), 6)}
        for k, (rule, who) in enumerate(offered.items())
    }


def _costs(judged: Sequence[JudgedCutoff], checked: CheckedTables) -> tuple[Costs, npt.NDArray[np.intp]] | None:
    """The costs of the judged rows that have all three, and which these are; the row of the day, else the undated one."""
    columns = checked.columns.get("vectors", ())
    if not set(COSTS) <= set(columns):
        return None
    day = "as_of_day" if "as_of_day" in columns else "null"
    with connect() as connection:
        table = connection.sql(f"select customer_id, {day} as day, {', '.join(COSTS)} from {checked.rows('vectors')}")
        of: Mapping[tuple[str, int | None], Sequence[float | None]] = {row[:2]: row[2:] for row in table.fetchall()}
    nothing = (None,) * len(COSTS)
    found = np.array([
        of.get((customer, day), of.get((customer, None), nothing))
        for j in judged for customer, day in zip(j.customer_ids, j.day.tolist(), strict=True)
    ], float)  # fmt: skip
    rows = np.flatnonzero(~np.isnan(found).any(axis=1))
    return (Costs(*found[rows].T), rows) if len(rows) else None
