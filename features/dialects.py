"""The portable SQL of features in the words of Spark and PostgreSQL; DuckDB reads it as it is, with a macro `ratio`.

What is portable is a short list of functions. It is enforced, not trusted: a catalog's SQL may come from a bundle or
from a shop's own family, and on a server a call like `reflect(...)` or `lo_import(...)` would do more than compute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from features.refusal import Refusal

FUNCTIONS = frozenset(
    "abs cast coalesce count exp lag lead ln max min mod ratio row_number sqrt stddev_samp sum".split()  # noqa: SIM905
)
TYPES = ("bigint", "double", "integer", "varchar")
_NO_CALLS = frozenset(  # words of SQL that a parenthesis may follow
    [
        "all",
        "and",
        "as",
        "between",
        "by",
        "case",
        "cross",
        "distinct",
        "else",
        "exists",
        "from",
        "having",
        "in",
        "join",
        "not",
        "on",
        "or",
        "over",
        "select",
        "then",
        "union",
        "when",
        "where",
        "with",
    ]
)
_TOKEN = re.compile(r"\s+|'(?:[^']|'')*'|[^\W\d]\w*|\d+(?![\w.])|<=|>=|<>|!=|-(?!-)|[+*(),.<>=]")
_WRITES = frozenset("delete insert into merge returning update".split())  # noqa: SIM905
_OF_QUERIES = frozenset("from group having join limit order over select union where window with".split())  # noqa: SIM905
_CALLED_BY_NAME_ALONE = frozenset(
    """current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime
    localtimestamp session_user user""".split()  # noqa: SIM905
)
_OF_WINDOWS = frozenset(["lag", "lead", "row_number"])
_FRACTION = re.compile(r"\d*\.\d+|\d+\w+")
_MEND = {"/": "Divide with ratio(a, b).", "%": "Use mod(a, b).", "0.5": "Write ratio(1, 2) in the place of 0.5."}


class NotPortableError(ValueError):
    """What was found in a text of SQL that not every engine says, and how to say it instead, where that is known."""

    def __init__(self, found: str, mend: str | None = None) -> None:
        super().__init__(found)
        self.found = found
        self.mend = mend or _MEND.get(found)


@dataclass(frozen=True)
class Grammar:
    """What a text may hold: the functions it may call, and the words and signs it may not say."""

    functions: frozenset[str]
    forbidden: frozenset[str]


QUERY = Grammar(FUNCTIONS, _WRITES)
EXPRESSION = Grammar(FUNCTIONS - _OF_WINDOWS, _WRITES | _OF_QUERIES | _CALLED_BY_NAME_ALONE | {"."})
"""One value over the columns of one relation, which nothing else can be read from or asked of the server with."""


@dataclass(frozen=True)
class Dialect:
    """How one engine says what the others say otherwise.

    Attributes
    ----------
    types
        The engine's names of TYPES.
    text
        How a text between quotes is written, given what it holds.
    calls
        Functions of one argument that must be said in another way, given the argument.
    """

    engine: str
    types: Mapping[str, str]
    text: Callable[[str], str]
    calls: Mapping[str, Callable[[str], str]] = field(default_factory=dict)

    def say(self, sql: str, what: str, names: Mapping[str, str] | None = None) -> str:
        """Portable SQL in the engine's words.

        Parameters
        ----------
        what
            What the SQL computes, for the refusal.
        names
            Names that the engine would not take as they are, and what stands for them.

        Raises
        ------
        Refusal
            HF104 where the SQL holds anything but portable functions, whole numbers, texts, names and operators.
        """
        try:
            return ",".join(_Speech(self, sql, names or {}, QUERY).arguments(end=""))
        except NotPortableError as error:
            raise Refusal(
                "HF104", f'engine = "{self.engine}" cannot run the SQL of {what}: {error.found} is not portable.',
                error.mend
                or f'Use {", ".join(sorted(FUNCTIONS))} over names and whole numbers, or engine = "duckdb".',
            ) from None  # fmt: skip


def require_expression(sql: str) -> None:
    """Raise NotPortableError unless the SQL is one EXPRESSION, whole in itself: what it opens, it closes."""
    _Speech(_AS_IT_IS, sql, {}, EXPRESSION).arguments(end="")


class _Speech:
    """One walk over the tokens of a text."""

    def __init__(self, dialect: Dialect, sql: str, names: Mapping[str, str], grammar: Grammar) -> None:
        self._dialect, self._names, self._grammar = dialect, names, grammar
        self._tokens = self._split(sql)
        self._at = 0

    def _split(self, sql: str) -> list[str]:
        tokens, at = [], 0
        while at < len(sql):
            token = _TOKEN.match(sql, at)
            if token is None:
                fraction = _FRACTION.match(sql, at)
                raise NotPortableError(fraction.group() if fraction else sql[at], _MEND["0.5"] if fraction else None)
            tokens.append(token.group())
            at = token.end()
        return tokens

    def arguments(self, end: str) -> list[str]:
        """What comes up to the closing parenthesis, or to the end of all, split at its commas."""
        found, caller = [""], ""
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token.isspace():
                found[-1] += " "
                continue
            if token == ")":
                if not end:
                    raise NotPortableError("a parenthesis that nothing has opened")
                return found
            if token == ",":
                found.append("")
            elif token == "(":
                found[-1] += self._parenthesis(caller)
            elif token[0] == "'":
                found[-1] += self._dialect.text(token[1:-1].replace("''", "'"))
            elif token.lower() in self._grammar.forbidden:
                raise NotPortableError(token)
            elif not self._is_call(token):
                found[-1] += self._names.get(token, token.lower())
            caller = token.lower()
        if end:
            raise NotPortableError("an open parenthesis")
        return found

    def _is_call(self, token: str) -> bool:
        """Whether a function's parenthesis follows the name; refuses a function that is not portable."""
        following = next((other for other in self._tokens[self._at : self._at + 2] if not other.isspace()), "")
        if following != "(" or not token.isidentifier() or token.lower() in _NO_CALLS:
            return False
        if token.lower() not in self._grammar.functions:
            raise NotPortableError(f"{token}(...)")
        return True

    def _parenthesis(self, caller: str) -> str:
        arguments = self.arguments(end=")")
        if caller == "over":
            arguments = _nulls_last(arguments)
        inner = ",".join(arguments)
        if caller == "ratio" and len(arguments) == 2:
            over, under = (f"cast({argument.strip()} as {self._dialect.types['double']})" for argument in arguments)
            return f"({over} / nullif({under}, 0))"
        if caller == "cast":
            value, _, kind = inner.rpartition(" as ")
            if kind.strip() not in TYPES:
                raise NotPortableError(f"cast({inner})")
            return f"cast({value} as {self._dialect.types[kind.strip()]})"
        if caller in self._dialect.calls:
            return self._dialect.calls[caller](inner)
        return f"{caller if caller in FUNCTIONS else ''}({inner})"


def _nulls_last(window: list[str]) -> list[str]:
    """The sort keys of a window with `nulls last`, which DuckDB means, but the others not always."""
    said, ordered = [], False
    for part in window:
        ordered = ordered or re.search(r"\border by\b", part) is not None
        key, frame, rest = part.partition(" rows ")
        said.append(f"{key.rstrip()} nulls last{frame}{rest}" if ordered and "nulls" not in key else part)
    return said


def _quoted(held: str) -> str:
    return "'" + held.replace("'", "''") + "'"


def _clamped_exp(exponent: str) -> str:
    return f"(case when {exponent} < -300 then 0 else exp(cast({exponent} as double precision)) end)"


def _counted_as_set(argument: str) -> str:
    distinct = argument.strip().removeprefix("distinct ")
    return f"count({argument})" if distinct == argument.strip() else f"size(collect_set({distinct}))"


# Spark copies every row once for each `count(distinct ...)` beside others; sets of what one customer has are small.
SPARK = Dialect(
    "spark", {**{name: name for name in TYPES}, "varchar": "string"},
    text=lambda held: "'" + held.replace("\\", "\\\\").replace("'", "\\'") + "'",
    calls={"count": _counted_as_set},
)  # fmt: skip

# PostgreSQL sums bigints to a numeric, of which ln and sqrt are slow and of other precision, and raises where a double
# underflows, which is 0 to everyone else.
POSTGRES = Dialect(
    "postgres", {**{name: name for name in TYPES}, "double": "double precision"},
    text=_quoted,
    calls={
        "exp": _clamped_exp,
        "ln": lambda argument: f"ln(cast({argument} as double precision))",
        "sqrt": lambda argument: f"sqrt(cast({argument} as double precision))",
    },
)  # fmt: skip

_AS_IT_IS = Dialect("duckdb", {name: name for name in TYPES}, text=_quoted)
