from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_latentdyn.widgets.loss_plot import LossPlot
from napari_latentdyn.widgets.palette import DARK, LIGHT


@pytest.fixture
def plot(qtbot: Any) -> LossPlot:
    plot = LossPlot()
    qtbot.addWidget(plot)
    return plot


def test_it_never_keeps_more_points_than_it_can_draw(plot: LossPlot) -> None:
    for step in range(1, 20_001):
        plot.add(step, {"total": 1 / step})
    steps, losses = plot.points("total")
    assert 500 < len(steps) <= plot.MAX_POINTS
    assert steps[0] == 1
    assert steps[-1] > 19_900
    assert np.allclose(losses, 1 / np.asarray(steps))
    assert (np.diff(steps) > 0).all()


def test_curves_are_drawn_a_moment_later_not_at_each_step(plot: LossPlot, qtbot: Any) -> None:
    for step in range(1, 11):
        plot.add(step, {"total": 1.0, "match": 0.5})
    drawn, _ = plot.curves["match"].getOriginalDataset()
    assert drawn is None or len(drawn) == 0
    qtbot.waitUntil(lambda: plot.curves["match"].getOriginalDataset()[0] is not None, timeout=2000)
    assert len(plot.curves["match"].getOriginalDataset()[0]) == 10


def test_a_loss_of_zero_leaves_a_gap_instead_of_minus_infinity(plot: LossPlot, qtbot: Any) -> None:
    for step, loss in enumerate((0.0, 1.0, 0.1), start=1):
        plot.add(step, {"time": loss})
    qtbot.wait(plot.INTERVAL_MS + 150)
    x, y = plot.curves["time"].getOriginalDataset()
    assert list(x) == [2, 3]
    assert (y > 0).all()


def test_going_back_to_an_earlier_step_drops_what_came_after(plot: LossPlot) -> None:
    for step in range(1, 11):
        plot.add(step, {"total": 1.0})
    plot.add(5, {"total": 2.0})
    assert plot.points("total") == ([1, 2, 3, 4, 5], [1.0, 1.0, 1.0, 1.0, 2.0])


def test_the_theme_changes_background_curves_and_legend(plot: LossPlot) -> None:
    for palette in (LIGHT, DARK):
        plot.set_palette(palette)
        assert plot.plot.backgroundBrush().color().name() == palette.background
        assert plot.curves["match"].opts["pen"].color().name() == palette.curves["match"]
        assert palette.curves["match"] in plot.legend.text()
