"""Zarr arrays that xarray does not know: plain arrays, and images in OME-Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.errors import ImageFileError

__all__ = ["array_of_zarr", "full_array", "is_zarr"]


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr group or array."""
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray"))


def array_of_zarr(path: Path) -> Any:
    """Return a plain array or the image of an OME-Zarr as an xarray.DataArray.

    The image has full resolution, and coordinates where the file gives a pixel size. None means
    that the folder is a data set of xarray.
    """
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return _labelled(path, node, _dimensions(node), {}, {}, {})
    attributes: dict[str, Any] = dict(node.attrs)
    inner = attributes.get("ome")
    images = (inner if isinstance(inner, Mapping) else attributes).get("multiscales")
    if images:
        return _multiscale(path, node, images[0])
    arrays = dict(node.arrays())
    nameless = [name for name, array in arrays.items() if array.ndim and not _dimensions(array)]
    if nameless:
        raise ImageFileError(
            f"{path} holds arrays that do not name their dimensions ({', '.join(nameless[:6])}): "
            f"choose one by its folder, such as {path / nameless[0]}."
        )
    return None


def full_array(path: Path) -> tuple[Any, list[str]]:
    """Return a plain array or the full resolution of an OME-Zarr, not read, and its axes.

    Axes without a name are called ``axis0`` and so on, the last two ``y`` and ``x``.
    """
    import zarr

    node: Any = zarr.open(path, mode="r")
    names: list[str] = []
    if not isinstance(node, zarr.Array):
        attributes: dict[str, Any] = dict(node.attrs)
        inner = attributes.get("ome")
        images = (inner if isinstance(inner, Mapping) else attributes).get("multiscales")
        if not images:
            raise ImageFileError(f"{path} holds no image: give an array of it, or an OME-Zarr.")
        axes = images[0].get("axes") or "tczyx"
        names = [str(axis["name"] if isinstance(axis, Mapping) else axis) for axis in axes]
        node = node[images[0]["datasets"][0]["path"]]
    else:
        names = _dimensions(node)
    if node.ndim < 2:
        raise ImageFileError(f"an image must have at least two axes; {path} has {node.ndim}.")
    if len(names) != node.ndim:
        names = [*(f"axis{k}" for k in range(node.ndim - 2)), "y", "x"]
    return node, names


def _dimensions(array: Any) -> list[str]:
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get(
        "_ARRAY_DIMENSIONS", ()
    )
    return [str(name) for name in names] if names and all(names) else []


def _multiscale(path: Path, group: Any, image: Mapping[str, Any]) -> Any:
    full = image["datasets"][0]
    array = group[full["path"]]
    # Axes have had a type and a unit since version 0.4, and were plain names in 0.3.
    axes = [
        axis if isinstance(axis, Mapping) else {"name": axis}
        for axis in image.get("axes") or "tczyx"
    ]
    names = [str(axis["name"]) for axis in axes]
    scale, start = dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.0)
    changes = (
        *full.get("coordinateTransformations", ()),
        *image.get("coordinateTransformations", ()),
    )
    for change in changes:
        for name, factor in zip(names, change.get("scale", ()), strict=False):
            scale[name] *= float(factor)
            start[name] *= float(factor)
        for name, shift in zip(names, change.get("translation", ()), strict=False):
            start[name] += float(shift)
    units = {str(axis["name"]): str(axis["unit"]) for axis in axes if axis.get("unit")}
    return _labelled(path, array, names, units, scale, start)


def _labelled(
    path: Path,
    array: Any,
    names: list[str],
    units: Mapping[str, str],
    scale: Mapping[str, float],
    start: Mapping[str, float],
) -> Any:
    import xarray

    if len(names) != array.ndim:
        names = [*(f"axis{k}" for k in range(array.ndim - 2)), "y", "x"][-array.ndim :]
    check_claim(path, int(array.nbytes))
    # Channels and axes without a unit have no coordinates.
    coords = {
        name: (name, start[name] + scale[name] * np.arange(size), {"units": units[name]})
        for name, size in zip(names, array.shape, strict=True)
        if name in units
    }
    return xarray.DataArray(np.asarray(array[...]), coords, names)
