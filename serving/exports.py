"""Exports: the churn list as a CSV that people and spreadsheets open safely."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from features.catalog import DRIVERS
from features.refusal import Refusal
from features.store import written_whole
from models.reasons import raising

CHURN_LIST_COLUMNS = (
    "customer_id", "churn_probability", "band", "percentile", "segment", "tier", "value_quadrant", "lifetime_value",
    "reason_1", "reason_2", "reason_3", "action", "arm", "expected_net_value", "evidence", "as_of", "bundle",
    "name", "value_at_risk", "why_not",
)  # fmt: skip


def churn_list_row(answer: Mapping[str, Any], name: str | None, language: str) -> dict[str, Any]:
    """An answer as a row of the churn list; reasons are those that people are told, in words."""
    spoken = [f"{getattr(DRIVERS[reason['driver']], language)}: {reason['sentence']}" for reason in raising(answer)] + [
        "",
        "",
        "",
    ]
    decision = answer["decision"]
    row = {
        "customer_id": answer["customer_id"],
        "churn_probability": round(answer["churn_probability"], 4),
        "band": answer["band"],
        "percentile": answer["percentile"],
        "segment": answer["segment"]["name"],
        "tier": answer["relationship"]["tier"],
        "value_quadrant": answer["relationship"]["value_quadrant"],
        "lifetime_value": answer["lifetime_value"]["mean"],
        "reason_1": spoken[0],
        "reason_2": spoken[1],
        "reason_3": spoken[2],
        "action": decision["action"],
        "arm": decision["arm"],
        "expected_net_value": decision["expected_net_value"],
        "evidence": decision["evidence"],
        "as_of": answer["as_of"],
        "bundle": answer["bundle"],
        "name": name or "",
        "value_at_risk": answer["value_at_risk"],
        "why_not": decision["why_not"],
    }
    return {name: defused(value) for name, value in row.items()}


def defused(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula, with an apostrophe before it."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"):
        return f"'{value}"
    return value


def write_rows(target: TextIO, answers: Iterable[tuple[str, str | None]], language: str) -> int:
    """Write the churn list of these answers and names (JSON texts; ineligible ones are left out); the number of rows."""
    writer = csv.DictWriter(target, CHURN_LIST_COLUMNS)
    writer.writeheader()
    count = 0
    for text, name in answers:
        answer = json.loads(text)
        if answer["eligible"]:
            writer.writerow(churn_list_row(answer, name, language))
            count += 1
    return count


def write_churn_list(
    file: Path, answers: Iterable[tuple[str, str | None]], language: str, expected: int | None = None
) -> int:
    """The churn list as a file, in the place of an earlier one; the number of rows.

    Raises
    ------
    Refusal
        HF502 where there are not as many rows as expected, since another run has replaced this one; the file stays.
    """
    with written_whole(file) as beside:
        with beside.open("w", newline="", encoding="utf-8-sig") as target:
            rows = write_rows(target, answers, language)
        if expected is not None and rows != expected:
            raise Refusal(
                "HF502", f"{rows:,} of {expected:,} customers are left in the ledger: another run has replaced this one.",
                "Its churn list is the one to use; run one at a time.",
            )  # fmt: skip
    return rows
