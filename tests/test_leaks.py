"""Columns that know the future: every planted one is found and named, and an honest shop raises none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from year_of_sales import FIRST, sales

from features.behavior import CATALOG
from features.check import check_tables
from features.checked import CheckedTables
from features.example_shop import ExampleShop, simulate, write_example_shop
from features.shop import Shop, read_shop
from features.snapshot import day_date, day_number
from features.store import Store
from training.finding import Finding
from training.foreknowledge import foreknowledge, outcomes_of, undated_columns
from training.leaks import find_leaks
from training.moments import loaded_on, moment_findings
from training.population import population
from training.study import Study
from training.study_findings import usable_cutoffs

TODAY = date(2025, 6, 1)
STUDY = Study.model_validate({"cutoffs": {"judged": 2}, "minimums": {"customers": 50, "churners": 5}})
Values = Mapping[str, Any]


@pytest.fixture(scope="module")
def simulated() -> ExampleShop:
    return simulate(customers=500, days=400, seed=11)


@pytest.fixture(scope="module")
def shop(simulated: ExampleShop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("simulated") / "shop"
    write_example_shop(folder, simulated)
    return read_shop(folder)


@pytest.fixture(scope="module")
def honest(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> CheckedTables:
    return check_tables(shop, Store(tmp_path_factory.mktemp("store")), TODAY)


@pytest.fixture(scope="module")
def gone(simulated: ExampleShop, honest: CheckedTables) -> Mapping[str, date | None]:
    """The day on which each customer left, as only the simulation knows."""
    rows = simulated.truth.to_pylist()
    return {row["customer_id"]: row["churned_on"] if row["saved_by"] is None else None for row in rows}


def with_attribute(checked: CheckedTables, folder: Path, values: Values) -> CheckedTables:
    """The tables with one more attribute `planted`, written into `folder`."""
    for name in checked.columns:
        os.link(checked.path(name), folder / f"{name}.parquet")
    table = pq.read_table(checked.path("customers"))
    column = pa.array([values.get(customer) for customer in table.column("customer_id").to_pylist()])
    kind = "text" if pa.types.is_string(column.type) else "number"
    column = column if kind == "text" else column.cast(pa.float64())
    (folder / "customers.parquet").unlink()
    pq.write_table(table.append_column("attribute_planted", column), folder / "customers.parquet")
    return replace(
        checked, folder=folder, attributes={**checked.attributes, "planted": kind},
        columns={**checked.columns, "customers": (*checked.columns["customers"], "attribute_planted")},
    )  # fmt: skip


def bought(checked: CheckedTables) -> Mapping[str, np.ndarray]:
    rows = pq.read_table(checked.path("transactions"), columns=["customer_id", "day"]).to_pandas()
    return {str(customer): days.to_numpy() for customer, days in rows.groupby("customer_id").day}


def attribute(
    rule: Callable[[str, date | None, np.ndarray, np.random.Generator], Any], gone: Any, checked: Any
) -> Values:
    """A value for each customer by id, day of leaving, days of buying and chance."""
    days, random = bought(checked), np.random.default_rng(3)
    return {c: rule(c, left, days.get(c, np.empty(0, int)), random) for c, left in sorted(gone.items())}


def last_of(days: np.ndarray) -> date | None:
    return day_date(int(days.max())) if len(days) else None


PLANTED: dict[str, tuple[str, Callable[..., Any]]] = {
    "a reason for leaving, which only leavers have": ("HF212", lambda c, left, days, r: r.choice(["price", "moved"]) if left else None),
    "an income that was deleted with the account": ("HF212", lambda c, left, days, r: None if left else float(r.normal(3000, 500))),
    "a status of today": ("HF213", lambda c, left, days, r: "inactive" if left else "active"),
    "a flag for who left": ("HF213", lambda c, left, days, r: float(left is not None)),
    "a risk that was computed afterwards": ("HF212", lambda c, left, days, r: float(r.normal(4 if left else 0))),
    "a group that only some leavers are in": ("HF212", lambda c, left, days, r: "lost" if left and r.random() < 0.6 else f"g{r.integers(4)}"),
    "all orders up to today": ("HF214", lambda c, left, days, r: float(len(set(days)))),
    "all lines up to today, in thousands": ("HF214", lambda c, left, days, r: len(days) / 1000),
    "the day of the last login": ("HF215", lambda c, left, days, r: str(last_of(days)) if len(days) else None),
    "the moment of the last login": ("HF215", lambda c, left, days, r: f"{last_of(days)}T08:30:00" if len(days) else None),
    "the last order as a number like 20240131": ("HF215", lambda c, left, days, r: float(f"{last_of(days):%Y%m%d}") if len(days) else None),
    "the last order in seconds since 1970": ("HF215", lambda c, left, days, r: float(86_400 * days.max()) if len(days) else None),
}  # fmt: skip


def found_in(checked: CheckedTables) -> list[Finding]:
    return [*foreknowledge(checked, STUDY, usable_cutoffs(checked, STUDY))]


@pytest.mark.parametrize("leak", PLANTED)
def test_a_column_that_knows_who_left_is_named_with_the_evidence(
    leak: str, honest: CheckedTables, gone: Any, tmp_path: Path
) -> None:
    code, rule = PLANTED[leak]
    [finding] = found_in(with_attribute(honest, tmp_path, attribute(rule, gone, honest)))

    assert (finding.code, finding.column, finding.table) == (code, "attribute_planted", "customers")
    assert finding.state == ("warning" if "group" in leak else "error")
    assert float(finding.measured or 0) >= float(finding.required or 0)
    assert finding.details.endswith(".")
    assert finding.mend.startswith("Leave it out of shop.toml")


HONEST: dict[str, Callable[..., Any]] = {
    "an age": lambda c, left, days, r: float(r.integers(18, 90)),
    "a segment that leaves three times as often": lambda c, left, days, r: "trial" if r.random() < (0.6 if left else 0.2) else "member",
    "a wish told beforehand, how often to be written to": lambda c, left, days, r: float(round(len(days) * r.lognormal(0, 0.7))),
    "a day that is planned": lambda c, left, days, r: str(TODAY + timedelta(days=int(r.integers(-300, 300)))),
    "the day of the first purchase": lambda c, left, days, r: str(day_date(int(days.min()))) if len(days) else None,
    "a postcode": lambda c, left, days, r: f"{r.integers(100):05d}",
    "an address of one's own": lambda c, left, days, r: f"{c}@x.org",
    "a text that few have": lambda c, left, days, r: "allergic to nuts" if r.random() < 0.05 else None,
    "nothing at all": lambda c, left, days, r: None if c else 1.0,
}  # fmt: skip


@pytest.mark.parametrize("column", HONEST)
def test_a_column_that_was_known_beforehand_raises_no_alarm(
    column: str, honest: CheckedTables, gone: Any, tmp_path: Path
) -> None:
    values = attribute(HONEST[column], gone, honest)

    assert found_in(with_attribute(honest, tmp_path, values)) == []


def given(
    customers: int, columns: Mapping[str, Callable[[int, bool], Any]], folder: Path, honest: CheckedTables
) -> CheckedTables:
    """A shop that brings vectors of its own, with who churned: every fifth."""
    rows = [{"customer_id": f"v{k}", "churned": int(k % 5 == 0), **{f"given_{n}": rule(k, k % 5 == 0) for n, rule in columns.items()}}
            for k in range(customers)]  # fmt: skip
    for name in honest.columns:
        os.link(honest.path(name), folder / f"{name}.parquet")
    pq.write_table(pa.Table.from_pylist(rows), folder / "vectors.parquet")
    return replace(honest, folder=folder, columns={**honest.columns, "vectors": tuple(rows[0])})


def test_columns_of_own_vectors_that_repeat_the_label_are_named(honest: CheckedTables, tmp_path: Path) -> None:
    columns: dict[str, Callable[[int, bool], Any]] = {
        "complained": lambda k, left: float(left or k % 97 == 1),
        "state": lambda k, left: "closed" if left else "open",
        "tenure": lambda k, left: float(k % 13),
        "closing_note": lambda k, left: f"n{k % 3}" if left else None,
    }
    found = found_in(given(400, columns, tmp_path, honest))

    assert {(f.column, f.code) for f in found} == {
        ("given_complained", "HF213"), ("given_state", "HF213"), ("given_closing_note", "HF212"),
    }  # fmt: skip


def test_who_had_gone_by_a_day_is_told_from_purchases_before_it(tiny_shop: Callable[..., Shop], store: Store) -> None:
    """Three stopped on day 120: one brings something back on day 325, one buys again on day 340. The day is the 330th."""
    days = {"steady": range(0, 364, 14), "gone": range(0, 121, 14), "returning": [*range(0, 121, 14), 325],
            "late": [*range(0, 121, 14), 340]}  # fmt: skip
    rows = [{"customer_id": who, "timestamp": str(FIRST + timedelta(days=day)), "amount": 5, "is_return": int(day == 325)}
            for who in days for day in days[who]]  # fmt: skip
    shop, first, until = tiny_shop(rows), FIRST + timedelta(days=130), FIRST + timedelta(days=330)
    checked = replace(check_tables(shop, store, TODAY), known_until=until)
    outcomes = outcomes_of(checked, STUDY, population(checked, STUDY, (first,)))
    found = {one.told: dict(zip(one.customers.tolist(), one.left.tolist(), strict=True)) for one in outcomes}

    assert found[f"had gone for good by {until}"] == {"steady": False, "gone": True, "returning": True, "late": True}


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL = {
    "telco_ibm/telco": ("Churn", "customerID", {}),
    "churn_modelling/customer_churn_records": ("Exited", "CustomerId", {"Complain": "HF213"}),
    "internet_service_churn/internet_service_churn": ("churn", "id", {"remaining_contract": "HF212"}),
    "mlc_churn/mlc_churn": ("churn", None, {}),
    "eudirectlapse/eudirectlapse": ("lapse", None, {}),
}


@pytest.mark.parametrize("name", REAL)
def test_in_real_tables_the_columns_known_to_leak_are_named_and_no_others(
    name: str, honest: CheckedTables, tmp_path: Path
) -> None:
    """Who complained of having left, and contracts without an end: what others found in these tables too."""
    file = SHARED / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"needs {file}")
    label, key, leaks = REAL[name]
    table = pq.read_table(file)
    left = [str(value) in ("Yes", "yes", "1", "1.0") for value in table.column(label).to_pylist()]
    columns = {
        "customer_id": pa.array([f"v{k}" for k in range(table.num_rows)]),
        "churned": pa.array(left).cast(pa.int32()),
    }
    for column in table.column_names:
        if column not in (label, key):
            number = pa.types.is_integer(table.schema.field(column).type) or pa.types.is_floating(
                table.schema.field(column).type
            )
            columns[f"given_{column.replace(' ', '_')}"] = table.column(column).cast(
                pa.float64() if number else pa.string()
            )
    for one in honest.columns:
        os.link(honest.path(one), tmp_path / f"{one}.parquet")
    pq.write_table(pa.table(columns), tmp_path / "vectors.parquet")
    checked = replace(honest, folder=tmp_path, columns={**honest.columns, "vectors": tuple(columns)})

    assert {f.column.removeprefix("given_"): f.code for f in found_in(checked)} == leaks


# Moments


def moments_of(shop: Shop, checked: CheckedTables) -> list[tuple[str, str, str]]:
    return [(f.code, f.table, f.column) for f in moment_findings(shop, checked)]


def checked_of(shop: Shop, store: Store) -> CheckedTables:
    return check_tables(shop, store, TODAY)


def test_an_honest_shop_has_no_odd_moments(shop: Shop, honest: CheckedTables) -> None:
    assert moments_of(shop, honest) == []


def test_rows_later_than_the_file_are_named(tiny_shop: Callable[..., Shop], store: Store) -> None:
    shop = tiny_shop(sales())
    written = datetime(2024, 11, 1, 12)
    os.utime(shop.folder / "transactions.csv", (written.timestamp(), written.timestamp()))

    assert loaded_on(shop, shop.tables["transactions"]) == written.date()
    assert moments_of(shop, checked_of(shop, store)) == [("HF216", "transactions", "timestamp")]


def test_a_file_time_before_most_rows_is_not_that_of_the_load(tiny_shop: Callable[..., Shop], store: Store) -> None:
    shop = tiny_shop(sales())
    os.utime(shop.folder / "transactions.csv", (86_400, 86_400))

    assert moments_of(shop, checked_of(shop, store)) == []


def test_rows_later_than_what_is_known_are_named(tiny_shop: Callable[..., Shop], store: Store) -> None:
    shop = tiny_shop(sales(), top="known_until = 2024-12-01")

    assert moments_of(shop, checked_of(shop, store)) == [("HF216", "transactions", "timestamp")]


def test_a_ticket_resolved_before_it_was_opened_is_named(tiny_shop: Callable[..., Shop], store: Store) -> None:
    tickets = [{"customer_id": f"c{k}", "timestamp": "2024-05-05", "kind": "ticket",
                "resolved_at": "2024-05-04" if k == 3 else "2024-05-05"} for k in range(9)]  # fmt: skip
    shop = tiny_shop(sales(), interactions=tickets)
    [finding] = moment_findings(shop, checked_of(shop, store))

    assert (finding.code, finding.table, finding.column, finding.measured) == (
        "HF217",
        "interactions",
        "resolved_at",
        1,
    )


def test_the_date_of_a_batch_is_named_and_monthly_bills_are_none(tiny_shop: Callable[..., Shop], store: Store) -> None:
    loaded = [{**row, "timestamp": "2024-03-01" if k % 5 < 3 else row["timestamp"]} for k, row in enumerate(sales())]
    bills = [{"customer_id": f"c{who}", "timestamp": f"2024-{month:02d}-01", "amount": 9}
             for who in range(30) for month in range(1, 13)]  # fmt: skip
    shop = tiny_shop(loaded)
    found = [*moment_findings(shop, checked_of(shop, store))]

    assert [(f.code, f.column) for f in found] == [("HF218", "timestamp")]
    assert "2024-03-01 most often" in found[0].details
    shop = tiny_shop(bills)
    assert moments_of(shop, checked_of(shop, store)) == []


# The whole


@pytest.mark.slow
def test_an_honest_shop_raises_nothing(shop: Shop, honest: CheckedTables, store: Store) -> None:
    leaks = find_leaks(shop, STUDY, honest, store, customers=200)

    assert {f.state for f in leaks.findings} == {"ok"}
    assert leaks.proof.values == leaks.proof.vectors * leaks.proof.columns > 100_000
    assert len(undated_columns(honest)) == 2


@pytest.mark.slow
def test_one_feature_that_tells_it_all_is_named(shop: Shop, honest: CheckedTables, tmp_path: Path) -> None:
    """A ticket of leaving, dated back to three days before: whoever buys nothing for 28 days has one, and few others."""
    random = np.random.default_rng(1)
    for name in honest.columns:
        os.link(honest.path(name), tmp_path / f"{name}.parquet")
    table = pq.read_table(honest.path("interactions"))
    rows = [
        {"customer_id": customer, "day": day_number(cutoff) - 3, "kind": "ticket"}
        for cutoff in usable_cutoffs(honest, STUDY)
        for customer, days in bought(honest).items()
        if not ((days >= day_number(cutoff)) & (days < day_number(cutoff) + 28)).any() or random.random() < 0.02
    ]
    (tmp_path / "interactions.parquet").unlink()
    more = pa.concat_tables([table, pa.Table.from_pylist(rows, schema=table.schema)])
    pq.write_table(more, tmp_path / "interactions.parquet")
    leaks = find_leaks(shop, STUDY, replace(honest, folder=tmp_path), customers=50)
    named = [f for f in leaks.findings if f.state != "ok"]

    assert leaks.proof.changed == ()
    assert {"HF212", "HF219"} == {f.code for f in named}
    assert {("warning", "interactions")} == {(f.state, f.table) for f in named}
    assert all("complain" in f.column for f in named)


@pytest.mark.slow
@pytest.mark.parametrize(("grace", "named"), [(14, ["HF212", "HF219"]), (150, ["HF212"])])
def test_a_quick_model_learns_from_no_label_that_was_unknown_on_the_day_it_is_asked_about(
    tiny_shop: Callable[..., Shop], store: Store, grace: int, named: list[str]
) -> None:
    """Whose contract ends within the month has a ticket before. With five months of grace no such end was known by then."""
    random, terms, tickets, until = np.random.default_rng(1), [], [], FIRST + timedelta(days=600)
    for who in range(600):
        end = FIRST + timedelta(days=int(random.integers(100, 600)))
        month = (end - FIRST).days % 30  # days since a cut-off, which are 30 days apart
        terms.append({"customer_id": f"c{who}", "started_at": str(FIRST), "ended_at": str(end), "price": 9})
        day = end - timedelta(days=month + 3)
        tickets.append({"customer_id": f"c{who}", "timestamp": str(day), "kind": "ticket"})
    shop = tiny_shop(sales(), subscriptions=terms, interactions=tickets, top=f"known_until = {until}")
    study = Study.model_validate({
        "churn": {"definition": "contract", "horizon_days": 30, "grace_days": grace},
        "cutoffs": {"every_days": 30, "last": FIRST + timedelta(days=420)},
    })  # fmt: skip
    catalog = CATALOG.naming(["complaints_28d", "days_since_first_contract"])
    leaks = find_leaks(shop, study, check_tables(shop, store, TODAY), store, catalog=catalog, customers=20)

    assert named == [f.code for f in leaks.findings if f.column == "complaints_28d"]


@pytest.mark.slow
def test_an_own_family_that_leaks_is_an_error_by_name(shop: Shop, honest: CheckedTables) -> None:
    some = CATALOG.naming(["orders_28d"])
    leaking = replace(
        some,
        features=(
            *some.features,
            replace(some.features[0], name="ever", sql="max((select count(*) from transactions as t where t.customer_id = r.customer_id))"),
        ),
    )  # fmt: skip
    leaks = find_leaks(shop, STUDY, honest, catalog=leaking, customers=100)
    [finding] = [f for f in leaks.findings if f.state != "ok"]

    assert (finding.code, finding.column, finding.state) == ("HF211", "ever", "error")
    assert leaks.as_dict()["changed"]


@pytest.mark.slow
def test_too_short_a_history_is_said_to_be_so(shop: Shop, honest: CheckedTables) -> None:
    short = replace(honest, known_until=honest.first_day + timedelta(days=60))
    leaks = find_leaks(shop, STUDY, short, catalog=CATALOG.naming(["orders_28d"]), customers=50)

    assert [f.name for f in leaks.findings if f.state == "recommendation"] == [
        "columns that know the future", "features that tell too much",
    ]  # fmt: skip
    assert leaks.findings[0].state == "ok", "other futures need no label"
