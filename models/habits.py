"""What is usual of a customer, whatever the shop sells by: the same few columns from purchases or from contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
COLUMNS = (
    "days_since_last_purchase", "days_since_first_purchase", "last_gap_days", "purchase_days_182d",
    "active_weeks_91d", "spend_91d", "spend_182d", "spend_trend_56d_182d", "usual_spend_per_28d",
)  # fmt: skip
"""The habits that the relationship words are made of, by the names that they have where customers purchase."""
MARGIN = "usual_margin_per_28d"
"""The one habit that only shops have which know their costs."""
USUAL = "usual_spend_per_28d"
_A_YEAR = 365


@dataclass(frozen=True)
class ValueColumn:
    """The column that holds what a customer brings in so many days; no name where nothing tells."""

    name: str = USUAL
    days: int = 28

    def per_28d(self, column: Mapping[str, Floats]) -> Floats | None:
        """Shape (rows,), in the shop's currency; None where nothing tells."""
        return column[self.name] * (28 / self.days) if self.name in column else None


def habits(column: Mapping[str, Floats], value: ValueColumn) -> dict[str, Floats]:
    """Those of `COLUMNS` and `MARGIN` that a vector tells, arrays of shape (rows,).

    Of contracts: a running one is a purchase of today, terms are purchases, a break between two is a gap, a change of
    price is the trend and notice its end, and the first year goes in thirteenths from newcomer to regular.
    """
    brought = value.per_28d(column)
    if COLUMNS[0] in column:
        found = {name: column[name] for name in (*COLUMNS, MARGIN) if name in column}
        return found if brought is None else found | {USUAL: brought}
    found = (
        {} if brought is None else {USUAL: brought, "spend_91d": brought * 91 / 28, "spend_182d": brought * 182 / 28}
    )
    if "running_contracts" in column:
        running, first = column["running_contracts"] > 0, column["days_since_first_contract"]
        missing = np.full(len(first), np.nan)
        changed = column.get("contract_price_change", missing)
        found |= {
            "days_since_last_purchase": np.where(running, 0.0, column.get("days_since_contract_end", missing)),
            "days_since_first_purchase": first,
            "last_gap_days": column.get("longest_contract_gap_days", missing),
            "purchase_days_182d": column["contract_terms"],
            "active_weeks_91d": np.floor(13 * np.minimum(first / _A_YEAR, 1)),
            "spend_trend_56d_182d": np.where(
                column.get("contracts_under_notice", missing) > 0, 0.0, np.where(np.isnan(changed), 1.0, changed)
            ),
        }
    return found
