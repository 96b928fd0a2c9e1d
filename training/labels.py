"""Labels: whether a customer fell silent within the horizon, known only once the horizon has passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.checked import CheckedTables
from features.sources import connect


@dataclass(frozen=True)
class Labels:
    """What happened after each cut-off, in the order of a vectors table; arrays of shape (rows,).

    Attributes
    ----------
    churned
        True where no purchase lies in [cut-off, cut-off + horizon); a return is none. Meaningless where not matured.
    matured
        Whether the whole horizon lies in what is known; False is censored.
    spend
        Money spent within the horizon.
    """

    churned: npt.NDArray[np.bool_]
    matured: npt.NDArray[np.bool_]
    spend: npt.NDArray[np.float64]


def is_matured(cutoff: date, horizon_days: int, known_until: date) -> bool:
    """Whether the label of a cut-off can be known."""
    return cutoff + timedelta(days=horizon_days) <= known_until


def silence_labels(checked: CheckedTables, vectors: pa.Table, horizon_days: int) -> Labels:
    """The `silence` labels of every row of a vectors table."""
    rows = vectors.select(["cutoff", "customer_id"])
    rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    with connect() as connection:
        connection.register("asked", rows)
        found = connection.sql(
            "with days as (select customer_id, day, sum(amount) as amount"
            f" from {checked.purchases} group by customer_id, day)"
            " select a.row, count(d.day) as days, coalesce(sum(d.amount), 0) as spend"
            " from asked as a left join days as d"
            " on d.customer_id = a.customer_id and d.day >= a.cutoff"
            f" and d.day < a.cutoff + {int(horizon_days)}"
            " group by a.row order by a.row"
        ).fetchnumpy()
    known = np.datetime64(checked.known_until, "D").astype(int)
    matured = rows.column("cutoff").to_numpy() + horizon_days <= known
    return Labels(np.asarray(found["days"] == 0), np.asarray(matured), np.asarray(found["spend"], float))
