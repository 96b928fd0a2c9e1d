"""Findings on the churn definition: whether what it calls churn can be told, is common enough, and is worth being told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from features.checked import CheckedTables
from features.snapshot import day_number
from features.sources import connect
from training.finding import Finding
from training.gaps import Gaps, came_back
from training.labels import EVENT_TABLES
from training.population import CutoffCount, Population
from training.study import Study

CLASS_SHARES = (0.05, 0.95)  # beyond them RudderStack declines to train


def definition_findings(
    checked: CheckedTables, study: Study, found: Population | None, gaps: Gaps
) -> Iterator[Finding]:
    """Every finding on labels that a shop brings, on how many churn, and on silence as a sign of it.

    Parameters
    ----------
    found
        The population at the cut-offs that training would take; None where there are none.
    """
    yield from _given_labels(checked, study)
    if found is not None:
        yield from _class_shares(study, found.counts())
    if study.churn.definition == "silence":
        if found is not None:
            yield from _purchases(found)
            yield from _sleepers(checked, study, found)
        yield from _horizon(study, gaps)


def _given_labels(checked: CheckedTables, study: Study) -> Iterator[Finding]:
    """Labels that a shop brings: where all are known nobody is left to foretell; beside events they need a day, long ago."""
    if study.churn.definition != "given":
        return
    beside, dated = [t for t in EVENT_TABLES if t in checked.columns], "as_of_day" in checked.columns["vectors"]
    matured, horizon = checked.known_until - timedelta(days=study.churn.horizon_days), study.churn.horizon_days
    is_early = f"as_of_day > {day_number(matured)}" if dated else "false"
    with connect() as connection:
        [(rows, known, early)] = connection.sql(
            f"select count(*), count(churned), count(churned) filter ({is_early}) from {checked.rows('vectors')}"
        ).fetchall()
    if rows == known and not dated:
        yield Finding(
            "labelled rows", "score", "recommendation", "churned", "vectors",
            f"All {rows:,} rows say who left: their scores look back, and those who have left would get actions too.", "",
            rows - known, 1, "Add customers whose label is empty, for that is not known yet, and act on these.",
        )  # fmt: skip
    if not beside:
        return
    if not dated:
        yield Finding(
            "undated labels", "train", "warning", "churned", "vectors",
            f"Labels have no day, and the events of {', '.join(beside)} are looked at up to {checked.known_until}: whoever"
            " left before is told by having none since.", "HF210", len(beside), 0,
            "Map the midnight that the label looks forward from as `as_of`.",
        )  # fmt: skip
        return
    if early:
        yield Finding(
            "early labels", "train", "warning", "churned", "vectors",
            f"{early:,} labels are of days after {matured}, whose {horizon} days are not over by {checked.known_until}, up to"
            f" which the events of {', '.join(beside)} are complete: who still buys may yet leave.", "", early, 0,
            "Bring later events, lower churn.horizon_days, or leave the label empty where it is not known yet.",
        )  # fmt: skip


def _class_shares(study: Study, counts: tuple[CutoffCount, ...]) -> Iterator[Finding]:
    shares = [count.churn_share for count in counts if count.churn_share is not None]
    if not shares:
        return
    low, high = CLASS_SHARES
    odd = not all(low <= share <= high for share in shares)
    yield Finding(
        "class share", "train", "warning" if odd else "ok", "", "",
        f"Between {min(shares):.1%} and {max(shares):.1%} churn, by cut-off."
        + (" Where nearly all do the same, there is little to tell apart." if odd else ""), "",
        round(min(shares) if min(shares) < low else max(shares), 4), f"{low:.0%} to {high:.0%}",
        _mend_of_shares(study) if odd else "",
    )  # fmt: skip


def _mend_of_shares(study: Study) -> str:
    """The settings that the question of the study has."""
    return {
        "silence": "Change churn.horizon_days or churn.active_within_days in study.toml.",
        "contract": "Change churn.horizon_days or churn.grace_days in study.toml.",
        "event": "Change churn.horizon_days, churn.active_within_days or churn.event_kinds in study.toml.",
        "given": "Look at what the column `churned` means, or bring the rows of other days.",
    }[study.churn.definition]


def _purchases(found: Population) -> Iterator[Finding]:
    rows = found.at(found.cutoffs[-1])
    if not rows.any():
        return
    share = float((found.column("purchase_days_182d")[rows] >= 2).mean())
    enough = share >= 0.5
    yield Finding(
        "purchases per customer", "train", "ok" if enough else "warning", "", "transactions",
        f"{share:.0%} of the eligible customers bought on two days or more in the half year before {found.cutoffs[-1]}.",
        "", round(share, 4), 0.5,
        "" if enough else "Of who bought once there is little to learn: bring longer history, or set a longer"
        " churn.active_within_days and churn.horizon_days.",
    )  # fmt: skip


def _sleepers(checked: CheckedTables, study: Study, found: Population) -> Iterator[Finding]:
    """How many who count as churned at an early cut-off bought again later, where there was time to see it."""
    horizon = study.churn.horizon_days
    early = [c for c in found.cutoffs if c + timedelta(days=3 * horizon) <= checked.known_until]
    if not early:
        return
    cutoff = early[0]
    rows = np.flatnonzero(found.at(cutoff) & found.labels.matured)
    rows = rows[found.labels[rows].churned]
    count = len(rows)
    if count < 20:
        return
    customers = [found.vectors.column("customer_id")[int(row)].as_py() for row in rows]
    back = came_back(checked, cutoff, horizon, customers)
    share = back / count
    odd = share > 0.5
    yield Finding(
        "sleepers", "train", "recommendation" if odd else "ok", "", "transactions",
        f"Of {count:,} customers silent for {horizon} days from {cutoff} on, {back:,} bought again by {checked.known_until}"
        f" ({share:.0%})." + (" Churn means such a silence here, seldom a loss for good." if odd else ""),
        "", round(share, 4), 0.5, "A longer churn.horizon_days in study.toml counts fewer sleepers." if odd else "",
    )  # fmt: skip


def _horizon(study: Study, gaps: Gaps) -> Iterator[Finding]:
    """Horizon and active window against how long customers usually wait."""
    if len(gaps.usual) < 20:
        return
    half, most, nearly_all = gaps.within(0.5), gaps.within(0.75), gaps.within(0.9)
    wanted = 7 * math.ceil(max(nearly_all, 1) / 7)
    horizon, active = study.churn.horizon_days, study.churn.active_within_days
    told = (
        f"Half of the customers usually buy again within {half:.0f} days, three quarters within {most:.0f},"
        f" nine of ten within {nearly_all:.0f}"
    )
    short = horizon < most
    yield Finding(
        "horizon", "train", "warning" if horizon < half else "recommendation" if short else "ok", "", "transactions",
        f"{told}; the horizon is {horizon}." + (" Who sleeps as usual would count as lost." if short else ""), "", horizon,
        math.ceil(most), f"Set churn.horizon_days in study.toml to {wanted}." if short else "",
    )  # fmt: skip
    narrow = active < nearly_all
    yield Finding(
        "active window", "train", "recommendation" if narrow else "ok", "", "transactions",
        f"Customers count as active for {active} days after a purchase; nine of ten usually buy again within {nearly_all:.0f}.",
        "", active, math.ceil(nearly_all), f"Set churn.active_within_days in study.toml to {wanted} or more." if narrow else "",
    )  # fmt: skip
