"""The plane that is shown is what is used, whatever the layer is made of."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points

from napari_latentdyn.errors import ObservationError
from napari_latentdyn.viewer.frames import frame_axes
from napari_latentdyn.viewer.layers import snapshot

STACK = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)


def test_plain_image_is_copied() -> None:
    data = STACK[0].copy()
    layer = Image(data, name="ice", metadata={"latentdyn_interval": {"value": 2, "unit": "hour"}})
    snap = snapshot(layer)
    data[:] = 0
    np.testing.assert_array_equal(snap.array, STACK[0])
    assert snap.array.dtype == np.uint16
    assert (snap.name, snap.note, snap.channel_axis) == ("ice", "", None)
    assert snap.metadata["latentdyn_interval"]["value"] == 2
    assert snap.layer_id == snapshot(layer).layer_id != snapshot(Image(data)).layer_id


def test_frame_shown_of_a_stack() -> None:
    snap = snapshot(Image(STACK, name="ice"), (3, 0, 0))
    np.testing.assert_array_equal(snap.array, STACK[3])
    assert snap.note == "ice: using frame 4 of 5."


def test_a_frame_by_its_index() -> None:
    layer = Image(STACK, name="ice")
    snap = snapshot(layer, index=(2,))
    np.testing.assert_array_equal(snap.array, STACK[2])
    assert snap.index == (2,)
    assert snap.layer_id == snapshot(layer).layer_id
    assert snap.key == snapshot(layer, (2, 0, 0)).key != snapshot(layer).key


def test_time_comes_before_other_axes() -> None:
    labels = ("c", "z", "t", "y", "x")
    layer = Image(np.zeros((1, 3, 4, 5, 6)), axis_labels=labels)
    assert frame_axes(layer) == [(2, "t", 4), (1, "z", 3)]
    by_unit = Image(np.zeros((3, 4, 5, 6)), units=("um", "minute", "um", "um"))
    assert frame_axes(by_unit) == [(1, "axis -3", 4), (0, "axis -4", 3)]


@pytest.mark.parametrize(
    ("step", "frame"), [(None, 0), ((2, 4, 0, 0), 4), ((99, 0, 0), 4), ((-2, 0, 0), 0)]
)
def test_steps_of_other_lengths_and_out_of_range(step: tuple[int, ...] | None, frame: int) -> None:
    np.testing.assert_array_equal(snapshot(Image(STACK), step).array, STACK[frame])


def test_several_leading_axes() -> None:
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    snap = snapshot(Image(data), (1, 2, 0, 0))
    np.testing.assert_array_equal(snap.array, data[1, 2])
    assert "axis -4 2 of 2, axis -3 3 of 3" in snap.note


@pytest.mark.parametrize("frame", [0, 2, 4])
def test_sliders_of_a_viewer_stand_in_the_world(frame: int) -> None:
    viewer = ViewerModel()
    # The other layer makes the steps of the slider finer and shifts their start.
    fine = viewer.add_image(np.zeros((50, 6, 7)), scale=(0.5, 1, 1), translate=(-3, 0, 0))
    layer = viewer.add_image(STACK, scale=(2, 1, 1), translate=(4, 0, 0))
    viewer.dims.set_point(0, 4 + 2 * frame)
    assert viewer.dims.current_step[0] != frame
    np.testing.assert_array_equal(snapshot(layer, viewer.dims).array, STACK[frame])
    assert fine.visible


def test_sliders_in_another_unit() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((50, 6, 7)), units=("second", "pixel", "pixel"))
    layer = viewer.add_image(STACK, units=("minute", "pixel", "pixel"))
    viewer.dims.set_point(0, 120)
    assert str(viewer.dims.units[0]) == "second"
    np.testing.assert_array_equal(snapshot(layer, viewer.dims).array, STACK[2])


def test_stack_beside_a_deeper_one() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 5, 6, 7)))
    layer = viewer.add_image(STACK)
    viewer.dims.set_current_step((0, 1), (2, 3))
    np.testing.assert_array_equal(snapshot(layer, viewer.dims).array, STACK[3])


def test_multiscale_gives_the_full_resolution() -> None:
    levels = [STACK, STACK[:, ::2, ::2]]
    snap = snapshot(Image(levels, multiscale=True), (1, 0, 0))
    np.testing.assert_array_equal(snap.array, STACK[1])
    assert "full resolution" in snap.note


def test_dask_computes_one_plane() -> None:
    computed = []

    def plane(block_info: dict | None = None) -> np.ndarray:
        frame = block_info[None]["chunk-location"][0]
        computed.append(frame)
        return STACK[frame][None]

    chunks = ((1,) * 5, (6,), (7,))
    lazy = da.map_blocks(plane, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))
    layer = Image(lazy, contrast_limits=(0, 300), cache=False)
    computed.clear()
    snap = snapshot(layer, (3, 0, 0))
    assert computed == [3]
    assert type(snap.array) is np.ndarray
    np.testing.assert_array_equal(snap.array, STACK[3])


def test_zarr() -> None:
    array = zarr.create_array({}, shape=STACK.shape, chunks=(1, 6, 7), dtype=STACK.dtype)
    array[:] = STACK
    snap = snapshot(Image(array, contrast_limits=(0, 300)), (2, 0, 0))
    assert type(snap.array) is np.ndarray
    np.testing.assert_array_equal(snap.array, STACK[2])


def test_colours() -> None:
    data = np.random.default_rng(0).integers(0, 255, (4, 6, 7, 4), dtype=np.uint8)
    plain = snapshot(Image(data[0, ..., :3], rgb=True))
    assert plain.channel_axis == -1
    assert plain.note == ""
    stack = snapshot(Image(data, rgb=True), (2, 0, 0))
    np.testing.assert_array_equal(stack.array, data[2, ..., :3])
    assert "ignoring transparency" in stack.note
    assert "frame 3 of 4" in stack.note


def test_labels_are_read_as_they_are() -> None:
    snap = snapshot(Labels(STACK.astype(np.int64)), index=(1,))
    np.testing.assert_array_equal(snap.array, STACK[1])
    assert snap.channel_axis is None


@pytest.mark.parametrize("lazy", [False, True])
def test_masked_values_are_missing(lazy: bool) -> None:
    data = np.ma.masked_where(STACK % 5 == 0, STACK)
    layer = Image(da.from_array(data) if lazy else data, contrast_limits=(0, 300))
    snap = snapshot(layer, index=(2,))
    np.testing.assert_array_equal(snap.missing, STACK[2] % 5 == 0)
    assert snap.array.dtype == np.uint16
    np.testing.assert_array_equal(np.isnan(snap.known), snap.missing)
    np.testing.assert_array_equal(snap.known[~snap.missing], STACK[2][~snap.missing])
    assert snapshot(Image(STACK)).missing is None


def test_a_masked_colour_is_missing_where_all_are() -> None:
    data = np.ma.masked_array(np.zeros((6, 7, 3), np.uint8))
    data[1, 2] = np.ma.masked
    data[3, 4, 0] = np.ma.masked
    missing = snapshot(Image(data, rgb=True)).missing
    assert np.argwhere(missing).tolist() == [[1, 2]]


def test_other_layers_are_refused() -> None:
    layer = Points([[0, 0]], name="no")
    with pytest.raises(
        ObservationError, match=r"the layer 'no' is not an image; choose an image layer\."
    ):
        snapshot(layer)
