"""Findings on a shop's tables: rows and columns as they were read, and what behaviour vectors can make of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import duckdb

from features.behavior import CATALOG
from features.checked import CheckedTables, TableReport
from features.column_report import ColumnReport
from features.events import TABLES
from features.quarantine import MISSING
from features.shop import Shop
from features.snapshot import day_date, day_number
from features.sources import connect
from training.finding import Finding, State

MOST_MISSING = 0.2  # of a column's rows, as Dynamics 365 asks for in all its models
MOST_LEVELS = 50
SPARSE = {"resolved_at", "topic", "value", "satisfaction", "expectation", "responded_at", "ended_at", "cancelled_at",
          "as_of", "churned", "discount", "propensity"}  # fmt: skip
"""Columns that only some rows can have: without a value in most rows they are as they should be."""
_EVENTS = ("transactions", "interactions", "offers")
_FAULTS = 10  # told of each table, the most frequent first
_FEW_ROWS = 1_000_000  # looked at where a share of the customers tells as much as all


def table_findings(shop: Shop, checked: CheckedTables) -> Iterator[Finding]:
    """What was read of each table and column, whether the events are whole, and which features are left out."""
    for report in checked.reports:
        yield from _rows(report)
        yield from (_column(column, report.used) for column in report.columns)
        yield from _levels(report, checked)
    with connect() as connection:
        for table in checked.columns:
            connection.execute(f"create view {table} as from {checked.rows(table)}")
        for table in ("transactions", "interactions"):
            if table in checked.columns:
                yield from _whole_weeks(connection, table, checked)
        yield from _late_events(connection, checked)
        if "transactions" in checked.columns:
            yield _amounts(connection, shop)
            yield from _prices(connection, checked, shop)
            yield _busiest_customer(connection)
            yield from _strangers(connection, checked)
        yield from _arms(connection, checked)
    yield from _not_mapped(checked)
    yield from _consent(checked)


def _rows(report: TableReport) -> Iterator[Finding]:
    share = report.quarantined / report.read
    state: State = "ok" if not share else "recommendation" if share < 0.01 else "warning"
    details = f"{report.used:,} of {report.read:,} rows are used"
    details += f"; {report.quarantined:,} are in quarantine ({share:.1%})" if share else ""
    mend = f"See {report.quarantine_file}: each row with its column, value and reason." if share else ""
    yield Finding("rows used", "read", state, "", report.table, f"{details}.", "", round(share, 4), 0.01, mend)
    for warning in report.warnings:
        yield Finding("rows", "read", "warning", "", report.table, f"{warning}.")
    for fault in report.faults[:_FAULTS]:
        missing = fault.rows / report.read
        lacking = fault.reason == MISSING
        yield Finding(
            "missing values" if lacking else "rows in quarantine", "read",
            "warning" if missing >= MOST_MISSING else "recommendation", fault.column, report.table,
            f"{fault.rows:,} rows are in quarantine: {fault.column} {fault.reason} ({missing:.1%}).", "", round(missing, 4),
            MOST_MISSING if lacking else 0, f"In shop.toml: {fault.mend}" if fault.mend else "Mend the export.",
        )  # fmt: skip


def _column(column: ColumnReport, rows: int) -> Finding:
    share, asked = column.missing_share, MOST_MISSING
    if share == 1:
        return Finding(
            "missing values", "read", "warning", column.column, column.table, "No row has a value; features that need it are empty.",
            "", 1.0, asked, "Correct the mapping, or leave the column out of shop.toml.",
        )  # fmt: skip
    if share > asked and column.column not in SPARSE:
        return Finding(
            "missing values", "read", "warning", column.column, column.table, f"{share:.0%} of the rows have no value.",
            "", share, asked, "Mend the export; features that need it know little of these rows.",
        )  # fmt: skip
    if column.distinct == 1 and rows > 1 and column.column not in SPARSE:
        return Finding(
            "constant column", "vectors", "recommendation", column.column, column.table,
            "One value in all rows: it tells customers nothing apart.", "", 1, 2, "Leave it out of shop.toml, or correct the mapping.",
        )  # fmt: skip
    details = f"{column.distinct:,} different values"
    details += f", from {column.low} to {column.high}" if column.low else ""
    details += f"; {share:.0%} of the rows have none" if share else ""
    return Finding("column", "read", "ok", column.column, column.table, f"{details}.", "", share, asked)


def _levels(report: TableReport, checked: CheckedTables) -> Iterator[Finding]:
    """Categories that a model would learn by heart: nearly one a customer, or very many."""
    texts = {f"attribute_{name}" for name, kind in checked.attributes.items() if kind == "text"}
    texts |= {f"given_{name}" for name, kind in checked.given.items() if kind == "text"}
    for column in report.columns:
        if column.column not in texts or column.distinct <= MOST_LEVELS:
            continue
        own = column.distinct > report.used * (1 - column.missing_share) / 2
        yield Finding(
            "levels", "vectors", "warning" if own else "recommendation", column.column, column.table,
            f"{column.distinct:,} levels{': nearly each customer has one of their own, which nothing can be learned from' if own else ''}.",
            "", column.distinct, MOST_LEVELS, "Leave it out, or map it to fewer groups with an SQL expression in shop.toml.",
        )  # fmt: skip


def _whole_weeks(connection: duckdb.DuckDBPyConnection, table: str, checked: CheckedTables) -> Iterator[Finding]:
    """Whether events run through without a gap, and up to the end."""
    end = day_number(checked.known_until)
    counts = Counter(
        dict(
            connection.execute(
                f"select cast(floor(({end} - 1 - day) / 7) as integer) as ago, count(*) from {table}"
                f" where day < {end} group by ago order by ago"
            ).fetchall()
        )
    )
    weeks = max(counts, default=0)  # the oldest may be cut off
    usual = sum(counts[ago] for ago in range(weeks)) / weeks if weeks else 0.0
    if weeks < 4 or usual < 10:
        return  # so few events that an empty week is chance
    empty = [ago for ago in range(weeks) if not counts[ago]]
    if empty:
        first = day_date(end - 7 * (empty[0] + 1))
        yield Finding(
            "gap in the events", "read", "warning", "timestamp", table,
            f"{len(empty)} of {weeks} weeks have no event, lately that from {first}; {usual:,.0f} are usual.",
            "", len(empty), 0, "Load what is missing: who bought then looks as if they had been silent.",
        )  # fmt: skip
    else:
        yield Finding("gap in the events", "read", "ok", "timestamp", table,
                      f"Every week has events; {usual:,.0f} are usual.", "", 0, 0)  # fmt: skip
    before = [counts[ago] for ago in range(1, min(weeks, 9))]
    lately = sum(before) / len(before)
    if lately < 20:
        return
    share = counts[0] / lately
    whole = share >= 0.5
    yield Finding(
        "last week", "score", "ok" if whole else "warning", "timestamp", table,
        f"The last 7 days before {checked.known_until} have {counts[0]:,} events; the weeks before had {lately:,.0f} each.",
        "", round(share, 3), 0.5,
        "" if whole else "If the load broke off, set known_until in shop.toml to the last whole day: customers whose"
        " purchases are missing would count as lost.",
    )  # fmt: skip


def _late_events(connection: duckdb.DuckDBPyConnection, checked: CheckedTables) -> Iterator[Finding]:
    """Events later than the day up to which the tables are complete; that day itself may have been under way."""
    end = day_number(checked.known_until)
    for table in _EVENTS:
        if table not in checked.columns:
            continue
        late, last = connection.execute(
            f"select count(case when day > {end} then 1 end), max(day) from {table}"
        ).fetchall()[0]
        if late:
            yield Finding(
                "known until", "score", "warning", "timestamp", table,
                f"{late:,} events lie after {checked.known_until}, up to which the tables are said to be complete; the last"
                f" is of {day_date(last)}. Neither labels nor scores count them.", "", late, 0,
                "Set known_until in shop.toml to the day after the last whole day.",
            )  # fmt: skip


def _amounts(connection: duckdb.DuckDBPyConnection, shop: Shop) -> Finding:
    rows, most, total = connection.execute(
        "select count(*), max(abs(amount)), sum(abs(amount)) from transactions"
    ).fetchall()[0]
    share = most / total if total else 0.0
    odd = rows >= 100 and share > 0.1
    return Finding(
        "amounts", "read", "warning" if odd else "ok", "amount", "transactions",
        f"The largest amount, {most:,.2f} {shop.currency}, is {share:.1%} of all money.", "", round(share, 4), 0.1,
        "Look whether it is a mistyped amount or a placeholder." if odd else "",
    )  # fmt: skip


def _prices(connection: duckdb.DuckDBPyConnection, checked: CheckedTables, shop: Shop) -> Iterator[Finding]:
    """Whether the amounts of one product differ as those of different currencies do."""
    columns = checked.columns["transactions"]
    if "product" not in columns:
        return
    price = "amount / quantity" if "quantity" in columns else "amount"
    sold = "quantity > 0 and amount > 0" if "quantity" in columns else "amount > 0"
    keep = max(1, connection.execute("select count(*) from transactions").fetchall()[0][0] // _FEW_ROWS)
    products, mixed = connection.execute(
        "select count(*), count(case when high > 20 * low then 1 end) from (select quantile_cont(price, 0.1) as low,"
        f" quantile_cont(price, 0.9) as high from (select product, {price} as price from transactions"
        f" where {sold} and product is not null and hash(customer_id) % {keep} = 0)"
        " group by product having count(*) >= 20)"
    ).fetchall()[0]
    if not products:
        return
    share = mixed / products
    odd = share > 0.1 and mixed >= 3
    yield Finding(
        "one currency", "read", "warning" if odd else "ok", "amount", "transactions",
        f"Of {products:,} products sold 20 times or more, {mixed:,} have prices that differ more than twentyfold.",
        "", round(share, 4), 0.1,
        f"Convert every amount to {shop.currency} in shop.toml, if some are in another currency." if odd else "",
    )  # fmt: skip


def _busiest_customer(connection: duckdb.DuckDBPyConnection) -> Finding:
    customers, rows, most = connection.execute(
        "select count(*), sum(n), max(n) from (select count(*) as n from transactions group by customer_id)"
    ).fetchall()[0]
    share = most / rows
    crowd = customers >= 100 and share > 0.05
    return Finding(
        "one customer, one id", "read", "warning" if crowd else "ok", "customer_id", "transactions",
        f"The busiest of {customers:,} customers has {share:.1%} of all rows.", "", round(share, 4), 0.05,
        "Leave out ids that stand for many people, like walk-in sales." if crowd else "",
    )  # fmt: skip


def _strangers(connection: duckdb.DuckDBPyConnection, checked: CheckedTables) -> Iterator[Finding]:
    if "customers" not in checked.columns or not checked.attributes:
        return
    buyers, known = connection.execute(
        "select count(distinct t.customer_id), count(distinct c.customer_id) from transactions as t"
        " left join customers as c on c.customer_id = t.customer_id"
    ).fetchall()[0]
    share = 1 - known / buyers
    yield Finding(
        "known customers", "vectors", "ok" if share <= MOST_MISSING else "recommendation", "customer_id", "customers",
        f"{buyers - known:,} of {buyers:,} customers who bought have no row here and no attributes ({share:.0%}).",
        "", round(share, 4), MOST_MISSING, "" if share <= MOST_MISSING else "Bring the rows that are missing, where there are any.",
    )  # fmt: skip


def _arms(connection: duckdb.DuckDBPyConnection, checked: CheckedTables) -> Iterator[Finding]:
    """Whether the effect of offers can be told from what would have happened without them."""
    if "offers" not in checked.columns:
        return
    if "arm" not in checked.columns["offers"]:
        yield Finding(
            "control group", "train", "recommendation", "arm", "offers",
            "No arm is mapped: what offers bring about cannot be measured, only assumed.", "", 0.0, 0.02,
            "Keep a control group and map which arm a customer was in.",
        )  # fmt: skip
        return
    rows, control = connection.execute(
        "select count(*), count(case when arm = 'control' then 1 end) from offers"
    ).fetchall()[0]
    share = control / rows
    enough = share >= 0.02
    yield Finding(
        "control group", "train", "ok" if enough else "recommendation", "arm", "offers",
        f"{control:,} of {rows:,} offers were withheld from a control group ({share:.1%}).", "", round(share, 4), 0.02,
        "" if enough else "Keep at least 2 % of customers as a control group, or effects stay assumed. Its arm is called control.",
    )  # fmt: skip


def _not_mapped(checked: CheckedTables) -> Iterator[Finding]:
    """What the shop could still bring, and how many features wait for it."""
    have = {f"{table}.{column}" for table, columns in checked.columns.items() for column in columns}
    waiting: Counter[str] = Counter()
    for feature in CATALOG.features:
        lacking = [need for need in feature.needs if need not in have and not need.startswith("references.")]
        tables = {need.partition(".")[0] for need in lacking}
        waiting.update({table for table in tables if table not in checked.columns})
        waiting.update({need for need in lacking if need.partition(".")[0] in checked.columns})
    for table in TABLES.values():
        if waiting[table.name]:
            yield Finding(
                "not mapped", "vectors", "recommendation", "", table.name,
                f"{_features_that_need(waiting[table.name], 'table')} left out.", "", 0, waiting[table.name],
                f"Add [tables.{table.name}] to shop.toml, where you have such data.",
            )  # fmt: skip
        for column in table.columns:
            if count := waiting[f"{table.name}.{column.checked_name}"]:
                yield Finding(
                    "not mapped", "vectors", "recommendation", column.name, table.name,
                    f"{_features_that_need(count, 'column')} left out.", "", 0, count,
                    f"Map it under [tables.{table.name}.columns], where you have it.",
                )  # fmt: skip


def _features_that_need(count: int, what: str) -> str:
    return f"1 feature needs this {what} and is" if count == 1 else f"{count} features need this {what} and are"


def _consent(checked: CheckedTables) -> Iterator[Finding]:
    have = checked.columns.get("customers", ())
    for column, lost in (
        ("profiling_opt_out", "who objects to being profiled would be scored all the same"),
        ("consent", "the list cannot say whom you may write to or call"),
    ):
        if column not in have:
            yield Finding("consent", "score", "recommendation", column, "customers", f"Not mapped: {lost}.",
                          mend="Map it under [tables.customers.columns].")  # fmt: skip
