"""A shop's own family of features: what its file may say, and what its columns hold."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from by_hand import MEMORY, TinyShop, check, purchases

from features.behavior import catalog_of
from features.catalog import Catalog
from features.checked import CheckedTables
from features.refusal import Refusal
from features.store import Store
from features.vectors import vectors

CUTOFF = date(2024, 1, 21)
"""Customer c1 bought for 1.50 each 1, 5, 9, 13 and 17 days before it."""

HEAD = '[family]\nname = "spree"\n'
WINDOWED = """
[[feature]]
name = "spree_spend_{w}d"
relation = "history"
sql = "sum(case when age <= {w} then amount else 0 end)"
driver = "spending_less"
unit = "money"
missing = "0"
windows = [7, 14]
meaning = "Spend in {w} days"
en = "Spent {value} in {w} days; typical is {usual}."
"""
PACE = """
[[feature]]
name = "spree_pace"
relation = "vector"
sql = "ratio(spree_spend_7d, spree_spend_14d)"
driver = "spending_less"
unit = "ratio"
meaning = "The newer week's share"
en = "The pace is {value}."
"""


def _read(text: str | None, tiny_shop: TinyShop, store: Store) -> tuple[Catalog, CheckedTables]:
    shop = tiny_shop(purchases(), top='families = "own.toml"')
    if text is not None:
        (shop.folder / "own.toml").write_text(text, encoding="utf-8")
    checked = check(shop, store)
    return catalog_of(shop, checked), checked


def _refused(text: str | None, tiny_shop: TinyShop, store: Store) -> Refusal:
    with pytest.raises(Refusal) as refused:
        _read(text, tiny_shop, store)
    return refused.value


def test_its_columns_are_in_the_catalog_and_hold_what_they_say(tiny_shop: TinyShop, store: Store) -> None:
    catalog, checked = _read(HEAD + WINDOWED + PACE, tiny_shop, store)
    own = [feature.name for feature in catalog.features if feature.family == "spree"]
    assert own == ["spree_spend_7d", "spree_spend_14d", "spree_pace"]
    assert catalog.names[-3:] == tuple(own)

    rows: list[dict[str, Any]] = vectors(checked, catalog.naming(own), [CUTOFF], MEMORY).to_pylist()
    found = {row["customer_id"]: [row[name] for name in own] for row in rows}
    assert found["c1"] == [3.0, 6.0, 0.5], "2 of 1.50 in 7 days, 4 in 14"
    assert found["c4"] == [3.0, 6.0, 0.5], "2, 6, 10 and 14 days before, and 18"


def test_its_windows_are_told_in_its_texts_and_sentences_fall_back_to_english(
    tiny_shop: TinyShop, store: Store
) -> None:
    by_name = _read(HEAD + WINDOWED + PACE, tiny_shop, store)[0].by_name
    week = by_name["spree_spend_7d"]
    assert (week.meaning, week.meaning_zh) == ("Spend in 7 days", "Spend in 7 days")
    assert week.en == "Spent {value} in 7 days; typical is {usual}."
    assert week.zh == "Spent {value} in 7 days；typical is {usual}。"
    assert (week.role, week.missing, week.unit) == ("lever", "0", "money")
    assert by_name["spree_spend_14d"].sql == "sum(case when age <= 14 then amount else 0 end)"


def test_its_own_chinese_is_kept(tiny_shop: TinyShop, store: Store) -> None:
    text = HEAD + WINDOWED + PACE + 'zh = "节奏为{value}。"\nmeaning_zh = "节奏"\n'
    catalog, _ = _read(text, tiny_shop, store)
    assert (catalog.by_name["spree_pace"].zh, catalog.by_name["spree_pace"].meaning_zh) == ("节奏为{value}。", "节奏")


SQL = "ratio(spree_spend_7d, spree_spend_14d)"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('driver = "spending_less"\nunit = "ratio"', 'driver = "spending_les"\nunit = "ratio"', "Did you mean 'spending_less'?"),
        ('relation = "vector"', 'relation = "vectr"', "no relation is called 'vectr'. Did you mean 'vector'?"),
        ('unit = "ratio"', 'unit = "kilos"', "unit is 'kilos'; should be 'days', 'count', 'money'"),
        ('name = "spree_pace"', 'name = "overdue_ratio"', "overdue_ratio: the name is taken. Choose another."),
        ('name = "spree_pace"', 'name = "given_pace"', "given_pace: the name is taken."),
        ('name = "spree"', 'name = "monetary"', "'monetary' is a family of ours. Choose another name."),
        (SQL, "spree_spend_7d * 0.5", "sql holds 0.5; a feature is one portable expression over its relation. Write ratio(1, 2)"),
        (SQL, "spree_spend_7d / 2", "sql holds /; a feature is one portable expression over its relation. Divide with ratio(a, b)."),
        (SQL, "mod(spree_spend_7d % 2, 2)", "sql holds %; a feature is one portable expression over its relation. Use mod(a, b)."),
        (SQL, "date_diff('day', 1, 2)", "sql holds date_diff(...); a feature is one portable expression over its relation. Use abs, cast,"),
        (SQL, "(select 1)", "sql holds select; a feature is one portable expression over its relation. Use abs,"),
        (SQL, "read_csv('/etc/passwd')", "sql holds read_csv(...); a feature"),
        (SQL, "1) from '/etc/passwd' as x where (1 = 1", "sql holds a parenthesis that nothing has opened;"),
        (SQL, "case when current_date is null then 1 end", "sql holds current_date; a feature"),
        (SQL, "ratio(spree_spend_7d, 2", "sql holds an open parenthesis;"),
        (SQL, "lag(spree_spend_7d) over (order by 1)", "sql holds lag(...);"),
        (SQL, "sum(spree_spend_7d) over (order by 1)", "sql holds over;"),
        (SQL, "cutoffs.cutoff", "sql holds .;"),
        (SQL, "cast(spree_spend_7d as date)", "sql holds cast(spree_spend_7d as date);"),
        (SQL, "1; drop table cutoffs", "sql holds ;; a feature"),
        (SQL, "spree_spend_8d + 1", "sql cannot be computed: "),
        ("The pace is {value}.", "The pace is high.", "a sentence says {value} once before its semicolon"),
        ("The pace is {value}.", "The pace is {value}", "a sentence ends with a full stop"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_a_mend(
    old: str, new: str, told: str, tiny_shop: TinyShop, store: Store
) -> None:
    text = HEAD + WINDOWED + PACE
    assert old in text
    refusal = _refused(text.replace(old, new, 1), tiny_shop, store)
    assert refusal.code == "HF104"
    assert told in str(refusal)
    assert "own.toml: " in refusal.what


def test_an_unknown_key_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    refusal = _refused(HEAD + PACE + 'drivr = "price"\n', tiny_shop, store)
    assert refusal.code == "HF103"
    assert "unknown key 'feature.0.drivr'. Did you mean 'driver'?" in str(refusal)


def test_an_absent_file_is_refused(tiny_shop: TinyShop, store: Store) -> None:
    refusal = _refused(None, tiny_shop, store)
    assert refusal.code == "HF101"
    assert "own.toml is not there." in refusal.what
