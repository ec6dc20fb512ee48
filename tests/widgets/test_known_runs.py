"""The section "What I know" after a run folder is opened, and masks beside images."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    PLUGIN,
    FakeFit,
    choose,
    chosen,
    control,
    entries,
    is_one_sentence,
    made,
    refused,
    run,
    status,
)
from tests.widgets.test_known_window import add, remove, rows, told

MASK = np.zeros((48, 48), np.uint8)
MASK[:, :12] = 1


@pytest.fixture
def folder(open_window: Open, images: Images, qtbot: Any, tmp_path: Path) -> Path:
    """A run folder, matched with land and four buoys, of which one is held back."""
    viewer, panel = open_window(*images)
    control(panel, "preset").setCurrentText("quick")
    add(panel, viewer.add_labels(MASK, name="coast"), "still")
    path = [[k, t, 8.0 + 9 * k + t, 20 + 5 * k + 0.5 * t] for k in range(4) for t in (0, 0.5, 1)]
    buoys = viewer.add_tracks(path, name="buoys", features={"sigma": np.full(12, 0.7)})
    add(panel, buoys, "tracks")
    control(panel, "known.hold_back").setValue(25)
    run(qtbot, panel)
    np.save(tmp_path / "frames.npy", made(viewer, "frames")[0].data)
    assert panel.save_run(tmp_path / "drift") is not None
    viewer.close()
    return tmp_path / "drift"


@pytest.mark.parametrize("dock", ["before", "after"])
def test_the_next_run_knows_the_same(
    open_window: Open, images: Images, qtbot: Any, folder: Path, dock: str
) -> None:
    viewer, panel = open_window(*images)
    if dock == "after":
        viewer.window.remove_dock_widget("all")
    viewer.open(str(folder), plugin=PLUGIN)
    if dock == "after":
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    counts = "1 mask, 4 tracks, 1 held back"
    assert status(panel)[0] == (
        f"The form shows the settings of the run drift. Known in that run: {counts}."
    )
    assert rows(panel) == ["drift still (land) – still (land)", "drift tracks – tracks"]
    assert told(panel) == f"Known: {counts}."
    assert control(panel, "known").isExpanded()
    assert control(panel, "known.hold_back").value() == 25
    assert chosen(panel) == ("image 0", "image 1")
    assert "drift still (land)" not in entries(panel, "first_image")
    run(qtbot, panel)
    before = np.load(folder.parent / "frames.npy")
    np.testing.assert_allclose(made(viewer, "frames")[-1].data, before, atol=1e-4)


def test_a_run_is_opened_before_its_images(open_window: Open, images: Images, folder: Path) -> None:
    viewer, panel = open_window(fit=FakeFit())
    viewer.open(str(folder), plugin=PLUGIN)
    assert told(panel) == (
        "Known in that run: 1 mask, 4 tracks, 1 held back. Read when two images are chosen."
    )
    for image in images:
        viewer.add_image(image)
    assert told(panel) == "Known: 1 mask, 4 tracks, 1 held back."
    remove(panel, 0)
    assert told(panel) == "Known: 4 tracks, 1 held back."
    remove(panel, 0)
    assert "Draw a region" in told(panel)


def test_an_opened_run_keeps_names_and_the_part_held_back(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path
) -> None:
    """A quarter of six is two, which are a third."""
    viewer, panel = open_window(*images)
    control(panel, "preset").setCurrentText("quick")
    path = [[k, t, 8.0 + 9 * k + t, 20 + 5 * k + 0.5 * t] for k in range(4) for t in (0, 1)]
    add(panel, viewer.add_tracks(path, name="buoys"), "tracks")
    places = [[t, y + t, 40 + 0.5 * t] for y in (6, 30) for t in (0, 1)]
    names = {"name": ["cape", "cape", "7", "7"]}
    add(panel, viewer.add_points(places, name="marks", features=names), "landmarks")
    control(panel, "known.hold_back").setValue(25)
    run(qtbot, panel)
    assert panel.save_run(tmp_path / "drift") is not None
    viewer.layers.clear()
    viewer.open(str(tmp_path / "drift"), plugin=PLUGIN)
    assert control(panel, "known.hold_back").value() == 25
    assert list(viewer.layers["drift landmarks"].features["landmark"]) == names["name"]
    for image in images:
        viewer.add_image(image)
    assert told(panel) == "Known: 4 tracks, 2 landmarks, 2 held back."
    points = viewer.layers["drift landmarks"]
    points.data = points.data + np.outer(np.arange(4) == 3, [0, -9, 9])
    qtbot.wait(400)
    run(qtbot, panel)
    assert "landmark 7 at" in status(panel)[0]


def test_entries_of_the_user_are_kept(open_window: Open, images: Images, folder: Path) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    add(panel, viewer.add_labels(MASK, name="my land"), "wall")
    viewer.open(str(folder), plugin=PLUGIN)
    assert rows(panel) == ["my land – wall"]
    assert is_one_sentence(told(panel))
    assert "Known in that run: 1 mask, 4 tracks" in status(panel)[0]
    choose(panel, "known.add_layer", "drift tracks")
    control(panel, "known.add", QPushButton).click()
    assert rows(panel) == ["my land – wall", "drift tracks – tracks"]
    # Entries of an opened run alone are those of the run that was opened last.
    remove(panel, 0)
    viewer.open(str(folder), plugin=PLUGIN)
    assert len(rows(panel)) == 2


def test_a_problem_is_told_once(open_window: Open, images: Images) -> None:
    viewer, panel = open_window(*images, fit=FakeFit())
    train = control(panel, "train", QPushButton)
    explained = train.toolTip()
    add(panel, viewer.add_labels(np.zeros((48, 48), int), name="empty"), "still")
    problem = refused(panel)
    assert "“empty”" in problem
    for name in ("train", "preview"):
        assert problem in html.unescape(control(panel, name).toolTip())
    shown = [part.text() for part in panel.view.findChildren(type(control(panel, "status")))]
    assert sum("“empty”" in html.unescape(text) for text in shown) == 1
    remove(panel, 0)
    assert train.toolTip() == explained


@pytest.mark.parametrize("mask", [MASK, MASK * np.uint16(255), MASK > 0], ids=lambda m: m.dtype)
def test_a_binary_image_is_a_region(
    open_window: Open, images: Images, qtbot: Any, mask: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*images, fit=fake)
    layer = viewer.add_image(mask, name="land")
    assert entries(panel, "known.add_layer") == ["land"], "the images have more values"
    assert chosen(panel) == ("image 0", "image 1")
    add(panel, layer, "still")
    assert told(panel) == "Known: 1 mask."
    run(qtbot, panel)
    np.testing.assert_array_equal(fake.calls[-1][0].known.regions.still, [MASK > 0])


def test_masks_are_no_images_unless_they_are_chosen(open_window: Open, images: Images) -> None:
    viewer, panel = open_window(MASK > 0, MASK, images[0], fit=FakeFit())
    assert chosen(panel) == ("image 2", "")
    viewer.add_image(images[1], name="other")
    assert chosen(panel) == ("image 2", "other")
    assert entries(panel, "last_image") == ["image 2", "other", "image 0", "image 1"]
    choose(panel, "first_image", "image 0")
    viewer.add_image(images[0], name="third")
    assert chosen(panel) == ("image 0", "other")


@pytest.mark.parametrize("how", ["chosen again", "matched", "something is known"])
def test_new_layers_do_not_change_a_series_in_use(
    open_window: Open, images: Images, qtbot: Any, how: str
) -> None:
    stack = np.stack([*images, images[0]])
    viewer, panel = open_window(stack, fit=FakeFit(), show=True)
    if how == "chosen again":
        for name in ("first_image", "last_image"):
            box = control(panel, name)
            box.showPopup()
            qtbot.keyClick(box.view(), Qt.Key.Key_Return)
    elif how == "matched":
        run(qtbot, panel)
    else:
        add(panel, viewer.add_labels(MASK, name="land"), "still")
    for number, image in enumerate(images):
        viewer.add_image(image, name=f"plane {number}")
    assert chosen(panel) == ("image 0", "image 0")


def test_a_colour_image_and_a_mask_are_no_pair(open_window: Open, images: Images) -> None:
    viewer, panel = open_window(np.stack([*images, images[0]]), fit=FakeFit())
    viewer.add_image(np.stack([images[0]] * 3, axis=-1), name="colours", rgb=True)
    viewer.add_image(MASK > 0, name="mask")
    viewer.add_image(images[0], name="plane")
    assert chosen(panel) == ("image 0", "image 0")
    viewer.add_image(images[1], name="other plane")
    assert chosen(panel) == ("plane", "other plane"), "nobody chose or used the series"


def test_sources_of_another_equation_are_told(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images)
    control(panel, "preset").setCurrentText("quick")
    add(panel, viewer.add_labels(MASK, name="cracks"), "source")
    run(qtbot, panel)
    said, severity = status(panel)
    assert "Sources have no part in the result, because the equation is" in said
    assert severity == "warning"
    control(panel, "physics.equation").setCurrentText("sparse sources")
    run(qtbot, panel)
    assert "no part in the result" not in status(panel)[0]
