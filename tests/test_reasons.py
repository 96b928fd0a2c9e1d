"""Reasons: they add up to the log-odds, strongest first, and speak in the customer's own figures."""

from __future__ import annotations

import numpy as np
import pytest

from features.behavior import CATALOG
from features.catalog import Catalog
from models.reasons import Explainer, ReasonFeature, raising
from models.score import explain, score
from training.train import Trained

SOME = Catalog(
    tuple(
        CATALOG.by_name[name]
        for name in ("days_since_last_purchase", "mean_gap_days", "spend_28d", "fading_visits_14d")
    )
)
TYPICAL = {"days_since_last_purchase": 5.0, "mean_gap_days": 6.0, "spend_28d": 120.0, "fading_visits_14d": 1.0}
ROW = {"days_since_last_purchase": 23.0, "mean_gap_days": 6.13, "spend_28d": 0.0, "fading_visits_14d": 0.2}


def explainer(language: str = "en") -> Explainer:
    return Explainer(SOME, TYPICAL, language, "USD")


def test_a_reason_in_words_and_figures() -> None:
    quiet, spend, habit = explainer().reasons(np.array([[0.5, -0.2, 0.1, 0.3]]), [ROW])[0]

    assert ("going_quiet", pytest.approx(0.8), True) == (quiet.driver, quiet.push, quiet.lever)
    assert quiet.sentence == "Last bought 23 days ago; usually every 6.1 days."
    assert spend.sentence == "Spent $0.00 in the last 28 days; typical is $120.00."
    assert ("buying_habit", pytest.approx(-0.2), False) == (habit.driver, habit.push, habit.lever)
    assert [f.name for f in quiet.features] == ["days_since_last_purchase", "fading_visits_14d"]


def test_the_same_reason_in_chinese() -> None:
    quiet, spend, _ = explainer("zh").reasons(np.array([[0.5, -0.2, 0.1, 0.3]]), [ROW])[0]

    assert quiet.sentence == "上次购买在23天前；通常每6.1天购买一次。"
    assert spend.sentence == "近28天消费US$0.00；一般客户为US$120.00。"


def test_a_plain_sentence_speaks_even_where_another_column_pushes_more() -> None:
    quiet = explainer().reasons(np.array([[0.1, 0.0, 0.0, 0.9]]), [ROW])[0][0]

    assert [f.name for f in quiet.features[:2]] == ["days_since_last_purchase", "fading_visits_14d"]
    assert quiet.sentence == "Last bought 23 days ago; usually every 6.1 days."


def test_a_sentence_never_contradicts_its_reason() -> None:
    """Longer silence pushes towards leaving: 3 days against the usual 6 cannot be why, though the column pushed most."""
    direction = {"days_since_last_purchase": 1.0, "fading_visits_14d": -1.0}
    speaker = Explainer(SOME, TYPICAL, "en", "USD", direction)
    recent = {**ROW, "days_since_last_purchase": 3.0}
    frequent = {**recent, "fading_visits_14d": 4.0}
    telling, silent = (speaker.reasons(np.array([[0.5, 0.0, 0.0, 0.1]]), [row])[0][0] for row in (recent, frequent))

    assert "Recent visits, weighed by freshness over 14 days, come to 0.2; typical is 1." == telling.sentence
    assert (True, False) == (telling.lever, silent.lever)
    assert (True, False) == (telling.telling, silent.telling)


SPEND = {"days_since_last_purchase": 4.0, "mean_gap_days": 6.0, "fading_visits_14d": 1.0}


@pytest.mark.parametrize(
    ("spent", "typical", "sentence", "telling"),
    [
        (0.0, 0.0, "Spent $0.00 in the last 28 days; typical is $0.00.", False),
        (12.004, 12.001, "Spent $12.00 in the last 28 days; typical is $12.00.", False),
        (None, 120.0, "Money spent in the last 28 days: not known.", False),
        (12.01, 12.0, "Spent $12.01 in the last 28 days; typical is $12.00.", True),
        (0.0, 120.0, "Spent $0.00 in the last 28 days; typical is $120.00.", True),
    ],
)
def test_what_is_unknown_or_as_usual_is_a_reason_but_not_one_to_tell(
    spent: float | None, typical: float, sentence: str, telling: bool
) -> None:
    """It stays in the sum; people are told only what says something, and nothing is done because of the rest."""
    speaker = Explainer(SOME, {**TYPICAL, "spend_28d": typical}, "en", "USD")
    reasons = speaker.reasons(np.array([[0.1, 0.0, 0.9, 0.0]]), [{**SPEND, "spend_28d": spent}])[0]
    answer = {"reasons": [reason.as_dict() for reason in reasons]}

    spending = reasons[0]
    assert ("spending_less", sentence, telling, telling) == (
        spending.driver, spending.sentence, spending.telling, spending.lever
    )  # fmt: skip
    assert pytest.approx(1.0) == sum(reason["push"] for reason in answer["reasons"])
    told = [reason["driver"] for reason in raising(answer)]
    assert (["spending_less"] if telling else []) + ["going_quiet"] == told


def test_a_column_that_tells_something_speaks_before_one_that_does_not() -> None:
    """4 days against the usual 4 pushed most; the visits of late, fewer than is typical, are what there is to say."""
    row = {**ROW, "days_since_last_purchase": 4.0, "mean_gap_days": 4.0}
    quiet = explainer().reasons(np.array([[0.9, 0.0, 0.0, 0.1]]), [row])[0][0]

    assert ("going_quiet", True, "fading_visits_14d") == (quiet.driver, quiet.telling, quiet.features[0].name)


def test_an_answer_of_before_there_was_such_a_mark_is_told_whole() -> None:
    assert [{"push": 0.2}] == raising({"reasons": [{"push": 0.2}, {"push": -0.1}]})


def test_what_is_unusual_is_left_out_where_the_usual_is_unknown() -> None:
    quiet = explainer().reasons(np.array([[0.5, 0.0, 0.0, 0.0]]), [{**ROW, "mean_gap_days": None}])[0][0]

    assert quiet.sentence == "Last bought 23 days ago."


@pytest.mark.parametrize("unit", ["money", "days", "share", "ratio", "number", "count"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_rounds_to_nothing_is_spoken_without_a_sign(unit: str, language: str) -> None:
    assert explainer(language).spoken(-0.0004, unit) == explainer(language).spoken(0.0, unit)


def test_one_day_is_one_day() -> None:
    feature = SOME.by_name["days_since_last_purchase"]

    assert explainer().sentence(feature, ReasonFeature(feature.name, 1.0, None, 0.1)) == "Last bought 1 day ago."


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_feature_can_be_spoken(language: str) -> None:
    """With a value, without a usual one, and unknown; no placeholder is left over."""
    speaker = Explainer(CATALOG, {}, language, "EUR")
    for feature in CATALOG.features:
        for value in (0.0, 1.0, 12.5, 0.123, None):
            for usual in (None, 3.0):
                sentence = speaker.sentence(feature, ReasonFeature(feature.name, value, usual, 0.1))
                assert not set(sentence) & set("{}"), sentence
                assert sentence.endswith("." if language == "en" else "。"), sentence


@pytest.mark.slow
def test_base_and_all_pushes_are_the_log_odds(trained: Trained) -> None:
    table = trained.panel.vectors.slice(0, 300)
    table = table.filter(np.asarray(table.column("cutoff")) == table.column("cutoff")[0].as_py())
    scores = score(trained.bundle, table)
    speaker = Explainer(trained.bundle.catalog, trained.bundle.references.typical, "en", "EUR")
    reasons, base = explain(scores, table, speaker)
    logit = np.log(scores.churn_probability / (1 - scores.churn_probability))

    for i, found in enumerate(reasons):
        assert base + sum(reason.push for reason in found) == pytest.approx(logit[i], abs=1e-6)
        assert sorted((r.push for r in found), reverse=True) == [r.push for r in found]


def test_of_nobody_there_are_no_reasons() -> None:
    assert [] == explainer().reasons(np.empty((0, 4)), [])
