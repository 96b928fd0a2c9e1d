"""A shop's files as they come: any folder name, any delimiter, rows with a field too many or too few."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from by_hand import TODAY, purchases

from features.behavior import CATALOG
from features.check import check_tables
from features.delimited import Header, read_header
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.store import Store
from features.vectors import vectors
from models.definition import ChurnDefinition
from training.labels import churn_labels

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
    assert churn_labels(checked, found, ChurnDefinition("silence", 7)).matured.tolist() == [False] * 4


def _quarantined(store: Store) -> list[str]:
    return (store.quarantine / "tiny.transactions.csv").read_text(encoding="utf-8").splitlines()[1:]


def test_a_line_with_a_field_too_many_or_too_few_is_quarantined_with_its_row(tmp_path: Path, store: Store) -> None:
    """The rows after it keep their numbers; a line end within quotes is no new row, an empty line is none."""
    lines = _text().splitlines()
    lines[3] = lines[3].replace("o3", '"o\n3"') + "\n"
    lines[5] += ",one,two,three"
    lines[6] = "c3,2024-01-06"
    lines[17] = lines[17].replace("1.50", "abc")
    checked = check_tables(_shop(tmp_path / "shop", "\n".join(lines)), store, TODAY)
    report = checked.reports[0]
    assert (report.read, report.used, report.quarantined) == (20, 17, 3)
    assert _quarantined(store) == [
        '5,line,"c2,2024-01-05 10:00:00,1.50,o5,one,two,three",expected 4 fields',
        '6,line,"c3,2024-01-06",expected 4 fields',
        "17,amount,abc,expected a number",
    ]


def test_a_last_field_that_is_empty_is_there(tmp_path: Path, store: Store) -> None:
    checked = check_tables(_shop(tmp_path / "shop", _text().replace("o5", "").replace("o6", '""')), store, TODAY)
    assert checked.reports[0].quarantined == 0


def test_lines_of_another_length_alone_refuse_the_table(tmp_path: Path, store: Store) -> None:
    text = _text().replace("1.50", "1,50")
    with pytest.raises(Refusal, match="HF204 transactions: 20 of 20 rows are bad .* row 1: line is 'c2,.*,1,50,o1'"):
        check_tables(_shop(tmp_path / "shop", text), store, TODAY)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_told_from_the_header(delimiter: str, tmp_path: Path, store: Store) -> None:
    with_comma = check_tables(_shop(tmp_path / "comma", _text()), store, TODAY)
    other = check_tables(_shop(tmp_path / "other", _text(delimiter)), store, TODAY)
    assert other.fingerprint == with_comma.fingerprint


def test_a_compressed_file_and_one_with_a_byte_order_mark_are_read(tmp_path: Path, store: Store) -> None:
    plain = check_tables(_shop(tmp_path / "plain", _text()), store, TODAY)
    marked = check_tables(_shop(tmp_path / "marked", "\ufeff" + _text().replace("\n", "\r\n")), store, TODAY)
    shop = _shop(tmp_path / "packed", _text())
    (shop.folder / "sales.csv.gz").write_bytes(gzip.compress(_text().encode()))
    packed = check_tables(shop.model_copy(update={"files": {"sales": "sales.csv.gz"}}), store, TODAY)
    assert plain.fingerprint == marked.fingerprint == packed.fingerprint


@pytest.mark.parametrize("quote", ['"', '"o9', '"o9,x'])
def test_a_quote_that_never_ends_refuses_the_file_at_its_row(quote: str, tmp_path: Path, store: Store) -> None:
    text = _text().replace("o9\n", f"{quote}\n")
    with pytest.raises(Refusal, match="HF201 files.sales: row 9 of the sales.csv opens a quote that nothing closes"):
        check_tables(_shop(tmp_path / "shop", text), store, TODAY)


def test_a_quote_that_ends_within_a_field_refuses_the_file_at_its_line(tmp_path: Path, store: Store) -> None:
    text = _text().replace("o9\n", '"o"9\n')
    with pytest.raises(Refusal, match="HF201 files.sales: line 10: Value with unterminated quote found"):
        check_tables(_shop(tmp_path / "shop", text), store, TODAY)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", "HF203 files.sales: .* is empty"),
        (b"a,b\xff\xfe\n", "HF201 files.sales: .* cannot be read: 'utf-8' codec"),
    ],
)
def test_a_file_without_a_header_or_not_of_text_is_refused(
    content: bytes, refusal: str, tmp_path: Path, store: Store
) -> None:
    shop = _shop(tmp_path / "shop", "")
    (shop.folder / "the sales.csv").write_bytes(content)
    with pytest.raises(Refusal, match=refusal):
        check_tables(shop, store, TODAY)


def test_columns_without_a_name_or_with_one_twice_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,,A,"it\'s"\n')
    assert read_header(tmp_path / "a.csv", "a") == Header(",", ("a", "column1", "A_1", "it's"), (("A", "A_1"),))
