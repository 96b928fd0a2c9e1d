"""What a churn definition would give before anything is fitted: prevalence by cut-off, and under other horizons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from features.checked import CheckedTables
from models.definition import ChurnDefinition
from models.outcome import wilson
from training.definition_findings import CLASS_SHARES
from training.labels import Labels, churn_labels, is_matured, require_told
from training.plan import plan
from training.population import CutoffCount, Population, population
from training.study import Study
from training.study_findings import history_needed, usable_cutoffs

HORIZONS = (7, 14, 28, 56, 91, 182, 364)
MOST_RETURNING = 0.25
"""Share of those called churned who may be back within the active window for a horizon to be called settled."""
_FEWEST = 20  # called churned, for a share of them to say something


@dataclass(frozen=True)
class HorizonPreview:
    """What a horizon gives over all cut-offs at which its labels are known.

    Attributes
    ----------
    eligible, churned
        Rows: a customer counts at each cut-off. `least` and `most` are the lowest and highest share of a cut-off.
    back_within_once, back_within_twice, back_within_active
        Of those called churned, the share that comes back within as many days after the horizon as it has, within twice
        as many, and within `churn.active_within_days`, which alone is one measure for all horizons; each at the cut-offs
        at which there was time to see it. None where there was none, for fewer than 20 of them, and by definitions of
        which nobody comes back.
    carries_training
        Whether history is long enough to fit, calibrate and judge with this horizon.
    """

    horizon_days: int
    cutoffs: int
    eligible: int
    churned: int
    least: float
    most: float
    back_within_once: float | None
    back_within_twice: float | None
    back_within_active: float | None
    carries_training: bool

    @property
    def churn_share(self) -> float:
        """Share of the eligible rows that churned."""
        return self.churned / self.eligible


@dataclass(frozen=True)
class LabelPreview:
    """The definition, its counts at each cut-off, what other horizons would give, and what that advises."""

    shop: str
    definition: ChurnDefinition
    known_until: date
    cutoffs: tuple[CutoffCount, ...]
    horizons: tuple[HorizonPreview, ...]
    recommended_days: int | None
    advice: str

    def as_dict(self) -> dict[str, Any]:
        """What `holdfast label --preview --json` prints."""
        return {
            "shop": self.shop,
            "definition": asdict(self.definition),
            "predicts": self.definition.told,
            "known_until": self.known_until,
            "cutoffs": [
                asdict(count) | {"churn_share": count.churn_share, "interval": interval_of(count)} for count in self.cutoffs
            ],
            "horizons": [asdict(one) | {"churn_share": one.churn_share} for one in self.horizons],
            "recommended_horizon_days": self.recommended_days,
            "advice": self.advice,
        }  # fmt: skip


def interval_of(count: CutoffCount) -> tuple[float, float] | None:
    """The 95 % interval of the share of churners at a cut-off; None where it is not known or nobody was eligible."""
    return None if count.churned is None or not count.eligible else wilson(count.churned, count.eligible)


def label_preview(shop: str, checked: CheckedTables, study: Study) -> LabelPreview:
    """Labels of the study's definition at every cut-off that has matured, and of the same question over other horizons.

    Raises
    ------
    Refusal
        HF104, HF207 where nothing tells who churned; HF303 where no cut-off has matured.
    """
    definition = study.churn.meant
    require_told(checked, definition)
    own = usable_cutoffs(checked, study) or plan(checked, study).cutoffs  # which refuses, where there are none
    later = () if definition.kind == "given" else _later(checked, study, own[-1])
    found = population(checked, study, (*own, *later))
    counts = tuple(count for count in found.counts() if count.cutoff in own)
    horizons = () if definition.kind == "given" else tuple(_horizons(checked, study, found))
    recommended, advice = _advice(definition, horizons)
    return LabelPreview(shop, definition, checked.known_until, counts, horizons, recommended, advice)


def _later(checked: CheckedTables, study: Study, last: date) -> tuple[date, ...]:
    """The cut-offs after the last one whose labels are known for the shortest horizon; the study's may not be yet."""
    every, label_days = study.cutoffs.every_days, min(HORIZONS) + study.churn.meant.grace_days
    count = (checked.known_until - last).days // every
    days = (last + timedelta(days=every * k) for k in range(1, count + 1))
    return tuple(day for day in days if is_matured(day, label_days, checked.known_until))


def _horizons(checked: CheckedTables, study: Study, found: Population) -> list[HorizonPreview]:
    """Every horizon of which the labels of a cut-off are known, the study's among them, the shortest first."""
    definition = study.churn.meant
    previews = []
    for days in sorted({*HORIZONS, definition.horizon_days}):
        one = _horizon(checked, study, found, days)
        if one is not None:
            previews.append(one)
    return previews


def _horizon(checked: CheckedTables, study: Study, found: Population, days: int) -> HorizonPreview | None:
    settings = study.over(days)
    definition = settings.churn.meant
    labels = churn_labels(checked, found.vectors, definition)
    counts = replace(found, labels=labels, eligible=found.eligible & labels.matured).counts()
    known = [count for count in counts if count.churn_share is not None]
    if not known:
        return None
    shares = [count.churn_share for count in known if count.churn_share is not None]

    def back(more: int) -> float | None:
        if not definition.is_of_silence:
            return None
        return _came_back(labels, churn_labels(checked, found.vectors, definition.over(days + more)), found)

    return HorizonPreview(
        horizon_days=days,
        cutoffs=len(known),
        eligible=sum(count.eligible for count in known),
        churned=sum(count.churned or 0 for count in known),
        least=min(shares),
        most=max(shares),
        back_within_once=back(days),
        back_within_twice=back(2 * days),
        back_within_active=back(definition.active_within_days),
        carries_training=(checked.known_until - checked.first_day).days >= history_needed(settings),
    )


def _came_back(labels: Labels, longer: Labels, found: Population) -> float | None:
    """Share of those called churned who are not over a longer horizon; None for too few where that is known."""
    seen = np.flatnonzero(found.eligible & longer.matured)
    gone = seen[labels[seen].churned]
    return float((~longer[gone].churned).mean()) if len(gone) >= _FEWEST else None


def _advice(definition: ChurnDefinition, horizons: Sequence[HorizonPreview]) -> tuple[int | None, str]:
    """The horizon to take and why, in plain words; None where the figures do not tell of one."""
    now = definition.horizon_days
    if not horizons:
        return None, "The shop's own table says who churned: no other horizon can be asked of it."
    low, high = CLASS_SHARES
    able = [one for one in horizons if one.carries_training and low <= one.churn_share <= high]
    if not able:
        return None, (
            f"Under no horizon does history carry training with between {low:.0%} and {high:.0%} churning: bring more"
            " history, or ask another question."
        )
    present = next((one for one in able if one.horizon_days == now), None)
    told = [one for one in able if one.back_within_active is not None]
    settled = next((one for one in told if (one.back_within_active or 0.0) <= MOST_RETURNING), None)
    if settled is not None:
        why = (
            f"Of those called churned after {settled.horizon_days} days, {settled.back_within_active:.0%} are back within"
            f" {definition.active_within_days} more, and under no shorter horizon so few"
        )
        if settled.horizon_days == now:
            return now, f"{why}: keep churn.horizon_days = {now}."
        what = "calls fewer of them lost who only pause" if settled.horizon_days > now else "is known earlier"
        return settled.horizon_days, f"{why}: churn.horizon_days = {settled.horizon_days} {what}, {now} is what is set."
    best = present or min(able, key=lambda one: abs(one.horizon_days - now))
    change = f"Keep churn.horizon_days = {now}" if present else f"Set churn.horizon_days = {best.horizon_days}"
    if not told:
        return best.horizon_days, (
            f"{best.churn_share:.1%} churn within {best.horizon_days} days: enough of both kinds to learn from. {change}, if"
            " that is time enough to act."
        )
    returning = ", ".join(f"{one.back_within_active:.0%} after {one.horizon_days} days" for one in told)
    return best.horizon_days, (
        f"Many who are called churned are back within {definition.active_within_days} more days ({returning}): churn means a"
        f" pause here, seldom a loss for good, and no horizon that history carries changes that. {change} if a pause is what"
        " you act on; a longer one warns later, of fewer who only pause."
    )
