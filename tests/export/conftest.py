"""A small result with units, and the same on the Earth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio
import xarray
from scipy import ndimage
from tests.conftest import dynamics_of

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.export import make_dataset
from napari_latentdyn.settings import Settings

HEIGHT, WIDTH, STAGES = 24, 36, 4
#: Polar stereographic north, x = 500000 + 100 column, y = -1200000 - 100 row.
TRANSFORM = [100.0, 0.0, 500000.0, 0.0, -100.0, -1200000.0]


def report_of(*inputs: dict[str, Any]) -> RunReport:
    return RunReport.model_validate({"version": "1.0", "inputs": list(inputs)})


@pytest.fixture
def parts() -> dict[str, Any]:
    """Five frames over 12 hours with pixels of 0.1 x 0.2 km, moving down and to the left."""
    random = np.random.default_rng(3)
    scene = ndimage.gaussian_filter(random.normal(size=(HEIGHT, WIDTH)), 2)
    frames = np.stack([ndimage.shift(scene, (2 * t, -3 * t), mode="wrap") for t in range(5)])
    velocity = random.normal(scale=0.1, size=(STAGES, 2, HEIGHT, WIDTH))
    velocity += np.array([2.0, -3.0])[:, None, None]
    return {
        "frames": (100 * frames).astype(np.float32),
        "times": np.linspace(0, 1, 5),
        "velocity": velocity.astype(np.float32),
        "settings": Settings().model_dump(mode="json"),
        "report": report_of({"name": "a"}, {"name": "b"}),
        "placement": Geometry.from_pixel_size((0.1, 0.2), "km", (5.0, 7.0)),
        "interval": (12.0, "hour"),
        "title": "drift",
    }


@pytest.fixture
def geo_parts(parts) -> dict[str, Any]:
    """The same from a GeoTIFF."""
    wkt = rasterio.crs.CRS.from_epsg(3413).to_wkt()
    geo = {"crs_wkt": wkt, "transform": TRANSFORM, "units": "metre"}
    return {**parts, "report": report_of({"name": "a.tif", "geo": geo}, {"name": "b.tif"})}


@pytest.fixture
def data(parts) -> xarray.Dataset:
    """The dataset of `parts`."""
    return make_dataset(**parts)


@pytest.fixture
def geo_data(geo_parts) -> xarray.Dataset:
    """The dataset of `geo_parts`."""
    return make_dataset(**geo_parts)


@pytest.fixture
def run_data(geo_parts, tmp_path_factory) -> xarray.Dataset:
    """The same read from a run folder ``drift``, so that every format takes it."""
    report = geo_parts["report"].model_dump(exclude_none=True)
    made = dynamics_of(
        geo_parts["frames"],
        geo_parts["velocity"],
        {**report, "interval": {"value": 12.0, "unit": "hour"}},
        times=geo_parts["times"],
    )
    folder = made.save(tmp_path_factory.mktemp("runs") / "drift")
    return Dynamics.load(folder).to_xarray()
