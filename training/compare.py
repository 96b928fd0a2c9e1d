"""Two bundles side by side: how each was judged, both on labels new to both, and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from features.checked import CheckedTables
from features.store import Store
from models.bundle import Bundle
from training.bootstrap import measured, summary
from training.champion import has_learned_from, served_probability
from training.measures import MEASURES
from training.panel import cutoff_grid
from training.population import population
from training.study import ChurnSettings, Study, flat

Floats = npt.NDArray[np.float64]
_LESS_IS_BETTER = frozenset({"brier", "log_loss", "calibration_error"})
_FEWEST = 20  # of either kind, at a cut-off that is to tell anything


@dataclass(frozen=True)
class Side:
    """A bundle with its judgment as `holdfast judge --json` prints it."""

    bundle: Bundle
    judgment: Mapping[str, Any]


def compared(a: Side, b: Side) -> dict[str, Any]:
    """What the two judgments and bundles tell, as `holdfast compare --json` prints it without `on_new_labels`.

    `judged` holds the measures over the cut-offs that both were judged on, each bundle by models trained before these, or
    of random fifths of one table, each by a model that had not seen them; none where nothing was judged for both, or
    where they answer other questions.
    """
    same = a.bundle.definition == b.bundle.definition
    both = _judged_for_both(a, b) if same else []
    return {
        "bundles": [a.bundle.id, b.bundle.id],
        "same_question": same,
        "predicts": [side.bundle.definition.told for side in (a, b)],
        "grades": [side.judgment["grade"] for side in (a, b)],
        "trained_until": [side.bundle.trained_until for side in (a, b)],
        "judged_on": [side.judgment["cutoffs"] for side in (a, b)],
        "judged_in_time": [_is_in_time(side) for side in (a, b)],
        "judged": {"cutoffs": both, "measures": _judged_on(both, a.judgment, b.judgment) if both else {}},
        "differs": {
            "settings": _settings(a.bundle.card.get("study", {}), b.bundle.card.get("study", {})),
            "columns": _columns(a.bundle, b.bundle),
            "data": _data(a.bundle, b.bundle),
        },
    }


def _is_in_time(side: Side) -> bool:
    return bool(side.judgment.get("in_time", True))


def _judged_for_both(a: Side, b: Side) -> list[str]:
    """The cut-offs that both were judged on; folds are of the same customers only where the tables are the same."""
    if _is_in_time(a) != _is_in_time(b):
        return []
    tables = [side.bundle.card.get("data", {}).get("fingerprint") for side in (a, b)]
    if not _is_in_time(a) and tables[0] != tables[1]:
        return []
    return [cutoff for cutoff in a.judgment["cutoffs"] if cutoff in b.judgment["cutoffs"]]


def _judged_on(cutoffs: Sequence[str], a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """By measure the mean over these cut-offs of either, and their difference."""
    found = {}
    for measure in MEASURES:
        values = []
        for judgment in (a, b):
            told = judgment["models"]["holdfast"].get(measure, {}).get("by_cutoff", ())
            at = dict(zip(judgment["cutoffs"], told, strict=False))
            values.append(float(np.mean([at[cutoff] for cutoff in cutoffs])) if set(cutoffs) <= at.keys() else None)
        mine, theirs = values
        if mine is not None and theirs is not None:
            found[measure] = {
                "values": [round(mine, 6), round(theirs, 6)], "difference": round(theirs - mine, 6),
                "less_is_better": measure in _LESS_IS_BETTER,
            }  # fmt: skip
    return found


def on_new_labels(
    a: Bundle, b: Bundle, checked: CheckedTables, study: Study, store: Store | None
) -> dict[str, Any] | None:
    """Both bundles as they are served, on matured cut-offs whose labels neither has learned from; None without any.

    Each measure's difference comes with a 95 % interval, by a bootstrap of the customers, who are the same for both.
    """
    if a.definition != b.definition:
        return None
    days = _new_to_both(a, b, checked, study)
    if not days:
        return None
    asked = study.model_copy(update={"churn": _as_asked(study, a)})
    found = population(checked, asked, days)
    parts = [np.flatnonzero(found.at(day) & found.labels.matured) for day in days]
    told = [(day, rows) for day, rows in zip(days, parts, strict=True) if _tells(found.labels[rows].churned)]
    if not told:
        return None
    ids = np.array(found.vectors.column("customer_id").to_pylist(), object)
    churned = [found.labels[rows].churned.astype(float) for _, rows in told]
    probability = {
        side: [served_probability(one, day, ids[rows], checked, store) for day, rows in told]
        for side, one in (("first", a), ("second", b))
    }
    values = measured(churned, probability, [ids[rows] for _, rows in told], MEASURES, study.fit.seed)
    drawn = {measure: [of[measure].mean(axis=0) for of in values.values()] for measure in MEASURES}
    return {
        "cutoffs": [str(day) for day, _ in told],
        "customers": len(told[-1][1]),
        "measures": {
            measure: {
                "values": [summary(kept)["value"] for kept in of_both],
                "difference": summary(of_both[1] - of_both[0]),
                "less_is_better": measure in _LESS_IS_BETTER,
            }
            for measure, of_both in drawn.items()
        },
    }  # fmt: skip


def _new_to_both(a: Bundle, b: Bundle, checked: CheckedTables, study: Study) -> list[date]:
    """Matured cut-offs at the study's distance, back from the last one, that neither bundle has learned from."""
    if a.definition.kind == "given":
        return []
    last = checked.known_until - timedelta(days=a.definition.label_days)
    grid = cutoff_grid(max(a.trained_until, b.trained_until), last, study.cutoffs.every_days)
    return [day for day in grid if not (has_learned_from(a, day) or has_learned_from(b, day))]


def _as_asked(study: Study, bundle: Bundle) -> ChurnSettings:
    """The study's question as the bundle was asked it."""
    asked = bundle.definition
    return study.churn.model_copy(
        update={
            "definition": asked.kind, "horizon_days": asked.horizon_days, "grace_days": asked.grace_days,
            "active_within_days": asked.active_within_days or study.churn.active_within_days,
            "event_kinds": asked.event_kinds, "event": asked.event, "exclude": dict(asked.exclude),
        }
    )  # fmt: skip


def _tells(churned: npt.NDArray[np.bool_]) -> bool:
    return bool(min(churned.sum(), (~churned).sum()) >= _FEWEST)


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings of study.toml that differ, by their names."""
    mine, theirs = flat(a), flat(b)
    names = sorted({name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)})
    return [{"setting": name, "values": [mine.get(name), theirs.get(name)]} for name in names]


def _columns(a: Bundle, b: Bundle) -> dict[str, list[str]]:
    mine, theirs = a.catalog.by_name, b.catalog.by_name
    changed = [name for name in mine.keys() & theirs.keys() if mine[name].sql != theirs[name].sql]
    return {"only_first": sorted(mine.keys() - theirs.keys()), "only_second": sorted(theirs.keys() - mine.keys()),
            "computed_otherwise": sorted(changed)}  # fmt: skip


def _data(a: Bundle, b: Bundle) -> list[dict[str, Any]]:
    mine, theirs = (bundle.card.get("data", {}) for bundle in (a, b))
    names = ("fingerprint", "first_day", "known_until", "tables", "quarantined")
    return [
        {"what": name, "values": [mine.get(name), theirs.get(name)]}
        for name in names if mine.get(name) != theirs.get(name)
    ]  # fmt: skip
