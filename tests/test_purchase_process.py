"""The purchase process: published parameters and forecasts on the CDNOW sample, and what expected purchases must obey."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from real_tables import real

from models.purchase_process import NEEDS, PurchaseProcess
from models.spend import ValueRows
from training.fit_purchase_rate import fit_purchase_rate
from training.fit_spend_per_purchase import fit_spend_per_purchase, log_likelihood

WEEKS = 39
IN_WEEKS = PurchaseProcess(period_days=7, r=0.243, alpha=4.414, a=0.793, b=2.426, p=6.25, q=3.74, v=15.44)
"""As published of CDNOW, time in weeks."""


def cdnow() -> dict[str, np.ndarray]:
    """Of 2,357 customers: repeats, weeks to the last and to the end of 39 weeks, repeats after them, mean repeat spend."""
    sales: Path = real("cdnow/cdnow_sample")
    found = duckdb.sql(
        f"""with days as (select sample_id as id, cast(date as date) as day, sum(amount) as amount from '{sales}' group by all),
        known as (select *, day < date '1997-10-01' as seen, day > min(day) over (partition by id) as again from days)
        select id, count(*) filter (seen) - 1.0 as repeats, (max(day) filter (seen) - min(day)) / 7.0 as last,
               (date '1997-09-30' - min(day)) / 7.0 as observed, count(*) filter (not seen) * 1.0 as later,
               coalesce(avg(amount) filter (seen and again), 0) as mean
        from known group by id order by id"""
    ).fetchnumpy()
    return {name: np.asarray(column, float) for name, column in found.items()}


def test_gamma_gamma_on_the_cdnow_sample_gives_the_published_parameters() -> None:
    """Fader & Hardie 2013, 946 customers who bought again: p 6.25, q 3.74, v 15.44."""
    known = cdnow()
    found = fit_spend_per_purchase(known["repeats"], known["mean"])

    assert 946 == ((known["repeats"] > 0) & (known["mean"] > 0)).sum()
    assert found is not None
    assert [found.p, found.q, found.v] == pytest.approx([6.25, 3.74, 15.44], abs=0.01)


def test_bg_nbd_forecasts_the_following_39_weeks_of_cdnow_as_measured_elsewhere() -> None:
    """RMSE 1.608, correlation 0.626, MAE 0.785; the sum 12 % too low."""
    known = cdnow()
    rate = fit_purchase_rate(known["repeats"], known["last"], known["observed"])
    assert rate is not None
    process = PurchaseProcess(7, rate.r, rate.alpha, rate.a, rate.b, 1.0, 2.0, 1.0)
    told = process.purchases(known["repeats"], known["last"], known["observed"], np.array([float(WEEKS)]))[:, 0]
    off = told - known["later"]

    assert np.sqrt(np.mean(off**2)) == pytest.approx(1.608, abs=5e-4)
    assert np.corrcoef(told, known["later"])[0, 1] == pytest.approx(0.626, abs=5e-4)
    assert np.abs(off).mean() == pytest.approx(0.785, abs=1e-3)
    assert told.sum() / known["later"].sum() == pytest.approx(0.879, abs=1e-3)


@settings(max_examples=50)
@given(
    repeats=st.integers(0, 60), share=st.floats(0, 1), observed=st.floats(1, 60), ends=st.floats(0.5, 52),
    a=st.floats(0.02, 5), b=st.floats(0.5, 50),
)  # fmt: skip
def test_expected_purchases_are_those_of_the_published_closed_form(
    repeats: int, share: float, observed: float, ends: float, a: float, b: float
) -> None:
    """Fader, Hardie & Lee 2005, eq. 10; it has no value where a is 1."""
    from scipy.special import hyp2f1

    assume(abs(a - 1) > 1e-3)
    assume(repeats or a + b > 1.01)  # else the series has no value either
    process = PurchaseProcess(7, 0.243, 4.414, a, b, 6.25, 3.74, 15.44)
    x, last = float(repeats), share * observed if repeats else 0.0
    r, alpha = process.r, process.alpha
    z = ends / (alpha + observed + ends)
    made = 1 - ((alpha + observed) / (alpha + observed + ends)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, z)
    gone = a / (b + x - 1) * ((alpha + observed) / (alpha + last)) ** (r + x) if repeats else 0.0
    published = (a + b + x - 1) / (a - 1) * made / (1 + gone)

    one = (np.array([x]), np.array([last]), np.array([observed]))
    assert process.purchases(*one, np.array([ends]))[0, 0] == pytest.approx(published, rel=2e-3, abs=1e-6)


def test_who_bought_lately_is_alive_rather_than_who_did_long_ago() -> None:
    repeats, last = np.full(5, 4.0), np.array([5.0, 10.0, 20.0, 30.0, 38.0])
    alive = IN_WEEKS.alive(repeats, last, np.full(5, 38.0))

    assert (np.diff(alive) > 0).all()
    assert 1.0 == IN_WEEKS.alive(np.zeros(1), np.zeros(1), np.full(1, 38.0))[0]


def test_a_purchase_is_expected_between_the_customers_mean_and_that_of_all() -> None:
    """The more purchases, the nearer to the customer's own; without any, the mean of all: p v / (q - 1)."""
    of_all = 6.25 * 15.44 / 2.74
    once, often, never = IN_WEEKS.spend_per_purchase(np.array([1.0, 50.0, 0.0]), np.array([100.0, 100.0, 0.0]))

    assert never == pytest.approx(of_all)
    assert of_all < once < often < 100


def test_the_spend_of_simulated_purchases_is_found_again() -> None:
    """Each customer's purchases are gamma(4, nu) and nu gamma(5, 60): the mean is 4 x 60 / 4."""
    random = np.random.default_rng(3)
    count = random.integers(1, 9, 4000).astype(float)
    mean = random.gamma(4 * count, 1 / random.gamma(5, 1 / 60, 4000)) / count
    found = fit_spend_per_purchase(count, mean)

    assert found is not None
    assert found.p * found.v / (found.q - 1) == pytest.approx(60, rel=0.05)
    assert found.log_likelihood >= log_likelihood(4, 5, 60, count, mean) - 1e-6


def test_where_nothing_tells_of_spend_there_is_no_spend_per_purchase() -> None:
    assert fit_spend_per_purchase(np.ones(30), np.zeros(30)) is None
    assert fit_spend_per_purchase(np.ones(3), np.ones(3)) is None


def test_who_never_bought_is_expected_to_spend_nothing() -> None:
    column = {name: np.array([2.0, np.nan]) for name in NEEDS} | {"days_since_first_purchase": np.array([30.0, np.nan])}
    spend = IN_WEEKS.by_period(ValueRows(column, np.array([10.0, 0.0]), np.array([0.1, 1.0])), 4)

    assert (2, 4) == spend.shape
    assert (spend[0] > 0).all()
    assert (np.diff(spend[0]) < 0).all()
    assert [0.0] * 4 == spend[1].tolist()
