"""The run folder: everything of a run on disk, whole or not at all.

A folder holds ``frames.ome.tif``, ``fields.npz``, ``model.safetensors``,
``inputs.npz``, ``settings.json``, ``report.json`` and, if they were asked for,
``latents.npz`` and ``confidence.npz``. Nothing in it is a pickle, so that opening
a folder of unknown origin runs no code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save as save_tensors

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.timescale import TimeScale
from napari_latentdyn.core.observations.ometiff import write_ome_tiff
from napari_latentdyn.core.runfolder.members import (
    CONFIDENCE,
    INPUTS,
    LATENTS,
    MODEL,
    SETTINGS,
    load_arrays,
    read_frames,
    read_optional,
    reading,
)
from napari_latentdyn.core.runfolder.report import (
    FIELDS,
    FORMAT_VERSION,
    FRAMES,
    LAYERS,
    REPORT,
    RUN,
    check_free,
    check_version,
    contents_of,
    describe_input,
    is_run_folder,
    plain_json,
    read_report,
)
from napari_latentdyn.errors import RunFolderError, SettingsError
from napari_latentdyn.files.atomic import FilesIn, replace_folder, write_text
from napari_latentdyn.files.paths import input_folder, output_path
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.text import shorten

__all__ = [
    "FORMAT_VERSION",
    "LAYERS",
    "REPORT",
    "RUN",
    "RunFolder",
    "check_free",
    "contents_of",
    "describe_input",
    "is_run_folder",
    "plain_json",
    "read_inputs",
    "read_model",
    "read_report",
    "read_run",
    "write_run",
]

FILES = frozenset({FRAMES, FIELDS, MODEL, INPUTS, LATENTS, CONFIDENCE, SETTINGS, REPORT})


@dataclass(frozen=True)
class RunFolder:
    """What a viewer needs of a run.

    Attributes
    ----------
    path : Path
        The folder.
    frames : ndarray of float32
        (T, Y, X) or (T, C, Y, X), in the intensity units of the inputs.
    times : ndarray
        (T,) times of the frames as fractions of the interval.
    velocity : ndarray of float32
        (n, 2, Y, X) advection fields, (dy, dx) in pixels per stage.
    field_times : ndarray
        (n,) start of each stage as a fraction of the interval.
    settings : Settings
        Settings of the run.
    report : dict
        What is known about the run.
    latents : ndarray of float32 or None
        (T, c, Y, X) latent states, if they were saved.
    confidence : ndarray of float32 or None
        (T, Y, X) how far the frames can be trusted, from 0 to 1, if it was saved.
    """

    path: Path
    frames: NDArray[np.float32]
    times: NDArray[np.float64]
    velocity: NDArray[np.float32]
    field_times: NDArray[np.float64]
    settings: Settings
    report: dict[str, Any]
    latents: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None

    @property
    def geometry(self) -> Geometry:
        """Where the pixels lie, as far as the report says it."""
        return Geometry.from_report(self.report.get("placement"))

    @property
    def timescale(self) -> TimeScale:
        """The interval, as far as the report says it."""
        return TimeScale.from_report(self.report)


def write_run(
    folder: str | Path,
    *,
    frames: NDArray[np.float32],
    times: NDArray[np.floating],
    velocity: NDArray[np.float32],
    field_times: NDArray[np.floating],
    settings: Settings,
    report: dict[str, Any],
    tensors: dict[str, NDArray[Any]],
    tensor_metadata: dict[str, str],
    inputs: dict[str, NDArray[Any]],
    latents: NDArray[np.float32] | None = None,
    confidence: NDArray[np.float32] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a run folder, whole or not at all.

    Everything is written into a hidden folder beside the wanted one, which is
    renamed when it is complete. Files of the user in a folder that is
    overwritten are kept.

    Parameters
    ----------
    folder : str or Path
        Where to write; folders above it are made.
    frames : ndarray
        (T, Y, X) or (T, C, Y, X).
    times : ndarray
        (T,) fractions of the interval.
    velocity : ndarray
        (n, 2, Y, X), (dy, dx) in pixels per stage.
    field_times : ndarray
        (n,) start of each stage as a fraction of the interval.
    settings : Settings
        Settings of the run.
    report : dict
        What is known about the run; numbers that are not finite become null.
        ``format_version``, ``complete``, ``times`` and ``files`` are filled in.
    tensors, tensor_metadata : dict
        The model.
    inputs : dict
        Arrays of the input pair, from which the model can be applied again.
    latents : ndarray, optional
        (T, c, Y, X) latent states.
    confidence : ndarray, optional
        (T, Y, X) how far the frames can be trusted, from 0 to 1.
    overwrite : bool
        Replace a run folder that is there. Any other folder with something in
        it is never replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RunFolderError
        If the folder is in use for something else, the disk is full or cannot
        be written. What was there before is untouched.
    """
    target = output_path(folder, RunFolderError)
    check_free(target, overwrite=overwrite)
    _check_shapes(frames, times, velocity, field_times)
    with replace_folder(target, FILES, RunFolderError, "the run folder") as files:
        place = Geometry.from_report(report.get("placement"))
        interval = report.get("interval") or {}
        known = isinstance(interval.get("value"), (int, float))
        write_ome_tiff(
            files.path(FRAMES),
            frames if np.asarray(frames).dtype == np.float64 else _floats(frames),
            "TYX" if frames.ndim == 3 else "TCYX",
            pixel_size=place.pixel_size if report.get("placement") else None,
            pixel_unit=place.units,
            times=np.asarray(times, dtype=np.float64) * interval["value"] if known else None,
            times_unit=interval.get("unit") if known else None,
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
        complete = {
            **report,
            "format_version": FORMAT_VERSION,
            "complete": True,
            "contents": RUN,
            "times": np.asarray(times, dtype=np.float64),
            "frames_shape": list(frames.shape),
            "files": files.sizes(),
        }
        write_text(files.path(REPORT), json.dumps(plain_json(complete), indent=2) + "\n")
    return target


def read_run(folder: str | Path) -> RunFolder:
    """Read what a viewer needs of a run folder, without the model.

    Raises
    ------
    RunFolderError
        If it is no run folder, is incomplete, or was written by a newer version.
    """
    path = input_folder(folder, RunFolderError, what="the folder of a run")
    report = read_report(path)
    try:
        settings = Settings.from_json(path / SETTINGS)
    except SettingsError as error:
        raise RunFolderError(f"cannot open the run folder {path}: {error}") from None
    frames = read_frames(path, report)
    times = np.asarray(report.get("times", ()), dtype=np.float64)
    fields = load_arrays(path, FIELDS, frames.shape, ("velocity", "times"))
    velocity, field_times = _floats(fields["velocity"]), np.asarray(fields["times"], np.float64)
    with reading(path, FIELDS):
        _check_shapes(frames, times, velocity, field_times)
    return RunFolder(
        path,
        frames,
        times,
        velocity,
        field_times,
        settings,
        report,
        latents=read_optional(path, report, LATENTS, "latents", frames.shape),
        confidence=read_optional(path, report, CONFIDENCE, "confidence", frames.shape),
    )


def read_model(folder: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read the arrays and the text of the model in a run folder.

    Raises
    ------
    RunFolderError
        If it is no run folder, is incomplete, or was written by a newer version.
    """
    path = input_folder(folder, RunFolderError, what="the folder of a run")
    read_report(path)
    with reading(path, MODEL), safe_open(path / MODEL, framework="numpy") as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, tensor in tensors.items():
            if tensor.dtype.kind not in "biuf":
                raise ValueError(f"'{shorten(name)}' is not an array of numbers")
    check_version(path, MODEL, metadata.get("format"))
    return tensors, metadata


def read_inputs(folder: str | Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of the input pair in a run folder.

    Raises
    ------
    RunFolderError
        If it is no run folder, is incomplete, or was written by a newer version.
    """
    path = input_folder(folder, RunFolderError, what="the folder of a run")
    report = read_report(path)
    return load_arrays(path, INPUTS, tuple(report.get("frames_shape") or ()))


def _check_shapes(
    frames: NDArray[Any],
    times: NDArray[Any],
    velocity: NDArray[Any],
    field_times: NDArray[Any],
) -> None:
    if frames.ndim not in (3, 4) or times.shape != frames.shape[:1]:
        raise ValueError(f"{times.size} times do not fit frames of shape {frames.shape}")
    if velocity.shape != (field_times.size, 2, *frames.shape[-2:]):
        raise ValueError(
            f"fields of shape {velocity.shape} fit neither their {field_times.size} times nor "
            f"frames of shape {frames.shape}"
        )


def _ordered(tensors: bytes) -> bytes:
    """Sort the metadata of a safetensors file, which are in another order each time."""
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
