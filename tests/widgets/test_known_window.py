"""The section "What I know" in a real window: regions, landmarks and tracks out of layers.

Scripts reach its controls by these names: ``known.add_layer`` (key of a layer, its `unique_id`),
``known.add_role``, ``known.add_label``, ``known.add``, ``known.rows``, ``known.remove``,
``known.sigma`` (pixels), ``known.hold_back`` (percent) and ``known.status``.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QListWidget, QPushButton
from scipy import ndimage
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    PLUGIN,
    FakeFit,
    choose,
    control,
    entries,
    is_one_sentence,
    made,
    press,
    refused,
    run,
    status,
)

from napari_latentdyn.viewer.cache import RESULTS

SIDE = 64


def add(panel: Any, layer: Any, role: str) -> None:
    """Add a layer by the controls."""
    choose(panel, "known.add_layer", layer.name)
    control(panel, "known.add_role").setValue(role)
    control(panel, "known.add", QPushButton).click()


def remove(panel: Any, number: int) -> None:
    control(panel, "known.rows", QListWidget).setCurrentRow(number)
    control(panel, "known.remove", QPushButton).click()


def rows(panel: Any) -> list[str]:
    found = control(panel, "known.rows", QListWidget)
    return [found.item(k).text() for k in range(found.count())]


def told(panel: Any) -> str:
    return html.unescape(control(panel, "known.status").text())


def problem(panel: Any) -> str:
    """Assert that a run is refused with one sentence, which is told once, and return it."""
    text = refused(panel)
    assert text in html.unescape(control(panel, "train").toolTip())
    assert told(panel) == ""
    return text


@pytest.fixture
def drift() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Ice that drifts by (1, 3) pixels past land, in two images; and the land."""
    rng = np.random.default_rng(3)
    texture = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE + 16)), 1.5)
    texture /= texture.std()
    land = np.zeros((SIDE, SIDE), bool)
    land[:, :20] = True
    ice = [ndimage.shift(texture, (k, 3 * k), mode="wrap")[:, 8:-8] for k in range(2)]
    coast = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), 1.5)
    coast /= coast.std()
    first, last = (np.where(land, coast, image).astype(np.float32) for image in ice)
    return first, last, land


def test_draw_land_match_and_remove_it_again(open_window: Open, drift: Any, qtbot: Any) -> None:
    first, last, land = drift
    viewer, panel = open_window(first, last, show=True)
    control(panel, "known").expand(animate=False)
    control(panel, "preset", QComboBox).setCurrentText("quick")
    run(qtbot, panel)
    before = made(viewer, "frames")[0].data.copy()
    assert "known" not in made(viewer, "frames")[0].metadata["latentdyn"]
    # The button of napari's list of layers, and the brush.
    viewer.layers.selection.active = viewer.layers["image 1"]
    viewer._new_labels()
    labels = viewer.layers[-1]
    labels.name = "land"
    add(panel, labels, "still")
    assert rows(panel) == ["land – still (land)"]
    assert "“land” must have a region on an image" in problem(panel)
    labels.mode, labels.brush_size, labels.brush_shape = "paint", 38, "square"
    for row in range(0, SIDE, 8):
        labels.paint((row, 0), 1)
    qtbot.waitUntil(lambda: told(panel) == "Known: 1 mask.", timeout=5000)
    drawn = np.asarray(labels.data) > 0
    assert drawn.sum() > 0.9 * land.sum()
    assert not (drawn & ~land).any()
    run(qtbot, panel)
    assert "Known: 1 mask." in status(panel)[0]
    frames = made(viewer, "frames")[0]
    assert frames.metadata["latentdyn"]["known"] == "1 mask"
    report = RESULTS[frames.metadata["latentdyn"]["run_id"]].report.known
    assert report is not None
    assert [(source.role, source.name) for source in report.sources] == [("still", "land")]
    assert np.abs(frames.data[:, drawn] - first[drawn]).max() < 1e-5, "no pixel of land changes"
    assert np.abs(frames.data - before).max() > 1e-3
    remove(panel, 0)
    assert rows(panel) == []
    run(qtbot, panel)
    assert "known" not in made(viewer, "frames")[0].metadata["latentdyn"]
    np.testing.assert_array_equal(made(viewer, "frames")[0].data, before)
    assert "Known" not in status(panel)[0]


def test_a_wrong_landmark_is_a_warning(open_window: Open, drift: Any, qtbot: Any) -> None:
    first, last, _ = drift
    viewer, panel = open_window(first, last, show=True)
    control(panel, "preset", QComboBox).setCurrentText("quick")
    places = np.array([[20.0, 35.0], [45.0, 40.0], [30.0, 50.0]])
    begin = viewer.add_points(places, name="begin")
    end = viewer.add_points(places + np.array([1.0, 3.0]), name="end")
    add(panel, begin, "first")
    add(panel, end, "last")
    run(qtbot, panel)
    text, severity = status(panel)
    assert "3 landmarks agree with the result: the error is 0." in text
    assert severity == "info"
    wrong = end.data.copy()
    wrong[1] += [-9.0, 12.0]
    end.data = wrong
    run(qtbot, panel)
    text, severity = status(panel)
    assert severity == "warning"
    assert "2 of 3 landmarks agree with the result" in text
    assert "1 of 3 landmarks disagrees with the result: landmark 1 at (45.0, 40.0) by 1" in text
    assert text.endswith("Check the positions, the order of y and x, and the uncertainties.")
    frames = made(viewer, "frames")[0]
    report = RESULTS[frames.metadata["latentdyn"]["run_id"]].report.compared
    assert report is not None
    assert [one.agrees for one in report.tracks] == [True, False, True]


def test_tracks_without_a_part_are_told_before_the_run(open_window: Open, images: Images) -> None:
    viewer, panel = open_window(*images, fit=FakeFit(), show=True)
    control(panel, "preset", QComboBox).setCurrentText("paper")
    add(panel, viewer.add_tracks([[1, 0, 9, 9], [1, 1, 10, 11]], name="buoy"), "tracks")
    assert told(panel).startswith("Known: 1 track. Tracks and landmarks have no part in the result")
    control(panel, "preset", QComboBox).setCurrentText("quick")
    assert told(panel) == "Known: 1 track."


def test_masks_are_counted_as_in_the_report(open_window: Open, drift: Any, qtbot: Any) -> None:
    """Two layers of one role, and missing pixels."""
    first, last, land = drift
    viewer, panel = open_window(first, last)
    control(panel, "preset", QComboBox).setCurrentText("quick")
    for name, role, rows_of in (("a", "still", slice(0, 30)), ("b", "still", slice(30, None))):
        mask = np.zeros_like(land, int)
        mask[rows_of] = land[rows_of]
        add(panel, viewer.add_labels(mask, name=name), role)
    gap = np.zeros_like(land, int)
    gap[50:56, 40:50] = 1
    add(panel, viewer.add_labels(gap, name="gap"), "missing")
    assert told(panel) == "Known: 3 masks."
    run(qtbot, panel)
    assert "Known: 3 masks." in status(panel)[0]
    mark = made(viewer, "frames")[0].metadata["latentdyn"]
    assert mark["known"] == "3 masks"
    report = RESULTS[mark["run_id"]].report.known
    assert report is not None
    assert report.masks == 3
    assert [source.role for source in report.sources] == ["still", "still", "missing"]


def test_counts_follow_the_layers(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake, show=True)
    control(panel, "known").expand(animate=False)
    control(panel, "preset", QComboBox).setCurrentText("quick")
    first = viewer.add_points([[10, 10], [20, 20.0]], name="a")
    last = viewer.add_points([[12, 10]], name="b")
    tracks = viewer.add_tracks(
        [[k, t, 10 + 5 * k + 4 * t, 30 + t] for k in range(3) for t in (0, 0.5, 1)], name="buoys"
    )
    assert entries(panel, "known.add_layer") == ["buoys", "b", "a"], "new layers come first"
    add(panel, first, "first")
    assert "2 points on the first and 0 on the last" in problem(panel)
    choose(panel, "known.add_layer", "b")
    assert control(panel, "known.add_role").value() == "last", "the other image is proposed"
    control(panel, "known.add", QPushButton).click()
    assert "2 points on the first and 1 on the last" in problem(panel)
    last.add([23, 21])
    qtbot.waitUntil(lambda: told(panel) == "Known: 2 landmarks.", timeout=5000)
    add(panel, tracks, "tracks")
    control(panel, "known.sigma").setValue(1.5)
    control(panel, "known.hold_back").setValue(40)
    assert told(panel) == "Known: 3 tracks, 2 landmarks, 2 held back."
    assert control(panel, "known").text() == "What I know: 3 tracks, 2 landmarks, 2 held back"
    inside = panel.view.scroll.widget()
    assert inside.minimumSizeHint().width() <= 320 - 14, "it fits into a narrow panel"
    run(qtbot, panel)
    known = fake.calls[-1][0].known
    assert known.tracks is not None
    assert known.sentence() == "3 tracks, 2 landmarks, 2 held back"
    np.testing.assert_allclose(known.tracks.sigma, 1.5)
    marked = known.tracks.rows(known.tracks.track > 2)
    np.testing.assert_allclose(marked.place, [[10, 10], [12, 10], [20, 20], [23, 21]])
    np.testing.assert_allclose(marked.time, [0, 1, 0, 1])


def test_what_is_known_decides_whether_a_training_continues(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake)
    button = control(panel, "train", QPushButton)
    run(qtbot, panel)
    control(panel, "training.steps").setValue(8)
    assert button.text() == "Continue"
    labels = viewer.add_labels(np.zeros((48, 48), int), name="gap")
    labels.data[10:20, 10:20] = 1
    add(panel, labels, "missing")
    assert button.text() == "Train", "other pixels are missing"
    run(qtbot, panel)
    pair, _, resume = fake.calls[-1]
    assert resume is None
    assert not pair.valid[:, 10:20, 10:20].any()
    assert pair.valid.sum() == pair.valid.size - 2 * 100
    remove(panel, 0)
    assert button.text() == "Train"
    labels.undo()


def test_undoing_and_moving_a_slider(open_window: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_window(np.stack([*images, images[0]]), fit=FakeFit(), show=True)
    labels = viewer.add_labels(np.zeros((3, 48, 48), int), name="land")
    add(panel, labels, "still")
    assert "“land”" in problem(panel)
    labels.paint((1, 20, 20), 1)
    qtbot.waitUntil(lambda: told(panel) == "Known: 1 mask.", timeout=5000)
    labels.undo()
    qtbot.waitUntil(lambda: "“land”" in status(panel)[0], timeout=5000)


def test_one_label_and_two_roles(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake)
    mask = np.zeros((48, 48), int)
    mask[:8], mask[40:] = 1, 2
    labels = viewer.add_labels(mask, name="map")
    for label, role in ((1, "still"), (2, "wall")):
        choose(panel, "known.add_layer", "map")
        control(panel, "known.add_label").setValue(label)
        control(panel, "known.add_role").setValue(role)
        control(panel, "known.add", QPushButton).click()
    assert rows(panel) == ["map [1] – still (land)", "map [2] – wall"]
    add(panel, labels, "interest")
    assert rows(panel)[1] == "map [2] – region of interest", "a layer has one role for each label"
    run(qtbot, panel)
    regions = fake.calls[-1][0].known.regions
    np.testing.assert_array_equal(regions.still, [mask == 1])
    np.testing.assert_array_equal(regions.interest, [mask == 2])
    assert regions.wall is None


def test_a_layer_that_is_deleted_leaves_a_note(open_window: Open, images: Images) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    small = viewer.add_labels(np.ones((20, 20), int), name="small")
    add(panel, small, "still")
    assert "“small” must have the size of the images, 48 × 48 pixels; got 20 × 20" in problem(panel)
    viewer.layers.remove(small)
    assert rows(panel) == []
    assert "“small”" in told(panel)
    assert is_one_sentence(told(panel))
    assert control(panel, "train", QPushButton).isEnabled()


def test_a_list_is_kept_while_the_dock_is_closed(open_window: Open, images: Images) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    shapes = viewer.add_shapes(
        [np.array([[4, 4], [4, 20], [20, 20]])], shape_type="polygon", name="coast"
    )
    add(panel, shapes, "wall")
    control(panel, "known.hold_back").setValue(20)
    viewer.window.remove_dock_widget("all")
    _, again = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    assert rows(again) == ["coast – wall"]
    assert told(again) == "Known: 1 mask."
    assert control(again, "known.hold_back").value() == 20


def test_landmarks_on_a_stack_by_clicks(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(np.stack(images), fit=fake, show=True)
    control(panel, "preset", QComboBox).setCurrentText("quick")
    points = viewer.add_points(ndim=3, name="landmarks")
    points.mode = "add"
    for step, place in ((0, (10, 12)), (0, (30, 31)), (1, (12, 13)), (1, (33, 30))):
        viewer.dims.set_current_step(0, step)
        points.add((step, *place))
    add(panel, points, "landmarks")
    assert told(panel) == "Known: 2 landmarks."
    qtbot.mouseClick(control(panel, "swap"), Qt.MouseButton.LeftButton)
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: bool(fake.calls), timeout=10_000)
    tracks = fake.calls[-1][0].known.tracks
    assert tracks is not None
    np.testing.assert_allclose(tracks.place, [[12, 13], [10, 12], [33, 30], [30, 31]])
    qtbot.waitUntil(lambda: not control(panel, "cancel", QPushButton).isEnabled(), timeout=10_000)
