"""Churn by an event: who does what, or ceases to, counted by eye, and one shop all the way through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from other_shops import portal_shop
from pydantic import ValidationError

from features.behavior import CATALOG
from features.catalog import DAYS_SINCE_CONTACT, DAYS_SINCE_EVENT, EXCLUDED
from features.check import check_tables
from features.checked import CheckedTables
from features.console import Stopwatch
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.snapshot import day_number
from features.store import Store
from models.bundle import Bundle, load_bundle
from models.definition import ChurnDefinition
from models.ledger import Ledger
from models.outcome import runs_to_compare
from models.playbook import read_playbook
from models.score import score
from serving.live import LiveScorer
from serving.messages import EventsRequest
from serving.scores import score_shop
from training.labels import churn_labels
from training.monitor import compare_runs
from training.plan import plan
from training.population import population
from training.study import MonitorSettings, Study, read_study
from training.train import Trained, fit_bundle

MARCH = date(2024, 3, 1)
LEAVES = ChurnDefinition("event", 30, active_within_days=91, event_kinds=("cancel", "downgrade"))
STAYS_AWAY = ChurnDefinition("event", 30, active_within_days=91, event_kinds=("login", "visit"), event="does_not")
Rows = list[dict[str, object]]


def did(customer: str, day: str, kind: str) -> dict[str, object]:
    return {"customer_id": customer, "timestamp": day, "kind": kind}


@pytest.fixture
def of_contacts(tiny_shop: Callable[..., Shop], store: Store) -> Callable[..., CheckedTables]:
    def check(interactions: Rows, **others: Any) -> CheckedTables:
        shop = tiny_shop([], interactions=[did("z", "2023-01-01", "hello"), *interactions], **others)
        tables = {name: source for name, source in shop.tables.items() if name != "transactions"}
        return check_tables(shop.model_copy(update={"tables": tables}), store, date(2024, 6, 1))

    return check


@pytest.mark.parametrize(
    ("told", "days", "kind", "leaves", "stays_away"),
    [
        ("on the cut-off", ["2024-03-01"], "cancel", True, True),
        ("on the horizon's last day", ["2024-03-30"], "downgrade", True, True),
        ("a day too late", ["2024-03-31"], "cancel", False, True),
        ("the day before the cut-off", ["2024-02-29"], "cancel", False, True),
        ("of a kind that is not asked about", ["2024-03-05"], "email_open", False, True),
        ("of a kind that keeps", ["2024-03-05"], "login", False, False),
        ("before and after", ["2024-02-01", "2024-03-30"], "visit", False, False),
    ],
)  # fmt: skip
def test_an_event_counts_within_the_horizon(
    of_contacts: Callable[..., CheckedTables], told: str, days: list[str], kind: str, leaves: bool, stays_away: bool
) -> None:
    every = [did("z", "2024-05-30", other) for other in ("cancel", "downgrade", "login", "visit")]
    checked = of_contacts([*(did("a", day, kind) for day in days), *every])
    asked = pa.table({"cutoff": pa.array([day_number(MARCH)], pa.int32()), "customer_id": ["a"]})

    assert [leaves] == churn_labels(checked, asked, LEAVES).churned.tolist(), told
    assert [stays_away] == churn_labels(checked, asked, STAYS_AWAY).churned.tolist(), told


def test_who_has_left_or_was_never_there_is_not_asked() -> None:
    """One who cancelled lately, one active, one who cancelled long ago and is back, one long gone, one by contract."""
    columns = {
        DAYS_SINCE_EVENT: np.array([10, np.nan, 200, np.nan, np.nan]),
        DAYS_SINCE_CONTACT: np.array([10, np.nan, 5, 120, np.nan]),
        "days_since_last_purchase": np.array([12, 91, np.nan, 92, np.nan]),
    }

    assert [False, True, True, False, False] == LEAVES.eligible(columns).tolist()
    columns["running_contracts"] = np.array([1.0, 0, 0, 0, 1])
    assert [False, True, True, False, True] == LEAVES.eligible(columns).tolist()
    assert [True, False, False, False, False] == STAYS_AWAY.eligible(columns).tolist()


def test_what_eligibility_rests_on_is_seen_from_each_cutoff(of_contacts: Callable[..., CheckedTables]) -> None:
    checked = of_contacts(
        [did("a", "2024-02-20", "visit"), did("a", "2024-02-25", "email_open"), did("a", "2024-03-02", "visit"),
         did("b", "2024-03-05", "login"), did("a", "2024-05-30", "login")],
        customers=[{"customer_id": c, "signed_up_at": "2024-01-01"} for c in "ab"],
    )  # fmt: skip
    study = Study.model_validate(
        {"churn": {"definition": "event", "event_kinds": ["visit", "login"], "event": "does_not", "horizon_days": 30}}
    )
    found = population(checked, study, [MARCH, date(2024, 3, 10)])
    by_customer = dict(
        zip(zip(found.vectors.column("cutoff").to_pylist(), found.vectors.column("customer_id").to_pylist(), strict=True),
            zip(found.column(DAYS_SINCE_EVENT), found.eligible.tolist(), strict=True), strict=True)
    )  # fmt: skip

    assert (10.0, True) == by_customer[day_number(MARCH), "a"]
    assert (8.0, True) == by_customer[day_number(date(2024, 3, 10)), "a"]
    assert (5.0, True) == by_customer[day_number(date(2024, 3, 10)), "b"]
    days, eligible = by_customer[day_number(MARCH), "b"]
    assert np.isnan(days)
    assert not eligible


def test_a_kind_that_no_interaction_is_of_is_refused(of_contacts: Callable[..., CheckedTables]) -> None:
    checked = of_contacts([did("a", "2024-03-05", "cancel")])
    study = Study.model_validate({"churn": {"definition": "event", "event_kinds": ["cancle"]}})

    with pytest.raises(Refusal, match="HF104 .*churn.event_kinds names 'cancle'.*Did you mean 'cancel'"):
        plan(checked, study)


@pytest.mark.parametrize("kinds", [[], ["it's"], ["a{b}"], [""]])
def test_an_event_needs_kinds_that_can_be_written(kinds: list[str]) -> None:
    with pytest.raises(ValidationError):
        Study.model_validate({"churn": {"definition": "event", "event_kinds": kinds}})


def test_a_definition_survives_its_bundle(trained: Trained, tmp_path: Path) -> None:
    from dataclasses import replace

    asked = ChurnDefinition(
        "event", 30, active_within_days=91, event_kinds=("cancel", "downgrade"), exclude=(("staff", ("yes", 1)),)
    )
    replace(trained.bundle, definition=asked).write(tmp_path / "bundle")

    assert asked == load_bundle(tmp_path / "bundle").definition


def test_who_is_excluded_is_not_asked_about(of_contacts: Callable[..., CheckedTables]) -> None:
    """Of three who visited, one is staff and one of whom it is not known."""
    checked = of_contacts(
        [*(did(c, "2024-02-20", "visit") for c in "abc"), did("a", "2024-05-30", "visit")],
        customers=[{"customer_id": c, "signed_up_at": "2024-01-01", "staff": s} for c, s in zip("abc", ["yes", "no", ""], strict=True)],
        attributes=["staff"],
    )  # fmt: skip
    asked = {"definition": "event", "event_kinds": ["visit"], "event": "does_not", "exclude": {"staff": ["yes"]}}
    found = population(checked, Study.model_validate({"churn": asked}), [MARCH])

    ids = np.array(found.vectors.column("customer_id").to_pylist())
    assert ["b", "c"] == ids[found.eligible].tolist()
    assert [1.0, 0.0, 0.0] == found.column(EXCLUDED)[np.isin(ids, ["a", "b", "c"])].tolist()


@pytest.mark.parametrize(
    ("exclude", "said"),
    [({"stuff": ["yes"]}, "'stuff', which is no attribute.*Did you mean 'staff'"), ({"staff": [1]}, "the attribute is a text"),
     ({"level": ["1"]}, "the attribute is a number")],
)  # fmt: skip
def test_an_exclusion_that_cannot_be_applied_is_refused(exclude: dict[str, list[object]], said: str) -> None:
    catalog = CATALOG.available({"customers": ("customer_id",)}, {"staff": "text", "level": "number"})
    meant = Study.model_validate({"churn": {"exclude": exclude}}).churn.meant

    with pytest.raises(Refusal, match=f"HF104 .*{said}"):
        meant.in_catalog(catalog)


class Portal:
    """A portal that its users cease to visit, learned from in this process."""

    def __init__(self, folder: Path) -> None:
        self.shop, self.study, self.store = read_shop(folder), read_study(folder), Store(folder / "store")
        self.checked = check_tables(self.shop, self.store, self.shop.today(datetime.now(UTC)))
        self.trained = fit_bundle(self.shop, self.study, self.checked, self.store, Stopwatch())

    @property
    def bundle(self) -> Bundle:
        return self.trained.bundle


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Portal:
    return Portal(portal_shop(tmp_path_factory.mktemp("portal") / "portal"))


@pytest.mark.slow
def test_staying_away_is_learned_and_told(portal: Portal) -> None:
    found = portal.trained.judgment

    assert found.models["holdfast"]["auc"]["value"] > 0.7
    assert "had a visit within 91 days will have none" in portal.bundle.card["predicts"]
    assert DAYS_SINCE_EVENT in portal.bundle.catalog.names


@pytest.mark.slow
def test_a_visitor_posted_is_scored_as_in_the_batch_and_staff_is_not(portal: Portal, tmp_path: Path) -> None:
    import csv

    cutoff = portal.checked.known_until
    table = portal.bundle.vectors(portal.checked, [cutoff])
    batch = score(portal.bundle, table)
    scorer = LiveScorer(portal.bundle, portal.shop, read_playbook(portal.shop.folder))
    with (portal.shop.folder / "interactions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (portal.shop.folder / "customers.csv").open(newline="") as file:
        people = {row["customer_id"]: row for row in csv.DictReader(file)}
    staff = [c for c, row in people.items() if row["staff"] == "yes"]
    assert not batch.eligible[np.isin(batch.customer_ids, staff)].any()
    for customer in [*np.array(batch.customer_ids)[batch.eligible][:3].tolist(), staff[0]]:
        i = list(batch.customer_ids).index(customer)
        found = scorer.answer(
            EventsRequest.model_validate({
                "customer_id": customer, "cutoff": str(cutoff),
                "interactions": [{"timestamp": r["timestamp"], "kind": r["kind"]} for r in rows if r["customer_id"] == customer],
                "customer": {"signed_up_at": people[customer]["signed_up_at"], "attributes": {"staff": people[customer]["staff"]}},
            }), datetime.now(UTC),
        )  # fmt: skip
        assert bool(batch.eligible[i]) == found["eligible"]
        if found["eligible"]:
            assert batch.churn_probability[i] == pytest.approx(found["churn_probability"], abs=1e-9)


@pytest.mark.slow
def test_matured_runs_of_events_are_compared(portal: Portal, ledger: Ledger, tmp_path: Path) -> None:
    from dataclasses import replace

    shop, checked = portal.shop, portal.checked
    bundle = replace(portal.bundle, id="churn/1")
    bundle.write(tmp_path / "bundles" / "churn-1")
    past = portal.trained.judgment.judged[-1].cutoff
    score_shop(shop, checked, bundle, read_playbook(shop.folder), past, datetime.now(UTC), ledger)
    runs = runs_to_compare(ledger, shop.name, checked.known_until)
    [compared] = compare_runs(runs, checked, ledger, tmp_path / "bundles", datetime.now(UTC), MonitorSettings())

    everyone = compared.as_dict()["everyone"]
    assert everyone["customers"] == int(portal.trained.panel.at(past).sum())
    assert everyone["actual"] == pytest.approx(
        portal.trained.panel.churned[portal.trained.panel.at(past)].mean(), abs=1e-3
    )
