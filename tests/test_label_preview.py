"""The preview of labels: counted by eye, the same as training counts, and a page that needs nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from by_hand import TinyShop
from chromium import axe_violations, visitor
from playwright.sync_api import Browser
from signed_in import overflow

from features.check import check_tables
from features.checked import CheckedTables
from features.refusal import Refusal
from features.store import Store
from models.definition import ChurnDefinition
from training.label_page import write_label_page
from training.label_preview import HorizonPreview, LabelPreview, _advice, label_preview
from training.labels import write_labels
from training.plan import plan
from training.population import population
from training.study import Study

FIRST = date(2024, 1, 1)
FREQUENT = Study.model_validate(
    {
        "churn": {"horizon_days": 7, "active_within_days": 28},
        "cutoffs": {"every_days": 7, "min_history_days": 28, "judged": 1},
    }
)


@pytest.fixture
def of_paces(tiny_shop: TinyShop, store: Store) -> Callable[..., CheckedTables]:
    """A shop of so many customers for each pace, who all buy on the first day and then every so many days."""

    def check(paces: dict[int, int], days: int = 140) -> CheckedTables:
        rows = [
            {"customer_id": f"p{pace}-{k}", "timestamp": FIRST + timedelta(days=day), "amount": 5}
            for pace, count in paces.items() for k in range(count) for day in range(0, days, pace)
        ]  # fmt: skip
        return check_tables(tiny_shop(rows), store, date(2025, 6, 1))

    return check


@pytest.fixture(scope="module")
def previewed(checked: CheckedTables, study: Study) -> LabelPreview:
    return label_preview("ex<ample", checked, study)


def by_days(found: LabelPreview) -> dict[int, HorizonPreview]:
    return {one.horizon_days: one for one in found.horizons}


def test_who_pauses_as_usual_is_back(of_paces: Callable[..., CheckedTables]) -> None:
    """Of a hundred, fifty buy daily, thirty every 14 days and twenty every 28 days; nobody leaves."""
    found = by_days(label_preview("tiny", of_paces({1: 50, 14: 30, 28: 20}), FREQUENT))

    seven, fortnight, month = found[7], found[14], found[28]
    assert seven.back_within_active == 1.0
    assert 0 < seven.back_within_once < 1
    assert 0 < fortnight.churn_share < seven.churn_share < 0.5
    assert (0, None) == (month.churned, month.back_within_once)
    assert (True, False) == (seven.carries_training, found[56].carries_training)
    assert 182 not in found


def test_who_has_gone_is_not_back(of_paces: Callable[..., CheckedTables], tiny_shop: TinyShop, store: Store) -> None:
    rows = [{"customer_id": f"s{k}", "timestamp": FIRST + timedelta(days=day), "amount": 5}
            for k in range(60) for day in range(0, 140, 3)]  # fmt: skip
    rows += [{"customer_id": f"g{k}", "timestamp": FIRST + timedelta(days=day), "amount": 5}
             for k in range(60) for day in range(0, 40 + k, 3)]  # fmt: skip
    found = label_preview("tiny", check_tables(tiny_shop(rows), store, date(2025, 6, 1)), FREQUENT)

    assert {0.0} == {one.back_within_active for one in found.horizons if one.back_within_active is not None}
    assert (7, True) == (found.recommended_days, "0% are back within 28 more" in found.advice)


def test_the_preview_counts_what_training_counts(previewed: LabelPreview, checked: CheckedTables, study: Study) -> None:
    found = previewed
    cutoffs = plan(checked, study).cutoffs

    assert population(checked, study, cutoffs).counts() == found.cutoffs
    mine = by_days(found)[study.churn.horizon_days]
    assert mine.churned >= sum(count.churned for count in found.cutoffs)
    assert mine.carries_training
    for count, told in zip(found.cutoffs, found.as_dict()["cutoffs"], strict=True):
        low, high = told["interval"]
        assert low < count.churn_share < high


def test_a_shop_of_too_few_days_is_previewed_or_refused_by_number(of_paces: Callable[..., CheckedTables]) -> None:
    assert label_preview("tiny", of_paces({1: 50, 14: 30}, days=45), FREQUENT).cutoffs
    with pytest.raises(Refusal, match="HF303"):
        label_preview("tiny", of_paces({1: 50, 14: 30}, days=30), FREQUENT)


def horizon(days: int, share: float, back: float | None, carries: bool = True) -> HorizonPreview:
    return HorizonPreview(days, 5, 1000, int(1000 * share), share, share, back, back, back, carries)


@pytest.mark.parametrize(
    ("horizons", "recommended", "said"),
    [
        ([horizon(28, 0.3, 0.6), horizon(56, 0.2, 0.2)], 56, "calls fewer of them lost who only pause"),
        ([horizon(14, 0.3, 0.1), horizon(28, 0.2, 0.05)], 14, "is known earlier"),
        ([horizon(28, 0.2, 0.1), horizon(56, 0.2, 0.05)], 28, "keep churn.horizon_days = 28"),
        ([horizon(28, 0.3, 0.6), horizon(56, 0.2, 0.5)], 28, "churn means a pause here"),
        ([horizon(28, 0.3, 0.6), horizon(56, 0.2, 0.1, carries=False)], 28, "churn means a pause here"),
        ([horizon(28, 0.02, None), horizon(91, 0.2, None)], 91, "Set churn.horizon_days = 91"),
        ([horizon(28, 0.01, 0.1)], None, "Under no horizon does history carry training"),
        ([], None, "no other horizon can be asked"),
    ],
)  # fmt: skip
def test_the_shortest_horizon_is_advised_after_which_few_come_back(
    horizons: list[HorizonPreview], recommended: int | None, said: str
) -> None:
    days, advice = _advice(ChurnDefinition("silence", 28, active_within_days=91), horizons)

    assert recommended == days
    assert said in advice


def test_labels_are_written_with_the_censored_left_open(checked: CheckedTables, study: Study, tmp_path: Path) -> None:
    days = (plan(checked, study).cutoffs[-1], checked.known_until)
    found = population(checked, study, days)
    write_labels(tmp_path / "labels.parquet", found.vectors, found.eligible, found.labels)
    written = pq.read_table(tmp_path / "labels.parquet").to_pydict()

    assert set(days) == set(written["cutoff"])
    assert {day: {value is None for value in of} for day, of in {
        day: [c for c, at in zip(written["churned"], written["cutoff"], strict=True) if at == day] for day in days
    }.items()} == {days[0]: {False}, days[1]: {True}}  # fmt: skip
    assert found.counts()[0].churned == sum(filter(None, written["churned"]))


@pytest.mark.slow
def test_the_page_needs_nothing_else_and_fits_a_phone(
    previewed: LabelPreview, tmp_path: Path, browser: Browser
) -> None:
    write_label_page(tmp_path / "labels.html", previewed)
    text = (tmp_path / "labels.html").read_text(encoding="utf-8")

    assert not re.search(r"https?://|<script|<link", text)
    assert "ex&lt;ample" in text
    for scheme, width in (("light", 1440), ("dark", 390)):
        with visitor(browser, (tmp_path / "labels.html").as_uri(), scheme=scheme, width=width) as page:
            page.goto((tmp_path / "labels.html").as_uri())
            assert "Share that churned, by horizon" in page.inner_text("main")
            assert axe_violations(page) == []
            assert overflow(page) == []


@pytest.mark.slow
def test_the_command_speaks_json_and_writes_the_page(
    example_folder: Path, example_store: Store, tmp_path: Path
) -> None:
    asked = ["label", "--preview", "--shop", str(example_folder), "--json", "--report", str(tmp_path / "page.html")]
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", *asked], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1]), "HOLDFAST_STORE": str(example_store.root)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()

    assert {"cutoffs", "horizons", "advice", "recommended_horizon_days", "report", "predicts"} <= set(json.loads(line))
    assert "By horizon" in done.stderr
    assert (tmp_path / "page.html").exists()
