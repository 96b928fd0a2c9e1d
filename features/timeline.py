"""Timelines: what a customer did and what was done to them before a cut-off, day by day, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.checked import CheckedTables
from features.snapshot import day_number
from features.sources import connect

TIMELINE_DAYS = 365
LONGEST_NAME = 200

_PURCHASES = """
    select customer_id, to_json(list(json_array(day, round(amount, 2), lines) order by day)) as purchases
    from (select customer_id, day, sum(amount) as amount, count(*) as lines from {rows}
          where day < {cutoff} and day >= {first} group by customer_id, day)
    group by customer_id"""
_INTERACTIONS = """
    select customer_id, to_json(list({{'day': day, 'kind': kind, 'topic': {topic},
        'resolved_day': case when {resolved} < {cutoff} then {resolved} end}} order by day)) as interactions
    from {rows} where day < {cutoff} and day >= {first} group by customer_id"""
_OFFERS = """
    select customer_id, to_json(list({{'day': day, 'action': action, 'arm': {arm},
        'responded_day': case when {responded} < {cutoff} then {responded} end}} order by day)) as offers
    from {rows} where day < {cutoff} and day >= {first} group by customer_id"""


class Timelines:
    """A shop's timelines at a cut-off: of the last 365 days before it, and nothing after.

    Per customer JSON texts of `purchases` ([day number, amount, lines] of each day), `interactions` (day, kind, topic,
    resolved_day) and `offers` (day, action, arm, responded_day); what has not happened by the cut-off is null.
    """

    def __init__(self, checked: CheckedTables, cutoff: date) -> None:
        self._connection = connect()
        numbers = {"cutoff": day_number(cutoff), "first": day_number(cutoff) - TIMELINE_DAYS}
        self._kinds: list[str] = []
        for kind, table, query in (
            ("purchases", "transactions", _PURCHASES),
            ("interactions", "interactions", _INTERACTIONS),
            ("offers", "offers", _OFFERS),
        ):
            columns = checked.columns.get(table)
            if columns is None:
                continue
            optional = {"topic": "topic", "resolved": "resolved_day", "arm": "arm", "responded": "responded_day"}
            named = {key: name if name in columns else "null" for key, name in optional.items()}
            rows = checked.purchases if kind == "purchases" else checked.rows(table)
            self._connection.execute(
                f"create temp table {kind} as {query.format(rows=rows, **named, **numbers)} order by customer_id"
            )
            self._kinds.append(kind)

    def of(self, customer_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """JSON texts by kind of event, by customer id; what a customer has none of is left out."""
        found: dict[str, dict[str, str]] = {customer: {} for customer in customer_ids}
        self._connection.register("asked", pa.table({"customer_id": pa.array(customer_ids, pa.string())}))
        for kind in self._kinds:
            rows = self._connection.execute(
                f"select customer_id, {kind} from {kind} semi join asked using (customer_id)"
            )
            for customer, text in rows.fetchall():
                found[customer][kind] = text
        self._connection.unregister("asked")
        return found

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()


def customer_names(checked: CheckedTables) -> dict[str, str]:
    """What to call the customers, by id, where the shop maps `customers.name`; one too long ends in `…`."""
    if "name" not in checked.columns.get("customers", ()):
        return {}
    table = pq.read_table(checked.path("customers"), columns=["customer_id", "name"])
    pairs = zip(*(table.column(name).to_pylist() for name in ("customer_id", "name")), strict=True)
    return {customer: _shortened(name) for customer, name in pairs if name}


def _shortened(name: str) -> str:
    single: Any = " ".join(name.replace("\0", "").split())
    return single if len(single) <= LONGEST_NAME else f"{single[: LONGEST_NAME - 1]}…"
