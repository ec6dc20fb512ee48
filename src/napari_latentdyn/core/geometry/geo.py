"""Where an image lies on the Earth: what a GeoTIFF said, kept in the report of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Geo"]


@dataclass(frozen=True)
class Geo:
    """A coordinate reference system and where the pixels lie in it.

    Attributes
    ----------
    crs_wkt : str
        The coordinate reference system as well-known text.
    transform : tuple of six float
        (a, b, c, d, e, f): the corner (column, row) of the grid of pixels lies
        at x = a * column + b * row + c, y = d * column + e * row + f. The
        centre of the first pixel is the corner (0.5, 0.5).
    units : str
        Unit of x and y, such as ``metre`` or ``degree``.
    """

    crs_wkt: str
    transform: tuple[float, float, float, float, float, float]
    units: str = "metre"

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> Self | None:
        """Return what the report says of the first image, or None if it says nothing usable."""
        first = (report.get("inputs") or {}).get("first") or {}
        given = first.get("geo") or {}
        try:
            values = tuple(float(value) for value in given["transform"])
            a, b, c, d, e, f = values
        except (KeyError, TypeError, ValueError):
            return None
        wkt = given.get("crs_wkt")
        if not isinstance(wkt, str) or not wkt or not all(map(math.isfinite, values)):
            return None
        if a * e - b * d == 0:
            return None
        return cls(wkt, (a, b, c, d, e, f), str(given.get("units") or "metre"))

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_report` reads, as JSON-able values."""
        return {"crs_wkt": self.crs_wkt, "transform": list(self.transform), "units": self.units}

    @property
    def matrix(self) -> NDArray[np.float64]:
        """3x3 matrix from the centre of a pixel (row, column, 1) to (y, x, 1)."""
        a, b, c, d, e, f = self.transform
        return np.array(
            [[e, d, f + 0.5 * (d + e)], [b, a, c + 0.5 * (a + b)], [0.0, 0.0, 1.0]],
            dtype=np.float64,
        )
