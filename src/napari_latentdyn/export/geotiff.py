"""Frames or velocities as GeoTIFF, through rioxarray."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_latentdyn.core.dynamics.dataset import GRID
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import Format, Option, Steps
from napari_latentdyn.export.grid import length_units, time_unit, transform
from napari_latentdyn.export.look import time_labels
from napari_latentdyn.export.target import as_os_error

if TYPE_CHECKING:
    import xarray

__all__ = ["FORMAT"]


def _write(data: xarray.Dataset, path: Path, steps: Steps, *, velocity: bool) -> None:
    import rasterio
    import rioxarray  # noqa: F401  registers the accessor

    affine = rasterio.Affine(*transform(data))
    wkt = data[GRID].attrs.get("crs_wkt")
    bands, names = _velocities(data) if velocity else _frames(data)
    if not wkt:
        # In an image y increases downwards, on a map upwards.
        affine = rasterio.Affine.scale(1, -1) @ affine
        bands = bands * np.array([1, -1] * (len(bands) // 2))[:, None, None] if velocity else bands
    floats = bands.dtype.kind == "f"
    raster = bands.drop_vars(bands.coords).rio.write_transform(affine)
    try:
        # Within an environment GDAL logs problems, otherwise it writes to standard error.
        with rasterio.Env():
            raster = raster.rio.write_crs(rasterio.crs.CRS.from_wkt(wkt)) if wkt else raster
    except rasterio.errors.CRSError:
        raise ExportError(
            "the reference system in the report of the run cannot be read, so a GeoTIFF cannot be "
            "written; export as OME-TIFF, or run again from the GeoTIFF."
        ) from None
    raster = raster.rio.write_nodata(np.nan) if floats else raster
    raster.attrs = {"long_name": tuple(names)}
    tags = {"TIME_UNIT": time_unit(data) or "interval"}
    # GDAL closes a file on a full disk without an error; Python raises one.
    with (
        rasterio.MemoryFile(ext=".tif") as memory,
        as_os_error(path, rasterio.errors.RasterioError),
    ):
        raster.rio.to_raster(
            memory.name,
            recalc_transform=False,
            tags=tags,
            compress="deflate",
            predictor=3 if floats else 2,
            bigtiff="if_safer",
        )
        path.write_bytes(memory.getbuffer())


def _frames(data: xarray.Dataset) -> tuple[xarray.DataArray, list[str]]:
    """Return one band for each time (and channel), and their descriptions."""
    frames = data.frames.astype(np.uint8) if data.frames.dtype == bool else data.frames
    names = time_labels(data)
    if "channel" in frames.dims:
        channels = frames.channel.values
        names = [f"{text}, channel {channel}" for text in names for channel in channels]
        frames = frames.stack(band=("time", "channel")).transpose("band", "y", "x")
        frames = frames.reset_index("band")
    return frames, names


def _velocities(data: xarray.Dataset) -> tuple[xarray.DataArray, list[str]]:
    """Return two bands for each stage, along x and along y, and their descriptions."""
    if "velocity_x" not in data:
        raise ExportError("this result lacks velocities; export the frames, or a run folder.")
    both = data[["velocity_x", "velocity_y"]].to_dataarray("axis")
    bands = both.stack(band=("stage_time", "axis")).transpose("band", "y", "x")
    per = f"{length_units(data)[1]} per {time_unit(data) or 'interval'}"
    names = [
        f"velocity_{axis} at {text} [{per}]"
        for text in time_labels(data, "stage_time")
        for axis in "xy"
    ]
    return bands.reset_index("band"), names


def _note(data: xarray.Dataset) -> str | None:
    if "crs_wkt" in data[GRID].attrs:
        return None
    return (
        "The GeoTIFF has no reference system, because the first image had none; y decreases "
        "downwards, as on maps."
    )


FORMAT = Format(
    "geotiff",
    "GeoTIFF",
    (".tif", ".tiff"),
    _write,
    about="Frames, a band for each time, in the reference system of the first image.",
    what="the GeoTIFF",
    extra="geo",
    modules=("rioxarray",),
    options=(
        Option(
            "velocity",
            bool,
            False,
            "Write the velocities instead of the frames: two bands, x and y, for each stage.",
        ),
    ),
    note=_note,
)
