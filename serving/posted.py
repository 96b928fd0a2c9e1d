"""Posted events as checked rows: what features/check.py does to a shop's files, done to one customer's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from features.catalog import Catalog
from features.consent import channels_of
from features.events import TABLES, Table
from features.refusal import Refusal, did_you_mean
from features.shop import Shop
from features.snapshot import day_number
from serving.messages import Customer, EventsRequest, Message

Row = dict[str, Any]
_ALWAYS_HEARD = ("profiling_opt_out", "consent")  # what a customer forbids holds, whatever the shop maps


@dataclass
class PostedTables:
    """One customer's rows of the checked schema, and what has to be said about them.

    `channels` are those that the customer allows, None where all are.
    """

    customer_id: str
    opted_out: bool
    channels: frozenset[str] | None
    rows: dict[str, list[Row]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def posted_tables(request: EventsRequest, shop: Shop, catalog: Catalog, cutoff: date) -> PostedTables:
    """The request's events as the vectors read them: local day numbers, doubles, strings, flags as 0 and 1.

    Columns and tables that the shop does not map were not known in training; they are left out, with a warning. What
    the bundle has learned from and the request does not name is told too: an empty list or a null says that there is
    none.

    Raises
    ------
    Refusal
        HF604 for another customer's row or an attribute the bundle does not know.
    """
    zone = ZoneInfo(shop.time_zone)
    customer = request.customer
    posted = PostedTables(request.customer_id, bool(customer.profiling_opt_out), channels_of(customer.consent))
    late: dict[str, int] = {}
    for name in ("transactions", "interactions", "offers", "subscriptions"):
        rows = [
            _checked(row, TABLES[name], request.customer_id, f"{name}[{i}]", zone)
            for i, row in enumerate(getattr(request, name))
        ]
        rows = _as_mapped(rows, TABLES[name], shop, posted.warnings)
        posted.rows[name] = rows
        first = TABLES[name].columns[1].checked_name
        late[name] = sum(row[first] >= day_number(cutoff) for row in rows)
    if request.vectors:
        measures = _values(request.vectors, catalog, TABLES["vectors"], shop, "vectors.")
        posted.rows["vectors"] = [{"customer_id": request.customer_id, **measures}]
    posted.rows["customers"] = [_customer_row(request, shop, catalog, zone, posted.warnings)]
    missing = _not_posted(request, shop, catalog)
    if missing:
        posted.warnings.append(f"not posted and taken as none: {', '.join(missing)}")
    asks_consent = "customers" in shop.tables and "consent" in shop.tables["customers"].columns
    if asks_consent and "consent" not in customer.model_fields_set:
        posted.warnings.append("customer.consent is not posted: every channel is taken as allowed")
    if any(late.values()):
        told = ", ".join(f"{count} of {name}" for name, count in late.items() if count)
        posted.warnings.insert(0, f"not yet counted, since at or after the cut-off {cutoff}: {told}")
    return posted


def _not_posted(request: EventsRequest, shop: Shop, catalog: Catalog) -> list[str]:
    """What the catalog rests on and the request does not name: tables, else their columns, and facts of the customer."""
    needs = {need for feature in catalog.features for need in feature.needs}
    learned = {need.partition(".")[0] for need in needs}
    found: list[str] = []
    for name in ("transactions", "interactions", "offers", "subscriptions", "vectors"):
        if name in learned and name not in request.model_fields_set:
            found.append(name)
        elif name == "vectors":
            prefix = TABLES["vectors"].attribute_prefix
            own = [f.name.removeprefix(prefix) for f in catalog.features if f.relation == "given"]
            found += [f"vectors.{column}" for column in own if column not in request.vectors]
        elif name in shop.tables and (rows := getattr(request, name, ())):
            said = {column for row in rows for column in row.model_fields_set}
            columns = [c.name for c in TABLES[name].columns if f"{name}.{c.checked_name}" in needs]
            told_by_amounts = {"is_return"} - shop.tables[name].columns.keys()
            found += [f"{name}.{column}" for column in columns if column not in said | told_by_amounts]
    facts = request.customer.attributes.keys()
    attributes = [f.sql.removeprefix("attribute_") for f in catalog.features if f.relation == "attributes"]
    return found + [f"customer.attributes.{name}" for name in attributes if name not in facts]


def _checked(row: Message, table: Table, customer_id: str, place: str, zone: ZoneInfo) -> Row:
    """A row by checked names. The local moment stays under `moment` until repeats are found."""
    of = getattr(row, "customer_id", None)
    if of is not None and of != customer_id:
        raise Refusal(
            "HF604", f"{place}.customer_id is another customer's.", "Post the events of one customer at a time."
        )
    checked: Row = {"customer_id": customer_id}
    for column in table.columns[1:]:
        value = getattr(row, column.name)
        match column.kind:
            case "moment":
                local = _local(value, zone)
                checked[column.checked_name] = None if local is None else day_number(local.date())
                if column.name in ("timestamp", "started_at"):
                    checked["moment"] = local
            case "flag":
                checked[column.name] = None if value is None else int(value)
            case "number":
                checked[column.name] = value
            case _:
                checked[column.name] = value or None
    return checked


def _local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(zone).replace(tzinfo=None)


def _as_mapped(rows: list[Row], table: Table, shop: Shop, warnings: list[str]) -> list[Row]:
    """The rows with the columns that the shop maps, repeats left out where its check would quarantine them."""
    source = shop.tables.get(table.name)
    if source is None:
        if rows:
            warnings.append(f"{table.name} is not a table of this shop and is left out")
        return []
    mapped = {column.checked_name for column in table.columns if column.name in source.columns}
    if table.name == "transactions" and "is_return" not in mapped:
        for row in rows:
            row["is_return"] = int(row["amount"] < 0) if row["is_return"] is None else row["is_return"]
        mapped = mapped | {"is_return"}
    unknown = sorted(
        column for column in table.checked_schema
        if column not in mapped and any(row[column] is not None for row in rows)
    )  # fmt: skip
    if unknown:
        warnings.append(f"not mapped in this shop and left out of {table.name}: {', '.join(unknown)}")
    kept = [{name: row[name] if name in mapped else None for name in table.checked_schema} for row in rows]
    keeps_repeats = source.duplicates or ("quarantine" if "order_id" in source.columns else "keep")
    if keeps_repeats == "keep":
        return kept
    single = {(row["moment"], *values.values()): values for row, values in zip(rows, kept, strict=True)}
    if len(single) < len(kept):
        warnings.append(f"{len(kept) - len(single)} of {table.name} repeat another row and are counted once")
    return list(single.values())


def _customer_row(request: EventsRequest, shop: Shop, catalog: Catalog, zone: ZoneInfo, warnings: list[str]) -> Row:
    customer: Customer = request.customer
    source = shop.tables.get("customers")
    row = _checked(customer, TABLES["customers"], request.customer_id, "customer", zone)
    row.pop("moment", None)
    mapped = source.columns if source else {}
    unmapped = [c for c in TABLES["customers"].columns[1:] if c.name not in mapped and c.name not in _ALWAYS_HEARD]
    unknown = sorted(c.name for c in unmapped if row[c.checked_name] is not None)
    if unknown:
        warnings.append(f"not mapped in this shop and left out of customer: {', '.join(unknown)}")
    row.update({column.checked_name: None for column in unmapped})
    return row | _values(customer.attributes, catalog, TABLES["customers"], shop, "customer.attributes.")


def _values(said: Mapping[str, float | str | None], catalog: Catalog, table: Table, shop: Shop, place: str) -> Row:
    """By checked name the values the bundle learned from; others that the shop maps, protected ones, are not read."""
    prefix, source = table.attribute_prefix, shop.tables.get(table.name)
    mapped = source.attributes if source else {}
    kinds = {f.name: f.unit == "category" for f in catalog.features if f.name.startswith(prefix)
             and f.relation in ("attributes", "given")}  # fmt: skip
    row: Row = dict.fromkeys(kinds)
    for name, value in said.items():
        column = f"{prefix}{name}"
        if column not in kinds and name in mapped:
            continue
        if column not in kinds:
            known = [kind.removeprefix(prefix) for kind in kinds]
            raise Refusal("HF604", f"{place}{name[:100]} is not known.", did_you_mean(name, known))
        if value is not None and isinstance(value, str) != kinds[column]:
            wanted = "a text" if kinds[column] else "a number"
            raise Refusal("HF604", f"{place}{name} should be {wanted}.", "See /v1/model-card.")
        row[column] = value or None if isinstance(value, str) else value
    return row
