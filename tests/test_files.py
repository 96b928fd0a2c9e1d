"""A shop's files as they come: any folder name, any delimiter, rows with a field too many or too few."""

from __future__ import annotations

from pathlib import Path

import pytest
from by_hand import TODAY, purchases

from features.behavior import CATALOG
from features.check import check_tables
from features.shop import Shop, read_shop
from features.store import Store
from features.vectors import vectors
from training.labels import silence_labels

COLUMNS = ("customer_id", "timestamp", "amount", "order_id")


def _shop(folder: Path, text: str, name: str = "the sales.csv") -> Shop:
    """A shop whose one file holds `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    lines = ['name = "tiny"', 'currency = "EUR"', "[files]", f'sales = "{name}"', "[tables.transactions]"]
    lines += ['from = "sales"', "[tables.transactions.columns]", *(f'{column} = "{column}"' for column in COLUMNS)]
    (folder / "shop.toml").write_text("\n".join(lines), encoding="utf-8")
    return read_shop(folder)


def _text(delimiter: str = ",") -> str:
    lines = [delimiter.join(COLUMNS), *(delimiter.join(row[c] for c in COLUMNS) for row in purchases())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["it's a shop", "two  spaces", "人 shop", 'a "quoted" one'])
def test_a_shop_and_its_store_may_lie_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    text = _text().replace("1.50,o3\n", "free,o3\n")
    store = Store(tmp_path / name / "the store's")
    checked = check_tables(_shop(tmp_path / name, text, "the shop's sales.csv"), store, TODAY)
    assert checked.reports[0].read == 20
    catalog = CATALOG.available(checked.columns, checked.attributes)
    found = vectors(checked, catalog, [checked.known_until], 182, store)
    assert found["customer_id"].to_pylist() == ["c1", "c2", "c3", "c4"]
    assert silence_labels(checked, found, 7).spend.tolist() == [0, 0, 0, 0]
