"""How two images lie against each other on the map."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from napari_latentdyn.core.geometry.checks import Described, check_grids, place_oddities
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ObservationError

NORTH_UP = [10.0, 0.0, 5e5, 0.0, -10.0, 6e6]


def image(name, transform, system="+proj=utm +zone=33"):
    wkt = pyproj.CRS.from_user_input(system).to_wkt("WKT1_GDAL")
    return Described(name, coordinates=Geometry.from_map(transform, wkt, "metre"))


def turned(degrees):
    """Return a transform that is turned about the first corner, with pixels of 10 m."""
    angle = np.radians(degrees)
    cos, sin = 10 * np.cos(angle), 10 * np.sin(angle)
    return [cos, sin, 5e5, sin, -cos, 6e6]


@pytest.mark.parametrize(
    ("transform", "how"),
    [
        ([0.0, 10.0, 5e5, 10.0, 0.0, 6e6], "turned by 90 degrees"),
        (turned(30), "turned by 30 degrees"),
        ([0.0, 10.0, 5e5, -10.0, 0.0, 6e6], "mirrored"),
    ],
)
def test_images_turned_against_each_other_are_refused(transform, how):
    pair = image("a", NORTH_UP), image("b", transform)
    for first, last in (pair, pair[::-1]):
        with pytest.raises(ObservationError, match=f"are {how} against each other on the map"):
            check_grids(first, last)


def test_neighbours_among_three_images_are_compared():
    near, far = image("b", NORTH_UP), image("c", [10.0, 0.0, 9e5, 0.0, -10.0, 6e6])
    (said,) = place_oddities(image("a", NORTH_UP), near, far)
    assert said.startswith("b and c lie at different places")
    with pytest.raises(ObservationError, match="b and c are turned by 30 degrees"):
        check_grids(image("a", NORTH_UP), near, image("c", turned(30)))


def test_images_turned_alike_are_not_refused():
    check_grids(image("a", turned(30)), image("b", turned(30.1)))
    check_grids(image("a", NORTH_UP), image("b", turned(2), "+proj=utm +zone=32"))


@pytest.mark.parametrize(
    ("transform", "system", "same"),
    [
        ([0.01, 0.0, 500.0, 0.0, -0.01, 6000.0], "+proj=utm +zone=33 +units=km", True),
        ([0.01, 0.0, 500.1, 0.0, -0.01, 6000.0], "+proj=utm +zone=33 +units=km", False),
        (NORTH_UP, "EPSG:32633", True),
        (NORTH_UP, "+proj=utm +zone=32", False),
        (NORTH_UP, "+proj=laea +lat_0=54.15 +lon_0=15 +x_0=500000 +y_0=6000000", False),
    ],
)
def test_one_place_in_two_reference_systems(transform, system, same):
    said = place_oddities(image("a", NORTH_UP), image("b", transform, system))
    assert (said == []) == same
