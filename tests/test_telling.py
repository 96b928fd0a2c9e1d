"""Telling: whoever reads an answer is told it in their language, as if the run had been scored in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pytest
from pages_by_hand import answer, run_of

from models.bundle import Bundle
from models.decide import CONSIDERED, NO_ACTION_REASONS, decide
from models.playbook import Playbook
from models.score import answers, cases, explain, explainer, score
from serving.speech import speech
from serving.telling import Teller
from training.train import Trained

ENGLISH, CHINESE = speech("en"), speech("zh")
BARE = Playbook.model_validate(
    {"value": {"margin_share": 0.5, "safe_below": 0.1, "lost_above": 0.9}, "actions": [],
     "control": {"universal_share": 0, "universal_salt": "u", "campaign_share": 0, "campaign_salt": "c"}}
)  # fmt: skip


def teller(language: str, scored_in: str = "en", bundle: Bundle | None = None, **changes: Any) -> Teller:
    return Teller(run_of(language=scored_in, **changes), speech(language), bundle)


@pytest.fixture(scope="module")
def scored(trained: Trained) -> dict[str, list[dict[str, Any]]]:
    """Forty customers' answers as runs in either language would store them."""
    table = trained.panel.vectors
    table = table.filter(np.asarray(table.column("cutoff")) == np.asarray(table.column("cutoff")).max()).slice(0, 40)
    scores, found = score(trained.bundle, table), {}
    for language in ("en", "zh"):
        reasons, base = explain(scores, table, explainer(trained.bundle, language, "EUR"))
        decisions = decide(BARE, cases(scores, reasons))
        found[language] = answers(scores, reasons, base, decisions, datetime(2024, 5, 1, 6), language)
    return found


@pytest.mark.parametrize(("stored", "read"), [("en", "zh"), ("zh", "en"), ("en", "en"), ("zh", "zh")])
def test_an_answer_is_told_as_if_it_had_been_scored_in_the_readers_language(
    scored: dict[str, list[dict[str, Any]]], trained: Trained, stored: str, read: str
) -> None:
    segments = {s.id: {"en": s.en, "zh": s.zh} for s in trained.bundle.segmenter.segments}
    told = teller(read, stored, trained.bundle, labels={"segments": segments})
    drivers = set()
    for ours, theirs in zip(scored[stored], scored[read], strict=True):
        assert [told.sentence(reason) for reason in ours["reasons"]] == [r["sentence"] for r in theirs["reasons"]]
        assert told.segment(ours) == theirs["segment"]["name"]
        drivers |= {reason["driver"] for reason in ours["reasons"]}

    assert len(drivers) > 8


def test_without_its_bundle_a_sentence_is_told_as_it_was_stored() -> None:
    [reason] = answer()["reasons"]

    assert "Last bought 23 days ago; usually every 6.1 days." == teller("zh").sentence(reason)
    assert [] == teller("zh").features(reason)


def test_in_the_language_of_the_run_a_sentence_is_told_as_it_was_stored(trained: Trained) -> None:
    """Though a later version may word it otherwise."""
    [reason] = answer(reasons=[{**answer()["reasons"][0], "sentence": "Not seen for 23 days."}])["reasons"]

    assert "Not seen for 23 days." == teller("en", bundle=trained.bundle).sentence(reason)


def test_with_its_bundle_it_is_told_anew(trained: Trained) -> None:
    [reason] = answer()["reasons"]

    assert "上次购买在23天前；通常每6.1天购买一次。" == teller("zh", bundle=trained.bundle).sentence(reason)


def test_what_a_newer_version_may_have_stored_is_told_by_its_code(trained: Trained) -> None:
    strange = {"driver": "moon", "push": 0.4, "features": [{"name": "full_moons", "value": 3.0, "usual": None, "push": 0.4}],
               "sentence": "Three full moons."}  # fmt: skip
    for told in (teller("zh"), teller("zh", bundle=trained.bundle)):
        assert ("Three full moons.", []) == (told.sentence(strange), told.features(strange))
        assert "Nothing." == told.sentence({"sentence": "Nothing.", "features": []})
        assert ("moon", "wave", "S9") == (told.driver("moon"), told.action("wave"), told.segment_name("S9"))
        assert ("Eclipse", "Tide") == (told.why_not("eclipse"), told.verdict("tide"))
        assert "" == told.segment({"segment": None})
        assert "night owls" == told.segment({"segment": {"id": "S9", "name": "night owls"}})


def test_a_run_without_labels_is_told_by_what_its_answers_hold() -> None:
    old = teller("zh", labels={})

    assert ("regulars", "call") == (old.segment(answer()), old.decided(answer()))


@pytest.mark.parametrize(
    ("decision", "en", "zh"),
    [
        ({}, "Call them", "致电客户"),
        ({"action": "no_action", "why_not": "already_safe"}, "Already safe", "客户稳定，无需挽留"),
        ({"action": "no_action", "why_not": "campaign_control", "withheld": "call"},
         "Call them, held back for comparison", "致电客户（为对照而暂不执行）"),
    ],
)  # fmt: skip
def test_a_decision_in_a_few_words(decision: dict[str, Any], en: str, zh: str) -> None:
    decided = answer(decision=decision)

    assert (en, zh) == (teller("en").decided(decided), teller("zh").decided(decided))


def test_every_code_of_a_decision_is_told_in_either_language() -> None:
    for code, (en, zh) in NO_ACTION_REASONS.items():
        assert (en, zh) == (
            teller("en").why_not(code)[0].lower() + teller("en").why_not(code)[1:],
            teller("zh").why_not(code),
        )
    for code, (_, zh) in CONSIDERED.items():
        assert zh == teller("zh").verdict(code)
    assert ("No action", "不采取行动") == (teller("en").action("no_action"), teller("zh").action("no_action"))


def test_the_columns_behind_a_reason_are_told_with_what_is_usual(trained: Trained) -> None:
    features = [
        {"name": "days_since_last_purchase", "value": 23.0, "usual": 6.13, "push": 0.5},
        {"name": "days_since_last_purchase", "value": None, "usual": None, "push": 0.1},
        {"name": "a column of long ago", "value": 1.0, "usual": 1.0, "push": 0.1},
    ]
    known, unknown = teller("en", bundle=trained.bundle).features({"features": features})

    assert ("23 days", "6.1 days") == (known.value, known.usual)
    assert ("not known", "") == (unknown.value, unknown.usual)
    assert known.meaning == unknown.meaning == trained.bundle.catalog.by_name["days_since_last_purchase"].meaning
