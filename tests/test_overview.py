"""The overview tells what the runs hold: counted by hand, over time, and beside what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages_by_hand import CUTOFF, LABELS, entry, house, run_of, shown

from features.catalog import DRIVERS
from models.bundle import References
from models.runs import Entry, ScoreRun
from models.summary import RISK_BINS, Summary
from serving.charts import Tick, ceiling, histogram, lines, strip
from serving.overview import MOST_REASONS, Overview, overview
from serving.speech import speech
from serving.telling import Teller
from serving.words import GRADES, QUADRANTS, TIERS

REASON = entry().answer["reasons"][0]
PEOPLE = (
    entry("a", 0.8, value_at_risk=80.0, decision={"cost": 5.0, "expected_net_value": 9.0}),
    entry("b", 0.4, value_at_risk=40.0, band="medium", reasons=[REASON, {**REASON, "driver": "price"}],
          decision={"action": "no_action", "arm": "control", "withheld": "call", "cost": 0.0, "expected_net_value": 0.0}),
    entry("c", 0.0, value_at_risk=0.0, band="low", reasons=[], segment={"id": "S2", "name": "weekenders"},
          relationship={"tier": "small", "value_quadrant": "lead"},
          decision={"action": "no_action", "arm": "none", "cost": 0.0, "expected_net_value": 0.0}),
    entry("gone", None),
)  # fmt: skip


def run(*people: Entry, outcome: dict[str, Any] | None = None, **changes: Any) -> ScoreRun:
    """A run as the ledger gives it, with its summary."""
    summary = Summary()
    for one in people:
        summary.add(one.answer)
    return replace(run_of(people, **changes), summary=summary.as_dict(), outcome=outcome)


def outcome(actual: float, seen: bool | None = False, customers: int = 10) -> dict[str, Any]:
    """What became of a run, as models/outcome.py writes it."""
    group = {"customers": customers, "churners": round(actual * customers), "expected": 0.4, "actual": actual,
             "interval": [actual / 2, min(1.0, actual * 2)]}  # fmt: skip
    bands = {"low": {**group, "customers": 0}, "high": group} if customers else {}
    return {"compared_at": "2024-06-01T00:00:00", "everyone": group, "left_out": 0, "bands": bands, "bins": [],
            "seen_in_training": seen}  # fmt: skip


def told(*runs: ScoreRun, language: str = "en", card: Any = None) -> Overview:
    """The overview of the last of these runs."""
    found = overview(Teller(runs[-1], speech(language), card), runs)
    assert found is not None
    return found


@dataclass
class Judged:
    """A bundle as far as the overview looks at it."""

    card: Mapping[str, Any]

    @property
    def references(self) -> References:
        return References({}, (0.0, 1.0), (0.2, 0.5), 0.1)


def days_ago(days: int) -> date:
    return CUTOFF - timedelta(days=days)


# ---- the run --------------------------------------------------------------------------------------------------------


def test_three_customers_by_hand() -> None:
    found = told(run(*PEOPLE))

    assert (3, 1.2, 120.0) == tuple(found.total[name] for name in ("customers", "churners", "value_at_risk"))
    assert pytest.approx(0.4) == found.churn_rate
    assert (1, 9.0, 5.0) == tuple(found.to_contact[name] for name in ("customers", "expected_net_value", "cost"))
    assert [("Going quiet", 2, 120.0, 1.0)] == [
        (group.label, group.customers, group.value_at_risk, group.share) for group in found.reasons
    ]
    assert [("regulars", 2, pytest.approx(0.6)), ("weekenders", 1, 0.0)] == [
        (group.label, group.customers, group.churn_rate) for group in found.segments
    ]
    assert [("Call them", "/customers?action=call", 1, 1.0)] == [
        (group.label, group.address, group.customers, group.share) for group in found.actions
    ]


def test_equity_counts_all_who_have_a_value_and_is_left_out_where_an_older_version_scored() -> None:
    found = told(run(*PEOPLE))
    older = run(*PEOPLE)
    older = replace(older, summary={name: part for name, part in older.summary.items() if name != "equity"})

    assert 4 == found.equity["customers"]
    assert found.equity["mean"] == pytest.approx(4 * entry().answer["lifetime_value"]["mean"])
    assert {} == told(older).equity


PRICE = {**REASON, "driver": "price"}
AT_RISK = (
    entry("a", 0.8, value_at_risk=80.0),
    entry("b", 0.4, value_at_risk=40.0, band="medium", reasons=[REASON, PRICE]),
    entry("c", 0.5, value_at_risk=5.0, reasons=[{**REASON, "telling": False}, PRICE]),
    entry("d", 0.3, value_at_risk=3.0, band="medium", reasons=[{**REASON, "push": -0.1}]),
    entry("stays", 0.1, value_at_risk=900.0, band="low", reasons=[PRICE]),
    entry("gone", None),
)  # fmt: skip


def test_why_they_leave_is_about_those_at_risk_each_counted_once_under_their_first_reason() -> None:
    found = told(run(*AT_RISK))

    assert [("Going quiet", 2, 120.0), ("Price and discounts", 1, 5.0), ("No single reason", 1, 3.0)] == [
        (group.label, group.customers, group.value_at_risk) for group in found.reasons
    ]
    assert (4, 128.0) == (found.at_risk["customers"], found.at_risk["value_at_risk"])
    assert ["/customers?band=high&band=medium&reason=going_quiet", "/customers?band=high&band=medium&reason=price", ""] == [
        group.address for group in found.reasons
    ]  # fmt: skip


def test_the_page_says_of_whom_it_tells_why_they_leave_and_what_they_are_together(tmp_path: Path) -> None:
    with house(tmp_path, AT_RISK) as made, made.browser() as browser:
        page = browser.get("/")

    text = shown(page)
    assert "Customers at high or medium risk, each counted once, under their strongest reason." in text
    assert "Going quiet 2 €120 Price and discounts 1 €5.00 No single reason 1 €3.00" in text
    assert "All at high or medium risk 4 €128 At low risk 1 €900" in text
    assert 'href="/customers?band=high&amp;band=medium&amp;reason=price"' in page.text


@given(
    st.lists(
        st.tuples(st.sampled_from(list(DRIVERS)), st.sampled_from(["high", "medium", "low"]), st.integers(0, 99)),
        max_size=40,
    )
)
def test_reasons_add_up_to_all_at_risk_however_many_there_are(people: list[tuple[str, str, int]]) -> None:
    found = told(run(*(
        entry(str(k), 0.5, band=band, value_at_risk=float(value), reasons=[{**REASON, "driver": driver}, REASON])
        for k, (driver, band, value) in enumerate(people)
    )))  # fmt: skip

    at_risk = [(driver, value) for driver, band, value in people if band != "low"]
    for figure, wanted in (("customers", len(at_risk)), ("value_at_risk", sum(value for _, value in at_risk))):
        assert wanted == sum(getattr(group, figure) for group in found.reasons) == found.at_risk[figure]
        assert found.total.get(figure, 0) == found.at_risk[figure] + found.low_risk[figure]
    kinds = len({driver for driver, _ in at_risk})
    assert len(found.reasons) == min(kinds, MOST_REASONS + 1)
    assert (kinds > MOST_REASONS) == ("Other reasons" in [group.label for group in found.reasons])


@pytest.mark.parametrize("by", [{"band": {"high": {"customers": 3, "value_at_risk": 9.0}}}, {}])
def test_where_no_reasons_were_counted_that_is_said(tmp_path: Path, by: dict[str, Any]) -> None:
    """An older version counted every reason of everybody; or nobody is at risk."""
    summary = {"risk": [0] * RISK_BINS, "total": {"customers": 3}, "by": by}
    found = told(replace(run_of(), summary=summary))

    assert () == found.reasons
    assert (3 if by else 0) == found.at_risk["customers"]
    if not by:
        with house(tmp_path, [entry("a", 0.1, band="low")]) as made, made.browser() as browser:
            assert "Nobody is at high or medium risk." in shown(browser.get("/"))


def test_every_tier_and_quadrant_is_there_even_where_nobody_is_in_it() -> None:
    found = told(run(*PEOPLE))

    assert list(TIERS) == [group.code for group in found.tiers]
    assert [("Top key", 0), ("Key", 2), ("Ordinary", 0), ("Small", 1)] == [(g.label, g.customers) for g in found.tiers]
    assert set(QUADRANTS) == set(found.quadrants)
    assert (0, 0.0, 0.0) == (
        found.quadrants["jade"].customers,
        found.quadrants["jade"].churn_rate,
        found.quadrants["jade"].share,
    )
    assert found.quadrants["gold"].meaning == QUADRANTS["gold"][1]


def test_a_quadrant_without_customers_has_no_churn_rate(tmp_path: Path) -> None:
    with house(tmp_path, PEOPLE) as made, made.browser() as browser:
        text = shown(browser.get("/"))

    for quadrant, rate in (("Gold", "60.0%"), ("Jade", "–"), ("Lead", "0.0%"), ("Iron", "–")):
        assert f"{quadrant} {rate} " in text


def test_why_nothing_is_done_for_the_others_is_told_with_how_many_the_most_first() -> None:
    def left(customer: str, why_not: str) -> Entry:
        return entry(customer, 0.1, decision={"action": "no_action", "arm": "none", "why_not": why_not})

    people = (left("a", "lost_cause"), left("b", "already_safe"), left("c", "already_safe"), entry("d"))

    assert (("Already safe", 2), ("Lost cause", 1)) == told(run(*people)).no_action
    assert (("客户稳定，无需挽留", 2), ("挽留无望", 1)) == told(run(*people), language="zh").no_action


def test_the_risk_is_spread_over_its_bins() -> None:
    bars = told(run(*PEOPLE), card=Judged({})).risk.bars

    assert RISK_BINS == len(bars)
    assert {0: "low", 8: "medium", 16: "high"} == {k: bar.kind for k, bar in enumerate(bars) if bar.height}
    assert "80%–85%: 1 customer" == bars[16].label
    assert "15%–20%: 0 customers" == bars[3].label


def test_an_overview_is_told_in_the_readers_language() -> None:
    found = told(run(*PEOPLE), language="zh")

    assert ["渐渐沉默"] == [group.label for group in found.reasons]
    assert ["常客", "周末客"] == [group.label for group in found.segments]
    assert ["重要", "小型"] == [group.label for group in found.tiers if group.customers]


def test_a_run_of_an_older_version_has_no_overview() -> None:
    assert overview(Teller(run_of(PEOPLE), speech("en"), None), []) is None


@pytest.mark.parametrize(
    "people", [(), (entry("gone", None),), (entry("a", 0.0, band="low", reasons=[], value_at_risk=0.0),)]
)
def test_a_shop_where_nobody_is_at_risk_has_one_too(people: tuple[Entry, ...]) -> None:
    found = told(run(*people))

    assert (0.0, ()) == (found.churn_rate, found.reasons)
    assert len(people) >= found.total.get("customers", 0)
    assert found.over_time is None
    assert () == found.compared


def test_labels_that_address_a_list_are_safe_in_an_address() -> None:
    odd = 'a&b=c "d" <e>'
    found = told(run(entry("a", segment={"id": odd, "name": "x"}), labels=LABELS))

    assert "/customers?segment=a%26b%3Dc+%22d%22+%3Ce%3E" == found.segments[0].address
    assert odd == found.segments[0].label


# ---- over time ------------------------------------------------------------------------------------------------------


def test_one_run_has_no_course() -> None:
    assert told(run(*PEOPLE)).over_time is None
    assert 1 == len(told(run(*PEOPLE)).runs)


def test_the_course_shows_what_was_expected_and_what_came() -> None:
    first = run(entry("a", 0.2), cutoff=days_ago(56), outcome=outcome(0.3))
    second = run(entry("a", 0.4), cutoff=days_ago(28), outcome=outcome(0.1))
    found = told(first, second, run(entry("a", 0.5)))

    assert [(0.2, 0.3), (0.4, 0.1), (0.5, None)] == [(one.expected, one.actual) for one in found.runs]
    assert found.over_time is not None
    assert ["expected", "actual"] == [kind for kind, _ in found.over_time.paths]
    assert [
        "Mar 6, 2024: 20.0% expected", "Apr 3, 2024: 40.0% expected", "May 1, 2024: 50.0% expected",
        "Mar 6, 2024: 30.0% left", "Apr 3, 2024: 10.0% left",
    ] == [dot.label for dot in found.over_time.dots]  # fmt: skip
    assert all(0 <= dot.y <= found.over_time.height for dot in found.over_time.dots)


def test_a_run_of_an_older_version_is_left_out_of_the_course() -> None:
    found = told(run_of(PEOPLE, cutoff=days_ago(28)), run(*PEOPLE))

    assert [CUTOFF] == [one.run.cutoff for one in found.runs]


# ---- was it right ---------------------------------------------------------------------------------------------------


def test_the_newest_run_that_has_matured_is_compared() -> None:
    runs = [run(*PEOPLE, cutoff=days_ago(days), outcome=outcome(actual)) for days, actual in ((84, 0.1), (56, 0.2))]
    found = told(*runs, run(*PEOPLE))

    assert found.compared_run is not None
    assert (days_ago(56), False) == (found.compared_run.run.cutoff, found.compared_run.seen_in_training)
    assert [("High", "high", 10, 0.4, 0.2, 0.1, 0.4)] == [  # a band without customers is left out
        (c.label, c.code, c.customers, c.expected, c.actual, c.low, c.high) for c in found.compared
    ]


def test_a_run_that_the_model_has_learned_from_is_compared_only_where_there_is_no_other_and_told() -> None:
    seen = run(*PEOPLE, cutoff=days_ago(28), outcome=outcome(0.2, seen=True))
    fair = run(*PEOPLE, cutoff=days_ago(56), outcome=outcome(0.3))
    only, both = told(seen, run(*PEOPLE)).compared_run, told(fair, seen, run(*PEOPLE)).compared_run

    assert only is not None
    assert only.seen_in_training
    assert both is not None
    assert (days_ago(56), False) == (both.run.cutoff, both.seen_in_training)


def test_where_no_label_was_known_nothing_is_said_to_have_come() -> None:
    nobody = run(*PEOPLE, cutoff=days_ago(28), outcome=outcome(0.0, customers=0))
    found = told(nobody, run(*PEOPLE))

    assert [None, None] == [one.actual for one in found.runs]
    assert () == found.compared


# ---- the model ------------------------------------------------------------------------------------------------------


def test_the_grade_and_the_lift_are_those_of_the_bundle_that_scored() -> None:
    card = Judged({"judged": {"grade": "B", "models": {"holdfast": {"lift_at_10": {"value": 3.2}}}}})
    found = told(run(*PEOPLE), card=card)

    assert (("B", GRADES["B"]), 3.2) == (found.grade, found.lift)


@pytest.mark.parametrize("card", [None, Judged({}), Judged({"judged": None}), Judged({"judged": {"grade": "Z"}})])
def test_a_model_without_a_judgment_has_no_grade(card: Any) -> None:
    assert (None, None) == (told(run(*PEOPLE), card=card).grade, told(run(*PEOPLE), card=card).lift)


# ---- pictures -------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**6), max_size=RISK_BINS))
def test_bars_lie_within_their_picture_and_nobody_is_hidden(counts: list[int]) -> None:
    found = histogram(counts, ["low"] * len(counts), [""] * len(counts), [])

    for bar, count in zip(found.bars, counts, strict=True):
        assert 0 <= bar.y <= bar.y + bar.height <= found.height + 1e-9
        assert (bar.height >= 2) == (count > 0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20))
def test_points_lie_within_their_picture(points: list[tuple[float, float]]) -> None:
    top = ceiling(1.15 * max((value for _, value in points), default=0.0))
    found = lines([("expected", [(at, value, "") for at, value in points])], [], top, [])

    assert all(-0.1 <= dot.x <= found.width + 0.1 and -0.1 <= dot.y <= found.height + 0.1 for dot in found.dots)


def test_days_close_to_one_another_are_not_written_over_one_another() -> None:
    """28 December, 29 December and 1 January: the newest is named, and what has room before it."""
    days = [Tick(0.04, "6 Oct"), Tick(0.5, "3 Nov"), Tick(0.93, "29 Dec"), Tick(0.96, "1 Jan")]

    assert ["6 Oct", "3 Nov", "1 Jan"] == [tick.label for tick in lines([], days, 1.0, []).across]


def test_a_larger_purchase_is_a_larger_dot_and_a_year_of_gifts_can_be_drawn() -> None:
    small, large = strip([(0.1, 1.0, ""), (0.2, 100.0, "")], [], []).dots
    [gift] = strip([(0.1, 0.0, "")], [], []).dots
    assert {"purchase"} == strip([(0.1, 0.0, "")], [], []).kinds

    assert small.size < large.size == 12
    assert gift.size == 3
