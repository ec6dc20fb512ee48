"""The cases: two images to give to a method, and true frames to compare with."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile
from benchmarks.accuracy.fields import FieldTruth, read_field_truth
from numpy.typing import NDArray

__all__ = [
    "Case",
    "Group",
    "generated_cases",
    "make_case",
    "read_case",
    "read_frames",
    "scaled",
    "stored_cases",
]

#: Longest side; larger sequences are reduced.
MAX_SIDE = 512
#: True frames that are compared, spread evenly where there are more.
MAX_MIDDLE = 3
#: Most channels that a last axis can hold to be taken for colours.
_COLOURS = 4
_PERCENTILES = (0.5, 99.5)
_OUTLIERS = 2.0

Group = Literal["data", "generated"]
Wanted = Callable[[str], bool]


@dataclass(frozen=True)
class Case:
    """Two images between which true frames are known, on the scale from 0 to 1.

    Attributes
    ----------
    name : str
        Name of the file, or of the generated scene.
    group : {"data", "generated"}
        Where it comes from.
    first, last : ndarray of float32, shape (H, W)
        What a method is given.
    truth : ndarray of float32, shape (T, H, W)
        True frames in between.
    times : tuple of float
        Their times as fractions of the interval.
    field : FieldTruth or None
        The true motion, where it is known.
    """

    name: str
    group: Group
    first: NDArray[np.float32]
    last: NDArray[np.float32]
    truth: NDArray[np.float32]
    times: tuple[float, ...]
    field: FieldTruth | None = None

    @property
    def fingerprint(self) -> str:
        """Changes with every pixel and every time."""
        digest = hashlib.sha256(repr(self.times).encode())
        for array in (self.first, self.last, self.truth):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def stored_cases(folder: Path, wanted: Wanted = lambda name: True) -> list[Case]:
    """Read every sequence of a folder that has frames between its ends.

    Parameters
    ----------
    folder : Path
        Holds stacks `*.tif`, and may hold a `manifest.json` with uneven times.
    wanted : callable, optional
        Says for a name whether to read that sequence.
    """
    if not folder.is_dir():
        print(f"{folder} is not there: only generated scenes are measured.", file=sys.stderr)
        return []
    cases = []
    for path in sorted(folder.glob("*.tif*")):
        if not wanted(path.stem):
            continue
        case = read_case(path)
        if case is None:
            print(f"{path.name} has no frame between its ends and is left out.", file=sys.stderr)
        else:
            cases.append(case)
    return cases


def generated_cases(wanted: Wanted = lambda name: True) -> list[Case]:
    """Return the scenes that the package generates itself."""
    from napari_latentdyn.viewer import samples

    cases = []
    for kind in ("translation_land", "rotation_cracks", "new_cracks"):
        if wanted(name := f"generated_{kind}"):
            scene = getattr(samples, f"generate_{kind}")()
            cases.append(make_case(name, "generated", scene.frames, scene.times))
    return cases


def read_case(path: Path) -> Case | None:
    """Read one sequence; None if it has no frame in between."""
    frames, times = read_frames(path)
    if frames.ndim != 3 or len(frames) < 3:
        return None
    field = read_field_truth(path.parent, path.stem, frames.shape[1:])
    return make_case(path.stem, "data", frames, times, field)


def read_frames(path: Path) -> tuple[NDArray[np.float64], list[float]]:
    """Read all frames of a sequence, grey, and their times."""
    frames = np.asarray(tifffile.imread(path), dtype=np.float64)
    if frames.ndim == 4:
        frames = frames.mean(axis=-1 if frames.shape[-1] <= _COLOURS else 1)
    return frames, _manifest_times(path, len(frames))


def scaled(frames: NDArray[np.floating], given: NDArray[np.intp]) -> NDArray[np.float32]:
    """Reduce frames, and scale them as `make_case` does by those that a method is given."""
    frames = _reduced(np.nan_to_num(np.asarray(frames, dtype=np.float64)))
    known = frames[given]
    low, high = known.min(), known.max()
    robust = np.percentile(known, _PERCENTILES)
    clipped = (high - low) > _OUTLIERS * (robust[1] - robust[0])
    if clipped:
        low, high = robust
    result = (frames - low) / max(high - low, 1e-12)
    return (np.clip(result, 0, 1) if clipped else result).astype(np.float32)


def make_case(
    name: str,
    group: Group,
    frames: NDArray[np.floating],
    times: Sequence[float] | NDArray[np.floating],
    field: FieldTruth | None = None,
) -> Case:
    """Reduce, scale and choose the frames of a sequence.

    Both ends decide about the scale: their extremes go to 0 and 1, or, where
    outliers make these more than twice as wide, their percentiles, and what
    lies outside is clipped.

    Parameters
    ----------
    name, group, field
        As in `Case`.
    frames : ndarray, shape (T, H, W)
        All frames, both ends included.
    times : sequence of float
        Their times in any unit.
    """
    whole = scaled(frames, np.array([0, -1]))
    at = np.asarray(times, dtype=np.float64)
    at = (at - at[0]) / (at[-1] - at[0])
    middle = _middle(len(whole))
    if field is not None and field.displacement.shape[1:] != whole.shape[1:]:
        field = None
    chosen = tuple(float(at[i]) for i in middle)
    return Case(name, group, whole[0], whole[-1], whole[middle], chosen, field)


def _reduced(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduce frames whose longest side is too long, with antialiasing."""
    height, width = frames.shape[1:]
    factor = MAX_SIDE / max(height, width)
    if factor >= 1:
        return frames
    import torch
    from torch.nn import functional

    size = (round(height * factor), round(width * factor))
    stack = torch.from_numpy(frames)[:, None]
    smaller = functional.interpolate(
        stack, size, mode="bilinear", antialias=True, align_corners=False
    )
    return np.asarray(smaller[:, 0].numpy())


def _middle(count: int) -> NDArray[np.int_]:
    if count - 2 <= MAX_MIDDLE:
        return np.arange(1, count - 1)
    places = np.arange(1, MAX_MIDDLE + 1) / (MAX_MIDDLE + 1) * (count - 1)
    return np.unique(np.clip(np.round(places).astype(int), 1, count - 2))


def _manifest_times(path: Path, count: int) -> list[float]:
    """Return the times that the manifest beside a file has for it, or even ones."""
    manifest = path.parent / "manifest.json"
    if manifest.exists():
        for entry in json.loads(manifest.read_text(encoding="utf-8")):
            times = entry.get("times") or []
            if entry.get("name") == path.stem and len(times) == count:
                return [float(time) for time in times]
    return [float(i) for i in range(count)]
