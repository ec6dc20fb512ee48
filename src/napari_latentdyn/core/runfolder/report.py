"""The report of a run folder: reading it, and checking that the folder is complete."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from napari_latentdyn.core.runfolder.schema import (
    FORMAT_VERSION,
    LayersReport,
    Report,
    RunReport,
    problem,
)
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.paths import exists, input_folder, named
from napari_latentdyn.settings.text import read_json, shown

__all__ = [
    "FORMAT_VERSION",
    "LAYERS",
    "REPORT",
    "RUN",
    "SCENE",
    "check_free",
    "check_version",
    "contents_of",
    "damaged",
    "is_run_folder",
    "plain_json",
    "read_layers_report",
    "read_report",
]

R = TypeVar("R", bound=Report)
REPORT = "report.json"
#: Description of a large scene, whose folder is no run folder.
SCENE = "scene.json"
FRAMES, FIELDS = "frames.ome.tif", "fields.npz"
# Contents of a folder with a report: a whole run, or only layers saved from a viewer.
RUN, LAYERS = "run", "layers"


def contents_of(folder: str | Path) -> str | None:
    """Return the contents of a folder by its report: ``run``, ``layers`` or None.

    A folder whose report is damaged counts as a run if it has other files of one, so that
    opening the folder explains the damage.
    """
    path = Path(folder)
    try:
        data = read_json(path / REPORT)
    except (OSError, ValueError):
        return RUN if exists(path / FRAMES) and exists(path / FIELDS) else None
    if not isinstance(data, dict) or "format_version" not in data:
        return None
    return str(data.get("contents", RUN))


def is_run_folder(folder: str | Path) -> bool:
    """Return whether the folder holds a run, complete or damaged, of any version."""
    return contents_of(folder) == RUN


def check_free(folder: Path, *, overwrite: bool = False) -> None:
    """Raise RunFolderError if writing to a folder could replace files of the user.

    A run is only replaced with `overwrite`.
    """
    if not exists(folder):
        return
    if not folder.is_dir():
        raise RunFolderError(f"{named(folder)} is a file; choose the name of a new folder.")
    if not any(input_folder(folder, RunFolderError).iterdir()):
        return
    if not is_run_folder(folder):
        raise RunFolderError(
            f"the folder {named(folder)} holds other files and is not changed; choose a new or "
            "empty folder."
        )
    if not overwrite:
        raise RunFolderError(
            f"the folder {named(folder)} already holds a run; choose another folder or allow "
            "overwriting."
        )


def read_report(folder: str | Path) -> RunReport:
    """Read the report of a run folder, and check that the folder is complete.

    Raises
    ------
    RunFolderError
        If it is not a run folder, is incomplete, or was written by a newer version.
    """
    return _read(folder, RUN, RunReport)


def read_layers_report(folder: str | Path) -> LayersReport:
    """Read the report of a folder of layers; see `read_report`."""
    return _read(folder, LAYERS, LayersReport)


def _read(folder: str | Path, contents: str, schema: type[R]) -> R:
    path = input_folder(folder, RunFolderError, what="the folder of a run")
    try:
        data = read_json(path / REPORT)
    except FileNotFoundError:
        if (path / SCENE).is_file():
            raise RunFolderError(
                f"{path} holds a large scene: napari opens it, and the command scene draws other "
                "frames of it."
            ) from None
        raise RunFolderError(f"{path} is not a run folder: it has no {REPORT}.") from None
    except OSError as error:
        raise RunFolderError(f"cannot read {path / REPORT}: {error.strerror}.") from None
    except ValueError:
        raise RunFolderError(damaged(path, REPORT, "is cut off or damaged")) from None
    if not isinstance(data, dict) or "format_version" not in data:
        raise RunFolderError(
            f"{path} is not a run folder: its {REPORT} is not the report of a run."
        )
    check_version(path, REPORT, data["format_version"])
    if data.get("complete") is not True:
        raise RunFolderError(damaged(path, REPORT, "says that writing was not finished"))
    if data.get("contents", RUN) != contents:
        raise RunFolderError(
            f"{path} holds layers saved from a viewer and no model; open it in napari, or train "
            "again from its images."
        )
    try:
        report = schema.model_validate(data)
    except ValidationError as error:
        raise RunFolderError(damaged(path, REPORT, f"cannot be used ({problem(error)})")) from None
    for name, size in (report.files or {}).items():
        try:
            found = (path / name).stat().st_size
        except OSError:
            raise RunFolderError(damaged(path, name, "is missing")) from None
        # Text may be edited by hand; a binary file of another length is damaged.
        if found != size and not name.endswith(".json"):
            raise RunFolderError(damaged(path, name, f"has {found} bytes instead of {size}"))
    return report


def plain_json(value: Any) -> Any:
    """Turn numpy values, paths, tuples and numbers that are not finite into plain JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain_json(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain_json(item) for item in value]
    if isinstance(value, np.generic):
        return plain_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def check_version(path: Path, name: str, found: Any) -> None:
    """Raise RunFolderError if a file has no version, or a newer one than can be read."""
    try:
        version = int(found)
    except (TypeError, ValueError, OverflowError):
        raise RunFolderError(damaged(path, name, "does not name its version")) from None
    if version > FORMAT_VERSION:
        raise RunFolderError(
            f"{path / name} was written by a newer version of napari-latentdyn (format "
            f"{shown(version)}, this one reads up to {FORMAT_VERSION}); update napari-latentdyn to "
            "open it."
        )


def damaged(path: Path, name: str, what: str) -> str:
    """Return the sentence for a run folder with an unusable file."""
    return (
        f"the run folder {path} is damaged: {name} {what}; run again, or take the folder from a "
        "backup."
    )
