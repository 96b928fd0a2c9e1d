"""The run's pictures draw the judgment's curves, the very points that the model card draws."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from training import plots
from training.spoken import SPOKEN
from training.train import Trained


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plots.plt.close("all")


def test_gains_and_lift_are_those_of_the_judgment(trained: Trained) -> None:
    curves = trained.judgment.curves["gains"]
    gains, lift = plots.lift_and_gains(curves).axes

    for name, points in curves.items():
        [gained], [lifted] = ([line for line in of.lines if line.get_label() == SPOKEN[name]] for of in (gains, lift))
        assert [[0, 0], *points] == gained.get_xydata().tolist()
        assert lifted.get_xydata() == pytest.approx(np.array([(share, found / share) for share, found in points]))


def test_reliability_and_its_intervals_are_those_of_the_judgment(trained: Trained) -> None:
    points = trained.judgment.curves["reliability"]
    [axes] = plots.reliability(points).axes
    [bars] = axes.containers
    dots, _, (intervals,) = bars.lines

    assert [[point["said"], point["seen"]] for point in points] == dots.get_xydata().tolist()
    assert [interval[:, 1] for interval in intervals.get_segments()] == [
        pytest.approx([point["low"], point["high"]]) for point in points
    ]
