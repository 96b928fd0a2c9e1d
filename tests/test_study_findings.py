"""What the preflight says about a study: history, customers, horizon; a small shop is told what it loses."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from by_hand import TinyShop
from year_of_sales import FIRST, SMALL, TODAY, looked_at, sales, the

from features.check import check_tables
from features.store import Store
from training.gaps import usual_gaps
from training.study_findings import auc_half_width


def test_a_small_shop_is_told_what_it_loses(tiny_shop: TinyShop, store: Store) -> None:
    found = looked_at(tiny_shop(sales()), store, **SMALL)

    assert found.is_usable
    assert the(found, "size").details == "46 customers are eligible: it works, with wide intervals."
    assert the(found, "certainty").state == "warning"
    assert "segments are too small to be judged one by one" in the(found, "certainty").details
    assert the(found, "leaves").mend.startswith("Set fit.min_customers_in_leaf in study.toml to ")
    assert the(found, "history").state == "recommendation"


@pytest.mark.parametrize(("churned", "stayed"), [(336, 1987), (50, 450), (30, 60)])
def test_how_well_an_auc_would_be_known_is_what_a_simulation_finds_or_up_to_a_fifth_less(
    churned: int, stayed: int
) -> None:
    """Two normal scores whose AUC is 0.8, drawn 4,000 times."""
    random, apart = np.random.default_rng(1), 1.1902
    high = random.normal(apart, size=(4000, churned))
    low = np.sort(random.normal(size=(4000, stayed)), axis=1)
    aucs = [np.searchsorted(low[k], high[k]).mean() / stayed for k in range(4000)]

    assert np.mean(aucs) == pytest.approx(0.8, abs=0.003)
    assert 1 <= auc_half_width(churned, stayed) / (1.96 * np.std(aucs)) <= 1.2


def test_without_churners_nothing_is_known() -> None:
    assert auc_half_width(0, 100) == math.inf


def test_usual_gaps_by_hand(tiny_shop: TinyShop, store: Store) -> None:
    """One buys every 7 days, another after 10 and 30 days, a third twice only: too seldom for a usual gap."""
    bought = {"one": (1, 8, 15, 22), "two": (1, 11, 41), "three": (1, 100)}
    rows = [{"customer_id": who, "timestamp": str(FIRST + timedelta(days=day)), "amount": 1}
            for who, days in bought.items() for day in (*days, days[0])]  # fmt: skip
    gaps = usual_gaps(check_tables(tiny_shop(rows), store, TODAY))

    assert gaps.usual.tolist() == [7, 20]
    assert (gaps.by_week[1], gaps.by_week[2], sum(gaps.by_week)) == (1, 1, 2)
    assert gaps.within(0.5) == 13.5


@pytest.mark.parametrize(("horizon", "state"), [(7, "warning"), (28, "ok")])
def test_a_horizon_shorter_than_the_usual_gap_is_told_with_a_better_one(
    tiny_shop: TinyShop, store: Store, horizon: int, state: str
) -> None:
    """Everyone buys every 14 days."""
    told = the(looked_at(tiny_shop(sales()), store, **SMALL, churn={"horizon_days": horizon}), "horizon")

    assert told.state == state
    assert told.mend == ("Set churn.horizon_days in study.toml to 14." if state == "warning" else "")


def test_sleepers_who_come_back_are_counted(tiny_shop: TinyShop, store: Store) -> None:
    """Sixty customers who buy every 80 days, and a horizon of 28: most who fall silent only sleep."""
    told = the(looked_at(tiny_shop(sales(every=80, leavers=0)), store, **SMALL), "sleepers")

    assert told.state == "recommendation"
    assert told.measured == 1
    assert "Churn means such a silence here, seldom a loss for good." in told.details
