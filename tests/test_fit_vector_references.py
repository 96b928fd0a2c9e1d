"""The references: purchase rates, usual prices and ventiles, from nothing later than the day they are fitted on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from by_hand import CUTOFF, DAY, checked_by_hand
from real_tables import real

from features.behavior import CATALOG
from features.behavior.peers import PEERS, ventile_names
from features.checked import CheckedTables
from features.references import VectorReferences
from training.fit_purchase_rate import fit_purchase_rate, log_likelihood
from training.fit_vector_references import fit_vector_references


def test_bg_nbd_on_the_cdnow_sample_gives_the_published_parameters() -> None:
    """Fader, Hardie & Lee 2005, table 2: 0.243, 4.414, 0.793, 2.426, log-likelihood -9582.4; 39 weeks of 2,357 customers."""
    import pandas as pd
    import pyarrow.parquet as pq

    sales = pq.read_table(real("cdnow/cdnow_sample")).to_pandas().drop_duplicates(["sample_id", "date"])
    end = pd.Timestamp("1997-09-30")
    first_to_last = sales[sales["date"] <= end].groupby("sample_id")["date"].agg(["min", "max", "count"])
    repeats = (first_to_last["count"] - 1).to_numpy(float)
    last = ((first_to_last["max"] - first_to_last["min"]).dt.days / 7).to_numpy(float)
    observed = ((end - first_to_last["min"]).dt.days / 7).to_numpy(float)

    found = fit_purchase_rate(repeats, last, observed)

    assert found is not None
    assert [found.r, found.alpha, found.a, found.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=1e-3)
    assert found.log_likelihood == pytest.approx(-9582.4, abs=0.05)


def test_the_purchase_rate_of_simulated_customers_is_found_again() -> None:
    """1,000 customers who buy once in 10 days on average and never stop: the rate is r / alpha = 0.1."""
    random = np.random.default_rng(3)
    observed = np.full(1000, 180.0)
    repeats = random.poisson(18, 1000).astype(float)
    last = np.where(repeats > 0, 180 * random.beta(np.maximum(repeats, 1), 1), 0)

    found = fit_purchase_rate(repeats, last, observed)

    assert found is not None
    assert found.r / found.alpha == pytest.approx(0.1, rel=0.05)
    truth = log_likelihood(1000.0, 10_000.0, 1e-4, 1.0, repeats, last, observed)
    assert found.log_likelihood >= truth - 1


def test_where_nobody_bought_twice_there_is_no_purchase_rate() -> None:
    assert fit_purchase_rate(np.zeros(5), np.zeros(5), np.full(5, 30.0)) is None
    assert fit_purchase_rate(np.zeros(0), np.zeros(0), np.zeros(0)) is None


def test_the_usual_price_of_a_product_is_what_a_piece_cost_before_the_day(tmp_path: Path) -> None:
    """Six lines of tea: 5 single ones at 3.00 and one of 5 pieces for 10.00: 25.00 for 10 pieces. Milk was sold once."""
    tea = {"customer_id": "a", "product": "tea", "amount": 3.0}
    lines = [{**tea, "day": DAY - k, "quantity": 1.0} for k in range(1, 6)]
    lines += [{**tea, "day": DAY - 9, "quantity": 5.0, "amount": 10.0}]
    lines += [{**tea, "day": DAY, "amount": 99.0}, {**tea, "day": DAY - 2, "amount": 3.0, "is_return": 1}]
    lines += [{"customer_id": "b", "day": DAY - 1, "product": "milk", "amount": 1.0}]

    found = fit_vector_references(checked_by_hand(tmp_path, {"transactions": lines}), CUTOFF, 182, seed=7)

    assert found.fitted_until == CUTOFF
    assert found.prices == {"tea": 2.5}


def test_ventiles_are_those_of_the_vectors_at_that_day(checked: CheckedTables) -> None:
    until = checked.known_until - timedelta(days=60)

    found = fit_vector_references(checked, until, 182, seed=7)

    names = ventile_names("spend_91d")
    edges = [found.numbers[name] for name in names]
    assert len(edges) == 19
    assert edges == sorted(edges)
    peers = set(PEERS) & set(CATALOG.available(checked.columns, {}).names)
    assert {f"references.{name}" for peer in peers for name in ventile_names(peer)} <= found.names
    assert VectorReferences.from_dict(found.as_dict()) == found


def test_what_comes_after_the_day_changes_no_reference(tmp_path: Path) -> None:
    rows = [{"customer_id": f"c{k % 7}", "day": DAY - 3 * k, "amount": 2.0 + k, "product": "p"} for k in range(1, 40)]
    later = [{"customer_id": f"c{k}", "day": DAY + k, "amount": 500.0, "product": "p"} for k in range(9)]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    before = fit_vector_references(checked_by_hand(tmp_path / "one", {"transactions": rows}), CUTOFF, 182, seed=7)
    after = fit_vector_references(
        checked_by_hand(tmp_path / "two", {"transactions": rows + later}), CUTOFF, 182, seed=7
    )

    assert before == after


def test_a_shop_without_transactions_has_neither_prices_nor_rates(tmp_path: Path) -> None:
    terms = [
        {"customer_id": f"c{k}", "started_day": DAY - 40, "price": 10.0 + k, "period_days": 30.0} for k in range(9)
    ]
    checked = checked_by_hand(tmp_path, {"subscriptions": terms})
    alone = replace(checked, columns={"subscriptions": checked.columns["subscriptions"]}, attributes={})

    found = fit_vector_references(alone, CUTOFF, 182, seed=7)

    assert found.prices == {}
    assert not any(name.startswith("purchase_") for name in found.numbers)
