"""The door: whatever a file or folder refuses is one sentence and exit code 3; what is written is the owner's."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from by_hand import TinyShop, purchases

import holdfast
from features.refusal import REFUSED, Refusal
from features.shop import read_shop
from features.store import file_refusal


@pytest.fixture(autouse=True)
def _umask_as_before() -> Iterator[None]:
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


def _run(monkeypatch: pytest.MonkeyPatch, store: Path, *arguments: str) -> int:
    """The exit code of a command with this store."""
    for name in (*holdfast._NO_TELEMETRY, "HOLDFAST_STORE"):
        monkeypatch.setenv(name, str(store) if name == "HOLDFAST_STORE" else "1")
    monkeypatch.setattr("sys.argv", ["holdfast", *arguments])
    with pytest.raises(SystemExit) as left:
        holdfast.main()
    return int(left.value.code or 0)


def test_a_store_that_cannot_be_written_is_refused_in_one_sentence(
    tiny_shop: TinyShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = tiny_shop(purchases())
    (tmp_path / "store").write_text("a file")
    assert _run(monkeypatch, tmp_path / "store", "check", "--shop", str(shop.folder), "--json") == REFUSED
    answered = json.loads(capsys.readouterr().out)["error"]
    assert (answered["code"], answered["title"]) == ("HF106", "a file or folder cannot be read or written")
    assert answered["detail"].endswith("Not a directory.")


def test_a_settings_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").mkdir()
    with pytest.raises(Refusal) as refused:
        read_shop(tmp_path)
    assert str(refused.value) == (
        f"HF106 {tmp_path / 'shop.toml'}: Is a directory. Look at its permissions, and at the space left on its disk."
    )


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/data/shop.toml"), "/data/shop.toml: Permission denied."),
        (OSError(errno.ENOSPC, "No space left on device"), "[Errno 28] No space left on device."),
        (duckdb.IOException("IO Error: Could not write file: No space left\nmore"),
         "IO Error: Could not write file: No space left."),
    ],
)  # fmt: skip
def test_the_refusal_names_the_file_and_what_is_wrong_with_it(error: Exception, what: str) -> None:
    assert holdfast._is_of_a_file(error)
    assert file_refusal(error).what == what


def test_a_broken_connection_is_no_matter_of_files() -> None:
    assert not holdfast._is_of_a_file(ConnectionResetError())


def test_what_a_command_writes_is_readable_by_its_owner_only(
    tiny_shop: TinyShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = purchases()
    rows[3]["amount"] = "free"
    shop = tiny_shop(rows)
    page = tmp_path / "store" / "page.html"
    asked = ("check", "--shop", str(shop.folder), "--html", str(page))
    assert _run(monkeypatch, tmp_path / "store", *asked) == REFUSED, "20 purchases are too few to learn from"
    assert page.exists()
    written = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    assert len(written) >= 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} <= {0o600, 0o700}
