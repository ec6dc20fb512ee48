"""The run folder: a whole run on disk, written completely or not at all.

A folder holds ``frames.ome.tif``, ``fields.npz``, ``model.safetensors``,
``inputs.npz``, ``settings.json``, ``report.json`` and, with the settings for them,
``latents.npz`` and ``confidence.npz``. No file is a pickle, so that opening
a folder of unknown origin runs no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save as save_tensors

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
from napari_latentdyn.files.atomic import FilesIn, replace_folder, write_text
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.text import shorten

__all__ = ["read_fields", "read_model", "read_settings", "write_run"]

FILES = frozenset({FRAMES, FIELDS, MODEL, INPUTS, LATENTS, CONFIDENCE, SETTINGS, REPORT})


def write_run(
    folder: str | Path,
    *,
    frames: NDArray[np.float32],
    times: NDArray[np.floating],
    velocity: NDArray[np.float32],
    field_times: NDArray[np.floating],
    settings: Settings,
    report: RunReport,
    tensors: dict[str, NDArray[Any]],
    tensor_metadata: dict[str, str],
    inputs: dict[str, NDArray[Any]],
    latents: NDArray[np.float32] | None = None,
    confidence: NDArray[np.float32] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a run folder, completely or not at all.

    The arrays are `frames` (T, Y, X) or (T, C, Y, X), `velocity` ((K - 1) n, 2, Y, X) in pixels
    per stage, `field_times` ((K - 1) n,), the start of each stage, `latents` (T, c, Y, X) and
    `confidence` (T, Y, X). Numbers of the report that are not finite become null; ``complete``,
    ``contents``, ``times``, ``frames_shape`` and ``files`` are filled in.

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
            frames if np.asarray(frames).dtype == np.float64 else _floats(frames),
            "TYX" if frames.ndim == 3 else "TCYX",
            pixel_size=place.pixel_size if report.placement else None,
            pixel_unit=place.units,
            times=moments,
            times_unit=unit,
            name="frames",
        )
        _save_arrays(files, FIELDS, {"velocity": _floats(velocity), "times": field_times})
        _save_arrays(files, INPUTS, inputs)
        if latents is not None:
            _save_arrays(files, LATENTS, {"latents": _floats(latents), "times": times})
        if confidence is not None:
            _save_arrays(files, CONFIDENCE, {"confidence": _floats(confidence), "times": times})
        plain = {name: np.array(value, order="C", copy=None) for name, value in tensors.items()}
        metadata = {"format": str(FORMAT_VERSION), **tensor_metadata}
        files.path(MODEL).write_bytes(_ordered(save_tensors(plain, metadata)))
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
        if not np.isfinite(velocity).all():
            raise RunFolderError(damaged(folder, FIELDS, "holds velocities that are not finite"))
    return velocity


def read_model(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read the arrays and the metadata of the model in a run folder."""
    with reading(folder, MODEL), safe_open(folder / MODEL, framework="numpy") as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, tensor in tensors.items():
            if tensor.dtype.kind not in "biuf":
                raise ValueError(f"'{shorten(name)}' is not an array of numbers")
    check_version(folder, MODEL, metadata.get("format"))
    return tensors, metadata


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


def _ordered(tensors: bytes) -> bytes:
    """Sort the metadata of a safetensors file, whose order differs from call to call."""
    start = 8 + int.from_bytes(tensors[:8], "little")
    header = json.loads(tensors[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + tensors[start:]


def _floats(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(array, dtype=np.float32)


def _save_arrays(files: FilesIn, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    with files.path(name).open("wb") as file:
        np.savez(file, allow_pickle=False, **{key: np.asarray(a) for key, a in arrays.items()})
