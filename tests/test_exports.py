"""The churn list as a file that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from serving.examples import EXAMPLES
from serving.exports import CHURN_LIST_COLUMNS, defused, write_churn_list
from serving.messages import Answer

ANSWER = EXAMPLES[Answer]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=HYPERLINK(\"http://x\")"])  # fmt: skip
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert f"'{text}" == defused(text)


@pytest.mark.parametrize("value", ["C00010", "a=b", "", -1.5, None])
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert value is defused(value)


def test_the_file_has_the_columns_machines_read_and_only_the_eligible(tmp_path: Path) -> None:
    stranger = {**ANSWER, "customer_id": "x", "eligible": False}
    formula = {**ANSWER, "customer_id": "=cmd()"}
    texts = [(json.dumps(answer), name) for answer, name in ((ANSWER, "Ana"), (stranger, "Bo"), (formula, "=Cy"))]

    assert 2 == write_churn_list(tmp_path / "churn_list.csv", texts, "en")

    with (tmp_path / "churn_list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(CHURN_LIST_COLUMNS) == list(rows[0])
    assert ["1228", "'=cmd()"] == [row["customer_id"] for row in rows]
    assert ["Ana", "'=Cy"] == [row["name"] for row in rows]
    assert ("131.2", "") == (rows[0]["value_at_risk"], rows[0]["why_not"])
    assert "Going quiet: Last bought 23 days ago; usually every 6.1 days." == rows[0]["reason_1"]
