"""Where rows come from: several files as one, folders, databases; whose time and whose money they are in."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from by_hand import TODAY, TinyShop, check, purchases, quarantine, refusal_of, rows_of

from features.check import check_tables
from features.checked import CheckedTables
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.snapshot import day_number
from features.store import Store

COLUMNS = ("customer_id", "timestamp", "amount", "order_id")


def shop_of(folder: Path, location: str, more: str = "", columns: tuple[str, ...] = COLUMNS) -> Shop:
    """A shop whose transactions come from one location."""
    mapped = "\n".join(f'{column} = "{column}"' for column in columns)
    (folder / "shop.toml").write_text(
        f"""name = "tiny"\ncurrency = "EUR"\n[files]\nsales = "{location}"\n[tables.transactions]\nfrom = "sales"\n{more}\n"""
        f"[tables.transactions.columns]\n{mapped}\n",
        encoding="utf-8",
    )
    return read_shop(folder)


def csv_text(rows: list[dict[str, Any]]) -> str:
    return "\n".join([",".join(COLUMNS), *(",".join(row[c] for c in COLUMNS) for row in rows)]) + "\n"


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{**row, "amount": float(row["amount"])} for row in rows])


# ---- several files --------------------------------------------------------------------------------------------------


@pytest.fixture
def in_one(tmp_path: Path) -> CheckedTables:
    """Twenty purchases read from one file."""
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "sales.csv").write_text(csv_text(purchases()))
    return check_tables(shop_of(folder, "sales.csv"), Store(tmp_path / "one" / "store"), TODAY)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_in_several_files_is_the_table_in_one(
    ending: str, tmp_path: Path, store: Store, in_one: CheckedTables
) -> None:
    (tmp_path / "sales").mkdir()
    for number, start in enumerate((0, 5, 12)):
        rows = purchases()[start : (5, 12, 20)[number]]
        file = tmp_path / "sales" / f"2024-0{number}.{ending}"
        if ending == "csv":
            file.write_text(csv_text(rows))
        else:
            pq.write_table(table_of(rows), file)
    (tmp_path / "sales" / "2023-12.unread").write_text("another year")
    checked = check(shop_of(tmp_path, f"sales/2024-*.{ending}"), store)
    assert rows_of(checked) == rows_of(in_one)
    assert checked.fingerprint == in_one.fingerprint


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_quarantine_names_the_file_of_a_row(ending: str, tmp_path: Path, store: Store) -> None:
    for number in (1, 2):
        rows = purchases(10)
        rows[2 * number] |= {"customer_id": "x" * 300, "order_id": f"o{number}"}
        if ending == "csv":
            (tmp_path / f"{number}.csv").write_text(csv_text(rows))
        else:
            pq.write_table(table_of(rows), tmp_path / f"{number}.parquet")
    checked = check(shop_of(tmp_path, f"[12].{ending}", 'duplicates = "keep"'), store)
    assert (checked.reports[0].read, checked.reports[0].quarantined) == (20, 2)
    lines = (store.quarantine / "tiny.transactions.csv").read_text().splitlines()
    assert lines[0] == "file,row,column,value,reason"
    assert [line.split(",")[:3] for line in lines[1:]] == [
        [f"1.{ending}", "3", "customer_id"], [f"2.{ending}", "5", "customer_id"],
    ]  # fmt: skip


def test_a_refusal_names_the_file_of_the_first_bad_row(tmp_path: Path, store: Store) -> None:
    (tmp_path / "1.csv").write_text(csv_text(purchases(2)))
    (tmp_path / "2.csv").write_text(csv_text([{**row, "amount": "free"} for row in purchases(8)[2:]]))
    with pytest.raises(Refusal, match="HF204 .* the first is row 1 of 2.csv: amount is 'free', expected a number"):
        check(shop_of(tmp_path, "*.csv"), store)


def test_a_new_file_and_a_changed_one_are_read(tmp_path: Path, store: Store) -> None:
    (tmp_path / "1.csv").write_text(csv_text(purchases(4)))
    shop = shop_of(tmp_path, "*.csv")
    first = check(shop, store)
    assert check(shop, store) == first
    (tmp_path / "2.csv").write_text(csv_text(purchases(9)[4:]))
    assert check(shop, store).reports[0].used == 9
    (tmp_path / "2.csv").write_text(csv_text(purchases(8)[4:]))
    os.utime(tmp_path / "2.csv", (1, 1))
    assert check(shop, store).reports[0].used == 8


def test_folders_that_bear_values_are_columns_of_text(tmp_path: Path, store: Store) -> None:
    """As Spark writes them: escaped where a name could not be a folder's, and one for no value."""
    for number, folder in enumerate(
        ("at=2024-01-05/shop=007", "at=2024-01-06/shop=a%2Fb", "at=2024-01-07/shop=__HIVE_DEFAULT_PARTITION__")
    ):
        (tmp_path / "sales" / folder).mkdir(parents=True)
        rows = pa.table({"customer_id": [f"c{number}"], "amount": [float(number)]})
        pq.write_table(rows, tmp_path / "sales" / folder / "part-0.parquet")
    shop = shop_of(tmp_path, "sales", columns=("customer_id", "amount"))
    text = (tmp_path / "shop.toml").read_text() + 'timestamp = "at"\nstore = "shop"\n'
    (tmp_path / "shop.toml").write_text(text)
    rows = rows_of(check(read_shop(shop.folder), store))
    assert [(row["customer_id"], row["day"], row["store"]) for row in rows] == [
        ("c0", day_number(date(2024, 1, 5)), "007"),
        ("c1", day_number(date(2024, 1, 6)), "a/b"),
        ("c2", day_number(date(2024, 1, 7)), None),
    ]


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, store: Store) -> None:
    for day in (1, 2):
        folder = tmp_path / "sales" / f"day={day}"
        folder.mkdir(parents=True)
        pq.write_table(
            table_of([{**row, "customer_id": ""} if n == day else row for n, row in enumerate(purchases(9))]),
            folder / "part.parquet",
        )
    check(shop_of(tmp_path, "sales", 'duplicates = "keep"'), store)
    lines = (store.quarantine / "tiny.transactions.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:2] for line in lines] == [
        [str(tmp_path / "sales" / f"day={day}" / "part.parquet"), str(day + 1)] for day in (1, 2)
    ]


def test_tables_of_one_database_may_both_be_read(tmp_path: Path, store: Store) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("create schema crm")
        connection.execute(
            "create table sales as select 'c' || n as customer_id, 1.0 as amount, n as product from range(3) as r(n)"
        )
        connection.execute(
            "create table crm.products as select n as product, date '2024-01-05' as timestamp, 'o' || n as order_id from range(3) as r(n)"
        )
    shop = shop_of(tmp_path, 'shop.duckdb#sales"\nproducts = "shop.duckdb#crm.products')
    text = (
        (tmp_path / "shop.toml").read_text().replace('from = "sales"', 'from = "sales join products using (product)"')
    )
    (tmp_path / "shop.toml").write_text(text)
    assert [row["order_id"] for row in rows_of(check(read_shop(shop.folder), store))] == ["o0", "o1", "o2"]


def test_lines_that_are_no_rows_of_a_joined_file_are_spoken_of(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases(4))
    (shop.folder / "tags.csv").write_text("order_id,tag\no1,a\no2,b,c\no3\no4,d\n")
    text = (shop.folder / "shop.toml").read_text().replace("[files]\n", '[files]\ntags = "tags.csv"\n')
    text = text.replace('from = "transactions"', 'from = "transactions left join tags using (order_id)"')
    (shop.folder / "shop.toml").write_text(text + '\ncategory = "tag"\n')
    checked = check(read_shop(shop.folder), store)
    assert [row["category"] for row in rows_of(checked)] == ["a", None, None, "d"]
    assert checked.reports[0].warnings == ("2 lines of tags have a field too many or too few and are left out",)


# ---- whose time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "of_table", "of_shop", "day"),
    [
        ("2024-01-10 23:30:00", "UTC", "Europe/Paris", date(2024, 1, 11)),
        ("2024-01-10 23:30:00", "Europe/Paris", "Europe/Paris", date(2024, 1, 10)),
        ("2024-01-10 03:00:00", "UTC", "America/New_York", date(2024, 1, 9)),
        ("2024-06-10 01:30:00", "Europe/Paris", "UTC", date(2024, 6, 9)),  # summer time
        ("2024-01-10T23:30:00Z", "Asia/Tokyo", "UTC", date(2024, 1, 10)),  # its own zone goes before
        ("2024-01-10", "UTC", "America/New_York", date(2024, 1, 10)),  # a day is a day everywhere
    ],
)  # fmt: skip
def test_a_table_may_have_a_time_zone_of_its_own(
    moment: str, of_table: str, of_shop: str, day: date, tiny_shop: TinyShop, store: Store
) -> None:
    rows = [{"customer_id": "c", "timestamp": moment, "amount": "1"}]
    checked = check(tiny_shop(rows, top=f'time_zone = "{of_shop}"', more=f'time_zone = "{of_table}"'), store)
    assert [row["day"] for row in rows_of(checked)] == [day_number(day)]


def test_typed_timestamps_are_of_the_tables_zone_too(tmp_path: Path, store: Store) -> None:
    moments = [datetime(2024, 1, 10, 23, 30)]
    pq.write_table(
        pa.table({"customer_id": ["c"], "timestamp": moments, "amount": [1.0], "order_id": ["o"]}),
        tmp_path / "sales.parquet",
    )
    shop = shop_of(tmp_path, "sales.parquet", 'time_zone = "America/New_York"')
    assert check(shop, store).first_day == date(2024, 1, 11)


def test_a_time_zone_that_there_is_not_is_refused(tiny_shop: TinyShop) -> None:
    with pytest.raises(
        Refusal, match="HF104 shop.toml: tables.transactions.time_zone is 'Paris'; 'Paris' is not a time zone"
    ):
        tiny_shop(purchases(), more='time_zone = "Paris"')


# ---- whose money ----------------------------------------------------------------------------------------------------

RATES = "currencies = {USD = 0.5, GBP = 1.25}"


def test_every_amount_of_a_row_is_converted(tiny_shop: TinyShop, store: Store) -> None:
    sold = {"timestamp": "2024-01-05", "amount": "10", "discount": "2", "cost": "4", "quantity": "3"}
    rows = [{"customer_id": c, "currency": c, **sold} for c in ("EUR", "USD", "gbp ")]
    offered = [{"customer_id": "a", "timestamp": "2024-01-05", "action": "call", "cost": "10", "currency": "USD"}]
    running = [{"customer_id": "a", "started_at": "2024-01-05", "price": "10", "currency": "GBP", "period_days": "30"}]
    checked = check(tiny_shop(rows, offers=offered, subscriptions=running, top=RATES), store)
    assert [(r["amount"], r["discount"], r["cost"], r["quantity"]) for r in rows_of(checked)] == [
        (10, 2, 4, 3), (5, 1, 2, 3), (12.5, 2.5, 5, 3),
    ]  # fmt: skip
    assert [row["cost"] for row in rows_of(checked, "offers")] == [5]
    assert [(row["price"], row["period_days"]) for row in rows_of(checked, "subscriptions")] == [(12.5, 30)]
    assert not [table for table, columns in checked.columns.items() if "currency" in columns]


def test_another_rate_is_another_shop(tiny_shop: TinyShop, store: Store) -> None:
    rows = [{**row, "currency": "USD"} for row in purchases()]
    first = check(tiny_shop(rows, top=RATES), store)
    again = check(tiny_shop(rows, top=RATES.replace("0.5", "0.75")), store)
    assert (rows_of(first)[0]["amount"], rows_of(again)[0]["amount"]) == (0.75, 1.125)


def test_currencies_that_nobody_declared_refuse_the_table(tiny_shop: TinyShop, store: Store) -> None:
    refusal = refusal_of(tiny_shop([{**row, "currency": "JPY"} for row in purchases()], top=RATES), store)
    assert refusal.code == "HF204"
    assert "row 1: currency is 'JPY', is none of EUR, GBP, USD, which shop.toml knows" in refusal.what
    assert refusal.mend.endswith("Say under [currencies] what one unit of it is in the shop's.")
    assert len(quarantine(store)) == 20


@pytest.mark.parametrize(
    ("rates", "what"),
    [
        ("{usd = 1.0}", "should match pattern"),
        ("{USD = 0}", "should be greater than 0"),
        ("{USD = nan}", "should be a finite number"),
        ("{EUR = 2.0}", "currencies.EUR is the shop's own currency, so that one unit of it is 1"),
    ],
)
def test_rates_that_make_no_sense_are_refused(rates: str, what: str, tiny_shop: TinyShop) -> None:
    with pytest.raises(Refusal, match=f"HF104 .*{what.partition('^')[0]}"):
        tiny_shop(purchases(), top=f"currencies = {rates}")


def test_interactions_have_no_currency(tiny_shop: TinyShop) -> None:
    seen = [{"customer_id": "a", "timestamp": "2024-01-01", "kind": "visit", "currency": "EUR"}]
    with pytest.raises(Refusal, match="HF104 .*table interactions has no column 'currency'"):
        tiny_shop(purchases(), interactions=seen)
