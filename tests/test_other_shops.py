"""A shop with subscriptions alone, and one that brings its own vectors and labels, come to the end."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from other_shops import END, contract_shop, vectors_shop
from shell import ROOT, Shell

from features.check import check_tables
from features.shop import read_shop
from features.store import Store
from models.ledger import Ledger
from models.outcome import runs_to_compare
from models.playbook import read_playbook
from models.published import current_bundle
from models.runs import answers_of, latest_run
from serving.live import LiveScorer
from serving.messages import EventsRequest
from serving.scores import score_shop
from training.monitor import compare_runs
from training.study import MonitorSettings

pytestmark = pytest.mark.slow


class Led:
    """A shop that was trained on, promoted and scored, and what each step said."""

    def __init__(self, folder: Path) -> None:
        shutil.copy(ROOT / "models" / "playbook.toml", folder / "playbook.toml")
        self.shell, self.folder = Shell(folder), folder
        self.said = {step: self.shell(step) for step in ("train", "promote", "score")}

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")

    @property
    def judged(self) -> dict[str, Any]:
        return dict(current_bundle(self.store.bundles).card["judged"])

    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "churn_list.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def answer(self, customer: str) -> dict[str, Any]:
        ledger = Ledger(self.store.ledger_url)
        run = latest_run(ledger, read_shop(self.folder).name)
        return dict(json.loads(answers_of(ledger, run.number, [customer])[customer]))

    def posted(self, **content: Any) -> dict[str, Any]:
        shop = read_shop(self.folder)
        scorer = LiveScorer(current_bundle(self.store.bundles), shop, read_playbook(self.folder))
        return scorer.answer(EventsRequest.model_validate(content), datetime.now(UTC))

    def events(self, table: str, customer: str) -> list[dict[str, Any]]:
        with (self.folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            found = [row for row in csv.DictReader(file) if row["customer_id"] == customer]
        return [{name: float(value) if name in ("price", "period_days") else value for name, value in row.items()}
                for row in found]  # fmt: skip


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Led:
    return Led(contract_shop(tmp_path_factory.mktemp("gym") / "gym"))


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Led:
    return Led(vectors_shop(tmp_path_factory.mktemp("phone") / "phone"))


def test_contracts_are_learned_from_better_than_by_one_column(gym: Led) -> None:
    found = gym.judged

    assert ["holdfast", "best_column_rule", "logistic"] == list(found["models"])
    assert found["paired"]["best_column_rule"]["auc_difference"]["low"] > 0


def test_who_leaves_a_contract_is_told_by_what_made_them_leave(gym: Led) -> None:
    most = sorted(gym.rows(), key=lambda row: -float(row["churn_probability"]))[:15]

    assert 12 <= sum(row["reason_1"].startswith(("Contract price", "Payment trouble")) for row in most)
    assert any(row["why_not"] != "no_remedy" for row in most)


def test_only_running_contracts_are_scored(gym: Led) -> None:
    said = gym.said["score"]
    cutoff = said["cutoff"]
    with (gym.folder / "subscriptions.csv").open(encoding="utf-8", newline="") as file:
        terms = list(csv.DictReader(file))
    running = {term["customer_id"] for term in terms if term["started_at"] < cutoff <= term["ended_at"]}

    assert len(running) == said["eligible"] == len(gym.rows())
    assert running == {row["customer_id"] for row in gym.rows()}


def test_a_contract_answer_matures_after_horizon_and_grace(gym: Led) -> None:
    answer = gym.answer(gym.rows()[0]["customer_id"])

    assert 44 == (datetime.fromisoformat(answer["label_matures_on"]) - datetime.fromisoformat(answer["as_of"])).days
    assert answer["lifetime_value"]["mean"] > 0
    assert answer["expected_next_purchase"] is None
    assert answer["relationship"]["state"] in ("first_time", "repeat", "loyal", "won_back")


def test_a_contract_that_ends_within_thirty_days_ends_within_sixty(gym: Led) -> None:
    """Chances rise with the horizon, each with its own grace; further ones are judged, and nothing else rests on them."""
    [judged] = gym.judged["further_horizons"]

    for row in gym.rows()[:30]:
        answer = gym.answer(row["customer_id"])
        first, second = answer["churn_by_horizon"]
        matures = [datetime.fromisoformat(one["label_matures_on"]) for one in (first, second)]
        assert (30, 60) == (first["horizon_days"], second["horizon_days"])
        assert answer["churn_probability"] == first["churn_probability"] <= second["churn_probability"]
        assert [44, 74] == [(day - datetime.fromisoformat(answer["as_of"])).days for day in matures]
    assert 60 == judged["horizon_days"]
    assert judged["cutoffs"][-1] == str(END - timedelta(days=30 + 44 + 30))
    assert judged["measures"]["auc"]["low"] > 0.55


def test_the_value_of_contracts_is_judged_by_survival_too(gym: Led) -> None:
    value = gym.judged["value"]
    survival = value["models"]["contract_spend"]

    assert ["usual_spend", "contract_spend", "boosted_spend"] == list(value["models"])
    assert 0.8 < survival["total_ratio"]["value"] < 1.2
    assert survival["correlation"]["value"] > 0.6
    assert value["next_purchase"] == {}


def test_the_value_of_a_contract_lies_in_its_interval_and_sums_to_equity(gym: Led) -> None:
    values = [gym.answer(row["customer_id"])["lifetime_value"] for row in gym.rows()[:20]]
    equity = gym.said["score"]["equity"]

    assert all(0 <= value["low"] <= value["mean"] <= value["high"] for value in values)
    assert equity["low"] <= equity["mean"] <= equity["high"]
    assert equity["mean"] >= sum(float(row["lifetime_value"]) for row in gym.rows()) - 1


def test_a_subscriber_posted_is_scored_as_in_the_batch(gym: Led) -> None:
    for row in gym.rows()[:5]:
        customer = row["customer_id"]
        kept = gym.answer(customer)
        found = gym.posted(
            customer_id=customer, cutoff=kept["as_of"], subscriptions=gym.events("subscriptions", customer),
            interactions=gym.events("interactions", customer),
        )  # fmt: skip
        assert found["churn_probability"] == pytest.approx(kept["churn_probability"], abs=1e-9)
        horizons = [[one["churn_probability"] for one in of["churn_by_horizon"]] for of in (found, kept)]
        assert horizons[0] == pytest.approx(horizons[1], abs=1e-9)
        assert found["lifetime_value"] == kept["lifetime_value"]
        assert found["reasons"] == kept["reasons"]


def test_matured_runs_of_contracts_are_compared(gym: Led) -> None:
    shop, ledger = read_shop(gym.folder), Ledger(gym.store.ledger_url)
    checked = check_tables(shop, gym.store, shop.today(datetime.now(UTC)))
    bundle = current_bundle(gym.store.bundles)
    score_shop(shop, checked, bundle, read_playbook(gym.folder), date(2024, 3, 1), datetime.now(UTC), ledger)
    runs = runs_to_compare(ledger, shop.name, checked.known_until)
    [compared] = compare_runs(runs, checked, ledger, gym.store.bundles, datetime.now(UTC), MonitorSettings())

    assert date(2024, 3, 1) == compared.run.cutoff
    everyone = compared.as_dict()["everyone"]
    assert everyone["customers"] > 100
    low, high = everyone["interval"]
    assert low - 0.05 <= everyone["expected"] <= high + 0.05


def test_given_labels_are_judged_on_customers_that_the_model_has_not_seen(phone: Led) -> None:
    found = phone.judged

    assert [str(END)] == found["cutoffs"]
    assert 1200 == found["customers"]
    assert found["models"]["holdfast"]["auc"]["value"] > 0.75
    assert found["models"]["holdfast"]["calibration_error"]["value"] < 0.04


def test_what_one_s_own_columns_mean_is_acted_on(phone: Led) -> None:
    rows = phone.rows()

    assert 1200 == len(rows)
    assert any(row["action"] == "apology_and_fix" for row in rows)
    assert any(row["reason_1"].startswith("Service trouble: Service calls is") for row in rows)


def test_where_nothing_tells_of_the_relationship_no_word_is_said(phone: Led) -> None:
    answer = phone.answer(phone.rows()[0]["customer_id"])
    words = answer["relationship"]

    assert all(words[name] is None for name in ("state", "stage", "value_quadrant", "rfm"))
    assert words["tier"] in ("small", "ordinary", "key", "key_top")
    assert answer["value_at_risk"] > 0


def test_where_no_later_days_were_judged_no_interval_of_the_value_is_told(phone: Led, gym: Led) -> None:
    flat, subscriber = (led.answer(led.rows()[0]["customer_id"])["lifetime_value"] for led in (phone, gym))

    assert (None, None) == (flat["low"], flat["high"])
    assert subscriber["low"] < subscriber["mean"] < subscriber["high"]


def test_one_s_own_vector_posted_is_scored_as_in_the_batch(phone: Led) -> None:
    with (phone.folder / "vectors.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:5]
    for row in rows:
        kept = phone.answer(row["customer_id"])
        vector = {name: float(row[name]) for name in ("tenure_months", "service_calls", "monthly_fee")}
        found = phone.posted(
            customer_id=row["customer_id"], cutoff=kept["as_of"], vectors={**vector, "plan": row["plan"]}
        )
        assert found["churn_probability"] == pytest.approx(kept["churn_probability"], abs=1e-9)
        assert [] == [warning for warning in found["warnings"] if "not posted" in warning]
