"""The model card as a page: one HTML file for whoever has to answer for the model, with nothing of any one person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from features.catalog import DRIVERS, Catalog
from models.bundle import Bundle
from training.card_pictures import Chart, gains, lift, reliability
from training.paper import rendered
from training.spoken import SPOKEN, VALUED_BY
from training.study import flat

EXPLAINED = {
    "auc": ("AUC", "chance that one who leaves is ranked above one who stays"),
    "average_precision": ("average precision", "how many of those it points at leave, from the riskiest down"),
    "lift_at_10": ("lift at 10 %", "times the churn of all, among the riskiest tenth"),
    "brier": ("Brier", "squared distance between probability and what happened; less is better"),
    "log_loss": ("log loss", "surprise at what happened; less is better"),
    "calibration_error": ("calibration error", "distance between said and seen, by tenths; less is better"),
    "calibration_slope": ("calibration slope", "1 is right; below it the extremes are overdone"),
    "calibration_intercept": ("calibration intercept", "0 is right; above it too little is said on the whole"),
    "expected_maximum_profit": (
        "EMPC",
        "expected maximum profit per customer (Verbraken et al. 2013), at judge.profit",
    ),
}
"""What the card's table of measures shows, with what each means."""
RULES = {
    "nobody": "nobody is contacted", "top_tenth": "the riskiest tenth", "holdfast": "Holdfast and the playbook",
    "recency_rule": "the recency rule and the playbook", "rfm_logistic": "RFM logistic and the playbook",
    "best_column_rule": "the best single column and the playbook",
    "logistic": "logistic regression and the playbook",
}  # fmt: skip
WAYS = {
    "served": "as served", "none": "none: as the trees say", "platt": "Platt: a line in log-odds",
    "isotonic": "isotonic: rising steps", "beta": "beta: two rising lines",
}  # fmt: skip


def card_page(bundle: Bundle, bundle_id: str = "") -> str:
    """The HTML of a bundle's model card; `bundle_id` where it is known, since a bundle is named by the registry."""
    card = bundle.card
    return rendered(
        "card.html", card=card, judged=card["judged"], bundle_id=bundle_id, bundle=bundle, charts=_charts(card["judged"]),
        drivers=_by_driver(bundle.catalog, bundle.model.gain()), explained=EXPLAINED, spoken=SPOKEN, rules=RULES, ways=WAYS,
        valued_by=VALUED_BY,
        settings=flat(card["study"]), identity=_identity(bundle),
    )  # fmt: skip


def _charts(judged: Mapping[str, Any]) -> tuple[Chart, ...]:
    curves, error = judged["curves"], judged["models"]["holdfast"]["calibration_error"]["value"]
    return (
        gains(curves["gains"]), lift(curves["gains"]),
        reliability(curves["reliability"], judged["calibration_error_noise"], error),
    )  # fmt: skip


def _by_driver(catalog: Catalog, gain: Mapping[str, float]) -> list[dict[str, Any]]:
    """Drivers by their share of what the trees gained, each with its columns."""
    whole = sum(gain.values()) or 1.0
    found = []
    for driver in DRIVERS.values():
        features = [f for f in catalog.features if f.driver == driver.name]
        if features:
            share = sum(gain.get(f.name, 0.0) for f in features) / whole
            found.append({"driver": driver, "features": features, "share": share})
    return sorted(found, key=lambda one: -one["share"])


def _identity(bundle: Bundle) -> dict[str, str]:
    try:
        release = version("holdfast")
    except PackageNotFoundError:
        release = "not installed"
    return {
        "Holdfast": release, "model text (SHA-256)": hashlib.sha256(bundle.model.text.encode()).hexdigest(),
        "columns (fingerprint)": bundle.catalog.fingerprint, "tables (fingerprint)": bundle.card["data"]["fingerprint"],
    }  # fmt: skip
