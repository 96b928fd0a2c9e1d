"""Tables of PostgreSQL and Spark: read whole, with their types, and refused in words without a secret."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from by_hand import TODAY, quarantine, rows_of
from servers import postgres_url, spark  # noqa: F401 - fixtures

from features.check import check_tables
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.snapshot import day_number
from features.store import Store

TABLE = """
create schema sales;
create table sales."Orders" (
    id numeric(20,0), at timestamptz, paid numeric, pieces int, back boolean, sku varchar(20), shop char(5), note text,
    cheap real, key uuid, tags text[]
);
insert into sales."Orders" values
    (90071992547409931, '2024-01-10 23:30:00+00', 12.345, 2, false, 'a"b', 's1', E'two\\nlines, "quoted"', 0.5,
     '11111111-1111-1111-1111-111111111111', '{a,b}'),
    (90071992547409932, '2024-06-10 22:30:00+00', 7, null, true, '', null, null, 'NaN', null, null),
    (3, '-infinity', 1, 1, null, 'x', 's2', 'x', 1, null, null),
    (4, '2024-01-01', 'NaN', 1, null, 'x', 's2', 'x', 1, null, null),
    ('NaN', '2024-01-02', 1, 1, null, 'x', 's2', 'x', 1, null, null),
    (6, 'infinity', 1, 1, null, 'x', 's2', 'x', 'infinity', null, null);
create table sales.contracts (who text, began date, ends date, stopped timestamp, monthly numeric(8,2), renews boolean);
insert into sales.contracts values ('a', '2024-01-01', 'infinity', '2024-02-03 23:00', 9.99, true), ('b', '2023-01-01', null, null, 5, false);
create role reader login;
grant usage on schema sales to reader;
"""

MAPPING = """
name = "tiny"
currency = "EUR"
time_zone = "Europe/Paris"
[files]
orders = "postgres:SHOP_DB#sales.Orders"
contracts = "postgres:SHOP_DB#sales.contracts"
[tables.transactions]
from = "orders"
max_bad_share = 0.9
[tables.transactions.columns]
customer_id = "id"
timestamp = "at"
amount = "paid"
quantity = "pieces"
is_return = "back"
product = "sku"
store = "shop"
category = "note"
discount = "cheap"
[tables.subscriptions]
from = "contracts"
[tables.subscriptions.columns]
customer_id = "who"
started_at = "began"
ended_at = "ends"
cancelled_at = "stopped"
price = "monthly"
auto_renew = "renews"
"""


@pytest.fixture(scope="module")
def server(postgres_url: str) -> Iterator[str]:  # noqa: F811
    """The address of a server with a schema `sales`."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url) as connection:
        connection.execute(TABLE)
    yield postgres_url
    with psycopg.connect(postgres_url) as connection:
        connection.execute("drop schema sales cascade; drop role reader")


def _shop(folder: Path, mapping: str = MAPPING) -> Shop:
    folder.mkdir(exist_ok=True)
    (folder / "shop.toml").write_text(mapping, encoding="utf-8")
    return read_shop(folder)


@pytest.mark.slow
def test_tables_of_postgresql_are_read_with_their_types(server: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", environment={"SHOP_DB": server})
    checked = check_tables(_shop(tmp_path / "shop"), store, TODAY)

    assert rows_of(checked) == [
        {"customer_id": "90071992547409931", "day": day_number(date(2024, 1, 11)), "amount": 12.345, "quantity": 2.0,
         "product": 'a"b', "category": 'two\nlines, "quoted"', "store": "s1", "discount": 0.5, "is_return": 0},
        {"customer_id": "90071992547409932", "day": day_number(date(2024, 6, 11)), "amount": 7.0, "quantity": None,
         "product": None, "category": None, "store": None, "discount": None, "is_return": 1},
    ]  # fmt: skip
    assert {(line[1], line[3]) for line in quarantine(store)} == {
        ("timestamp", "lies before 1970"), ("amount", "is missing"), ("customer_id", "is missing"),
        ("timestamp", "lies in the future"), ("discount", "expected a number"),
    }  # fmt: skip
    contracts = rows_of(checked, "subscriptions")
    assert [row["ended_day"] for row in contracts] == [day_number(date(9999, 12, 31)), None]
    assert [row["cancelled_day"] for row in contracts] == [day_number(date(2024, 2, 3)), None]
    assert [row["auto_renew"] for row in contracts] == [1, 0]
    assert list(store.tables.iterdir()) == [checked.folder]


@pytest.mark.slow
def test_a_server_is_asked_at_each_check_and_its_tables_read_again_where_they_changed(
    server: str, tmp_path: Path
) -> None:
    import psycopg

    store = Store(tmp_path / "store", environment={"SHOP_DB": server})
    shop = _shop(tmp_path / "shop")
    first = check_tables(shop, store, TODAY)
    assert check_tables(shop, store, TODAY) == first
    with psycopg.connect(server) as connection:
        connection.execute("""insert into sales."Orders" (id, at, paid) values (7, '2024-02-01', 2)""")
    try:
        again = check_tables(shop, store, TODAY)
    finally:
        with psycopg.connect(server) as connection:
            connection.execute("""delete from sales."Orders" where id = 7""")
    assert again.reports[0].used == first.reports[0].used + 1
    assert again.fingerprint != first.fingerprint
    assert check_tables(shop, store, TODAY) == first


@pytest.mark.slow
def test_many_rows_come_in_blocks_and_none_is_lost(server: str, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(server) as connection:
        connection.execute(
            "create table sales.many as select i as who, timestamp '2024-01-01' + i * interval '1 minute' as at,"
            " i / 4.0 as paid, repeat('long text, \"quoted\"\n', 20) as note from generate_series(1, 60000) as i"
        )
    mapping = MAPPING.partition("[files]")[0] + (
        '[files]\nmany = "postgres:SHOP_DB#sales.many"\n[tables.transactions]\nfrom = "many"\n'
        '[tables.transactions.columns]\ncustomer_id = "who"\ntimestamp = "at"\namount = "paid"\ncategory = "note"\n'
    )
    store = Store(tmp_path / "store", environment={"SHOP_DB": server})
    rows = rows_of(check_tables(_shop(tmp_path / "shop", mapping), store, TODAY))
    assert {int(row["customer_id"]) for row in rows} == set(range(1, 60001))
    assert sum(row["amount"] for row in rows) == 60000 * 60001 / 8
    assert {row["category"] for row in rows} == {('long text, "quoted"\n' * 20).strip()}


def _refused(shop: Shop, store: Store) -> Refusal:
    with pytest.raises(Refusal) as refused:
        check_tables(shop, store, TODAY)
    return refused.value


@pytest.mark.slow
@pytest.mark.parametrize("table", ["sales.orders", "nowhere.Orders", "pg_catalog.pg_authid"])
def test_a_table_that_is_not_there_or_not_ours_is_refused(table: str, server: str, tmp_path: Path) -> None:
    address = server.replace("holdfast@", "reader@")
    shop = _shop(tmp_path / "shop", MAPPING.replace("sales.Orders", table))
    refusal = _refused(shop, Store(tmp_path / "store", environment={"SHOP_DB": address}))
    assert refusal.code == "HF223"
    assert refusal.what.startswith(f"files.orders: {table} cannot be read: ")


@pytest.mark.parametrize(
    ("address", "what"),
    [
        (None, "files.orders: the environment variable SHOP_DB is not set."),
        ("secret", "files.orders: the environment variable SHOP_DB holds no address of PostgreSQL."),
        ("postgresql://u:secret@localhost/db?nonsense=1", "files.orders: the environment variable SHOP_DB holds no address of"),
        ("postgresql://u:secret@127.0.0.1:1/db", "files.orders: the server that SHOP_DB names cannot be reached: "),
    ],
)  # fmt: skip
def test_a_server_that_cannot_be_reached_is_refused_without_its_password(
    address: str | None, what: str, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg")
    environment = {"SHOP_DB": address} if address else {}
    refusal = _refused(_shop(tmp_path / "shop"), Store(tmp_path / "store", environment=environment))
    assert refusal.code == "HF222"
    assert refusal.what.startswith(what)
    assert "secret" not in str(refusal)


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("postgresql://u:secret@host/db#t", "HF104"),
        ("postgres:a secret#t", "HF104"),
        ("postgres:SHOP_DB", "HF104"),
        ("postgres:SHOP_DB#a.b.c", "HF104"),
        ("spark:", "HF104"),
        ("spark:a; drop table b", "HF104"),
        ("s3://bucket/secret", "HF104"),
    ],
)
def test_a_location_that_names_no_table_is_refused_and_not_repeated(location: str, code: str, tmp_path: Path) -> None:
    """It may hold a password."""
    shop = _shop(tmp_path / "shop", MAPPING.replace("postgres:SHOP_DB#sales.Orders", location))
    refusal = _refused(shop, Store(tmp_path / "store"))
    assert refusal.code == code
    assert "secret" not in str(refusal)


@pytest.mark.parametrize(
    ("location", "package", "extra"), [("postgres:A#t", "psycopg", "postgres"), ("spark:t", "pyspark", "spark")]
)
def test_without_its_package_a_source_is_refused_with_what_to_install(
    location: str, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.errors", None)
    shop = _shop(tmp_path / "shop", MAPPING.replace("postgres:SHOP_DB#sales.Orders", location))
    refusal = _refused(shop, Store(tmp_path / "store", environment={"A": "postgresql://host/db"}))
    assert refusal.code == "HF221"
    assert refusal.mend == f"Install the extra `{extra}`: pip install 'holdfast[{extra}]'."


SPARK_MAPPING = """
name = "tiny"
currency = "EUR"
time_zone = "Europe/Paris"
[files]
sold = "spark:sales.sold"
[tables.transactions]
from = "sold"
[tables.transactions.columns]
customer_id = "who"
timestamp = "at"
amount = "paid"
order_id = "bill"
"""


@pytest.mark.slow
def test_a_table_of_spark_is_read_with_its_types(spark: Any, tmp_path: Path) -> None:  # noqa: F811
    """Instants are converted to the shop's zone, local times stay what they are."""
    spark.sql(f"create database sales location '{(tmp_path / 'sales').as_uri()}'")
    for kind, days in (("timestamp", (11, 10)), ("timestamp_ntz", (10, 10))):
        spark.sql("drop table if exists sales.sold")
        spark.sql(
            "create table sales.sold using parquet as select who, cast(at as " + kind + ") as at,"
            " cast(paid as decimal(10, 2)) as paid, bill from values ('a', '2024-01-10 23:30:00', 1.25, 1),"
            " ('b', '2024-01-10 12:00:00', 2.5, null) as t (who, at, paid, bill)"
        )
        checked = check_tables(_shop(tmp_path / kind, SPARK_MAPPING), Store(tmp_path / kind / "store"), TODAY)
        assert sorted(rows_of(checked), key=lambda row: row["customer_id"]) == [
            {"customer_id": "a", "day": day_number(date(2024, 1, days[0])), "amount": 1.25, "order_id": "1"},
            {"customer_id": "b", "day": day_number(date(2024, 1, days[1])), "amount": 2.5, "order_id": None},
        ]
    spark.sql("drop database sales cascade")
    refusal = _refused(
        _shop(tmp_path / "absent", SPARK_MAPPING.replace("sales.sold", "sales.bought")), Store(tmp_path / "store")
    )
    assert refusal.code == "HF223"
    assert refusal.what.startswith("files.sold: Spark has no table sales.bought: ")


@pytest.mark.slow
def test_what_spark_wrote_in_its_old_type_is_an_instant(spark: Any, tmp_path: Path) -> None:  # noqa: F811
    """INT96 names no zone, but Spark means one; in folders by day, the day is a column."""
    shop = _shop(tmp_path / "shop", SPARK_MAPPING.replace("spark:sales.sold", "sold").replace('"bill"', '"part"'))
    spark.sql(
        "select 'a' as who, timestamp '2024-01-10 23:30:00' as at, 1.25 as paid, '007' as part"
        " union all select 'b', timestamp '2024-01-10 12:00:00', 2.5, null"
    ).write.partitionBy("part").option("spark.sql.parquet.outputTimestampType", "INT96").parquet(
        (shop.folder / "sold").as_uri()
    )
    checked = check_tables(shop, Store(tmp_path / "store"), TODAY)
    assert sorted(rows_of(checked), key=lambda row: row["customer_id"]) == [
        {"customer_id": "a", "day": day_number(date(2024, 1, 11)), "amount": 1.25, "order_id": "007"},
        {"customer_id": "b", "day": day_number(date(2024, 1, 10)), "amount": 2.5, "order_id": None},
    ]
