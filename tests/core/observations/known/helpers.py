"""Places of pixels of images on the Earth, and files with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

SHAPE = (40, 60)
TRANSFORM = (40.0, 0.0, 5e5, 0.0, -40.0, -1.2e6)
POLAR = pyproj.CRS.from_epsg(3413).to_wkt()


def on_map(pixels: ArrayLike) -> NDArray[np.float64]:
    """x and y in metres of pixels (row, column)."""
    rows, columns = np.asarray(pixels, np.float64).reshape(-1, 2).T
    return np.column_stack([5e5 + 40 * (columns + 0.5), -1.2e6 - 40 * (rows + 0.5)])


def degrees(pixels: ArrayLike) -> NDArray[np.float64]:
    """Longitude and latitude of pixels (row, column)."""
    there = pyproj.Transformer.from_crs("EPSG:3413", "OGC:CRS84", always_xy=True)
    return np.column_stack(there.transform(*on_map(pixels).T))


def geojson(path: Path, *features: tuple[str, Any, dict[str, Any]], **members: Any) -> str:
    """Write features, each a type, coordinates and properties; return the name of the file."""
    data = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": {"type": kind, "coordinates": np.asarray(coordinates).tolist()},
        }
        for kind, coordinates, properties in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": data, **members}))
    return str(path)


def table(path: Path, *rows: str) -> str:
    """Write the rows of a table; return the name of the file."""
    path.write_text("\n".join(rows) + "\n")
    return str(path)
