"""Whatever two layers hold: it works, or one sentence says why not."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image, Labels
from qtpy.QtWidgets import QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    choose,
    chosen,
    control,
    entries,
    failed,
    idle,
    made,
    press,
    put,
    refused,
    run,
    status,
)

from napari_latentdyn.core.training.fit import Progress, fit


def colours(image: np.ndarray) -> np.ndarray:
    return np.stack([image, image.T, 255 - image], axis=-1)


def trained_on(fake: FakeFit) -> Images:
    pair = fake.calls[-1][0]
    return pair.images[0][0], pair.images[1][0]


def test_two_shapes(open_form: Open, images: Images) -> None:
    fake = FakeFit()
    _, panel = open_form(images[0], images[1][:40], fit=fake)
    text = refused(panel)
    assert "48 × 48" in text
    assert "40 × 48" in text
    panel.train()
    assert "40 × 48" in refused(panel)
    assert fake.calls == []


def test_images_too_small(open_form: Open, images: Images) -> None:
    _, panel = open_form(images[0][:15], images[1][:15], fit=FakeFit())
    assert "15 × 48" in refused(panel)


def test_one_layer_twice(open_form: Open, images: Images) -> None:
    _, panel = open_form(*images, fit=FakeFit())
    choose(panel, "last_image", "image 0")
    assert "same layer" in refused(panel)
    choose(panel, "first_image", "image 1")
    assert control(panel, "train", QPushButton).isEnabled()


def test_equal_pixels_in_two_layers(open_form: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_form(images[0], images[0].copy(), fit=FakeFit())
    run(qtbot, panel)
    assert "images are the same" in failed(panel)
    viewer.layers["image 1"].data = images[1]
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")


def test_constant_images(open_form: Open, qtbot: Any) -> None:
    _, panel = open_form(np.full((48, 48), 3.0), np.full((48, 48), 3.0), fit=FakeFit())
    run(qtbot, panel)
    assert "constant" in failed(panel)


def test_one_constant_image(open_form: Open, images: Images, qtbot: Any) -> None:
    _, panel = open_form(images[0], np.zeros((48, 48), np.uint8), fit=FakeFit())
    run(qtbot, panel)
    assert "the last image is constant" in failed(panel).lower()


def test_nothing_but_nan(open_form: Open, images: Images, qtbot: Any) -> None:
    nothing = np.full((48, 48), np.nan)
    viewer, panel = open_form(images[0].astype(float), fit=FakeFit())
    viewer.add_image(nothing, name="nothing", contrast_limits=(0, 1))
    run(qtbot, panel)
    assert "no valid pixel" in failed(panel)
    assert made(viewer, "frames") == []


def test_infinite_values_are_missing(open_window: Open, images: Images, qtbot: Any) -> None:
    first, last = (image.astype(float) for image in images)
    first[3:7, 5], last[3:7, 5], last[20, 20] = np.inf, -np.inf, np.inf
    viewer, panel = open_window(fit=FakeFit())
    for name, image in (("first", first), ("last", last)):
        viewer.add_image(image, name=name, contrast_limits=(0, 255))
    put(panel, {"output.preview": True})
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    (frames,) = made(viewer, "frames")
    assert np.isfinite(frames.data).all()


def test_missing_pixels_in_a_real_training(open_window: Open, images: Images, qtbot: Any) -> None:
    first, last = (image.astype(np.float32) for image in images)
    first[:9, :9], last[-5:, :], last[20, 20] = np.nan, np.nan, np.inf
    viewer, panel = open_window(fit=None)
    for name, image in (("first", first), ("last", last)):
        viewer.add_image(image, name=name, contrast_limits=(0, 255))
    put(panel, {"output.preview": True})
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    (frames,) = made(viewer, "frames")
    seen = np.isfinite(first)
    np.testing.assert_allclose(frames.data[0][seen], first[seen], atol=1)


def test_colours_beside_grey(open_form: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_form(fit=fake)
    viewer.add_image(colours(images[0]), name="colours", rgb=True)
    viewer.add_image(images[1], name="grey")
    text = refused(panel)
    assert "3 channels" in text
    assert "choose one channel" in text
    put(panel, {"images.channel": 3})
    assert "has no channel 3" in refused(panel)
    put(panel, {"images.channel": 1})
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    first, last = trained_on(fake)
    np.testing.assert_array_equal(first, images[0].T)
    np.testing.assert_array_equal(last, images[1])
    assert made(viewer, "frames")[0].data.shape == (3, 48, 48)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_masked_pixels_are_missing(
    open_window: Open, images: Images, qtbot: Any, dtype: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(fit=fake)
    marks = [np.zeros((48, 48), bool) for _ in images]
    marks[0][:7, :9], marks[1][20:24] = True, True
    for number, (image, mark) in enumerate(zip(images, marks, strict=True)):
        # What stands below a mask can be anything.
        values = np.where(mark, 255, image).astype(dtype)
        viewer.add_image(np.ma.masked_array(values, mark), name=f"masked {number}")
    put(panel, {"output.preview": True})
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    pair = fake.calls[0][0]
    np.testing.assert_array_equal(pair.valid[0], ~marks[0])
    np.testing.assert_array_equal(pair.valid[1], ~marks[1])


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_files_that_open_as_labels(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path, dtype: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(fit=fake)
    for name, image in zip("ab", images, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", image.astype(dtype) * 300)
        viewer.open(tmp_path / f"{name}.tif", plugin="napari")
    assert all(isinstance(layer, Labels) for layer in viewer.layers)
    put(panel, {"output.preview": True})
    assert "labels layer" in control(panel, "pair_notes").text()
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    np.testing.assert_array_equal(trained_on(fake), [image * 300.0 for image in images])
    assert isinstance(made(viewer, "frames")[0], Image)


def test_labels_beside_images_are_not_proposed(open_form: Open, images: Images) -> None:
    viewer, panel = open_form(*images, fit=FakeFit())
    viewer.add_labels(np.ones((48, 48), int), name="floes")
    assert chosen(panel) == ("image 0", "image 1")
    assert entries(panel, "first_image") == ["image 0", "image 1", "floes"]


def test_two_colour_images(open_window: Open, images: Images, qtbot: Any) -> None:
    viewer, panel = open_window(fit=None)
    for number, image in enumerate(images):
        viewer.add_image(colours(image), name=f"colours {number}", rgb=True)
    put(panel, {"output.preview": True})
    run(qtbot, panel)
    (frames,) = made(viewer, "frames")
    assert frames.rgb
    assert frames.data.shape == (3, 48, 48, 3)
    np.testing.assert_allclose(frames.data[0].astype(float), colours(images[0]), atol=1)


def test_transparency_is_left_out(open_form: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_form(fit=fake)
    viewer.add_image(colours(images[0]), name="opaque", rgb=True)
    clear = np.dstack([colours(images[1]), np.full((48, 48), 9, np.uint8)])
    viewer.add_image(clear, name="clear", rgb=True)
    fake.gate = threading.Event()
    press(qtbot, panel, "train")
    assert "ignoring transparency" in status(panel)[0]
    fake.gate.set()
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert fake.calls[0][0].images.shape == (2, 3, 48, 48)
    assert made(viewer, "frames")[0].rgb


@pytest.mark.parametrize("axes", [1, 2])
def test_of_a_stack_the_frame_shown_is_proposed(
    open_form: Open, images: Images, qtbot: Any, axes: int
) -> None:
    fake = FakeFit(gate=threading.Event())
    stack = np.stack([np.roll(images[0], shift, axis=0) for shift in range(5)])
    if axes == 2:
        stack = np.stack([stack[::-1], stack])
    viewer, panel = open_form(fit=fake)
    viewer.add_image(images[1], name="single")
    viewer.add_image(stack, name="stack")
    for axis, frame in enumerate((1, 3)[-axes:]):
        viewer.dims.set_current_step(axis, frame)
    choose(panel, "first_image", "stack")
    choose(panel, "last_image", "single")
    press(qtbot, panel, "train")
    said = "using frame 4 of 5" if axes == 1 else "using axis -4 2 of 2, axis -3 4 of 5"
    assert said in status(panel)[0]
    fake.gate.set()
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    np.testing.assert_array_equal(trained_on(fake)[0], np.roll(images[0], 3, axis=0))
    assert status(panel)[0].startswith("Done")


def test_multiscale_gives_its_full_resolution(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_window(fit=fake)
    for number, image in enumerate(images):
        levels = [image, image[::2, ::2]]
        viewer.add_image(levels, name=f"pyramid {number}", multiscale=True)
    put(panel, {"output.preview": True})
    run(qtbot, panel)
    np.testing.assert_array_equal(trained_on(fake), images)
    assert made(viewer, "frames")[0].data.shape == (3, 48, 48)


def test_dask(open_form: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    _, panel = open_form(*(da.from_array(image, chunks=16) for image in images), fit=fake)
    run(qtbot, panel)
    np.testing.assert_array_equal(trained_on(fake), images)


def test_dask_that_cannot_be_computed(open_form: Open, images: Images) -> None:
    broken = threading.Event()

    def read(block: np.ndarray) -> np.ndarray:
        if broken.is_set():
            raise OSError("the file is gone")
        return block

    lazy = da.from_array(images[0], chunks=48).map_blocks(read, dtype=np.uint8)
    fake = FakeFit()
    _, panel = open_form(lazy, images[1], fit=fake)
    broken.set()
    panel.train()
    text = failed(panel)
    assert "the file is gone" in text
    assert "images" in text
    assert fake.calls == []
    broken.clear()


def test_zarr(open_form: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit()
    viewer, panel = open_form(fit=fake)
    for number, image in enumerate(images):
        stored = zarr.array(np.stack([image, image.T]), chunks=(1, 16, 16))
        viewer.add_image(stored, name=f"zarr {number}", contrast_limits=(0, 255))
    for end in ("first_frame", "last_frame"):
        control(panel, end).setValue(2)
    run(qtbot, panel)
    np.testing.assert_array_equal(trained_on(fake), [image.T for image in images])


@pytest.mark.parametrize("dtype", [bool, np.int16, np.float64])
def test_types_of_numbers(open_window: Open, images: Images, qtbot: Any, dtype: Any) -> None:
    fake = FakeFit()
    arrays = [(image > 127) if dtype is bool else image.astype(dtype) for image in images]
    _, panel = open_window(*arrays, fit=fake)
    put(panel, {"output.preview": True})
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    np.testing.assert_array_equal(trained_on(fake), arrays)


def test_a_layer_deleted_while_training(open_window: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit(gate=threading.Event())
    viewer, panel = open_window(*images, fit=fake)
    for layer in viewer.layers:
        layer.scale = (2, 3)
    put(panel, {"output.preview": True})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: len(fake.calls) == 1)
    viewer.layers.clear()
    fake.gate.set()
    cancel = control(panel, "cancel", QPushButton)
    qtbot.waitUntil(lambda: not cancel.isEnabled(), timeout=20_000)
    (frames,), (arrows,) = made(viewer, "frames"), made(viewer, "fields")
    np.testing.assert_array_equal(frames.data[0], images[0])
    np.testing.assert_array_equal(frames.scale[1:], (2, 3))
    assert arrows.ndim == 3
    assert not control(panel, "train", QPushButton).isEnabled()
    assert control(panel, "save", QPushButton).isEnabled()
    assert status(panel)[1] == "info"


def test_a_layer_edited_while_training(open_form: Open, images: Images, qtbot: Any) -> None:
    gate = threading.Event()

    def held(*args: Any, **options: Any) -> Generator[Progress, None, Any]:
        gate.wait(10)
        return (yield from fit(*args, **options))

    arrays = [image.astype(np.float32) for image in images]
    viewer, panel = open_form(*arrays, fit=held)
    gate.set()
    run(qtbot, panel)
    expected = made(viewer, "frames")[0].data.copy()
    gate.clear()
    put(panel, {"output.keep_previous": True})
    press(qtbot, panel, "train")
    viewer.layers["image 0"].data[:] = 0
    viewer.layers["image 1"].data = np.zeros((20, 30), np.float32)
    gate.set()
    cancel = control(panel, "cancel", QPushButton)
    qtbot.waitUntil(lambda: not cancel.isEnabled(), timeout=20_000)
    np.testing.assert_array_equal(made(viewer, "frames")[1].data, expected)
    assert "20 × 30" in refused(panel)
