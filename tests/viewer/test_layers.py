"""Results become layers whose time, units and looks are right, and stay the user's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Vectors
from tests.viewer.helpers import added

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.layers import (
    METADATA_KEY,
    contrast_limits,
)

Layers = Callable[..., list[Any]]
MakeRun = Callable[..., dict[str, Any]]


def times_shown(viewer: ViewerModel, axis: int = 0) -> np.ndarray:
    start, stop, step = viewer.dims.range[axis]
    return np.arange(start, stop + step / 2, step)


def test_frames_and_fields_share_the_time_of_the_world(layers: Layers, run: Dynamics) -> None:
    viewer = ViewerModel()
    image, vectors = added(viewer, layers())
    assert isinstance(image, Image)
    assert isinstance(vectors, Vectors)
    assert image.name == "dynamics frames"
    assert vectors.name == "dynamics motion"
    np.testing.assert_array_equal(image.data, run.frames())
    for layer in (image, vectors):
        assert layer.axis_labels == ("t", "y", "x")
        assert [str(unit) for unit in layer.units] == ["hour", "pixel", "pixel"]
        # Six hours in three stages.
        assert layer.scale[0] == 2
    assert viewer.dims.axis_labels == ("t", "y", "x")
    np.testing.assert_allclose(times_shown(viewer), [0, 2, 4, 6])


@pytest.mark.parametrize(("frames", "step"), [(2, 6.0), (4, 2.0), (7, 1.0), (3, 3.0)])
def test_any_number_of_frames_spans_the_interval(
    layers: Layers, make_run: MakeRun, frames: int, step: float
) -> None:
    image, vectors = (data[1] for data in layers(run=make_run(times=frames)))
    assert image["scale"][0] == pytest.approx(step)
    # More frames than stages: each has the arrows of its stage; else each stage has its time.
    assert vectors["scale"][0] == (step if frames > 4 else 2)


def test_time_counts_stages_where_the_interval_is_not_known(
    layers: Layers, make_run: MakeRun
) -> None:
    image, vectors = (data[1] for data in layers(run=make_run(times=4), report={}))
    assert image["scale"][0] == 1
    assert vectors["scale"][0] == 1
    assert image["units"][0] == "pixel"
    assert image["metadata"][METADATA_KEY]["interval"] is None


def test_each_stage_shows_its_own_arrows(layers: Layers, run: Dynamics) -> None:
    viewer = ViewerModel()
    _, vectors = added(viewer, layers())
    for stage in range(3):
        viewer.dims.set_point(0, 2.0 * stage)
        seen = vectors.features["stage"].to_numpy()[vectors._view_indices]
        assert len(seen)
        np.testing.assert_array_equal(seen, stage)
    viewer.dims.set_point(0, 6.0)
    assert len(vectors._view_indices) == 0


def test_uneven_times_count_frames_and_keep_their_arrows(layers: Layers, make_run: MakeRun) -> None:
    times = np.array([0, 0.2, 1 / 3, 0.9, 1])
    tuples = layers(run=make_run(times=5), times=times)
    viewer = ViewerModel()
    image, vectors = added(viewer, tuples)
    for layer in (image, vectors):
        assert layer.scale[0] == 1
        assert str(layer.units[0]) == "pixel"
        assert layer.metadata[METADATA_KEY]["times"] == times.tolist()
        assert layer.metadata[METADATA_KEY]["interval"] == {"value": 6.0, "unit": "hour"}
    for frame, stage in enumerate((0, 0, 1, 2, 2)):
        viewer.dims.set_point(0, frame)
        np.testing.assert_array_equal(
            vectors.features["stage"].to_numpy()[vectors._view_indices], stage
        )


def test_a_single_frame_is_a_result(layers: Layers, make_run: MakeRun) -> None:
    tuples = layers(run=make_run(times=1), times=np.array([0.5]))
    image, vectors = added(ViewerModel(), tuples)
    assert image.data.shape == (1, 12, 16)
    assert set(vectors.features["stage"]) == {1}


def test_arrows_stay_within_the_budget(layers: Layers) -> None:
    velocity = np.ones((20, 2, 300, 400), np.float32)
    settings = Settings().updated({"output.arrow_spacing": 1})
    frames = np.zeros((2, 300, 400), np.float32)
    given = {"frames": frames, "times": np.array([0, 1.0]), "velocity": velocity}
    data, meta, _ = layers(**given, settings=settings)[1]
    assert len(data) <= MAX_ARROWS
    np.testing.assert_array_equal(data[:, 1, 0], 0)
    np.testing.assert_array_equal(data[:, 0, 0] % 1, 0)
    info = meta["metadata"][METADATA_KEY]
    assert info["arrow_spacing"] > 1
    assert meta["length"] == info["arrow_length"]
    assert meta["name"] == "dynamics motion"


def test_arrows_are_coloured_by_speed(layers: Layers) -> None:
    velocity = np.zeros((3, 2, 12, 16), np.float32)
    velocity[:, 1, :, 8:] = 3
    (vectors,) = added(ViewerModel(), layers(velocity=velocity)[1:])
    np.testing.assert_array_equal(np.unique(vectors.features["speed"]), [0, 3])
    assert vectors.edge_contrast_limits == (0, 3)
    assert len(np.unique(vectors.edge_color, axis=0)) == 2


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_fields_without_motion_or_without_values(layers: Layers, value: float) -> None:
    viewer = ViewerModel()
    for _ in range(2):
        tuples = layers(velocity=np.full((3, 2, 12, 16), value, np.float32))
        _, vectors = added(viewer, tuples)
        assert vectors.ndim == 3
        assert vectors.length == 1
    assert len(viewer.layers) == 2


def test_contrast_follows_the_two_inputs(layers: Layers, run: Dynamics) -> None:
    frames = run.frames().copy()
    frames[0, :6], frames[-1, 3:] = np.nan, np.nan
    frames[1] = 1e6
    image = added(ViewerModel(), layers(frames=frames))[0]
    ends = frames[[0, -1]]
    assert tuple(image.contrast_limits) == pytest.approx(np.nanpercentile(ends, [0.5, 99.5]))


@pytest.mark.parametrize(
    ("values", "limits"),
    [([np.nan, np.inf], (0, 1)), ([7, 7], (7, 8)), ([0, np.nan, 5e4, 5e4], None), ([], (0, 1))],
)
def test_limits_of_odd_values(values: list[float], limits: tuple[float, float] | None) -> None:
    low, high = contrast_limits(np.array(values))
    assert low < high
    if limits:
        assert (low, high) == limits


def test_almost_constant_values_are_told_apart() -> None:
    values = np.zeros(10_000)
    values[0] = 1
    assert contrast_limits(values) == (0, 1)


def test_metadata_tells_the_run(layers: Layers) -> None:
    inputs = [{"name": "a"}, {"name": "b"}]
    report = {"inputs": inputs, "version": "1.2"}
    latents, confidence = np.zeros((4, 2, 12, 16), np.float32), np.zeros((4, 12, 16), np.float32)
    tuples = layers(report=report, latents=latents, confidence=confidence)
    roles = []
    for _, meta, _ in tuples:
        info = meta["metadata"][METADATA_KEY]
        json.dumps(info)
        assert info["run_id"] == "run 1"
        assert info["version"] == "1.2"
        assert info["inputs"] == inputs
        assert Settings.parse(info["settings"]) == Settings()
        roles.append(info["role"])
    assert roles == ["frames", "fields", "latents", "confidence"]


def test_units_give_way_to_a_stack_of_the_user(layers: Layers) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 12, 16)), name="stack")
    image, vectors = added(viewer, layers())
    assert [str(unit) for unit in image.units] == ["pixel"] * 3
    assert [str(unit) for unit in vectors.units] == ["pixel"] * 3
    assert viewer.layers.units is not None
    assert image.scale[0] == 2
    assert image.metadata[METADATA_KEY]["interval"]["unit"] == "hour"


def test_between_the_stages_each_frame_has_the_arrows_of_its_stage(
    layers: Layers, make_run: MakeRun
) -> None:
    run = make_run(times=22)
    image, vectors = layers(run=run)
    stages = len(run.fields)
    shown = np.unique(vectors[0][:, 0, 0])
    assert shown.tolist() == list(range(22))
    assert vectors[1]["scale"] == image[1]["scale"]
    of_frame = {
        int(time): set(np.asarray(vectors[1]["features"]["stage"])[vectors[0][:, 0, 0] == time])
        for time in shown
    }
    assert all(of_frame[k] == {min(k * stages // 21, stages - 1)} for k in range(22))
