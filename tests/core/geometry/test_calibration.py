"""Where an image lies: sizes, units and coordinates, also of what napari places."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_latentdyn.core.geometry.calibration import Calibration
from napari_latentdyn.core.geometry.placement import Placement
from napari_latentdyn.errors import CalibrationError

sizes = st.floats(1e-3, 1e3)
numbers = st.floats(-1e3, 1e3)


def turned(angle: float) -> tuple[tuple[float, float], ...]:
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return ((cos, -sin), (sin, cos))


def test_nothing_known():
    calibration = Calibration.of()
    assert (calibration.length_unit, calibration.time_unit) == ("pixel", "stage")
    assert calibration.stage_duration(8) == 1.0
    assert calibration.to_placement() is None
    assert Calibration.from_placement(None) == calibration


def test_scale_and_interval():
    calibration = Calibration.of(100.0, "meter", (5.0, -20.0), interval=24.0)
    assert calibration.pixel_size == (100.0, 100.0)
    assert (calibration.time_unit, calibration.stage_duration(8)) == ("hour", 3.0)
    y, x = calibration.coordinates((2, 3))
    np.testing.assert_allclose(y, [5, 105])
    np.testing.assert_allclose(x, [-20, 80, 180])


def test_reports_say_what_they_know():
    report = {"placement": None, "interval": {"value": 23, "unit": "day"}}
    assert Calibration.from_report(report) == Calibration(interval=23.0, interval_unit="day")
    assert Calibration.from_report({}) == Calibration()


@given(st.tuples(sizes, sizes), st.tuples(numbers, numbers), numbers)
def test_agrees_with_the_placement_of_layers(scale, translate, angle):
    placement = Placement(
        scale=scale, translate=translate, rotate=turned(angle), units=("meter", "meter")
    )
    calibration = Calibration.from_placement(json.loads(json.dumps(placement.to_dict())))
    np.testing.assert_allclose(calibration.pixel_size, placement.pixel_size, rtol=1e-9)
    np.testing.assert_allclose(calibration.offset, translate, rtol=1e-9)
    assert calibration.units == placement.units
    assert calibration.to_placement() == placement.to_dict()
    calibration.check_angles()


@given(st.tuples(sizes, sizes), st.tuples(numbers, numbers))
def test_what_is_said_by_hand_comes_back_from_a_report(pixel_size, offset):
    given_ = Calibration.of(pixel_size, "micrometer", offset)
    back = Calibration.from_placement(given_.to_placement())
    assert (back.pixel_size, back.units, back.offset) == (pixel_size, ("micrometer",) * 2, offset)
    layer = Placement.from_dict(given_.to_placement())
    assert (layer.scale, layer.translate) == (pixel_size, offset)


def test_a_scale_may_count_downwards():
    calibration = Calibration.from_placement({"scale": [-10.0, 5.0], "translate": [100.0, 0.0]})
    y, x = calibration.coordinates((3, 2))
    np.testing.assert_allclose(y, [100, 90, 80])
    np.testing.assert_allclose(x, [0, 5])
    assert calibration.pixel_size == (10.0, 5.0)


def test_an_affine_counts_too():
    affine = [[0.0, 2.0, 7.0], [2.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    calibration = Calibration.from_placement({"affine": affine, "scale": [3.0, 1.0]})
    assert calibration.pixel_size == (6.0, 2.0)
    assert calibration.offset == (7.0, 1.0)


def test_a_turned_image_has_coordinates_of_its_own():
    placement = Placement(scale=(2.0, 2.0), translate=(50.0, 50.0), rotate=turned(0.5))
    calibration = Calibration.from_placement(placement.to_dict())
    assert not calibration.is_upright
    y, x = calibration.coordinates((2, 2))
    np.testing.assert_allclose([y, x], [[0, 2], [0, 2]])


def test_a_sheared_image_has_no_right_angles():
    placement = Placement(shear=((1.0, 0.3), (0.0, 1.0)))
    with pytest.raises(CalibrationError, match="sheared"):
        Calibration.from_placement(placement.to_dict()).check_angles()


def test_two_units_are_no_unit_of_length():
    with pytest.raises(CalibrationError, match="meter down and in degree"):
        _ = Calibration.of(1.0, ("meter", "degree")).length_unit


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pixel_size": 2.0}, "pixel_size says nothing without units"),
        ({"units": "meter"}, "units says nothing without pixel_size"),
        ({"pixel_size": -1.0, "units": "meter"}, "no size"),
        ({"pixel_size": (1.0, np.nan), "units": "meter"}, "no size"),
        ({"pixel_size": (1.0, 2.0, 3.0), "units": "meter"}, "one or two numbers"),
        ({"pixel_size": "wide", "units": "meter"}, "one or two numbers"),
        ({"pixel_size": 1.0, "units": ("a", "b", "c")}, "one or two names"),
        ({"pixel_size": 1.0, "units": 3}, "one or two names"),
        ({"pixel_size": 1.0, "units": ""}, "one or two names"),
        ({"offset": (np.inf, 0.0)}, "no place"),
        ({"offset": (1.0,)}, "no place"),
        ({"interval": 0.0}, "no time"),
    ],
)
def test_what_is_no_scale_is_refused(arguments, said):
    with pytest.raises(CalibrationError, match=said):
        Calibration.of(**arguments)
