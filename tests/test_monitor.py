"""Monitoring: what became of a run's customers, read from events written by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from scored_by_hand import fresh_ledger, labels, score_by_hand

from features.check import check_tables
from features.checked import CheckedTables
from features.store import Store
from models.definition import ChurnDefinition
from models.ledger import Ledger
from models.matured import matured_scores
from models.outcome import outcome_of, runs_to_compare
from training.monitor import ComparedRun, compare_runs
from training.study import MonitorSettings
from training.train import Trained

NOW = datetime(2024, 6, 1, 12)
CUTOFF, MATURES = date(2024, 3, 1), date(2024, 3, 29)  # 28 days
TinyShop = Callable[..., object]

SCORED = {
    "buys on the last day": 0.1, "buys a day late": 0.3, "only brings back": 0.6, "is silent": 0.8,
    "is in no table": 0.7, "objects": 0.4, "was not eligible": None,
}  # fmt: skip
EVENTS = [
    ("buys on the last day", "2024-02-01", 5, 0), ("buys on the last day", "2024-03-28", 7, 0),
    ("buys a day late", "2024-02-10", 5, 0), ("buys a day late", "2024-03-29", 9, 0),
    ("only brings back", "2024-02-20", 5, 0), ("only brings back", "2024-03-10", -5, 1),
    ("is silent", "2024-02-29", 5, 0),
    ("objects", "2024-02-01", 5, 0),
    ("was not eligible", "2023-10-01", 5, 0), ("was not eligible", "2024-03-05", 5, 0),
    ("came later", "2024-03-20", 5, 0),
]  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with fresh_ledger(tmp_path) as made:
        yield made


@pytest.fixture
def by_hand(tiny_shop: TinyShop, store: Store) -> CheckedTables:
    return tables(tiny_shop, store, EVENTS)


def tables(
    tiny_shop: TinyShop, store: Store, events: Sequence[tuple[str, str, float, int]], known_until: date = MATURES,
    **more: object,
) -> CheckedTables:  # fmt: skip
    rows = [dict(zip(("customer_id", "timestamp", "amount", "is_return"), event, strict=True)) for event in events]
    people = [{"customer_id": who, "profiling_opt_out": who == "objects"} for who in SCORED]
    shop = tiny_shop(rows, customers=people, top=f"known_until = {known_until}", **more)
    return check_tables(shop, store, date(2024, 6, 1))


def compare(ledger: Ledger, checked: CheckedTables, bundles: Path = Path("nowhere")) -> list[ComparedRun]:
    runs = runs_to_compare(ledger, "tiny", checked.known_until)
    return compare_runs(runs, checked, ledger, bundles, NOW, MonitorSettings())


def test_what_became_of_each_customer_by_hand(ledger: Ledger, by_hand: CheckedTables) -> None:
    """One buys on the last of the 28 days and stayed; who comes a day later, or brings something back, churned."""
    number = score_by_hand(ledger, SCORED, CUTOFF)
    [compared] = compare(ledger, by_hand)

    assert labels(ledger, number) == {
        "buys on the last day": False, "buys a day late": True, "only brings back": True, "is silent": True,
        "is in no table": None, "objects": None, "was not eligible": None,
    }  # fmt: skip
    found = compared.outcome
    assert (4, 3, 2) == (found.everyone.customers, found.everyone.churners, found.left_out)
    assert {"low": (1, 0), "medium": (1, 1), "high": (2, 2)} == {
        band: (group.customers, group.churners) for band, group in found.bands.items()
    }
    assert found == outcome_of(ledger, number)
    assert NOW == found.compared_at


def test_a_run_is_compared_when_the_tables_cover_its_horizon_and_no_day_before(
    ledger: Ledger, tiny_shop: TinyShop, store: Store
) -> None:
    number = score_by_hand(ledger, SCORED, CUTOFF)

    assert [] == compare(ledger, tables(tiny_shop, store, EVENTS, date(2024, 3, 28)))
    assert {None} == set(labels(ledger, number).values())
    assert [number] == [one.run.number for one in compare(ledger, tables(tiny_shop, store, EVENTS))]


def test_what_is_lost_is_profit_and_not_spend(ledger: Ledger, by_hand: CheckedTables) -> None:
    """Of what would be spent less, and is at risk in a run, a quarter is profit by its playbook."""
    score_by_hand(ledger, SCORED, CUTOFF, margin_share=0.25)
    [one] = compare(ledger, by_hand)
    found = matured_scores(ledger, one.run)

    assert len(found) > 1
    assert found.lost_if_gone == pytest.approx(0.25 * 10 / found.churn_probability)


def test_what_was_compared_is_not_compared_again(ledger: Ledger, by_hand: CheckedTables) -> None:
    number = score_by_hand(ledger, SCORED, CUTOFF)
    runs = runs_to_compare(ledger, "tiny", MATURES)
    [first] = compare_runs(runs, by_hand, ledger, Path("nowhere"), NOW, MonitorSettings())

    assert [] == compare(ledger, by_hand)
    assert [] == compare_runs(runs, by_hand, ledger, Path("nowhere"), NOW + timedelta(days=1), MonitorSettings())
    assert first.outcome == outcome_of(ledger, number)


def test_what_happens_after_the_horizon_changes_nothing(ledger: Ledger, tiny_shop: TinyShop, store: Store) -> None:
    early = score_by_hand(ledger, SCORED, CUTOFF)
    [before] = compare(ledger, tables(tiny_shop, store, EVENTS))
    later = [(who, "2024-04-15", 5.0, 0) for who in SCORED if who != "is in no table"]
    anew = score_by_hand(ledger, SCORED, CUTOFF)
    [after] = compare(ledger, tables(tiny_shop, store, [*EVENTS, *later], date(2024, 5, 1)))

    assert early != anew
    assert before.outcome == after.outcome


def test_the_horizon_is_the_runs_own(ledger: Ledger, by_hand: CheckedTables) -> None:
    """Within 9 days nobody of these buys; on the tenth one brings something back."""
    number = score_by_hand(ledger, SCORED, CUTOFF, matures_on=date(2024, 3, 10))
    [compared] = compare(ledger, by_hand)

    assert 4 == compared.outcome.everyone.churners
    assert labels(ledger, number)["buys on the last day"] is True


def test_a_run_whose_customers_are_all_gone_from_the_tables_says_nothing(
    ledger: Ledger, tiny_shop: TinyShop, store: Store
) -> None:
    """History that was cut off is no churn."""
    score_by_hand(ledger, SCORED, CUTOFF)
    [compared] = compare(ledger, tables(tiny_shop, store, [("came later", "2024-03-20", 5, 0)]))

    assert (0, 6) == (compared.outcome.everyone.customers, compared.outcome.left_out)


def test_a_comparison_flatters_where_the_bundle_had_learned_from_its_days(
    ledger: Ledger, by_hand: CheckedTables, trained: Trained, bundle_folder: Path, tmp_path: Path
) -> None:
    """The last labels it learned from were decided on the day before `learned_until`."""
    shutil.copytree(bundle_folder, tmp_path / "bundles" / "churn-1")
    learned_until = trained.bundle.trained_until + timedelta(days=trained.bundle.definition.horizon_days)
    one_day = timedelta(days=1)
    for cutoff, bundle in [
        (learned_until - one_day, "churn/1"), (learned_until, "churn/1"), (learned_until + one_day, "gone/2"),
    ]:  # fmt: skip
        score_by_hand(ledger, {"is silent": 0.5}, cutoff, bundle=bundle, matures_on=cutoff + one_day)
    runs = runs_to_compare(ledger, "tiny", date(2030, 1, 1))
    compared = compare_runs(runs, by_hand, ledger, tmp_path / "bundles", NOW, MonitorSettings())

    assert [True, False, None] == [one.outcome.seen_in_training for one in compared]


def test_a_comparison_reads_as_json(ledger: Ledger, by_hand: CheckedTables) -> None:
    score_by_hand(ledger, SCORED, CUTOFF)
    [compared] = compare(ledger, by_hand)
    said = compared.as_dict()

    assert ("tiny:2024-03-01:churn/1", "2024-03-01", "2024-03-29") == (said["run"], said["cutoff"], said["matures_on"])
    assert {"low", "medium", "high"} == set(said["bands"])
    assert {"customers", "churners", "expected", "actual", "interval"} == set(said["everyone"])


BY_CONTRACT = ChurnDefinition("contract", 28, grace_days=14)
BY_SILENCE_OF_9_DAYS = ChurnDefinition("silence", 9, active_within_days=91)


def test_a_run_is_compared_by_its_own_definition_when_its_bundle_is_gone(
    ledger: Ledger, by_hand: CheckedTables
) -> None:
    """Within 9 days one brings something back, and nobody buys; and what it had learned from is still known."""
    for until in (date(2024, 2, 20), date(2024, 2, 22)):
        score_by_hand(
            ledger, SCORED, CUTOFF, bundle=f"gone/{until.day}", definition=BY_SILENCE_OF_9_DAYS, trained_until=until
        )
    early, late = compare(ledger, by_hand)

    assert 4 == early.outcome.everyone.churners
    assert (False, True) == (early.outcome.seen_in_training, late.outcome.seen_in_training)


def test_a_run_by_contract_is_not_taken_for_one_by_silence_when_its_bundle_is_gone(
    ledger: Ledger, by_hand: CheckedTables
) -> None:
    """This shop has no contracts: it stays open until the table comes back."""
    number = score_by_hand(ledger, SCORED, CUTOFF, definition=BY_CONTRACT, trained_until=CUTOFF)

    assert [] == compare(ledger, by_hand)
    assert outcome_of(ledger, number) is None


CALLED = {"action": "call", "arm": "treat", "cost": 2.0, "why_not": ""}


def test_performance_is_measured_on_whom_nobody_was_to_act_and_net_value_on_those_of_whom_one_was(
    ledger: Ledger, by_hand: CheckedTables
) -> None:
    """Of four whose label is known, one was to be called; the ones left alone are too few to tell what it brought."""
    score_by_hand(ledger, SCORED, CUTOFF, decisions={"is silent": CALLED})
    [compared] = compare(ledger, by_hand)
    [everything, call] = compared.net_values

    assert compared.performance is not None
    assert (3, 2 / 3) == (
        compared.performance.customers, pytest.approx(compared.performance.measures["churn_rate"].actual, abs=1e-6),
    )  # fmt: skip
    assert ("call", 1, 1, 2.0) == (call.action, call.treated.customers, call.treated.churners, call.cost)
    assert "too few in control to tell (0)" == call.evidence == everything.evidence
    assert call.carried_out is None, "this shop has no table of offers"


def test_an_action_counts_as_carried_out_where_the_offers_name_it_within_the_horizon(
    ledger: Ledger, tiny_shop: TinyShop, store: Store
) -> None:
    """One was called on the last day; one a day late, and one got a card."""
    offers = [
        {"customer_id": who, "timestamp": day, "action": action}
        for who, day, action in [
            ("is silent", "2024-03-28", "call"), ("buys a day late", "2024-03-29", "call"),
            ("only brings back", "2024-03-05", "card"),
        ]
    ]  # fmt: skip
    checked = tables(tiny_shop, store, EVENTS, offers=offers)
    score_by_hand(ledger, SCORED, CUTOFF, decisions={offer["customer_id"]: CALLED for offer in offers})
    [compared] = compare(ledger, checked)

    assert {1} == {net.carried_out for net in compared.net_values}
