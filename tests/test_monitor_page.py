"""The page of monitoring: whole without anything else, plain about what it rests on, and true to its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from chromium import axe_violations

from features.shop import Shop
from models.outcome import Expected, outcome
from models.runs import ScoreRun
from training.drift import ColumnDrift, Drift, DriverDrift, ProbabilityDrift
from training.monitor import ComparedRun
from training.monitor_page import paired_bars, ranges, write_monitor_page
from training.monitor_report import MonitorReport, most_drifted
from training.performance_estimate import estimate_performance
from training.realised_value import Arm, NetValue
from training.severity import Concern
from training.study import MonitorSettings
from training.watched_run import WatchedRun

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUN = ScoreRun(
    "tiny", "churn/2", date(2024, 3, 1), datetime(2024, 3, 2), 300, 280, "en", "EUR", date(2024, 3, 29), number=2
)
EARLIER = replace(RUN, bundle="churn/1", cutoff=date(2024, 1, 1), number=1)
PROBABILITY = np.linspace(0.01, 0.9, 280)
SPREAD = ProbabilityDrift(0.4, 0.02, 0.0, 0.2, 0.3, (0.1, 0.3), (0.5, 0.3, 0.2), (0.4, 0.3, 0.3), "alarm")
COLUMN = ColumnDrift("spend_91d", "spending_less", 0.3, 0.4, 0.01, 0.0, 50.0, 80.5, 0.0, 0.02, None, False, "alarm")
OLDER = replace(COLUMN, name="days_since_first_purchase", psi=0.9, grows=True, state="ok")
CALM = replace(COLUMN, name="visits_91d", psi=0.02, state="ok")
DRIVER = DriverDrift("price", 0.1, -0.2, 0.01, 0.0, 0.3, 0.1, "watch")
DRIFT = Drift(280, 270, (date(2024, 1, 1),), SPREAD, (CALM, OLDER, COLUMN), (DRIVER,))


def report() -> MonitorReport:
    """A run that has drifted, of which nothing is known yet, and an earlier one of which it is."""
    expected = Expected(
        np.array([f"c{k}" for k in range(280)], object), PROBABILITY, np.array(["low"] * 200 + ["high"] * 80, object)
    )
    churned = PROBABILITY > 0.5
    became = outcome(expected, churned, np.ones(280, bool), datetime(2024, 3, 3), None)
    net = NetValue(
        "call",
        Arm(200, 30, (0.1, 0.2)),
        Arm(9, 3, (0.1, 0.6)),
        400.0,
        None,
        None,
        "too few in control to tell (9)",
        None,
    )
    matured = ComparedRun(EARLIER, became, estimate_performance(PROBABILITY, churned), (net,))
    concern = Concern("alarm", "Columns <that> carry 30% of the model's gain have drifted: spend_91d.")
    watched = WatchedRun(RUN, DRIFT, "", estimate_performance(PROBABILITY), {"auc": 0.9}, True, (concern,))
    return MonitorReport((watched,), (), (matured,), (concern,))  # fmt: skip


@pytest.fixture
def write(tmp_path: Path, tiny_shop: Callable[..., Shop]) -> Callable[[MonitorReport], Path]:
    def written(found: MonitorReport) -> Path:
        shop = tiny_shop([{"customer_id": "c", "timestamp": "2024-01-01", "amount": 1}])
        write_monitor_page(tmp_path / "monitor.html", shop, found, MonitorSettings(), None)
        return tmp_path / "monitor.html"

    return written


def test_the_page_says_what_to_look_at_and_what_its_estimate_rests_on(write: Callable[[MonitorReport], Path]) -> None:
    text = " ".join(write(report()).read_text(encoding="utf-8").split())

    assert "do not rely on the scores before you have looked" in text
    assert "Columns &lt;that&gt; carry 30%" in text
    assert "They hold as long as the probabilities are calibrated." in text
    assert "had learned from these very days, or customers: this flatters" in text
    assert "too few in control to tell (9)" in text
    assert "No table of offers says whether it was done." in text
    assert "what it had learned from is unknown" in text
    assert text.index("spend_91d") < text.index("visits_91d") < text.index("days_since_first_purchase")


def test_a_page_without_drift_or_estimate_says_why(write: Callable[[MonitorReport], Path]) -> None:
    bare = WatchedRun(RUN, None, "the bundle churn/2 is gone", None, {}, False, ())
    text = write(MonitorReport((bare, bare), (), (), ())).read_text(encoding="utf-8")

    assert "nothing to look at" in text
    assert "This is not known: the bundle churn/2 is gone." in text
    assert "No run has matured yet" in text


def test_the_page_needs_nothing_else(write: Callable[[MonitorReport], Path]) -> None:
    text = write(report()).read_text(encoding="utf-8")

    assert not [word for word in ("<script", "http:", "https:", "src=", "<link", "@import") if word in text]


def test_what_drifted_comes_first_and_what_grows_by_itself_last() -> None:
    assert ["spend_91d", "visits_91d", "days_since_first_purchase"] == [c.name for c in most_drifted(DRIFT.columns)]


def test_bars_are_as_tall_as_their_shares() -> None:
    """The largest share, 0.5, is the whole height of 150."""
    assert [(150.0, 120.0), (90.0, 90.0), (60.0, 90.0)] == [(bar.before, bar.now) for bar in paired_bars(SPREAD)]


def test_bands_are_shown_from_the_safest_on() -> None:
    [matured] = report().matured
    low, high = ranges(matured)

    assert ("low", 200, "high", 80, 1.0) == (low.band, low.customers, high.band, high.customers, high.actual)
    assert low.low <= low.actual <= low.high


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_fits_its_window_and_everybody_can_read_it(
    browser: Browser, write: Callable[[MonitorReport], Path], width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page.goto(write(report()).as_uri())
    try:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert [] == axe_violations(page)
    finally:
        page.close()
