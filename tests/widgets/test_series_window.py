"""A series in a real window: its images, its times, and a finer time-lapse in a few clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton
from scipy import ndimage
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    PLUGIN,
    FakeFit,
    choose,
    control,
    made,
    press,
    refused,
    run,
    status,
)

from napari_latentdyn.core.runfolder.evidence import hidden_sentence
from napari_latentdyn.viewer.cache import RESULTS


@pytest.fixture
def stack(images: Images) -> NDArray[np.uint8]:
    """Six frames that move by two pixels each."""
    return np.stack([np.roll(images[0], 2 * shift, axis=0) for shift in range(6)])


def count(panel: Any) -> str:
    label = control(panel, "image_count", QLabel)
    return "" if label.isHidden() else label.text()


def known_times(panel: Any) -> str:
    return str(control(panel, "image_times", QLineEdit).placeholderText())


def given(fake: FakeFit) -> list[float]:
    times: list[float] = fake.calls[-1][0].times.tolist()
    return times


def test_range_and_step_of_a_stack(open_window: Open, stack: NDArray[np.uint8], qtbot: Any) -> None:
    fake = FakeFit()
    _, panel = open_window(stack, fit=fake, show=True)
    assert count(panel) == "6 images"
    assert known_times(panel) == "0, 1, 2, 3, 4, 5"
    box = control(panel, "image_step")
    box.lineEdit().selectAll()
    qtbot.keyClicks(box, "2")
    assert count(panel) == "4 images", "the last image always counts"
    assert status(panel)[0].startswith("Ready: 4 images")
    assert known_times(panel) == "0, 2, 4, 5"
    control(panel, "first_frame").setValue(2)
    assert known_times(panel) == "1, 3, 5"
    run(qtbot, panel)
    np.testing.assert_array_equal(fake.calls[-1][0].images[:, 0], stack[[1, 3, 5]])
    assert given(fake) == [1, 3, 5]
    qtbot.mouseClick(control(panel, "swap"), Qt.MouseButton.LeftButton)
    assert known_times(panel) == "0, 2, 4", "backwards, time begins at the first image"
    box.setValue(None)
    assert count(panel) == "2 images"
    assert control(panel, "image_times").isHidden()
    run(qtbot, panel)
    assert len(fake.calls[-1][0]) == 2


def test_neighbours_are_a_pair(open_window: Open, stack: NDArray[np.uint8]) -> None:
    _, panel = open_window(stack, fit=FakeFit())
    control(panel, "last_frame").setValue(2)
    assert count(panel) == ""
    assert control(panel, "image_step").isHidden()
    control(panel, "last_frame").setValue(5)
    assert count(panel) == "5 images"


def test_layers_between_two_layers(open_window: Open, stack: NDArray[np.uint8], qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(*stack[:4], fit=fake)
    assert count(panel) == "", "neighbours"
    choose(panel, "last_image", "image 3")
    assert count(panel) == "2 images", "layers in between are used if the user wants"
    viewer.add_image(stack[0, :40], name="another size")
    viewer.layers.move(4, 1)
    control(panel, "image_step").setValue(1)
    assert count(panel) == "4 images"
    run(qtbot, panel)
    np.testing.assert_array_equal(fake.calls[-1][0].images[:, 0], stack[:4])


def test_times_of_the_layer_and_of_the_user(
    open_window: Open, stack: NDArray[np.uint8], qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(fit=fake)
    viewer.add_image(
        stack, name="minutes", scale=(10, 1, 1), translate=(20, 0, 0), units=("min", "px", "px")
    )
    assert known_times(panel) == "20, 30, 40, 50, 60, 70 min"
    assert count(panel) == "6 images, 50 min"
    assert control(panel, "images.interval").value() == 1.0
    assert control(panel, "images.interval_unit").value() == "minute"
    run(qtbot, panel)
    frames = made(viewer, "frames")[-1]
    np.testing.assert_allclose(
        frames.extent.world[:, 0], viewer.layers["minutes"].extent.world[:, 0]
    )
    assert str(frames.units[0]) == "minute"
    # With another unit, the images are counted.
    control(panel, "images.interval").setValue(3.0)
    control(panel, "images.interval_unit").setValue("hour")
    assert known_times(panel) == "0, 1, 2, 3, 4, 5"
    line = control(panel, "image_times", QLineEdit)
    line.setText("0, 1, 2")
    assert "one time for each of 6 images; got 3" in refused(panel)
    line.setText("0, 1, 2, 2, 3, 4")
    assert "increasing numbers" in refused(panel)
    line.setText("0, 1, 2, noon, 3, 4")
    assert "noon" in refused(panel)
    line.setText(",".join(f"2024-03-0{day}" for day in (1, 2, 3, 5, 6, 7)))
    assert count(panel) == "6 images, 6 d"
    run(qtbot, panel)
    assert "the slider counts frames" in status(panel)[0]
    assert given(fake) == [0, 1, 2, 4, 5, 6]
    assert fake.calls[-1][1].images.interval == 1.0
    assert fake.calls[-1][1].images.interval_unit == "day"


def test_uneven_times_of_a_file(
    open_window: Open, stack: NDArray[np.uint8], tmp_path: Path
) -> None:
    planes = [{"DeltaT": time, "DeltaTUnit": "min"} for time in (0, 5, 15, 20, 25, 30)]
    plane = {key: [p[key] for p in planes] for key in planes[0]}
    tifffile.imwrite(tmp_path / "t.ome.tif", stack, metadata={"axes": "TYX", "Plane": plane})
    viewer, panel = open_window(fit=FakeFit())
    viewer.open(tmp_path / "t.ome.tif", plugin=PLUGIN)
    assert known_times(panel) == "0, 5, 15, 20, 25, 30 min"
    control(panel, "image_step").setValue(3)
    assert known_times(panel) == "0, 20, 30 min"


def test_a_choice_is_kept_while_the_dock_is_closed(
    open_window: Open, stack: NDArray[np.uint8]
) -> None:
    viewer, panel = open_window(stack, fit=FakeFit())
    control(panel, "image_step").setValue(2)
    control(panel, "image_times", QLineEdit).setText("0, 1, 4, 5")
    viewer.window.remove_dock_widget("all")
    _, again = viewer.window.add_plugin_dock_widget(PLUGIN, "Learn dynamics")
    assert count(again) == "4 images"
    assert control(again, "image_times", QLineEdit).text() == "0, 1, 4, 5"


def test_learning_tells_its_figure(open_window: Open, qtbot: Any) -> None:
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.standard_normal((48, 48)), 2, mode="wrap")
    moved = [ndimage.shift(texture, (0, 1.5 * k**1.3), mode="wrap") for k in range(4)]
    noisy = np.stack(moved) + 0.02 * rng.standard_normal((4, 48, 48))
    viewer, panel = open_window(noisy.astype(np.float32), show=True)
    control(panel, "preset", QComboBox).setCurrentText("quick")
    control(panel, "training.from_series").setValue(True)
    # A finer time-lapse from a layer: the plugin's menu, its dock, and this button.
    press(qtbot, panel, "train")
    assert control(panel, "cancel", QPushButton).isEnabled()
    qtbot.waitUntil(lambda: status(panel)[0].startswith("Hiding image"), timeout=60_000)
    qtbot.waitUntil(lambda: status(panel)[0].startswith("Done"), timeout=60_000)
    frames = made(viewer, "frames")[0]
    dynamics = RESULTS[frames.metadata["latentdyn"]["run_id"]]
    told = hidden_sentence(dynamics.report)
    assert told
    assert told in status(panel)[0]
    assert frames.data.shape == (13, 48, 48)
    np.testing.assert_allclose(frames.data[::4], noisy, atol=1e-3)
    assert viewer.dims.nsteps[0] == 13


def test_frames_have_the_colours_of_their_images(
    open_window: Open, stack: NDArray[np.uint8], qtbot: Any
) -> None:
    viewer, panel = open_window(stack, fit=FakeFit())
    viewer.layers[0].colormap = "turbo"
    viewer.layers[0].contrast_limits = (20, 90)
    run(qtbot, panel)
    frames = made(viewer, "frames")[0]
    assert frames.colormap.name == "turbo"
    assert list(frames.contrast_limits) == [20, 90]
    frames.colormap = "magma"
    run(qtbot, panel)
    assert made(viewer, "frames")[0].colormap.name == "magma", "a choice of the user stays"
