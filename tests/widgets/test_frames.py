"""Layer and frame of both ends, chosen in a real window and kept whatever the slider does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QSpinBox
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    choose,
    chosen,
    control,
    made,
    press,
    refused,
    run,
    status,
)

Stack = NDArray[np.uint8]


@pytest.fixture
def stack(images: Images) -> Stack:
    """Five frames, of which no two are equal."""
    return np.stack([np.roll(images[0], 2 * shift, axis=0) for shift in range(5)])


def frame(panel: Any, end: str) -> str:
    """What the box of a frame shows, "" if there is none."""
    box = control(panel, f"{end}_frame", QSpinBox)
    return "" if box.isHidden() else box.text()


def frames(panel: Any) -> tuple[str, str]:
    return frame(panel, "first"), frame(panel, "last")


def trained_on(fake: FakeFit, call: int = -1) -> tuple[NDArray[Any], NDArray[Any]]:
    pair = fake.calls[call][0]
    return pair.images[0], pair.images[-1]


def test_preview_and_train_use_the_frames_that_are_shown(
    open_window: Open, stack: Stack, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(stack, np.flip(stack, 1), fit=fake, show=True)
    assert frames(panel) == ("3 of 5", "3 of 5"), "napari shows the middle of a stack at first"
    qtbot.waitUntil(control(panel, "first_frame").isVisible)
    viewer.dims.set_current_step(0, 4)
    assert frames(panel) == ("3 of 5", "3 of 5"), "chosen once, the slider is not followed"
    control(panel, "last_frame").setValue(4)
    run(qtbot, panel, "preview")
    assert viewer.dims.current_step[0] == 0, "the slider goes to the first result"
    run(qtbot, panel, "train")
    assert len(fake.calls) == 2
    for call in (0, 1):
        first, last = trained_on(fake, call)
        np.testing.assert_array_equal(first[0], stack[2])
        np.testing.assert_array_equal(last[0], np.flip(stack, 1)[3])
    assert frames(panel) == ("3 of 5", "4 of 5")


def test_one_stack_is_enough(open_window: Open, stack: Stack, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_window(stack, fit=fake)
    assert chosen(panel) == ("image 0", "image 0")
    assert frames(panel) == ("1 of 5", "5 of 5")
    for button in ("preview", "train"):
        viewer.dims.set_current_step(0, 2)
        run(qtbot, panel, button)
        np.testing.assert_array_equal(trained_on(fake)[0][0], stack[0])
        np.testing.assert_array_equal(trained_on(fake)[1][0], stack[4])
    assert made(viewer, "frames")[0].name == "image 0 1–5 frames"


def test_the_user_chooses_frames_with_mouse_and_keyboard(
    open_window: Open, stack: Stack, qtbot: Any
) -> None:
    fake = FakeFit()
    _, panel = open_window(stack, fit=fake, show=True)
    box = control(panel, "first_frame")
    qtbot.mouseClick(box.lineEdit(), Qt.MouseButton.LeftButton)
    box.lineEdit().selectAll()
    qtbot.keyClicks(box, "5")
    text = refused(panel)
    assert "frame 5 of 5" in text
    assert "image 0" in text
    panel.train()
    assert fake.calls == []
    qtbot.keyClick(box, Qt.Key.Key_Down)
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert frames(panel) == ("3 of 5", "5 of 5")
    qtbot.mouseClick(control(panel, "swap"), Qt.MouseButton.LeftButton)
    assert frames(panel) == ("5 of 5", "3 of 5")
    run(qtbot, panel)
    np.testing.assert_array_equal(trained_on(fake)[0][0], stack[4])
    np.testing.assert_array_equal(trained_on(fake)[1][0], stack[2])


def test_a_frame_that_the_user_chose_stays_when_a_layer_is_added(
    open_form: Open, stack: Stack
) -> None:
    viewer, panel = open_form(stack, fit=FakeFit())
    control(panel, "last_frame").setValue(2)
    viewer.add_image(np.flip(stack, 1), name="another")
    assert chosen(panel) == ("image 0", "image 0")
    assert frames(panel) == ("1 of 5", "2 of 5")
    viewer.layers["image 0"].data = stack[:1]
    assert frames(panel) == ("", "")
    assert "same layer" in refused(panel)


def test_the_same_stack_is_chosen_for_both_ends(
    open_form: Open, images: Images, stack: Stack
) -> None:
    viewer, panel = open_form(*images, fit=FakeFit())
    assert frames(panel) == ("", "")
    viewer.add_image(stack, name="stack")
    viewer.dims.set_current_step(0, 1)
    choose(panel, "last_image", "stack")
    assert frames(panel) == ("", "2 of 5"), "taken from the slider"
    choose(panel, "first_image", "stack")
    assert frames(panel) == ("1 of 5", "5 of 5")
    assert control(panel, "train", QPushButton).isEnabled()
    control(panel, "first_frame").setValue(3)
    choose(panel, "last_image", "image 1")
    choose(panel, "last_image", "stack")
    assert frames(panel) == ("3 of 5", "5 of 5"), "what the user chose stays"


def test_a_stack_of_colours(open_form: Open, stack: Stack, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_form(fit=fake)
    colours = np.stack([stack, stack[:, ::-1], 255 - stack], axis=-1)
    viewer.add_image(colours, rgb=True, name="colours")
    assert chosen(panel) == ("colours", "colours")
    control(panel, "first_frame").setValue(2)
    run(qtbot, panel)
    np.testing.assert_array_equal(trained_on(fake)[0], np.moveaxis(colours[1], -1, 0))
    np.testing.assert_array_equal(trained_on(fake)[1], np.moveaxis(colours[4], -1, 0))


def test_several_axes_are_named_and_chosen_one_by_one(
    open_form: Open, stack: Stack, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_form(fit=fake)
    depths = np.stack([stack, np.flip(stack, 1), np.flip(stack, 2), 255 - stack])
    viewer.add_image(depths[:, None], name="deep", axis_labels=("z", "c", "t", "y", "x"))
    viewer.dims.set_current_step(0, 2)
    assert frames(panel) == ("t 1 of 5", "t 5 of 5")
    control(panel, "first_frame").setValue(2)
    assert control(panel, "first_frame.1").text() == "z 2 of 4", "where napari's slider stood"
    control(panel, "first_frame.1").setValue(4)
    control(panel, "last_frame.1").setValue(4)
    press(qtbot, panel, "train")
    assert "deep: using t 2 of 5, z 4 of 4" in status(panel)[0]
    qtbot.waitUntil(lambda: status(panel)[0].startswith("Done"), timeout=20_000)
    np.testing.assert_array_equal(trained_on(fake)[0][0], depths[3, 1])
    np.testing.assert_array_equal(trained_on(fake)[1][0], depths[3, 4])


def test_other_frames_are_another_result(open_form: Open, stack: Stack, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_form(stack, fit=fake)
    run(qtbot, panel)
    control(panel, "training.steps").setValue(8)
    assert control(panel, "train", QPushButton).text() == "Continue"
    control(panel, "last_frame").setValue(3)
    assert control(panel, "train", QPushButton).text() == "Train"
    run(qtbot, panel)
    assert fake.calls[-1][2] is None
    names = [layer.name for layer in made(viewer, "frames")]
    assert names == ["image 0 1–5 frames", "image 0 1–3 frames"]


def test_two_planes_beside_a_stack_are_the_pair(
    open_form: Open, images: Images, stack: Stack
) -> None:
    viewer, panel = open_form(stack, fit=FakeFit())
    viewer.add_image(images[0], name="early")
    viewer.add_image(images[1], name="late")
    assert chosen(panel) == ("early", "late")
    assert frames(panel) == ("", "")
