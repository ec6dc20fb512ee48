"""Layers that show what is derived from fields, against fields that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Layer
from tests.conftest import dynamics_of

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.viewer.explore import layers as making
from napari_latentdyn.viewer.explore import tracers
from napari_latentdyn.viewer.explore.options import ArrowOptions, MapOptions, StreamlineOptions
from napari_latentdyn.viewer.timeline import timeline_of

STAGES, SIZE, TURN = 8, 65, 0.4


def rotation(frames: int = STAGES + 1, **changes: Any) -> Dynamics:
    """A rotation by `TURN` radians about the middle, clockwise on the screen, in 24 hours."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    field = np.stack([columns, -rows]) * TURN / STAGES
    velocity = np.repeat(field[None], STAGES, axis=0).astype(np.float32)
    place = Geometry.from_pixel_size(100.0, "meter", (5.0, 7.0))
    report = {"interval": {"value": 24.0, "unit": "hour"}, "placement": place.to_report()}
    given = {"velocity": velocity, "report": report, **changes}
    blank = np.zeros((frames, SIZE, SIZE), np.float32)
    made = dynamics_of(blank, given["velocity"], given["report"])
    made.name = "ice"
    return made


def test_the_vorticity_of_a_rotation_is_twice_its_rate_per_hour() -> None:
    dynamics = rotation()
    found = dynamics.deformation()
    data, meta, kind = making.map_layer(dynamics, found, MapOptions(kind="vorticity"))
    assert kind == "image"
    np.testing.assert_allclose(data, 2 * TURN / 24, rtol=0.01)
    assert meta["name"] == "ice vorticity (1/hour)"
    assert meta["scale"] == (3.0, 100.0, 100.0)
    assert meta["translate"] == (0.0, 5.0, 7.0)
    assert meta["units"] == ("hour", "meter", "meter")
    low, high = meta["contrast_limits"]
    assert low == -high
    still, meta, _ = making.map_layer(dynamics, found, MapOptions(kind="divergence"))
    assert np.abs(still).max() < 0.01 * TURN / 24


def test_maps_of_finer_frames_have_one_plane_for_each() -> None:
    dynamics = rotation(frames=33)
    found = dynamics.deformation()
    data, meta, _ = making.map_layer(dynamics, found, MapOptions(kind="speed"))
    assert len(data) == 33
    assert meta["scale"][0] == pytest.approx(24 / 32)
    assert meta["name"] == "ice speed (meter/hour)"
    edge = data[0, SIZE // 2, -1]
    assert edge == pytest.approx((SIZE - 1) / 2 * 100 * TURN / 24, rel=1e-4)


def test_strain_axes_lie_along_the_stretching() -> None:
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    field = np.stack([-rows, columns])[None] * 0.01
    dynamics = rotation(velocity=np.repeat(field, STAGES, axis=0).astype(np.float32))
    data, meta, kind = making.axes_layer(dynamics, dynamics.deformation())
    assert kind == "vectors"
    rate = meta["features"]["rate"]
    across = np.abs(data[:, 1, 2]) > np.abs(data[:, 1, 1])
    assert (rate[across] > 0).all()
    assert (rate[~across] < 0).all()
    middles = data[:, 0, 1:] + data[:, 1, 1:] / 2
    np.testing.assert_allclose(middles, np.rint(middles), atol=1e-4)
    assert not data[:, 1, 0].any()


def test_tracers_turn_with_the_rotation_from_whenever_they_are_placed() -> None:
    dynamics = rotation(frames=17)
    middle = (SIZE - 1) / 2
    (layer, lost) = tracers.tracer_layer(dynamics, [[middle, middle + 20]], 0.5)
    assert layer is not None
    assert lost == 0
    data, meta, kind = layer
    assert kind == "tracks"
    assert data.shape == (17, 4)
    angle = TURN * (data[:, 1] / 16 - 0.5)
    np.testing.assert_allclose(data[:, 2] - middle, 20 * np.sin(angle), atol=0.02)
    np.testing.assert_allclose(data[:, 3] - middle, 20 * np.cos(angle), atol=0.02)
    assert meta["features"]["distance"][-1] == pytest.approx(20 * TURN * 100, rel=1e-2)
    assert meta["scale"] == (1.5, 100.0, 100.0)


def test_tracers_outside_of_the_image_have_no_way() -> None:
    assert tracers.tracer_layer(rotation(), [[-10.0, 5.0]]) == (None, 1)


def test_streamlines_of_a_rotation_keep_their_distance_from_the_middle() -> None:
    data, meta, kind = making.streamline_layer(rotation(), StreamlineOptions(shown=True))
    assert kind == "vectors"
    starts = data[:, 0, 1:] - (SIZE - 1) / 2
    ends = starts + data[:, 1, 1:]
    # Close to the middle the pieces are long beside their circle.
    outside = np.hypot(*starts.T) > 4
    radius, after = np.hypot(*starts[outside].T), np.hypot(*ends[outside].T)
    np.testing.assert_allclose(radius, after, atol=0.6)
    assert abs(np.mean(after - radius)) < 0.02
    assert set(np.unique(data[:, 0, 0])) == set(range(STAGES))
    np.testing.assert_allclose(
        meta["features"]["speed"], np.hypot(*starts.T) * TURN / STAGES, atol=0.06
    )


def test_arrows_tell_their_direction() -> None:
    field = np.zeros((STAGES, 2, SIZE, SIZE), np.float32)
    field[:, 0] = -2.0
    dynamics = rotation(velocity=field)
    _, meta, _ = making.arrows(dynamics, ArrowOptions(colour="direction", length=3.0))
    np.testing.assert_allclose(meta["features"]["direction"], 90.0)
    assert meta["edge_color"] == "direction"
    assert meta["length"] == 3.0
    assert meta["edge_contrast_limits"] == (-180.0, 180.0)


@pytest.mark.parametrize(
    "place",
    [
        Geometry.from_pixel_size((20.0, 50.0), "meter"),
        Geometry.from_layer({"affine": [[3.0, -4.0, 7.0], [4.0, 3.0, 9.0], [0.0, 0.0, 1.0]]}, 2),
    ],
)
def test_circles_are_equal_deviations_of_both_components_on_any_pixels(place: Geometry) -> None:
    report = {"interval": {"value": 24.0, "unit": "hour"}, "placement": place.to_report()}
    dynamics = rotation(report=report)
    shown = Layer.create(*making.arrows(dynamics, ArrowOptions(spacing=8)))
    shown.length = 3.0
    std = np.full(dynamics.fields[:, 0].shape, 0.5, np.float32)
    data, meta, kind = making.circle_layer(dynamics, shown, (std, std > 0), "2")
    circles = Layer.create(data, meta, kind)
    assert circles.name == "ice circles of 2 standard deviations"
    corners = np.array([circles.data_to_world(corner) for corner in data[:24, 0]])
    tip = shown.data[0, 0] + 3.0 * shown.data[0, 1]
    ways = (corners - shown.data_to_world(tip))[:, 1:]
    np.testing.assert_allclose(corners[:, 0], shown.data_to_world(tip)[0], rtol=1e-6)
    linear = place.matrix[:2, :2]
    # The covariance of the velocity in world units, times the square of two and of the length.
    spread = np.linalg.inv(linear @ linear.T * (2 * 3 * 0.5) ** 2)
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", ways, spread, ways), 1.0, rtol=1e-3)


def test_without_a_velocity_there_are_no_circles() -> None:
    dynamics = rotation(velocity=np.full((STAGES, 2, SIZE, SIZE), np.nan, np.float32))
    shown = Layer.create(*making.arrows(dynamics, ArrowOptions()))
    std = np.ones((STAGES, SIZE, SIZE), np.float32)
    circles = Layer.create(*making.circle_layer(dynamics, shown, (std, std > 0), "1"))
    assert len(circles.data) == 0
    assert circles.ndim == 3


@pytest.mark.parametrize("shape", [(64, 64), (20, 300), (1, 50)])
def test_grids_of_points_lie_within_the_image(shape: tuple[int, int]) -> None:
    points = tracers.start_points(shape)
    assert len(points)
    assert (points >= 0).all()
    assert (points <= np.array(shape) - 1).all()
    assert len(tracers.start_points(shape, 10_000)) == 1


def test_the_time_of_the_slider_is_a_fraction_of_the_interval() -> None:
    dynamics = rotation()
    assert timeline_of(dynamics).time_at((12.0, 0.0, 0.0)) == pytest.approx(0.5)
    assert timeline_of(dynamics).time_at((99.0, 0.0, 0.0)) == 1.0
    assert timeline_of(dynamics).time_at((3.0, 4.0)) == 0.0
