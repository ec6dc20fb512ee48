"""Circles of standard deviations around the arrows, in a real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtWidgets import QCheckBox, QDockWidget, QPushButton
from tests.widgets.explore.helpers import Explore, grey, opened, press, ready, told
from tests.widgets.helpers import PLUGIN, control, made

from napari_latentdyn import Dynamics


def show(qtbot: Any, viewer: Any, panel: Any, count: str) -> Any:
    """Few circles, each of which has 24 sides."""
    control(panel, "arrows.spacing").setValue(6)
    return show_at(qtbot, viewer, panel, count)


def show_at(qtbot: Any, viewer: Any, panel: Any, count: str) -> Any:
    control(panel, "arrows.uncertainty").setCurrentText(count)
    qtbot.waitUntil(
        lambda: (
            ready(panel)
            and [f"circles of {count}" in layer.name for layer in made(viewer, "circles")] == [True]
        ),
        timeout=30_000,
    )
    return made(viewer, "circles")[0]


def middles(circles: Any) -> NDArray[np.float64]:
    """Centres of all circles, (P, 3)."""
    rings = circles.data[np.asarray(circles.features["measured"]) == 1, 0]
    return rings.reshape(-1, 24, 3).mean(axis=1)


def radii(circles: Any) -> NDArray[np.float64]:
    rings = circles.data[np.asarray(circles.features["measured"]) == 1, 0]
    away = rings.reshape(-1, 24, 3) - middles(circles)[:, None]
    return np.linalg.norm(away, axis=-1).mean(axis=1)


def parents(widget: Any) -> Iterator[Any]:
    while widget is not None:
        yield widget
        widget = widget.parent()


def tips(arrows: Any) -> NDArray[np.float64]:
    return arrows.data[:, 0] + arrows.length * arrows.data[:, 1]


def stand_at_tips(circles: Any, arrows: Any) -> bool:
    apart = np.abs(middles(circles)[:, None] - tips(arrows)[None]).sum(axis=-1)
    return bool((apart.min(axis=1) < 1e-3).all())


def test_circles_stand_at_the_arrows_at_their_scale(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    (arrows,) = made(viewer, "fields")
    circles = show(qtbot, viewer, panel, "10 standard deviations")
    assert viewer.layers.index(circles) > viewer.layers.index(arrows)
    assert stand_at_tips(circles, arrows)
    # One of each time and place.
    std, measured = Dynamics.load(folder).stage_deviations()
    place = tuple(
        np.rint(np.column_stack([arrows.features["stage"], arrows.data[:, 0, 1:]])).astype(int).T
    )
    assert len(middles(circles)) == measured[place].sum()
    wanted = 10 * arrows.length * std[place][measured[place]]
    wide = wanted > 2 * circles.edge_width
    assert wide.any()
    np.testing.assert_allclose(np.sort(radii(circles))[-wide.sum() :], np.sort(wanted[wide]), 1e-3)
    text, severity = told(panel)
    assert severity == "info"
    share = round(100 * np.mean(~measured[place]))
    assert text == (
        "Circles of 10 standard deviations at the tips of the arrows. "
        f"Crosses mark {share} % of the places, where nothing shows the motion."
    )


def test_circles_follow_spacing_length_and_frames(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    circles = show(qtbot, viewer, panel, "10 standard deviations")
    (arrows,) = made(viewer, "fields")
    few, width = len(circles.data), circles.edge_width
    control(panel, "arrows.spacing").setValue(12)
    qtbot.waitUntil(lambda: ready(panel) and len(made(viewer, "circles")[0].data) < few)
    (circles,) = made(viewer, "circles")
    assert circles.edge_width > width
    assert stand_at_tips(circles, arrows)
    # In the controls of the layer of arrows, too.
    size = radii(circles).max()
    arrows.length *= 2
    assert stand_at_tips(circles, arrows)
    assert radii(circles).max() == pytest.approx(2 * size, rel=1e-3)
    control(panel, "frames.count").setValue(3)
    press(panel, "draw_frames")
    qtbot.waitUntil(
        # One frame at the start of each stage, and the last.
        lambda: ready(panel) and set(made(viewer, "circles")[0].data[:, 0, 0]) == set(range(4)),
        timeout=30_000,
    )
    assert stand_at_tips(made(viewer, "circles")[0], made(viewer, "fields")[0])
    circles.edge_color = "lime"
    one = show(qtbot, viewer, panel, "1 standard deviation")
    assert one is circles
    np.testing.assert_allclose(one.edge_color, np.tile([0, 1, 0, 1], (len(one.data), 1)))


@pytest.mark.parametrize("brightness", [0.05, 0.5, 0.95])
def test_circles_are_seen_at_the_time_of_the_slider(
    seen_window: Explore, folder: Path, qtbot: Any, monkeypatch: Any, brightness: float
) -> None:
    viewer, panel = opened(seen_window, folder, qtbot, monkeypatch)
    circles = show(qtbot, viewer, panel, "10 standard deviations")
    (frames,), (arrows,) = made(viewer, "frames"), made(viewer, "fields")
    frames.data = np.full_like(frames.data, brightness)
    frames.contrast_limits = (0, 1)
    arrows.visible = False
    # At one time there are none.
    circles.data = circles.data[circles.data[:, 0, 0] != 5]
    seen = []
    for step in range(4, 7):
        viewer.dims.set_current_step(0, step)
        picture = grey(viewer)
        circles.visible = False
        seen.append(bool((np.abs(picture - grey(viewer)).max(axis=-1) > 80).any()))
        circles.visible = True
    assert seen == [True, False, True]


@pytest.mark.parametrize("spacing", [4, 12])
def test_hidden_layers_follow_the_spacing_until_they_are_shown(
    seen_window: Explore, folder: Path, qtbot: Any, monkeypatch: Any, spacing: int
) -> None:
    viewer, panel = opened(seen_window, folder, qtbot, monkeypatch)
    circles = show(qtbot, viewer, panel, "10 standard deviations")
    (arrows,) = made(viewer, "fields")
    control(panel, "streamlines.shown", QCheckBox).click()
    qtbot.waitUntil(lambda: bool(made(viewer, "streamlines")) and ready(panel), timeout=30_000)
    hidden = (arrows, circles, *made(viewer, "streamlines"))
    sizes = [len(layer.data) for layer in hidden]
    for layer in hidden:
        layer.visible = False
    control(panel, "arrows.spacing").setValue(spacing)
    control(panel, "streamlines.density").setValue(3.0 if spacing == 4 else 0.5)
    qtbot.waitUntil(
        lambda: ready(panel) and all(len(a.data) != b for a, b in zip(hidden, sizes, strict=True)),
        timeout=30_000,
    )
    assert told(panel)[1] == "info"
    assert stand_at_tips(circles, arrows)
    # In the controls of the hidden layer.
    circles.edge_color = "lime"
    picture = grey(viewer)
    circles.visible = True
    shown = np.abs(grey(viewer) - picture).max(axis=-1)
    circles.visible = False
    assert (np.abs(grey(viewer) - picture) < 1).all()
    viewer.layers.remove(circles)
    control(panel, "arrows.uncertainty").setCurrentText("none")
    qtbot.waitUntil(lambda: not made(viewer, "circles") and ready(panel))
    fresh = show_at(qtbot, viewer, panel, "10 standard deviations")
    fresh.edge_color = "lime"
    np.testing.assert_allclose(np.abs(grey(viewer) - picture).max(axis=-1), shown, atol=1)


def test_circles_that_cannot_be_drawn_leave_no_job_behind(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    circles = show(qtbot, viewer, panel, "2 standard deviations")

    def fail(event: Any) -> None:
        raise ValueError("cannot draw")

    circles.events.features.connect(fail)
    with qtbot.captureExceptions() as errors:
        control(panel, "arrows.spacing").setValue(12)
        qtbot.waitUntil(lambda: bool(errors) and ready(panel), timeout=30_000)
    assert "cannot draw" in str(errors[0][1])


def test_the_choice_and_the_status_tell_what_is_shown(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    chosen, cancel = control(panel, "arrows.uncertainty"), control(panel, "cancel", QPushButton)
    computing = Event()
    compute = Dynamics.stage_deviations

    def wait(self: Dynamics, **stops: Any) -> Any:
        computing.set()
        while not stops["should_stop"]():
            sleep(0.01)
        return compute(self, **stops)

    with monkeypatch.context() as patch:
        patch.setattr(Dynamics, "stage_deviations", wait)
        chosen.setCurrentText("5 standard deviations")
        qtbot.waitUntil(computing.is_set, timeout=30_000)
        qtbot.waitUntil(lambda: told(panel)[0] == "Computing the standard deviations.")
        cancel.click()
        qtbot.waitUntil(lambda: ready(panel) and chosen.currentText() == "none")
    assert told(panel)[0] == "Stopped; nothing changed."
    viewer.layers.remove(show(qtbot, viewer, panel, "2 standard deviations"))
    qtbot.waitUntil(lambda: told(panel)[0] == "Circles removed.")
    show(qtbot, viewer, panel, "2 standard deviations")
    chosen.setCurrentText("none")
    qtbot.waitUntil(lambda: told(panel)[0] == "Circles removed." and ready(panel))


def test_circles_go_with_their_choice_and_with_their_arrows(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    chosen = control(panel, "arrows.uncertainty")
    show(qtbot, viewer, panel, "1 standard deviation")
    chosen.setCurrentText("none")
    qtbot.waitUntil(lambda: not made(viewer, "circles"))
    viewer.layers.remove(show(qtbot, viewer, panel, "2 standard deviations"))
    qtbot.waitUntil(lambda: chosen.currentText() == "none")
    show(qtbot, viewer, panel, "2 standard deviations")
    viewer.layers.remove(made(viewer, "fields")[0])
    qtbot.waitUntil(lambda: not made(viewer, "circles") and chosen.currentText() == "none")
    qtbot.wait(400)
    assert not made(viewer, "fields"), "arrows that the user deleted do not return"
    show(qtbot, viewer, panel, "2 standard deviations")
    assert stand_at_tips(made(viewer, "circles")[0], made(viewer, "fields")[0])


def test_each_result_has_its_own_circles(
    explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(explore, folder, qtbot, monkeypatch)
    first = show(qtbot, viewer, panel, "1 standard deviation")
    control(panel, "open_run", QPushButton).click()
    qtbot.waitUntil(lambda: len(made(viewer, "frames")) == 2 and ready(panel), timeout=30_000)
    assert control(panel, "arrows.uncertainty").currentText() == "none"
    qtbot.wait(400)
    assert made(viewer, "circles") == [first]
    control(panel, "result").setCurrentIndex(0)
    assert control(panel, "arrows.uncertainty").currentText() == "1 standard deviation"


def test_the_whole_sentence_is_seen_on_a_small_screen(
    seen_window: Explore, folder: Path, qtbot: Any, monkeypatch: Any
) -> None:
    viewer, panel = opened(seen_window, folder, qtbot, monkeypatch)
    viewer.window.resize(1366, 768)
    viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    dock = next(one for one in parents(panel) if isinstance(one, QDockWidget))
    dock.raise_()
    control(panel, "arrows.spacing").setValue(4)
    show_at(qtbot, viewer, panel, "10 standard deviations")
    status = control(panel, "status")
    qtbot.waitUntil(lambda: status.isVisible() and "Crosses" in told(panel)[0], timeout=5000)
    qtbot.waitUntil(lambda: status.height() >= status.heightForWidth(status.width()), timeout=5000)
    # No part is cut by the panel, its dock or the window.
    for around in (panel, dock, panel.window()):
        assert status.mapTo(around, status.rect().bottomRight()).y() < around.height()
    assert dock.mapTo(panel.window(), dock.rect().bottomLeft()).y() < panel.window().height()
