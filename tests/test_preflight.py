"""The preflight: it foretells what training refuses, and its report is whole in every form."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from by_hand import TinyShop
from chromium import axe_violations, visitor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser
from signed_in import overflow
from year_of_sales import FIRST, SMALL, TODAY, sales

import holdfast
from features.check import check_tables
from features.checked import CheckedTables
from features.console import Stopwatch
from features.refusal import REFUSED, Refusal
from features.shop import Shop, read_shop
from features.store import Store
from training.check_page import write_check_page
from training.finding import Finding, ordered
from training.leaks import find_leaks
from training.panel import matured_cutoffs
from training.preflight import preflight
from training.study import Study
from training.study_findings import history_needed
from training.train import prepare_panel


def refused_by_training(shop: Shop, checked: CheckedTables, study: Study) -> str | None:
    try:
        prepare_panel(shop, checked, study, None, Stopwatch())
    except Refusal as refusal:
        return refusal.code
    return None


def errors_of(shop: Shop, checked: CheckedTables, study: Study) -> list[str]:
    return [f.code for f in preflight(shop, study, checked, TODAY).findings if f.state == "error"]


@pytest.mark.parametrize(
    ("study", "code"),
    [
        ({}, "HF301"),
        (SMALL, None),
        ({"minimums": {"customers": 20, "churners": 15}}, "HF302"),
        ({"minimums": {"customers": 20, "churners": 1}, "cutoffs": {"judged": 12}}, "HF303"),
        ({**SMALL, "cutoffs": {"last": date(2024, 12, 20)}}, "HF303"),
        ({**SMALL, "cutoffs": {"last": date(2024, 9, 1)}}, None),
        ({**SMALL, "churn": {"horizon_days": 91}}, "HF303"),
    ],
)
def test_an_error_is_what_training_refuses_and_in_the_same_words(
    tiny_shop: TinyShop, store: Store, study: dict[str, Any], code: str | None
) -> None:
    shop, asked = tiny_shop(sales()), Study.model_validate(study)
    checked = check_tables(shop, store, TODAY)
    found = preflight(shop, asked, checked, TODAY)

    assert [code] * (code is not None) == [f.code for f in found.findings if f.state == "error"]
    if code is None:
        assert prepare_panel(shop, checked, asked, None, Stopwatch()).panel.X.shape[0] > 100
    else:
        with pytest.raises(Refusal) as refused:
            prepare_panel(shop, checked, asked, None, Stopwatch())
        foretold = found.findings[0]
        assert (refused.value.code, refused.value.what, refused.value.mend) == (code, foretold.details, foretold.mend)
        assert isinstance(foretold.measured, int | float)
        assert isinstance(foretold.required, int | float)
        if not asked.cutoffs.last:
            assert foretold.measured < foretold.required


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.builds(
        lambda horizon, further, every, judged, history, customers, churners: {
            "churn": {"horizon_days": horizon, "further_horizons_days": further - {horizon}},
            "cutoffs": {"every_days": every, "judged": judged, "min_history_days": history},
            "minimums": {"customers": customers, "churners": churners},
        },
        st.integers(1, 90), st.sets(st.integers(1, 90), max_size=2), st.integers(7, 60), st.integers(1, 6), st.integers(1, 200), st.integers(2, 70), st.integers(1, 8),
    )
)  # fmt: skip
def test_whatever_the_study_training_refuses_what_was_foretold_first_and_nothing_else(
    tiny_shop: TinyShop, store: Store, study: dict[str, Any]
) -> None:
    """What it would refuse next, were the first mended, is told besides."""
    shop, asked = tiny_shop(sales()), Study.model_validate(study)
    checked = check_tables(shop, store, TODAY)
    refused = refused_by_training(shop, checked, asked)

    assert errors_of(shop, checked, asked)[:1] == ([refused] if refused else [])


@given(st.integers(1, 200), st.integers(1, 90), st.integers(1, 8), st.integers(1, 400), st.integers(-3, 3))
def test_the_history_needed_is_the_shortest_that_is_not_refused(
    horizon: int, every: int, judged: int, history: int, days: int
) -> None:
    study = Study.model_validate(
        {"churn": {"horizon_days": horizon},
         "cutoffs": {"every_days": every, "judged": judged, "min_history_days": history}}
    )  # fmt: skip
    end = FIRST + timedelta(days=history_needed(study) + days)
    checked = CheckedTables(Path(), "", end, FIRST, end, {}, {})

    if days < 0:
        with pytest.raises(Refusal, match="HF303"):
            matured_cutoffs(checked, study.cutoffs, horizon)
    else:
        assert matured_cutoffs(checked, study.cutoffs, horizon)


def test_errors_come_first_and_have_a_code_and_a_mend() -> None:
    rows = [Finding("b", "score", "ok", "", "", "b"), Finding("a", "read", "warning", "", "", "a"),
            Finding("c", "train", "error", "", "", "c", "HF301", 1, 2, "Bring more.")]  # fmt: skip
    assert [f.name for f in ordered(rows)] == ["c", "a", "b"]
    with pytest.raises(ValueError, match="an error has a code and a mend"):
        replace(rows[0], state="error")
    with pytest.raises(KeyError, match="HF999"):
        replace(rows[0], code="HF999")


def run(monkeypatch: pytest.MonkeyPatch, store: Path, *arguments: str) -> int:
    for name in (*holdfast._NO_TELEMETRY, "HOLDFAST_STORE"):
        monkeypatch.setenv(name, str(store) if name == "HOLDFAST_STORE" else "1")
    monkeypatch.setattr("sys.argv", ["holdfast", *arguments])
    with pytest.raises(SystemExit) as left:
        holdfast.main()
    return int(left.value.code or 0)


ROW = ["name", "step", "state", "column", "table", "details", "code", "measured", "required", "mend"]


def test_errors_leave_with_the_code_of_a_refusal_and_the_whole_report(
    tiny_shop: TinyShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = tiny_shop(sales())
    assert run(monkeypatch, tmp_path / "store", "check", "--shop", str(shop.folder), "--json") == REFUSED
    out, err = capsys.readouterr()
    told = json.loads(out)

    assert {"shop", "fingerprint", "first_day", "last_day", "known_until", "tables"} <= told.keys()
    assert (told["usable"], told["study"], told["states"]["error"]) == (False, "defaults", 1)
    assert {tuple(row) for row in told["report"]} == {tuple(ROW)}
    assert {row["state"] for row in told["report"]} == {"error", "warning", "recommendation", "ok"}
    assert told["report"][0]["code"] == "HF301"
    assert [count["eligible"] for count in told["cutoffs"]][-1] == 46
    assert "There is no study.toml beside shop.toml: its defaults were looked at." in err
    assert "It cannot be learned from yet." in err
    assert "HF301 only 46 customers are eligible" in " ".join(err.split())


def test_a_shop_with_warnings_only_can_be_learned_from(
    tiny_shop: TinyShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = tiny_shop(sales())
    (shop.folder / "study.toml").write_text("[minimums]\ncustomers = 20\nchurners = 1\n")
    assert run(monkeypatch, tmp_path / "store", "check", "--shop", str(shop.folder), "--json") == 0
    out, err = capsys.readouterr()

    assert (json.loads(out)["usable"], json.loads(out)["study"]) == (True, "study.toml")
    assert "[tables.interactions]" in " ".join(err.split()), "what stands in brackets is told, too"


def test_the_page_is_one_file_that_needs_nothing_else(
    tiny_shop: TinyShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, page = tiny_shop(sales(category="<b>tea</b>")), tmp_path / "new" / "page.html"
    run(monkeypatch, tmp_path / "store", "check", "--shop", str(shop.folder), "--html", str(page))
    text = page.read_text(encoding="utf-8")

    assert "tiny cannot be learned from yet." in text
    assert text.count("<svg") == 3
    assert "<script" not in text
    assert not [word for word in ("src=", "url(", "http:", "https:", "@import", "<link") if word in text]


def test_the_same_shop_gives_the_same_report(example_folder: Path, checked: CheckedTables, study: Study) -> None:
    one, other = (preflight(read_shop(example_folder), study, checked, TODAY).as_dict() for _ in range(2))

    assert one == other
    assert json.dumps(one, default=str, allow_nan=False)


def test_the_example_shop_is_usable(example_folder: Path, checked: CheckedTables, study: Study) -> None:
    found = preflight(read_shop(example_folder), study, checked, checked.known_until)

    assert found.is_usable
    assert [f.name for f in found.findings if f.state == "warning"] == []


@pytest.mark.slow
def test_the_page_is_for_all_people_in_every_look(
    tiny_shop: TinyShop, store: Store, tmp_path: Path, browser: Browser
) -> None:
    shop, file = tiny_shop(sales()), tmp_path / "page.html"
    write_check_page(file, preflight(shop, Study(), check_tables(shop, store, TODAY), TODAY))
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", 390)):
        with visitor(browser, file.as_uri(), scheme=scheme, width=width) as page:
            page.goto(file.as_uri())
            assert axe_violations(page) == []
            assert overflow(page) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"judge": {"slices": ["shoe_size"]}}, "judge.slices names 'shoe_size'"),
        ({"value": {"column": "monthly_charges"}}, "value.column 'monthly_charges'"),
        ({"value": {"column": "contract_price_per_30d"}}, "value.column 'contract_price_per_30d'"),
        ({"value": {"column": "usual_spend_per_28d"}}, ""),
        ({}, ""),
    ],
)
def test_what_a_study_names_and_the_shop_has_not_is_foretold(
    example_folder: Path, checked: CheckedTables, study: Study, asked: dict[str, Any], told: str
) -> None:
    wanted = Study.model_validate({**study.model_dump(exclude_unset=True), **asked})
    errors = [f for f in preflight(read_shop(example_folder), wanted, checked, TODAY).findings if f.state == "error"]

    assert bool(told) == bool(errors)
    assert all(told in error.details and error.code == "HF104" for error in errors)


def test_a_slip_in_the_playbook_is_told_before_anybody_scores(
    example_folder: Path, checked: CheckedTables, study: Study, tmp_path: Path
) -> None:
    shop = read_shop(example_folder).model_copy(update={"folder": tmp_path})
    (tmp_path / "playbook.toml").write_text("[value]\nmargin_sharee = 1\n")
    [found] = [finding for finding in preflight(shop, study, checked, TODAY).findings if finding.name == "playbook"]

    assert ("warning", "score") == (found.state, found.step)
    assert "margin_share" in found.details + found.mend


@pytest.mark.slow
def test_a_plain_check_waits_for_no_heavy_library() -> None:
    program = "import sys, training.check_command; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["mlflow", "sklearn", "shap", "lightgbm", "scipy", "matplotlib", "jinja2"]
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("table", "columns", "rows"),
    [
        ("subscriptions", ("customer_id", "started_at", "price"), [f"c{k},2024-0{1 + k % 6}-01,9" for k in range(40)]),
        ("vectors", ("customer_id", "churned"), [f"c{k},{k % 4 == 0:d}" for k in range(40)]),
    ],
)
def test_a_shop_without_transactions_is_told_that_silence_needs_them(
    tmp_path: Path, store: Store, table: str, columns: tuple[str, ...], rows: list[str]
) -> None:
    (tmp_path / "rows.csv").write_text("\n".join([",".join(columns), *rows]))
    mapped = "\n".join(f'{column} = "{column}"' for column in columns)
    toml = f'name = "other"\ncurrency = "EUR"\n[files]\nrows = "rows.csv"\n[tables.{table}]\nfrom = "rows"\n[tables.{table}.columns]\n'
    (tmp_path / "shop.toml").write_text(toml + mapped)
    shop = read_shop(tmp_path)
    checked = check_tables(shop, store, TODAY)
    found = preflight(shop, Study(), checked, TODAY)
    leaks = find_leaks(shop, Study(), checked)

    assert [(f.code, f.table) for f in found.findings if f.state == "error"] == [("HF207", "transactions")]
    assert leaks.proof.changed == ()
    assert {f.state for f in leaks.findings} <= {"ok", "recommendation"}
    write_check_page(tmp_path / "page.html", found)
