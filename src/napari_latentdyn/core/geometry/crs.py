"""Places in the coordinate reference systems of two images, through pyproj."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry

__all__ = ["pixels_in", "same_place"]

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


def pixels_in(
    first: Geometry, last: Geometry, points: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the places of pixels (row, column) of the first image in the last one, (n, 2).

    None where there is no transform between the reference systems.
    """
    y, x = first.world(points).T
    if first.crs != last.crs:
        import pyproj

        try:
            here, there = (pyproj.CRS.from_wkt(str(image.crs)) for image in (first, last))
            x, y = pyproj.Transformer.from_crs(here, there, always_xy=True).transform(x, y)
        except pyproj.exceptions.ProjError:
            return None
    steps = np.stack([y, x]) - last.matrix[:2, 2:]
    places = np.linalg.solve(last.matrix[:2, :2], steps).T.astype(np.float64)
    return places if np.isfinite(places).all() else None
