"""A small result with units, and the same on the Earth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.export import Source
from napari_latentdyn.settings import Settings

HEIGHT, WIDTH, STAGES = 24, 36, 4
#: Polar stereographic north, x = 500000 + 100 column, y = -1200000 - 100 row.
TRANSFORM = [100.0, 0.0, 500000.0, 0.0, -100.0, -1200000.0]


@pytest.fixture
def source() -> Source:
    """Five frames over 12 hours with pixels of 0.1 x 0.2 km, moving down and to the left."""
    random = np.random.default_rng(3)
    scene = ndimage.gaussian_filter(random.normal(size=(HEIGHT, WIDTH)), 2)
    frames = np.stack([ndimage.shift(scene, (2 * t, -3 * t), mode="wrap") for t in range(5)])
    velocity = random.normal(scale=0.1, size=(STAGES, 2, HEIGHT, WIDTH))
    velocity += np.array([2.0, -3.0])[:, None, None]
    return Source(
        frames=(100 * frames).astype(np.float32),
        times=np.linspace(0, 1, 5),
        velocity=velocity.astype(np.float32),
        settings=Settings(),
        report={"version": "1.0", "inputs": {"first": {"name": "a"}, "last": {"name": "b"}}},
        placement=Geometry.from_pixel_size((0.1, 0.2), "km", (5.0, 7.0)),
        interval=(12.0, "hour"),
        name="drift",
    )


@pytest.fixture
def geo_source(source: Source) -> Source:
    """The same from a GeoTIFF."""
    rasterio = pytest.importorskip("rasterio")
    wkt = rasterio.crs.CRS.from_epsg(3413).to_wkt()
    geo = {"crs_wkt": wkt, "transform": TRANSFORM, "units": "metre"}
    inputs: dict[str, Any] = {"first": {"name": "a.tif", "geo": geo}, "last": {"name": "b.tif"}}
    return replace(source, report={**source.report, "inputs": inputs})
