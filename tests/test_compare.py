"""Two bundles side by side, judged on random fifths: what is said of the table is true of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training.compare import Side, compared
from training.compare_command import show_compared
from training.train import Trained


def test_what_was_judged_on_random_fifths_is_not_told_as_judged_in_time(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside one judged on folds of the same table it is compared, of no day; beside other tables or days it is not."""
    bundle, in_time = trained.bundle, trained.judgment.as_dict("churn/1")
    on_folds = {**in_time, "cutoffs": in_time["cutoffs"][-1:], "in_time": False}
    data = {**bundle.card["data"], "fingerprint": "another"}
    of_another_table = replace(bundle, card={**bundle.card, "data": data})
    same, other, mixed = (
        compared(Side(bundle, on_folds), Side(replace(beside, id="churn/2"), judgment))
        for beside, judgment in ((bundle, on_folds), (of_another_table, on_folds), (bundle, in_time))
    )

    assert {0.0} == {one["difference"] for one in same["judged"]["measures"].values()}
    assert {} == other["judged"]["measures"] == mixed["judged"]["measures"]
    for found, told in (
        (same, "Each by models that had not seen those they were judged on."),
        (other, "churn/2 on random fifths of the customers of its own table."),
        (mixed, f"churn/2 on {', '.join(in_time['cutoffs'])}."),
    ):
        show_compared(found)
        shown = capsys.readouterr().err
        assert told in shown
        assert "trained before these days" not in shown
        assert f"As judged on {in_time['cutoffs'][-1]}" not in shown
