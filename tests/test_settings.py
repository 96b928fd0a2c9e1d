"""The TOML files a person keeps: what is wrong in them is told with file, key and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from features.refusal import CODES, Refusal
from features.shop import read_shop

ROOT = Path(__file__).resolve().parents[1]


def _read_playbook(folder: Path) -> Any:
    from models.playbook import read_playbook

    return read_playbook(folder)


def _read_study(folder: Path) -> Any:
    from training.study import read_study

    return read_study(folder)


FILES: dict[str, tuple[Path, Callable[[Path], Any]]] = {
    "shop.toml": (ROOT / "features" / "shop.toml", read_shop),
    "playbook.toml": (ROOT / "models" / "playbook.toml", _read_playbook),
    "study.toml": (ROOT / "training" / "study.toml", _read_study),
}


def _refused(name: str, tmp_path: Path, *changes: tuple[str, str], text: str | None = None) -> Refusal:
    """The refusal that the example file meets when each (old, new) of `changes` is made in it."""
    source, read = FILES[name]
    content = source.read_text(encoding="utf-8") if text is None else text
    for old, new in changes:
        assert old in content, f"{name} no longer holds {old!r}"
        content = content.replace(old, new, 1)
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(Refusal) as refused:
        read(tmp_path)
    return refused.value


@pytest.mark.parametrize("name", FILES)
def test_the_commented_examples_are_valid(name: str, tmp_path: Path) -> None:
    source, read = FILES[name]
    (tmp_path / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    read(tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "key", "hint"),
    [
        ("shop.toml", ("currency =", "curency ="), "'curency'", "Did you mean 'currency'?"),
        ("shop.toml", ("[tables.transactions]\n", "[tables.transactions]\nmax_bad = 0.1\n"),
         "'tables.transactions.max_bad'", "Did you mean 'max_bad_share'?"),
        ("shop.toml", ('engine = "duckdb"', "zzz = 1"), "'zzz'", "Known: currencies, currency, engine,"),
        ("playbook.toml", ("margin_share", "margin_shar"), "'value.margin_shar'", "Did you mean 'margin_share'?"),
        ("playbook.toml", ("save_rate = ", "save_rates = "), "'actions.0.save_rates'", "Did you mean 'save_rate'?"),
        ("study.toml", ("horizon_days", "horizon"), "'churn.horizon'", "Did you mean 'horizon_days'?"),
        ("study.toml", ("[fit]\n", "[fit]\nxgboost = true\n"), "'fit.xgboost'", "Known: column_share,"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_named_with_its_file_and_the_nearest_or_all_known(
    name: str, change: tuple[str, str], key: str, hint: str, tmp_path: Path
) -> None:
    refusal = _refused(name, tmp_path, change)
    assert (refusal.code, refusal.what) == ("HF103", f"{name}: unknown key {key}.")
    assert refusal.mend.startswith(hint)


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("shop.toml", ('"Europe/Paris"', '"Paris"'),
         "shop.toml: time_zone is 'Paris'; 'Paris' is not a time zone of the IANA list, like 'Europe/Paris'."),
        ("shop.toml", ('"EUR"', '"euro"'),
         "shop.toml: currency is 'euro'; should match pattern '^[A-Z]{3}$'."),
        ("shop.toml", ('language = "en"', 'language = "fr"'),
         "shop.toml: language is 'fr'; should be 'en' or 'zh'."),
        ("shop.toml", ('name = "my-shop"', ""), "shop.toml: name is missing."),
        ("shop.toml", ("[tables.transactions]\n", "[tables.transactions]\nmax_bad_share = 2.0\n"),
         "shop.toml: tables.transactions.max_bad_share is 2.0; should be less than or equal to 1."),
        ("playbook.toml", ("save_rate = [0.08, 0.18, 0.30]", "save_rate = [0.3, 0.2, 0.1]"),
         "playbook.toml: actions.0.save_rate is [0.3, 0.2, 0.1];"
         " save_rate must be [low, likely, high] with 0 <= low <= likely <= high <= 1."),
        ("study.toml", ("horizon_days = 28", 'horizon_days = "four weeks"'),
         "study.toml: churn.horizon_days is 'four weeks';"
         " should be a valid integer, unable to parse string as an integer."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_key_and_what_was_wanted(
    name: str, change: tuple[str, str], what: str, tmp_path: Path
) -> None:
    refusal = _refused(name, tmp_path, change)
    assert (refusal.code, refusal.what) == ("HF104", what)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("[tables.transactions]\nfrom", "[tables.purchases]\nfrom"),
         "shop.toml: unknown table 'purchases'; known: transactions, customers, interactions, subscriptions, offers,"
         " vectors."),
        (('amount = "amount"', 'amount = "amount"\nprice = "price"'),
         "shop.toml: table transactions has no column 'price'; known: customer_id, timestamp, amount, order_id,"
         " quantity, product, category, channel, store, discount, is_return, cost, currency."),
        (("[tables.transactions.columns]", '[tables.transactions.attributes]\nregion = "r"\n[tables.transactions.columns]'),
         "shop.toml: table transactions takes no attributes; only customers and vectors do."),
    ],
)  # fmt: skip
def test_what_a_shop_cannot_map_is_said_in_one_sentence(change: tuple[str, str], what: str, tmp_path: Path) -> None:
    """Without printing the file's whole content back."""
    text = FILES["shop.toml"][0].read_text(encoding="utf-8")
    if "purchases" in change[1]:
        text = text.replace("[tables.transactions.columns]", "[tables.purchases.columns]")
    refusal = _refused("shop.toml", tmp_path, change, text=text)
    assert (refusal.code, refusal.what) == ("HF104", what)


def test_attributes_that_differ_only_in_case_are_refused(tmp_path: Path) -> None:
    """Columns of a database do not tell Age from age."""
    text = """name = "s"
currency = "EUR"
[files]
people = "people.csv"
[tables.customers]
from = "people"
[tables.customers.columns]
customer_id = "id"
[tables.customers.attributes]
age = "a"
Age = "b"
"""
    refusal = _refused("shop.toml", tmp_path, text=text)
    assert refusal.code == "HF104"
    assert refusal.what == "shop.toml: attributes 'age' and 'Age' differ only in upper and lower case."


@pytest.mark.parametrize("name", FILES)
def test_an_absent_file_says_how_to_write_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        FILES[name][1](tmp_path)
    assert str(refused.value) == (
        f"HF101 {tmp_path / name} is not there. Name the shop's folder with --shop, or write the files of a shop with: holdfast init DIR"
    )


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_toml_is_told_with_its_place(name: str, tmp_path: Path) -> None:
    refusal = _refused(name, tmp_path, text="name = my shop\n")
    assert refusal.code == "HF102"
    assert "line 1, column 8" in refusal.what


@pytest.mark.parametrize(
    ("zone", "today"),
    [("UTC", date(2024, 6, 30)), ("Asia/Shanghai", date(2024, 7, 1)), ("America/New_York", date(2024, 6, 30))],
)
def test_today_is_the_shops_own_date(zone: str, today: date, tmp_path: Path) -> None:
    """At eleven at night in UTC it is morning in Shanghai, and its rows are not of the future."""
    text = FILES["shop.toml"][0].read_text(encoding="utf-8").replace("Europe/Paris", zone)
    (tmp_path / "shop.toml").write_text(text, encoding="utf-8")
    assert read_shop(tmp_path).today(datetime(2024, 6, 30, 23, tzinfo=UTC)) == today


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refusal, match="HF102"):
        read_shop(tmp_path)


def test_every_refusal_code_has_a_title_and_an_unknown_code_cannot_be_raised() -> None:
    assert all(len(code) == 5 and title for code, title in CODES.items())
    with pytest.raises(KeyError, match="HF999"):
        Refusal("HF999", "nothing.")


def test_a_refusal_is_one_line_of_code_figures_and_mend_and_the_same_as_data() -> None:
    refusal = Refusal("HF203", "transactions: the table is empty.", "Give a table with rows.")
    assert str(refusal) == "HF203 transactions: the table is empty. Give a table with rows."
    assert refusal.as_dict() == {
        "code": "HF203",
        "title": "a table is empty",
        "detail": "transactions: the table is empty.",
        "mend": "Give a table with rows.",
    }
