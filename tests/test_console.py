"""How commands speak where there is no terminal."""

from __future__ import annotations

import pytest

from features.console import console, progress


def test_a_notebook_gets_no_progress_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rich would ask for widgets, and leave a bar among the results."""
    monkeypatch.setattr(console, "is_jupyter", True)
    with progress("counting", 2) as done:
        done()
        done(1, 3)

    assert ("", "") == tuple(capsys.readouterr())
