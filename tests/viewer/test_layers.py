"""Results become layers whose time, units and looks are right, and stay the user's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Vectors

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.layers import (
    METADATA_KEY,
    contrast_limits,
    find_layer,
    update_or_add,
)

Layers = Callable[..., list[Any]]
MakeRun = Callable[..., dict[str, Any]]


def added(viewer: ViewerModel, tuples: list[Any], **kwargs: Any) -> list[Any]:
    return update_or_add(viewer, tuples, **kwargs)


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


def test_channels_stand_before_time_so_that_arrows_line_up(
    layers: Layers, make_run: MakeRun
) -> None:
    run = make_run(channels=2)
    viewer = ViewerModel()
    latents = np.zeros((4, 5, 12, 16), np.float32)
    image, vectors, states = added(viewer, layers(run=run, latents=latents))
    np.testing.assert_array_equal(image.data, np.moveaxis(run.frames(), 1, 0))
    assert image.axis_labels == ("channel", "t", "y", "x")
    assert states.data.shape == (5, 4, 12, 16)
    assert not states.visible
    assert viewer.dims.axis_labels == ("channel", "t", "y", "x")
    viewer.dims.set_point(1, 2.0)
    viewer.dims.set_point(0, 1.0)
    np.testing.assert_array_equal(vectors.features["stage"].to_numpy()[vectors._view_indices], 1)


def confidence_of(run: Dynamics, value: float | None = None) -> np.ndarray:
    shape = (len(run.times()), *run.frames().shape[-2:])
    given = np.random.default_rng(0).uniform(size=shape) if value is None else np.full(shape, value)
    return given.astype(np.float32)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("channels", [0, 2])
def test_confidence_lies_on_the_frames_and_does_not_cover_them(
    layers: Layers, make_run: MakeRun, channels: int, even: bool
) -> None:
    run = make_run(channels=channels)
    times = run.times() if even else np.array([0, 0.1, 0.7, 1])
    place = Geometry(((0.0, -20.0, 3.0), (10.0, 0.0, 4.0), (0.0, 0.0, 1.0)), ("meter", "meter"))
    confidence = confidence_of(run)
    given = {"placement": place, "confidence": confidence, "times": times}
    made = added(ViewerModel(), layers(run=run, **given))
    image, trust = made[0], made[-1]
    np.testing.assert_array_equal(trust.data, confidence)
    assert trust.name == "dynamics confidence"
    assert trust.metadata[METADATA_KEY]["role"] == "confidence"
    assert not trust.visible
    assert tuple(trust.contrast_limits) == (0, 1)
    assert trust.colormap.name == "magma"
    assert trust.axis_labels == ("t", "y", "x")
    assert trust.units == image.units[-3:]
    for corner in ((0, 0, 0), (1, 0, 0), (3, 11, 15)):
        at = image.data_to_world((*(0,) * (image.ndim - 3), *corner))
        np.testing.assert_allclose(trust.data_to_world(corner), at[-3:])


def test_confidence_lies_on_frames_in_colour(layers: Layers, make_run: MakeRun) -> None:
    run = make_run(channels=3)
    image, _, trust = added(ViewerModel(), layers(run=run, rgb=True, confidence=confidence_of(run)))
    assert image.rgb
    assert not trust.rgb
    assert trust.data.shape == image.data.shape[:3]
    np.testing.assert_array_equal(trust.scale, image.scale)


def test_confidence_is_renewed_like_the_others(layers: Layers, make_run: MakeRun) -> None:
    viewer, run = ViewerModel(), make_run()
    *_, trust = added(viewer, layers(run=run, confidence=confidence_of(run, 0.25)))
    trust.visible, trust.colormap, trust.contrast_limits = True, "gray", (0.5, 0.9)
    longer = make_run(times=6)
    again = added(viewer, layers(run=longer, confidence=confidence_of(longer, 0.75)))
    assert again[-1] is trust
    assert len(viewer.layers) == 3
    np.testing.assert_array_equal(trust.data, confidence_of(longer, 0.75))
    assert (trust.visible, trust.colormap.name) == (True, "gray")
    assert list(trust.contrast_limits) == [0.5, 0.9]


def test_a_single_channel_is_no_axis(layers: Layers, make_run: MakeRun) -> None:
    run = make_run(channels=1)
    assert layers(run=run)[0][0].shape == (4, 12, 16)


@pytest.mark.parametrize("told", ["keyword", "flag", "shape"])
def test_colours_come_back_as_colours(layers: Layers, make_run: MakeRun, told: str) -> None:
    run = make_run(channels=3)
    frames = run.frames() * 60 + 128
    first = {"dtype": "uint8"}
    if told == "flag":
        first["rgb"] = True
    elif told == "shape":
        first["shape"] = [12, 16, 3]
    tuples = layers(
        run=run,
        frames=frames,
        report={"inputs": [first]},
        **({"rgb": True} if told == "keyword" else {}),
    )
    image = added(ViewerModel(), tuples)[0]
    assert image.rgb
    assert image.ndim == 3
    assert image.data.dtype == np.uint8
    expected = np.clip(np.rint(np.moveaxis(frames, 1, -1)), 0, 255)
    np.testing.assert_array_equal(image.data, expected)


def test_colours_of_type_float_and_16_bits(layers: Layers, make_run: MakeRun) -> None:
    frames = np.random.default_rng(0).uniform(-0.1, 1.1, (4, 3, 12, 16)).astype(np.float32)
    run = make_run(channels=3)
    data, meta, _ = layers(run=run, frames=frames, report={}, rgb=True)[0]
    assert meta["rgb"] is True
    np.testing.assert_array_equal(data, np.clip(np.moveaxis(frames, 1, -1), 0, 1))
    report = {"inputs": [{"dtype": "uint16", "rgb": True}]}
    data, _, _ = layers(run=run, frames=frames * 60000, report=report)[0]
    assert data.dtype == np.uint16


def test_rerun_renews_its_layers_and_leaves_the_users_choices(
    layers: Layers, make_run: MakeRun
) -> None:
    viewer = ViewerModel()
    other = viewer.add_image(np.zeros((12, 16)), name="dynamics frames")
    image, vectors = added(viewer, layers())
    image.colormap, image.name, image.visible = "magma", "mine", False
    image.contrast_limits, vectors.length = (-9, 9), 77
    image.metadata["note"] = "keep"
    viewer.layers.move(2, 0)
    run = make_run(times=6, stages=5)
    again = added(viewer, layers(run=run, placement=Geometry.from_pixel_size(offset=(5, 6))))
    assert again == [image, vectors]
    assert len(viewer.layers) == 3
    assert viewer.layers[0] is vectors
    np.testing.assert_array_equal(image.data, run.frames())
    assert (image.colormap.name, image.name, image.visible) == ("magma", "mine", False)
    assert list(image.contrast_limits) == [-9, 9]
    assert vectors.length == 77
    assert image.metadata["note"] == "keep"
    assert len(image.metadata[METADATA_KEY]["times"]) == 6
    for layer in again:
        np.testing.assert_array_equal(layer.translate, [0, 5, 6])
    assert set(vectors.features["stage"]) == set(range(5))
    assert len(vectors.edge_color) == len(vectors.data)
    assert other.data.shape == (12, 16)


def test_what_the_user_left_alone_follows_the_new_result(layers: Layers, run: Dynamics) -> None:
    viewer = ViewerModel()
    image, vectors = added(viewer, layers())
    added(viewer, layers(frames=run.frames() * 10, velocity=run.fields / 10))
    assert tuple(image.contrast_limits) == pytest.approx(
        np.percentile(run.frames()[[0, -1]] * 10, [0.5, 99.5])
    )
    fresh = added(ViewerModel(), layers(velocity=run.fields / 10))[1]
    assert vectors.length == fresh.length
    np.testing.assert_allclose(vectors.edge_color, fresh.edge_color, atol=1e-6)
    np.testing.assert_array_equal(vectors.data, fresh.data)


def test_deleted_layers_come_back(layers: Layers) -> None:
    viewer = ViewerModel()
    image, vectors = added(viewer, layers())
    viewer.layers.remove(image)
    again = added(viewer, layers())
    assert again[0] is not image
    assert again[1] is vectors
    assert set(viewer.layers) == set(again)
    viewer.layers.clear()
    assert set(added(viewer, layers())) == set(viewer.layers)


def test_other_runs_and_kept_results_are_left_alone(layers: Layers) -> None:
    viewer = ViewerModel()
    first = added(viewer, layers())
    second = added(viewer, layers(run_id="run 2"))
    kept = added(viewer, layers(run_id="run 2"), keep=True)
    assert len(viewer.layers) == 6
    # Of several, the newest is renewed.
    assert added(viewer, layers(run_id="run 2")) == kept
    assert len({layer.name for layer in viewer.layers}) == 6
    assert find_layer(viewer, "run 1", "frames") is first[0]
    assert find_layer(viewer, "run 2", "fields") is kept[1]
    assert find_layer(viewer, "run 3", "fields") is None
    assert find_layer(viewer, None, None) is None
    assert second[0] in viewer.layers


def test_a_layer_that_cannot_hold_the_result_is_replaced_in_place(
    layers: Layers, make_run: MakeRun
) -> None:
    viewer = ViewerModel()
    image, vectors = added(viewer, layers())
    image.name, image.visible = "mine", False
    colour = np.zeros((4, 3, 12, 16), np.float32)
    again = added(viewer, layers(run=make_run(channels=3), frames=colour, rgb=True))
    assert image not in viewer.layers
    assert [layer.name for layer in viewer.layers] == ["mine", "dynamics motion"]
    assert again[0].rgb
    assert not again[0].visible
    assert again[1] is vectors


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
