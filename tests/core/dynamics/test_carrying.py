"""Labels, images, points, shapes and tracks that lie on an observation follow the motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import finished, spin, texture

from napari_latentdyn import Dynamics, Observations, Settings, fit
from napari_latentdyn.core.dynamics.channels import frames_of
from napari_latentdyn.core.dynamics.marks import bendable, carry_shape, fill_tracks
from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.dynamics.sources import source_places
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import DerivedError, Stopped

SIZE = 64
MIDDLE = (SIZE - 1) / 2
TIMES = np.array([10.0, 11.0, 12.0, 13.0])
#: Even times, because fields are then the same in all intervals.
DRIFT, ANGLE = np.array([4.0, -3.0]), 0.2
STAGES = 4


def motion_of(displacement: NDArray[np.floating]) -> Motion:
    """A motion that is the same in all intervals."""
    fields = np.tile(displacement / STAGES, (STAGES * (len(TIMES) - 1), 1, 1, 1))
    report = RunReport.model_validate({"observation_times": TIMES.tolist()})
    return Motion(fields.astype(np.float32), report)


def drifting() -> Motion:
    return motion_of(np.broadcast_to(DRIFT[:, None, None], (2, SIZE, SIZE)))


def turning() -> Motion:
    return motion_of(spin(ANGLE, (SIZE, SIZE)))


def turned(points: NDArray[np.floating], time: float) -> NDArray[np.float64]:
    """Places (P, 2) that were at points a time ago."""
    cos, sin = np.cos(ANGLE * time), np.sin(ANGLE * time)
    return (points - MIDDLE) @ np.array([[cos, sin], [-sin, cos]]) + MIDDLE


def blobs(shape: tuple[int, int], seed: int = 0) -> NDArray[np.int32]:
    """Labels of smooth blobs."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 5)
    found, _ = ndimage.label(noise > 0.8 * noise.std())
    return np.asarray(found, np.int32)


def overlap(found: NDArray[np.integer], true: NDArray[np.integer]) -> float:
    """Intersection over union of labels, each weighted by its area in either."""
    both = (found == true) & (true > 0)
    return float(both.sum() / ((found > 0) | (true > 0)).sum())


def test_labels_of_a_drift_are_shifted_and_keep_type_and_identity():
    labels = (1000 * blobs((SIZE, SIZE))).astype(np.uint16)
    carried = drifting().carry(labels, [10.0, 12.0], 10.0)
    assert carried.dtype == np.uint16
    np.testing.assert_array_equal(carried[0], labels)
    # Eight pixels down and six to the left.
    np.testing.assert_array_equal(carried[1, 8:, :-6], labels[:-8, 6:])
    assert not carried[1, :8].any()
    assert not carried[1, :, -6:].any()


def test_an_image_of_a_drift_is_shifted_and_nan_outside():
    image = texture((SIZE, SIZE))
    image[20, 30] = np.nan
    carried = drifting().carry(image, [11.0, 10.0, 9.5 + 1], 11.0)
    assert carried.dtype == np.float32
    np.testing.assert_array_equal(carried[0], image.astype(np.float32))
    # Back in time, contents come from below and from the left.
    np.testing.assert_allclose(carried[1, :-4, 3:], image[4:, :-3], rtol=1e-5)
    assert np.isnan(carried[1, -4:]).all()
    assert np.isnan(carried[1, :, :3]).all()
    assert np.isnan(carried[1]).sum() == SIZE * SIZE - 60 * 61 + 1


def test_a_rotation_is_accurate():
    """A pattern of wavelength 25 pixels turns by more than a radian."""

    def pattern(points: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.sin(points[..., 0] / 4) + np.cos(points[..., 1] / 4)

    grid = np.stack(np.mgrid[:SIZE, :SIZE], axis=-1).astype(float)
    for time in (10.0, 11.3, 13.0):
        (carried,) = turning().carry(pattern(grid), [time], 10.0)
        came = turned(grid.reshape(-1, 2), 10.0 - time).reshape(grid.shape)
        error = np.abs(carried - pattern(came))
        # Paths in this disc never leave the image.
        disc = np.hypot(*np.moveaxis(grid - MIDDLE, -1, 0)) < MIDDLE - 2
        assert error[disc].max() < 0.02
        # In the corners the velocity outside of the image is not known.
        within = np.all((came > 0.5) & (came < SIZE - 1.5), axis=-1)
        assert error[within].max() < 0.2
        outside = np.any((came < -0.6) | (came > SIZE - 0.4), axis=-1)
        assert np.isnan(carried[outside]).all()


def test_points_and_shapes_of_a_rotation():
    points = np.array([[20.0, 30.0], [40.0, 25.0]])
    motion = turning()
    carried = motion.carry(points, TIMES, 11.0)
    assert carried.shape == (4, 2, 2)
    for time, found in zip(TIMES, carried, strict=True):
        np.testing.assert_allclose(found, turned(points, time - 11.0), atol=1e-3)
    square = np.array([[20.0, 20.0], [20.0, 40.0], [40.0, 40.0], [40.0, 20.0]])
    shapes = carry_shape(motion, square, "rectangle", TIMES, 13.0)
    np.testing.assert_allclose(shapes[0], turned(bendable(square, "rectangle"), -3.0), atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "count"), [("line", 2), ("path", 6), ("polygon", 10), ("rectangle", 10)]
)
def test_long_edges_get_vertices(kind: str, count: int) -> None:
    corners = {"line": 2, "path": 3, "polygon": 4, "rectangle": 4}[kind]
    given = np.array([[0.0, 0.0], [0.0, 20.0], [15.0, 20.0], [15.0, 0.0]])[:corners]
    found = bendable(given, kind)
    assert len(found) == count
    assert all((found == vertex).all(axis=1).any() for vertex in given)
    steps = np.hypot(*np.diff(found, axis=0).T)
    assert kind == "line" or steps.max() <= 8


def test_an_ellipse_becomes_a_polygon():
    box = np.array([[10.0, 20.0], [10.0, 40.0], [20.0, 40.0], [20.0, 20.0]])
    found = bendable(box, "ellipse")
    np.testing.assert_allclose(((found - [15, 30]) / [5, 10]) ** 2 @ [1, 1], 1)


def test_a_shape_around_the_image():
    around = [[-9, -9], [-9, 80], [80, 80], [80, -9]]
    assert np.isfinite(carry_shape(drifting(), around, "polygon")).all()


def test_gaps_of_tracks_are_filled_along_the_motion():
    """Two tracks turn, one of them backwards through the table; a third is seen once."""
    start = np.array([[20.0, 30.0], [40.0, 25.0]])
    rows = [
        [number, time, *turned(start, time - 10.0)[number]]
        for number, times in ((0, (10.0, 13.0)), (1, (13.0, 11.0, 10.0)))
        for time in times
    ]
    found, filled = fill_tracks(turning(), [*rows, [7, 12.0, 5.0, 5.0]])
    np.testing.assert_array_equal(found[:, 0], [0] * 4 + [1] * 4 + [7])
    np.testing.assert_array_equal(found[:, 1], [*TIMES, *TIMES, 12.0])
    np.testing.assert_array_equal(filled, [0, 1, 1, 0, 0, 0, 1, 0, 0])
    for number, time, *place in found[:-1]:
        there = turned(start, time - 10.0)[int(number)]
        np.testing.assert_allclose(place, there, atol=2e-3)


def test_errors_of_detections_are_shared_along_a_gap():
    off = np.array([3.0, 0.0])
    rows = [[1, 10.0, 20, 40], [1, 13.0, *(np.array([20, 40]) + 3 * DRIFT + off)]]
    found, _ = fill_tracks(drifting(), rows, [10.5, 11.0, 12.0, 13.0])
    along = np.array([20, 40]) + np.outer(found[:, 1] - 10, DRIFT)
    np.testing.assert_allclose(
        found[:, 2:] - along, np.outer((found[:, 1] - 10) / 3, off), atol=1e-6
    )


def test_intervals_of_different_length():
    """An even drift is even, although stages are of different length."""
    times = np.array([0.0, 1.0, 6.0, 8.0])
    spans = np.repeat(np.diff(times) / STAGES, STAGES)
    fields = np.broadcast_to(
        spans[:, None, None, None] * DRIFT[:, None, None] / 4, (len(spans), 2, SIZE, SIZE)
    )
    report = RunReport.model_validate({"observation_times": times.tolist()})
    motion = Motion(fields.astype(np.float32), report)
    asked = np.linspace(0.0, 8.0, 33)
    for start in (0.0, 0.9, 1.0, 3.3, 6.0, 8.0):
        found = motion.carry([[30.0, 32.0]], asked, start)[:, 0]
        along = np.array([30.0, 32.0]) + np.outer(asked - start, DRIFT / 4)
        np.testing.assert_allclose(found, along, atol=1e-5)


def test_where_the_motion_jumps_every_pixel_is_followed():
    """Both halves of the image slide along a cut."""
    field = np.zeros((2, SIZE, SIZE))
    field[1, : SIZE // 2], field[1, SIZE // 2 :] = 3.0, -3.0
    (places,) = source_places(motion_of(field), np.array([11.0]), 10.0)
    moved = (places[1] - np.arange(SIZE))[:, 4:-4]
    np.testing.assert_allclose(moved[: SIZE // 2], -3.0, atol=1e-6)
    np.testing.assert_allclose(moved[SIZE // 2 :], 3.0, atol=1e-6)


def test_small_images_and_a_stop():
    report = RunReport.model_validate({})
    motion = Motion(np.full((2, 2, 3, 9), 0.5, np.float32), report)
    labels = np.arange(27).reshape(3, 9)
    np.testing.assert_array_equal(motion.carry(labels, [1.0])[0, 1:, 1:], labels[:-1, :-1])
    with pytest.raises(Stopped):
        motion.carry(labels, [1.0], should_stop=lambda: True)
    seen: list[tuple[int, int]] = []
    motion.carry(labels, [0.0, 1.0], on_frame=lambda *progress: seen.append(progress))
    assert seen == [(1, 2), (2, 2)]


def test_labels_of_all_observations_come_from_the_nearest():
    labels = np.stack([np.full((SIZE, SIZE), k + 1) for k in range(4)])
    carried = drifting().carry(labels, [10.4, 10.6, 12.6, 13.0])
    assert carried[:, 32, 32].tolist() == [1, 2, 4, 4]


@settings(max_examples=25, deadline=None)
@given(
    drift=st.tuples(st.integers(-5, 5), st.integers(-5, 5)),
    time=st.sampled_from(TIMES.tolist()),
    start=st.sampled_from(TIMES.tolist()),
    seed=st.integers(0, 99),
)
def test_nothing_is_invented(drift: tuple[int, int], time: float, start: float, seed: int) -> None:
    """Labels exist before, images keep their range, and whole shifts are exact."""
    motion = motion_of(np.broadcast_to(np.array(drift)[:, None, None], (2, SIZE, SIZE)))
    labels = np.random.default_rng(seed).integers(0, 200, (SIZE, SIZE)).astype(np.uint8)
    image = (labels > 100).astype(np.float32)
    (found,) = motion.carry(labels, [time], start)
    assert set(np.unique(found)) <= {0, *np.unique(labels)}
    (carried,) = motion.carry(image, [time], start)
    known = np.isfinite(carried)
    assert carried[known].min() >= 0
    assert carried[known].max() <= 1
    shift = np.array(drift) * int(time - start)
    moved = np.roll(labels, shift, (0, 1))
    np.testing.assert_array_equal(found[known], moved[known])
    assert known.sum() == np.prod(SIZE - np.abs(shift))


@settings(max_examples=15, deadline=None)
@given(time=st.floats(10.0, 13.0), angle=st.floats(-0.3, 0.3))
def test_images_between_pixels_keep_their_range(time: float, angle: float) -> None:
    motion = motion_of(spin(angle, (SIZE, SIZE)))
    (carried,) = motion.carry((blobs((SIZE, SIZE)) > 0) * 5.0, [time], 11.5)
    inner = carried[np.isfinite(carried)]
    assert inner.min() >= 0
    assert inner.max() <= 5


@pytest.fixture(scope="module")
def series() -> tuple[Dynamics, NDArray[np.int32]]:
    """A fit of four images of a texture that turns and drifts, and true labels."""
    size, pad = 96, 40
    scene, labels = texture((size + 2 * pad,) * 2), blobs((size + 2 * pad,) * 2)
    centre = (np.array(scene.shape) - 1) / 2
    images, true = [], []
    for k in range(4):
        cos, sin = np.cos(0.12 * k), np.sin(0.12 * k)
        back = np.array([[cos, sin], [-sin, cos]])
        offset = centre - back @ (centre + k * DRIFT)
        part = (slice(pad, -pad),) * 2
        images.append(ndimage.affine_transform(scene, back, offset)[part])
        true.append(ndimage.affine_transform(labels, back, offset, order=0)[part])
    quick = Settings.preset("quick").updated({"training.device": "cpu", "training.threads": 1})
    observations = Observations.from_arrays(*images, times=TIMES)
    return finished(fit(observations, quick))[1], np.stack(true)


@pytest.mark.parametrize(("start", "end"), [(0, 3), (3, 0)])
def test_labels_over_three_intervals_of_a_fit(
    series: tuple[Dynamics, NDArray[np.int32]], start: int, end: int
) -> None:
    dynamics, true = series
    times = [TIMES[end]]
    (found,) = dynamics.carry(true[start], times, TIMES[start])
    (seen,) = np.isfinite(dynamics.carry(np.ones(dynamics.shape), times, TIMES[start]))
    assert seen.mean() > 0.7
    assert overlap(found * seen, true[end] * seen) > 0.95
    # Without motion.
    assert overlap(true[start] * seen, true[end] * seen) < 0.5


def test_frames_of_another_channel_are_fused_as_those_of_the_result(
    series: tuple[Dynamics, NDArray[np.int32]],
) -> None:
    dynamics, _ = series
    images = dynamics.observations.images[:, 0]
    times = [10.0, 11.4, 12.9]
    own = dynamics.frames(times)
    np.testing.assert_allclose(frames_of(dynamics, 5 - 2 * images, times), 5 - 2 * own, atol=0.01)
    both = np.stack([images, images / 7], axis=1)
    both[1, 1, 50, 50] = np.nan
    found = frames_of(dynamics, both, times)
    assert found.shape == (3, 2, *dynamics.shape)
    np.testing.assert_allclose(found[[0, 2], 1], own[[0, 2]] / 7, atol=0.01)
    with pytest.raises(DerivedError, match="one for each of 4 observations"):
        frames_of(dynamics, images[:3])
    images = np.where(np.arange(4)[:, None, None] == 2, np.nan, images)
    with pytest.raises(DerivedError, match="image 2 has only missing ones"):
        frames_of(dynamics, images)
