"""Layers of results with channels, colours and confidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from tests.viewer.helpers import added

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.viewer.layers import (
    METADATA_KEY,
)

Layers = Callable[..., list[Any]]
MakeRun = Callable[..., dict[str, Any]]


def confidence_of(run: Dynamics, value: float | None = None) -> np.ndarray:
    shape = (len(run.times()), *run.frames().shape[-2:])
    given = np.random.default_rng(0).uniform(size=shape) if value is None else np.full(shape, value)
    return given.astype(np.float32)


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
