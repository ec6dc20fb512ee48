"""The scenes of the tutorials: two images for a method, and what is known in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.viewer import scenes

__all__ = ["CASES", "METHODS", "PAGES", "Case", "read_case"]

DATA = Path(__file__).resolve().parents[2] / "docs" / "data"

#: Methods in the order of the pictures, with their names there.
METHODS: dict[str, str] = {
    "standard": "ours, standard",
    "quick": "ours, quick",
    "paper": "ours, paper",
    "advection": "advection of the images",
    "advection-paper": "advection, as in the paper",
    "dis": "optical flow (DIS)",
    "transport": "transport, exact",
    "transport-entropic": "transport, entropic",
    "dissolve": "cross-dissolve",
}


@dataclass(frozen=True, eq=False)
class Case:
    """A scene.

    Attributes
    ----------
    name : str
        What files and figures are called by.
    frames : ndarray of float32, shape (T, C, H, W)
        Both images and, where they are known, the true frames between them.
    times : ndarray, shape (T,)
        Times of `frames`, fractions of the interval.
    asked : ndarray, shape (K,)
        Times of the frames that a method is asked for, those of `frames` among them.
    shown : tuple of float
        Three times between the ends, for the contact sheet.
    zoom : (float, int, int, int)
        Time, first row, first column and side of what is enlarged.
    velocity : ndarray of float32, shape (n, 2, H, W), or None
        True motion in the middle of each stage, in pixels per stage.
    known : ndarray of bool, shape (n, H, W), or None
        False where the true motion is but a convention.
    looked_at : (slice, slice)
        Rows and columns in which fading and detail are measured.
    """

    name: str
    frames: NDArray[np.float32]
    times: NDArray[np.float64]
    asked: NDArray[np.float64]
    shown: tuple[float, ...]
    zoom: tuple[float, int, int, int]
    velocity: NDArray[np.float32] | None = None
    known: NDArray[np.bool_] | None = None
    looked_at: tuple[slice, slice] = (slice(None), slice(None))

    @property
    def has_truth(self) -> bool:
        """Whether frames between both images are known."""
        return len(self.frames) > 2

    @property
    def middle(self) -> list[float]:
        """The times nearest to half way of which there are frames; two where none is half way."""
        inside = self.times[1:-1] if self.has_truth else np.array([0.5])
        off = np.abs(inside - 0.5)
        return [float(t) for t in inside[off < off.min() + 1e-6]]

    def truth(self, time: float) -> NDArray[np.float32] | None:
        """Return the true frame (C, H, W) at a time, or None."""
        near = np.flatnonzero(np.abs(self.times - time) < 1e-6)
        return self.frames[near[0]] if len(near) else None


_QUARTERS = (0.25, 0.5, 0.75)


def _generated(
    name: str, make: Callable[[], scenes.Scene], zoom: tuple[float, int, int, int]
) -> Callable[[], Case]:
    def read() -> Case:
        scene = make()
        frames = scene.frames[:, None]
        times = np.asarray(scene.times)
        return Case(name, frames, times, times, _QUARTERS, zoom, scene.velocity, scene.known)

    return read


def _stack(file: str, name: str, zoom: tuple[float, int, int, int]) -> Callable[[], Case]:
    def read() -> Case:
        frames = tifffile.imread(DATA / file).astype(np.float32)[:, None]
        times = np.linspace(0, 1, len(frames))
        return Case(name, frames, times, times, (0.2, 0.4, 0.8), zoom)

    return read


def _modis() -> Case:
    days = [tifffile.imread(DATA / f"modis_2022-09-{day}.tif") for day in (13, 14)]
    frames = np.stack(days).astype(np.float32).transpose(0, 3, 1, 2)
    # Sea ice that both images show, without land and cloud.
    sea = (slice(8, 152), slice(140, 236))
    asked = np.array([0.0, *_QUARTERS, 1.0])
    times = np.array([0.0, 1.0])
    zoom = (0.5, 76, 152, 80)
    return Case("modis", frames, times, asked, _QUARTERS, zoom, looked_at=sea)


#: How to read each scene.
CASES: dict[str, Callable[[], Case]] = {
    "drift": _generated("drift", scenes.generate_translation_land, (0.5, 140, 56, 80)),
    "modis": _modis,
    "rotation": _generated("rotation", scenes.generate_rotation_cracks, (0.5, 8, 168, 80)),
    "turning": _stack("nematic_turning.tif", "turning", (0.4, 60, 76, 88)),
    "cracks": _generated("cracks", scenes.generate_new_cracks, (0.5, 80, 120, 80)),
    "nematic": _stack("nematic_cracks.tif", "nematic", (0.4, 76, 88, 88)),
}

#: The pages and their scenes, the generated one first.
PAGES: dict[str, tuple[str, str]] = {
    "drift-past-land": ("drift", "modis"),
    "rotation-with-cracks": ("rotation", "turning"),
    "new-cracks": ("cracks", "nematic"),
}


def read_case(name: str) -> Case:
    """Generate or read a scene."""
    return CASES[name]()
