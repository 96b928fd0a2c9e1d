"""The tables a shop brings: what each column means and how a raw value becomes a checked one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "moment", "number", "text", "flag"]


@dataclass(frozen=True)
class Column:
    """One column of a table. `moment` becomes a local day number; the others keep their name."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False

    @property
    def checked_name(self) -> str:
        """The column's name once read: moments are day numbers, integer days since 1970."""
        return (
            {"timestamp": "day"}.get(self.name, self.name.removesuffix("_at") + "_day")
            if (self.kind == "moment")
            else self.name
        )

    @property
    def checked_type(self) -> str:
        """The SQL type of the checked column."""
        return {
            "id": "varchar",
            "text": "varchar",
            "moment": "integer",
            "number": "double",
            "flag": "integer",
        }[self.kind]


@dataclass(frozen=True)
class Table:
    """A table's contract. A row is one event, or one customer where `one_row_per_customer`."""

    name: str
    columns: tuple[Column, ...]
    one_row_per_customer: bool = False

    @property
    def checked_schema(self) -> dict[str, str]:
        """Checked column name to SQL type, in order."""
        return {column.checked_name: column.checked_type for column in self.columns}


_CUSTOMER = Column("customer_id", "id", "who", required=True)
_WHEN = Column("timestamp", "moment", "when, local time or with a zone", required=True)

TRANSACTIONS = Table("transactions", (
    _CUSTOMER,
    _WHEN,
    Column("amount", "number", "money paid, in the shop's currency; negative for a return", required=True),
    Column("order_id", "id", "the order or basket a line belongs to"),
    Column("quantity", "number", "pieces"),
    Column("product", "text", "product"),
    Column("category", "text", "product category"),
    Column("channel", "text", "sales channel"),
    Column("store", "text", "store"),
    Column("discount", "number", "money taken off the usual price, positive"),
    Column("is_return", "flag", "whether the line is a return; without it, negative amounts are"),
    Column("cost", "number", "what the goods cost the shop"),
))  # fmt: skip

CUSTOMERS = Table("customers", (
    _CUSTOMER,
    Column("name", "text", "what to call the customer on the page; nothing is learned from it"),
    Column("signed_up_at", "moment", "when the customer joined"),
    Column("consent", "text", "contact channels allowed"),
    Column("profiling_opt_out", "flag", "whether the customer objects to being scored"),
    Column("language", "text", "the customer's language"),
), one_row_per_customer=True)  # fmt: skip

INTERACTIONS = Table("interactions", (
    _CUSTOMER,
    _WHEN,
    Column("kind", "text", "visit, complaint, ticket, email_open, email_click, call, review, return...", required=True),
    Column("value", "number", "a figure that belongs to the interaction"),
    Column("topic", "text", "what it was about"),
    Column("resolved_at", "moment", "when a complaint or ticket was resolved"),
    Column("satisfaction", "number", "perceived quality"),
    Column("expectation", "number", "expected quality"),
))  # fmt: skip

OFFERS = Table("offers", (
    _CUSTOMER,
    _WHEN,
    Column("action", "text", "what was offered or done", required=True),
    Column("arm", "text", "treat or control"),
    Column("cost", "number", "what it cost"),
    Column("responded_at", "moment", "when the customer took it up"),
    Column("propensity", "number", "the chance with which the arm was drawn"),
))  # fmt: skip

TABLES: dict[str, Table] = {table.name: table for table in (TRANSACTIONS, CUSTOMERS, INTERACTIONS, OFFERS)}
