"""Results lie where their inputs lie, to the pixel, under any transform."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from napari.layers import Image, Layer
from tests.conftest import dynamics_of, small_dynamics

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.viewer.layers import result_layers, snapshot

factor = st.floats(0.01, 100) | st.floats(-100, -0.01)
offset = st.floats(-1e4, 1e4)
angle = st.floats(-180, 180)
small = st.floats(-2, 2)


def matrices(size: int) -> st.SearchStrategy[np.ndarray]:
    """Affine matrices in homogeneous coordinates that can be inverted."""
    values = st.lists(small, min_size=size * (size + 1), max_size=size * (size + 1))

    def build(numbers: list[float]) -> np.ndarray:
        matrix = np.eye(size + 1)
        matrix[:-1] += np.reshape(numbers, (size, size + 1))
        return matrix

    return values.map(build).filter(lambda m: abs(np.linalg.det(m)) > 0.05)


@st.composite
def transforms(draw: st.DrawFn, ndim: int = 2) -> dict[str, Any]:
    rotate = draw(angle) if ndim == 2 else tuple(draw(angle) for _ in range(3))
    shear = [draw(small) for _ in range(ndim * (ndim - 1) // 2)]
    if draw(st.booleans()):
        # napari also takes shear as a lower triangle.
        matrix = np.eye(ndim)
        matrix[np.tril_indices(ndim, -1)] = shear
        shear = matrix
    return {
        "scale": [draw(factor) for _ in range(ndim)],
        "translate": [draw(offset) for _ in range(ndim)],
        "rotate": rotate,
        "shear": shear,
        "affine": draw(matrices(ndim)),
    }


CORNERS = np.array([[y, x] for y in (-0.5, 11.5) for x in (-0.5, 15.5)])


def world(layer: Layer, front: tuple[float, ...] = ()) -> np.ndarray:
    return np.array([layer.data_to_world((*front, *corner))[-2:] for corner in CORNERS])


def precision(transform: dict[str, Any]) -> float:
    """Distance by which napari itself misplaces a corner.

    A layer describes a matrix as diagonal if no other entry exceeds 1e-8.
    """
    extent = CORNERS.max() * np.abs(transform["scale"]).max()
    return float(1e-6 + 1e-8 * extent * np.abs(transform["affine"]).sum())


def results(source: Layer, step: tuple[int, ...], **changes: Any) -> list[Layer]:
    snap = snapshot(source, step)
    # Through JSON, as in a run folder.
    place = Geometry.from_report(json.loads(json.dumps(snap.placement.to_report())))
    run = small_dynamics()
    report = {**run.report.model_dump(), "placement": place.to_report()}
    made = dynamics_of(run.frames(), run.fields, report, **changes)
    return [Layer.create(*layer) for layer in result_layers(made)]


@settings(max_examples=40, deadline=None)
@example(
    transform={
        "scale": [9.0, 1.0],
        "translate": [0.0, 0.0],
        "rotate": 0.0,
        "shear": np.array([[1, 0], [1e-8, 1]]),
        "affine": np.eye(3),
    },
    even=False,
)
@given(transform=transforms(), even=st.booleans())
def test_any_transform_of_a_plane(transform: dict[str, Any], even: bool) -> None:
    source = Image(np.zeros((12, 16)), **transform, units=("um", "mm"))
    times = np.linspace(0, 1, 4) if even else np.array([0, 0.1, 0.7, 1])
    latents, confidence = np.zeros((4, 2, 12, 16), np.float32), np.zeros((4, 12, 16), np.float32)
    expected = world(source)
    for layer in results(source, (), times=times, latents=latents, confidence=confidence):
        front = (0,) * (layer.ndim - 2)
        for time in range(3):
            at = world(layer, (*front[1:], time))
            np.testing.assert_allclose(at, expected, rtol=1e-9, atol=precision(transform))
        assert [str(unit) for unit in layer.units[-2:]] == ["micrometer", "millimeter"]


# napari tells that it cannot draw such stacks as they lie; where they lie is still clear.
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
@settings(max_examples=40, deadline=None)
@given(transform=transforms(ndim=3), frame=st.integers(0, 2))
def test_any_transform_of_a_stack(transform: dict[str, Any], frame: int) -> None:
    source = Image(np.zeros((3, 12, 16)), **transform)
    origin, down, right = (
        np.array(source.data_to_world((frame, *point)))[1:] for point in ((0, 0), (1, 0), (0, 1))
    )
    # A plane seen from its edge has no place of its own; the test below is for it.
    assume(abs(np.linalg.det([down - origin, right - origin])) > 1e-3)
    for layer in results(source, (frame, 0, 0)):
        for time in range(3):
            at = world(layer, (time,))
            np.testing.assert_allclose(at, world(source, (frame,)), rtol=1e-6, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_a_plane_that_stands_upright_keeps_its_pixel_size() -> None:
    # Turned by 90 degrees out of the view: y runs along z.
    turn = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=float)
    source = Image(np.zeros((3, 12, 16)), scale=(1, 2, 3), rotate=turn)
    assert snapshot(source, (1, 0, 0)).placement == Geometry(np.diag([2.0, 3.0, 1.0]))


def test_all_factors_count_in_their_order() -> None:
    source = Image(
        np.zeros((5, 12, 16)),
        scale=(9, 2, 3),
        translate=(8, 5, 7),
        rotate=np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=float),
        shear=[0, 0, 0.5],
        units=("second", "nm", "nm"),
        axis_labels=("time", "north", "east"),
    )
    place = snapshot(source, (2, 0, 0)).placement
    assert place.affine == ((0, -3, 5), (2, 1.5, 7), (0, 0, 1))
    assert place.units == ("nanometer", "nanometer")
    assert place.axis_labels == ("north", "east")
    assert Geometry.from_report(place.to_report()) == place


def test_defaults() -> None:
    assert snapshot(Image(np.zeros((4, 5)))).placement == Geometry()


@given(transform=transforms())
@settings(max_examples=20, deadline=None)
def test_pixel_size_is_the_distance_of_neighbours(transform: dict[str, Any]) -> None:
    source = Image(np.zeros((12, 16)), **transform)
    points = [np.array(source.data_to_world(p)) for p in ((0, 0), (1, 0), (0, 1))]
    distances = [np.linalg.norm(p - points[0]) for p in points[1:]]
    assert snapshot(source).placement.pixel_size == pytest.approx(distances, rel=1e-6)
