"""The mean of two forecasts, which is often closer than either (Bates & Granger 1969): the process and the trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.purchase_process import PurchaseProcess
from models.spend import BoostedSpend, ValueRows

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CombinedSpend:
    """Half of what BG/NBD and gamma-gamma expect and half of what the boosted trees do."""

    process: PurchaseProcess
    boosted: BoostedSpend

    kind = "combined_spend"

    @property
    def text(self) -> str:
        return self.boosted.text

    def by_period(self, rows: ValueRows, periods: int) -> Floats:
        """Shape (rows, periods), money."""
        return np.asarray((self.process.by_period(rows, periods) + self.boosted.by_period(rows, periods)) / 2, float)

    def as_dict(self) -> dict[str, Any]:
        """All but the text, which is a file of its own."""
        return {"kind": self.kind, "process": self.process.as_dict(), "boosted": self.boosted.as_dict()}
