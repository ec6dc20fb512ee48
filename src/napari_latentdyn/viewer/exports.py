"""Writers for napari's save dialogs, of the formats of `export`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_latentdyn.core.dynamics.arrows import full_vectors
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.transform import plain_transform, world_matrix
from napari_latentdyn.core.geometry.units import udunits, unit_symbol
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.export.netcdf import dataset, write_dataset
from napari_latentdyn.export.omezarr import write_ome_zarr
from napari_latentdyn.export.source import Source
from napari_latentdyn.files.atomic import replace_file
from napari_latentdyn.viewer.images import full_resolution
from napari_latentdyn.viewer.layers import METADATA_KEY, LayerTuple
from napari_latentdyn.viewer.tables import axis_names, column_names
from napari_latentdyn.viewer.writers import with_extension

__all__ = ["source_of", "write_movie", "write_netcdf", "write_vector_arrays", "write_zarr"]


def source_of(data: Any, meta: Mapping[str, Any]) -> Source:
    """Return an image layer as what exports take, with all that its metadata know.

    Parameters
    ----------
    data : array
        (Y, X), (T, Y, X) or (C, T, Y, X); of an RGB layer with the colours last.
    meta : mapping
        Arguments of the layer.

    Raises
    ------
    RunFolderError
        If the layer has more axes.
    """
    pixels = full_resolution(data, meta)
    rgb = bool(meta.get("rgb"))
    ndim = pixels.ndim - int(rgb)
    if not 2 <= ndim <= (3 if rgb else 4):
        raise RunFolderError(
            f"the layer '{meta.get('name')}' has {ndim} axes, and this format knows time, channel, "
            "y and x; save it as OME-TIFF, or a part of it."
        )
    # Channels stand first in a layer and after the time in an export.
    if rgb:
        frames = np.moveaxis(pixels, -1, -3)
        frames = frames[None] if ndim == 2 else frames
    elif ndim == 4:
        frames = np.moveaxis(pixels, 0, 1)
    else:
        frames = pixels[None] if ndim == 2 else pixels
    plain = plain_transform(meta, ndim)
    info = dict((meta.get("metadata") or {}).get(METADATA_KEY) or {})
    times, interval = _times(len(frames), plain, info, ndim)
    return Source(
        frames=frames,
        times=times,
        velocity=np.zeros((0, 2, *frames.shape[-2:]), np.float32),
        report={"version": info.get("version"), "inputs": _inputs(info, frames.shape, rgb=rgb)},
        placement=Geometry.from_layer(meta, ndim),
        interval=interval,
        name=str(meta.get("name") or "image"),
    )


def write_zarr(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer as OME-Zarr; a folder that is there is left as it is.

    Parameters
    ----------
    path : str
        Folder to write; ``.ome.zarr`` is added to a name that does not end in ``.zarr``.
    data : array
        Pixels of the layer.
    meta : dict
        Arguments of the layer.

    Returns
    -------
    list of str
        The folder.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    target = with_extension(path, (".zarr",), ".ome.zarr")
    return [str(write_ome_zarr(source_of(data, meta), target))]


def write_movie(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer as MP4 or GIF with the colours and the contrast of the layer.

    Parameters
    ----------
    path : str
        File to write; ``.mp4`` is added to a name that ends in neither.
    data : array
        Pixels of the layer.
    meta : dict
        Arguments of the layer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    from napari_latentdyn.export.movie import write_mp4

    target = with_extension(path, (".mp4", ".gif"), ".mp4")
    source = source_of(data, meta)
    limits = meta.get("contrast_limits")
    options: dict[str, Any] = {}
    if limits is not None and not source.rgb:
        options["limits"] = (float(limits[0]), float(limits[1]))
    colormap = _matplotlib_name(meta.get("colormap"))
    if colormap is not None:
        options["colormap"] = colormap
    options["label"] = len(source.frames) > 1
    return [str(write_mp4(source, target, overwrite=True, **options))]


def write_netcdf(path: str, layer_data: list[LayerTuple]) -> list[str]:
    """Write an image layer, and vectors if some are selected with it, as netCDF.

    Arrows are a list: ``arrow_y``, ``arrow_x`` and so on are their starts in the
    world, ``arrow_dy``, ``arrow_dx`` their projections.

    Parameters
    ----------
    path : str
        File to write; ``.nc`` is added to another name.
    layer_data : list of tuple
        Layer data, layer arguments and layer type.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    target = with_extension(path, (".nc",), ".nc")
    images = [(data, meta) for data, meta, kind in layer_data if kind == "image"]
    described = dataset(source_of(*images[0]))
    for data, meta, kind in layer_data:
        if kind == "vectors":
            described = described.assign(_arrows(np.asarray(data), meta))
    return [str(write_dataset(described, target, overwrite=True))]


def write_vector_arrays(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a vectors layer as NumPy arrays, without pickle.

    ``vectors`` (N, 2, D) in pixels, ``axes`` their names, ``matrix`` (D + 1, D + 1)
    from pixels to the world, ``units`` of the world, and each feature as
    ``feature_NAME``.

    Parameters
    ----------
    path : str
        File to write; ``.npz`` is added to another name.
    data : array
        (N, 2, D) vectors.
    meta : dict
        Arguments of the layer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    RunFolderError
        If it cannot be written. A file that was there before is then as it was.
    """
    target = with_extension(path, (".npz",), ".npz")
    vectors = full_vectors(np.asarray(data), meta.get("features"))
    ndim = vectors.shape[-1]
    arrays: dict[str, Any] = {
        "vectors": vectors,
        "axes": np.array(axis_names(meta, ndim)),
        "matrix": world_matrix(meta, ndim),
        "units": np.array(plain_transform(meta, ndim)["units"]),
    }
    features: Any = meta.get("features")
    for name in () if features is None else features:
        values = np.asarray(features[name])
        arrays[f"feature_{name}"] = values.astype(str) if values.dtype == object else values
    with (
        replace_file(target, RunFolderError, "the arrays") as temporary,
        temporary.open("wb") as file,
    ):
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return [str(target)]


def _times(
    count: int, plain: Mapping[str, Any], info: Mapping[str, Any], ndim: int
) -> tuple[np.ndarray, tuple[float, str] | None]:
    """Return the times of frames as parts of an interval, and this."""
    known, interval = info.get("times"), info.get("interval")
    if known and len(known) == count:
        given = (float(interval["value"]), str(interval["unit"])) if interval else None
        return np.asarray(known, dtype=np.float64), given
    if ndim == 2:
        return np.zeros(1), None
    start, step, unit = (plain[name][-3] for name in ("translate", "scale", "units"))
    moments = start + step * np.arange(count, dtype=np.float64)
    return moments, None if unit == "pixel" else (1.0, unit)


def _inputs(info: Mapping[str, Any], shape: tuple[int, ...], *, rgb: bool) -> dict[str, Any]:
    inputs = {end: dict(entry) for end, entry in dict(info.get("inputs") or {}).items() if entry}
    first = inputs.setdefault("first", {})
    first["rgb"] = rgb
    # A part of the image lies elsewhere than the whole.
    if tuple(shape[-2:]) != tuple(first.get("shape") or ())[:2]:
        first.pop("geo", None)
    return inputs


def _arrows(vectors: np.ndarray, meta: Mapping[str, Any]) -> dict[str, Any]:
    vectors = full_vectors(vectors, meta.get("features"))
    ndim = vectors.shape[-1]
    matrix = world_matrix(meta, ndim)
    starts = vectors[:, 0].astype(np.float64) @ matrix[:-1, :-1].T + matrix[:-1, -1]
    projections = vectors[:, 1].astype(np.float64) @ matrix[:-1, :-1].T
    units = plain_transform(meta, ndim)["units"]
    variables: dict[str, Any] = {}
    for names, values, what in zip(
        column_names(meta, ndim), (starts, projections), ("start", "projection"), strict=True
    ):
        for axis, name in enumerate(names):
            attributes = {"units": _unit(units[axis]), "long_name": f"{what} of the arrow"}
            variables[f"arrow_{name}"] = ("arrow", values[:, axis], attributes)
    features: Any = meta.get("features")
    for name in () if features is None else features:
        values = np.asarray(features[name])
        if values.dtype.kind in "iufb":
            variables[f"arrow_{name}"] = ("arrow", values, {"long_name": str(name)})
    return variables


def _unit(name: str) -> str:
    return udunits(unit_symbol(name))


def _matplotlib_name(colormap: Any) -> str | None:
    """Return the name of a layer's colour map, if Matplotlib has one of this name."""
    name = colormap.get("name") if isinstance(colormap, Mapping) else colormap
    name = getattr(name, "name", name)
    try:
        from matplotlib import colormaps
    except ImportError:
        return None
    return name if isinstance(name, str) and name in colormaps else None
