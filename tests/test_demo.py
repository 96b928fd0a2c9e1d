"""The demo shop, built once: a quarter told by the command, no leak in it, and the notebooks true of it."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from demo_shop import DemoShop
from running_notebook import assert_tells_its_story, every_notebook

from features.check import check_tables
from features.shop import read_shop
from features.store import Store
from training.leaks import find_leaks
from training.study import read_study

pytestmark = pytest.mark.slow


def test_the_demo_tells_a_quarter_whose_comparisons_do_not_flatter(demo_shop: DemoShop) -> None:
    assert ["2017-10-06", "2017-11-03", "2017-12-01"] == demo_shop.told["past"]
    assert "Expected against actual churn" in demo_shop.words
    assert "flatters" not in demo_shop.words
    with (demo_shop.folder / "churn_list.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {"2018-01-01"} == {row["as_of"] for row in csv.DictReader(file)}


def test_a_real_grocery_raises_nothing(demo_shop: DemoShop) -> None:
    shop, study = read_shop(demo_shop.folder), read_study(demo_shop.folder)
    checked = check_tables(shop, Store(demo_shop.store), date(2025, 6, 1))

    assert {f.state for f in find_leaks(shop, study, checked, customers=150).findings} == {"ok"}


@every_notebook
def test_a_notebook_tells_its_story_of_the_demo_shop(file: Path, demo_shop: DemoShop, tmp_path: Path) -> None:
    assert_tells_its_story(file, demo_shop.environment(), tmp_path)
