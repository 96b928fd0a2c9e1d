"""What if: what the model says of a customer whose levers were moved, and nothing where none was."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalog import DRIVERS
from models.bundle import Bundle
from models.dossier import dossier
from models.reasons import drivers_of
from models.score import Scores, explainer, score
from serving.customer_view import usual_probability
from serving.speech import speech
from serving.what_if import MOST_SHOWN, Lever, WhatIf, probability_of, what_if
from training.train import Trained

SOME = 40
Ask = Callable[..., WhatIf]


@pytest.fixture(scope="module")
def scores(trained: Trained) -> Scores:
    """Some customers of the last cut-off."""
    table = trained.panel.vectors
    last = table.filter(np.asarray(table.column("cutoff")) == np.asarray(table.column("cutoff")).max())
    return score(trained.bundle, last.slice(0, SOME))


@pytest.fixture(scope="module")
def bundle(trained: Trained) -> Bundle:
    return trained.bundle


def vector(scores: Scores, i: int) -> Sequence[float | None]:
    """The vector of a customer as the dossier keeps it."""
    return dossier(scores.X[i], [], {})["vector"]


@pytest.fixture(scope="module")
def ask(bundle: Bundle, scores: Scores) -> Ask:
    """Asks what if of the i-th customer: columns to the values tried, `usual` to drivers."""

    def asked(i: int, language: str = "en", **levers: str | Sequence[str]) -> WhatIf:
        given = {name: [value] if isinstance(value, str) else value for name, value in levers.items()}
        return what_if(bundle, vector(scores, i), given, explainer(bundle, language, "EUR"), speech(language))

    return asked


def levers(found: WhatIf) -> dict[str, Lever]:
    return {lever.name: lever for group in found.groups for lever in group.levers}


customers = st.integers(0, SOME - 1)
quick = settings(max_examples=60)


def test_the_vector_of_a_dossier_gives_the_stored_probability(ask: Ask, scores: Scores) -> None:
    assert scores.eligible.all()
    for i in range(SOME):
        found = ask(i)
        assert scores.churn_probability[i] == pytest.approx(found.probability, abs=1e-12)
        assert (None, (), scores.band[i]) == (found.would_be, found.moved, found.band)


@quick
@given(customers)
def test_a_form_sent_back_as_it_was_moves_nothing(ask: Ask, scores: Scores, i: int) -> None:
    """Though it shows values rounded and shares in per cent."""
    shown = levers(ask(i))
    found = ask(i, **{name: str(lever.value) for name, lever in shown.items()})

    assert (scores.churn_probability[i], None) == (found.probability, found.would_be)
    assert shown == levers(found)


@quick
@given(customers, st.floats(0, 60), st.floats(0, 60))
def test_longer_silence_never_lowers_the_probability(ask: Ask, i: int, days: float, more: float) -> None:
    value = levers(ask(i))["days_since_last_purchase"].value
    sooner, later = (ask(i, days_since_last_purchase=str(value + step)) for step in (days, days + more))
    first, second = (found.probability if found.would_be is None else found.would_be for found in (sooner, later))

    assert sooner.probability - 1e-12 <= first <= second + 1e-12


@pytest.mark.parametrize(
    "nonsense",
    ["", " ", "many", "inf", "-inf", "nan", "1e300", "-1e13", "1e999", "0x10", "1,5", "\0", "9" * 5000, "１２x"],
)
def test_what_cannot_be_read_is_not_asked(ask: Ask, nonsense: str) -> None:
    for name in levers(ask(0)):
        assert ask(0) == ask(0, **{name: nonsense})


def test_fewer_days_or_events_than_none_are_not_asked(ask: Ask) -> None:
    counted = [lever for i in range(SOME) for lever in levers(ask(i)).values() if lever.unit in ("days", "count")]

    assert {"days", "count"} == {lever.unit for lever in counted}
    for name in {lever.name for lever in counted}:
        assert ask(0) == ask(0, **{name: "-1"})
        assert ask(0) == ask(0, **{name: "-0.001"})


def test_columns_that_are_no_levers_and_drivers_that_are_unknown_are_not_asked(ask: Ask, bundle: Bundle) -> None:
    context = {feature.name: "1" for feature in bundle.catalog.features if feature.role != "lever"}

    assert len(context) > 5
    assert ask(0).would_be is None is ask(0, **context).would_be
    assert ask(0, moon="1", usual=["moon", "tenure", ""]).would_be is None


def test_a_lever_whose_value_is_unknown_is_neither_shown_nor_moved(ask: Ask, scores: Scores, bundle: Bundle) -> None:
    names, unknown = bundle.catalog.names, 0
    for i in range(SOME):
        shown = levers(ask(i))
        missing = [name for name, value in zip(names, scores.X[i], strict=True) if math.isnan(value)]
        unknown += len(missing)
        assert not set(missing) & set(shown)
        assert ask(i) == ask(i, **dict.fromkeys(missing, "7"))

    assert unknown


@quick
@given(customers, st.sets(st.sampled_from(sorted(DRIVERS))), st.floats(0, 90).map(lambda days: str(round(days, 1))))
def test_what_moved_adds_up_to_the_change_of_the_log_odds(
    ask: Ask, bundle: Bundle, i: int, drivers: set[str], days: str
) -> None:
    """But for drivers that moved less than 0.005 each, which are left out."""
    found = ask(i, usual=sorted(drivers), days_since_last_purchase=days)
    after = found.probability if found.would_be is None else found.would_be
    change = math.log(after / (1 - after)) - math.log(found.probability / (1 - found.probability))
    left_out = len(drivers_of(bundle.catalog)[0]) - len(found.moved)

    assert abs(change - sum(push for _, push in found.moved)) <= 0.005 * left_out + 1e-6
    assert [push for _, push in found.moved] == sorted((push for _, push in found.moved), key=abs, reverse=True)
    assert all(abs(push) >= 0.005 for _, push in found.moved)


def test_a_driver_may_be_set_to_what_is_usual(ask: Ask) -> None:
    moved = 0
    for i in range(SOME):
        found = ask(i, usual=["spending_less"])
        [group] = [group for group in found.groups if group.driver == "spending_less"]
        assert group.as_usual
        assert [lever.usual for lever in group.levers] == [lever.tried for lever in group.levers]
        assert all(lever.tried == lever.value for name, lever in levers(found).items() if lever not in group.levers)
        moved += found.would_be is not None

    assert moved == SOME


def test_the_band_is_that_of_what_would_be(ask: Ask, bundle: Bundle) -> None:
    low, high = (ask(i, days_since_last_purchase="90") for i in (0, 1))
    for found in (low, high, ask(0)):
        probability = found.probability if found.would_be is None else found.would_be
        assert str(bundle.references.band(np.array([probability]))[0]) == found.band


def test_levers_are_what_someone_can_change_and_few(ask: Ask, bundle: Bundle) -> None:
    for i in range(SOME):
        for group in ask(i).groups:
            assert 1 <= len(group.levers) <= MOST_SHOWN
            for lever in group.levers:
                feature = bundle.catalog.by_name[lever.name]
                assert (group.driver, "lever") == (feature.driver, feature.role)
                assert (DRIVERS[group.driver].en, feature.meaning) == (group.label, lever.meaning)
    [first, *_] = ask(0, language="zh").groups
    assert (DRIVERS[first.driver].zh, bundle.catalog.by_name[first.levers[0].name].meaning_zh) == (
        first.label, first.levers[0].meaning,
    )  # fmt: skip


def test_shares_are_shown_and_read_in_per_cent(ask: Ask, bundle: Bundle, scores: Scores) -> None:
    shares = [
        (i, lever)
        for i in range(SOME)
        for lever in levers(ask(i)).values()
        if lever.unit == "share" and lever.value > 1
    ]
    assert shares
    for i, lever in shares:
        value = scores.X[i, bundle.catalog.names.index(lever.name)]
        assert lever.value == pytest.approx(100 * value, abs=0.05)
        assert 50 == levers(ask(i, **{lever.name: "50"}))[lever.name].tried


@given(st.floats(-1000, 1000))
def test_a_probability_of_log_odds_is_one(log_odds: float) -> None:
    assert 0 <= probability_of(log_odds) <= 1
    assert probability_of(log_odds) + probability_of(-log_odds) == pytest.approx(1)


def test_the_usual_probability_is_that_of_the_base() -> None:
    assert usual_probability({"base": None}) is None
    assert usual_probability({"base": 0.0}) == 0.5
