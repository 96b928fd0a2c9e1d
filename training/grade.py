"""The grade: A to D against what one would do without a model, in words a manager understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.spoken import PLAINLY


def grade(
    models: Mapping[str, Any], paired: Mapping[str, Any], noise: float, reliability: Sequence[Mapping[str, Any]]
) -> tuple[str, str]:
    """The grade and why.

    Parameters
    ----------
    models, paired
        As a judgment has them; the rule of thumb is the first of `paired`, the regression the second.
    noise
        The calibration error that chance alone stays below (`training.measures.calibration_error_noise`).
    reliability
        Points as `training.curves.reliability_curve` gives them.
    """
    letter, why = _against_others(models, paired)
    lift = models["holdfast"]["lift_at_10"]["value"]
    finds = f"Among the tenth it holds most at risk, {lift:.1f} times as many leave as among all."
    return letter, " ".join(part for part in (why, finds, _off(models, noise, reliability)) if part)


def beside_champion(letter: str, because: str, beside: Mapping[str, Any] | None) -> tuple[str, str]:
    """The grade and why, by how it stands to what is served (`training.champion.against_champion`): at most C if worse."""
    if not beside or "log_loss_difference" not in beside:
        return letter, because
    more = beside["log_loss_difference"]
    if more["low"] > 0:
        return max(letter, "C"), f"{because} Reliably worse than {beside['bundle']}, which is served."
    how = "Reliably better" if more["high"] < 0 else "Neither reliably better nor worse"
    return letter, f"{because} {how} than {beside['bundle']}, which is served."


def _against_others(models: Mapping[str, Any], paired: Mapping[str, Any]) -> tuple[str, str]:
    auc = models["holdfast"]["auc"]["value"]
    rule, regression = paired
    over_rule, over_regression = (paired[name]["auc_difference"] for name in paired)
    if over_rule["low"] <= 0:
        return "C" if over_rule["value"] > 0 else "D", f"Not reliably better than {PLAINLY[rule]}."
    if auc < 0.65:
        return "C", f"Better than {PLAINLY[rule]}, but it tells few leavers from stayers."
    if over_regression["low"] > 0:
        return "A", f"Reliably better than {PLAINLY[rule]} and than {PLAINLY[regression]}."
    if over_regression["high"] < 0:
        return "C", f"Better than {PLAINLY[rule]}, but reliably worse than {PLAINLY[regression]}."
    return "B", f"Reliably better than {PLAINLY[rule]}, not than {PLAINLY[regression]}."


def _off(models: Mapping[str, Any], noise: float, reliability: Sequence[Mapping[str, Any]]) -> str:
    """Where probabilities and churn differ by more than chance, the tenth of customers where they do most."""
    outside = [point for point in reliability if not point["low"] <= point["said"] <= point["high"]]
    if models["holdfast"]["calibration_error"]["value"] <= noise or not outside:
        return ""
    worst = max(outside, key=lambda point: abs(point["said"] - point["seen"]))
    return f"Its probabilities are off: it says {worst['said']:.0%} where {worst['seen']:.0%} leave."
