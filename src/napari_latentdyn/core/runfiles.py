"""The files of a run folder: what each one has to hold, and how it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.archive import ArrayType, read_arrays
from napari_latentdyn.core.report import FIELDS, FRAMES, damaged
from napari_latentdyn.errors import RunFolderError, UserError
from napari_latentdyn.settings.text import shorten

__all__ = [
    "CONFIDENCE",
    "INPUTS",
    "LATENTS",
    "MODEL",
    "SETTINGS",
    "load_arrays",
    "read_frames",
    "read_optional",
    "reading",
]

MODEL, INPUTS = "model.safetensors", "inputs.npz"
LATENTS, CONFIDENCE, SETTINGS = "latents.npz", "confidence.npz", "settings.json"
#: Arrays of each file. T frames, n stages, c latent channels, C channels, H rows, W columns.
_ARRAYS = {
    FIELDS: {
        "velocity": ArrayType("real", ("n", 2, "H", "W")),
        "times": ArrayType("real", ("n",)),
    },
    LATENTS: {"latents": ArrayType("real", ("T", "c", "H", "W"))},
    CONFIDENCE: {"confidence": ArrayType("real", ("T", "H", "W"))},
    INPUTS: {
        "first": ArrayType("real", ("...", "H", "W")),
        "last": ArrayType("real", ("...", "H", "W")),
        "valid_first": ArrayType("bool", ("H", "W")),
        "valid_last": ArrayType("bool", ("H", "W")),
        "low": ArrayType("real", ("C",)),
        "high": ArrayType("real", ("C",)),
        "multichannel": ArrayType("bool", ()),
        "brightness": ArrayType("real", ("C", 2)),
    },
}


@contextmanager
def reading(path: Path, name: str) -> Iterator[None]:
    """Turn whatever goes wrong in reading a file of a run folder into one sentence."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise RunFolderError(damaged(path, name, "is missing")) from None
    except MemoryError:
        raise RunFolderError(f"{path / name} does not fit into the memory.") from None
    # Decoders raise errors of their own kinds for damaged files.
    except Exception as error:  # noqa: BLE001
        reason = shorten(str(error), 200) or type(error).__name__
        raise RunFolderError(damaged(path, name, f"cannot be read ({reason})")) from None


def read_frames(path: Path, report: Mapping[str, Any]) -> NDArray[np.floating[Any]]:
    """Read the frames of a run folder with a report."""
    with reading(path, FRAMES), tifffile.TiffFile(path / FRAMES) as file:
        series = file.series[0]
        dtype = series.dtype
        if dtype.kind != "f" or dtype.itemsize not in (4, 8):
            raise ValueError(f"the frames are of type {dtype}, not of real numbers")
        # Frames are written without compression: what is allocated is on the disk already.
        if series.nbytes > (path / FRAMES).stat().st_size:
            raise ValueError("the frames are compressed or longer than the file")
        shape = tuple(report.get("frames_shape") or series.shape)
        if math.prod(shape) != math.prod(series.shape):
            raise ValueError(f"the frames have shape {series.shape} instead of {shape}")
        frames: NDArray[np.floating[Any]] = np.asarray(series.asarray()).reshape(shape)
        # Values on a large offset are written in double precision.
        return frames if frames.dtype == np.float64 else np.asarray(frames, np.float32)


def load_arrays(
    path: Path, name: str, frames_shape: tuple[int, ...], needed: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Read the arrays in a file of a run folder whose frames have a shape."""
    known = {}
    if frames_shape:
        known = {"T": frames_shape[0], "H": frames_shape[-2], "W": frames_shape[-1]}
    with reading(path, name):
        return read_arrays(path / name, _ARRAYS[name], known, needed)


def read_optional(
    path: Path, report: Mapping[str, Any], name: str, key: str, frames_shape: tuple[int, ...]
) -> NDArray[np.float32] | None:
    """Read an array that is there only if it was asked for."""
    if name not in (report.get("files") or {}):
        return None
    return np.asarray(load_arrays(path, name, frames_shape, (key,))[key], np.float32)
