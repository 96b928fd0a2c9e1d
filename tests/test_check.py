"""The check: bad rows go to quarantine with row, column, value and reason; nothing vanishes; memory."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from by_hand import (
    TinyShop,
    check,
    purchases,
    quarantine,
    rows_of,
)

from features.check import check_tables
from features.refusal import Refusal
from features.shop import read_shop
from features.snapshot import day_number
from features.store import Store

# ---- good tables ----------------------------------------------------------------------------------------------------


def test_a_good_table_is_read_whole_into_day_numbers_and_doubles(tiny_shop: TinyShop, store: Store) -> None:
    checked = check(tiny_shop(purchases()), store)
    first = {"customer_id": "c2", "day": day_number(date(2024, 1, 1)), "amount": 1.5, "order_id": "o1"}
    assert rows_of(checked)[0] == first
    report = checked.reports[0]
    assert (report.read, report.used, report.quarantined, report.quarantine_file) == (20, 20, 0, None)
    assert (checked.first_day, checked.last_day) == (date(2024, 1, 1), date(2024, 1, 20))
    assert checked.known_until == date(2024, 1, 21), "the midnight after the newest event"


def test_a_day_under_way_is_not_yet_known(tiny_shop: TinyShop, store: Store) -> None:
    """A row dated today is used, but the cut-off of tomorrow is not offered before tomorrow."""
    shop = tiny_shop(purchases())
    assert check_tables(shop, store, date(2024, 1, 20)).known_until == date(2024, 1, 20)
    assert check_tables(shop, store, date(2024, 1, 21)).known_until == date(2024, 1, 21)
    assert check_tables(shop, store, date(2024, 3, 1)).known_until == date(2024, 1, 21)


def test_known_until_is_the_shops_word_where_it_gives_one(tiny_shop: TinyShop, store: Store) -> None:
    checked = check(tiny_shop(purchases(), top="known_until = 2024-03-01"), store)
    assert checked.known_until == date(2024, 3, 1)


@pytest.mark.parametrize("cutoff", [date(2024, 1, 1), date(2024, 1, 22)])
def test_a_cut_off_where_nothing_is_known_is_refused(cutoff: date, tiny_shop: TinyShop, store: Store) -> None:
    checked = check(tiny_shop(purchases()), store)
    with pytest.raises(Refusal, match=f"HF206 the cut-off {cutoff} lies outside what is known, 2024-01-01 to"):
        checked.require_known(cutoff)
    checked.require_known(date(2024, 1, 2))
    checked.require_known(date(2024, 1, 21))


def test_ids_are_strings_and_are_never_merged(tiny_shop: TinyShop, store: Store) -> None:
    rows = [{**row, "customer_id": key} for row, key in zip(purchases(4), ("007", "7", "7.0", "A7"), strict=True)]
    assert [row["customer_id"] for row in rows_of(check(tiny_shop(rows), store))] == ["007", "7", "7.0", "A7"]


def test_negative_amounts_become_returns_where_no_column_says(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases(3)
    rows[1]["amount"] = "-1.50"
    checked = check(tiny_shop(rows), store)
    assert [row["is_return"] for row in rows_of(checked)] == [0, 1, 0]
    assert "is_return" in checked.columns["transactions"]


def test_without_negative_amounts_there_are_no_returns_to_speak_of(tiny_shop: TinyShop, store: Store) -> None:
    assert "is_return" not in check(tiny_shop(purchases(3)), store).columns["transactions"]


def test_a_return_column_is_taken_at_its_word(tiny_shop: TinyShop, store: Store) -> None:
    words = ["yes", "no", "TRUE", "0", "1.0", ""]
    rows = [{**row, "is_return": word} for row, word in zip(purchases(6), words, strict=True)]
    assert [row["is_return"] for row in rows_of(check(tiny_shop(rows), store))] == [1, 0, 1, 0, 1, None]


def test_attributes_are_numbers_where_all_their_values_are(tiny_shop: TinyShop, store: Store) -> None:
    customers = [
        {"customer_id": "c1", "signed_up_at": "2023-12-24", "floor": "3", "zip": "1010"},
        {"customer_id": "c2", "signed_up_at": "", "floor": "", "zip": "A-1020"},
    ]
    checked = check(tiny_shop(purchases(), customers=customers, attributes=["floor", "zip"]), store)
    assert checked.attributes == {"floor": "number", "zip": "text"}
    signed_up = day_number(date(2023, 12, 24))
    assert rows_of(checked, "customers") == [
        {"customer_id": "c1", "signed_up_day": signed_up, "attribute_floor": 3.0, "attribute_zip": "1010"},
        {"customer_id": "c2", "signed_up_day": None, "attribute_floor": None, "attribute_zip": "A-1020"},
    ]


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2024-01-10 23:30:00", "Europe/Paris", date(2024, 1, 10)),  # naive: local
        ("2024-01-10T23:30:00Z", "Europe/Paris", date(2024, 1, 11)),  # Paris is an hour ahead
        ("2024-01-10 23:30:00+00:00", "Europe/Paris", date(2024, 1, 11)),
        ("2024-01-10 23:30:00+00", "Europe/Paris", date(2024, 1, 11)),
        ("2024-06-11 00:30:00+02:00", "Europe/Paris", date(2024, 6, 11)),  # summer time
        ("2024-06-11T00:30:00+0200", "UTC", date(2024, 6, 10)),
        ("2024-01-11 00:30:00.123456+02:00", "UTC", date(2024, 1, 10)),
        ("2024-01-10T04:00:00Z", "America/New_York", date(2024, 1, 9)),
        ("2024-01-10T16:30:00Z", "Asia/Shanghai", date(2024, 1, 11)),
        ("2024-01-10", "America/New_York", date(2024, 1, 10)),
    ],
)
def test_moments_become_days_of_the_shops_zone(
    moment: str, zone: str, day: date, tiny_shop: TinyShop, store: Store
) -> None:
    rows = [{"customer_id": "c1", "timestamp": moment, "amount": "1"}]
    checked = check(tiny_shop(rows, top=f'time_zone = "{zone}"'), store)
    assert [row["day"] for row in rows_of(checked)] == [day_number(day)]


@pytest.mark.parametrize("source", ["parquet", "duckdb"])
def test_parquet_and_duckdb_give_the_same_checked_rows_as_csv(source: str, tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases(), top='time_zone = "Europe/Paris"')
    from_csv = check(shop, store)
    typed = pa.table(
        {
            "customer_id": [row["customer_id"] for row in purchases()],
            "timestamp": [datetime.fromisoformat(row["timestamp"]) for row in purchases()],
            "amount": [float(row["amount"]) for row in purchases()],
            "order_id": [row["order_id"] for row in purchases()],
        }
    )
    if source == "parquet":
        location = "typed.parquet"
        pq.write_table(typed, shop.folder / location)
    else:
        location = "typed.duckdb#sales"
        with duckdb.connect(str(shop.folder / "typed.duckdb")) as connection:
            connection.register("typed", typed)
            connection.execute("create table sales as select * from typed")
    other = check(shop.model_copy(update={"files": {"transactions": location}}), store)
    assert rows_of(other) == rows_of(from_csv)
    assert other.fingerprint == from_csv.fingerprint


def test_a_typed_timestamp_with_a_zone_is_converted_too(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases(1), top='time_zone = "Asia/Shanghai"')
    moment = pa.array([datetime(2024, 1, 10, 16, 30)], pa.timestamp("us", tz="UTC"))
    table = pa.table({"customer_id": ["c1"], "timestamp": moment, "amount": [1.0], "order_id": ["o1"]})
    pq.write_table(table, shop.folder / "zoned.parquet")
    checked = check(shop.model_copy(update={"files": {"transactions": "zoned.parquet"}}), store)
    assert checked.first_day == date(2024, 1, 11)


def test_columns_may_be_sql_over_joined_files(tmp_path: Path, store: Store) -> None:
    (tmp_path / "lines.csv").write_text("who,at,list,paid,sku\na,2024-01-01,5,4,1\nb,2024-01-02,3,3,2\n")
    (tmp_path / "products.csv").write_text("sku,kind\n1,tea\n2,milk\n")
    (tmp_path / "shop.toml").write_text(
        """name = "tiny"
currency = "EUR"
[files]
lines = "lines.csv"
products = "products.csv"
[tables.transactions]
from = "lines left join products using (sku)"
[tables.transactions.columns]
customer_id = "who"
timestamp = "at"
amount = "paid"
category = "upper(kind)"
discount = "cast(list as double) - cast(paid as double)"
"""
    )
    rows = rows_of(check(read_shop(tmp_path), store))
    assert [(row["category"], row["discount"]) for row in rows] == [("TEA", 1.0), ("MILK", 0.0)]


# ---- bad rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "line"),
    [
        ("amount", "abc", ("17", "amount", "abc", "expected a number")),
        ("amount", "nan", ("17", "amount", "nan", "expected a number")),
        ("amount", "inf", ("17", "amount", "inf", "expected a number")),
        ("amount", "1,5", ("17", "amount", "1,5", "expected a number")),
        ("amount", "1e13", ("17", "amount", "1e13", "lies beyond 1,000,000,000,000")),
        ("amount", "-1000000000001", ("17", "amount", "-1000000000001", "lies beyond 1,000,000,000,000")),
        ("amount", " ", ("17", "amount", " ", "is missing")),
        ("customer_id", "c" * 257, ("17", "customer_id", "c" * 257, "is longer than 256 characters or holds a NUL")),
        ("customer_id", "", ("17", "customer_id", "", "is missing")),
        ("timestamp", "17th of May", ("17", "timestamp", "17th of May", "expected a date or timestamp")),
        ("timestamp", "", ("17", "timestamp", "", "is missing")),
        ("timestamp", "2024-07-02 00:00:00", ("17", "timestamp", "2024-07-02 00:00:00", "lies in the future")),
        ("timestamp", "1969-12-31", ("17", "timestamp", "1969-12-31", "lies before 1970")),
    ],
)
def test_a_bad_row_17_goes_to_quarantine_with_its_row_column_value_and_reason(
    column: str, value: str, line: tuple[str, ...], tiny_shop: TinyShop, store: Store
) -> None:
    rows = purchases()
    rows[16][column] = value
    checked = check(tiny_shop(rows), store)
    assert quarantine(store) == [line]
    report = checked.reports[0]
    assert (report.read, report.used, report.quarantined) == (20, 19, 1)
    assert report.quarantine_file == str(store.quarantine / "tiny.transactions.csv")
    assert "o17" not in [row["order_id"] for row in rows_of(checked)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("@sum(a)", "'@sum(a)"), ("-a", "'-a"), ("\t=1", "'\t=1"),
        ("-1e13", "-1e13"), ("+2e12", "+2e12"), ("a=1", "a=1"),
    ],
)  # fmt: skip
def test_no_text_in_a_quarantine_file_is_a_formula(value: str, written: str, tiny_shop: TinyShop, store: Store) -> None:
    """What a spreadsheet would evaluate is written as text; numbers stay as they are."""
    rows = purchases()
    rows[16]["amount"] = value
    check(tiny_shop(rows), store)
    assert quarantine(store)[0][2] == written


def test_a_wrong_flag_is_quarantined(tiny_shop: TinyShop, store: Store) -> None:
    rows = [{**row, "is_return": "no"} for row in purchases()]
    rows[16]["is_return"] = "perhaps"
    check(tiny_shop(rows), store)
    assert quarantine(store) == [("17", "is_return", "perhaps", "expected true or false")]


def test_not_a_number_and_infinity_are_quarantined_from_parquet_too(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    rows = [{**row, "amount": 1.5} for row in purchases()]
    rows[2]["amount"], rows[4]["amount"] = float("nan"), float("-inf")
    pq.write_table(pa.Table.from_pylist(rows), shop.folder / "typed.parquet")
    checked = check(shop.model_copy(update={"files": {"transactions": "typed.parquet"}}), store)
    assert [line[:2] for line in quarantine(store)] == [("3", "amount"), ("5", "amount")]
    assert checked.reports[0].used == 18


def test_an_id_with_a_nul_is_quarantined(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    rows = [{**row, "amount": 1.5} for row in purchases()]
    rows[3]["order_id"] = "o\x004"
    pq.write_table(pa.Table.from_pylist(rows), shop.folder / "typed.parquet")
    check(shop.model_copy(update={"files": {"transactions": "typed.parquet"}}), store)
    text = (store.quarantine / "tiny.transactions.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith("4,order_id,")
    assert text.splitlines()[1].endswith(",is longer than 256 characters or holds a NUL")


def test_numbers_and_ids_are_good_up_to_their_limits(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases(3)
    rows[0]["amount"], rows[1]["amount"], rows[2]["customer_id"] = "1e12", "-1000000000000", "c" * 256
    assert check(tiny_shop(rows), store).reports[0].used == 3


def test_an_absurd_attribute_is_quarantined_as_any_number(tiny_shop: TinyShop, store: Store) -> None:
    customers = [{"customer_id": f"c{n}", "floor": "3"} for n in range(1, 11)]
    customers[6]["floor"] = "1e300"
    check(tiny_shop(purchases(), customers=customers, attributes=["floor"]), store)
    assert quarantine(store, "customers") == [("7", "attribute_floor", "1e300", "lies beyond 1,000,000,000,000")]


def test_a_row_with_two_faults_has_two_lines_and_counts_once(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases()
    rows[16] |= {"amount": "abc", "timestamp": "never"}
    checked = check(tiny_shop(rows), store)
    assert sorted(line[1] for line in quarantine(store)) == ["amount", "timestamp"]
    assert checked.reports[0].quarantined == 1


def test_equal_rows_are_quarantined_where_orders_have_ids(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases()
    checked = check(tiny_shop([*rows, rows[0], rows[0]]), store)
    assert quarantine(store) == [
        ("21", "customer_id", "c2", "repeats an earlier row"),
        ("22", "customer_id", "c2", "repeats an earlier row"),
    ]
    assert checked.reports[0].used == 20


def test_equal_rows_without_order_ids_may_be_two_purchases_and_are_kept(tiny_shop: TinyShop, store: Store) -> None:
    rows = [{k: v for k, v in row.items() if k != "order_id"} for row in purchases()]
    report = check(tiny_shop([*rows, rows[0]]), store).reports[0]
    assert (report.used, report.quarantined) == (21, 0)
    assert report.warnings == ("1 rows equal an earlier one and are kept; map order_id to have them quarantined",)


@pytest.mark.parametrize(("choice", "used"), [("keep", 21), ("quarantine", 20)])
def test_the_shop_may_choose_what_becomes_of_equal_rows(
    choice: str, used: int, tiny_shop: TinyShop, store: Store
) -> None:
    rows = purchases() if choice == "keep" else [{**row, "order_id": ""} for row in purchases()]
    checked = check(tiny_shop([*rows, rows[0]], more=f'duplicates = "{choice}"'), store)
    assert checked.reports[0].used == used


def test_a_second_row_of_a_customer_is_quarantined_not_merged(tiny_shop: TinyShop, store: Store) -> None:
    customers = [{"customer_id": f"c{n}", "language": "en"} for n in range(1, 11)]
    customers.append({"customer_id": "c1", "language": "zh"})
    checked = check(tiny_shop(purchases(), customers=customers), store)
    assert quarantine(store, "customers") == [("11", "customer_id", "c1", "repeats an earlier row of this customer")]
    assert rows_of(checked, "customers")[0] == {"customer_id": "c1", "language": "en"}


def test_what_is_read_is_used_or_quarantined_in_every_table(tiny_shop: TinyShop, store: Store) -> None:
    rows = [*purchases(), purchases()[3]]
    rows[5]["amount"] = "free"
    interactions = [{"customer_id": "c1", "timestamp": f"2024-01-{n:02d}", "kind": "visit"} for n in range(1, 8)]
    interactions[2]["kind"] = ""
    offers = [{"customer_id": "c1", "timestamp": "2024-01-02", "action": "call", "responded_at": ""}]
    checked = check(tiny_shop(rows, interactions=interactions, offers=offers), store)
    counts = {report.table: (report.read, report.used, report.quarantined) for report in checked.reports}
    assert counts == {"transactions": (21, 19, 2), "interactions": (7, 6, 1), "offers": (1, 1, 0)}
    assert {name: len(rows_of(checked, name)) for name in counts} == {
        name: used for name, (_, used, _) in counts.items()
    }


def test_a_mended_table_has_no_quarantine_file_any_more(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases()
    rows[16]["amount"] = "abc"
    check(tiny_shop(rows), store)
    check(tiny_shop(purchases()), store)
    assert not (store.quarantine / "tiny.transactions.csv").exists()


# ---- memory ---------------------------------------------------------------------------------------------------------


def test_the_second_run_reads_no_table_and_gives_the_same(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases()
    rows[16]["amount"] = "abc"
    shop = tiny_shop(rows)
    first = check(shop, store)
    written = {file: file.stat().st_mtime_ns for file in first.folder.iterdir()}
    assert check(shop, store) == first
    assert {file: file.stat().st_mtime_ns for file in first.folder.iterdir()} == written


def test_a_changed_file_is_read_again(tiny_shop: TinyShop, store: Store) -> None:
    first = check(tiny_shop(purchases(10)), store)
    again = check(tiny_shop(purchases(11)), store)
    assert (first.reports[0].read, again.reports[0].read) == (10, 11)
    assert first.fingerprint != again.fingerprint


def test_a_touched_file_with_the_same_rows_has_the_same_fingerprint(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    first = check(shop, store)
    os.utime(shop.folder / "transactions.csv", (1, 1))
    again = check(shop, store)
    assert again.folder != first.folder
    assert again.fingerprint == first.fingerprint


def test_the_fingerprint_does_not_know_the_order_of_rows(tiny_shop: TinyShop, store: Store) -> None:
    first = check(tiny_shop(purchases()), store)
    turned = check(tiny_shop(purchases()[::-1]), store)
    assert turned.fingerprint == first.fingerprint


def test_the_fingerprint_tells_which_rows_are_repeated(tiny_shop: TinyShop, store: Store) -> None:
    """Equal rows that are kept count: twice the first and twice the second are different shops."""
    rows = [{k: v for k, v in row.items() if k != "order_id"} for row in purchases(4)]
    one = check(tiny_shop([*rows, rows[0]]), store)
    other = check(tiny_shop([*rows, rows[1]]), store)
    assert one.fingerprint != other.fingerprint


def test_rows_of_the_future_are_looked_at_again_when_their_day_has_come(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases()
    rows[16]["timestamp"] = "2024-07-02 10:00:00"
    shop = tiny_shop(rows)
    assert check(shop, store).reports[0].quarantined == 1
    assert check_tables(shop, store, date(2024, 7, 2)).reports[0].quarantined == 0


def test_a_damaged_memory_is_read_again(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    first = check(shop, store)
    (first.folder / "report.json").write_text("{")
    assert replace(check(shop, store), reports=()) == replace(first, reports=())


def test_reports_show_no_personal_data(tiny_shop: TinyShop, store: Store) -> None:
    """Ids and texts are counted, never quoted."""
    columns = {column.column: column for column in check(tiny_shop(purchases()), store).reports[0].columns}
    assert (columns["customer_id"].low, columns["customer_id"].high, columns["customer_id"].distinct) == ("", "", 4)
    assert (columns["timestamp"].low, columns["timestamp"].high) == ("2024-01-01", "2024-01-20")
    assert columns["amount"].detail == "one value in all rows; it tells customers nothing apart"
