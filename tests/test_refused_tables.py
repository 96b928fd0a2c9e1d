"""Tables that are refused: the code, the figures, the first bad row and the mend."""

from __future__ import annotations

from by_hand import (
    TinyShop,
    check,
    purchases,
    quarantine,
    refusal_of,
)

from features.shop import Shop, read_shop
from features.store import Store


def test_too_many_bad_rows_refuse_the_table_and_name_the_first(tiny_shop: TinyShop, store: Store) -> None:
    rows = purchases()
    for row in rows[5:]:
        row["amount"] = "abc"
    where = store.quarantine / "tiny.transactions.csv"
    assert str(refusal_of(tiny_shop(rows), store)) == (
        "HF204 transactions: 15 of 20 rows are bad (allowed: 20%); the first is row 6: amount is 'abc',"
        f" expected a number. All are in {where}. Mend the table, or convert in shop.toml with SQL:"
        " try_strptime(timestamp, '%d.%m.%Y'), replace(amount, ',', '.')."
    )
    assert len(quarantine(store)) == 15


def test_a_table_of_bad_rows_alone_is_refused_whatever_is_allowed(tiny_shop: TinyShop, store: Store) -> None:
    rows = [{**row, "amount": "abc"} for row in purchases(3)]
    assert refusal_of(tiny_shop(rows, more="max_bad_share = 1.0"), store).code == "HF204"


def test_an_empty_table_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    assert str(refusal_of(tiny_shop([]), store)) == "HF203 transactions: the table is empty. Give a table with rows."


def test_an_empty_file_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    (shop.folder / "transactions.csv").write_text("")
    assert refusal_of(shop, store).code in ("HF201", "HF202", "HF203")


def test_a_column_that_the_file_lacks_is_refused_with_the_nearest(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    text = (shop.folder / "shop.toml").read_text().replace('amount = "amount"', 'amount = "amonut"')
    (shop.folder / "shop.toml").write_text(text)
    assert str(refusal_of(read_shop(shop.folder), store)) == (
        "HF202 transactions: amount is mapped to 'amonut', which transactions does not have;"
        " it has customer_id, timestamp, amount, order_id. Did you mean 'amount'?"
    )


def test_a_required_column_that_is_not_mapped_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    rows = [{k: v for k, v in row.items() if k != "amount"} for row in purchases()]
    refusal = refusal_of(tiny_shop(rows), store)
    assert refusal.code == "HF202"
    assert refusal.what.startswith("transactions: no column is mapped to amount (money paid,")


def test_a_shop_without_transactions_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    refusal = refusal_of(shop.model_copy(update={"tables": {}}), store)
    assert str(refusal) == (
        "HF207 shop.toml maps none of transactions, subscriptions, interactions and vectors; one of them is enough."
        " Add [tables.transactions], [tables.subscriptions], [tables.interactions] or [tables.vectors]."
    )


def test_an_absent_file_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    (shop.folder / "transactions.csv").unlink()
    refusal = refusal_of(shop, store)
    assert refusal.code == "HF201"
    assert refusal.what == f"files.transactions: {shop.folder / 'transactions.csv'} is not there."


def test_a_file_that_is_not_what_its_name_says_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    (shop.folder / "false.parquet").write_text("not parquet")
    refusal = refusal_of(shop.model_copy(update={"files": {"transactions": "false.parquet"}}), store)
    assert refusal.code == "HF201"
    assert "false.parquet cannot be read" in refusal.what


def test_a_file_of_an_unknown_kind_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    (shop.folder / "sales.xlsx").write_text("")
    refusal = refusal_of(shop.model_copy(update={"files": {"transactions": "sales.xlsx"}}), store)
    assert refusal.code == "HF201"
    assert refusal.what == "files.transactions: sales.xlsx ends in .xlsx."
    assert refusal.mend.startswith(
        "Readable: .parquet, .csv, .tsv, .csv.gz, several by a pattern like sales/*.parquet,"
    )


def _joined(tiny_shop: TinyShop, join: str, tags: str) -> Shop:
    shop = tiny_shop(purchases())
    (shop.folder / "tags.csv").write_text(tags)
    text = (shop.folder / "shop.toml").read_text()
    text = text.replace("[files]\n", '[files]\ntags = "tags.csv"\n').replace(
        'from = "transactions"', f'from = "transactions {join} tags using (order_id)"'
    )
    (shop.folder / "shop.toml").write_text(text)
    return read_shop(shop.folder)


def test_a_join_that_multiplies_rows_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    shop = _joined(tiny_shop, "left join", "order_id,tag\no1,a\no1,b\no2,a\no2,b\no2,c\n")
    assert str(refusal_of(shop, store)) == (
        "HF205 transactions: the join in `from` repeats 3 rows of transactions."
        " Join on columns that name each row of the other file once."
    )


def test_a_join_that_loses_rows_says_how_many(tiny_shop: TinyShop, store: Store) -> None:
    shop = _joined(tiny_shop, "join", "order_id,tag\no1,a\no2,b\n")
    assert check(shop, store).reports[0].warnings == (
        "18 rows of transactions have no partner in `from` and are left out",
    )


def test_an_expression_that_cannot_be_evaluated_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    text = (shop.folder / "shop.toml").read_text().replace('amount = "amount"', "amount = \"amount - 'x'\"")
    (shop.folder / "shop.toml").write_text(text)
    refusal = refusal_of(read_shop(shop.folder), store)
    assert refusal.code == "HF205"
    assert refusal.mend == "Mend the expressions under [tables.transactions.columns]."


def test_a_from_that_names_no_file_is_refused_with_the_nearest(tiny_shop: TinyShop, store: Store) -> None:
    shop = tiny_shop(purchases())
    text = (shop.folder / "shop.toml").read_text().replace('from = "transactions"', 'from = "transaction"')
    (shop.folder / "shop.toml").write_text(text)
    refusal = refusal_of(read_shop(shop.folder), store)
    assert (refusal.code, refusal.mend) == ("HF202", "Did you mean 'transactions'?")


def test_a_refused_table_leaves_no_half_checked_folder(tiny_shop: TinyShop, store: Store) -> None:
    refusal_of(tiny_shop([]), store)
    assert list(store.tables.iterdir()) == []
