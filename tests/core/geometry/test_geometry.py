"""Where an image lies: sizes, units and coordinates."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import GeometryError

sizes = st.floats(1e-3, 1e3)
numbers = st.floats(-1e3, 1e3)


def turned(angle: float) -> list[list[float]]:
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return [[cos, -sin], [sin, cos]]


def test_nothing_known():
    geometry = Geometry.from_pixel_size()
    assert geometry.length_unit == "pixel"
    assert geometry == Geometry() == Geometry.from_report(None) == Geometry.from_report({})
    assert geometry.axis_labels == ("y", "x")
    assert geometry.pixel_size == (1, 1)


def test_scale():
    geometry = Geometry.from_pixel_size(100.0, "meter", (5.0, -20.0))
    assert geometry.pixel_size == (100.0, 100.0)
    y, x = geometry.coordinates((2, 3))
    np.testing.assert_allclose(y, [5, 105])
    np.testing.assert_allclose(x, [-20, 80, 180])


@given(st.tuples(sizes, sizes), st.tuples(numbers, numbers), numbers)
def test_a_report_of_an_earlier_version(scale, translate, angle):
    report = {
        "scale": list(scale),
        "translate": list(translate),
        "rotate": turned(angle),
        "shear": [[1.0, 0.0], [0.0, 1.0]],
        "affine": np.eye(3).tolist(),
        "units": ["meter", "meter"],
        "axis_labels": ["north", "east"],
    }
    geometry = Geometry.from_report(json.loads(json.dumps(report)))
    np.testing.assert_allclose(geometry.pixel_size, scale, rtol=1e-9)
    np.testing.assert_allclose(geometry.offset, translate, rtol=1e-9)
    np.testing.assert_allclose(geometry.matrix[:2, :2], turned(angle) * np.array(scale))
    assert (geometry.units, geometry.axis_labels) == (("meter", "meter"), ("north", "east"))
    assert Geometry.from_report(json.loads(json.dumps(geometry.to_report()))) == geometry
    geometry.check_angles()


@given(st.tuples(sizes, sizes), st.tuples(numbers, numbers))
def test_what_is_said_by_hand_comes_back_from_a_report(pixel_size, offset):
    given_ = Geometry.from_pixel_size(pixel_size, "micrometer", offset)
    report = given_.to_report()
    assert (report["scale"], report["translate"]) == (list(pixel_size), list(offset))
    back = Geometry.from_report(report)
    assert back == given_
    assert (back.pixel_size, back.units, back.offset) == (pixel_size, ("micrometer",) * 2, offset)


def test_a_map_comes_back_from_the_report_of_a_run():
    entry = {"crs_wkt": "somewhere", "transform": [40.0, 1.0, 5e5, 2.0, -20.0, 8e6]}
    geometry = Geometry.on_map({**entry, "units": "degree"})
    assert geometry.to_report() == {**entry, "units": "degree"}
    # The centre of the first pixel, not its corner.
    np.testing.assert_allclose(geometry.world([0, 0]), [8e6 - 9, 5e5 + 20.5])
    np.testing.assert_allclose(geometry.world([1, 3]), [8e6 - 9 - 20 + 6, 5e5 + 20.5 + 1 + 120])


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"crs_wkt": "a", "transform": [1, 2, 3]},
        {"crs_wkt": "a", "transform": ["b"] * 6},
        {"crs_wkt": "", "transform": [1, 0, 0, 0, 1, 0]},
        {"crs_wkt": 5, "transform": [1, 0, 0, 0, 1, 0]},
        {"crs_wkt": "a", "transform": [1, 1, 0, 1, 1, 0]},
        {"crs_wkt": "a", "transform": [1, 0, float("nan"), 0, 1, 0]},
    ],
)
def test_a_map_that_cannot_be_used(entry):
    assert Geometry.on_map(entry) is None
    assert Geometry.on_map({}) is None


def test_a_scale_may_count_downwards():
    geometry = Geometry.from_report({"scale": [-10.0, 5.0], "translate": [100.0, 0.0]})
    y, x = geometry.coordinates((3, 2))
    np.testing.assert_allclose(y, [100, 90, 80])
    np.testing.assert_allclose(x, [0, 5])
    assert geometry.pixel_size == (10.0, 5.0)


def test_an_affine_counts_too():
    affine = [[0.0, 2.0, 7.0], [2.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    geometry = Geometry.from_report({"affine": affine, "scale": [3.0, 1.0]})
    assert geometry.pixel_size == (6.0, 2.0)
    assert geometry.offset == (7.0, 1.0)


def test_a_turned_image_has_coordinates_of_its_own():
    report = {"scale": [2.0, 2.0], "translate": [50.0, 50.0], "rotate": turned(0.5)}
    geometry = Geometry.from_report(report)
    assert not geometry.is_upright
    y, x = geometry.coordinates((2, 2))
    np.testing.assert_allclose([y, x], [[0, 2], [0, 2]])


def test_a_sheared_image_has_no_right_angles():
    geometry = Geometry.from_report({"shear": [[1.0, 0.3], [0.0, 1.0]]})
    with pytest.raises(GeometryError, match="sheared"):
        geometry.check_angles()


def test_two_units_are_no_unit_of_length():
    with pytest.raises(GeometryError, match="meter down and in degree"):
        _ = Geometry.from_pixel_size(1.0, ("meter", "degree")).length_unit


def test_axis_names_do_not_clash() -> None:
    place = Geometry(axis_labels=("x", "t"))
    kwargs = place.layer_kwargs(scale=(1,), translate=(0,), units=("hour",), axis_labels=("t",))
    assert kwargs["axis_labels"] == ("t_", "x", "t")


def test_an_affine_of_a_layer_stands_alone_only_where_a_scale_cannot_say_it() -> None:
    front = {"scale": (3,), "translate": (4,), "units": ("hour",), "axis_labels": ("t",)}
    upright = Geometry.from_pixel_size((10.0, 20.0), "meter", (5.0, 6.0)).layer_kwargs(**front)
    assert (upright["scale"], upright["translate"]) == ((3.0, 10.0, 20.0), (4.0, 5.0, 6.0))
    np.testing.assert_array_equal(upright["affine"], np.eye(4))
    turn = Geometry.from_report({"rotate": turned(0.5), "translate": [5.0, 6.0]})
    aslant = turn.layer_kwargs(**front)
    assert (aslant["scale"], aslant["translate"]) == ((3.0, 1.0, 1.0), (4.0, 0.0, 0.0))
    np.testing.assert_array_equal(aslant["affine"][1:, 1:], turn.matrix)


def test_an_image_that_lies_on_a_line() -> None:
    with pytest.raises(GeometryError, match="one line"):
        Geometry(((1.0, 2.0, 0.0), (1.0, 2.0, 0.0), (0.0, 0.0, 1.0)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pixel_size": 2.0}, "pixel_size needs units"),
        ({"units": "meter"}, "units needs pixel_size"),
        ({"pixel_size": -1.0, "units": "meter"}, "the pixel size must be"),
        ({"pixel_size": (1.0, np.nan), "units": "meter"}, "the pixel size must be"),
        ({"pixel_size": (1.0, 2.0, 3.0), "units": "meter"}, "one or two numbers"),
        ({"pixel_size": "wide", "units": "meter"}, "one or two numbers"),
        ({"pixel_size": 1.0, "units": ("a", "b", "c")}, "one or two names"),
        ({"pixel_size": 1.0, "units": 3}, "one or two names"),
        ({"pixel_size": 1.0, "units": ""}, "one or two names"),
        ({"pixel_size": 1.0, "units": "banana"}, "there is no unit 'banana'; known are pixel"),
        ({"pixel_size": 1.0, "units": ("meter", "m" * 200)}, "there is no unit"),
        ({"offset": (np.inf, 0.0)}, "the offset must be"),
        ({"offset": (1.0,)}, "the offset must be"),
    ],
)
def test_what_is_no_scale_is_refused(arguments, said):
    with pytest.raises(GeometryError, match=said):
        Geometry.from_pixel_size(**arguments)


def test_unknown_units_of_earlier_run_folders_are_pixels():
    old = Geometry.from_report({"scale": [2.0, 3.0], "units": ["banana", "meter"]})
    assert (old.units, old.pixel_size) == (("pixel", "meter"), (2.0, 3.0))
