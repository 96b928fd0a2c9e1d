"""The churn list as people see it: what an address asks for, the filters to choose from, and its rows in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

from pydantic import Field
from starlette.datastructures import QueryParams

from models.churn_list import SORTS, ListPage, ListQuery
from models.reasons import raising
from serving.messages import ChurnListQuery, Named
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
VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    (N_("Everyone"), {}),
    (N_("To contact now"), {"arm": "treat", "sort": "expected_net_value"}),
    (N_("Most at stake"), {"sort": "value_at_risk"}),
    (N_("Key customers at high risk"), {"band": "high", "tier": "key"}),
    (N_("Left alone for comparison"), {"arm": "control"}),
)


class PageQuery(ChurnListQuery):
    """The churn list's parameters on the page: those of the API, and what only people need."""

    q: Named = Field("", max_length=256)
    limit: int = Field(25, ge=1, le=200)
    reverse: bool = False
    before: str | None = Field(None, max_length=1000)
    columns: tuple[Literal[COLUMNS], ...] = FIRST_COLUMNS  # type: ignore[valid-type]
    format: Literal[FORMATS] | None = None  # type: ignore[valid-type]

    def filters(self) -> dict[str, str]:
        """The filters that were given."""
        return {name: value for name in FILTERED if (value := getattr(self, name))}

    def asked(self) -> ListQuery:
        """The question to the ledger."""
        return ListQuery(self.filters(), self.sort, self.q.strip(), self.reverse)

    def address(self, **changes: Any) -> str:
        """The list's address with these parameters changed; where a page began is forgotten."""
        kept = self.model_dump(exclude_defaults=True, exclude={"after", "before", "format"}) | changes
        pairs = [(k, "true" if v is True else v) for k, v in kept.items() if v not in (None, "", False)]
        return f"/customers?{urlencode(pairs, doseq=True)}" if pairs else "/customers"


def page_query(given: QueryParams) -> PageQuery:
    """What an address asks for; HF607 where it cannot be. What a form leaves empty is not asked."""
    asked: dict[str, Any] = {name: value for name, value in given.items() if value != ""}
    if "columns" in asked:
        asked["columns"] = list(dict.fromkeys(given.getlist("columns")))
    return valid_query(PageQuery, asked)


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


def customer_address(customer_id: str) -> str:
    """Where a customer's page is, whatever the id holds."""
    return f"/customers/{quote(customer_id, safe='')}"


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
    def chosen(self) -> Choice | None:
        return next((choice for choice in self.choices if choice.chosen), None)


def filters(query: PageQuery, teller: Teller) -> list[Filter]:
    """The filters of a run; values that no customer has are left out unless they are the one chosen."""
    by = teller.run.summary.get("by", {})
    found = []
    for name in FILTERED:
        counts = {value: tally["customers"] for value, tally in by.get(name, {}).items()}
        chosen = query.filters().get(name)
        ordered = _ordered(name, counts, chosen)
        choices = tuple(
            Choice(value, _called(teller, name, value), teller.speech.number(counts.get(value, 0)), value == chosen)
            for value in ordered
        )
        found.append(Filter(name, teller.speech.text(FIELDS[name][0]), choices))
    return found


def _ordered(name: str, counts: Mapping[str, int], chosen: str | None) -> list[str]:
    if name in FACETS:
        return [value for value in FACETS[name] if value in counts or value == chosen or not counts]
    known = sorted(counts, key=lambda value: (value == "no_action", -counts[value]))
    return known if chosen is None or chosen in counts else [*known, chosen]


def _called(teller: Teller, name: str, value: str) -> str:
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
    shown = query.filters() | ({"sort": query.sort} if query.sort != SORTS[0] else {})
    found = []
    for label, wanted in VIEWS:
        address = f"/customers?{urlencode(wanted)}" if wanted else "/customers"
        found.append((teller.speech.text(label), address, wanted == shown and not query.q and not query.reverse))
    return found


def pages_around(query: PageQuery, found: ListPage) -> tuple[str | None, str | None]:
    """The addresses of the page before and the next one."""
    before = query.address(before=found.before) if found.before else None
    return before, query.address(after=found.after) if found.after else None


EXPORTED = ("customer_id", "name", "churn_probability", "band", "percentile", "value_at_risk", "lifetime_value",
            "segment", "tier", "value_quadrant", "reason_1", "reason_2", "reason_3", "action", "because", "arm",
            "expected_net_value", "cost", "evidence", "as_of", "bundle")  # fmt: skip


def exported(rows: Iterable[tuple[str, str | None]], teller: Teller) -> Iterator[dict[str, Any]]:
    """Answers and names as rows of EXPORTED, codes as words; numbers stay numbers."""
    for text, name in rows:
        row = row_of(teller, json.loads(text), name)
        answer, decision, words = row.answer, row.answer["decision"], row.answer["relationship"]
        reasons = [f"{driver}: {sentence}" for driver, sentence in row.reasons] + ["", "", ""]
        acts = decision["action"] != "no_action"
        yield {
            "customer_id": answer["customer_id"],
            "name": row.name,
            "churn_probability": round(answer["churn_probability"], 4),
            "band": _called(teller, "band", answer["band"]),
            "percentile": answer["percentile"],
            "value_at_risk": answer["value_at_risk"],
            "lifetime_value": answer["lifetime_value"]["mean"],
            "segment": row.segment,
            "tier": _called(teller, "tier", words["tier"]),
            "value_quadrant": _called(teller, "value_quadrant", words["value_quadrant"]),
            "reason_1": reasons[0],
            "reason_2": reasons[1],
            "reason_3": reasons[2],
            "action": teller.action(decision["action"]),
            "because": teller.speech.listed(map(teller.driver, decision["because"])) if acts else row.decided,
            "arm": _called(teller, "arm", decision["arm"]),
            "expected_net_value": decision["expected_net_value"],
            "cost": decision["cost"],
            "evidence": decision["evidence"],
            "as_of": answer["as_of"],
            "bundle": answer["bundle"],
        }
