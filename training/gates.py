"""The promotion gates: what a challenger's judgment must show before it becomes champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
        low = challenger["paired"]["recency_rule"]["auc_difference"]["low"]
        found.append(
            Gate(
                "better than the recency rule",
                low > 0,
                f"AUC difference is at least {low:+.4f} at 95 %; wanted above 0",
            )
        )
    if champion is not None and champion["bundle"] != challenger["bundle"]:
        if champion["cutoffs"] == challenger["cutoffs"]:
            mine, theirs = (j["models"]["holdfast"]["log_loss"]["value"] for j in (challenger, champion))
            worse = mine - theirs
            found.append(
                Gate(
                    f"no worse than {champion['bundle']}", worse <= rules.max_log_loss_worsening,
                    f"log loss is {mine:.4f} against {theirs:.4f}; wanted at most {rules.max_log_loss_worsening} more",
                )
            )  # fmt: skip
        else:
            found.append(
                Gate(
                    f"no worse than {champion['bundle']}", True,
                    "not compared: it was judged on other cut-offs than the challenger",
                )
            )  # fmt: skip
    return found
