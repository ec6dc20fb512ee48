"""Generated sea-ice scenes whose frames and motion are known exactly.

The three scenes follow the examples of Han, Lee and Gelb (2023): ice drifting
past static land, rotation with cracks that open and close, and new cracks.
Each frame samples the same material at positions from the closed-form motion,
so errors do not accumulate.

Each generator takes the seed, the side of the scene in pixels, and the number
of stages; a scene has one frame more than stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.viewer.materials import MARGIN, WATER, Pack, noise
from napari_latentdyn.viewer.materials import land as make_land

__all__ = [
    "Scene",
    "generate_coast_buoys",
    "generate_new_cracks",
    "generate_rotation_cracks",
    "generate_translation_land",
]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """A generated sequence with its true motion.

    Attributes
    ----------
    name : str
        Title of the scene.
    frames : ndarray of float32
        (T, H, W) in [0, 1], the first and the last image included.
    times : ndarray
        (T,) fractions of the interval.
    velocity : ndarray of float32
        (T - 1, 2, H, W) motion in the middle of each stage, (dy, dx) in pixels
        per stage. Newly opened water moves like the nearest ice.
    known : ndarray of bool
        (T - 1, H, W) False in newly opened water, whose motion is a convention.
    land : ndarray of bool, optional
        (H, W) True on land.
    buoys : ndarray, optional
        (B, T, 2) true places of buoys, (y, x) in pixels.
    """

    name: str
    frames: NDArray[np.float32]
    times: NDArray[np.float64]
    velocity: NDArray[np.float32]
    known: NDArray[np.bool_]
    land: NDArray[np.bool_] | None = None
    buoys: NDArray[np.float64] | None = None

    @property
    def first(self) -> NDArray[np.float32]:
        """The first frame, (H, W)."""
        return np.asarray(self.frames[0])

    @property
    def last(self) -> NDArray[np.float32]:
        """The last frame, (H, W)."""
        return np.asarray(self.frames[-1])


def generate_translation_land(seed: int = 0, size: int = 256, stages: int = 8) -> Scene:
    """Generate ice that drifts along a coast and off it, past static land.

    Ice enters at the upper border and leaves at the lower and the right one;
    the water between the coast and the ice widens.
    """
    frames, fields, known, land, _ = _past_coast(seed, size, stages, lambda t: (12.0 * t, 7.0 * t))
    return Scene("Ice drifting past land", frames, _times(stages), fields, known, land)


def generate_coast_buoys(seed: int = 0, size: int = 256, stages: int = 8) -> Scene:
    """Generate ice past static land whose drift turns half way, and the buoys on it.

    The ice first drifts along the coast, then off it. `stages` must be even.
    """

    def way(time: float) -> tuple[float, float]:
        before, after = min(time, 0.5), max(time - 0.5, 0.0)
        return 28.0 * before + 2.0 * after, 2.0 * before + 22.0 * after

    frames, fields, known, land, place = _past_coast(seed, size, stages, way)
    starts = size * np.array([[0.15, 0.15], [0.45, 0.5], [0.7, 0.2], [0.3, 0.3]])
    buoys = np.stack([place(starts, time) for time in _times(stages)], axis=1)
    return Scene("Ice with buoys past land", frames, _times(stages), fields, known, land, buoys)


def _past_coast(
    seed: int, size: int, stages: int, way: Callable[[float], tuple[float, float]]
) -> tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.bool_],
    NDArray[np.bool_],
    Callable[[Array, float], Array],
]:
    """Return frames, fields, where they are known, the land, and how points move.

    `way` gives the distance along the coast and off it at a fraction of the interval. Points are
    given by their row and their distance from the coast at first, (B, 2).
    """
    random = np.random.default_rng([seed, 1])
    ice = Pack(random, size)
    land = make_land(random, size)
    y, x = _grid(size)
    phase = random.uniform(0, 2 * np.pi, 2)

    def coast(row: Array) -> Array:
        wave = 0.030 * size * np.sin(2 * np.pi * row / (0.8 * size) + phase[0])
        ripple = 0.008 * size * np.sin(2 * np.pi * row / 75 + phase[1])
        return np.asarray(0.29 * size + wave + ripple)

    rows = np.arange(size, dtype=np.float64)
    rough = noise(random, (size, 1), 4.0) * 2.0 + noise(random, (size, 1), 1.3)
    rough = np.minimum(rough - 3.0, 0.0)
    seaward = x - coast(y)
    slope = np.gradient(coast(rows), rows)[:, None]
    moves = seaward > 0

    def frame(time: float) -> Array:
        along, off = way(time)
        row, away = y - along, seaward - off
        pack = ice(row, coast(row) + away, away - 2.0)
        # At first, water fills only a narrow strip between the coast and the pack.
        sea = _blend(np.full_like(y, WATER), pack, away - 2.0)
        return _blend(sea, land, rough - seaward)

    def place(starts: Array, time: float) -> Array:
        along, off = way(time)
        row = starts[:, 0] + along
        return np.stack([row, coast(row) + starts[:, 1] + off], axis=1)

    times = _times(stages)
    steps = np.diff([way(time) for time in times], axis=0)
    fields = np.stack(
        [
            np.where(moves, np.stack([np.full_like(y, along), off + along * slope + 0 * y]), 0.0)
            for along, off in steps
        ]
    )
    known = np.stack(
        [(seaward <= 0) | (seaward > way((k + 0.5) / stages)[1] + 2.0) for k in range(stages)]
    )
    frames = np.clip(np.stack([frame(time) for time in times]), 0.0, 1.0)
    return frames.astype(np.float32), fields.astype(np.float32), known, ~moves, place


def generate_rotation_cracks(seed: int = 0, size: int = 256, stages: int = 8) -> Scene:
    """Generate a rotating pack in which one crack opens while another closes."""
    random = np.random.default_rng([seed, 2])
    ice = Pack(random, size)
    y, x = _grid(size)
    centre = (size - 1) / 2
    turn = np.deg2rad(10.0) / stages
    width = 9.0
    one, two = (_wavy(random, size, 0.022 * size) for _ in range(2))
    left, right = centre - 0.17 * size, centre + 0.17 * size

    def body(time: float) -> tuple[Array, Array]:
        # Positions in axes that rotate with the pack.
        c, s = np.cos(turn * time), np.sin(turn * time)
        dy, dx = y - centre, x - centre
        return centre + c * dy - s * dx, centre + s * dy + c * dx

    def strips(time: float) -> tuple[Array, Array, Array, float]:
        # Depth inside the three pieces of the pack; negative is outside.
        row, column = body(time)
        gap = width * time / stages
        a, b = left + one(row), right + two(row)
        middle = np.minimum(column - a - gap, b + gap - column)
        return a - column, middle, column - b - width, gap

    def frame(time: float) -> Array:
        row, column = body(time)
        first, middle, last, gap = strips(time)
        image = np.full_like(y, WATER)
        for depth, shift in ((first, 0.0), (middle, gap), (last, width)):
            image = _blend(image, ice(row, column - shift, depth), depth)
        return image

    def motion(time: float) -> tuple[Array, NDArray[np.bool_]]:
        first, middle, last, _ = strips(time)
        slip = np.where(middle > 0, width / stages, 0.0)
        c, s = np.cos(turn * time), np.sin(turn * time)
        # Time derivative of the position: rotation, and slip along the second rotating axis.
        spin = np.stack([turn * (x - centre), -turn * (y - centre)])
        slide = np.stack([s * slip, c * slip])
        ice_here = (first > 0) | (middle > 0) | (last > 0)
        return _fill(slide, ice_here) + spin, ice_here

    fields, known = _fields(motion, stages)
    return _scene("Rotating ice with cracks", frame, fields, known, stages)


def generate_new_cracks(seed: int = 0, size: int = 256, stages: int = 8) -> Scene:
    """Generate a closed pack that breaks into three pieces which drift apart."""
    random = np.random.default_rng([seed, 3])
    ice = Pack(random, size)
    y, x = _grid(size)
    across, down = _wavy(random, size, 0.04 * size), _wavy(random, size, 0.03 * size)
    upper, lower = np.array([-4.0, -1.6]) / stages, np.array([8.0, 3.2]) / stages
    late, opening = 0.25 * stages, 10.0 / (0.75 * stages)

    def shifts(time: float) -> list[Array]:
        apart = np.array([0.0, opening * max(0.0, time - late)])
        return [upper * time, lower * time, lower * time + apart]

    def depths(time: float) -> list[Array]:
        moved = [(y - dy, x - dx) for dy, dx in shifts(time)]
        (y0, x0), (y1, x1), (y2, x2) = moved
        below1 = y1 - 0.46 * size - across(x1)
        below2 = y2 - 0.46 * size - across(x2)
        return [
            0.46 * size + across(x0) - y0,
            np.minimum(below1, 0.57 * size + down(y1) - x1),
            np.minimum(below2, x2 - 0.57 * size - down(y2)),
        ]

    def frame(time: float) -> Array:
        # Pieces that have not separated yet meet without a seam.
        total, weight = np.zeros_like(y), np.zeros_like(y)
        for (dy, dx), depth in zip(shifts(time), depths(time), strict=True):
            part = np.clip(depth + 0.5, 0.0, 1.0)
            total += part * ice(y - dy, x - dx, depth)
            weight += part
        water = np.clip(1.0 - weight, 0.0, 1.0)
        return total / np.maximum(weight, 1.0) + water * WATER

    def motion(time: float) -> tuple[Array, NDArray[np.bool_]]:
        apart = np.array([0.0, opening if time > late else 0.0])
        pieces = np.stack([depth > 0 for depth in depths(time)])
        speeds = np.stack([upper, lower, lower + apart])
        field = np.tensordot(speeds.T, pieces.astype(np.float64), axes=1)
        ice_here = np.asarray(pieces.any(axis=0))
        return _fill(field, ice_here), ice_here

    fields, known = _fields(motion, stages)
    return _scene("New cracks in ice", frame, fields, known, stages)


def _scene(
    name: str,
    frame: Callable[[float], Array],
    fields: Array,
    known: NDArray[np.bool_],
    stages: int,
) -> Scene:
    frames = np.stack([frame(float(time)) for time in range(stages + 1)]).astype(np.float32)
    return Scene(name, np.clip(frames, 0.0, 1.0), _times(stages), fields.astype(np.float32), known)


def _fields(
    motion: Callable[[float], tuple[Array, NDArray[np.bool_]]], stages: int
) -> tuple[Array, NDArray[np.bool_]]:
    pairs = [motion(stage + 0.5) for stage in range(stages)]
    return np.stack([field for field, _ in pairs]), np.stack([known for _, known in pairs])


def _times(stages: int) -> Array:
    return np.arange(stages + 1) / stages


def _grid(size: int) -> tuple[Array, Array]:
    y, x = np.mgrid[:size, :size].astype(np.float64)
    return y, x


def _wavy(random: np.random.Generator, size: int, height: float) -> Callable[[Array], Array]:
    """Make a jagged line as a function of the position along it."""
    nodes = np.arange(-MARGIN, size + MARGIN, dtype=np.float64)
    wide = noise(random, (nodes.size, 1), 0.11 * size)[:, 0]
    jags = noise(random, (nodes.size, 1), 3.0)[:, 0]
    line = height * wide + 1.8 * jags

    def at(position: Array) -> Array:
        return np.interp(position, nodes, line)

    return at


def _blend(below: Array, above: Array, depth: Array) -> Array:
    """Lay an image over another, its edge smoothed over one pixel."""
    part = np.clip(depth + 0.5, 0.0, 1.0)
    return below * (1 - part) + above * part


def _fill(field: Array, known: NDArray[np.bool_]) -> Array:
    _, nearest = ndimage.distance_transform_edt(~known, return_indices=True)
    return np.asarray(field[:, nearest[0], nearest[1]])
