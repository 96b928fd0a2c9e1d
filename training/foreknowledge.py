"""Columns that know the future, found in a shop's own tables and named with the evidence.

What is looked at is what the shop itself supplies without a date: attributes of customers, columns of its own vectors,
and behind the features the optional columns of its event tables. That no feature looks past its cut-off is proven
elsewhere (training/leak_proof.py); here the values themselves are asked whether they were written afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.checked import CheckedTables
from features.refusal import Refusal
from features.snapshot import day_number
from features.sources import connect
from training.finding import Finding, State
from training.population import Population, population
from training.study import Study
from training.telltale import HOW, Telltale, Values, grows_with_the_future, telltale

_FEWEST_DATES = 0.05  # of the customers known before the cut-off
_LOAD = "Leave it out of shop.toml, or bring it with the day from which it was known, as a table of events or vectors."


@dataclass(frozen=True)
class Column:
    """A column that holds one value for each customer, at whatever cut-off: of `customers`, or of `vectors` without date."""

    table: str
    name: str
    values: Mapping[str, float | str | None]

    @property
    def is_number(self) -> bool:
        return not any(isinstance(value, str) for value in self.values.values())

    def of(self, customers: npt.NDArray[np.object_]) -> Values:
        """The values of these customers: floats with NaN, or texts with None."""
        if self.is_number:
            found = [self.values.get(customer) for customer in customers]
            return np.array([np.nan if value is None else value for value in found], float)
        return np.array([self.values.get(customer) for customer in customers], object)


@dataclass(frozen=True)
class Outcome:
    """Who of some customers left; `told` ends the sentence 'who ...'."""

    told: str
    customers: npt.NDArray[np.object_]
    left: npt.NDArray[np.bool_]


def foreknowledge(checked: CheckedTables, study: Study, cutoffs: Sequence[date]) -> Iterator[Finding]:
    """Findings HF212 to HF215 on every undated column, and on those that come with a label; at most one for each.

    Parameters
    ----------
    cutoffs
        Matured ones, oldest first, of which the first and the last are asked; where there are none, only labels that the
        shop brings tell.
    """
    named, columns = [], undated_columns(checked)
    if columns and cutoffs:
        found = population(checked, study, tuple(dict.fromkeys((cutoffs[0], cutoffs[-1]))))
        known, buys = _known(found), "transactions" in checked.columns
        outcomes, totals = outcomes_of(checked, study, found), _totals(checked, found.cutoffs[0]) if buys else None
        for column in columns:
            named += _dates(column, checked, known, found.cutoffs[0]) or _tells(column, columns, outcomes, totals)
    yield from named
    yield from (other for other in _given(checked) if other.column not in [finding.column for finding in named])


def refuse_foreknowledge(checked: CheckedTables, study: Study, cutoffs: Sequence[date]) -> None:
    """Let nothing be learned from a column that knows who left, unless `vectors.trusted_columns` names it.

    Raises
    ------
    Refusal
        HF212 to HF215, of the first such column.
    """
    for finding in foreknowledge(checked, study, cutoffs):
        if finding.state == "error" and finding.column not in study.vectors.trusted_columns:
            raise Refusal(
                finding.code, f"{finding.column} of {finding.table}: {finding.details}",
                f"{finding.mend} If it was known at the cut-off, name it in vectors.trusted_columns of study.toml.",
            )  # fmt: skip


def _tells(
    column: Column, columns: Sequence[Column], outcomes: Sequence[Outcome], totals: pa.Table | None
) -> list[Finding]:
    total = _as_a_total(column, totals) if totals is not None and column.is_number else None
    told = [
        telltale(column.of(outcome.customers), outcome.left, 2 * len(columns), outcome.told) for outcome in outcomes
    ]
    evidence = [one for one in (total, *told) if one]
    return [_finding(column.table, column.name, min(evidence, key=lambda one: HOW.index(one.how)))] if evidence else []


def undated_columns(checked: CheckedTables) -> list[Column]:
    """The attributes of customers, and the columns of vectors where these bear no date."""
    found = _read(checked, "customers", "attribute_")
    if "as_of_day" not in checked.columns.get("vectors", ()):
        found += _read(checked, "vectors", "given_")
    return found


def outcomes_of(checked: CheckedTables, study: Study, found: Population) -> list[Outcome]:
    """Who churned after the last matured cut-off, and of purchasers who of the first one's had gone by the end."""
    ids = np.array(found.vectors.column("customer_id").to_pylist(), object)
    horizon, active = study.churn.horizon_days, timedelta(days=study.churn.active_within_days)
    first, last = found.cutoffs[0], found.cutoffs[-1]
    rows = found.at(last) & found.labels.matured
    outcomes = [Outcome(f"churned within {horizon} days of {last}", ids[rows], found.labels[rows].churned)]
    if study.churn.definition == "silence" and first + 2 * active <= checked.known_until:
        silence = _silence_at_the_end(checked)
        customers = ids[found.at(first)]
        silent = np.array([silence[customer] for customer in customers])
        clear = (silent > active.days) | (silent <= horizon)  # between the two nobody knows yet
        outcomes.append(
            Outcome(f"had gone for good by {checked.known_until}", customers[clear], silent[clear] > active.days)
        )
    return outcomes


def _read(checked: CheckedTables, table: str, prefix: str) -> list[Column]:
    names = [name for name in checked.columns.get(table, ()) if name.startswith(prefix)]
    if not names:
        return []
    rows = pq.read_table(checked.path(table), columns=["customer_id", *names])
    customers = rows.column("customer_id").to_pylist()
    return [Column(table, name, dict(zip(customers, rows.column(name).to_pylist(), strict=True))) for name in names]


def _silence_at_the_end(checked: CheckedTables) -> Mapping[str, int]:
    """Days from each buyer's last purchase to the end of what is known."""
    end = day_number(checked.known_until)
    with connect() as connection:
        found = connection.sql(
            f"select customer_id, {end} - max(day) from {checked.purchases} where day < {end} group by customer_id"
        ).fetchall()
    return dict(found)


_SUMS = {
    "purchase days": "count(distinct {day})", "lines": "count({day})", "money": "sum(case when {day} is not null then amount end)",
    "the last purchase": "max({day})",
}  # fmt: skip


def _totals(checked: CheckedTables, cutoff: date) -> pa.Table:
    """By customer known before the cut-off what they had bought by then, and by the end of the tables."""
    before = f"case when day < {day_number(cutoff)} then day end"
    sums = [f'{sql.format(day=day)} as "{name} {when}"' for name, sql in _SUMS.items()
            for when, day in (("before", before), ("to the end", "day"))]  # fmt: skip
    with connect() as connection:
        return connection.sql(
            f"select customer_id, {', '.join(sums)} from {checked.rows('transactions')}"
            f" group by customer_id having min(day) < {day_number(cutoff)} order by customer_id"
        ).to_arrow_table()


def _as_a_total(column: Column, totals: pa.Table) -> Telltale | None:
    values = np.asarray(column.of(np.array(totals.column("customer_id").to_pylist(), object)), float)
    for name in _SUMS:
        before, to_the_end = (
            np.nan_to_num(totals.column(f"{name} {when}").to_numpy().astype(float)) for when in ("before", "to the end")
        )
        if evidence := grows_with_the_future(values, before, to_the_end, name):
            return evidence
    return None


def _known(found: Population) -> npt.NDArray[np.object_]:
    """The customers known at the first cut-off."""
    rows = found.vectors.filter(pc.equal(found.vectors.column("cutoff"), day_number(found.cutoffs[0])))
    return np.array(rows.column("customer_id").to_pylist(), object)


def _dates(column: Column, checked: CheckedTables, known: npt.NDArray[np.object_], cutoff: date) -> list[Finding]:
    """Dates that run up to the load and not beyond it: a record of what had happened by then, not a plan."""
    days = _as_days(column.of(known))
    if len(days) < 20:
        return []
    late = float((days >= day_number(cutoff)).mean())
    beyond = float((days > day_number(checked.known_until)).mean())
    if late < _FEWEST_DATES or beyond > 0.01:
        return []
    return [Finding(
        "dates after the cut-off", "train", "error", column.name, column.table,
        f"Of {len(days):,} customers known at {cutoff}, the first cut-off, {late:.0%} have a later date, and none one after"
        " the load: then it could not be known.", "HF215", round(late, 4), _FEWEST_DATES, _LOAD,
    )]  # fmt: skip


def _as_days(values: Values) -> npt.NDArray[np.int64]:
    """Day numbers of the values, where nearly all are dates: ISO texts, 20240131, or seconds since 1970."""
    there = [value for value in values.tolist() if value is not None and value == value]
    texts = [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value) for value in there]
    if not texts:
        return np.empty(0, np.int64)
    with connect() as connection:
        connection.register("given", pa.table({"value": texts}))
        found = connection.sql(
            "select date_diff('day', date '1970-01-01', day) as day from (select coalesce("
            " case when value like '____-__-__%' then try_cast(left(value, 10) as date) end,"
            " case when regexp_full_match(value, '(19|20)[0-9]{6}') then cast(try_strptime(value, '%Y%m%d') as date) end,"
            " case when try_cast(value as bigint) between 600000000 and 4000000000"
            "   then cast(to_timestamp(cast(value as bigint)) at time zone 'UTC' as date) end) as day from given)"
            " where day is not null"
        ).fetchnumpy()["day"]
    return np.asarray(found, np.int64) if len(found) >= 0.95 * len(texts) else np.empty(0, np.int64)


def _given(checked: CheckedTables) -> Iterator[Finding]:
    """Columns of the shop's own vectors against the label that comes with them, each customer's last row."""
    columns = checked.columns.get("vectors", ())
    names = [name for name in columns if name.startswith("given_")]
    if "churned" not in columns or not names:
        return
    order = "as_of_day desc nulls last" if "as_of_day" in columns else "churned"
    with connect() as connection:
        rows = connection.sql(
            f"select * from {checked.rows('vectors')} where churned is not null"
            f" qualify row_number() over (partition by customer_id order by {order}) = 1 order by customer_id"
        ).to_arrow_table()
    left = np.asarray(rows.column("churned").to_numpy() == 1)
    for name in names:
        column = rows.column(name)
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        values: Values = np.array(column.to_pylist(), object) if is_text else column.to_numpy().astype(float)
        if evidence := telltale(values, left, len(names), "churned, as the table says"):
            yield _finding("vectors", name, evidence)


def _finding(table: str, column: str, evidence: Telltale) -> Finding:
    name = {"repeats": "repeats the label", "total": "a total of today"}.get(evidence.how, "tells who left")
    state: State = "warning" if evidence.how == "level" else "error"
    code = {"repeats": "HF213", "total": "HF214"}.get(evidence.how, "HF212")
    details = f"{evidence.told[0].upper()}{evidence.told[1:]}."
    return Finding(name, "train", state, column, table, details, code, evidence.measured, evidence.most, _LOAD)
