"""The churn list as people see it: what an address asks for, the filters to choose from, and its rows in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import Field
from starlette.datastructures import QueryParams

from models.churn_list import LONGEST_TOKEN, SORTS, ListPage, ListQuery
from models.reasons import raising
from serving.addresses import customer_address
from serving.messages import AnyOf, ChurnListQuery, Named
from serving.problems import valid_query
from serving.speech import N_
from serving.telling import Teller
from serving.words import FACETS, FIELDS

COLUMNS = ("churn_probability", "value_at_risk", "lifetime_value", "segment", "tier", "value_quadrant", "state",
           "reasons", "action", "expected_net_value", "evidence", "arm", "as_of")  # fmt: skip
FIRST_COLUMNS = ("churn_probability", "value_at_risk", "segment", "tier", "reasons", "action", "expected_net_value")
FORMATS = ("html", "csv", "xlsx", "json")
LEADING = ("band", "tier", "action")
FILTERED = ("band", "tier", "segment", "value_quadrant", "reason", "action", "arm")
LIMITS = (25, 50, 100, 200)
FIRST_ORDER = "value_at_risk"
"""By risk alone those would come first who are all but certain to leave and whose leaving costs nothing."""
ORDERS: Mapping[str, tuple[str, str]] = {
    "value_at_risk": (
        N_("Most value at risk first: what leaving would cost, weighed by how likely it is."),
        N_("Least value at risk first."),
    ),
    "churn_probability": (N_("Highest churn risk first."), N_("Lowest churn risk first.")),
    "expected_net_value": (N_("Highest expected net value first."), N_("Lowest expected net value first.")),
    "lifetime_value": (N_("Highest lifetime value first."), N_("Lowest lifetime value first.")),
    "customer_id": (N_("By customer id."), N_("By customer id, from the last one on.")),
}
"""What the list's orders are called, forwards and the other way round, the first one first."""
Column = Literal[COLUMNS]  # type: ignore[valid-type]


class PageQuery(ChurnListQuery):
    """The churn list's parameters on the page: those of the API, and what only people need."""

    sort: Literal[SORTS] = FIRST_ORDER  # type: ignore[valid-type]
    q: Named = Field("", max_length=256)
    limit: int = Field(LIMITS[0], ge=1, le=LIMITS[-1])
    reverse: bool = False
    before: str | None = Field(None, max_length=LONGEST_TOKEN)
    columns: AnyOf[Column] = FIRST_COLUMNS
    format: Literal[FORMATS] | None = None  # type: ignore[valid-type]

    def asked(self) -> ListQuery:
        """The question to the ledger."""
        return ListQuery(self.filters(), self.sort, self.q.strip(), self.reverse)

    @property
    def order(self) -> str:
        """What the order is called."""
        return ORDERS[self.sort][self.reverse]

    def address(self, **changes: Any) -> str:
        """The list's address with these parameters changed; where a page began is forgotten."""
        kept = self.model_dump(exclude_defaults=True, exclude={"after", "before", "format"}) | changes
        pairs = [(k, "true" if v is True else v) for k, v in kept.items() if v not in (None, "", False, ())]
        return f"/customers?{urlencode(pairs, doseq=True)}" if pairs else "/customers"


def page_query(given: QueryParams) -> PageQuery:
    """What an address asks for; HF607 where it cannot be. What a form leaves empty is not asked."""
    return valid_query(PageQuery, given, filled=True)


VIEWS = (
    (N_("Everyone"), page_query(QueryParams())),
    (N_("To contact now"), page_query(QueryParams("arm=treat&sort=expected_net_value"))),
    (N_("Most at stake"), page_query(QueryParams("band=high&band=medium"))),
    (N_("Most likely to leave"), page_query(QueryParams("sort=churn_probability"))),
    (N_("Key customers at high risk"), page_query(QueryParams("band=high&tier=key_top&tier=key"))),
    (N_("Left alone for comparison"), page_query(QueryParams("arm=control"))),
)
"""The lists people ask for most."""


@dataclass(frozen=True)
class Row:
    """A customer of the list: the answer, and what people read of it."""

    answer: Mapping[str, Any]
    name: str
    address: str
    segment: str
    decided: str
    reasons: tuple[tuple[str, str], ...]


def row_of(teller: Teller, answer: Mapping[str, Any], name: str | None) -> Row:
    """A row in the teller's language."""
    return Row(
        answer, name or "", customer_address(answer["customer_id"]), teller.segment(answer), teller.decided(answer),
        tuple((teller.driver(reason["driver"]), teller.sentence(reason)) for reason in raising(answer)),
    )  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One value of a filter: its code, what it is called, how many customers have it, whether it is chosen."""

    value: str
    label: str
    count: str
    chosen: bool


@dataclass(frozen=True)
class Filter:
    """A filter with its choices, the most telling first."""

    name: str
    label: str
    choices: tuple[Choice, ...]

    @property
    def chosen(self) -> tuple[str, ...]:
        """What the chosen ones are called; none where all customers are asked for."""
        return tuple(choice.label for choice in self.choices if choice.chosen)


def filters(query: PageQuery, teller: Teller) -> list[Filter]:
    """The filters of a run; values that no customer has are left out unless they are chosen."""
    by = teller.run.summary.get("by", {})
    found = []
    for name in FILTERED:
        counts = {value: tally["customers"] for value, tally in by.get(name, {}).items()}
        chosen = query.filters().get(name, ())
        choices = tuple(
            Choice(value, called(teller, name, value), teller.speech.number(counts.get(value, 0)), value in chosen)
            for value in _ordered(name, counts, chosen)
        )
        found.append(Filter(name, teller.speech.text(FIELDS[name][0]), choices))
    return found


def _ordered(name: str, counts: Mapping[str, int], chosen: Sequence[str]) -> list[str]:
    if name in FACETS:
        return [value for value in FACETS[name] if value in counts or value in chosen or not counts]
    known = sorted(counts, key=lambda value: (value == "no_action", -counts[value]))
    return [*known, *(value for value in chosen if value not in counts)]


def called(teller: Teller, name: str, value: str | None) -> str:
    """What a filter's value is called; nothing where it is not known."""
    if value is None:
        return ""
    if name in FACETS and value in FACETS[name]:
        return teller.speech.text(FACETS[name][value][0])
    match name:
        case "segment":
            return teller.segment_name(value)
        case "reason":
            return teller.driver(value)
        case "action":
            return teller.action(value)
    return value


def views(query: PageQuery, teller: Teller) -> list[tuple[str, str, bool]]:
    """(label, address, whether it is the one shown) of the lists people ask for most."""
    return [(teller.speech.text(label), view.address(), _lists(view) == _lists(query)) for label, view in VIEWS]


def _lists(query: PageQuery) -> tuple[Any, ...]:
    """What makes a list the same: whom it holds in what order, however many are on a page and what is shown of them."""
    return {name: set(values) for name, values in query.filters().items()}, query.sort, query.q, query.reverse


def pages_around(query: PageQuery, found: ListPage) -> tuple[str | None, str | None]:
    """The addresses of the page before and the next one."""
    before = query.address(before=found.before) if found.before else None
    return before, query.address(after=found.after) if found.after else None
