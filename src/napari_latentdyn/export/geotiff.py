"""Frames and fields as GeoTIFF, where the first input was one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.look import time_text
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_file, new_folder, require

__all__ = ["is_series", "write_geotiff", "write_geotiff_series"]


def write_geotiff(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write the frames as one GeoTIFF, a band for each time (and channel).

    Reference system and transform are those of the first input. Without them
    the file has no reference system, places are those of the layers, also of
    turned ones, and y decreases downwards, so that a GIS shows it upright.

    Parameters
    ----------
    source : Source
        What to write.
    path : str or Path
        File to write.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If rasterio is not installed, or the file is there or cannot be written.
    Stopped
        If the user asked for it.
    """
    rasterio = require("rasterio", "geo", "GeoTIFF")
    steps = Steps(len(source.frames), on_progress, should_stop)
    channels = source.channels
    with (
        new_file(path, overwrite=overwrite, what="the GeoTIFF", also=_failures(rasterio)) as file,
        _open(rasterio, file, source, channels * len(source.frames), source.frames.dtype) as out,
    ):
        for index, frame in enumerate(source.frames):
            for channel, plane in enumerate(frame.reshape(channels, *source.shape)):
                band = index * channels + channel + 1
                _write(out, plane, band, _frame_text(source, index, channel), source, index)
            steps.next()
    return Path(path)


def write_geotiff_series(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write a folder of GeoTIFFs: ``frame_000.tif`` for each time, ``field_000.tif`` per stage.

    A field has two bands, the velocity along x and along y of the reference
    system (y points north), in its unit per unit of time. Otherwise as
    `write_geotiff`.

    Parameters
    ----------
    source : Source
        What to write.
    path : str or Path
        Folder to write; only one that holds nothing but such files is replaced.
    overwrite : bool
        Replace an earlier export.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ExportError
        If rasterio is not installed, or the folder is in use or cannot be written.
    Stopped
        If the user asked for it.
    """
    rasterio = require("rasterio", "geo", "GeoTIFF")
    steps = Steps(len(source.frames) + source.stages, on_progress, should_stop)
    linear = _georeference(source).matrix[:2, :2] * (source.stages / source.duration)
    per = f"{source.length_units[1]} per {source.time_unit or 'interval'}"
    with new_folder(path, overwrite=overwrite, what="the GeoTIFFs", is_ours=is_series) as folder:
        for index, frame in enumerate(source.frames):
            name = folder / f"frame_{index:03d}.tif"
            with _open(rasterio, name, source, source.channels, source.frames.dtype) as out:
                for channel, plane in enumerate(frame.reshape(-1, *source.shape)):
                    text = _frame_text(source, index, channel)
                    _write(out, plane, channel + 1, text, source, index)
            steps.next()
        for stage, field in enumerate(source.velocity):
            velocity = np.einsum("ij,jyx->iyx", linear, field).astype(np.float32)
            name = folder / f"field_{stage:03d}.tif"
            with _open(rasterio, name, source, 2, velocity.dtype) as out:
                for band, (axis, plane) in enumerate(zip("xy", velocity[::-1], strict=True)):
                    out.write(plane, band + 1)
                    out.set_band_description(band + 1, f"velocity_{axis} [{per}]")
                out.update_tags(
                    STAGE=stage, TIME=repr(float(source.field_moments[stage])), **_unit(source)
                )
            steps.next()
    return Path(path)


def is_series(folder: Path) -> bool:
    """Return whether a folder holds nothing but what `write_geotiff_series` writes."""
    names = [entry.name for entry in folder.iterdir()]
    return all(name.startswith(("frame_", "field_")) and ".tif" in name for name in names)


def _georeference(source: Source) -> Geometry:
    if source.geo is not None:
        return source.geo
    (down_y, right_y, y), (down_x, right_x, x), _ = source.matrix
    corner = np.array([x - 0.5 * (right_x + down_x), -y + 0.5 * (right_y + down_y)])
    a, b, c, d, e, f = (
        float(value) + 0.0 for value in (right_x, down_x, corner[0], -right_y, -down_y, corner[1])
    )
    return Geometry.from_map((a, b, c, d, e, f), None, source.length_units[1])


@contextmanager
def _open(
    rasterio: Any, path: Path, source: Source, count: int, dtype: np.dtype[Any]
) -> Iterator[Any]:
    geo = _georeference(source)
    kind = np.dtype("uint8") if dtype == np.bool_ else dtype
    floats = kind.kind == "f"
    # GDAL closes a file on a full disk without an error; Python tells.
    with rasterio.io.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=source.shape[0],
            width=source.shape[1],
            count=count,
            dtype=kind.name,
            crs=_system(rasterio, geo),
            transform=rasterio.Affine(*geo.map_transform),
            nodata=float("nan") if floats else None,
            compress="deflate",
            predictor=3 if floats else 2,
            bigtiff="if_safer",
        ) as out:
            yield out
        path.write_bytes(memory.getbuffer())


def _system(rasterio: Any, geo: Geometry) -> Any:
    if not geo.crs:
        return None
    try:
        # Within an environment GDAL logs what is wrong; outside it writes to standard error.
        with rasterio.Env():
            return rasterio.crs.CRS.from_wkt(geo.crs)
    except rasterio.errors.CRSError:
        raise ExportError(
            "the reference system in the report of the run cannot be read, so a GeoTIFF cannot be "
            "written; export as OME-TIFF, or run again from the GeoTIFF."
        ) from None


def _write(out: Any, plane: NDArray[Any], band: int, text: str, source: Source, index: int) -> None:
    out.write(plane, band)
    out.set_band_description(band, text)
    out.update_tags(band, TIME=repr(float(source.moments[index])), **_unit(source))


def _frame_text(source: Source, index: int, channel: int) -> str:
    text = time_text(source, float(source.times[index]))
    return f"{text}, channel {channel}" if source.channels > 1 else text


def _unit(source: Source) -> dict[str, str]:
    return {"TIME_UNIT": source.time_unit or "interval"}


def _failures(rasterio: Any) -> tuple[type[Exception], ...]:
    return (rasterio.errors.RasterioError,)
