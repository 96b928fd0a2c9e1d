"""A judgment as people read it on the command line, also one that an older Holdfast has written."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from training.commands import show_judgment
from training.study import ProfitSettings
from training.train import Trained

ADDED = ("calibration", "calibration_error_noise", "curves", "net_value", "high_from", "slices", "fairness", "reasons")


def test_worth_and_what_stands_out_between_groups_are_told(trained: Trained, capsys: pytest.CaptureFixture) -> None:
    found = trained.judgment.as_dict("churn/1")
    groups = [{"group": "old", "words": "Marked high too seldom."}, {"group": "young", "words": ""}]
    show_judgment({**found, "fairness": [{"attribute": "age", "groups": groups}]})
    told = capsys.readouterr().err

    assert "What that is worth" in told
    assert "Calibration error by chance alone" in told
    assert "age old: Marked high too seldom." in told
    assert "age young" not in told


def test_a_judgment_of_an_older_holdfast_is_still_shown(trained: Trained, capsys: pytest.CaptureFixture) -> None:
    found = trained.judgment.as_dict("churn/1")
    show_judgment({name: value for name, value in found.items() if name not in ADDED})
    told = capsys.readouterr().err

    assert f"Grade {found['grade']}" in told
    assert "What that is worth" not in told


def test_an_offer_that_costs_what_it_keeps_is_refused() -> None:
    with pytest.raises(ValidationError, match="customer_value must be above judge.profit.incentive_cost"):
        ProfitSettings(customer_value=10, incentive_cost=10)
