from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

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


def shown_range(plot: LossPlot) -> tuple[float, float]:
    low, high = plot.agreement.getPlotItem().viewRange()[1]
    return low, high


def test_the_axis_of_the_agreement_shows_small_changes(plot: LossPlot, qtbot: Any) -> None:
    """From 55.2 to 56.7 % is most of the axis, though its zero lies far away."""
    for step in range(1, 41):
        plot.add(step, {"total": 1.0}, 0.552 + 0.015 * (step / 40), 0.552)
    qtbot.wait(plot.INTERVAL_MS + 150)
    assert plot.pages.currentWidget() is plot.agreement
    low, high = shown_range(plot)
    assert 54.5 < low < 55.2 < 56.7 < high < 57.5
    steps, values = plot.agreement.curve.getOriginalDataset()
    assert len(steps) == 40
    assert values[-1] == pytest.approx(56.7)
    assert plot.agreement.before.value() == pytest.approx(55.2)
    assert "before" in plot.legend.text()


def test_an_agreement_that_does_not_change_is_not_blown_up(plot: LossPlot, qtbot: Any) -> None:
    for step in range(1, 11):
        plot.add(step, {"total": 1.0}, 0.5 + 1e-6 * step, 0.5)
    qtbot.wait(plot.INTERVAL_MS + 150)
    low, high = shown_range(plot)
    assert low < 49.7
    assert high > 50.3


def test_losses_are_shown_where_no_agreement_is_known_or_where_the_user_asks(
    plot: LossPlot, qtbot: Any
) -> None:
    plot.add(1, {"total": 1.0})
    qtbot.wait(plot.INTERVAL_MS + 150)
    assert plot.pages.currentWidget() is plot.plot
    assert plot.choice.isHidden()
    assert "total" in plot.legend.text()
    plot.clear()
    plot.add(1, {"total": 1.0}, 0.5, 0.4)
    qtbot.wait(plot.INTERVAL_MS + 150)
    assert plot.pages.currentWidget() is plot.agreement
    assert not plot.choice.isHidden()
    plot.resize(340, 160)
    wanted = plot.choice.fontMetrics().horizontalAdvance(plot.choice.currentText())
    assert plot.choice.sizeHint().width() > wanted + 15, "its text is not cut"
    qtbot.keyClick(plot.choice, Qt.Key.Key_End)
    assert plot.choice.currentText() == "losses"
    assert plot.pages.currentWidget() is plot.plot
    assert "total" in plot.legend.text()
    plot.add(2, {"total": 1.0}, 0.6, 0.4)
    qtbot.wait(plot.INTERVAL_MS + 150)
    assert plot.pages.currentWidget() is plot.plot, "what the user chose stays"
    assert plot.points("agreement") == ([1, 2], [0.5, 0.6])


def test_the_theme_changes_background_curves_and_legend(plot: LossPlot) -> None:
    for palette in (LIGHT, DARK):
        plot.set_palette(palette)
        assert plot.plot.backgroundBrush().color().name() == palette.background
        assert plot.curves["match"].opts["pen"].color().name() == palette.curves["match"]
        assert palette.curves["match"] in plot.legend.text()
