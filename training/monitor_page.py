"""What monitoring found as a page: one HTML file that needs nothing else, the most important first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from features.catalog import DRIVERS, Feature
from features.shop import Shop
from models.bundle import Bundle
from models.outcome import BANDS
from training.drift import DriverDrift, ProbabilityDrift
from training.monitor import ComparedRun
from training.monitor_report import MonitorReport, most_drifted
from training.paper import write_page
from training.picture import HEIGHT, WIDTH
from training.realised_value import EVERYTHING
from training.spoken import LEARNED_FROM
from training.study import MonitorSettings

_COLUMNS = 12
HEADINGS = {
    "churn_rate": "share of leavers", "auc": "AUC", "lift_at_10": "lift in the riskiest tenth", "log_loss": "log loss",
    "brier": "Brier score", "calibration_error": "calibration error",
}  # fmt: skip


@dataclass(frozen=True)
class PairedBars:
    """Two upright bars side by side, then and now, in units of the picture's box."""

    x: float
    width: float
    before: float
    now: float
    label: str


@dataclass(frozen=True)
class Range:
    """A share with its interval on a line from 0 to 100: where it was expected, where it came."""

    band: str
    customers: int
    expected: float
    actual: float
    low: float
    high: float


def write_monitor_page(
    path: Path, shop: Shop, found: MonitorReport, rules: MonitorSettings, bundle: Bundle | None
) -> None:
    """Write the page; what was there goes on until the new one is whole.

    Parameters
    ----------
    bundle
        Of the newest watched run, for what its columns mean; None where it is gone.
    """
    meanings: dict[str, Feature] = {feature.name: feature for feature in bundle.catalog.features} if bundle else {}
    drift = found.run.drift
    write_page(
        path, "monitor.html",
        shop=shop, found=found, rules=rules, drift=drift, newest=found.run, meanings=meanings, drivers=DRIVERS,
        columns=most_drifted(drift.columns)[:_COLUMNS] if drift else [],
        quiet=sum(column.state == "ok" for column in drift.columns) if drift else 0,
        moved=sorted(drift.drivers, key=_shift, reverse=True) if drift else [],
        bars=paired_bars(drift.probability) if drift else (), width=WIDTH, height=HEIGHT,
        headings=HEADINGS, learned=LEARNED_FROM, ranges={one.run.number: ranges(one) for one in found.matured},
        everything=EVERYTHING,
    )  # fmt: skip


def paired_bars(found: ProbabilityDrift) -> tuple[PairedBars, ...]:
    """The shares of customers by bin of probability, then and now."""
    top = max(*found.before, *found.now) or 1.0
    step = WIDTH / len(found.before)
    ends = (0.0, *found.edges, 1.0)
    bars = []
    for k, (before, now) in enumerate(zip(found.before, found.now, strict=True)):
        label = f"{ends[k]:.1%} to {ends[k + 1]:.1%}: {before:.1%} of customers then, {now:.1%} now"
        bars.append(PairedBars(
            round(k * step + step * 0.1, 2), round(step * 0.38, 2), round(before / top * HEIGHT, 2),
            round(now / top * HEIGHT, 2), label,
        ))  # fmt: skip
    return tuple(bars)


def ranges(compared: ComparedRun) -> tuple[Range, ...]:
    """Expected and actual churn by band of risk, the lowest first."""
    of_bands = compared.outcome.bands
    return tuple(
        Range(band, group.customers, group.expected, group.actual, *group.interval)
        for band in BANDS
        if (group := of_bands.get(band))
    )


def _shift(driver: DriverDrift) -> float:
    return abs(driver.push - driver.push_before)
