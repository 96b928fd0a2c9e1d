"""Real tables, where this machine has them, and shops that map them; they are no part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REAL_DATA = Path(os.environ.get("HOLDFAST_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
"""In HOLDFAST_REAL_DATA, or in ../shared/data beside the project."""


def real(name: str) -> Path:
    """A file of the data, or a reason to skip."""
    file = REAL_DATA / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"needs the data set {name.partition('/')[0]} at {file} (or in HOLDFAST_REAL_DATA)")
    return file


TA_FENG = """
name = "ta-feng"
currency = "TWD"
time_zone = "Asia/Taipei"
[files]
sales = "{sales}"
[tables.transactions]
from = "sales"
[tables.transactions.columns]
customer_id = "CUSTOMER_ID"
timestamp = "TRANSACTION_DT"
amount = "SALES_PRICE"
order_id = "CUSTOMER_ID || '-' || cast(TRANSACTION_DT as date)"
quantity = "AMOUNT"
product = "PRODUCT_ID"
category = "PRODUCT_SUBCLASS"
cost = "ASSET"
"""

CDNOW = """
name = "cdnow"
currency = "USD"
[files]
sales = "{sales}"
[tables.transactions]
from = "sales"
[tables.transactions.columns]
customer_id = "customer_id"
timestamp = "date"
amount = "amount"
quantity = "cds"
"""
