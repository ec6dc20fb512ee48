"""Images as OME-TIFF files with their pixel sizes, units and times."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

__all__ = ["even_step", "length_unit", "time_unit", "write_ome_tiff"]

_LENGTHS = {
    "pixel": "pixel",
    "kilometer": "km",
    "meter": "m",
    "decimeter": "dm",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "µm",
    "nanometer": "nm",
    "picometer": "pm",
    "angstrom": "Å",
    "inch": "in",
    "foot": "ft",
    "mile": "mi",
    "micron": "µm",
    "km": "km",
    "m": "m",
    "cm": "cm",
    "mm": "mm",
    "um": "µm",
    "µm": "µm",
    "μm": "µm",
    "nm": "nm",
}
# A symbol names itself.
_LENGTHS |= {symbol: symbol for symbol in _LENGTHS.values()}
_TIMES = {
    "year": "a",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
    "microsecond": "µs",
    "nanosecond": "ns",
    "d": "d",
    "h": "h",
    "min": "min",
    "s": "s",
    "ms": "ms",
    "us": "µs",
}
# Types that the OME data model knows; others are widened to one that holds them.
_PIXEL_TYPES = {"bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"}
_PIXEL_TYPES |= {"float32", "float64", "complex64", "complex128"}


def length_unit(name: str) -> str | None:
    """Return the OME symbol of a unit of length such as ``meter``, or None if it has none."""
    return _LENGTHS.get(_singular(name))


def time_unit(name: str) -> str | None:
    """Return the OME symbol of a unit of time such as ``hour``, or None if it has none."""
    return _TIMES.get(_singular(name))


def _singular(name: str) -> str:
    name = name.strip().replace("metre", "meter")
    return name[:-1] if len(name) > 3 and name.endswith("s") else name


def even_step(times: Sequence[float] | NDArray[np.floating]) -> float | None:
    """Return the distance between evenly spaced times, or None if they are not evenly spaced."""
    values = np.asarray(times, dtype=np.float64)
    if values.size < 2:
        return None
    step = (values[-1] - values[0]) / (values.size - 1)
    even = values[0] + step * np.arange(values.size)
    # Times often come from text with a few digits: a thousandth of a step is no unevenness.
    return float(step) if step > 0 and np.allclose(values, even, rtol=0, atol=1e-3 * step) else None


def write_ome_tiff(
    path: Path,
    data: NDArray[Any],
    axes: str,
    *,
    pixel_size: tuple[float, float] | None = None,
    pixel_unit: tuple[str, str] = ("pixel", "pixel"),
    times: Sequence[float] | NDArray[np.floating] | None = None,
    times_unit: str | None = None,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Write an image as OME-TIFF.

    Parameters
    ----------
    path : Path
        File to write.
    data : ndarray
        The pixels. Types that OME does not know are widened.
    axes : str
        One letter for each axis of `data` out of ``TZCYXS``, such as ``TYX``.
    pixel_size : tuple of float, optional
        Height and width of a pixel in `pixel_unit`.
    pixel_unit : tuple of str
        Units of the two sizes; a size whose unit OME does not know is left out.
    times : sequence of float, optional
        Times of the frames along T in `times_unit`. An even step is written as
        TimeIncrement, and the time of every plane as DeltaT.
    times_unit : str, optional
        Unit of `times`; without it, or with one that OME does not know, no time is written.
    name, description : str, optional
        Name of the image and free text.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    widened = np.ascontiguousarray(_widened(data))
    metadata: dict[str, Any] = {"axes": axes}
    if name:
        metadata["Name"] = name
    if description:
        metadata["Description"] = description
    if pixel_size is not None:
        for letter, size, unit in zip("YX", pixel_size, pixel_unit, strict=True):
            symbol = length_unit(unit)
            if symbol is not None:
                metadata[f"PhysicalSize{letter}"] = float(size)
                metadata[f"PhysicalSize{letter}Unit"] = symbol
    symbol = time_unit(times_unit) if times_unit else None
    if times is not None and symbol is not None and "T" in axes:
        step = even_step(times)
        if step is not None:
            metadata["TimeIncrement"] = step
            metadata["TimeIncrementUnit"] = symbol
        metadata["Plane"] = _plane_times(data.shape, axes, times, symbol)
    # The same content gives the same file.
    content = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    content.update(widened.data)
    metadata["UUID"] = str(uuid.UUID(bytes=content.digest()[:16], version=4))
    tifffile.imwrite(
        path,
        widened,
        ome=True,
        photometric="rgb" if axes.endswith("S") else "minisblack",
        metadata=metadata,
    )


def _plane_times(
    shape: tuple[int, ...],
    axes: str,
    times: Sequence[float] | NDArray[np.floating],
    symbol: str,
) -> dict[str, list[Any]]:
    planes = tuple(size for size, axis in zip(shape, axes, strict=True) if axis not in "YXS")
    along = [axis for axis in axes if axis not in "YXS"].index("T")
    expand = [1] * len(planes)
    expand[along] = -1
    values = np.broadcast_to(np.asarray(times, dtype=np.float64).reshape(expand), planes)
    return {"DeltaT": values.ravel().tolist(), "DeltaTUnit": [symbol] * values.size}


def _widened(data: NDArray[Any]) -> NDArray[Any]:
    if data.dtype.name in _PIXEL_TYPES:
        return data
    if data.dtype.kind in "iu":
        for candidate in (np.int32, np.uint32):
            info = np.iinfo(candidate)
            if data.size == 0 or (data.min() >= info.min and data.max() <= info.max):
                return data.astype(candidate)
        return data.astype(np.float64)
    return data.astype(np.float32 if data.dtype == np.float16 else np.float64)
