"""The champion beside a challenger: on judged cut-offs whose labels the champion had not seen when it was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from features.checked import CheckedTables
from features.refusal import Refusal
from features.shop import Shop
from features.store import Store
from models.bundle import Bundle
from models.definition import ChurnDefinition
from models.published import current_bundle
from training.bootstrap import measured, summary
from training.judge import JudgedCutoff
from training.measures import log_loss

_SEED = 5  # of the draws


def has_learned_from(bundle: Bundle, day: date) -> bool:
    """Whether labels that were decided on this day or later took part in the bundle's training."""
    return learned_until(bundle.trained_until, bundle.definition) > day


def learned_until(trained_until: date, definition: ChurnDefinition) -> date:
    """The day by which every label was decided that a bundle has learned from."""
    return trained_until + timedelta(days=definition.label_days)


def present_champion(shop: Shop, store: Store, until: date | None = None) -> Bundle | None:
    """The bundle now published for this shop, or None; None too where it knows more than was known at `until`."""
    try:
        found = current_bundle(store.bundles)
    except Refusal:
        return None
    if until is not None and has_learned_from(found, until):
        return None
    return found if found.card.get("shop") == shop.name else None


def served_probability(
    bundle: Bundle, day: date, customers: npt.NDArray[np.object_], checked: CheckedTables, store: Store | None
) -> npt.NDArray[np.float64]:
    """What a bundle, as it is served, says of some customers known at a cut-off; shape (customers,)."""
    table = bundle.vectors(checked, [day], store)
    row = {customer: k for k, customer in enumerate(table.column("customer_id").to_pylist())}
    return bundle.model.probability(bundle.model.matrix(table.take([row[customer] for customer in customers])))


def against_champion(
    champion: Bundle, checked: CheckedTables, judged: Sequence[JudgedCutoff], store: Store | None
) -> dict[str, Any] | None:
    """Mean log loss of both over the judged cut-offs that are new to the champion, and by how much the challenger's is more,
    with its 95 % interval by bootstrap of customers; None where no cut-off is new."""
    fresh = [j for j in judged if not has_learned_from(champion, j.cutoff)]
    if not fresh:
        return None
    said = {
        "ours": [j.probability["holdfast"] for j in fresh],
        "theirs": [served_probability(champion, j.cutoff, j.customer_ids, checked, store) for j in fresh],
    }
    customers = [j.customer_ids for j in fresh]
    found = measured([j.churned for j in fresh], said, customers, {"log_loss": log_loss}, _SEED)
    ours, theirs = (found[whose]["log_loss"].mean(axis=0) for whose in ("ours", "theirs"))
    return {
        "bundle": champion.id,
        "cutoffs": [str(j.cutoff) for j in fresh],
        "log_loss": round(float(theirs[0]), 6),
        "challenger_log_loss": round(float(ours[0]), 6),
        "log_loss_difference": summary(ours - theirs),
    }
