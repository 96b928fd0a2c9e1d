"""One customer as people see them: how likely to leave and since when, why, what happened, what to do and why that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from features.snapshot import day_date
from features.timeline import TIMELINE_DAYS
from serving.charts import Lines, Strip, Tick, ceiling, lines, strip
from serving.speech import Speech
from serving.telling import FeatureTold, Teller
from serving.what_if import probability_of
from serving.words import BANDS, FIELDS, KINDS, QUADRANTS, STAGES, STATES, TIERS

SHOWN_EVENTS = 60
PRINTED = {"pushes": 7, "events": 10}
"""How many of them fit on one page of paper; pages/holdfast.css hides the others there."""
TROUBLE = ("complaint", "ticket")
"""Kinds of contact that are about something gone wrong."""


@dataclass(frozen=True)
class Push:
    """A driver's push: up or down, how strong beside the strongest, in words and by its columns.

    Where it is not `telling`, `sentence` says only that nothing stands out, or that nothing is known.
    """

    label: str
    up: bool
    width: float
    odds: float
    sentence: str
    telling: bool
    lever: bool
    features: tuple[FeatureTold, ...]


@dataclass(frozen=True)
class Fact:
    """A relationship word: the field, the word, what it means."""

    field: str
    word: str
    meaning: str


@dataclass(frozen=True)
class Event:
    """Something that happened on a day."""

    day: date
    kind: str  # the mark: purchase, complaint, contact, offer or score
    title: str
    detail: str


@dataclass(frozen=True)
class Considered:
    """An action that was weighed: what it would bring, and what became of it."""

    label: str
    verdict: str
    chosen: bool
    expected_net_value: float | None


def pushes(teller: Teller, answer: Mapping[str, Any]) -> list[Push]:
    """Every driver that moves the probability noticeably, those that raise it first; `odds` is the factor it is."""
    found = [reason for reason in answer["reasons"] if abs(reason["push"]) >= 0.01]
    most = max((abs(reason["push"]) for reason in found), default=1.0)
    return [
        Push(
            teller.driver(reason["driver"]), reason["push"] > 0, round(abs(reason["push"]) / most, 4),
            math.exp(reason["push"]), _sentence(teller, reason), reason.get("telling", True), reason["lever"],
            tuple(teller.features(reason)) if _is_known(reason) else (),
        )
        for reason in found
    ]  # fmt: skip


def _sentence(teller: Teller, reason: Mapping[str, Any]) -> str:
    """What to read beside a push; a sentence about a figure that is as usual, or to the other side, would mislead."""
    if reason.get("telling", True):
        return teller.sentence(reason)
    say = teller.speech.text
    if _is_known(reason):
        return say("No single figure stands out here; several work together.")
    return say("Not known for this customer.")


def _is_known(reason: Mapping[str, Any]) -> bool:
    """Whether anything is known behind a reason: a value that is known comes first of its features."""
    first = next(iter(reason["features"]), None)
    return first is None or first["value"] is not None


def rhythm(teller: Teller, answer: Mapping[str, Any], dossier: Mapping[str, Any]) -> str:
    """When they would buy next by their own rhythm: about which day, by how much it is past, or that none can be told.

    Nothing of who buys by contract.
    """
    say, expected = teller.speech, answer["expected_next_purchase"]
    if expected and expected > answer["as_of"]:
        return say.text("By their own rhythm they would buy next around %(day)s.", day=say.day(expected))
    seen = _seen(teller, dossier)
    if seen and not seen.keys() >= {"days_since_last_purchase", "mean_gap_days"}:
        return ""
    since, gap = seen.get("days_since_last_purchase"), seen.get("mean_gap_days")
    if not expected and gap is None and (seen or answer["relationship"]["state"] == "first_time"):
        return say.text("Bought on one day only so far: without a rhythm, no date can be told for the next purchase.")
    if since is None or gap is None or teller.explainer is None:
        if expected:
            return say.text("By their own rhythm they are overdue: they would have bought again by now.")
        return say.text("No date can be told for the next purchase.")
    spoken = {"since": teller.explainer.spoken(since, "days"), "gap": teller.explainer.spoken(gap, "days")}
    days = round(since - gap)
    if days < 0:
        return say.text("No date can be told for the next purchase.")
    if days < 1:
        return say.text("Due about now: last bought %(since)s ago, on average every %(gap)s.", **spoken)
    return say.plural(
        "Overdue by %(count)s day: last bought %(since)s ago, on average every %(gap)s.",
        "Overdue by %(count)s days: last bought %(since)s ago, on average every %(gap)s.", days, **spoken,
    )  # fmt: skip


def over_horizons(teller: Teller, answer: Mapping[str, Any]) -> str:
    """The risk over the horizons that are told besides the answer's own, and why it falls; "" where there are none."""
    say, own = teller.speech, answer["horizon_days"]
    further = [one for one in answer.get("churn_by_horizon") or () if one["horizon_days"] != own]
    if not further:
        return ""
    told = say.listed(
        say.text("%(risk)s in %(days)s days", risk=say.percent(one["churn_probability"]), days=one["horizon_days"])
        for one in further
    )
    if teller.bundle is not None and teller.bundle.definition.is_of_silence:
        return say.text(
            "Over other horizons: %(told)s. The longer the time, the fewer stay away throughout.", told=told
        )
    return say.text("Over other horizons: %(told)s.", told=told)


def _seen(teller: Teller, dossier: Mapping[str, Any]) -> dict[str, float | None]:
    """What the model saw of a customer by column name; nothing where the bundle or the vector is gone."""
    if teller.bundle is None or not dossier.get("vector"):
        return {}
    return dict(zip(teller.bundle.catalog.names, dossier["vector"], strict=True))


def asked_about(teller: Teller) -> dict[str, Any]:
    """What leaving means by the model's definition; of events which kinds, and whether they come or stay away."""
    if teller.bundle is None:
        return {"kind": ""}
    definition = teller.bundle.definition
    kinds = teller.speech.listed([_kind(teller.speech, kind) for kind in definition.event_kinds])
    return {"kind": definition.kind, "does": definition.event == "does", "event_kinds": kinds}


def usual_probability(answer: Mapping[str, Any]) -> float | None:
    """Where all pushes start from, as a probability."""
    return None if answer["base"] is None else probability_of(answer["base"])


def facts(teller: Teller, answer: Mapping[str, Any]) -> list[Fact]:
    """The relationship words that are known of a customer."""
    words = answer["relationship"]
    if not words:
        return []
    say = teller.speech.text
    # a segment's name reads like a person's description, but tells of a group
    _, meaning = FIELDS["segment"]
    found = [Fact(say("Belongs to segment"), teller.segment(answer), say(meaning))]
    for name, known in (("tier", TIERS), ("value_quadrant", QUADRANTS), ("state", STATES), ("stage", STAGES)):
        if words[name] is None:
            continue
        word, meaning = known.get(words[name], (words[name], ""))
        found.append(Fact(say(FIELDS[name][0]), say(word), say(meaning) if meaning else ""))
    if words.get("unprofitable"):
        found.append(Fact(say("Profit"), say("Unprofitable"), say("Costs more than they bring.")))
    if words.get("rfm"):
        meaning = say("Recency, frequency, money: 5 is the best fifth of the customers, 1 the last.")
        found.append(Fact("RFM", "-".join(words["rfm"]), meaning))
    return found


def history(teller: Teller, past: Sequence[Mapping[str, Any]]) -> Lines | None:
    """The probability over past runs; None where fewer than two scored this customer."""
    known = [score for score in past if score["eligible"]]
    if len(known) < 2:
        return None
    say = teller.speech
    first, last = known[0]["cutoff"].toordinal(), known[-1]["cutoff"].toordinal()
    span = max(last - first, 1)
    points = [
        (
            0.04 + 0.92 * (score["cutoff"].toordinal() - first) / span, score["churn_probability"],
            f"{say.day(score['cutoff'])}: {say.percent(score['churn_probability'])}",
        )
        for score in known
    ]  # fmt: skip
    top = ceiling(1.15 * max(value for _, value, _ in points))
    across = [Tick(at, say.short_day(score["cutoff"])) for (at, _, _), score in zip(points, known, strict=True)]
    digits = 1 if top < 0.1 else 0  # half of 5 % is not 2 %
    up = [Tick(top * k / 2, say.percent(top * k / 2, digits)) for k in range(3)]
    return lines([("expected", points)], across, top, up)


def events(teller: Teller, dossier: Mapping[str, Any], past: Sequence[Mapping[str, Any]]) -> list[Event]:
    """What happened in the year before the cut-off, and how it was scored, the newest first."""
    say, currency = teller.speech, teller.run.currency
    found = []
    for day, amount, lines_bought in dossier.get("purchases", ()):
        detail = say.plural("%(count)s line", "%(count)s lines", lines_bought)
        found.append(
            Event(
                day_date(day), "purchase", say.text("Bought for %(amount)s", amount=say.money(amount, currency)), detail
            )
        )
    for event in dossier.get("interactions", ()):
        found.append(
            Event(day_date(event["day"]), _mark(event["kind"]), _kind(say, event["kind"]), _interaction(say, event))
        )
    for event in dossier.get("offers", ()):
        held = event.get("arm") == "control"
        title = say.text("Offer: %(action)s", action=teller.action(event["action"]))
        detail = say.text("left alone for comparison") if held else _answered(say, event)
        found.append(Event(day_date(event["day"]), "offer", title, detail))
    for score in past:
        if score["eligible"]:
            title = say.text("Scored: churn risk %(risk)s", risk=say.percent(score["churn_probability"]))
            name, _ = BANDS[score["band"]]
            band = say.text(name)
            found.append(Event(score["cutoff"], "score", title, _came(say, band, score["churned"])))
    return sorted(found, key=lambda event: event.day, reverse=True)


def _kind(say: Speech, kind: str) -> str:
    return say.text(KINDS[kind]) if kind in KINDS else kind


def _mark(kind: str) -> str:
    """The mark of a contact: trouble has one of its own."""
    return "complaint" if kind in TROUBLE else "contact"


def _interaction(say: Speech, event: Mapping[str, Any]) -> str:
    parts = [str(event["topic"])] if event.get("topic") else []
    if event["kind"] in TROUBLE:
        resolved = event.get("resolved_day")
        days = None if resolved is None else resolved - event["day"]
        parts.append(
            say.text("not resolved") if days is None
            else say.plural("resolved after %(count)s day", "resolved after %(count)s days", days)
        )  # fmt: skip
    return say.listed(parts)


def _answered(say: Speech, event: Mapping[str, Any]) -> str:
    responded = event.get("responded_day")
    return say.text("taken up on %(day)s", day=say.day(day_date(responded))) if responded is not None else ""


def _came(say: Speech, band: str, churned: bool | None) -> str:
    if churned is None:
        return band
    return say.listed([band, say.text("then left") if churned else say.text("then stayed")])


def life(teller: Teller, dossier: Mapping[str, Any], cutoff: date) -> Strip | None:
    """The year before the cut-off as a picture; None where nothing happened in it."""
    if not any(dossier.get(kind) for kind in ("purchases", "interactions", "offers")):
        return None
    say, currency = teller.speech, teller.run.currency
    first = cutoff - timedelta(days=TIMELINE_DAYS)

    def at(day: date) -> float:
        return (day - first).days / TIMELINE_DAYS

    bought = [
        (at(day_date(day)), amount, f"{say.day(day_date(day))}: {say.money(amount, currency)}")
        for day, amount, _ in dossier.get("purchases", ())
    ]
    marks = [
        (
            at(day_date(event["day"])),
            _mark(event["kind"]),
            f"{say.day(day_date(event['day']))}: {_kind(say, event['kind'])}",
        )
        for event in dossier.get("interactions", ())
    ]
    marks += [
        (at(day_date(event["day"])), "offer", f"{say.day(day_date(event['day']))}: {teller.action(event['action'])}")
        for event in dossier.get("offers", ())
    ]
    starts = [date(first.year + (first.month + k) // 12, (first.month + k) % 12 + 1, 1) for k in range(12)]
    months = [Tick(at(start), say.month(start)) for start in starts if start < cutoff]
    return strip(bought, marks, months)


def considered(teller: Teller, dossier: Mapping[str, Any]) -> list[Considered]:
    """Every action of the playbook and what became of it for this customer."""
    return [
        Considered(
            teller.action(one["action"]), teller.verdict(one["verdict"]), one["verdict"] in ("chosen", "held_out"),
            one.get("expected_net_value"),
        )
        for one in dossier.get("considered", ())
    ]  # fmt: skip
