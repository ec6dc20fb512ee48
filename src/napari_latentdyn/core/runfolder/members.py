"""The files of a run folder: the arrays of each, and how to read them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.regions import ROLES
from napari_latentdyn.core.runfolder.report import FIELDS, FRAMES, damaged
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import RunFolderError, UserError
from napari_latentdyn.files import archive
from napari_latentdyn.files.archive import ArrayType, read_arrays
from napari_latentdyn.files.paths import exists
from napari_latentdyn.files.tiffcheck import check_pages, longest_segment
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
    "read_pixels",
    "reading",
]

MODEL, INPUTS = "model.safetensors", "inputs.npz"
LATENTS, CONFIDENCE, SETTINGS = "latents.npz", "confidence.npz", "settings.json"
#: Arrays of each file. K images, T frames, N stages of all intervals, c latent channels,
#: C channels, H rows, W columns.
_ARRAYS = {
    FIELDS: {
        "velocity": ArrayType("real", ("...", 2, "H", "W")),
        "times": ArrayType("real", ("N",)),
    },
    LATENTS: {"latents": ArrayType("real", ("T", "c", "H", "W"))},
    CONFIDENCE: {"confidence": ArrayType("real", ("T", "H", "W"))},
    INPUTS: {
        "times": ArrayType("real", ("K",)),
        "images": ArrayType("real", ("K", "C", "H", "W")),
        "valid": ArrayType("bool", ("K", "H", "W")),
        "estimated": ArrayType("bool", ("K", "H", "W")),
        # Of two images, as version 1 of the format has them.
        "first": ArrayType("real", ("...", "H", "W")),
        "last": ArrayType("real", ("...", "H", "W")),
        "valid_first": ArrayType("bool", ("H", "W")),
        "valid_last": ArrayType("bool", ("H", "W")),
        "low": ArrayType("real", ("C",)),
        "high": ArrayType("real", ("C",)),
        "multichannel": ArrayType("bool", ()),
        "brightness": ArrayType("real", ("...", "C", 2)),
        **{
            f"region.{role}": ArrayType("real" if role == "rigid" else "bool", ("...", "H", "W"))
            for role in ROLES
        },
        "track.track": ArrayType("real", ("N",)),
        "track.time": ArrayType("real", ("N",)),
        "track.place": ArrayType("real", ("N", 2)),
        "track.sigma": ArrayType("real", ("N",)),
        "track.held": ArrayType("bool", ("N",)),
        "track.name": ArrayType("real", ("N", "L")),
        "track.marked": ArrayType("bool", ("N",)),
    },
}


@contextmanager
def reading(path: Path, name: str) -> Iterator[None]:
    """Turn every error in reading a file of a run folder into one sentence."""
    try:
        # Opening a pipe would block.
        if exists(path / name) and not (path / name).is_file():
            raise RunFolderError(damaged(path, name, "is not a file"))
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


def read_frames(path: Path, report: RunReport) -> NDArray[np.floating[Any]]:
    """Read the frames of a run folder with a report."""
    with reading(path, FRAMES):
        frames = read_pixels(path / FRAMES, report.frames_shape)
        if frames.dtype.kind != "f":
            raise ValueError(f"the frames are of type {frames.dtype}, not of real numbers")
        # Values on a large offset are written in double precision.
        return frames if frames.dtype == np.float64 else np.asarray(frames, np.float32)


def read_pixels(file: Path, shape: Sequence[int] | None = None) -> NDArray[Any]:
    """Read an uncompressed TIFF image of a folder, after checks of its type, length and shape.

    A long image is mapped into the memory; changes do not reach the file. Errors are those of the
    libraries, and ValueError for another image.
    """
    check_pages(file)
    with tifffile.TiffFile(file) as tiff:
        series = tiff.series[0]
        found = tuple(series.shape)
        if series.dtype.kind not in "biufc":
            raise ValueError(f"the pixels are of type {series.dtype}")
        # Without compression, all that is allocated is on the disk already.
        claimed = max(math.prod(found) * series.dtype.itemsize, longest_segment(series))
        if claimed > file.stat().st_size:
            raise ValueError("the image is compressed or longer than the file")
        if shape is not None and math.prod(shape) != math.prod(found):
            raise ValueError(f"the image has shape {found} instead of {tuple(shape)}")
        size, start = math.prod(found) * series.dtype.itemsize, series.dataoffset
        if size > archive.MAPPED and start is not None and start % series.dtype.itemsize == 0:
            kind = series.dtype.newbyteorder(tiff.byteorder)
            pixels: NDArray[Any] = np.asarray(np.memmap(file, kind, "c", start, found))
        else:
            pixels = np.asarray(series.asarray())
        return pixels if shape is None else pixels.reshape(tuple(shape))


def load_arrays(
    path: Path, name: str, report: RunReport, needed: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Read the arrays in a file of a run folder with a report."""
    known = {"K": len(report.observation_times)}
    if report.frames_shape:
        shape = report.frames_shape
        known |= {"T": shape[0], "H": shape[-2], "W": shape[-1]}
    with reading(path, name):
        return read_arrays(path / name, _ARRAYS[name], known, needed)


def read_optional(path: Path, report: RunReport, name: str) -> NDArray[np.float32] | None:
    """Read the array of an optional file, None where the folder has none."""
    if name not in (report.files or {}):
        return None
    key = name.removesuffix(".npz")
    return np.asarray(load_arrays(path, name, report, (key,))[key], np.float32)
