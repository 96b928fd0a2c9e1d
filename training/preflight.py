"""The preflight: what a shop's tables and its study can carry, told before anything is fitted.

Its errors are the refusals that training would give, found by the functions that give them; all else is a warning or a
recommendation with the figures, for a shop that can be served all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from features.checked import CheckedTables
from features.shop import Shop
from features.snapshot import day_number
from features.sources import connect
from training.finding import Finding, State, counted, ordered
from training.gaps import Gaps, usual_gaps
from training.names import named_findings
from training.population import CutoffCount, population
from training.study import Study
from training.study_findings import study_findings, usable_cutoffs
from training.table_findings import table_findings


@dataclass(frozen=True)
class Preflight:
    """Everything found, and the counts that pictures are drawn from.

    Attributes
    ----------
    weeks
        By table the events of each week, oldest first; the last week ends where what is known ends.
    """

    shop: str
    today: date
    checked: CheckedTables
    study: Study
    findings: tuple[Finding, ...]
    cutoffs: tuple[CutoffCount, ...]
    gaps: Gaps
    weeks: Mapping[str, tuple[int, ...]]

    @property
    def states(self) -> Mapping[State, int]:
        """How many findings are of each state."""
        return counted(self.findings)

    @property
    def is_usable(self) -> bool:
        """Whether no finding is an error."""
        return not self.states["error"]

    def week_start(self, table: str, week: int) -> date:
        """The first day of a week of `weeks`."""
        return self.checked.known_until - timedelta(days=7 * (len(self.weeks[table]) - week))

    def with_more(self, findings: Iterable[Finding]) -> Preflight:
        """The same with further findings."""
        return replace(self, findings=ordered((*self.findings, *findings)))

    def as_dict(self) -> dict[str, Any]:
        """What `holdfast check --json` prints."""
        usual = {f"p{share}": self.gaps.within(share / 100) if len(self.gaps.usual) else None for share in (50, 75, 90)}
        return {
            "shop": self.shop,
            "fingerprint": self.checked.fingerprint,
            "first_day": self.checked.first_day,
            "last_day": self.checked.last_day,
            "known_until": self.checked.known_until,
            "tables": [asdict(report) for report in self.checked.reports],
            "usable": self.is_usable,
            "states": self.states,
            "report": [finding.as_dict() for finding in self.findings],
            "cutoffs": [asdict(count) | {"churn_share": count.churn_share} for count in self.cutoffs],
            "usual_gap_days": usual,
        }


def preflight(shop: Shop, study: Study, checked: CheckedTables, today: date) -> Preflight:
    """Look at tables and study as reading, building vectors, training and scoring will."""
    buys = "transactions" in checked.columns
    cutoffs = usable_cutoffs(checked, study)
    found = population(checked, study, cutoffs) if cutoffs else None
    gaps = usual_gaps(checked) if buys else Gaps(np.empty(0))
    findings = [
        *table_findings(shop, checked), *study_findings(checked, study, found, gaps, today),
        *named_findings(shop, checked, study),
    ]  # fmt: skip
    return Preflight(
        shop.name, today, checked, study, ordered(findings), found.counts() if found else (), gaps, _weeks(checked)
    )


def _weeks(checked: CheckedTables) -> Mapping[str, tuple[int, ...]]:
    end = day_number(checked.known_until)
    found: dict[str, tuple[int, ...]] = {}
    with connect() as connection:
        for table in ("transactions", "interactions"):
            if table not in checked.columns:
                continue
            counts = connection.execute(
                f"select cast(floor(({end} - 1 - day) / 7) as integer) as ago, count(*) as events from"
                f" {checked.rows(table)} where day < {end} group by ago"
            ).fetchnumpy()
            weeks = np.zeros(int(counts["ago"].max(initial=-1)) + 1, int)
            weeks[counts["ago"]] = counts["events"]
            found[table] = tuple(int(count) for count in weeks[::-1])
    return found
