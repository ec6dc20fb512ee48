"""Arrays of other libraries as NumPy arrays, with their masks and coordinates."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.cf import stack_of
from napari_latentdyn.errors import ImageFileError, ObservationError
from napari_latentdyn.settings.text import shown

__all__ = ["PlainArray", "channel_axes", "mask_of_bands", "plain_array", "single_keeps_digits"]


@dataclass(frozen=True)
class PlainArray:
    """An image as a NumPy array, (H, W) or 3-D with a channel axis.

    `masked`, of the same shape, is True where a value is missing; `geometry` has the pixel size and
    `coordinates` the place of rows and columns, where the array has coordinates.
    """

    values: NDArray[Any]
    masked: NDArray[np.bool_] | None = None
    channel_axis: int | None = None
    geometry: Geometry | None = None
    coordinates: Geometry | None = None


def plain_array(image: Any, name: str = "image") -> PlainArray:
    """Return an array of NumPy, dask, xarray, pandas or PyTorch with its mask and coordinates.

    Of an ``xarray.DataArray``, fill value, scale and offset in the attributes are applied. `name`
    names the image in an `ObservationError`.
    """
    xarray = sys.modules.get("xarray")
    if xarray is not None and isinstance(image, xarray.DataArray):
        return _labelled(image, name)
    if hasattr(image, "detach"):
        return _tensor(image, name)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(image, pandas.DataFrame):
        return _table(image)
    if hasattr(image, "compute"):
        image = image.compute()
    if isinstance(image, np.ma.MaskedArray) and image.dtype.names is None:
        masked = np.ma.getmaskarray(image)
        return PlainArray(np.asarray(image.data), masked if masked.any() else None)
    try:
        return PlainArray(np.asarray(image))
    except (ValueError, TypeError) as error:
        raise ObservationError(
            f"the {name} must be an array of numbers; got {_reason(error)}."
        ) from None


def mask_of_bands(masked: NDArray[np.bool_], axis: int | None, real: bool) -> NDArray[np.bool_]:
    """Return where a pixel of an image with channels is missing, shape (H, W).

    Of integers, all bands must be missing: in colours a value such as 0 marks missing pixels, and
    one band alone can have that value. Of real numbers one missing band suffices.
    """
    if axis is None:
        return masked
    return np.asarray(masked.any(axis=axis) if real else masked.all(axis=axis))


def single_keeps_digits(values: NDArray[np.floating[Any]]) -> bool:
    """Return whether single precision resolves a ten thousandth of the range of finite values."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return True
    low, high = float(finite.min()), float(finite.max())
    top, span = max(-low, high), 2 * (high / 2 - low / 2)
    fine = span == 0 or top * 2.0**-24 <= 1e-4 * span
    return fine and top < float(np.finfo(np.float32).max) / 4


def _tensor(tensor: Any, name: str) -> PlainArray:
    """Return a tensor of PyTorch of any layout, precision and device."""
    known = None
    try:
        if hasattr(tensor, "get_mask"):  # a MaskedTensor, whose mask is True where it has values
            known = tensor.get_mask()
            known = np.asarray((known.to_dense() if known.is_sparse else known).detach().cpu())
            tensor = tensor.get_data()
        if tensor.is_meta:
            raise ObservationError(
                f"the {name} is a tensor without values (its device is meta): give one on a device."
            )
        tensor = tensor.detach()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if "strided" not in str(tensor.layout):
            tensor = tensor.to_dense()
        tensor = tensor.cpu().resolve_conj().resolve_neg()
        if tensor.is_floating_point() and (
            tensor.element_size() == 1 or str(tensor.dtype) == "torch.bfloat16"
        ):
            # NumPy has no such types.
            tensor = tensor.float()
        values = tensor.numpy()
    except ObservationError:
        raise
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise ObservationError(
            f"the {name} is a tensor that NumPy cannot hold ({_reason(error)}): convert the "
            "tensor with tensor.to_dense().float()."
        ) from None
    return PlainArray(values, None if known is None or known.all() else ~known)


def _table(frame: Any) -> PlainArray:
    """Return a table of pandas; values that are not available are missing."""
    plain = [getattr(kind, "numpy_dtype", kind) for kind in frame.dtypes]
    if not plain or any(getattr(kind, "kind", "O") not in "biuf" for kind in plain):
        return PlainArray(np.asarray(frame))
    gaps = np.asarray(frame.isna())
    columns = [
        column.to_numpy(kind, na_value=0) if kind is not own else column.to_numpy()
        for kind, own, (_, column) in zip(plain, frame.dtypes, frame.items(), strict=True)
    ]
    return PlainArray(np.column_stack(columns), gaps if gaps.any() else None)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120].rstrip(".")


def _labelled(array: Any, name: str) -> PlainArray:
    import xarray

    if {"_FillValue", "missing_value", "scale_factor", "add_offset"} & set(array.attrs):
        label = str(array.name or "image")
        array = xarray.decode_cf(array.to_dataset(name=label), decode_times=False)[label]
    # Coordinates that are names, such as those of stations, do not locate a pixel.
    array = array.drop_vars([label for label, one in array.coords.items() if _is_text(one)])
    try:
        stack = stack_of(array, f"the {name}").squeezed()
    except ImageFileError as error:
        raise ObservationError(str(error)) from None
    if stack.leading:
        raise ObservationError(
            f"the {name} has the dimensions {', '.join(map(str, array.dims))}; choose one image, "
            f"such as array.isel({array.dims[0]}=0)."
        )
    inner = plain_array(array.data, name)
    masked = inner.masked
    if masked is not None:
        marked = xarray.DataArray(masked, dims=array.dims)
        masked = np.asarray(stack_of(marked, f"the {name}").squeezed().data, dtype=bool)
    axis = stack.axes.index("C") if "C" in stack.axes else None
    return PlainArray(stack.data, masked, axis, stack.geometry, stack.coordinates)


def _is_text(values: Any) -> bool:
    if values.dtype.kind == "O":
        return any(isinstance(value, str) for value in values.values.flat)
    return values.dtype.kind in "UST"


def channel_axes(
    images: Sequence[PlainArray], given: int | Sequence[int | None] | None
) -> list[int | None]:
    """Return the axis of the channels of each image, None without one."""
    if isinstance(given, (list, tuple)) and len(given) != len(images):
        raise ObservationError(
            f"channel_axis must be one number, or one for each of {len(images)} images; got "
            f"{shown(given)}."
        )
    axes: list[Any] = list(given) if isinstance(given, (list, tuple)) else [given] * len(images)
    for k, image in enumerate(images):
        if image.channel_axis is not None:
            axes[k] = image.channel_axis
        if image.values.ndim == 2:
            axes[k] = None
    return axes
