"""Tags of GDAL and of TIFF about values, for either reader."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.model import Stack
from napari_latentdyn.core.observations.images.nodata import NEARLY, Nodata, spelled_nodata

__all__ = ["TiffTags", "from_black", "missing_in", "scaled", "tags_of", "turned"]

_METADATA, _NODATA, _ORIENTATION = 42112, 42113, 274


@dataclass(frozen=True)
class TiffTags:
    """Tags of a page about its values.

    `inverted` values count from white, with `bits` bits; `orientation` is 1 to 8, as in EXIF;
    `scales` and `offsets` are by channel, counted from 0.
    """

    inverted: bool = False
    bits: int = 0
    orientation: int = 1
    nodata: Nodata | None = None
    scales: dict[int, float] = field(default_factory=dict)
    offsets: dict[int, float] = field(default_factory=dict)


def tags_of(page: Any) -> TiffTags:
    """Read the tags of a page of tifffile."""
    try:
        code = int(page.tags.valueof(_ORIENTATION, 1) or 1)
    except (TypeError, ValueError):
        code = 1
    text = page.tags.valueof(_METADATA)
    factors: dict[str, dict[int, float]] = {"scale": {}, "offset": {}}
    try:
        items = list(ET.fromstring(str(text).strip("\0 ")).iter("Item")) if text else []
    except (ET.ParseError, ValueError):
        items = []
    for item in items:
        try:
            place, value = int(item.get("sample", "0")), float(item.text or "")
        except ValueError:
            continue
        if item.get("role") in factors and np.isfinite(value):
            factors[str(item.get("role"))][place] = value
    bits = page.bitspersample
    return TiffTags(
        inverted=page.photometric == tifffile.PHOTOMETRIC.MINISWHITE,
        bits=int(bits[0] if isinstance(bits, tuple) else bits or 0),
        orientation=code if 1 <= code <= 8 else 1,
        nodata=spelled_nodata(page.tags.valueof(_NODATA)),
        scales=factors["scale"],
        offsets=factors["offset"],
    )


def from_black(data: NDArray[Any], bits: int = 0) -> NDArray[Any]:
    """Return values that count from white as values that count from black."""
    if data.dtype.kind in "bi":
        return ~data
    if data.dtype.kind == "u":
        full = 8 * data.dtype.itemsize
        top = (1 << (bits if 0 < bits < full else full)) - 1
        return np.asarray(data.dtype.type(top) - data, dtype=data.dtype)
    return -data


def turned(data: NDArray[Any], y: int, x: int, orientation: int) -> NDArray[Any]:
    """Turn and mirror rows and columns by an orientation."""
    if orientation >= 5:
        data = np.swapaxes(data, y, x)
    if orientation in (2, 3, 6, 7):
        data = np.flip(data, x)
    if orientation in (3, 4, 7, 8):
        data = np.flip(data, y)
    return data


def missing_in(
    data: NDArray[Any], nodata: Nodata | None
) -> tuple[NDArray[np.bool_] | None, tuple[str, ...]]:
    """Return where values are missing, and a note on values close to the nodata value."""
    if nodata is None:
        return None, ()
    missing, near = nodata.missing(data), nodata.nearly(data)
    if near is None:
        return missing, ()
    return missing | near, (NEARLY,)


def scaled(stack: Stack, tags: TiffTags, unknown: NDArray[np.bool_] | None) -> Stack:
    """Mark missing pixels of a stack of stored values, and apply scale and offset.

    `unknown`, of the shape of the stack, is True where a value is missing. A pixel is missing where
    all its channels are; where some of real channels are, these become NaN.
    """
    data, missing = stack.data, stack.missing
    axis = stack.axes.index("C") if "C" in stack.axes else None
    whole = unknown
    if unknown is not None and axis is not None:
        whole = np.asarray(unknown.all(axis=axis))
    if whole is not None:
        missing = whole if missing is None else missing | whole
    if tags.inverted:
        data = from_black(data, tags.bits)
    count = 1 if axis is None else data.shape[axis]
    scales = np.array([tags.scales.get(k, 1.0) for k in range(count)])
    offsets = np.array([tags.offsets.get(k, 0.0) for k in range(count)])
    if data.dtype.kind != "c" and (np.any(scales != 1.0) or np.any(offsets != 0.0)):
        shape = [1] * data.ndim
        if axis is not None:
            shape[axis] = count
        data = data.astype(np.float64) * scales.reshape(shape) + offsets.reshape(shape)
    if unknown is not None and whole is not None and axis is not None and data.dtype.kind == "f":
        # A real channel without a value cannot be followed.
        part = unknown & ~np.expand_dims(whole, axis)
        data = np.where(part, np.asarray(np.nan, data.dtype), data)
    return replace(
        stack,
        data=data,
        missing=missing,
        planes=stack.planes if data is stack.data and unknown is None else None,
    )
