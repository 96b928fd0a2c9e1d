"""The overview: how many are leaving, why, who they are, and whether the model was right, from summaries of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from models.runs import ScoreRun
from models.summary import AT_RISK, NO_REASON, RISK_BINS
from serving.charts import Histogram, Lines, Tick, ceiling, histogram, lines
from serving.telling import Teller
from serving.words import BANDS, GRADES, QUADRANTS, TIERS, Word

Tally = Mapping[str, float]
MOST_REASONS = 8
"""So many first reasons are told one by one, the rarer ones together."""
_OTHERS = "others"


@dataclass(frozen=True)
class Group:
    """Customers who share a value of a facet; `share` is of the largest group, for a bar; some have no `address`."""

    code: str
    label: str
    meaning: str
    address: str
    customers: int
    churn_rate: float
    value_at_risk: float
    share: float


@dataclass(frozen=True)
class Compared:
    """A risk band of a matured run: how many were expected to leave and how many did; rates with the interval."""

    label: str
    code: str
    customers: int
    expected: float
    actual: float
    low: float
    high: float


@dataclass(frozen=True)
class RunTold:
    """A run of the past: what was expected, and what came, where it is known."""

    run: ScoreRun
    expected: float
    value_at_risk: float
    actual: float | None
    seen_in_training: bool | None


@dataclass(frozen=True)
class Overview:
    """What the template shows. `equity` is empty where an older version scored. `reasons` are those of the customers `at_risk`, each under the first of theirs."""

    total: Tally
    equity: Tally
    churn_rate: float
    risk: Histogram
    at_risk: Tally
    low_risk: Tally
    reasons: tuple[Group, ...]
    segments: tuple[Group, ...]
    quadrants: Mapping[str, Group]
    tiers: tuple[Group, ...]
    to_contact: Tally
    actions: tuple[Group, ...]
    no_action: tuple[tuple[str, int], ...]
    runs: tuple[RunTold, ...]
    over_time: Lines | None
    compared: tuple[Compared, ...]
    compared_run: RunTold | None
    grade: tuple[str, Word] | None
    lift: float | None


def overview(teller: Teller, runs: Sequence[ScoreRun]) -> Overview | None:
    """The overview of the teller's run among the past ones (oldest first); None where the run has no summary."""
    summary = teller.run.summary
    if not summary:
        return None
    total, by = summary["total"], summary["by"]
    customers = total.get("customers", 0)
    told = tuple(_told(run) for run in runs if run.summary)
    matured = [one for one in told if one.run.outcome]
    fair = [one for one in matured if one.seen_in_training is False]
    newest = (fair or matured)[-1] if matured else None
    judged = (teller.bundle.card.get("judged") if teller.bundle else None) or {}
    grade = str(judged.get("grade"))
    return Overview(
        total=total,
        equity=summary.get("equity", {}),
        churn_rate=total.get("churners", 0.0) / customers if customers else 0.0,
        risk=_risk(teller, summary["risk"]),
        at_risk=_added_up([by.get("band", {}).get(band, {}) for band in AT_RISK]),
        low_risk=_added_up([tally for band, tally in by.get("band", {}).items() if band not in AT_RISK]),
        reasons=_reasons(teller, by.get("first_reason", {})),
        segments=_groups("segment", by, teller.segment_name),
        quadrants={group.code: group for group in _worded(teller, "value_quadrant", by, QUADRANTS)},
        tiers=tuple(_worded(teller, "tier", by, TIERS)),
        to_contact=by.get("arm", {}).get("treat", {}),
        actions=tuple(group for group in _groups("action", by, teller.action) if group.code != "no_action"),
        no_action=_no_action(teller, by.get("why_not", {})),
        runs=told,
        over_time=_over_time(teller, told),
        compared=_compared(teller, newest.run.outcome) if newest and newest.run.outcome else (),
        compared_run=newest,
        grade=(grade, GRADES[grade]) if grade in GRADES else None,
        lift=judged.get("models", {}).get("holdfast", {}).get("lift_at_10", {}).get("value"),
    )


def _told(run: ScoreRun) -> RunTold:
    total = run.summary["total"]
    customers = total.get("customers", 0)
    outcome = run.outcome or {}
    everyone = outcome.get("everyone", {})
    return RunTold(
        run, total.get("churners", 0.0) / customers if customers else 0.0, total.get("value_at_risk", 0.0),
        everyone["actual"] if everyone.get("customers") else None, outcome.get("seen_in_training"),
    )  # fmt: skip


def _group(facet: str, code: str, label: str, meaning: str, tally: Tally, most: float) -> Group:
    customers = int(tally.get("customers", 0))
    return Group(
        code, label, meaning, f"/customers?{urlencode({facet: code})}", customers,
        tally.get("churners", 0.0) / customers if customers else 0.0, tally.get("value_at_risk", 0.0),
        customers / most if most else 0.0,
    )  # fmt: skip


def _groups(facet: str, by: Mapping[str, Mapping[str, Tally]], called: Any) -> tuple[Group, ...]:
    """The groups of a facet, the largest first."""
    tallies = sorted(by.get(facet, {}).items(), key=lambda pair: -pair[1]["customers"])
    most = max((tally["customers"] for code, tally in tallies if code != "no_action"), default=0)
    return tuple(_group(facet, code, called(code), "", tally, most) for code, tally in tallies)


def _reasons(teller: Teller, by_first: Mapping[str, Tally]) -> tuple[Group, ...]:
    """Why those at risk would leave, each of them counted once; nothing where an older version scored.

    The list knows them by any of their three strongest reasons, so that an address leads to no fewer than are counted.
    """
    say = teller.speech.text
    named = [code for code in by_first if code != NO_REASON]
    named.sort(key=lambda code: -by_first[code]["customers"])
    tallies = {code: by_first[code] for code in named[:MOST_REASONS]}
    if rest := [by_first[code] for code in named[MOST_REASONS:]]:
        tallies[_OTHERS] = _added_up(rest)
    if NO_REASON in by_first:
        tallies[NO_REASON] = by_first[NO_REASON]
    labels = {_OTHERS: say("Other reasons"), NO_REASON: say("No single reason")}
    most = max((tally["customers"] for tally in tallies.values()), default=0)
    found = []
    for code, tally in tallies.items():
        group = _group("reason", code, labels.get(code) or teller.driver(code), "", tally, most)
        at_risk = urlencode({"band": AT_RISK, "reason": code}, doseq=True)
        found.append(replace(group, address="" if code in labels else f"/customers?{at_risk}"))
    return tuple(found)


def _added_up(tallies: Sequence[Tally]) -> Tally:
    return {name: sum(tally.get(name, 0) for tally in tallies) for name in ("customers", "churners", "value_at_risk")}


def _worded(
    teller: Teller, facet: str, by: Mapping[str, Mapping[str, Tally]], words: Mapping[str, Word]
) -> list[Group]:
    """A group for every word, in the words' order, empty ones too."""
    tallies = by.get(facet, {})
    most = max((tally["customers"] for tally in tallies.values()), default=0)
    say = teller.speech.text
    return [_group(facet, code, say(name), say(meaning), tallies.get(code, {}), most)
            for code, (name, meaning) in words.items()]  # fmt: skip


def _no_action(teller: Teller, by: Mapping[str, Tally]) -> tuple[tuple[str, int], ...]:
    """Why nothing is to be done and for how many, the most first; nothing where an older version scored."""
    counts = {code: int(tally["customers"]) for code, tally in by.items()}
    return tuple((teller.why_not(code), counts[code]) for code in sorted(counts, key=lambda code: -counts[code]))


def _risk(teller: Teller, counts: Sequence[int]) -> Histogram:
    """The histogram of the churn probability; a bar's colour is the band of its middle, where the bundle tells bands."""
    say = teller.speech
    middles = (np.arange(len(counts)) + 0.5) / RISK_BINS
    kinds = teller.bundle.references.band(middles).tolist() if teller.bundle else ["low"] * len(counts)
    labels = []
    for i, count in enumerate(counts):
        span = f"{say.percent(i / RISK_BINS)}–{say.percent((i + 1) / RISK_BINS)}"
        labels.append(
            say.plural("%(span)s: %(count)s customer", "%(span)s: %(count)s customers", count, span=span)
        )  # fmt: skip
    ticks = [Tick(k / 4, say.percent(k / 4)) for k in range(5)]
    return histogram(counts, kinds, labels, ticks)


def _over_time(teller: Teller, runs: Sequence[RunTold]) -> Lines | None:
    """Expected and actual churn rate of each run; None for a single one, which has no course."""
    if len(runs) < 2:
        return None
    say = teller.speech
    first, last = runs[0].run.cutoff.toordinal(), runs[-1].run.cutoff.toordinal()
    span = max(last - first, 1)

    def at(one: RunTold) -> float:
        return 0.04 + 0.92 * (one.run.cutoff.toordinal() - first) / span

    expected = [
        (at(r), r.expected, say.text("%(day)s: %(rate)s expected", day=say.day(r.run.cutoff), rate=say.percent(r.expected, 1)))
        for r in runs
    ]  # fmt: skip
    actual = [
        (at(r), r.actual, say.text("%(day)s: %(rate)s left", day=say.day(r.run.cutoff), rate=say.percent(r.actual, 1)))
        for r in runs if r.actual is not None
    ]  # fmt: skip
    top = ceiling(1.15 * max(value for _, value, _ in (*expected, *actual)))
    across = [Tick(at(r), say.short_day(r.run.cutoff)) for r in runs]
    up = [Tick(top * k / 2, say.percent(top * k / 2, 1 if top < 0.1 else 0)) for k in range(3)]
    return lines([("expected", expected), ("actual", actual)], across, top, up)


def _compared(teller: Teller, outcome: Mapping[str, Any]) -> tuple[Compared, ...]:
    bands = outcome.get("bands", {})
    return tuple(
        Compared(teller.speech.text(name), code, band["customers"], band["expected"], band["actual"], *band["interval"])
        for code, (name, _) in BANDS.items()
        if (band := bands.get(code)) and band["customers"]
    )
