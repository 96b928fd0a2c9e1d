"""Made-up sales of any size, written straight to checked tables; for benchmarks."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb

from features.checked import CheckedTables
from features.snapshot import day_number

FIRST = date(2023, 1, 2)
DAYS = 448
_COLUMNS = ("customer_id", "day", "amount", "order_id", "quantity", "product", "category", "channel", "store", "discount",
            "is_return")  # fmt: skip


def made_up_sales(folder: Path, lines: int, customers: int, lines_per_visit: int = 4) -> CheckedTables:
    """Checked transactions over 64 weeks; customers differ widely in how often they come, and many stop.

    With one line per visit nearly every line is a customer-day of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "transactions.parquet"
    if not file.exists():
        with duckdb.connect() as connection:
            connection.execute("set preserve_insertion_order = false")
            connection.execute(f"""
                copy (
                    with visits as (
                        select i as visit, cast(floor({customers} * power(random(), 2)) as integer) as customer,
                               random() as moment
                        from range({lines // lines_per_visit}) as r(i)
                    ), dated as (
                        select visit, customer, cast({day_number(FIRST)} + floor({DAYS} * moment
                               * (0.4 + 0.6 * (hash(customer) % 100) / 100.0)) as integer) as day
                        from visits
                    )
                    select 'c' || lpad(cast(customer as varchar), 8, '0') as customer_id, day,
                           round(1 + 20 * random() * random(), 2) as amount, 'o' || visit as order_id,
                           cast(1 + floor(3 * random()) as double) as quantity, 'p' || cast(floor(5000 * random() * random()) as integer) as product,
                           'k' || cast(floor(40 * random() * random()) as integer) as category,
                           case when random() < 0.3 then 'web' else 'shop' end as channel,
                           's' || ((hash(customer) + cast(random() < 0.2 as integer)) % 60) as store,
                           case when random() < 0.25 then round(random(), 2) else 0 end as discount,
                           case when random() < 0.02 then 1 else 0 end as is_return
                    from dated, range({lines_per_visit}) as line
                ) to '{file}' (format parquet, compression zstd)""")
    return CheckedTables(
        folder=folder, fingerprint=f"made up {lines} {customers} {lines_per_visit}",
        known_until=FIRST + timedelta(days=DAYS), first_day=FIRST, last_day=FIRST + timedelta(days=DAYS - 1),
        columns={"transactions": _COLUMNS}, attributes={},
    )  # fmt: skip


def cutoffs(count: int) -> list[date]:
    """The last `count` cut-offs, 28 days apart."""
    return [FIRST + timedelta(days=DAYS - 28 * k) for k in range(count)][::-1]
