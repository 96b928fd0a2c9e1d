"""References: what a behaviour vector needs to know of other customers.

Fitted once in training, from events before `fitted_until`, and kept in the bundle: given them, a customer's vector
depends on that customer alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

NUMBERS = "reference_numbers"
PRICES = "reference_prices"


@dataclass(frozen=True)
class VectorReferences:
    """What SQL sees as the one-row table `reference_numbers` and the table `reference_prices` (product, price).

    Attributes
    ----------
    fitted_until
        The midnight before which everything they were fitted on was known.
    numbers
        Column of `reference_numbers` to value: purchase-rate parameters, and ventile edges of peer features.
    prices
        Product to its usual price of a piece, in the shop's currency.
    """

    fitted_until: date
    numbers: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """What features may say they need: `references.<number>` and, where any is known, `references.prices`."""
        found = {f"references.{name}" for name in self.numbers}
        return frozenset(found | ({"references.prices"} if self.prices else set()))

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def price_table(self) -> pa.Table:
        """Columns `product` (string) and `price` (double), by product."""
        known = sorted(self.prices.items())
        return pa.table(
            {
                "product": pa.array([product for product, _ in known], pa.string()),
                "price": pa.array([price for _, price in known], pa.float64()),
            }
        )

    def numbers_query(self) -> str:
        """SQL of the one row of numbers; a row without numbers has one column that nobody reads."""
        # a text is read to the nearest double everywhere, a decimal literal is not
        columns = [f"cast('{float(value)!r}' as double) as {name}" for name, value in sorted(self.numbers.items())]
        return f"select {', '.join(columns) or '0 as nothing'}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the bundle."""
        return {
            "fitted_until": self.fitted_until.isoformat(),
            "numbers": dict(self.numbers),
            "prices": dict(self.prices),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> VectorReferences:
        """The inverse of `as_dict`."""
        return cls(date.fromisoformat(plain["fitted_until"]), plain["numbers"], plain["prices"])
