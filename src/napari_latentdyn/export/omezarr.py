"""Frames and fields as OME-Zarr: a pyramid in chunks, for large images and pipelines.

The arrays are written with zarr-python frame by frame, so that a long stack
never lies in memory twice; the metadata follow the specification of OME-NGFF
(https://ngff.openmicroscopy.org, versions 0.4 and 0.5).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.units import ngff_unit
from napari_latentdyn.core.observations.ometiff import even_step
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_folder, require

__all__ = ["is_zarr", "write_ome_zarr"]

#: Zarr format of each version of OME-NGFF.
_ZARR = {"0.4": 2, "0.5": 3}
_CHUNK = 512
_SMALLEST = 256


#: Files of a group; everything else lies in folders.
_FILES = {".zgroup", ".zattrs", ".zmetadata", "zarr.json"}


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr group and nothing else, which another may replace."""
    files = {entry.name for entry in folder.iterdir() if not entry.is_dir()}
    return bool(files & {".zgroup", "zarr.json"}) and files <= _FILES


def write_ome_zarr(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ngff: str = "0.4",
    fields: bool = True,
) -> Path:
    """Write the frames as a multiscale OME-Zarr image, (T, Y, X) or (T, C, Y, X).

    Each level has half the height and width of the one before, until both are
    at most 256 pixels. Scale, translation and units of time and space stand in
    the metadata; a rotation or a reference system has no word there. All times
    stand in the attribute ``latentdyn``, because a scale can say even steps only.

    Parameters
    ----------
    source : Source
        What to write.
    path : str or Path
        Folder to write. Only a Zarr group is ever replaced.
    overwrite : bool
        Replace a Zarr group that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.
    ngff : {"0.4", "0.5"}
        Version of OME-NGFF: 0.4 (Zarr 2) is read by more programs.
    fields : bool
        Put the fields beside the frames, as the image ``fields`` of the group: (n, 2, Y, X),
        channels dy and dx in pixels per stage.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ExportError
        If zarr is not installed, or the folder is in use or cannot be written.
    Stopped
        If the user asked for it.
    """
    if ngff not in _ZARR:
        raise ExportError(f"there is no OME-NGFF {ngff} here; choose 0.4 or 0.5.")
    zarr = require("zarr", "export", "OME-Zarr")
    with_fields = fields and source.stages > 0
    total = len(source.frames) + (source.stages if with_fields else 0)
    steps = Steps(total, on_progress, should_stop)
    with new_folder(path, overwrite=overwrite, what="the image", is_ours=is_zarr) as folder:
        root = zarr.open_group(str(folder), mode="w", zarr_format=_ZARR[ngff])
        step = even_step(source.moments)
        first = float(source.moments[0]) if step is not None else 0.0
        time = (step if step is not None else 1.0, first)
        _write_image(root, source.frames, source, ngff, steps, source.name, time)
        root.attrs["latentdyn"] = {
            "times": source.times.tolist(),
            "interval": source.interval,
            "evenly_spaced": step is not None,
            "version": source.report.get("version"),
        }
        if with_fields:
            group = root.create_group("fields")
            stage = source.duration / source.stages
            time = (stage, 0.5 * stage)
            _write_image(group, source.velocity, source, ngff, steps, "fields", time)
            group.attrs["latentdyn"] = {"channels": ["dy", "dx"], "units": "pixel per stage"}
    return Path(path)


def _write_image(
    group: Any,
    planes: NDArray[Any],
    source: Source,
    version: str,
    steps: Steps,
    name: str,
    time: tuple[float, float],
) -> None:
    axes = "tyx" if planes.ndim == 3 else "tcyx"
    shapes = _shapes(source.shape)
    front = planes.shape[1:-2]
    arrays = []
    for level, shape in enumerate(shapes):
        chunks = (1, *(1 for _ in front), *(min(_CHUNK, side) for side in shape))
        options: dict[str, Any] = {}
        if version == "0.4":
            options["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
        else:
            options["dimension_names"] = list(axes)
        arrays.append(
            group.create_array(
                str(level),
                shape=(len(planes), *front, *shape),
                dtype=planes.dtype,
                chunks=chunks,
                **options,
            )
        )
    for index, plane in enumerate(planes):
        for array in arrays:
            array[index] = plane
            plane = _halved(plane)
        steps.next()
    scales = {"multiscales": [_multiscales(source, axes, shapes, name, time)]}
    if version == "0.4":
        scales["multiscales"][0]["version"] = version
        group.attrs.update(scales)
    else:
        group.attrs["ome"] = {"version": version, **scales}


def _multiscales(
    source: Source,
    axes: str,
    shapes: list[tuple[int, int]],
    name: str,
    time: tuple[float, float],
) -> dict[str, Any]:
    units = dict(zip("yx", source.length_units, strict=True))
    if source.time_unit is not None:
        units["t"] = source.time_unit
    described: list[dict[str, str]] = []
    for axis in axes:
        kind = {"t": "time", "c": "channel"}.get(axis, "space")
        unit = ngff_unit(units.get(axis, ""))
        described.append({"name": axis, "type": kind} | ({"unit": unit} if unit else {}))
    height, width = source.pixel_size
    # A reference system whose y points north cannot be said by a scale, which is positive.
    y, x = source.coordinates() if source.upright and source.geo is None else ([0.0], [0.0])
    channel = [1.0] if "c" in axes else []
    datasets = []
    for level in range(len(shapes)):
        factor = 2.0**level
        # The centre of the first pixel of a coarse level lies within that of many fine ones.
        shift = (factor - 1) / 2
        scale = [time[0], *channel, factor * height, factor * width]
        first = [time[1], *(0.0 for _ in channel)]
        first += [float(y[0]) + shift * height, float(x[0]) + shift * width]
        transforms = [
            {"type": "scale", "scale": scale},
            {"type": "translation", "translation": first},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    return {"name": name, "axes": described, "datasets": datasets, "type": "mean"}


def _shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    shapes = [shape]
    while max(shapes[-1]) > _SMALLEST and min(shapes[-1]) >= 2:
        shapes.append((shapes[-1][0] // 2, shapes[-1][1] // 2))
    return shapes


def _halved(plane: NDArray[Any]) -> NDArray[Any]:
    """Mean of blocks of 2x2 pixels; of their finite ones where some are missing."""
    height, width = plane.shape[-2] // 2, plane.shape[-1] // 2
    if not height or not width:
        return plane
    blocks = plane[..., : 2 * height, : 2 * width]
    blocks = blocks.reshape(*plane.shape[:-2], height, 2, width, 2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        mean = np.nanmean(blocks, axis=(-3, -1))
    if plane.dtype.kind in "iu":
        mean = np.rint(mean)
    return np.asarray(mean.astype(plane.dtype))
