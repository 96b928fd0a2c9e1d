"""How grave a finding of monitoring is: ok, watch or alarm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "watch", "alarm"]
SEVERITIES: tuple[Severity, ...] = ("ok", "watch", "alarm")
"""The worst last."""
EXIT_CODES: dict[Severity, int] = {"ok": 0, "watch": 4, "alarm": 5}
"""Of `holdfast monitor`; 1 to 3 are taken by what goes wrong before anything is found."""


@dataclass(frozen=True)
class Concern:
    """Something a person should look at, in one sentence."""

    severity: Severity
    said: str


def worst(severities: Iterable[Severity]) -> Severity:
    """The gravest of them; ok where there are none."""
    return max(severities, key=SEVERITIES.index, default="ok")
