"""Customer value: never negative, within its interval, the two parts of what one who stays would spend, plain data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.checked import CheckedTables
from features.console import Stopwatch
from features.shop import read_shop
from features.store import Store
from models.combined_spend import CombinedSpend
from models.contract_spend import ContractSpend
from models.cost_of_leaving import CostOfLeaving
from models.lifetime import LifetimeModel, Spread
from models.purchase_process import NEEDS, PurchaseProcess
from models.spend import BoostedSpend, SpendModel, UsualSpend, ValueRows
from training.fit_lifetime import fit_lifetime
from training.study import Study
from training.train import Trained, prepare_panel

CONTRACT = ContractSpend(30, 1.0, (365.0,), ((0.01, 0.1), (0.005, 0.05)), 0.5, 0.5)
few = settings(max_examples=40)
PROCESS = PurchaseProcess(28, 1.4, 9.5, 0.4, 20.0, 0.6, 3.9, 180.0)


@pytest.fixture(scope="module")
def boosted() -> BoostedSpend:
    """Trees that halve the spend of who has been silent for long, and know the usual spend."""
    random = np.random.default_rng(3)
    X = np.column_stack([random.uniform(0, 100, 2000), random.uniform(0, 90, 2000)])
    spent = X[:, 0] * np.where(X[:, 1] > 45, 0.5, 1.0) * random.gamma(4, 0.25, 2000)
    data = lgb.Dataset(X, spent, feature_name=["usual_spend_per_28d", "silence"])
    settings = {"objective": "tweedie", "verbose": -1, "num_threads": 1, "monotone_constraints": [1, 0]}
    text = lgb.train(settings, data, 30).model_to_string()
    return BoostedSpend(28, 2, 40.0, 0.9, ("usual_spend_per_28d", "silence"), text)


def customers(usual: list[float], chance: list[float], silence: float = 10.0) -> ValueRows:
    spend = np.array(usual)
    column = {
        "usual_spend_per_28d": spend, "silence": np.full(len(spend), silence), NEEDS[0]: np.full(len(spend), 9.0),
        NEEDS[1]: np.full(len(spend), 150.0), NEEDS[2]: np.full(len(spend), silence), NEEDS[4]: np.full(len(spend), 1.7),
        "days_since_first_contract": np.full(len(spend), 100.0), "days_to_renewal": np.full(len(spend), 12.0),
        "contract_period_days": np.full(len(spend), 30.0),
    }  # fmt: skip
    return ValueRows(column, spend, np.array(chance))


def lifetime(spend: SpendModel, **changes: object) -> LifetimeModel:
    spread = Spread((5.0, 50.0), (0.0, 0.4, 0.6), (3.0, 1.8, 1.4))
    given = {
        "cost_of_leaving": CostOfLeaving((0.1, 0.8), (0.5, 4.0)),
        "spread": spread,
        "total": (0.9, 1.1),
        "judged_days": 84,
    }
    return LifetimeModel(28, 365, 0.1, spend, **(given | changes))  # type: ignore[arg-type]


def every_model(boosted: BoostedSpend) -> list[SpendModel]:
    return [UsualSpend(28, 1.1), PROCESS, CONTRACT, boosted, CombinedSpend(PROCESS, boosted)]


@few
@given(
    usual=st.lists(st.floats(0, 5000), min_size=1, max_size=8), chance=st.floats(0, 1), silence=st.floats(1, 90),
)  # fmt: skip
def test_a_value_is_never_negative_and_lies_in_its_interval_and_leaving_costs_its_multiple(
    boosted: BoostedSpend, usual: list[float], chance: float, silence: float
) -> None:
    rows = customers(usual, [chance] * len(usual), silence)
    for spend in every_model(boosted):
        model = lifetime(spend)
        mean, low, high = model.value(rows)
        lost = model.lost_if_gone(mean, rows.churn_probability)

        assert (0 <= low).all(), spend
        assert (low <= mean).all(), spend
        assert (mean <= high).all(), spend
        assert (lost >= 0.5 * mean).all(), spend
        assert (lost <= 4.0 * mean).all(), spend


@few
@given(usual=st.lists(st.floats(0, 5000), min_size=2, max_size=8), chance=st.floats(0, 1))
def test_more_usual_spend_never_lowers_the_value(boosted: BoostedSpend, usual: list[float], chance: float) -> None:
    """All else equal, whatever the model."""
    rows = customers(sorted(usual), [chance] * len(usual))
    for spend in every_model(boosted):
        mean, _, _ = lifetime(spend).value(rows)
        assert (np.diff(mean) >= -1e-9 * mean.max(initial=1)).all(), spend


def test_more_risk_never_raises_the_value_of_the_usual_spend_and_of_contracts() -> None:
    risk = np.linspace(0, 1, 21)
    for spend in (UsualSpend(28, 1.0), CONTRACT):
        mean, _, _ = lifetime(spend).value(customers([100.0] * 21, risk.tolist()))
        assert (np.diff(mean) <= 1e-9).all(), spend


def test_a_year_of_usual_spend_by_hand() -> None:
    """Two periods at 0.5 of staying, no discount: 100 x 0.5 + 100 x 0.25."""
    mean, _, _ = LifetimeModel(28, 56, 0.0, UsualSpend(28, 1.0)).value(customers([100.0], [0.5]))

    assert [75.0] == mean.tolist()


@pytest.mark.parametrize(("period_days", "whole_periods"), [(7, 8), (28, 2), (30, 56 / 30), (56, 1), (112, 0.5)])
def test_a_value_covers_its_days_whatever_the_horizon(period_days: int, whole_periods: float) -> None:
    """56 days of one who stays for certain, to the day: the last period counts as far as it lies within."""
    mean, _, _ = LifetimeModel(period_days, 56, 0.0, UsualSpend(period_days, 1.0)).value(customers([100.0], [0.0]))

    assert mean[0] == pytest.approx(100 * period_days / 28 * whole_periods)


def test_boosted_spend_declines_from_window_to_window(boosted: BoostedSpend) -> None:
    spend = boosted.by_period(customers([50.0], [0.1]), 6)[0]

    assert spend[0] == spend[1]
    assert spend[2:4] == pytest.approx(0.9 * spend[:2])
    assert spend[4:] == pytest.approx(0.81 * spend[:2])


def test_contracts_by_hand() -> None:
    """Price 30 a period; half leave in the first, who pay half of it. Then the hazard, a renewal in every period."""
    flat = ContractSpend(30, 1.0, (), ((0.2, 0.2),), 0.0, 0.5)
    rows = ValueRows({}, np.array([28.0]), np.array([0.5]))
    spend = flat.by_period(rows, 3)[0]

    assert spend == pytest.approx([30 * (0.5 + 0.25), 30 * (0.4 + 0.05), 30 * (0.32 + 0.04)])


def test_a_contract_at_risk_only_at_its_renewal_is_safe_until_then() -> None:
    yearly = ContractSpend(30, 1.0, (), ((0.0001, 0.6),), 0.0, 0.0)
    column = {"days_since_first_contract": np.array([10.0]), "days_to_renewal": np.array([100.0]),
              "contract_period_days": np.array([365.0])}  # fmt: skip
    spend = yearly.by_period(ValueRows(column, np.array([28.0]), np.array([0.0001])), 6)[0]

    assert (spend[:3] > 29.9).all()
    assert spend[3] == pytest.approx(12, rel=0.01)  # the renewal after 100 days lies in the fourth
    assert spend[4] == pytest.approx(spend[3], rel=0.01)


def test_what_is_special_about_a_contract_lasts_as_it_says() -> None:
    """Of two with different risk now: later alike where it does not last, apart where it does."""
    rows = customers([28.0, 28.0], [0.01, 0.3])
    left = {}
    for lasting in (0.0, 1.0):
        model = ContractSpend(30, 1.0, (), ((0.05, 0.05),), lasting, 0.0)
        spend = model.by_period(rows, 4)
        left[lasting] = 1 - spend[:, 3] / spend[:, 2]

    assert left[0.0] == pytest.approx([0.05, 0.05])
    assert left[1.0] == pytest.approx([0.01, 0.3])


def test_every_spend_model_is_plain_data(boosted: BoostedSpend) -> None:
    rows = customers([0.0, 10.0, 300.0], [0.1, 0.5, 0.9])
    for spend in every_model(boosted):
        model = lifetime(spend)
        again = LifetimeModel.from_dict(json.loads(json.dumps(model.as_dict())), spend.text)
        assert model == again
        assert [part.tolist() for part in model.value(rows)] == [part.tolist() for part in again.value(rows)]


def test_an_unknown_model_or_one_without_its_text_is_refused(boosted: BoostedSpend) -> None:
    plain = lifetime(boosted).as_dict()
    with pytest.raises(ValueError, match="its text is missing"):
        LifetimeModel.from_dict(plain)
    with pytest.raises(ValueError, match="no spend model 'oracle'"):
        LifetimeModel.from_dict({**plain, "spend": {"kind": "oracle"}})


def test_bundles_before_format_4_keep_their_value() -> None:
    """Usual spend by a constant chance of staying; leavers spend nothing more, and what is lost is all they would."""
    old = {"period_days": 28, "days": 365, "yearly_discount": 0.1, "level": 1.1, "low": 0.5, "high": 1.6}
    model = LifetimeModel.from_dict(old)
    mean, low, high = model.value(customers([100.0], [0.2]))
    counted = 1.1 ** (-np.arange(14) * 28 / 365) * np.append(np.ones(13), 1 / 28)  # 365 days are 13 periods and a day

    assert mean[0] == pytest.approx(110 * (counted * 0.8 ** np.arange(1, 15)).sum())
    assert (low[0], high[0]) == pytest.approx((0.5 * mean[0], 1.6 * mean[0]))
    assert model.lost_if_gone(mean, np.array([0.2]))[0] == pytest.approx(110 * (counted * 0.8 ** np.arange(14)).sum())


def test_equity_strays_in_proportion() -> None:
    assert lifetime(UsualSpend(28, 1.0)).equity(1000.0) == pytest.approx((900.0, 1100.0))


def test_what_is_trained_is_judged_and_says_so(trained: Trained) -> None:
    value, model = trained.judgment.value, trained.bundle.lifetime

    assert value is not None
    assert model.spend.kind == value["chosen"] in value["models"]
    assert value["days"] == model.judged_days
    cost = model.cost_of_leaving
    assert list(cost.multiple) == sorted(cost.multiple)
    assert cost.multiple[-1] > 2 * cost.multiple[0] > 0
    assert model.total[0] <= 1 <= model.total[1]
    assert 0.65 < value["coverage"]["within"] < 0.97
    assert 0.4 < value["next_purchase"]["bought"] < 0.7
    assert any(f"judged over {value['days']} days" in limit for limit in trained.bundle.card["limits"])


def test_nothing_that_knows_of_later_days_tells_who_left_before_the_first_judged_day(
    trained: Trained, example_folder: Path, checked: CheckedTables, study: Study, example_store: Store
) -> None:
    """References were fitted up to that day; whatever they say of earlier ones, value is learned and judged alike."""
    prepared = prepare_panel(read_shop(example_folder), checked, study, example_store, Stopwatch())
    catalog, panel = prepared.catalog, prepared.panel
    leaning = [name not in catalog.without_references.names for name in catalog.names]
    altered = replace(panel, X=np.where(leaning, 0.0, panel.X))
    judged = trained.judgment.judged
    found = [
        fit_lifetime(checked, prepared.plan, of, prepared.known, judged, catalog, prepared.value, study)
        for of in (panel, altered)
    ]
    (one, valued), (other, again) = found

    assert sum(leaning) >= 5
    assert valued is not None
    assert again is not None
    assert min(split.calibrate for split in valued.window.splits) < prepared.plan.first_judged
    assert one.as_dict() == other.as_dict()
    assert valued.as_dict() == again.as_dict()
