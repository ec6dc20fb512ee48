"""Series of images: real ones, and generated ones whose motion is known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.accuracy.cases import Group, read_frames, scaled
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Series", "generated_series", "stored_series"]

#: Least number of frames: three are given, and two hidden.
LEAST = 5
SIDE, COUNT, SEED = 192, 9, 3
#: Displacement of a generated scene in pixels, from the first frame to the last.
DRIFT = (18.0, -12.0)

Course = Callable[[float], float]


@dataclass(frozen=True)
class Series:
    """Frames of one scene on the scale from 0 to 1; every second one is given.

    Attributes
    ----------
    name : str
        Name of the file, or of the generated scene.
    group : {"data", "generated"}
        Where it comes from.
    frames : ndarray of float32, shape (T, H, W)
        All true frames.
    times : ndarray of float, shape (T,)
        Their times.
    given : ndarray of int, shape (K,)
        Numbers of the frames that a method is given.
    hidden : ndarray of int
        Numbers of the frames that are predicted and compared.
    missing : ndarray of bool, shape (K, H, W), or None
        Where a given frame has no value, such as under a cloud.
    """

    name: str
    group: Group
    frames: NDArray[np.float32]
    times: NDArray[np.float64]
    given: NDArray[np.intp]
    hidden: NDArray[np.intp]
    missing: NDArray[np.bool_] | None = None

    @property
    def images(self) -> NDArray[np.float32]:
        """Images that a method is given, NaN where they are missing, (K, H, W)."""
        known = self.frames[self.given]
        return known if self.missing is None else np.where(self.missing, np.nan, known)


def stored_series(folder: Path, wanted: Callable[[str], bool]) -> Iterator[Series]:
    """Yield the sequences of a folder with five frames or more."""
    if not folder.is_dir():
        print(f"{folder} is not there: only generated series are measured.", file=sys.stderr)
        return
    for path in sorted(folder.glob("*.tif*")):
        if not wanted(path.stem):
            continue
        frames, times = read_frames(path)
        if frames.ndim == 3 and len(frames) >= LEAST:
            yield _every_second(path.stem, "data", frames, np.asarray(times))


def generated_series(wanted: Callable[[str], bool]) -> Iterator[Series]:
    """Yield textures that move as a whole and turn a little, in five ways."""

    def tide(time: float) -> float:
        return float(np.sin(np.pi * time))

    courses: dict[str, Course] = {
        "steady": lambda time: time,
        "accelerated": lambda time: time**2,
        "turning": tide,
        "clouds": lambda time: time**2,
        "gaps": lambda time: time**2,
    }
    for name, course in courses.items():
        title = f"generated_{name}"
        if not wanted(title):
            continue
        times = np.linspace(0.0, 1.0, COUNT)
        frames = np.stack([_scene(course(time)) for time in times])
        series = _every_second(title, "generated", frames, times)
        if name == "clouds":
            series = _clouded(series)
        if name == "gaps":
            # Without the middle image, the hidden ones around it lie in a long interval.
            kept = np.delete(series.given, len(series.given) // 2)
            series = Series(title, "generated", series.frames, times, kept, series.hidden)
        yield series


def _every_second(
    name: str, group: Group, frames: NDArray[np.floating], times: NDArray[np.float64]
) -> Series:
    given = np.arange(0, len(frames), 2)
    whole = scaled(frames, given)
    hidden = np.arange(1, len(frames) - 1, 2)
    return Series(name, group, whole, times, given, hidden)


def _scene(way: float) -> NDArray[np.float64]:
    """A texture that drifts by `DRIFT` times a way, and turns by 0.1 times it."""
    random, pad = np.random.default_rng(SEED), 32
    side = SIDE + 2 * pad
    whole = sum(
        weight * _unit(ndimage.gaussian_filter(random.normal(size=(side, side)), sigma))
        for weight, sigma in ((1.0, 1.5), (1.0, 4.0), (1.0, 10.0))
    )
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    centre = (SIDE - 1) / 2
    cos, sin = np.cos(0.1 * way), np.sin(0.1 * way)
    y, x = rows - centre - DRIFT[0] * (way - 0.5), columns - centre - DRIFT[1] * (way - 0.5)
    back = (cos * y + sin * x + centre + pad, cos * x - sin * y + centre + pad)
    image: NDArray[np.float64] = ndimage.map_coordinates(whole, back, order=3)
    return image


def _unit(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = noise / noise.std()
    return result


def _clouded(series: Series) -> Series:
    """Hide a disc that passes over the given images."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    count = len(series.given)
    centres = np.linspace(0.2, 0.8, count) * SIDE
    missing = np.stack([np.hypot(rows - c, columns - SIDE / 2) < SIDE / 8 for c in centres])
    return Series(
        series.name,
        series.group,
        series.frames,
        series.times,
        series.given,
        series.hidden,
        missing,
    )
