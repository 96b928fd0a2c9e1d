"""Made-up shops that sell by contract, or bring their own vectors and labels; who leaves follows a rule."""

from __future__ import annotations

import csv
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np

FIRST = date(2022, 1, 1)
END = date(2024, 6, 30)
TERM_DAYS = 30
QUICK = """[tune]
trials = 0
[interval]
fits = 5
[judge]
reason_refits = 2
"""


def contract_shop(folder: Path, customers: int = 1500, seed: int = 3) -> Path:
    """Terms of 30 days, renewed or not: who pays more than before, or whose payment failed, mostly leaves."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    terms: list[dict[str, object]] = []
    failures: list[dict[str, object]] = []
    for k in range(customers):
        name, price = f"c{k:04}", float(random.choice([9, 19, 49]))
        day = FIRST + timedelta(days=int(random.integers(0, 500)))
        plan = {9.0: "small", 19.0: "plain", 49.0: "large"}[price]
        while day < END:
            end = day + timedelta(days=TERM_DAYS)
            failed = random.random() < 0.1
            if failed:
                moment = day + timedelta(days=int(random.integers(0, 25)))
                failures.append({"customer_id": name, "timestamp": moment, "kind": "payment_failed"})
            dearer = random.random() < 0.1
            price = round(price * 1.25, 2) if dearer else price
            terms.append({"customer_id": name, "started_at": day, "ended_at": end, "plan": plan, "price": price,
                          "period_days": TERM_DAYS})  # fmt: skip
            if random.random() < 0.02 + 0.5 * failed + 0.4 * dearer:
                day = end + timedelta(days=90) if random.random() < 0.2 else END
            else:
                day = end
    terms = [term for term in terms if str(term["ended_at"]) < str(END)]
    write_csv(folder / "subscriptions.csv", terms)
    write_csv(folder / "interactions.csv", [f for f in failures if str(f["timestamp"]) < str(END)])
    (folder / "shop.toml").write_text(
        f"""name = "gym"
currency = "EUR"
known_until = {END - timedelta(days=TERM_DAYS)}
[files]
subscriptions = "subscriptions.csv"
interactions = "interactions.csv"
[tables.subscriptions]
from = "subscriptions"
[tables.subscriptions.columns]
customer_id = "customer_id"
started_at = "started_at"
ended_at = "ended_at"
plan = "plan"
price = "price"
period_days = "period_days"
[tables.interactions]
from = "interactions"
[tables.interactions.columns]
customer_id = "customer_id"
timestamp = "timestamp"
kind = "kind"
"""
    )
    (folder / "study.toml").write_text(
        QUICK
        + """[churn]
definition = "contract"
horizon_days = 30
further_horizons_days = [60]
grace_days = 14
[cutoffs]
every_days = 30
judged = 2
[fit]
trees = 80
learning_rate = 0.1
min_customers_in_leaf = 50
column_share = 0.5
[minimums]
customers = 200
churners = 10
"""
    )
    return folder


def vectors_shop(folder: Path, customers: int = 1200, seed: int = 3) -> Path:
    """One row a customer with a label: who complains much and is new leaves."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = []
    for k in range(customers):
        tenure, calls = int(random.integers(1, 72)), int(random.poisson(1.5))
        plan = str(random.choice(["flat", "basic", "family"]))
        chance = 1 / (1 + np.exp(1.2 + 0.05 * tenure - 0.9 * calls - (plan == "basic")))
        rows.append({"customer_id": f"c{k:04}", "tenure_months": tenure, "service_calls": calls, "plan": plan,
                     "gender": "fm"[k % 2],
                     "monthly_fee": float(random.choice([200, 400, 800])), "churned": int(random.random() < chance)})  # fmt: skip
    write_csv(folder / "vectors.csv", rows)
    (folder / "shop.toml").write_text(
        f"""name = "phone"
currency = "EUR"
known_until = {END}
[files]
vectors = "vectors.csv"
[tables.vectors]
from = "vectors"
[tables.vectors.columns]
customer_id = "customer_id"
churned = "churned"
[tables.vectors.attributes]
tenure_months = "tenure_months"
service_calls = "service_calls"
plan = "plan"
gender = "gender"
monthly_fee = "monthly_fee"
[tables.vectors.drivers]
tenure_months = "tenure"
service_calls = "service_trouble"
monthly_fee = "price"
"""
    )
    (folder / "study.toml").write_text(
        QUICK
        + """[churn]
definition = "given"
[value]
column = "given_monthly_fee"
column_days = 30
[fit]
trees = 80
learning_rate = 0.1
min_customers_in_leaf = 30
column_share = 0.8
[minimums]
customers = 200
churners = 50
"""
    )
    return folder


def portal_shop(folder: Path, customers: int = 700, seed: int = 3) -> Path:
    """Users who visit a portal at a pace of their own, some of them ever less; every twentieth is staff."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    people: list[dict[str, object]] = []
    visits: list[dict[str, object]] = []
    last = END - timedelta(days=1)
    for k in range(customers):
        name, day = f"u{k:04}", FIRST + timedelta(days=int(random.integers(450, 700)))
        people.append({"customer_id": name, "signed_up_at": day, "staff": "yes" if k % 20 == 0 else "no"})
        gap, fading = float(random.choice([3, 10, 25])), float(random.choice([1.0, 1.02, 1.1]))
        while day <= last:
            visits.append(
                {"customer_id": name, "timestamp": day, "kind": "visit" if random.random() < 0.8 else "email_open"}
            )
            day += timedelta(days=1 + int(random.exponential(gap)))
            gap *= fading
    write_csv(folder / "customers.csv", people)
    write_csv(folder / "interactions.csv", visits)
    shutil.copy(Path(__file__).parents[1] / "models" / "playbook.toml", folder / "playbook.toml")
    tables = {"customers": ("customer_id", "signed_up_at"),
              "interactions": ("customer_id", "timestamp", "kind")}  # fmt: skip
    text = ['name = "portal"', 'currency = "EUR"', "[files]", *(f'{name} = "{name}.csv"' for name in tables)]
    for name, columns in tables.items():
        text += [f"[tables.{name}]", f'from = "{name}"', f"[tables.{name}.columns]", *(f'{c} = "{c}"' for c in columns)]
    (folder / "shop.toml").write_text("\n".join([*text, "[tables.customers.attributes]", 'staff = "staff"']))
    (folder / "study.toml").write_text(
        """[churn]
definition = "event"
event_kinds = ["visit"]
event = "does_not"
exclude = { staff = ["yes"] }
[cutoffs]
judged = 2
[fit]
trees = 60
learning_rate = 0.1
min_customers_in_leaf = 30
column_share = 0.5
[minimums]
customers = 100
churners = 10
"""
    )
    return folder


def write_csv(file: Path, rows: list[dict[str, object]]) -> None:
    """The rows as a CSV file, whose columns are the first one's keys."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
