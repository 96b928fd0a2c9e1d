"""Findings of the preflight: one row of the usability report each, with the figures and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from features.refusal import CODES, Refusal

Step = Literal["read", "vectors", "train", "score"]
State = Literal["ok", "recommendation", "warning", "error"]

STEPS: tuple[Step, ...] = ("read", "vectors", "train", "score")
STATES: tuple[State, ...] = ("error", "warning", "recommendation", "ok")
"""The worst first."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, for which step, and how it stands.

    Attributes
    ----------
    column, table
        As the shop maps them; empty where the finding is about more than one.
    code
        Of features/refusal.py; every error has one.
    measured, required
        The two figures, None where there are none to compare.
    mend
        What to do; empty where nothing is to be done.
    """

    name: str
    step: Step
    state: State
    column: str
    table: str
    details: str
    code: str = ""
    measured: float | str | None = None
    required: float | str | None = None
    mend: str = ""

    def __post_init__(self) -> None:
        if self.code and self.code not in CODES:
            raise KeyError(f"code {self.code} is not in features/refusal.py")
        if self.state == "error" and not (self.code and self.mend):
            raise ValueError(f"an error has a code and a mend: {self.name}")

    def as_dict(self) -> dict[str, Any]:
        """The row: name, step, state, column, table, details, code, measured, required, mend."""
        return asdict(self)


def refused(name: str, step: Step, refusal: Refusal, measured: float | None, required: float | None) -> Finding:
    """The error that foretells a refusal, in its own words."""
    return Finding(name, step, "error", "", "", refusal.what, refusal.code, measured, required, refusal.mend)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first; of one state in the order of the steps, then as they were found."""
    return tuple(sorted(findings, key=lambda f: (STATES.index(f.state), STEPS.index(f.step))))


def counted(findings: Iterable[Finding]) -> Mapping[State, int]:
    """How many there are of each state, the worst first."""
    counts = Counter(finding.state for finding in findings)
    return {state: counts[state] for state in STATES}
