"""GeoTIFF and other rasters, through rasterio."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.gdal import TiffTags, missing_in, scaled, turned
from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.core.observations.images.model import Stack
from napari_latentdyn.core.observations.images.nodata import real_nodata
from napari_latentdyn.errors import GeometryError, ImageFileError

__all__ = ["DRIVERS", "missing_of", "opened", "place_of", "read_place", "read_raster"]

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

    with warnings.catch_warnings(), _undecoded(), _proj_found(), rasterio.Env():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, driver=DRIVERS.get(Path(path).suffix.lower(), "GTiff")) as file:
            yield file


@contextmanager
def _proj_found() -> Iterator[None]:
    """Show PROJ the data base that comes with rasterio.

    GDAL knows it, but what reads the keys of GeoTIFF in GDAL looks into the
    environment alone, and prints that there is none.
    """
    import rasterio

    folder = Path(rasterio.__file__).with_name("proj_data")
    if not folder.is_dir() or {"PROJ_DATA", "PROJ_LIB"} & {*os.environ}:
        yield
        return
    os.environ["PROJ_DATA"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("PROJ_DATA", None)


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


def read_raster(path: Path, tags: Callable[[int], TiffTags] | None = None) -> Stack:
    """Read all images of a raster.

    Parameters
    ----------
    path : Path
        A GeoTIFF, or another raster that GDAL reads.
    tags : callable, optional
        Returns what the tags of a page of a TIFF file say that GDAL passes over.

    Raises
    ------
    ImageFileError
        If its images differ in size.
    """
    with opened(path) as file:
        parts = list(file.subdatasets)
        if not parts:
            return _read(path, file, tags(0) if tags else TiffTags())
    stacks = []
    for part in parts:
        with opened(part) as file:
            # GDAL counts pages from one.
            page = re.match(r"GTIFF_DIR:(\d+):", part)
            index = int(page[1]) - 1 if page else 0
            stacks.append(_read(path, file, tags(index) if tags else TiffTags()))
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
        geometry=base.geometry,
        coordinates=base.coordinates,
        notes=base.notes,
    )


def _read(path: Path, file: Any, tags: TiffTags) -> Stack:
    from rasterio.enums import ColorInterp

    colours, bands = list(file.colorinterp), _opaque_bands(file)
    check_claim(path, file.width * file.height * sum(np.dtype(t).itemsize for t in file.dtypes))
    data: NDArray[Any] = file.read(bands)
    unknown, notes = _without_value(data, file, bands, tags)
    kinds = [colours[band - 1] for band in bands]
    painted = kinds == [ColorInterp.palette]
    # Scale and offset are not meant for the numbers of colours.
    used = [] if painted else list(enumerate(bands))
    tags = replace(
        tags,
        scales={k: float(file.scales[band - 1]) for k, band in used},
        offsets={k: float(file.offsets[band - 1]) for k, band in used},
    )
    stack = Stack(
        data,
        ("C", "Y", "X"),
        _masked(file, bands),
        rgb=kinds == [ColorInterp.red, ColorInterp.green, ColorInterp.blue],
        notes=notes,
    )
    stack = scaled(stack, tags, unknown)
    if painted:
        table = _table(file.colormap(bands[0]), data.dtype)
        colour = table[stack.data[0].astype(np.int64)]
        clear = colour[..., 3] == 0
        missing = clear if stack.missing is None else clear | stack.missing
        colour = np.moveaxis(colour[..., :3], -1, 0)
        stack = replace(stack, data=colour, rgb=True, missing=missing if missing.any() else None)
    code = tags.orientation
    missing = None if stack.missing is None else turned(stack.missing, 0, 1, code)
    size, place = place_of(file, code)
    stack = replace(stack, data=turned(stack.data, 1, 2, code), missing=missing)
    return replace(stack, geometry=size, coordinates=place)


def _opaque_bands(file: Any) -> list[int]:
    """Return the numbers of the bands that are no transparency."""
    from rasterio.enums import ColorInterp

    kinds = zip(file.indexes, file.colorinterp, strict=True)
    return [band for band, kind in kinds if kind != ColorInterp.alpha] or list(file.indexes)


def _without_value(
    data: NDArray[Any], file: Any, bands: list[int], tags: TiffTags
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return where bands have the value of missing pixels, and sentences on it."""
    unknown = np.zeros(data.shape, bool)
    notes: list[str] = []
    for k, band in enumerate(bands):
        # GDAL reads some spellings of the value wrongly, such as -4.6e18 as -4.
        nodata = tags.nodata or real_nodata(file.nodatavals[band - 1])
        found, told = missing_in(data[k], nodata)
        unknown[k] = False if found is None else found
        notes += told
    return unknown, tuple(dict.fromkeys(notes))


def missing_of(file: Any, tags: TiffTags) -> NDArray[np.bool_]:
    """Return where all bands of an open raster are missing, in its order of rows and columns."""
    bands = _opaque_bands(file)
    unknown, _notes = _without_value(file.read(bands), file, bands, tags)
    masked, missing = _masked(file, bands), unknown.all(axis=0)
    return np.asarray(missing if masked is None else missing | masked)


def _masked(file: Any, bands: list[int]) -> NDArray[np.bool_] | None:
    """Return where transparency or a mask hides pixels, apart from the value of missing ones."""
    from rasterio.enums import ColorInterp, MaskFlags

    missing = np.zeros(file.shape, bool)
    # GDAL gives one mask alone: beside a value of missing pixels it passes over transparency.
    for band, kind in zip(file.indexes, file.colorinterp, strict=True):
        if kind == ColorInterp.alpha and band not in bands:
            missing |= file.read(band) == 0
    hidden = [
        file.read_masks(band) == 0
        for band, flags in zip(file.indexes, file.mask_flag_enums, strict=True)
        if band in bands and not {MaskFlags.alpha, MaskFlags.nodata, MaskFlags.all_valid} & {*flags}
    ]
    if len(hidden) == len(bands):
        missing |= np.logical_and.reduce(hidden)
    return missing if missing.any() else None


def read_place(path: Path, stack: Stack, tags: TiffTags) -> Stack:
    """Add the place and the mask of a raster to a stack of its images."""
    with opened(path) as file:
        size, place = place_of(file, tags.orientation)
        masked = _masked(file, _opaque_bands(file))
    missing = stack.missing
    if masked is not None:
        masked = turned(masked, 0, 1, tags.orientation)
        blank = np.zeros(
            [stack.data.shape[stack.axes.index(n)] for n in (*stack.leading, "Y", "X")]
        )
        missing = (blank > 0 if missing is None else missing) | masked
    if size is not None:
        stack = replace(stack, geometry=size)
    return replace(stack, missing=missing, coordinates=place)


def _table(colormap: dict[int, tuple[int, ...]], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    size = max(int(np.iinfo(dtype).max) if dtype.itemsize <= 2 else 0, *colormap) + 1
    table = np.zeros((size, 4), np.uint8)
    table[:, 3] = 255
    for value, colour in colormap.items():
        table[value] = colour
    return table


def place_of(file: Any, orientation: int = 1) -> tuple[Geometry | None, Geometry | None]:
    """Return the size of the pixels of an open raster, and where it lies on the Earth.

    Parameters
    ----------
    file : rasterio.DatasetReader
        The raster.
    orientation : int
        How its image is turned after reading, 1 to 8.

    Returns
    -------
    tuple of Geometry or None
        The size in metres, where the reference system measures lengths; the place.
    """
    crs, transform = file.crs, file.transform
    if crs is None or transform.is_identity:
        return None, None
    transform = np.reshape(transform, (3, 3)) @ _turn(file.height, file.width, orientation)
    length = "degree" if crs.is_geographic else str(crs.linear_units)
    try:
        place = Geometry.from_map(transform[:2].ravel().tolist(), crs.to_wkt(), length)
    except GeometryError:
        return None, None
    factor = None if crs.is_geographic else _metres_of(crs)
    if factor is None or not (np.isfinite(factor) and factor > 0):
        return None, place
    height, width = place.pixel_size
    return Geometry.from_pixel_size((height * factor, width * factor), "m"), place


def _turn(height: int, width: int, orientation: int) -> NDArray[np.float64]:
    """Return the matrix from (x, y, 1) in a turned image to that in the image as it is stored."""
    if orientation >= 5:
        height, width = width, height
    turn = np.eye(3)
    if orientation in (2, 3, 6, 7):
        turn[0, 0], turn[0, 2] = -1, width
    if orientation in (3, 4, 7, 8):
        turn[1, 1], turn[1, 2] = -1, height
    return turn[[1, 0, 2]] if orientation >= 5 else turn


def _metres_of(crs: Any) -> float | None:
    """Return how many metres the unit of a reference system measures, None if it names none."""
    try:
        return float(crs.linear_units_factor[1])
    except Exception:  # noqa: BLE001  (GDAL gives it for projected systems alone)
        pass
    import pyproj

    try:
        axes = pyproj.CRS.from_wkt(crs.to_wkt()).axis_info
    except pyproj.exceptions.CRSError:
        return None
    return float(axes[0].unit_conversion_factor) if axes else None
