"""What the judge asks once there is a bundle: worth by the playbook, groups, fairness, the stability of reasons."""

from __future__ import annotations

from typing import Any

from features.checked import CheckedTables
from features.refusal import CODES, Refusal
from features.shop import Shop
from models.bundle import Bundle
from models.playbook import read_playbook
from training.groups import groupings
from training.judge import Judgment
from training.net_value import net_value
from training.panel import Panel
from training.plan import Plan
from training.savings import savings
from training.slices import measure_slices
from training.stability import reason_stability
from training.study import FitSettings, Study


def examine(
    shop: Shop, study: Study, checked: CheckedTables, bundle: Bundle, judgment: Judgment, panel: Panel, planned: Plan,
    fit: FitSettings,
) -> dict[str, Any]:  # fmt: skip
    """`net_value`, `savings`, `slices`, `fairness` and `reasons` of a judgment, as `holdfast judge --json` prints them.

    Parameters
    ----------
    fit
        The settings that the last split was fitted with.
    """
    judged, high_from, seed = judgment.judged, bundle.references.band_edges[1], study.fit.seed
    slices, fairness = measure_slices(judged, groupings(judged, bundle, checked, study.judge.slices), high_from, seed)
    last = planned.splits[-1]
    assert last.judge is not None
    rows = panel.at(last.judge)
    probability = judged[-1].probability["holdfast"][-int(rows.sum()) :]  # folds are judged as one, the last at its end
    return {
        "net_value": _worth(shop, judgment, bundle, seed),
        "savings": savings(judged, checked, seed),
        "high_from": round(high_from, 6),
        "slices": slices,
        "fairness": fairness,
        "reasons": reason_stability(
            panel, last, bundle.catalog, fit, study.judge.reason_refits, high_from, probability
        ),
    }


def _worth(shop: Shop, judgment: Judgment, bundle: Bundle, seed: int) -> dict[str, Any]:
    """The net value by rule, or why it is not told: a marketer's slip in the playbook is no reason not to learn."""
    try:
        playbook = read_playbook(shop.folder)
    except Refusal as refusal:
        return {"not_told": f"playbook.toml: {CODES[refusal.code]} ({refusal.code})"}
    found = net_value(judgment.judged, bundle, playbook, seed)
    if found is None:
        return {"not_told": "the tables do not tell what a customer brings, or no action fits their reasons"}
    return {"currency": shop.currency, **found}
