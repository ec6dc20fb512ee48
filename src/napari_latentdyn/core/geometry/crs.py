"""Places in the coordinate reference systems of two images, through pyproj."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry

__all__ = ["crs_name", "metres_of_pixel", "pixels_in", "pixels_of", "same_place"]

_FAR = 1000.0  # pixels
_SAME_PLACE = 1e-3  # pixels


def same_place(first: Geometry, last: Geometry) -> bool:
    """Return whether two images on the Earth lie at one place, within a thousandth of a pixel.

    Reference systems that differ only in their unit or name are equal.
    """
    if first.crs == last.crs:
        tolerance = _SAME_PLACE * float(np.abs(first.matrix[:2, :2]).max())
        return bool(np.abs(first.matrix - last.matrix).max() <= tolerance)
    # Systems of different shape can agree near one corner, and not across the image.
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [_FAR, 0.0], [0.0, _FAR], [_FAR, _FAR]])
    places = pixels_in(first, last, corners)
    return places is not None and bool(np.abs(places - corners).max() <= _SAME_PLACE)


def crs_name(crs: str | None) -> str:
    """Return the name of a reference system, such as "WGS 84 / UTM zone 33N"."""
    import pyproj

    return str(pyproj.CRS.from_user_input(str(crs)).name)


def pixels_in(
    first: Geometry, last: Geometry, points: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the places of pixels (row, column) of the first image in the last one, (n, 2).

    None where there is no transform between the reference systems.
    """
    places = pixels_of(first.world(points), first.crs, last)
    return places if places is not None and np.isfinite(places).all() else None


def pixels_of(
    places: NDArray[np.float64], crs: str | None, image: Geometry
) -> NDArray[np.float64] | None:
    """Return the pixels (row, column) of an image at places (y, x) in a reference system, (n, 2).

    They are NaN where the transform has no value. None where there is no transform.
    """
    y, x = places.T
    if crs != image.crs:
        import pyproj

        try:
            here, there = (pyproj.CRS.from_user_input(str(name)) for name in (crs, image.crs))
            x, y = pyproj.Transformer.from_crs(here, there, always_xy=True).transform(x, y)
        except pyproj.exceptions.ProjError:
            return None
    steps = np.stack([y, x]) - image.matrix[:2, 2:]
    steps[:, ~np.isfinite(steps).all(axis=0)] = np.nan
    return np.asarray(np.linalg.solve(image.matrix[:2, :2], steps).T, np.float64)


def metres_of_pixel(image: Geometry, shape: tuple[int, int]) -> float:
    """Return the mean side in metres of a pixel in the middle of an image on the Earth."""
    import pyproj

    here = pyproj.CRS.from_user_input(str(image.crs))
    row, column = (np.array(shape) - 1) / 2
    y, x = image.world([[row, column], [row + 1, column], [row, column + 1]]).T
    to_degrees = pyproj.Transformer.from_crs(here, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(x, y)
    start = (longitude[[0, 0]], latitude[[0, 0]])
    sides = pyproj.Geod(ellps="WGS84").inv(*start, longitude[1:], latitude[1:])[2]
    return float(np.sqrt(np.prod(sides)))
