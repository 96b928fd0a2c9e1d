"""What a person should look at in what monitoring found, by the thresholds of study.toml's [monitor]."""

from __future__ import annotations

from collections.abc import Mapping

from features.catalog import DRIVERS
from training.drift import Drift
from training.performance_estimate import PerformanceEstimate
from training.severity import SEVERITIES, Concern, Severity
from training.study import MonitorSettings

_NAMED = 3


def of_drift(found: Drift, rules: MonitorSettings) -> list[Concern]:
    """Drift of the probability and of drivers counts as it is; columns do once those that drifted carry enough gain."""
    concerns = []
    spread = found.probability
    if spread.state != "ok":
        concerns.append(
            Concern(
                spread.state,
                f"The churn probabilities are spread otherwise than when the bundle learned: on average {spread.mean:.1%}"
                f" now, {spread.mean_before:.1%} then; stability index {spread.psi:.2f}, usually up to {spread.usual_psi:.2f}.",
            )
        )
    if by_columns := _of_columns(found, rules):
        concerns.append(by_columns)
    moved = [driver for driver in found.drivers if driver.state != "ok"]
    concerns += [
        Concern(
            driver.state,
            f"The driver {DRIVERS[driver.driver].en!r} pushes {abs(driver.push - driver.push_before):.2f} log-odds"
            f" {'more' if driver.push > driver.push_before else 'less'} towards leaving than it did.",
        )
        for driver in sorted(moved, key=lambda one: -abs(one.push - one.push_before))
    ]
    return concerns


def of_estimate(found: PerformanceEstimate, when_judged: Mapping[str, float], rules: MonitorSettings) -> list[Concern]:
    """An AUC that the probabilities themselves let expect lower than those of the judged cut-offs did."""
    measure, before = found.measures["auc"], when_judged.get("auc")
    if before is None or measure.high >= before:
        return []
    severity = _reached(before - measure.value, rules.auc_drop_watch, rules.auc_drop_alarm)
    said = (
        f"The probabilities let expect an AUC of {measure.value:.3f}; when the bundle was judged it was {before:.3f}."
    )
    return [Concern(severity, said)] if severity != "ok" else []


def of_performance(found: PerformanceEstimate, of_run: str, rules: MonitorSettings) -> list[Concern]:
    """An AUC below, or a churn rate beside, what the probabilities promised by more than chance.

    Parameters
    ----------
    of_run
        What the run is called in the sentence.
    """
    concerns = []
    auc, rate = found.measures["auc"], found.measures["churn_rate"]
    if auc.actual is not None and auc.actual < auc.low:
        severity = _reached(auc.value - auc.actual, rules.auc_drop_watch, rules.auc_drop_alarm)
        said = f"{of_run} came to an AUC of {auc.actual:.3f}; its probabilities promised {auc.value:.3f}."
        concerns.append(Concern(severity, said))
    if rate.actual is not None and not rate.low <= rate.actual <= rate.high and rate.value > 0:
        severity = _reached(abs(rate.actual / rate.value - 1), rules.churn_gap_watch, rules.churn_gap_alarm)
        said = f"Of the customers of {of_run}, {rate.actual:.1%} left; {rate.value:.1%} were expected to."
        concerns.append(Concern(severity, said))
    return [concern for concern in concerns if concern.severity != "ok"]


def _of_columns(found: Drift, rules: MonitorSettings) -> Concern | None:
    """The gravest level at which the columns that reached it carry `gain_share` of the model's gain together."""
    for severity in reversed(SEVERITIES[1:]):
        drifted = [c for c in found.columns if SEVERITIES.index(c.state) >= SEVERITIES.index(severity)]
        gain = sum(column.gain_share for column in drifted)
        if drifted and gain >= rules.gain_share:
            heaviest = sorted(drifted, key=lambda column: -column.gain_share)
            names = ", ".join(column.name for column in heaviest[:_NAMED])
            more = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
            return Concern(severity, f"Columns that carry {gain:.0%} of the model's gain have drifted: {names}{more}.")
    return None


def _reached(figure: float, watch: float, alarm: float) -> Severity:
    return "alarm" if figure >= alarm else "watch" if figure >= watch else "ok"
