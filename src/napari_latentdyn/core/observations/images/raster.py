"""GeoTIFF and other rasters, through rasterio."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.core.observations.images.model import Stack
from napari_latentdyn.errors import ImageFileError

__all__ = ["DRIVERS", "opened", "place_of", "read_raster"]

#: Formats of local files by suffix; all others are taken for GeoTIFF. Virtual
#: formats are left out, because they can name files and addresses elsewhere.
DRIVERS = {
    ".asc": "AAIGrid",
    ".bil": "EHdr",
    ".hgt": "SRTMHGT",
    ".img": "HFA",
    ".jp2": "JP2OpenJPEG",
}
logging.getLogger("rasterio").addHandler(logging.NullHandler())


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """Open a raster, without what GDAL and rasterio would print."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings(), _undecoded(), rasterio.Env():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, driver=DRIVERS.get(Path(path).suffix.lower(), "GTiff")) as file:
            yield file


@contextmanager
def _undecoded() -> Iterator[None]:
    """Keep quiet about messages of GDAL that quote bytes of a file and are no UTF-8.

    rasterio decodes them in a callback, from which Python can only print the error.
    """
    hooks = sys.excepthook, sys.unraisablehook

    def excepthook(kind: Any, value: BaseException, trace: Any) -> None:
        if not isinstance(value, UnicodeDecodeError):
            hooks[0](kind, value, trace)

    def unraisablehook(told: Any) -> None:
        if not isinstance(told.exc_value, UnicodeDecodeError):
            hooks[1](told)

    sys.excepthook, sys.unraisablehook = excepthook, unraisablehook
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks


def read_raster(path: Path, *, inverted: bool = False) -> Stack:
    """Read all images of a raster.

    Parameters
    ----------
    path : Path
        A GeoTIFF, or another raster that GDAL reads.
    inverted : bool
        Whether the values count from white.

    Raises
    ------
    ImageFileError
        If its images differ in size.
    """
    with opened(path) as file:
        parts = list(file.subdatasets)
        if not parts:
            return _read(path, file, inverted)
    stacks = []
    for part in parts:
        with opened(part) as file:
            stacks.append(_read(path, file, inverted))
    if any(stack.data.shape != stacks[0].data.shape for stack in stacks):
        raise ImageFileError(
            f"{path} holds images of different sizes; save the image to use as a file of its own."
        )
    missing = None
    if any(stack.missing is not None for stack in stacks):
        blank = np.zeros(stacks[0].data.shape[-2:], bool)
        missing = np.stack([blank if s.missing is None else s.missing for s in stacks])
    base = stacks[0]
    return Stack(
        np.stack([stack.data for stack in stacks]),
        ("I", *base.axes),
        missing,
        rgb=base.rgb,
        pixel_size=base.pixel_size,
        unit=base.unit,
        geo=base.geo,
        notes=base.notes,
    )


def _read(path: Path, file: Any, inverted: bool) -> Stack:
    from rasterio.enums import ColorInterp

    colours = list(file.colorinterp)
    bands = [i + 1 for i, kind in enumerate(colours) if kind != ColorInterp.alpha]
    if not bands:
        bands = list(file.indexes)
    check_claim(path, file.width * file.height * sum(np.dtype(t).itemsize for t in file.dtypes))
    data: NDArray[Any] = file.read(bands)
    valid = [np.asarray(file.read_masks(band)) > 0 for band in bands]
    notes: list[str] = []
    for k, band in enumerate(bands):
        near = _nearly_missing(data[k], file.nodatavals[band - 1])
        if near is not None:
            valid[k] &= ~near
            notes.append(
                "Values that differ from the nodata value in their last digits count as missing."
            )
    missing = ~np.logical_or.reduce(valid)
    kinds = [colours[band - 1] for band in bands]
    rgb = kinds == [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    if len(bands) == 1 and kinds == [ColorInterp.palette]:
        table = _table(file.colormap(bands[0]), data.dtype)
        painted = table[data[0].astype(np.int64)]
        missing |= painted[..., 3] == 0
        data, rgb = np.moveaxis(painted[..., :3], -1, 0), True
    elif inverted:
        data = from_black(data)
    else:
        data = _physical(data, valid, bands, file)
    size, unit, geo = place_of(file)
    return Stack(
        data,
        ("C", "Y", "X"),
        missing if missing.any() else None,
        rgb=rgb,
        pixel_size=size,
        unit=unit,
        geo=geo,
        notes=tuple(dict.fromkeys(notes)),
    )


def from_black(data: NDArray[Any]) -> NDArray[Any]:
    """Return values that count from white as values that count from black."""
    if data.dtype.kind in "bi":
        return ~data
    if data.dtype.kind == "u":
        return np.asarray(np.iinfo(data.dtype).max - data, dtype=data.dtype)
    return -data


def _nearly_missing(band: NDArray[Any], nodata: float | None) -> NDArray[np.bool_] | None:
    """Return where a band holds the nodata value with other last digits.

    Programs write the value of pixels in single and that of the tag in double
    precision, or print it with a few digits. Only values far from all others
    are taken for it.
    """
    if nodata is None or band.dtype.kind != "f" or not np.isfinite(nodata) or abs(nodata) < 1e30:
        return None
    values = band.astype(np.float64)
    near = np.abs(values - nodata) <= 1e-2 * abs(nodata)
    near &= values != np.float64(band.dtype.type(nodata))
    return near if near.any() else None


def _table(colormap: dict[int, tuple[int, ...]], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    size = max(int(np.iinfo(dtype).max) if dtype.itemsize <= 2 else 0, *colormap) + 1
    table = np.zeros((size, 4), np.uint8)
    table[:, 3] = 255
    for value, colour in colormap.items():
        table[value] = colour
    return table


def _physical(
    data: NDArray[Any], valid: list[NDArray[np.bool_]], bands: list[int], file: Any
) -> NDArray[Any]:
    """Apply scale and offset, and mark values that are missing in single real bands."""
    scales = np.array([file.scales[band - 1] for band in bands], dtype=np.float64)
    offsets = np.array([file.offsets[band - 1] for band in bands], dtype=np.float64)
    if data.dtype.kind != "c" and (np.any(scales != 1.0) or np.any(offsets != 0.0)):
        data = data.astype(np.float64) * scales[:, None, None] + offsets[:, None, None]
    elif data.dtype.kind != "f":
        return data
    # A real band without a value has none that could be followed.
    known = np.stack(valid) | ~np.logical_or.reduce(valid)
    return np.where(known, data, np.asarray(np.nan, data.dtype))


def place_of(
    file: Any,
) -> tuple[tuple[float, float] | None, str | None, dict[str, Any] | None]:
    """Return pixel size, unit, and where an open raster lies on the Earth.

    Returns
    -------
    tuple
        Height and width of a pixel, in metres where the reference system
        measures lengths; the unit; and ``crs_wkt``, ``transform`` (six
        numbers) and ``units``, or None.
    """
    crs, transform = file.crs, file.transform
    if transform.is_identity:
        return None, None, None
    a, b, _, d, e, _ = (float(value) for value in transform[:6])
    size, unit = None, None
    if crs is not None and not crs.is_geographic:
        try:
            _name, factor = crs.linear_units_factor
        except Exception:  # noqa: BLE001  (a reference system that names no unit)
            factor = 1.0
        if factor and np.isfinite(factor) and factor > 0:
            size, unit = (float(np.hypot(b, e)) * factor, float(np.hypot(a, d)) * factor), "m"
    if crs is None:
        return size, unit, None
    geo = {
        "crs_wkt": crs.to_wkt(),
        "transform": [float(value) for value in transform[:6]],
        "units": "degree" if crs.is_geographic else str(crs.linear_units),
    }
    return size, unit, geo
