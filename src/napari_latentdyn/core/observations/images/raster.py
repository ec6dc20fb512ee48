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
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.gdal import (
    TiffTags,
    missing_in,
    scaled,
    tags_of,
    turned,
)
from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.core.observations.images.model import Stack, joined
from napari_latentdyn.core.observations.images.nodata import Nodata
from napari_latentdyn.errors import GeometryError

__all__ = [
    "DRIVERS",
    "missing_of",
    "opened",
    "place_of",
    "read_place",
    "read_raster",
    "read_window",
    "window_kind",
]

#: Formats of local files by suffix; all other files are read as GeoTIFF. Virtual formats are
#: left out, because they can name other files and addresses.
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
    """Open a raster, and suppress what GDAL and rasterio print."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings(), _undecoded(), _proj_found(), rasterio.Env():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, driver=DRIVERS.get(Path(path).suffix.lower(), "GTiff")) as file:
            yield file


@contextmanager
def _proj_found() -> Iterator[None]:
    """Tell PROJ where the data base of rasterio is.

    GDAL knows the place, but its reader of GeoTIFF keys searches the environment alone, and prints
    an error otherwise.
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
    """Suppress errors about messages of GDAL that quote bytes of a file and are not UTF-8.

    rasterio decodes the messages in a callback, where Python can only print the error.
    """
    hooks = sys.excepthook, sys.unraisablehook

    def excepthook(kind: Any, value: BaseException, trace: Any) -> None:
        if not isinstance(value, UnicodeDecodeError):
            hooks[0](kind, value, trace)

    def unraisablehook(error: Any) -> None:
        if not isinstance(error.exc_value, UnicodeDecodeError):
            hooks[1](error)

    sys.excepthook, sys.unraisablehook = excepthook, unraisablehook
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks


def read_raster(path: Path, tags: Callable[[int], TiffTags] | None = None) -> Stack:
    """Read all images of a raster.

    For a TIFF file, `tags` returns the tags of a page that GDAL does not apply.
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
    return joined(path, stacks, "I")


class _View:
    """A window of an open raster, (row, column, height, width), which reads like the whole."""

    def __init__(self, file: Any, window: tuple[int, int, int, int]) -> None:
        from rasterio.windows import Window

        row, column, self.height, self.width = window
        self.shape = (self.height, self.width)
        self._file = file
        self._window = Window(column, row, self.width, self.height)

    def read(self, bands: Any) -> NDArray[Any]:
        return np.asarray(self._file.read(bands, window=self._window))

    def read_masks(self, band: int) -> NDArray[np.uint8]:
        return np.asarray(self._file.read_masks(band, window=self._window))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def read_window(
    path: Path, window: tuple[int, int, int, int]
) -> tuple[NDArray[Any], NDArray[np.bool_] | None, bool]:
    """Return values (C, h, w), missing pixels and whether RGB; of (row, column, height, width)."""
    with opened(path) as file:
        stack = _read(path, _View(file, window), _tags(path))
    return stack.data, stack.missing, stack.rgb


def window_kind(path: Path) -> str | None:
    """Return why a raster cannot be read window by window, or None where it can."""
    with opened(path) as file:
        if file.subdatasets:
            return "holds several images: save the image to use as a file of its own"
        if file.dtypes[0].startswith("complex"):
            return "holds complex values: save their amplitude"
    problem = "is stored turned or mirrored: save it upright"
    return problem if _tags(path).orientation != 1 else None


def _tags(path: Path) -> TiffTags:
    if path.suffix.lower() in DRIVERS:
        return TiffTags()
    with tifffile.TiffFile(path) as tif:
        return tags_of(tif.pages.first)


def _read(path: Path, file: Any, tags: TiffTags) -> Stack:
    from rasterio.enums import ColorInterp

    colours, bands = list(file.colorinterp), _opaque_bands(file)
    check_claim(path, file.width * file.height * sum(np.dtype(t).itemsize for t in file.dtypes))
    data: NDArray[Any] = file.read(bands)
    unknown, notes = _without_value(data, file, bands, tags)
    kinds = [colours[band - 1] for band in bands]
    painted = kinds == [ColorInterp.palette]
    # Scale and offset do not apply to indices of colours.
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
        missing = colour[..., 3] == 0
        missing = missing if stack.missing is None else missing | stack.missing
        colour = np.moveaxis(colour[..., :3], -1, 0)
        stack = replace(stack, data=colour, rgb=True, missing=missing)
    code = tags.orientation
    missing = None if stack.missing is None else turned(stack.missing, 0, 1, code)
    size, place = place_of(file, code)
    data = turned(stack.data, 1, 2, code)
    return replace(stack, data=data, missing=missing, geometry=size, coordinates=place)


def _opaque_bands(file: Any) -> list[int]:
    """Return the numbers of all bands except transparency."""
    from rasterio.enums import ColorInterp

    kinds = zip(file.indexes, file.colorinterp, strict=True)
    return [band for band, kind in kinds if kind != ColorInterp.alpha] or list(file.indexes)


def _without_value(
    data: NDArray[Any], file: Any, bands: list[int], tags: TiffTags
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return where bands have the nodata value, and sentences about the values."""
    unknown = np.zeros(data.shape, bool)
    notes: list[str] = []
    for k, band in enumerate(bands):
        # GDAL reads some spellings of the value wrongly, such as -4.6e18 as -4.
        value = file.nodatavals[band - 1]
        nodata = tags.nodata or (None if value is None else Nodata(value))
        found, sentences = missing_in(data[k], nodata)
        unknown[k] = False if found is None else found
        notes += sentences
    return unknown, tuple(dict.fromkeys(notes))


def missing_of(file: Any, tags: TiffTags) -> NDArray[np.bool_]:
    """Return where all bands of an open raster are missing, in its order of rows and columns."""
    bands = _opaque_bands(file)
    unknown, _notes = _without_value(file.read(bands), file, bands, tags)
    return np.asarray(unknown.all(axis=0) | _masked(file, bands))


def _masked(file: Any, bands: list[int]) -> NDArray[np.bool_]:
    """Return where transparency or a mask hides pixels, apart from the nodata value."""
    from rasterio.enums import ColorInterp, MaskFlags

    missing = np.zeros(file.shape, bool)
    # GDAL returns one mask only: beside a nodata value it ignores transparency.
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
    return missing


def read_place(path: Path, stack: Stack, tags: TiffTags) -> Stack:
    """Add the place and the mask of a raster to a stack of its images."""
    with opened(path) as file:
        size, place = place_of(file, tags.orientation)
        missing = turned(_masked(file, _opaque_bands(file)), 0, 1, tags.orientation)
    # The mask of the file counts for all its images.
    missing = np.broadcast_to(missing, (*stack.sizes.values(), *missing.shape))
    if stack.missing is not None:
        missing = missing | stack.missing
    geometry = stack.geometry if size is None else size
    return replace(stack, missing=missing, geometry=geometry, coordinates=place)


def _table(colormap: dict[int, tuple[int, ...]], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    size = max(int(np.iinfo(dtype).max) if dtype.itemsize <= 2 else 0, *colormap) + 1
    table = np.zeros((size, 4), np.uint8)
    table[:, 3] = 255
    for value, colour in colormap.items():
        table[value] = colour
    return table


def place_of(file: Any, orientation: int = 1) -> tuple[Geometry | None, Geometry | None]:
    """Return the pixel size in metres and the place of an open raster on the Earth.

    The size is None where the reference system does not measure lengths; `orientation`, 1 to 8, is
    how the image is turned after reading.
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
