"""The churn list: a run's eligible customers, filtered, searched, ordered, a page at a time.

Pages follow each other by key, forwards and backwards, so that a deep one is as quick as the first. Orders and filters
are read from one index each (models/ledger.py), so that a million customers are not.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from features.refusal import Refusal, did_you_mean
from models.ledger import Ledger, scores
from models.runs import ScoreRun

SORTS = ("churn_probability", "value_at_risk", "lifetime_value", "expected_net_value", "customer_id")
FILTERS = ("band", "segment", "tier", "value_quadrant", "reason", "action", "arm")


@dataclass(frozen=True)
class ListQuery:
    """Which customers, in what order.

    Attributes
    ----------
    filters
        By name the value, or the values any of which will do.
    search
        Part of an id or a name, in any case.
    reverse
        The other way round: lowest first (customer_id: highest first).
    """

    filters: Mapping[str, str | Sequence[str]]
    sort: str = "churn_probability"
    search: str = ""
    reverse: bool = False

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise Refusal("HF607", f"sort is {self.sort!r}.", did_you_mean(self.sort, SORTS))
        for name in self.filters:
            if name not in FILTERS:
                raise Refusal("HF607", f"there is no filter {name!r}.", did_you_mean(name, FILTERS))

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a filter."""
        given = self.filters[name]
        return (given,) if isinstance(given, str) else tuple(given)

    def conditions(self, number: int, dialect: str) -> list[sa.ColumnElement[bool]]:
        """What a customer of the run must be."""
        found = [scores.c.run_id == number, scores.c.eligible.is_(True)]
        for name in self.filters:
            columns = [f"reason_{k}" for k in (1, 2, 3)] if name == "reason" else [name]
            found.append(sa.or_(*(scores.c[column].in_(self.values(name)) for column in columns)))
        if self.search:
            found.append(sa.or_(*(_holds(column, self.search, dialect) for column in _SEARCHED)))
        return found

    def order(self, reverse: bool = False) -> list[sa.ColumnElement[Any]]:
        """The columns to order by, forwards or, for the page before, backwards."""
        turned = self.reverse != reverse
        customer = scores.c.customer_id
        if self.sort == "customer_id":
            return [customer.desc() if turned else customer]
        column = scores.c[self.sort]
        return [column, customer.desc()] if turned else [column.desc(), customer]


_SEARCHED = (scores.c.customer_id, scores.c.name)
_READ_AT_ONCE = 500
LONGEST_TOKEN = 1500
"""Characters of a page's token: of the longest id, four bytes a character, in base64, and its key."""
COUNTED = 10_000
"""Up to so many customers a filtered list is counted and ordered in one pass over its index."""


def _holds(column: sa.ColumnElement[Any], part: str, dialect: str) -> sa.ColumnElement[bool]:
    """Whether a text holds a part in any case.

    SQLite's own LIKE folds the case of ASCII letters, quicker than its lower(); of others GLOB must be told each case.
    """
    if dialect != "sqlite":
        return column.icontains(part, autoescape=True)
    if part.isascii():
        return column.contains(part, autoescape=True)
    rest = "".join(map(_either, part[1:]))
    # a pattern for each case of the first letter: beginning with a plain one it takes a third of the time
    return sa.or_(*(column.op("GLOB")(f"*{_plain(first)}{rest}*") for first in _cases(part[0])))


def _cases(letter: str) -> list[str]:
    """The letter, small and large."""
    return list(dict.fromkeys(case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1))


def _either(letter: str) -> str:
    cases = _cases(letter)
    # a class of one could be `[^]`, which is none
    return f"[{''.join(cases)}]" if len(cases) > 1 else _plain(letter)


def _plain(letter: str) -> str:
    return f"[{letter}]" if letter in "*?[" else letter


@dataclass(frozen=True)
class ListPage:
    """A page: answers as JSON texts and the customers' names, and the tokens of the pages around it.

    `total` counts all pages' customers, on the first page; `and_more` says that there are more than that.
    """

    answers: tuple[str, ...]
    names: tuple[str | None, ...]
    total: int | None
    and_more: bool
    after: str | None
    before: str | None


def churn_list(
    ledger: Ledger, run: ScoreRun, query: ListQuery, limit: int = 50, after: str | None = None,
    before: str | None = None, count_all: bool = True,
) -> ListPage:  # fmt: skip
    """Eligible customers of a run that pass the query.

    Parameters
    ----------
    after, before
        The token that a page gave for the next one or the one before.
    count_all
        Whether to count beyond COUNTED what the run's summary does not tell.

    Raises
    ------
    Refusal
        HF607 for a token that is not one of ours.
    """
    backwards = before is not None
    token = before if backwards else after
    where = query.conditions(run.number, ledger.engine.dialect.name)
    total = _counted(run, query) if token is None else None
    counting = token is None and total is None
    beyond = [] if token is None else _beyond(query, _read_token(token, query.sort, backwards), backwards)
    keys = sa.select(scores.c[query.sort].label("key"), scores.c.customer_id).where(*where, *beyond)
    keys = keys.order_by(*query.order(backwards)).limit(COUNTED + 1 if counting else limit + 1)
    with ledger.reading() as connection:
        found = list(connection.execute(keys))
        and_more = counting and len(found) > COUNTED
        if counting:
            total = min(len(found), COUNTED)
        if and_more and count_all:
            total = connection.execute(sa.select(sa.func.count()).select_from(scores).where(*where)).scalar_one()
        more, shown = len(found) > limit, found[:limit]
        if backwards:
            shown.reverse()
        told = _told(connection, run.number, [row.customer_id for row in shown])
    return ListPage(
        tuple(told[row.customer_id].answer for row in shown),
        tuple(told[row.customer_id].name for row in shown),
        total,
        and_more and not count_all,
        _token(shown[-1], query.sort) if shown and (backwards or more) else None,
        _token(shown[0], query.sort) if shown and (more if backwards else token is not None) else None,
    )


def _told(connection: sa.Connection, number: int, customer_ids: list[str]) -> dict[str, Any]:
    asked = sa.select(scores.c.customer_id, scores.c.answer, scores.c.name)
    rows = connection.execute(asked.where(scores.c.run_id == number, scores.c.customer_id.in_(customer_ids)))
    return {row.customer_id: row for row in rows}


def every_row(ledger: Ledger, run: ScoreRun, query: ListQuery, most: int) -> Iterator[tuple[str, str | None]]:
    """(answer, name) of all that pass the query, at most so many.

    They are read page by page: whoever is slow to take them holds no connection to the ledger meanwhile.
    """
    after, given = None, 0
    while given < most:
        page = churn_list(ledger, run, query, min(_READ_AT_ONCE, most - given), after, count_all=False)
        yield from zip(page.answers, page.names, strict=True)
        given += len(page.answers)
        after = page.after
        if after is None:
            return


def _counted(run: ScoreRun, query: ListQuery) -> int | None:
    """The count where the run's summary holds it: of all, or of one filter's values."""
    by = run.summary.get("by")
    if by is None or query.search or len(query.filters) > 1:
        return None
    if not query.filters:
        return int(run.summary["total"].get("customers", 0))
    [name] = query.filters
    values = set(query.values(name))
    if name == "reason" and len(values) > 1:  # who has two of them is counted under each
        return None
    return sum(int(by.get(name, {}).get(value, {}).get("customers", 0)) for value in values)


def is_longer(ledger: Ledger, run: ScoreRun, query: ListQuery, than: int) -> bool:
    """Whether more customers than that pass the query."""
    counted = _counted(run, query)
    if counted is not None:
        return counted > than
    where = query.conditions(run.number, ledger.engine.dialect.name)
    one_more = sa.select(scores.c.customer_id).where(*where).order_by(*query.order()).offset(than).limit(1)
    with ledger.reading() as connection:
        return connection.execute(one_more).first() is not None


def _beyond(query: ListQuery, key_and_last: tuple[str | float, str], backwards: bool) -> list[sa.ColumnElement[bool]]:
    """What lies behind a key, said so that an index is entered at the key, not read up to it."""
    key, last = key_and_last
    customer, column = scores.c.customer_id, scores.c[query.sort]
    falling = query.reverse == backwards
    if query.sort == "customer_id":
        return [customer > last] if falling else [customer < last]
    if falling:
        return [column <= key, (column < key) | (customer > last)]
    return [column >= key, (column > key) | (customer < last)]


def _token(row: Any, sort: str) -> str:
    """Where a page ends: the key of the order, a blank, the id; where the id is the order it stands alone."""
    key = "" if sort == "customer_id" else repr(float(row.key))
    return base64.urlsafe_b64encode(f"{key} {row.customer_id}".encode()).decode()


def _read_token(token: str, sort: str, backwards: bool) -> tuple[str | float, str]:
    try:
        key, blank, customer = base64.b64decode(token.encode(), b"-_", validate=True).decode().partition(" ")
        if not blank or "\0" in customer or (key == "") != (sort == "customer_id"):
            raise ValueError(token)
        if sort == "customer_id":
            return customer, customer
        if not math.isfinite(float(key)):
            raise ValueError(token)
        return float(key), customer
    except ValueError:
        raise Refusal(
            "HF607",
            f"`{'before' if backwards else 'after'}` is not a token of this list.",
            "Take it as the last page gave it.",
        ) from None
