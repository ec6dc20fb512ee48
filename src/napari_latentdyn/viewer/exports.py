"""Writers for napari's save dialogs, of the formats of `export`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.transform import plain_transform
from napari_latentdyn.core.runfolder.schema import InputReport, RunReport
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.export import export, make_dataset
from napari_latentdyn.viewer.images import full_resolution
from napari_latentdyn.viewer.layers import METADATA_KEY
from napari_latentdyn.viewer.writers import with_extension

if TYPE_CHECKING:
    import xarray

__all__ = ["layer_dataset", "write_movie", "write_netcdf", "write_zarr"]


def layer_dataset(data: Any, meta: Mapping[str, Any]) -> xarray.Dataset:
    """Return an image layer as a dataset, with the times and the position in its metadata.

    The data is (Y, X), (T, Y, X) or (C, T, Y, X), with colours last in an RGB layer; a layer with
    more axes raises `RunFolderError`.
    """
    pixels = full_resolution(data, meta)
    rgb = bool(meta.get("rgb"))
    ndim = pixels.ndim - int(rgb)
    if not 2 <= ndim <= (3 if rgb else 4):
        raise RunFolderError(
            f"the layer '{meta.get('name')}' has {ndim} axes, and this format stores time, "
            "channel, y and x only; save the layer as OME-TIFF, or a part of it."
        )
    # Channels are the first axis of a layer, and the axis after time in a dataset.
    if rgb:
        pixels = np.moveaxis(pixels, -1, -3)
    elif ndim == 4:
        pixels = np.moveaxis(pixels, 0, 1)
    frames = pixels[None] if ndim == 2 else pixels
    plain = plain_transform(meta, ndim)
    info = dict((meta.get("metadata") or {}).get(METADATA_KEY) or {})
    times, interval, known = _times(len(frames), plain, info, ndim)
    return make_dataset(
        frames=frames,
        times=times,
        observation_times=known,
        report=_report(info, frames.shape, rgb=rgb),
        settings=info.get("settings"),
        placement=Geometry.from_layer(meta, ndim),
        interval=interval,
        title=str(meta.get("name") or "image"),
    )


def write_zarr(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer as OME-Zarr; an existing folder raises `UserError`."""
    target = with_extension(path, (".zarr",), ".ome.zarr")
    return [str(export(layer_dataset(data, meta), target, "ome-zarr"))]


def write_netcdf(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer as netCDF; an existing file is replaced."""
    target = with_extension(path, (".nc",), ".nc")
    return [str(export(layer_dataset(data, meta), target, "netcdf", overwrite=True))]


def write_movie(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer as MP4 or GIF with its colours and contrast."""
    target = with_extension(path, (".mp4", ".gif"), ".mp4")
    frames = layer_dataset(data, meta)
    options: dict[str, Any] = {"label": frames.sizes["time"] > 1}
    limits = meta.get("contrast_limits")
    if limits is not None and not meta.get("rgb"):
        options["limits"] = (float(limits[0]), float(limits[1]))
    colormap = _matplotlib_name(meta.get("colormap"))
    if colormap is not None:
        options["colormap"] = colormap
    return [str(export(frames, target, overwrite=True, **options))]


def _times(
    count: int, plain: Mapping[str, Any], info: Mapping[str, Any], ndim: int
) -> tuple[np.ndarray, tuple[float, str] | None, np.ndarray | None]:
    """Return the times of frames, the length of their unit with its name, and times of images."""
    known, interval = info.get("times"), info.get("interval")
    if known and len(known) == count:
        given = (float(interval["value"]), str(interval["unit"])) if interval else None
        observed = np.asarray(info.get("observation_times") or (0.0, 1.0), np.float64)
        return np.asarray(known, dtype=np.float64), given, observed
    if ndim == 2:
        return np.zeros(1), None, None
    start, step, unit = (plain[name][-3] for name in ("translate", "scale", "units"))
    moments = start + step * np.arange(count, dtype=np.float64)
    return moments, None if unit == "pixel" else (1.0, unit), None


def _report(info: Mapping[str, Any], shape: tuple[int, ...], *, rgb: bool) -> RunReport:
    try:
        known = RunReport.model_validate({name: info.get(name) for name in ("version", "inputs")})
    except ValidationError:  # other programs may change metadata
        known = RunReport()
    first, *others = known.inputs or [InputReport()]
    # A cropped image has another position than the whole image.
    whole = tuple(shape[-2:]) == tuple(first.shape or ())[:2]
    first = first.model_copy(update={"rgb": rgb, "geo": first.geo if whole else None})
    return known.model_copy(update={"inputs": [first, *others]})


def _matplotlib_name(colormap: Any) -> str | None:
    """Return the name of a layer's colour map if Matplotlib has it."""
    name = colormap.get("name") if isinstance(colormap, Mapping) else colormap
    name = getattr(name, "name", name)
    try:
        from matplotlib import colormaps
    except ImportError:
        return None
    return name if isinstance(name, str) and name in colormaps else None
