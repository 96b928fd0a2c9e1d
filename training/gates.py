"""The promotion gates: what a challenger's judgment must show before it becomes champion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from training.spoken import SPOKEN
from training.study import Gates


@dataclass(frozen=True)
class Gate:
    """One gate and whether it was passed, with the figures."""

    name: str
    passed: bool
    because: str

    def as_dict(self) -> dict[str, Any]:
        """The gate as `holdfast promote --json` prints it."""
        return {"gate": self.name, "passed": self.passed, "because": self.because}


def gates(
    challenger: Mapping[str, Any], champion: Mapping[str, Any] | None, rules: Gates, other_question: bool = False
) -> list[Gate]:
    """Every gate that `rules` asks for.

    Parameters
    ----------
    challenger, champion
        Judgments as `holdfast judge --json` prints them; no champion, no comparison.
    other_question
        Whether the challenger may answer another churn definition than the champion, which no figure compares.
    """
    found = [*_of_its_own(challenger, rules)]
    if champion is not None and champion["bundle"] != challenger["bundle"]:
        found.append(_against(champion, challenger, rules, other_question))
    return found


def _of_its_own(challenger: Mapping[str, Any], rules: Gates) -> Iterator[Gate]:
    judged = challenger["models"]["holdfast"]
    if rules.better_than_rule:
        rule = next(iter(challenger["paired"]))  # the rule of thumb is judged first
        low = challenger["paired"][rule]["auc_difference"]["low"]
        yield Gate(
            f"better than the {SPOKEN[rule]}", low > 0, f"AUC difference is at least {low:+.4f} at 95 %; wanted above 0"
        )
    auc, error = judged["auc"]["value"], judged["calibration_error"]["value"]
    yield Gate("tells leavers from stayers", auc >= rules.min_auc, f"AUC is {auc:.4f}; wanted at least {rules.min_auc}")
    yield Gate(
        "is calibrated", error <= rules.max_calibration_error,
        f"calibration error is {error:.4f}; wanted at most {rules.max_calibration_error}",
    )  # fmt: skip


def _against(champion: Mapping[str, Any], challenger: Mapping[str, Any], rules: Gates, other_question: bool) -> Gate:
    """Log loss against the champion's: on cut-offs new to it, else as both were judged on the same ones, or on folds."""
    name, what = f"no worse than {champion['bundle']}", "log loss"
    theirs_asked, mine_asked = champion.get("definition"), challenger.get("definition")
    if theirs_asked and mine_asked and theirs_asked != mine_asked:  # a judgment of before did not tell
        because = f"{champion['bundle']} answers another churn definition: their log losses cannot be compared"
        return _incomparable(name, because, other_question)
    beside = challenger.get("against_champion")
    if beside and beside["bundle"] == champion["bundle"]:
        if "not_told" in beside:
            because = f"{champion['bundle']} cannot be asked of these tables: {beside['not_told']}"
            return _incomparable(name, because, other_question)
        mine, theirs, where = beside["challenger_log_loss"], beside["log_loss"], ", ".join(beside["cutoffs"])
    elif not (champion.get("in_time", True) or challenger.get("in_time", True)):
        what = "log loss beyond that of the churn rate alone"  # which differs from table to table
        mine, theirs = (_log_loss(j) - _of_rate_alone(j["churn_rate"]) for j in (challenger, champion))
        where = "customers that neither's judged models had seen"
    elif champion["cutoffs"] == challenger["cutoffs"]:
        mine, theirs = _log_loss(challenger), _log_loss(champion)
        where = "the cut-offs that both were judged on"
    else:
        return Gate(name, False, "no cut-off is new to the champion or was judged for both; wait for labels to mature")
    because = (
        f"{what} is {mine:.4f} against {theirs:.4f} on {where}; wanted at most {rules.max_log_loss_worsening} more"
    )
    return Gate(name, mine - theirs <= rules.max_log_loss_worsening, because)


def _log_loss(judgment: Mapping[str, Any]) -> float:
    return float(judgment["models"]["holdfast"]["log_loss"]["value"])


def _of_rate_alone(rate: float) -> float:
    """The log loss of telling everybody the churn rate: its entropy, in nats."""
    return -sum(share * log(share) for share in (rate, 1 - rate) if share > 0)


def _incomparable(name: str, because: str, other_question: bool) -> Gate:
    return Gate(name, other_question, because + ("" if other_question else "; --other-question lets it pass"))
