"""When it is time to learn again: said with the reason, once for each reason, and never by two at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from features.checked import CheckedTables
from features.lock import held
from features.refusal import Refusal
from features.store import Store
from models.bundle import Bundle
from training.plan import plan
from training.retrain import TriedInVain, reasons_to_retrain, settings_changed
from training.study import Study
from training.train import Trained

Asked = Callable[..., tuple[list[str], str]]


@pytest.fixture
def ask(trained: Trained, checked: CheckedTables, study: Study, store: Store) -> Asked:
    """Asks whether to learn again, of the bundle that was learned from all there is unless something is changed."""

    def asked(
        champion: Bundle | None = trained.bundle,
        tried: TriedInVain | None = None,
        study: Study = study,
        **known: object,
    ):
        return reasons_to_retrain(champion, tried, replace(checked, **known), study, store)

    return asked


def monitored(store: Store, **told: object) -> None:
    (store.root / "monitor").mkdir(parents=True)
    (store.root / "monitor" / "latest.json").write_text(json.dumps(told))


def test_who_has_learned_all_there_is_need_not_learn_again(ask: Asked, trained: Trained) -> None:
    because, why_not = ask()

    assert because == []
    assert f"has learned until {trained.bundle.trained_until}; 0 days of labels are new to it, of 84 wanted" in why_not


def test_without_a_champion_there_is_everything_to_learn(ask: Asked) -> None:
    assert (["there is no champion"], "") == ask(champion=None)


@pytest.mark.parametrize(("more", "needed"), [(83, False), (84, True), (200, True)])
def test_enough_new_labels_are_a_reason(
    ask: Asked, trained: Trained, checked: CheckedTables, more: int, needed: bool
) -> None:
    because, _ = ask(known_until=checked.known_until + timedelta(days=more))

    assert needed == bool(because)
    assert not needed or because == [f"{more} days of labels are new to {trained.bundle.id}; retrain.after_days is 84"]


@pytest.mark.parametrize(
    ("severity", "bundle", "needed"),
    [("alarm", "churn/unregistered", True), ("watch", "churn/unregistered", False), ("alarm", "churn/6", False)],
)
def test_an_alarm_about_this_champion_is_a_reason(
    ask: Asked, store: Store, severity: str, bundle: str, needed: bool
) -> None:
    monitored(store, severity=severity, bundle=bundle)
    because, _ = ask()

    assert needed == bool(because)
    assert not needed or "raised an alarm" in because[0]


def test_another_question_or_way_of_learning_is_a_reason_and_a_gate_is_none(ask: Asked, study: Study) -> None:
    longer = study.model_copy(update={"churn": study.churn.model_copy(update={"horizon_days": 14})})
    more = study.model_copy(update={"fit": study.fit.model_copy(update={"trees": 61, "threads": 2})})
    earlier = study.model_copy(update={"cutoffs": study.cutoffs.model_copy(update={"last": date(2024, 1, 28)})})
    stricter = study.model_copy(update={"gates": study.gates.model_copy(update={"min_auc": 0.99})})

    several = study.model_copy(update={"churn": study.churn.model_copy(update={"further_horizons_days": (42, 56)})})

    assert ask(study=several)[0][0].endswith("tells: 42, 56")
    assert ["study.toml asks another question"] == [one.partition(":")[0] for one in ask(study=longer)[0]]
    assert ask(study=more)[0][0].endswith("fit.trees")
    assert [] == ask(study=stricter)[0] == ask(study=earlier)[0]


def test_settings_that_an_older_version_did_not_know_have_not_changed(study: Study) -> None:
    older = study.model_dump(mode="json")
    del older["churn"]["event"]

    assert [] == settings_changed(older, study)
    assert ["churn.grace_days"] == settings_changed({**older, "churn": {**older["churn"], "grace_days": 3}}, study)


def test_leaving_customers_out_is_another_question_and_another_slice_is_not(ask: Asked, study: Study) -> None:
    """Which attributes are named is the shop's: one study may name what another does not."""
    without_staff = study.model_copy(update={"churn": study.churn.model_copy(update={"exclude": {"staff": ("yes",)}})})
    sliced = study.model_copy(update={"judge": study.judge.model_copy(update={"slices": ("region",)})})

    assert ["study.toml asks another question"] == [one.partition(":")[0] for one in ask(study=without_staff)[0]]
    assert ["churn.exclude.staff"] == settings_changed(study.model_dump(mode="json"), without_staff)
    assert ["churn.exclude.staff"] == settings_changed(without_staff.model_dump(mode="json"), study)
    assert [] == ask(study=sliced)[0]


def test_what_no_gate_could_compare_yet_is_not_learned(
    ask: Asked, study: Study, trained: Trained, checked: CheckedTables
) -> None:
    """Between the champion's cut-offs and the first whose labels are all new to it there is nothing to hold it against."""
    more = study.model_copy(update={"fit": study.fit.model_copy(update={"trees": 61})})
    known_until = checked.known_until
    first = known_until + timedelta(days=28)

    assert ask(study=more)[0], "on the same cut-offs it can be compared"
    for days in (1, 27):
        because, why_not = ask(study=more, known_until=known_until + timedelta(days=days))
        assert because == []
        assert why_not.endswith(f"no cut-off to compare it on is new to {trained.bundle.id} before {first} is known")
    assert ask(study=more, known_until=first)[0]


def test_what_was_tried_is_not_tried_again_before_something_new_is_known(
    ask: Asked, study: Study, checked: CheckedTables, store: Store
) -> None:
    """Else a challenger that a gate turns away would be trained anew every night."""
    monitored(store, severity="alarm", bundle="churn/unregistered")
    known_until = checked.known_until
    tried = TriedInVain("churn/7", "is calibrated", study.model_dump(mode="json"), known_until)

    because, why_not = ask(tried=tried)
    assert because == []
    assert "churn/7, learned so" in why_not
    assert "was turned away (is calibrated): tried again once" in why_not
    assert "was taken back" in ask(tried=replace(tried, turned_away=""))[1]
    assert ask(tried=replace(tried, known_until=known_until - timedelta(days=27)))[0] == []
    assert ask(tried=replace(tried, known_until=known_until - timedelta(days=28)))[0]
    assert ask(tried=replace(tried, study={"fit": {"trees": 3}}))[0], "by another study it was something else"


@pytest.fixture
def bare_shop(example_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a shop with a study and no tables, whose store is `store` beside it."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "shop.toml").write_text((example_folder / "shop.toml").read_text())
    (shop / "study.toml").write_text("")
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "store"))
    return shop


def test_a_second_one_started_meanwhile_ends_at_once_and_well(bare_shop: Path, tmp_path: Path) -> None:
    from training.retrain_command import app

    with held(tmp_path / "store" / "retrain.lock", "retraining"):
        done = CliRunner().invoke(app, ["--if-needed", "--shop", str(bare_shop), "--json"])

    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert (None, None, False) == (told["needed"], told["trained"], told["promoted"])
    assert "is retraining in" in told["because"][0]
    assert not (tmp_path / "store" / "tables").exists()


def test_the_last_matured_cut_off_is_what_counts_as_new(checked: CheckedTables, study: Study, trained: Trained) -> None:
    assert plan(checked, study).cutoffs[-1] == trained.bundle.trained_until


def test_what_another_holds_in_the_middle_is_an_error_and_not_nothing_to_do(
    bare_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registering waited in vain: hours of learning are lost, and cron must hear of it."""
    from training import retrain_command

    def waited(*_: object) -> None:
        raise Refusal("HF407", "somebody is registering.")

    monkeypatch.setattr(retrain_command, "_retrained", waited)

    assert isinstance(CliRunner().invoke(retrain_command.app, ["--shop", str(bare_shop)]).exception, Refusal)
