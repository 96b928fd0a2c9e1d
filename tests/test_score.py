"""Scores: what a customer is called does not depend on who else is scored, nor their tier on their risk."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from features.checked import CheckedTables
from features.consent import opted_out
from models import relationship
from models.decide import decide
from models.ledger import utc_now
from models.playbook import Playbook
from models.reasons import Explainer
from models.score import answers, cases, explain, score
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


def test_the_next_purchase_is_expected_by_the_customers_own_rhythm_or_on_no_day(trained: Trained, last) -> None:
    """Every 7 days, last seen 2.6 days ago: in 4; seen 7 or 30 days ago it should have come; a first one has no rhythm."""
    rows = last.slice(0, 4)
    gaps, since = [7.0, 7.0, 7.0, None], [2.6, 7.0, 30.0, 3.0]
    for name, values in (("mean_gap_days", gaps), ("days_since_last_purchase", since)):
        rows = rows.set_column(rows.column_names.index(name), name, [pa.array(values, pa.float64())])
    scores = score(trained.bundle, rows)
    decisions = decide(NO_ACTIONS, cases(scores, [()] * 4))
    found = [a["expected_next_purchase"] for a in answers(scores, [()] * 4, 0.0, decisions, utc_now(), "en")]

    assert [(scores.cutoff + timedelta(days=4)).isoformat(), None, None, None] == found


def test_no_day_that_is_expected_is_past(trained: Trained, last) -> None:
    scores = score(trained.bundle, last)
    nothing = [()] * len(scores)
    found = answers(scores, nothing, 0.0, decide(NO_ACTIONS, cases(scores, nothing)), utc_now(), "en")
    days = [one["expected_next_purchase"] for one in found]

    assert all(day is None or day > one["as_of"] for day, one in zip(days, found, strict=True))
    assert 0.2 < np.mean([day is None for day in days]) < 0.9


def test_lifetime_value_and_value_at_risk_are_the_two_parts_of_one_spend(trained: Trained, last) -> None:
    """By the chance of staying and by that of leaving: so a likely leaver has more at risk than their lifetime value."""
    scores = score(trained.bundle, last)
    who = scores.eligible
    value, stays = scores.lifetime_value[0][who], scores.lost_if_gone[who]
    at_risk = scores.churn_probability[who] * stays

    assert np.allclose(value + at_risk, stays)
    more = at_risk > value
    assert (more == (scores.churn_probability[who] > 0.5))[stays > 0].all()
    assert more.any()


def test_what_the_law_protects_is_not_learned_from(trained: Trained) -> None:
    assert "attribute_region" in trained.bundle.catalog.names
    assert "attribute_age" not in trained.bundle.catalog.names


def test_the_interval_of_a_value_holds_its_mean_and_says_something(trained: Trained) -> None:
    lifetime = trained.bundle.lifetime

    assert 0 < lifetime.low < 1 < lifetime.high
