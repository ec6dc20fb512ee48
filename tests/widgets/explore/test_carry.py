"""Layers that lie on the images are carried along, in a real window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QComboBox
from tests.widgets.explore.helpers import Explore, drift, opened, press, ready, told
from tests.widgets.helpers import control, entries, is_one_sentence, made

DRIFT = np.array([2.0, -3.0])
#: Place of the images of the run.
PLACE: dict[str, Any] = {"scale": (50.0, 50.0), "units": ("meter", "meter")}


@pytest.fixture
def window(explore: Explore, folder: Path, qtbot: Any, monkeypatch: Any) -> tuple[Any, Any]:
    return opened(explore, folder, qtbot, monkeypatch)


def square() -> np.ndarray[Any, np.dtype[np.uint16]]:
    labels = np.zeros((64, 64), np.uint16)
    labels[20:30, 30:40] = 300
    return labels


def choose(panel: Any, layer: Any, begin: str | None = None) -> None:
    box = control(panel, "carry_layer", QComboBox)
    box.setCurrentIndex(box.findText(layer.name))
    if begin is not None:
        box = control(panel, "carry_from", QComboBox)
        assert begin in entries(panel, "carry_from")
        box.setCurrentIndex(box.findText(begin))


def carried(viewer: Any, panel: Any, qtbot: Any, layer: Any) -> Any:
    """Press the button, and return the layer that it adds or updates."""
    press(panel, "carry_along")
    name = f"{layer.name} carried"
    qtbot.waitUntil(lambda: ready(panel) and name in viewer.layers, timeout=30_000)
    text, severity = told(panel)
    assert severity == "info", text
    assert text.startswith(layer.name)
    assert not layer.visible
    return viewer.layers[name]


def refused(panel: Any) -> str:
    press(panel, "carry_along")
    text, severity = told(panel)
    assert severity == "error"
    assert is_one_sentence(text), text
    return text


def test_labels_follow_the_slider_and_are_updated(window: tuple[Any, Any], qtbot: Any) -> None:
    viewer, panel = window
    layer = viewer.add_labels(square(), name="cells", **PLACE)
    # Labels are offered before images.
    assert control(panel, "carry_layer", QComboBox).currentText() == "cells"
    assert entries(panel, "carry_from") == [
        "time of the slider",
        "image 1 (0 hour)",
        "image 2 (12 hour)",
    ]
    viewer.dims.set_current_step(0, 8)
    made_layer = carried(viewer, panel, qtbot, layer)
    (frames,) = made(viewer, "frames")
    assert made_layer.data.shape == frames.data.shape
    assert made_layer.data.dtype == np.uint16
    np.testing.assert_array_equal(made_layer.scale, frames.scale)
    assert made_layer.units == frames.units
    np.testing.assert_array_equal(made_layer.data[8], layer.data)
    for step, later in ((0, -0.5), (16, 0.5)):
        middle = np.argwhere(made_layer.data[step] == 300).mean(axis=0)
        np.testing.assert_allclose(middle, [24.5, 34.5] + later * DRIFT, atol=0.6)
    count = len(viewer.layers)
    layer.data[:] = 0
    layer.data[5:9, 50:60] = 7
    choose(panel, layer, "image 1 (0 hour)")
    again = carried(viewer, panel, qtbot, layer)
    assert len(viewer.layers) == count
    np.testing.assert_array_equal(again.data[0], layer.data)


def test_points_and_shapes_of_another_scale(window: tuple[Any, Any], qtbot: Any) -> None:
    viewer, panel = window
    # In kilometres, twice as fine as the images, and moved.
    place = {"scale": (0.025, 0.025), "translate": (0.5, 0.5), "units": ("km", "km")}
    points = viewer.add_points([[20, 40], [30, 30]], name="dots", size=4, **place)
    pixels = np.array([[20, 40], [30, 30]]) / 2 + 10
    choose(panel, points, "image 1 (0 hour)")
    found = carried(viewer, panel, qtbot, points)
    assert found.data.shape == (34, 3)
    np.testing.assert_allclose(found.data[:2, 1:], pixels, atol=1e-9)
    np.testing.assert_allclose(found.data[-2:], np.insert(pixels + DRIFT, 0, 16, axis=1), atol=0.3)
    np.testing.assert_allclose(found.size, 2)
    corners = [[20, 20], [20, 60], [40, 60], [40, 20]]
    shapes = viewer.add_shapes([corners], shape_type="rectangle", name="region", **place)
    shapes.add_paths([[24, 24], [30, 50]])
    choose(panel, shapes, "image 2 (12 hour)")
    regions = carried(viewer, panel, qtbot, shapes)
    assert sorted(set(regions.shape_type)) == ["path", "polygon"]
    assert regions.shape_type.count("polygon") == 17
    boxes = [
        box for box, kind in zip(regions.data, regions.shape_type, strict=True) if kind == "polygon"
    ]
    np.testing.assert_allclose(boxes[-1][0], [16, 20, 20])
    np.testing.assert_allclose(boxes[0][0], [0, *np.array([20, 20]) - DRIFT], atol=0.3)


def test_gaps_of_tracks_are_filled(window: tuple[Any, Any], qtbot: Any) -> None:
    viewer, panel = window
    end = np.array([30, 30]) + DRIFT
    tracks = viewer.add_tracks(
        np.array([[1, 0, 30, 30], [1, 1, *end], [2, 0, 9, 9]]), name="tracking", scale=(1, 50, 50)
    )
    choose(panel, tracks)
    assert entries(panel, "carry_from") == ["numbers of the images", "times of the frames"]
    found = carried(viewer, panel, qtbot, tracks)
    assert found.data.shape == (18, 4)
    np.testing.assert_allclose(found.data[8, 1:], [8, *(np.add(end, [30, 30]) / 2)], atol=0.3)
    assert found.features["filled"].sum() == 15


def test_points_on_the_frames(window: tuple[Any, Any], qtbot: Any) -> None:
    """The button of napari adds points on the axes of the frames."""
    viewer, panel = window
    viewer.layers.selection.active = made(viewer, "frames")[0]
    points = viewer.add_points([[16, 30, 30]], name="dots", scale=made(viewer, "frames")[0].scale)
    choose(panel, points)
    assert entries(panel, "carry_from")[0] == "times of the frames"
    found = carried(viewer, panel, qtbot, points)
    np.testing.assert_allclose(found.data[0], [0, *np.array([30, 30]) - DRIFT], atol=0.3)
    choose(panel, points, "numbers of the images")
    assert "must be numbers of images from 0 to 1; got 16" in refused(panel)


def test_stacks_of_all_images_and_of_all_frames(window: tuple[Any, Any], qtbot: Any) -> None:
    viewer, panel = window
    observed = drift().observations.images[:, 0]
    other = viewer.add_image(7 - 2 * observed, name="other", scale=(1, 50, 50))
    choose(panel, other)
    assert entries(panel, "carry_from")[0] == "all images"
    found = carried(viewer, panel, qtbot, other)
    frames = made(viewer, "frames")[0].data
    np.testing.assert_allclose(found.data, 7 - 2 * frames, atol=1e-3)
    # Labels that were painted on the frame that the slider shows.
    painted = np.zeros(frames.shape, np.uint8)
    painted[4] = square() > 0
    viewer.dims.set_current_step(0, 4)
    labels = viewer.add_labels(painted, name="painted", scale=made(viewer, "frames")[0].scale)
    choose(panel, labels)
    assert entries(panel, "carry_from") == ["time of the slider"]
    done = carried(viewer, panel, qtbot, labels)
    np.testing.assert_array_equal(done.data[4], painted[4])
    assert done.data[16].any()


def test_layers_that_do_not_fit_are_refused(window: tuple[Any, Any]) -> None:
    viewer, panel = window
    assert "There is no layer to carry" in told_after(panel)
    labels = viewer.add_labels(square(), name="no scale")
    choose(panel, labels)
    assert "must lie on the images of the result" in refused(panel)
    small = viewer.add_labels(square()[:50], name="small", **PLACE)
    choose(panel, small)
    assert "must have the size of the images, 64 x 64 pixels; got 50 x 64" in refused(panel)
    stack = viewer.add_labels(np.stack([square()] * 5), name="stack", scale=(1, 50, 50))
    choose(panel, stack)
    assert "one for each of 2 images; got 5" in refused(panel)
    points = viewer.add_points(np.zeros((0, 2)), name="empty", ndim=2, **PLACE)
    choose(panel, points)
    assert "'empty' is empty" in refused(panel)
    # Results of the plugin are not offered.
    assert set(entries(panel, "carry_layer")) == {"no scale", "small", "stack", "empty"}


def told_after(panel: Any) -> str:
    press(panel, "carry_along")
    text, severity = told(panel)
    assert severity == "error"
    return text
