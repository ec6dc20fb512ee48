"""The run folder: a whole run on disk, written completely or not at all.

A folder holds ``frames.ome.tif``, ``fields.npz``, ``model.safetensors``,
``inputs.npz``, ``settings.json``, ``report.json`` and, with the settings for them,
``latents.npz`` and ``confidence.npz``. No file is a pickle, so that opening
a folder of unknown origin runs no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.ometiff import write_ome_tiff
from napari_latentdyn.core.runfolder.members import (
    CONFIDENCE,
    INPUTS,
    LATENTS,
    MODEL,
    SETTINGS,
    load_arrays,
    reading,
)
from napari_latentdyn.core.runfolder.report import (
    FIELDS,
    FRAMES,
    REPORT,
    RUN,
    check_free,
    check_version,
    damaged,
    plain_json,
)
from napari_latentdyn.core.runfolder.schema import FORMAT_VERSION, RunReport
from napari_latentdyn.errors import RunFolderError, SettingsError
from napari_latentdyn.files.archive import Parts, write_arrays
from napari_latentdyn.files.atomic import replace_folder, write_text
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.files.tensors import TensorFile, write_tensors
from napari_latentdyn.settings import Settings

__all__ = ["read_fields", "read_model", "read_settings", "write_run"]

FILES = frozenset({FRAMES, FIELDS, MODEL, INPUTS, LATENTS, CONFIDENCE, SETTINGS, REPORT})


def write_run(
    folder: str | Path,
    *,
    frames: NDArray[np.float32] | Parts,
    times: NDArray[np.floating],
    velocity: NDArray[np.float32],
    field_times: NDArray[np.floating],
    settings: Settings,
    report: RunReport,
    tensors: Mapping[str, NDArray[Any]],
    tensor_metadata: dict[str, str],
    inputs: dict[str, NDArray[Any]],
    latents: NDArray[np.float32] | Parts | None = None,
    confidence: NDArray[np.float32] | Parts | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a run folder, completely or not at all.

    The arrays are `frames` (T, Y, X) or (T, C, Y, X), `velocity` ((K - 1) n, 2, Y, X) in pixels
    per stage, `field_times` ((K - 1) n,), the start of each stage, `latents` (T, c, Y, X) and
    `confidence` (T, Y, X). `Parts` of frames, latent states and confidence are written as they are
    made, and each of the `tensors` is taken when it is written. Numbers of the report that are not
    finite become null; ``complete``, ``contents``, ``times``, ``frames_shape`` and ``files`` are
    filled in.

    The files are written into a hidden folder beside `folder`, which is renamed when it is
    complete. Other files of the user in a folder that is overwritten are kept, and a folder
    without a run is never overwritten: RunFolderError, as for a full disk.
    """
    target = output_path(folder, RunFolderError)
    check_free(target, overwrite=overwrite)
    _check_shapes(frames.shape, times, velocity, field_times)
    intervals = len(report.observation_times) - 1
    if intervals > 1:
        velocity = velocity.reshape(intervals, -1, *velocity.shape[1:])
    with replace_folder(target, FILES, RunFolderError, "the run folder") as files:
        place = report.placement.geometry if report.placement else Geometry()
        interval, moments, unit = report.interval, None, None
        if interval is not None and interval.value is not None:
            since = np.asarray(times, dtype=np.float64) - report.observation_times[0]
            moments = since * interval.value
            unit = interval.unit
        write_ome_tiff(
            files.path(FRAMES),
            frames if frames.dtype == np.float64 else _floats(frames),
            "TYX" if len(frames.shape) == 3 else "TCYX",
            pixel_size=place.pixel_size if report.placement else None,
            pixel_unit=place.units,
            times=moments,
            times_unit=unit,
            name="frames",
        )
        moving = {"velocity": _floats(velocity), "times": np.asarray(field_times)}
        write_arrays(files.path(FIELDS), moving)
        write_arrays(files.path(INPUTS), inputs)
        for name, array in ((LATENTS, latents), (CONFIDENCE, confidence)):
            if array is not None:
                found = {Path(name).stem: _floats(array), "times": np.asarray(times)}
                write_arrays(files.path(name), found)
        metadata = {"format": str(FORMAT_VERSION), **tensor_metadata}
        write_tensors(files.path(MODEL), tensors, metadata)
        write_text(files.path(SETTINGS), settings.to_json())
        complete = report.model_copy(
            update={
                "format_version": FORMAT_VERSION,
                "complete": True,
                "contents": RUN,
                "times": times.tolist(),
                "frames_shape": list(frames.shape),
                "files": files.sizes(),
            }
        )
        text = json.dumps(plain_json(complete.model_dump(exclude_none=True)), indent=2)
        write_text(files.path(REPORT), text + "\n")
    return target


def read_settings(folder: Path) -> Settings:
    """Read the settings of a run folder."""
    try:
        return Settings.from_json(folder / SETTINGS)
    except SettingsError as error:
        raise RunFolderError(f"cannot open the run folder {folder}: {error}") from None


def read_fields(folder: Path, report: RunReport) -> NDArray[np.float32]:
    """Read the advection fields of a run folder, ((K - 1) n, 2, Y, X), in pixels per stage."""
    fields = load_arrays(folder, FIELDS, report, ("velocity", "times"))
    velocity, times = _floats(fields["velocity"]), np.asarray(fields["times"], np.float64)
    intervals = len(report.observation_times) - 1
    with reading(folder, FIELDS):
        if velocity.ndim != (4 if intervals == 1 else 5) or (
            velocity.ndim == 5 and len(velocity) != intervals
        ):
            raise ValueError(f"fields of shape {velocity.shape} do not fit {intervals} intervals")
        velocity = velocity.reshape(-1, *velocity.shape[-3:])
        _check_shapes(report.frames_shape or (), np.asarray(report.times), velocity, times)
        # Stage by stage: the fields may be larger than the memory.
        if not all(np.isfinite(stage).all() for stage in velocity):
            raise RunFolderError(damaged(folder, FIELDS, "holds velocities that are not finite"))
    return np.asarray(velocity)


def read_model(folder: Path) -> TensorFile:
    """Open the arrays of the model in a run folder, which are read when they are used."""
    with reading(folder, MODEL):
        tensors = TensorFile(folder / MODEL)
    check_version(folder, MODEL, tensors.metadata.get("format"))
    return tensors


def _check_shapes(
    frames_shape: Sequence[int],
    times: NDArray[Any],
    velocity: NDArray[Any],
    field_times: NDArray[Any],
) -> None:
    shape = tuple(frames_shape)
    if len(shape) not in (3, 4) or times.shape != shape[:1]:
        raise ValueError(f"{times.size} times do not fit frames of shape {shape}")
    if velocity.shape != (field_times.size, 2, *shape[-2:]):
        raise ValueError(
            f"fields of shape {velocity.shape} fit neither their {field_times.size} times nor "
            f"frames of shape {shape}"
        )


def _floats(array: Any) -> Any:
    """Return an array, or one that is made in parts, in single precision."""
    if isinstance(array, Parts):
        return replace(array, dtype=np.dtype(np.float32))
    return np.asarray(array, dtype=np.float32)
