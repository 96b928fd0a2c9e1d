"""The tables a shop brings: what each column means and how a raw value becomes a checked one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "moment", "number", "text", "flag"]


@dataclass(frozen=True)
class Column:
    """One column of a table. `moment` becomes a local day number; the others keep their name.

    Attributes
    ----------
    money
        Whether it is an amount, converted where the row is in another currency than the shop.
    planned
        Whether the moment may lie ahead.
    midnight
        Whether the moment is the midnight before which the row was known: a later time of day means the next one.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    money: bool = False
    planned: bool = False
    midnight: bool = False

    @property
    def checked_name(self) -> str:
        """The column's name once read: moments are day numbers, integer days since 1970."""
        return (
            {"timestamp": "day", "as_of": "as_of_day"}.get(self.name, self.name.removesuffix("_at") + "_day")
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
class Rule:
    """What no row may be: SQL over its checked values, told of one column; it holds where all columns are mapped."""

    column: str
    broken: str
    reason: str


@dataclass(frozen=True)
class Table:
    """A table's contract. A row is one event, or one customer where `one_row_per_customer`.

    Attributes
    ----------
    takes_attributes
        Whether a shop may map further columns, under names of its own, beside those of the contract.
    unique
        The columns of which no two rows hold the same; none where rows may be equal.
    anonymous
        Whether many rows may have no customer, as the lines of walk-in customers do: they are quarantined like others,
        but are no sign of a bad table.
    """

    name: str
    columns: tuple[Column, ...]
    one_row_per_customer: bool = False
    takes_attributes: bool = False
    unique: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    anonymous: bool = False

    @property
    def takes_currency(self) -> bool:
        """Whether a shop may map `currency`, which is not kept: the amounts are converted by it."""
        return any(column.money for column in self.columns)

    @property
    def attribute_prefix(self) -> str:
        """What the names of the shop's own columns begin with, once checked."""
        return "attribute_" if self.one_row_per_customer else "given_"

    @property
    def checked_schema(self) -> dict[str, str]:
        """Checked column name to SQL type, in order."""
        return {column.checked_name: column.checked_type for column in self.columns}


_CUSTOMER = Column("customer_id", "id", "who", required=True)
_WHEN = Column("timestamp", "moment", "when, local time or with a zone", required=True)

TRANSACTIONS = Table("transactions", (
    _CUSTOMER,
    _WHEN,
    Column("amount", "number", "money paid, in the shop's currency; negative for a return", required=True, money=True),
    Column("order_id", "id", "the order or basket a line belongs to"),
    Column("quantity", "number", "pieces"),
    Column("product", "text", "product"),
    Column("category", "text", "product category"),
    Column("channel", "text", "sales channel"),
    Column("store", "text", "store"),
    Column("discount", "number", "money taken off the usual price, positive", money=True),
    Column("is_return", "flag", "whether the line is a return; without it, negative amounts are"),
    Column("cost", "number", "what the goods cost the shop", money=True),
), anonymous=True)  # fmt: skip

CUSTOMERS = Table("customers", (
    _CUSTOMER,
    Column("name", "text", "what to call the customer on the page; nothing is learned from it"),
    Column("signed_up_at", "moment", "when the customer joined"),
    Column("consent", "text", "contact channels allowed"),
    Column("profiling_opt_out", "flag", "whether the customer objects to being scored"),
    Column("language", "text", "the customer's language"),
), one_row_per_customer=True, takes_attributes=True, unique=("customer_id",))  # fmt: skip

INTERACTIONS = Table("interactions", (
    _CUSTOMER,
    _WHEN,
    Column("kind", "text", "visit, complaint, ticket, email_open, email_click, call, review, return...", required=True),
    Column("value", "number", "a figure that belongs to the interaction"),
    Column("topic", "text", "what it was about"),
    Column("resolved_at", "moment", "when a complaint or ticket was resolved"),
    Column("satisfaction", "number", "perceived quality"),
    Column("expectation", "number", "expected quality"),
), anonymous=True)  # fmt: skip

OFFERS = Table("offers", (
    _CUSTOMER,
    _WHEN,
    Column("action", "text", "what was offered or done", required=True),
    Column("arm", "text", "treat or control"),
    Column("cost", "number", "what it cost", money=True),
    Column("responded_at", "moment", "when the customer took it up"),
    Column("propensity", "number", "the chance with which the arm was drawn"),
))  # fmt: skip

SUBSCRIPTIONS = Table("subscriptions", (
    _CUSTOMER,
    Column("started_at", "moment", "when this term began; a renewal or a change of plan is a new row", required=True),
    Column("ended_at", "moment", "when it ended, or will end; empty while it runs on", planned=True),
    Column("plan", "text", "plan"),
    Column("price", "number", "price of a period, in the shop's currency", money=True),
    Column("period_days", "number", "days that a price pays for, like 30 or 365"),
    Column("auto_renew", "flag", "whether it goes on by itself after a period"),
    Column("cancelled_at", "moment", "when notice was given"),
), rules=(
    Rule("ended_at", "ended_at < started_at", "lies before started_at"),
    Rule("price", "price < 0", "is negative"),
    Rule("period_days", "period_days <= 0", "is not above 0"),
))  # fmt: skip

VECTORS = Table("vectors", (
    _CUSTOMER,
    Column("as_of", "moment", "the midnight before which all of the row was known; empty: it holds at any time",
           midnight=True),
    Column("churned", "flag", "whether the customer left within the horizon after `as_of`"),
    Column("cost_false_positive", "number", "cost of an offer to a customer who would have stayed"),
    Column("cost_false_negative", "number", "cost of losing a customer to whom no offer was made"),
    Column("cost_true_positive", "number", "cost of an offer to a customer who would have left"),
), takes_attributes=True, unique=("customer_id", "as_of"))  # fmt: skip

CURRENCY = Column("currency", "text", "the currency of the row's amounts, as [currencies] calls it", required=True)

TABLES: dict[str, Table] = {
    table.name: table for table in (TRANSACTIONS, CUSTOMERS, INTERACTIONS, SUBSCRIPTIONS, OFFERS, VECTORS)
}
