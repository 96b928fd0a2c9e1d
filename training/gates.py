"""The promotion gates: what a challenger's judgment must show before it becomes champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.spoken import SPOKEN
from training.study import Gates


@dataclass(frozen=True)
class Gate:
    """One gate and whether it was passed, with the figures."""

    name: str
    passed: bool
    because: str


def gates(challenger: Mapping[str, Any], champion: Mapping[str, Any] | None, rules: Gates) -> list[Gate]:
    """Every gate that `rules` asks for.

    Parameters
    ----------
    challenger, champion
        Judgments as `holdfast judge --json` prints them; no champion, no comparison.
    """
    found = []
    if rules.better_than_recency_rule:
        rule = next(iter(challenger["paired"]))  # the rule of thumb is judged first
        low = challenger["paired"][rule]["auc_difference"]["low"]
        found.append(
            Gate(
                f"better than the {SPOKEN[rule]}",
                low > 0,
                f"AUC difference is at least {low:+.4f} at 95 %; wanted above 0",
            )
        )
    if champion is not None and champion["bundle"] != challenger["bundle"]:
        found.append(_against(champion, challenger, rules))
    return found


def _against(champion: Mapping[str, Any], challenger: Mapping[str, Any], rules: Gates) -> Gate:
    """Log loss against the champion's: on cut-offs new to it, else as both were judged on the same ones, or on folds."""
    name = f"no worse than {champion['bundle']}"
    beside = challenger.get("against_champion")
    if beside and beside["bundle"] == champion["bundle"]:
        mine, theirs, where = beside["challenger_log_loss"], beside["log_loss"], ", ".join(beside["cutoffs"])
    elif champion["cutoffs"] == challenger["cutoffs"]:
        mine, theirs = (j["models"]["holdfast"]["log_loss"]["value"] for j in (challenger, champion))
        where = "the cut-offs that both were judged on"
    elif not (champion.get("in_time", True) or challenger.get("in_time", True)):
        mine, theirs = (j["models"]["holdfast"]["log_loss"]["value"] for j in (challenger, champion))
        where = "customers that neither's judged models had seen"
    else:
        return Gate(name, False, "no cut-off is new to the champion or was judged for both; wait for labels to mature")
    because = (
        f"log loss is {mine:.4f} against {theirs:.4f} on {where}; wanted at most {rules.max_log_loss_worsening} more"
    )
    return Gate(name, mine - theirs <= rules.max_log_loss_worsening, because)
