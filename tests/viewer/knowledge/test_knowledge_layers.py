"""Regions, landmarks and tracks out of layers, in pixels and times of the images."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels, Points, Shapes, Tracks
from numpy.typing import NDArray

from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.knowledge.grid import ImageGrid
from napari_latentdyn.viewer.knowledge.reading import Known, KnownLayer, read_layers, roles_of

SHAPE = (32, 40)


def pair(**place: Any) -> ImageGrid:
    """Two images in two layers."""
    layers = [Image(np.zeros(SHAPE), **place) for _ in range(2)]
    return ImageGrid.of([(layer, ()) for layer in layers], None, Settings())


def stack(frames: tuple[int, ...] = (0, 1, 2, 3, 4), times: Any = None, **place: Any) -> ImageGrid:
    """Some frames of a stack of five."""
    layer = Image(np.zeros((5, *SHAPE)), **place)
    when = np.asarray(frames, np.float64) if times is None else np.asarray(times)
    return ImageGrid.of(
        [(layer, (k,)) for k in frames], when if len(frames) > 2 else None, Settings()
    )


def known(grid: ImageGrid, *layers: tuple[Any, str], **options: Any) -> Known:
    return read_layers([KnownLayer(*one) for one in layers], grid, **options)


def refusal(grid: ImageGrid, *layers: tuple[Any, str]) -> str:
    with pytest.raises(ObservationError) as error:
        known(grid, *layers)
    text = str(error.value)
    assert ". " not in text, "one sentence"
    return text


def square(*spans: slice, count: int | None = None) -> NDArray[np.int64]:
    mask = np.zeros(SHAPE if count is None else (count, *SHAPE), np.int64)
    mask[spans] = 3
    return mask


def test_a_labels_layer_of_a_plane_holds_for_all_images() -> None:
    mask = square(slice(4, 9), slice(2, 7))
    mask[20:, 20:] = 5
    found = known(stack(), (Labels(mask), "still"))
    np.testing.assert_array_equal(found.knowledge.regions.still, [mask > 0])
    assert found.sentence == "1 mask"
    one = read_layers([KnownLayer(Labels(mask), "wall", 5)], stack())
    np.testing.assert_array_equal(one.knowledge.regions.wall, [mask == 5])


def test_roles_are_joined_and_told_apart() -> None:
    one, other = square(slice(4, 9), slice(2, 7)), square(slice(20, 30), slice(8, 30))
    found = known(pair(), (Labels(one), "still"), (Labels(other), "still"), (Labels(one), "wall"))
    assert found.sentence == "3 masks"
    np.testing.assert_array_equal(found.knowledge.regions.still, [(one + other) > 0])
    np.testing.assert_array_equal(found.knowledge.regions.wall, [one > 0])
    assert found.key != known(pair(), (Labels(one), "still")).key


def test_a_stack_of_labels_has_a_region_for_each_image() -> None:
    labels = square(slice(1, 4, 2), slice(4, 9), slice(2, 7), count=5)
    found = known(stack((0, 1, 3)), (Labels(labels), "still"))
    still = found.knowledge.regions.still
    assert still is not None
    np.testing.assert_array_equal(still, labels[[0, 1, 3]] > 0)
    backwards = known(stack((4, 3, 1), times=[0, 1, 3]), (Labels(labels), "still"))
    np.testing.assert_array_equal(backwards.knowledge.regions.still, labels[[4, 3, 1]] > 0)
    missing = known(stack((1, 4)), (Labels(labels), "missing"))
    assert missing.knowledge.is_empty
    np.testing.assert_array_equal(missing.missing_of(0), labels[1] > 0)
    assert not np.any(missing.missing_of(1))


def test_land_that_is_drawn_on_one_frame_holds_for_all_and_a_cloud_does_not() -> None:
    drawn = square(slice(2, 3), slice(4, 9), slice(2, 7), count=5)
    still = known(stack(), (Labels(drawn), "still")).knowledge.regions.still
    np.testing.assert_array_equal(still, drawn[2:3] > 0)
    cloud = known(stack(), (Labels(drawn), "missing")).missing
    np.testing.assert_array_equal(cloud, drawn > 0)
    assert "got none" in refusal(stack((0, 4)), (Labels(drawn), "missing"))


def test_shapes_lie_on_pixels_of_images_with_another_scale() -> None:
    grid = pair(scale=(2, 4), translate=(100, 200))
    # Rows 5 to 10 and columns 10 to 20, in the world of the images.
    box = np.array([[109, 238], [109, 282], [121, 282], [121, 238]])
    found = known(grid, (Shapes([box], shape_type="polygon"), "wall")).knowledge.regions.wall
    assert found is not None
    rows, columns = np.nonzero(found[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 10, 10, 20)
    assert found.sum() == 6 * 11
    again = Shapes([box / 2], shape_type="polygon", scale=(2, 2))
    np.testing.assert_array_equal(
        known(grid, (again, "wall")).knowledge.regions.wall, found, "the layer is scaled"
    )


def test_shapes_under_a_rotation() -> None:
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine = np.eye(3)
    affine[:2, :2] = turn
    box = np.array([[4.6, 5.6], [4.6, 15.4], [12.4, 15.4], [12.4, 5.6]])
    shape = Shapes([box @ turn.T], shape_type="polygon")
    found = known(pair(affine=affine), (shape, "still")).knowledge.regions.still
    np.testing.assert_array_equal(found, [square(slice(5, 13), slice(6, 16)) > 0])


@pytest.mark.parametrize(
    ("kind", "vertices", "width", "area"),
    [
        ("rectangle", [[4, 4], [4, 24], [20, 24], [20, 4]], 1, 17 * 21),
        ("ellipse", [[4, 4], [4, 24], [20, 24], [20, 4]], 1, np.pi * 8 * 10),
        ("path", [[4.4, 4.4], [4.4, 24.4], [20.4, 24.4]], 4, (20 + 16) * 4 + np.pi * 4),
        ("line", [[6.4, 6.4], [6.4, 30.4]], 6, 24 * 6 + np.pi * 9),
    ],
)
def test_areas_of_shapes(kind: str, vertices: Any, width: float, area: float) -> None:
    layer = Shapes([np.array(vertices)], shape_type=kind, edge_width=width)
    found = known(pair(), (layer, "still")).knowledge.regions.still
    assert found is not None
    assert found.sum() == pytest.approx(area, rel=0.12)


def test_a_thin_wall_has_no_gap() -> None:
    from scipy import ndimage

    layer = Shapes([np.array([[-2.0, 3.0], [40.0, 31.0]])], shape_type="path", edge_width=0.1)
    wall = known(pair(), (layer, "wall")).knowledge.regions.wall
    assert wall is not None
    # Both sides are not connected, even by corners.
    assert ndimage.label(~wall[0], np.ones((3, 3)))[1] == 2


def test_shapes_of_images() -> None:
    box = np.array([[3.6, 3.6], [3.6, 9.4], [9.4, 9.4], [9.4, 3.6]])
    shapes = [np.column_stack([np.full(4, float(frame)), box + frame]) for frame in (0, 4)]
    found = known(stack((0, 2, 4)), (Shapes(shapes, ndim=3), "still")).knowledge.regions.still
    assert found is not None
    assert found.any(axis=(1, 2)).tolist() == [True, False, True]
    np.testing.assert_array_equal(found[2], square(slice(8, 14), slice(8, 14)) > 0)


def test_rigid_bodies_keep_their_numbers() -> None:
    mask = square(slice(4, 9), slice(2, 7))
    mask[20:, 20:] = 7
    box = np.array([[3.6, 19.6], [3.6, 29.4], [9.4, 29.4], [9.4, 19.6]])
    shapes = Shapes([box, box + np.array([10, -19])], shape_type="polygon")
    found = known(pair(), (Labels(mask), "rigid"), (shapes, "rigid")).knowledge.regions.rigid
    assert found is not None
    np.testing.assert_array_equal(found[0] * (mask > 0), mask)
    drawn = np.where(mask > 0, 0, found[0])
    assert np.unique(drawn).tolist() == [0, 8, 9]
    np.testing.assert_array_equal(drawn == 8, square(slice(4, 10), slice(20, 30)) > 0)


def test_an_image_of_booleans_is_a_region() -> None:
    mask = square(slice(4, 9), slice(2, 7)) > 0
    found = known(pair(), (Image(mask), "interest")).knowledge.regions.interest
    np.testing.assert_array_equal(found, [mask])
    assert roles_of(Image(mask)) == roles_of(Labels(mask.astype(int)))
    assert roles_of(Image(mask.astype(float))) == ()


def test_landmarks_in_a_layer_with_a_time_axis() -> None:
    grid = stack((0, 4), scale=(10, 2, 2))
    points = [[0, 5, 6], [0, 8, 9], [40, 9, 16], [40, 12, 19]]
    found = known(grid, (Points(points), "landmarks")).knowledge.tracks
    assert found is not None
    assert found.landmark_count == 2
    np.testing.assert_allclose(found.time, [0, 1, 0, 1])
    np.testing.assert_allclose(found.place, np.array(points)[[0, 2, 1, 3], 1:] / 2)
    # A name tells which points are one landmark, in any order.
    named = Points(points, features={"landmark": ["a", "b", "b", "a"], "sigma": [1, 1, 2, 2]})
    found = known(grid, (named, "landmarks")).knowledge.tracks
    assert found is not None
    np.testing.assert_allclose(found.place, np.array(points)[[0, 3, 1, 2], 1:] / 2)
    np.testing.assert_allclose(found.sigma, [1, 2, 1, 2])


def test_landmarks_in_two_layers() -> None:
    first, last = Points([[5, 6], [8, 9]], name="a"), Points([[6, 8], [9, 11]], name="b")
    found = known(pair(), (first, "first"), (last, "last"), sigma=2.0)
    assert found.sentence == "2 landmarks"
    tracks = found.knowledge.tracks
    assert tracks is not None
    np.testing.assert_allclose(tracks.place, [[5, 6], [6, 8], [8, 9], [9, 11]])
    np.testing.assert_allclose(tracks.sigma, 2.0)
    three = Points([[6, 8], [9, 11], [1, 1]])
    assert "2 points on the first and 3 on the last" in refusal(
        pair(), (first, "first"), (three, "last")
    )
    assert "0 on the last" in refusal(pair(), (first, "first"))


def test_tracks_in_the_time_of_a_stack() -> None:
    rows = [[7, 20.0, 10, 12], [7, 50.0, 14, 20], [9, 20.0, 4, 4], [9, 60.0, 8, 8]]
    layer = Tracks(rows)
    grid = stack(scale=(10, 2, 2), translate=(20, 0, 0))
    found = known(grid, (layer, "tracks"), hold_back=0.5)
    assert found.sentence == "2 tracks, 1 held back", "tracks of two positions are tracks"
    tracks = found.knowledge.tracks
    assert tracks is not None
    np.testing.assert_allclose(tracks.time, [0, 3, 0, 4])
    np.testing.assert_allclose(tracks.place, np.array(rows)[:, 2:] / 2)
    assert len(np.unique(tracks.track[tracks.held])) == 1
    # Of two images of the stack, times are parts of the time between them.
    two = known(
        stack((0, 4), scale=(10, 2, 2), translate=(20, 0, 0)), (layer, "tracks")
    ).knowledge.tracks
    assert two is not None
    np.testing.assert_allclose(two.time, [0, 0.75, 0, 1])


def test_tracks_that_do_not_meet_the_images_are_left_out() -> None:
    rows = [[1, 0, 5, 5], [1, 1, 5, 6], [2, 1, 5, 5], [3, 0, 500, 5], [3, 1, 500, 6]]
    found = known(pair(), (Tracks(rows, name="buoys"), "tracks"))
    assert found.sentence == "1 track"
    assert found.notes == [
        "2 tracks of buoys do not meet the images in place and time, and are left out."
    ]
    report = found.knowledge.to_report()
    assert report is not None
    assert report["sources"] == [{"role": "tracks", "name": "buoys", "left_out": 2}]


def test_times_of_tracks_beside_two_layers() -> None:
    rows = np.array([[1, 0.0, 10, 12], [1, 0.5, 12, 12], [1, 1.0, 14, 20]])
    tracks = known(pair(), (Tracks(rows), "tracks")).knowledge.tracks
    assert tracks is not None
    np.testing.assert_allclose(tracks.time, [0, 0.5, 1], err_msg="parts of the interval")
    stages = Settings().model.stages
    rows[:, 1] *= stages
    tracks = known(pair(), (Tracks(rows), "tracks")).knowledge.tracks
    assert tracks is not None
    np.testing.assert_allclose(tracks.time, [0, 0.5, 1], err_msg="the slider of the frames")
    layers = [(Image(np.zeros(SHAPE)), ()) for _ in range(2)]
    hours = Settings().updated({"images.interval": 6.0, "images.interval_unit": "hour"})
    grid = ImageGrid.of(layers, None, hours)
    rows[:, 1] = [0, 180, 360]
    tracks = known(grid, (Tracks(rows, units=("min", "pixel", "pixel")), "tracks")).knowledge.tracks
    assert tracks is not None
    np.testing.assert_allclose(tracks.time, [0, 0.5, 1], err_msg="minutes of six hours")


def test_uneven_times_of_frames_between_the_images() -> None:
    layer = Image(
        np.zeros((5, *SHAPE)),
        metadata={"latentdyn_times": {"values": [0, 1, 4, 5, 10], "unit": "hour"}},
    )
    grid = ImageGrid.of([(layer, (0,)), (layer, (4,))], None, Settings())
    rows = [[1, float(k), 5, 5 + k] for k in range(5)]
    tracks = known(grid, (Tracks(rows), "tracks")).knowledge.tracks
    assert tracks is not None
    np.testing.assert_allclose(tracks.time, [0, 0.1, 0.4, 0.5, 1])


REGION = square(slice(4, 9), slice(2, 7))


@pytest.mark.parametrize(
    ("layer", "role", "said"),
    [
        (Labels(np.ones((20, 20), int), name="m"), "still", "“m” must have the size of the images"),
        (Labels(REGION, name="m", translate=(9, 0)), "still", "9 pixels away"),
        (Labels(np.zeros(SHAPE, int), name="m"), "wall", "“m” must have a region"),
        (Labels(np.ones(SHAPE, int)), "still", "cover all"),
        (Labels(np.ones(SHAPE, int)), "missing", "missing pixels must leave a part"),
        (Labels(np.ones((2, 2, *SHAPE), int), name="m"), "still", "got 4 axes"),
        (Shapes(ndim=2, name="m"), "still", "“m” must have a region"),
        (Shapes([np.array([[90, 90], [90, 99], [99, 99]])], shape_type="polygon"), "wall", "none"),
        (Points(ndim=2, name="m"), "first", "“m” must have points"),
        (Points([[5, 5]], name="m"), "landmarks", "“m” must have an axis of time"),
        (Points([[0, 5, 5], [0, 6, 6]], name="m"), "landmarks", "got points on image 1 alone"),
        (
            Points([[0, 5, 5], [0, 6, 6], [1, 5, 5]], name="m"),
            "landmarks",
            "got 2 on image 1 and 1 on image 2",
        ),
        (
            Points([[0, 5, 5], [1, 6, 6]], features={"landmark": ["a", "b"]}),
            "landmarks",
            "one point of the landmark “a”",
        ),
        (
            Tracks([[1, 0, 500, 5], [1, 1, 500, 6]], name="m"),
            "tracks",
            "“m” must lie in the images",
        ),
        (Tracks([[1, 20, 5, 5], [1, 21, 5, 6]]), "tracks", "check the unit of the times"),
        (Tracks([[1, 0, 5, 5], [2, 1, 5, 5]]), "tracks", "at least two positions"),
        (
            Tracks([[1, 0, 5, 5], [1, 1, 5, 6], [2, 0, 5, 5], [2, 1, 25, 25]]),
            "tracks",
            "must move together",
        ),
    ],
)
def test_layers_that_do_not_fit_get_one_sentence(layer: Any, role: str, said: str) -> None:
    assert re.search(re.escape(said), refusal(pair(), (layer, role)))


def test_a_label_that_is_not_drawn_is_named() -> None:
    with pytest.raises(ObservationError, match=r"“m” must have the label 7 on an image"):
        read_layers([KnownLayer(Labels(REGION, name="m"), "still", 7)], pair())


def test_a_region_of_interest_that_an_image_misses_is_refused() -> None:
    said = refusal(pair(), (Labels(REGION), "interest"), (Labels(REGION), "missing"))
    assert said.startswith("the region of interest must contain pixels that can move")


@settings(max_examples=30, deadline=None)
@given(
    scale=st.tuples(*[st.floats(0.05, 50)] * 2),
    shift=st.tuples(*[st.floats(-1e4, 1e4)] * 2),
    own=st.floats(0.1, 10),
    place=st.tuples(*[st.floats(0, 30)] * 2),
)
def test_places_do_not_depend_on_scales(
    scale: tuple[float, float], shift: tuple[float, float], own: float, place: tuple[float, float]
) -> None:
    grid = pair(scale=scale, translate=shift)
    world = (np.array([place]) * scale + shift) / own
    layer = Points(world, scale=(own, own))
    np.testing.assert_allclose(grid.pixels(layer, layer.data), [place], atol=1e-5)
