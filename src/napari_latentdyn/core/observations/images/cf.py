"""NetCDF and Zarr with CF conventions, through xarray."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_latentdyn.core.observations.images.cf_axes import (
    AXES,
    coordinates,
    rows_and_columns,
    spacing,
    times,
)
from napari_latentdyn.core.observations.images.cf_missing import default_fill, within_valid_range
from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.core.observations.images.model import Stack
from napari_latentdyn.core.observations.images.zarr import array_of_zarr
from napari_latentdyn.errors import ImageFileError

__all__ = ["image_variables", "read_cf", "stack_of"]


def read_cf(path: Path, variable: str | None = None) -> Stack:
    """Read one variable of a NetCDF or Zarr data set, in physical values."""
    plain = array_of_zarr(path) if path.is_dir() and variable is None else None
    if plain is not None:
        return stack_of(plain, str(path))
    with _opened(path) as stored:
        data = _decoded(stored)
        found = _images(data)
        if variable is not None and variable not in data.variables:
            raise ImageFileError(
                f"{path} has no variable '{variable[:40]}'; it has: {', '.join(found)}."
            )
        if variable is None and len(found) != 1:
            raise ImageFileError(
                f"{path} holds the variables {', '.join(found[:12])}: choose one, such as "
                f"{path}:{found[0]}."
                if found
                else _no_image(path)
            )
        name = variable or found[0]
        check_claim(path, int(data[name].nbytes))
        notes: tuple[str, ...] = ()
        fill = None if path.is_dir() else default_fill(stored[name])
        if fill is not None:
            stored = stored.assign({name: stored[name].assign_attrs(_FillValue=fill)})
            data = _decoded(stored)
            if stored[name].dtype.kind != "f":
                notes = (f"The value {fill} counts as missing: netCDF fills with it.",)
        array = data[name].load()
        stack = stack_of(array, str(path))
        return replace(stack, coordinates=coordinates(array, data), notes=(*stack.notes, *notes))


def image_variables(path: Path) -> list[str]:
    """Return the names of the variables that have rows and columns."""
    with _opened(path) as data:
        return _images(_decoded(data))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import xarray

    engine: Any = "zarr" if path.is_dir() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Stored values: fill values must be known before decoding.
        with xarray.open_dataset(path, engine=engine, decode_cf=False) as data:
            # A Zarr store lists its members in any order, a file in the order of writing.
            yield data[sorted(data.variables, key=str)] if path.is_dir() else data


def _decoded(data: Any) -> Any:
    import xarray

    try:
        return xarray.decode_cf(data, decode_timedelta=False)
    except (ValueError, OverflowError):
        # Times without a calendar, such as months since a day, stay numbers.
        return xarray.decode_cf(data, decode_times=False, decode_timedelta=False)


def _no_image(path: Path) -> str:
    import xarray

    with xarray.open_datatree(path, engine="zarr" if path.is_dir() else None) as tree:
        groups = [name.strip("/") for name in tree.groups if name != "/"]
    if not groups:
        return f"{path} holds no variable with rows and columns."
    return (
        f"{path} holds no variable with rows and columns outside its groups "
        f"({', '.join(groups[:6])}): save the group with the image as a file of its own."
    )


def _images(data: Any) -> list[str]:
    # Edges of cells belong to the coordinates.
    edges = {
        str(values.attrs.get(key))
        for values in data.variables.values()
        for key in ("bounds", "climatology")
    }
    return [
        str(name)
        for name, values in data.data_vars.items()
        if str(name) not in edges and _is_image(values)
    ]


def _is_image(values: Any) -> bool:
    if values.ndim < 2 or values.dtype.kind not in "buifc":
        return False
    return all(values.sizes[dim] > 1 for dim in rows_and_columns(values))


def stack_of(array: Any, name: str) -> Stack:
    """Return an xarray.DataArray of 2 or more dimensions as images, with its coordinates."""
    dims = [str(dim) for dim in array.dims]
    if len(dims) < 2:
        raise ImageFileError(f"{name} has {len(dims)} dimensions; an image has at least 2.")
    y, x = rows_and_columns(array)
    front = [dim for dim in dims if dim not in (y, x)]
    names = [AXES.get(dim.lower(), dim) for dim in front]
    if "C" in names:
        k = names.index("C")
        front, names = [*front[:k], *front[k + 1 :], front[k]], [*names[:k], *names[k + 1 :], "C"]
    array = array.transpose(*front, y, x)
    array = within_valid_range(array)
    size, note = spacing(array, y, x)
    moments, time_unit, start = (None, None, None)
    if "T" in names:
        moments, time_unit, start = times(array, front[names.index("T")])
    return Stack(
        np.asarray(array.values),
        (*names, "Y", "X"),
        geometry=size,
        times=moments,
        time_unit=time_unit,
        start=start,
        notes=(note,) if note else (),
        coordinates=coordinates(array),
    )
