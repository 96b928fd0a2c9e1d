"""The next purchase: half of those in a customer's place have bought by the day that is told, or none is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from by_hand import TinyShop
from hypothesis import given
from hypothesis import strategies as st

from features.check import check_tables
from features.snapshot import day_number
from features.store import Store
from models.next_purchase import NEEDS, NextPurchase, SilenceCurve
from training.fit_next_purchase import Rhythms, fit_next_purchase, judge_next_purchase, rhythms, silence_curve
from training.panel import Split
from training.spending import KnownCustomers

CUTOFF = date(2024, 1, 1)
MANY = 400


def test_the_curve_of_silences_seen_whole_is_the_share_of_the_longer_ones() -> None:
    """Ten silences of 1, 2 ... 10 days, each of a hundred customers."""
    end = np.repeat(np.arange(1.0, 11.0), 100)
    curve = silence_curve(np.zeros(1000), end, np.ones(1000, bool))

    assert curve.half_by(np.array([0.0, 4.0])).tolist() == [5.0, 7.0]
    assert curve.silent[-1] == pytest.approx(0.0)


def test_silences_that_nobody_saw_begin_count_from_when_they_were_seen() -> None:
    """The same silences, half of them seen from the fourth day on: whoever bought before is not among them."""
    end = np.repeat(np.arange(1.0, 11.0), 100)
    begin = np.where(np.arange(1000) % 2, 4.0, 0.0)
    seen = end > begin
    whole, late = (
        silence_curve(begin[s] * k, end[s], np.ones(s.sum(), bool)) for s, k in ((np.ones(1000, bool), 0), (seen, 1))
    )

    assert late.half_by(np.array([0.0, 4.0])).tolist() == whole.half_by(np.array([0.0, 4.0])).tolist()


def test_where_fewer_than_half_ever_buy_again_no_day_is_told() -> None:
    end, bought = np.full(1000, 50.0), np.arange(1000) < 400
    curve = silence_curve(np.zeros(1000), np.where(bought, 10.0, end), bought)

    assert np.isnan(curve.half_by(np.array([0.0, 20.0]))).all()
    assert np.isnan(silence_curve(np.zeros(5), np.ones(5), np.zeros(5, bool)).half_by(np.zeros(1))).all()


@given(since=st.floats(0, 5), later=st.floats(0, 5))
def test_the_longer_the_silence_the_later_the_day(since: float, later: float) -> None:
    curve = SilenceCurve(tuple(np.linspace(0.1, 10, 100)), tuple(np.exp(-np.linspace(0.1, 10, 100) / 2)))
    first, second = curve.half_by(np.array([since, since + later]))

    assert first > since
    assert np.isnan(second) or second >= first


def weekly(seed: int = 3) -> Rhythms:
    """Customers who buy every 7 days on average, by chance, at 40 cut-offs."""
    random = np.random.default_rng(seed)
    cutoff = np.repeat(day_number(CUTOFF) + 7 * np.arange(40), MANY)
    wait = np.floor(random.exponential(7.0, 40 * MANY))
    since = 1 + np.floor(random.exponential(7.0, 40 * MANY))
    return Rhythms(cutoff.astype(np.int32), np.full(40 * MANY, 20.0), since, np.full(40 * MANY, 7.0), wait)


def test_of_customers_without_a_rhythm_half_buy_within_the_median_whatever_their_silence() -> None:
    """By chance is without memory: 7 ln 2, some 5 days, for the overdue too."""
    model = fit_next_purchase(weekly(), CUTOFF + timedelta(days=365))
    visits, gap = np.full(3, 20.0), np.full(3, 7.0)
    days = model.days(dict(zip(NEEDS, (visits, np.array([1.0, 8.0, 20.0]), gap), strict=True)))

    assert (np.abs(days - 4.5) < 1).all()


def test_what_came_after_the_day_changes_no_curve() -> None:
    seen, until = weekly(), CUTOFF + timedelta(days=100)
    ends = day_number(until) - seen.cutoff
    unseen = np.where(seen.wait_days < ends, seen.wait_days, np.inf)
    then = Rhythms(seen.cutoff, seen.visits, seen.since, seen.gap, unseen)

    assert fit_next_purchase(seen, until) == fit_next_purchase(then, until)


@pytest.mark.parametrize(("until", "wait"), [("2024-02-01", np.inf), ("2024-02-02", 17.0), ("2024-12-31", 17.0)])
def test_a_purchase_that_is_not_known_yet_ends_no_silence(
    tiny_shop: TinyShop, store: Store, until: str, wait: float
) -> None:
    """Asked on 15 January of one who buys on the first of every month, by what is known on that midnight."""
    rows = [{"customer_id": "a", "timestamp": f"2024-{month:02d}-01", "amount": 5} for month in range(1, 13)]
    checked = replace(check_tables(tiny_shop(rows), store, date(2025, 1, 1)), known_until=date.fromisoformat(until))
    table = pa.table({"cutoff": pa.array([day_number(date(2024, 1, 15))], pa.int32()), "customer_id": ["a"]})
    known = KnownCustomers(table, np.ones((1, len(NEEDS))), np.ones(1, bool), np.zeros(1))
    seen = rhythms(checked, known, NEEDS)

    assert seen is not None
    assert [wait] == seen.wait_days.tolist()


def test_a_day_is_judged_once_it_is_past() -> None:
    """The first day that anybody is told, as of the midnight that begins it, and as of the one that ends it."""
    seen, judge = weekly(), CUTOFF + timedelta(days=7 * 20)
    told = fit_next_purchase(seen, judge).days(dict(zip(NEEDS, (seen.visits, seen.since, seen.gap), strict=True)))
    days = int(np.round(np.nanmin(told[seen.cutoff == day_number(judge)])))
    split = Split((CUTOFF,), CUTOFF, judge, (CUTOFF,))

    assert judge_next_purchase(seen, [split], judge + timedelta(days=days)) == {}
    assert judge_next_purchase(seen, [split], judge + timedelta(days=days + 1))["bought"] > 0.3


def test_curves_are_plain_data() -> None:
    model = fit_next_purchase(weekly(), CUTOFF + timedelta(days=365))

    assert model == NextPurchase.from_dict(model.as_dict())
