"""Several horizons at once: told so that none contradicts another, and kept in the bundle."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from by_hand import TinyShop
from hypothesis import given
from hypothesis import strategies as st
from pages_by_hand import entry, house, shown
from several_horizons import DEFINITIONS, FALLING, OWN
from year_of_sales import TODAY

from features.check import check_tables
from features.checked import CheckedTables
from features.refusal import Refusal
from features.snapshot import day_number
from features.store import Store
from models.bundle import Bundle, load_bundle
from models.decide import decide
from models.horizons import in_order
from models.ledger import utc_now
from models.playbook import read_playbook
from models.score import Scores, answers, cases, score
from serving.messages import Answer
from training.fit_horizons import fit_horizons, horizon_panels
from training.labels import churn_labels
from training.panel import Panel
from training.plan import Plan, plan
from training.study import ChurnSettings, FitSettings, Study, read_study
from training.train import Trained

# ---- the order in which horizons are told ----------------------------------------------------------------------------

chances = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(np.array)
said_over = st.dictionaries(st.integers(1, 730).filter(lambda days: days != OWN), chances, max_size=6)


@pytest.mark.parametrize("kind", DEFINITIONS)
@given(said=said_over, own=chances)
def test_no_horizon_contradicts_another_and_the_main_one_stays(
    kind: str, said: dict[int, np.ndarray], own: np.ndarray
) -> None:
    definition = DEFINITIONS[kind]
    told = in_order(definition, {**said, OWN: own})
    steps = np.diff(np.stack(list(told.values())), axis=0)

    assert sorted([*said, OWN]) == list(told)
    assert told[OWN].tolist() == own.tolist()
    assert ((steps <= 0) if kind in FALLING else (steps >= 0)).all()
    again = in_order(definition, told)
    assert all(np.array_equal(again[days], told[days]) for days in told), "what is in order is left as it is"
    assert set(np.concatenate(list(told.values()))) <= set(np.concatenate([own, *said.values()]))


@pytest.mark.parametrize(
    ("kind", "told"),
    [("silence", {7: 0.5, 14: 0.4, 28: 0.3, 56: 0.2, 91: 0.2}), ("contract", {7: 0.3, 14: 0.3, 28: 0.3, 56: 0.3, 91: 0.6})],
)  # fmt: skip
def test_who_contradicts_gives_way_from_the_main_horizon_outwards(kind: str, told: dict[int, float]) -> None:
    """By eye: of 0.5, 0.4, 0.3, 0.2, 0.6 the last contradicts silence, and the first two and 0.2 do a contract's end."""
    said = {91: 0.6, 7: 0.5, 28: 0.3, 14: 0.4, 56: 0.2}
    found = in_order(DEFINITIONS[kind], {days: np.array([chance]) for days, chance in said.items()})

    assert told == {days: chance[0] for days, chance in found.items()}


def test_labels_over_several_horizons_by_eye(tiny_shop: TinyShop, store: Store) -> None:
    """As of 1 March: `a` buys and visits on 10 April, day 40; the contract of `a` ends on it, that of `b` on day 10."""
    rows = [{"customer_id": who, "timestamp": day, "amount": 5} for who, day in
            (("a", "2024-02-20"), ("b", "2024-02-20"), ("a", "2024-04-10"), ("z", "2024-12-01"))]  # fmt: skip
    visits = [{"customer_id": "a", "timestamp": "2024-04-10", "kind": "visit"}]
    terms = [{"customer_id": who, "started_at": "2024-01-01", "ended_at": day} for who, day in
             (("a", "2024-04-10"), ("b", "2024-03-11"))]  # fmt: skip
    shop = tiny_shop(rows, interactions=visits, subscriptions=terms)
    checked, march = check_tables(shop, store, TODAY), day_number(date(2024, 3, 1))
    both = pa.table({"cutoff": pa.array([march, march], pa.int32()), "customer_id": ["a", "b"]})
    definitions = {
        name: replace(one, event_kinds=("visit",)) if one.event_kinds else one for name, one in DEFINITIONS.items()
    }
    churned = {
        name: {days: churn_labels(checked, both, one.over(days)).churned.tolist() for days in (7, 28, 56)}
        for name, one in definitions.items()
    }

    silent = {7: [True, True], 28: [True, True], 56: [False, True]}
    assert churned["silence"] == churned["does not"] == silent
    assert churned["does"] == {days: [not one for one in of] for days, of in silent.items()}
    assert churned["contract"] == {7: [False, False], 28: [False, True], 56: [True, True]}


# ---- what can be asked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('definition = "given"\nfurther_horizons_days = [56]', "the shop's own labels are of one horizon"),
        ("further_horizons_days = [56, 28]", "those besides horizon_days"),
        ("further_horizons_days = [0]", "churn.further_horizons_days.0 is 0"),
    ],
)
def test_a_horizon_that_cannot_be_asked_for_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "study.toml").write_text(f"[churn]\n{text}\n")

    with pytest.raises(Refusal, match=f"HF104 .*{said}"):
        read_study(tmp_path)


def test_horizons_are_taken_from_the_shortest_and_once() -> None:
    assert (14, 56) == ChurnSettings(further_horizons_days=(56, 14, 56)).further_horizons_days


# ---- a bundle that tells several -------------------------------------------------------------------------------------

QUICK = FitSettings(trees=15, learning_rate=0.2, min_customers_in_leaf=20, column_share=0.1)


@pytest.fixture(scope="module")
def planned(checked: CheckedTables, study: Study) -> Plan:
    asked = study.churn.model_copy(update={"further_horizons_days": (14, 56)})
    return plan(checked, study.model_copy(update={"churn": asked}))


@pytest.fixture(scope="module")
def panels(trained: Trained, checked: CheckedTables, study: Study, planned: Plan) -> dict[int, Panel]:
    return horizon_panels(checked, trained.bundle.definition, trained.panel, planned, study.minimums)


@pytest.fixture(scope="module")
def several(trained: Trained, planned: Plan, panels: dict[int, Panel]) -> Bundle:
    """The trained bundle with quick models over 14 and 56 days beside its own over 28."""
    catalog, categories = trained.bundle.catalog, trained.bundle.model.categories
    return replace(trained.bundle, further_horizons=fit_horizons(panels, planned, catalog, categories, QUICK))


@pytest.fixture(scope="module")
def scored(several: Bundle, trained: Trained, checked: CheckedTables) -> Scores:
    return score(several, several.vectors(checked, [checked.known_until]))


def told(scores: Scores) -> list[dict[str, Any]]:
    playbook, nothing = read_playbook(Path(__file__).parents[1] / "models"), [()] * len(scores)
    return answers(scores, nothing, 0.0, decide(playbook, cases(scores, nothing)), utc_now(), "en")


def test_answers_tell_every_horizon_in_order_and_nothing_of_who_is_not_eligible(scored: Scores) -> None:
    main = {name: getattr(scored, name) for name in ("churn_probability", "band", "lost_if_gone")}
    for answer in told(scored):
        horizons = answer["churn_by_horizon"]
        Answer.model_validate(answer)
        assert answer["eligible"] == (horizons is not None)
        if horizons is None:
            continue
        [own] = [one for one in horizons if one["horizon_days"] == 28]
        chance = [one["churn_probability"] for one in horizons]
        assert [14, 28, 56] == [one["horizon_days"] for one in horizons]
        assert chance == sorted(chance, reverse=True)
        assert own == {name: answer[name] for name in own}
        matures = [date.fromisoformat(one["label_matures_on"]) - scored.cutoff for one in horizons]
        assert [14, 28, 56] == [days.days for days in matures]
    alone = score(replace(scored.bundle, further_horizons={}), table_of(scored))
    assert all(np.array_equal(getattr(alone, name), of, equal_nan=name != "band") for name, of in main.items())
    assert {None} == {answer["churn_by_horizon"] for answer in told(alone)}


def table_of(scores: Scores) -> Any:
    model = scores.bundle.model
    columns: dict[str, Any] = {"cutoff": [day_number(scores.cutoff)] * len(scores), "customer_id": list(scores.customer_ids),
                               "has_bought": [1] * len(scores)}  # fmt: skip
    for j, name in enumerate(model.features):
        levels = model.categories.get(name)
        values = [None if np.isnan(x) else levels[int(x)] if levels else float(x) for x in scores.X[:, j]]
        columns[name] = pa.array(values, pa.string() if levels else pa.float64())
    return pa.table(columns)


def test_a_bundle_keeps_its_horizons_and_one_without_is_as_it_was(
    several: Bundle, bundle_folder: Path, tmp_path: Path, trained: Trained
) -> None:
    several.write(tmp_path / "bundle")
    loaded, X = load_bundle(tmp_path / "bundle", several.id), trained.panel.X[:50]
    names = {file.name for file in (tmp_path / "bundle").iterdir()}

    assert [14, 56] == list(loaded.further_horizons)
    for days, model in several.further_horizons.items():
        assert np.array_equal(model.log_odds(X), loaded.further_horizons[days].log_odds(X))
    assert {"model_14_days.txt", "model_56_days.txt"} == names - {file.name for file in bundle_folder.iterdir()}
    assert names - {"sums.json"} == set(json.loads((tmp_path / "bundle" / "sums.json").read_text()))
    assert "further_horizons" not in (bundle_folder / "bundle.json").read_text(encoding="utf-8")
    file = tmp_path / "bundle" / "model_56_days.txt"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Refusal, match="HF402 .*model_56_days.txt is not what was published"):
        load_bundle(tmp_path / "bundle")
    file.unlink()
    with pytest.raises(Refusal, match="HF402"):
        load_bundle(tmp_path / "bundle")


# ---- what people and machines see of it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said", "why"),
    [("en", "Over other horizons: 28% in 56 days.", "the fewer stay away"), ("zh", "其他观察期：56天内28%。", "越少")],
)
def test_the_page_of_a_customer_tells_the_other_horizons(
    tmp_path: Path, trained: Trained, language: str, said: str, why: str
) -> None:
    people = [entry("a"), entry("b", churn_by_horizon=None), entry("c", None)]
    with house(tmp_path, people, trained.bundle) as shop, shop.browser(language=language) as browser:
        several, one, none = (shown(browser.get(f"/customers/{who}")) for who in "abc")

    assert said in several
    assert why in several
    assert all(said.partition(":")[0].partition("：")[0] not in page for page in (one, none))
