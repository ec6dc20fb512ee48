"""The observations in a run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.members import INPUTS, load_arrays, reading
from napari_latentdyn.core.runfolder.report import damaged
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.core.runfolder.schema_known import KnownReport
from napari_latentdyn.errors import ObservationError, RunFolderError

__all__ = ["read_observations"]

_NEEDED = ("times", "images", "valid", "low", "high", "multichannel")


def read_observations(folder: Path, report: RunReport, shape: tuple[int, int]) -> Observations:
    """Read the images of a run folder, and check that they fit fields of this shape (H, W)."""
    arrays = load_arrays(folder, INPUTS, report)
    if "first" in arrays and "last" in arrays:
        with reading(folder, INPUTS):
            arrays = _of_version_1(arrays)
    for name in _NEEDED:
        if name not in arrays:
            raise RunFolderError(damaged(folder, INPUTS, f"lacks '{name}'"))
    # The report of a folder that another program changed may describe other images.
    sources = [source.model_dump(exclude_none=True) for source in report.inputs]
    place = None if report.placement is None else report.placement.geometry
    try:
        found = Observations.from_saved(arrays)
    except ObservationError as error:
        reason = f"holds no observations: {str(error).rstrip('.')}"
        raise RunFolderError(damaged(folder, INPUTS, reason)) from None
    problem = _problem(found, report, shape)
    if problem:
        raise RunFolderError(damaged(folder, INPUTS, problem))
    if report.known is not None:
        files = tuple(file.model_dump(exclude_none=True) for file in report.known.sources)
        found = found.with_knowledge(replace(found.known, sources=files, part=report.known.part))
    return found.described(place, sources if len(sources) == len(found) else ())


def _of_version_1(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of two images in the form of any number of them."""
    arrays = dict(arrays)
    images = [arrays.pop("first"), arrays.pop("last")]
    valid = [arrays.pop(name) for name in ("valid_first", "valid_last") if name in arrays]
    if images[0].shape != images[1].shape or images[0].ndim != 3:
        raise ValueError(f"the images have the shapes {images[0].shape} and {images[1].shape}")
    arrays |= {"times": np.array([0.0, 1.0]), "images": np.stack(images)}
    if len(valid) == 2:
        arrays["valid"] = np.stack(valid)
    if "brightness" in arrays:
        change = arrays["brightness"]
        arrays["brightness"] = np.stack(
            [np.broadcast_to(np.array([1, 0], np.float32), change.shape), change]
        )
    return arrays


def _problem(found: Observations, report: RunReport, shape: tuple[int, int]) -> str:
    frames = report.frames_shape or []
    if found.shape != shape:
        return f"holds images of shape {found.shape} for {shape}"
    coloured = found.multichannel
    if (len(frames) == 4) != coloured or (coloured and frames[1] != found.channels):
        return f"holds images of {found.channels} channels, which the frames do not have"
    if not np.array_equal(found.times, report.observation_times):
        return "holds images of other times than the report"
    told = KnownReport() if report.known is None else report.known
    counts = found.known.counts()
    # What counts as a mask or landmark depends on files and layers, and on the version.
    if (
        found.known.regions.masks.keys() != told.regions.keys()
        or counts["tracks"] + counts["landmarks"] != told.tracks + told.landmarks
        or counts["held_back"] != told.held_back
    ):
        return "holds other regions or tracks than the report"
    return ""
