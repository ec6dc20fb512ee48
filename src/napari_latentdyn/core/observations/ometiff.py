"""Images as OME-TIFF files with their pixel sizes, units and times."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.units import ome_length, ome_time
from napari_latentdyn.files.archive import Parts

__all__ = ["even_step", "write_ome_tiff"]

# Types of the OME data model; others are widened.
_PIXEL_TYPES = {"bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"}
_PIXEL_TYPES |= {"float32", "float64", "complex64", "complex128"}


def even_step(times: Sequence[float] | NDArray[np.floating]) -> float | None:
    """Return the distance between evenly spaced times, or None if they are not evenly spaced."""
    values = np.asarray(times, dtype=np.float64)
    if values.size < 2:
        return None
    step = (values[-1] - values[0]) / (values.size - 1)
    even = values[0] + step * np.arange(values.size)
    # Times often come from text with a few digits: steps may differ by a thousandth.
    return float(step) if step > 0 and np.allclose(values, even, rtol=0, atol=1e-3 * step) else None


def write_ome_tiff(
    path: Path,
    data: NDArray[Any] | Parts,
    axes: str,
    *,
    pixel_size: tuple[float, float] | None = None,
    pixel_unit: tuple[str, str] = ("pixel", "pixel"),
    times: Sequence[float] | NDArray[np.floating] | None = None,
    times_unit: str | None = None,
    name: str | None = None,
    description: str | None = None,
    compression: str | None = None,
) -> None:
    """Write an image as OME-TIFF.

    `axes` has one letter out of ``TZCYXS`` for each axis of `data`. Pixel sizes (y, x) and times
    whose unit OME does not know are left out, and types that OME does not know are widened. An even
    step is written as TimeIncrement, and the time of every plane as DeltaT. `compression` is a name
    that tifffile knows, such as "zlib". `Parts` are written as they are made; their type must be
    one of OME.
    """
    metadata: dict[str, Any] = {"axes": axes}
    if name:
        metadata["Name"] = name
    if description:
        metadata["Description"] = description
    if pixel_size is not None:
        for letter, size, unit in zip("YX", pixel_size, pixel_unit, strict=True):
            symbol = ome_length(unit)
            if symbol is not None:
                metadata[f"PhysicalSize{letter}"] = float(size)
                metadata[f"PhysicalSize{letter}Unit"] = symbol
    symbol = ome_time(times_unit) if times_unit else None
    if times is not None and symbol is not None and "T" in axes:
        step = even_step(times)
        if step is not None:
            metadata["TimeIncrement"] = step
            metadata["TimeIncrementUnit"] = symbol
        metadata["Plane"] = _plane_times(data.shape, axes, times, symbol)
    # The same content gives the same file.
    content = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    if isinstance(data, Parts):
        # The content is known at the end; a text of the same length is replaced.
        known, given = uuid.UUID(int=0), None
    else:
        given = np.ascontiguousarray(_widened(data))
        content.update(given.data)
        known = _identifier(content)
    tifffile.imwrite(
        path,
        _planes(data, content) if isinstance(data, Parts) else given,
        shape=data.shape if isinstance(data, Parts) else None,
        dtype=data.dtype if isinstance(data, Parts) else None,
        ome=True,
        photometric="rgb" if axes.endswith("S") else "minisblack",
        metadata={**metadata, "UUID": str(known)},
        compression=compression,
    )
    if isinstance(data, Parts):
        text = str(tifffile.tiffcomment(path))
        tifffile.tiffcomment(path, text.replace(str(known), str(_identifier(content))).encode())


def _planes(data: Parts, content: Any) -> Iterator[NDArray[Any]]:
    """Yield the planes (H, W) of parts, and update a hash by them."""
    for part in data.parts:
        for plane in part.reshape(-1, *part.shape[-2:]):
            whole = np.ascontiguousarray(plane, data.dtype)
            content.update(whole.data)
            yield whole


def _identifier(content: Any) -> uuid.UUID:
    return uuid.UUID(bytes=content.digest()[:16], version=4)


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
