"""The observations in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.members import INPUTS, load_arrays, reading
from napari_latentdyn.core.runfolder.report import damaged
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import RunFolderError

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
    found = _problem(arrays, report, shape)
    if found:
        raise RunFolderError(damaged(folder, INPUTS, found))
    return Observations.from_saved(arrays).described(
        None if report.placement is None else report.placement.geometry,
        [source.model_dump(exclude_none=True) for source in report.inputs],
    )


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


def _problem(arrays: dict[str, NDArray[Any]], report: RunReport, plane: tuple[int, int]) -> str:
    shape = (len(arrays["low"]), *plane)
    frames = report.frames_shape or []
    floats = [arrays[name] for name in ("images", "low", "high", "brightness") if name in arrays]
    if arrays["images"].shape[1:] != shape:
        return f"holds images of shape {arrays['images'].shape[1:]} for {shape}"
    if any(array.dtype.kind != "f" for array in floats):
        return "holds intensities that are not real numbers"
    if not all(np.isfinite(array).all() for array in floats):
        return "holds values that are not finite"
    if not (arrays["low"] < arrays["high"]).all():
        return "holds no range of intensities"
    if "brightness" in arrays and not (arrays["brightness"][..., 0] != 0).all():
        return "holds a change of brightness by the factor 0"
    coloured = bool(arrays["multichannel"])
    if (len(frames) == 4) != coloured or (coloured and frames[1] != shape[0]):
        return f"holds images of {shape[0]} channels, which the frames do not have"
    if not np.array_equal(arrays["times"], report.observation_times):
        return "holds images of other times than the report"
    return ""
