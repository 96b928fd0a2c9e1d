"""Whatever a shop brings ends in a right row, a quarantined row or a numbered refusal, and every row is accounted for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from bad_files import CASES, Case
from by_hand import TODAY, rows_of

from features.check import check_tables
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.store import Store


def _shop(folder: Path, case: Case) -> Shop:
    folder.mkdir()
    case.write(folder)
    columns = {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount", **case.columns}
    lines = ['name = "tiny"', 'currency = "EUR"', case.top, "[files]", f"sales = {json.dumps(case.file)}"]
    lines += ["[tables.transactions]", 'from = "sales"', case.settings, "[tables.transactions.columns]"]
    lines += [f"{ours} = {json.dumps(theirs)}" for ours, theirs in columns.items()]
    (folder / "shop.toml").write_text("\n".join(lines), encoding="utf-8")
    return read_shop(folder)


def test_the_list_of_malformed_tables_is_long_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 45


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_malformed_table_ends_in_a_right_row_a_quarantined_row_or_a_refusal(
    case: Case, tmp_path: Path, store: Store
) -> None:
    shop = _shop(tmp_path / "shop", case)
    if case.code:
        with pytest.raises(Refusal) as refused:
            check_tables(shop, store, TODAY)
        assert refused.value.code == case.code
        assert case.says in str(refused.value)
        assert "\n" not in refused.value.what
        return
    checked = check_tables(shop, store, TODAY)
    [report] = checked.reports
    rows = rows_of(checked)
    assert report.read == report.used + report.quarantined
    assert report.used == len(rows) == case.used
    assert {column: rows[-1][column] for column in case.last} == case.last
    assert case.warns in " ".join(report.warnings)
    assert (report.quarantine_file is not None) == bool(case.bad)
    if case.bad:
        with Path(report.quarantine_file or "").open(encoding="utf-8", newline="") as file:
            found = [(int(line["row"]), line["column"], line["reason"]) for line in csv.DictReader(_without_nul(file))]
        assert found == list(case.bad)


def _without_nul(lines):  # type: ignore[no-untyped-def]
    return (line.replace("\0", "") for line in lines)
