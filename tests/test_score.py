"""Scores: what a customer is called does not depend on who else is scored, nor their tier on their risk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.checked import CheckedTables
from features.consent import opted_out
from models import relationship
from models.decide import decide
from models.ledger import utc_now
from models.next_purchase import NEEDS, NextPurchase, SilenceCurve
from models.playbook import Playbook
from models.reasons import Explainer, Reason
from models.score import Scores, answers, cases, explain, score
from training.train import Trained

NO_ACTIONS = Playbook.model_validate(
    {"value": {"margin_share": 0.5, "safe_below": 0.1, "lost_above": 0.9}, "actions": [],
     "control": {"universal_share": 0, "universal_salt": "u", "campaign_share": 0, "campaign_salt": "c"}}
)  # fmt: skip


@pytest.fixture(scope="module")
def last(trained: Trained):
    """The vectors of the last cut-off."""
    table = trained.panel.vectors
    return table.filter(np.asarray(table.column("cutoff")) == np.asarray(table.column("cutoff")).max())


def test_a_rising_risk_never_changes_the_tier(trained: Trained, last) -> None:
    """Longer silence raises the probability; who was a key customer stays one."""
    names = trained.bundle.catalog.names
    silent = last.set_column(
        last.column_names.index("days_since_last_purchase"), "days_since_last_purchase", [np.full(last.num_rows, 80.0)]
    )
    before, after = score(trained.bundle, last), score(trained.bundle, silent)

    assert "usual_margin_per_28d" in names
    assert (after.churn_probability >= before.churn_probability - 1e-12).all()
    assert before.words["tier"].tolist() == after.words["tier"].tolist()


def test_key_customers_can_be_at_risk(trained: Trained, last) -> None:
    """The pyramid is cut on what customers usually bring: about a fifth stand above the small ones."""
    scores = score(trained.bundle, last)

    assert 0.1 < (scores.words["tier"] != "small").mean() < 0.35
    assert relationship.worth({"usual_spend_per_28d": np.array([5.0, np.nan])}).tolist() == [5.0, 0.0]


def test_a_customer_scored_alone_is_the_one_scored_among_all(trained: Trained, last) -> None:
    together = score(trained.bundle, last)
    for i in (0, 7, 31):
        alone = score(trained.bundle, last.slice(i, 1))
        assert alone.churn_probability[0] == together.churn_probability[i]
        assert alone.percentile[0] == together.percentile[i]
        among = [part[i] for part in together.lifetime_value]
        assert [part[0] for part in alone.lifetime_value] == pytest.approx(among, rel=1e-12)
        assert {k: v[0] for k, v in alone.words.items()} == {k: v[i] for k, v in together.words.items()}


def test_whoever_opted_out_is_neither_learned_from_nor_profiled(trained: Trained, checked: CheckedTables, last) -> None:
    objecting = opted_out(checked)
    assert objecting
    assert not objecting & set(trained.panel.customer_ids)

    who = frozenset([last.column("customer_id")[0].as_py()])
    scores = score(trained.bundle, last.slice(0, 2), who)
    reasons, base = explain(scores, last.slice(0, 2), Explainer(trained.bundle.catalog, {}, "en", "EUR"))
    decisions = decide(NO_ACTIONS, cases(scores, reasons))
    first, second = answers(scores, reasons, base, decisions, utc_now(), "en")

    for key in ("churn_probability", "segment", "relationship", "lifetime_value", "band", "percentile"):
        assert first[key] is None
        assert second[key] is not None
    assert ("opted_out", []) == (first["decision"]["why_not"], first["reasons"])


def test_the_next_purchase_is_the_day_by_which_half_of_those_alike_have_bought(trained: Trained, last) -> None:
    """By hand: of those with many purchases half have bought after one gap, a quarter are silent after two."""
    rows = last.slice(0, 5)
    visits, gaps, since = [9.0, 9.0, 9.0, 2.0, None], [8.0, 8.0, 8.0, 8.0, None], [1.0, 9.0, 33.0, 1.0, None]
    for name, values in zip(NEEDS, (visits, since, gaps), strict=True):
        rows = rows.set_column(rows.column_names.index(name), name, [pa.array(values, pa.float64())])
    often, never = SilenceCurve((1.0, 2.0, 3.0, 4.0), (0.5, 0.25, 0.125, 0.0625)), SilenceCurve((), ())
    bundle = replace(trained.bundle, next_purchase=NextPurchase(3, never, never, often))
    scores = score(bundle, rows)
    found = [a["expected_next_purchase"] for a in told(scores)]

    coming, overdue = scores.cutoff + timedelta(days=7), scores.cutoff + timedelta(days=7)
    assert [coming.isoformat(), overdue.isoformat(), None, None, None] == found


def told(scores: Scores) -> list[dict[str, Any]]:
    nothing: list[tuple[Reason, ...]] = [()] * len(scores)
    return answers(scores, nothing, 0.0, decide(NO_ACTIONS, cases(scores, nothing)), utc_now(), "en")


def test_no_day_that_is_expected_is_past(trained: Trained, last) -> None:
    found = told(score(trained.bundle, last))
    days = [one["expected_next_purchase"] for one in found]

    assert all(day is None or day > one["as_of"] for day, one in zip(days, found, strict=True))
    assert all(one["eligible"] or day is None for day, one in zip(days, found, strict=True))
    assert 0 < np.mean([day is None for day in days]) < 0.5


def test_the_value_at_risk_is_the_chance_of_leaving_times_what_it_costs(trained: Trained, last) -> None:
    scores = score(trained.bundle, last)
    who = scores.eligible
    value, chance = scores.lifetime_value[0][who], scores.churn_probability[who]
    at_risk = chance * scores.lost_if_gone[who]

    assert np.allclose(at_risk, chance * trained.bundle.lifetime.cost_of_leaving.of(value, chance))
    assert (at_risk >= 0).all()
    assert (at_risk[chance > 0.5] > value[chance > 0.5]).mean() > 0.5, "a likely leaver's value counts on it already"
    assert (at_risk < value).any()


def test_a_value_is_at_least_0_and_lies_in_its_interval(trained: Trained, last) -> None:
    mean, low, high = score(trained.bundle, last).lifetime_value

    assert (low >= 0).all()
    assert (low <= mean).all()
    assert (mean <= high).all()
    assert (high > low).any()


def test_what_the_law_protects_is_not_learned_from(trained: Trained) -> None:
    assert "attribute_region" in trained.bundle.catalog.names
    assert "attribute_age" not in trained.bundle.catalog.names
