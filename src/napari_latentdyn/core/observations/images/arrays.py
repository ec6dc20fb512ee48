"""Arrays of other libraries as NumPy arrays, with their masks and coordinates."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images.cf import stack_of
from napari_latentdyn.errors import ImageFileError, PairError

__all__ = ["PlainArray", "mask_of_bands", "plain_array"]


@dataclass(frozen=True)
class PlainArray:
    """An image as a NumPy array.

    Attributes
    ----------
    values : ndarray
        (H, W), or 3-D with a channel axis.
    masked : ndarray of bool or None
        The shape of `values`; True where a value is missing.
    channel_axis : int or None
        Axis of the channels, where the array names its axes.
    geometry : Geometry or None
        Size of the pixels, where the array has coordinates with units of length.
    coordinates : Geometry or None
        The coordinates of rows and columns, where the array has them.
    """

    values: NDArray[Any]
    masked: NDArray[np.bool_] | None = None
    channel_axis: int | None = None
    geometry: Geometry | None = None
    coordinates: Geometry | None = None


def plain_array(image: Any, name: str = "image") -> PlainArray:
    """Return an array of NumPy, dask, xarray, pandas or PyTorch with its mask and coordinates.

    Parameters
    ----------
    image : array_like
        The image. Masked arrays keep their mask; of an ``xarray.DataArray`` the
        fill value, scale and offset of its attributes count.
    name : str
        What the image is called in messages.

    Raises
    ------
    PairError
        If it is no array of numbers.
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
        raise PairError(f"the {name} must be an array of numbers; got {_reason(error)}.") from None


def mask_of_bands(masked: NDArray[np.bool_], axis: int | None, real: bool) -> NDArray[np.bool_]:
    """Return where a pixel of an image with channels is missing, shape (H, W).

    Parameters
    ----------
    masked : ndarray of bool
        Where values are missing.
    axis : int or None
        Axis of the channels.
    real : bool
        Whether the values are real numbers. Of integers a pixel is missing where
        all bands are: in colours a value such as 0 marks it, which one band alone
        can have. Of real numbers one band that is missing leaves nothing to follow.
    """
    if axis is None:
        return masked
    return np.asarray(masked.any(axis=axis) if real else masked.all(axis=axis))


def _tensor(tensor: Any, name: str) -> PlainArray:
    """Return a tensor of PyTorch, of whatever layout, precision and device."""
    known = None
    try:
        if hasattr(tensor, "get_mask"):  # a MaskedTensor, whose mask is True where it has values
            known = tensor.get_mask()
            known = np.asarray((known.to_dense() if known.is_sparse else known).detach().cpu())
            tensor = tensor.get_data()
        if tensor.is_meta:
            raise PairError(
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
    except PairError:
        raise
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise PairError(
            f"the {name} is a tensor that NumPy cannot hold ({_reason(error)}): give one with "
            "tensor.to_dense().float()."
        ) from None
    return PlainArray(values, None if known is None or known.all() else ~known)


def _table(frame: Any) -> PlainArray:
    """Return a table of pandas; what is not available in columns that know it is missing."""
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
    # Coordinates that are names, such as those of stations, say nothing of the place of a pixel.
    array = array.drop_vars([label for label, one in array.coords.items() if _is_text(one)])
    try:
        stack = stack_of(array, f"the {name}").squeezed()
    except ImageFileError as error:
        raise PairError(str(error)) from None
    if stack.leading:
        raise PairError(
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
