"""What leaving costs: how much of a customer's value hangs on their staying, learned by class of churn probability.

A value counts on the chance of leaving already: that of a likely leaver is low because they will probably go, not because
they would bring little if they stayed. So what leaving costs them is many times their value, and how many was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_LEAST_STAYING = 1e-9


@dataclass(frozen=True)
class CostOfLeaving:
    """What a customer spends who stays, less what one spends who leaves, as a multiple of what was expected of them.

    Attributes
    ----------
    churn_probability, multiple
        Points of a line that rises with the probability and is flat beyond its ends; straight over 1 / (1 - probability),
        which the multiple is where who leaves spends nothing. That is also assumed where there are no points.
    """

    churn_probability: tuple[float, ...] = ()
    multiple: tuple[float, ...] = ()

    def of(self, value: Floats, churn_probability: Floats) -> Floats:
        """In the unit of `value`, at least 0; all arrays of shape (rows,)."""
        alone = _over_staying(churn_probability)
        times = np.interp(alone, _over_staying(self.churn_probability), self.multiple) if self.multiple else alone
        return np.asarray(value * times, float)


def _over_staying(churn_probability: npt.ArrayLike) -> Floats:
    return np.asarray(1 / np.maximum(1 - np.asarray(churn_probability, float), _LEAST_STAYING))
