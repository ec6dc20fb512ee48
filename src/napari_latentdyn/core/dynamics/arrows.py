"""Advection fields as arrows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.grids import evenly_spaced

__all__ = ["MAX_ARROWS", "Arrows", "full_vectors", "make_arrows", "scale_note"]

#: Bound on the arrows that napari copies whenever the time slider moves.
MAX_ARROWS = 100_000
#: Arrows across the longer side of the image, so that each can be seen.
_ACROSS = 24
#: Confidence below which an arrow is hidden.
_DOUBTFUL = 0.2


@dataclass(frozen=True)
class Arrows:
    """Arrows of a vectors layer.

    `data` (N, 2, 3) are start and projection along (t, y, x), with an integer t. `features`
    are ``speed`` in pixels per stage, ``direction`` in degrees from the right
    counter-clockwise on the screen, ``stage`` and ``confidence`` if known. `spacing` and
    `width` are in pixels, and `length` is the factor by which arrows are drawn longer than the
    motion of one stage. An arrow that would leave the image at this length is shortened: see
    `full_vectors`. `hidden` is the part of arrows left out because of low confidence.
    """

    data: NDArray[np.float32]
    features: dict[str, NDArray[Any]]
    spacing: int
    length: float
    width: float
    hidden: float = 0.0


def make_arrows(
    velocity: NDArray[np.float32],
    stages: NDArray[np.integer] | None = None,
    spacing: int | None = None,
    *,
    length: float | None = None,
    confidence: Iterable[NDArray[np.floating]] | None = None,
) -> Arrows:
    """Thin advection fields (n, 2, Y, X), (dy, dx) in pixels per stage, to arrows.

    No arrow is made where the velocity is not finite, or where the `confidence` (n, Y, X), whose
    stages may be made one after the other, is low. `stages` are the stages shown at each position
    along the time axis, by default all. The `spacing` is increased where there would be more than
    `MAX_ARROWS`; the default `length` is readable.
    """
    height, width = velocity.shape[-2:]
    chosen = np.arange(len(velocity)) if stages is None else np.asarray(stages)
    wanted = spacing or max(1, math.ceil(max(height, width) / _ACROSS))
    step = _enough(wanted, height, width, max(1, len(chosen)))
    rows, columns = evenly_spaced(height, step), evenly_spaced(width, step)
    thin = velocity[:, :, rows][..., columns]
    count = rows.size * columns.size
    data = np.zeros((len(chosen), count, 2, 3), np.float32)
    data[:, :, 0, 0] = np.arange(len(chosen))[:, None]
    data[:, :, 0, 1] = np.repeat(rows, columns.size)
    data[:, :, 0, 2] = np.tile(columns, rows.size)
    data[:, :, 1, 1:] = thin[chosen].reshape(len(chosen), 2, count).transpose(0, 2, 1)
    stage, place = np.repeat(chosen, count), np.tile(np.arange(count), len(chosen))
    flat = data.reshape(-1, 2, 3)
    finite = np.isfinite(flat).all(axis=(1, 2))
    flat, stage, place = flat[finite], stage[finite], place[finite]
    hidden, sure = 0.0, None
    if confidence is not None:
        points = np.ix_(rows, columns)
        sure = np.stack([plane[points].ravel() for plane in confidence])[stage, place]
        kept = sure >= _DOUBTFUL
        hidden = 1.0 - float(kept.mean()) if kept.size else 0.0
        flat, stage, sure = flat[kept], stage[kept], sure[kept]
    speed = np.hypot(flat[:, 1, 1], flat[:, 1, 2])
    # Towards the right is 0, up the screen 90 degrees.
    direction = np.degrees(np.arctan2(-flat[:, 1, 1], flat[:, 1, 2]))
    features = {"speed": speed, "direction": direction, "stage": stage}
    if sure is not None:
        features["confidence"] = sure.astype(np.float32)
    length = length or readable_length(speed, step)
    data = np.ascontiguousarray(flat)
    data[:, 1] *= _room(data, length, (height, width))[:, None]
    return Arrows(data, features, step, length, max(0.5, step / 6), hidden)


def full_vectors(data: NDArray[Any], features: Mapping[str, Any] | None) -> NDArray[Any]:
    """Restore the full motion of arrows that were shortened to stay in the image.

    The data (N, 2, D) are start and projection, with the last axes (y, x). Without the
    features ``speed`` and ``direction`` of `make_arrows` they are returned unchanged.
    """
    if features is None or any(name not in features for name in ("speed", "direction")):
        return data
    speed = np.asarray(features["speed"], np.float64)
    angle = np.radians(np.asarray(features["direction"], np.float64))
    drawn = np.linalg.norm(np.asarray(data[:, 1, -2:], np.float64), axis=1)
    short = drawn < speed * (1 - 1e-4)
    if not short.any():
        return data
    full = np.array(data)
    motion = np.stack([-speed * np.sin(angle), speed * np.cos(angle)], axis=1)
    full[short, 1, -2:] = motion[short]
    return full


def scale_note(length: float) -> str:
    """Describe the factor between the length of arrows and the motion of one stage."""
    return f"arrows {length:g} x their length"


def readable_length(speed: NDArray[np.floating], spacing: int) -> float:
    """Return the factor out of 1, 2, 5, 10, ... that makes long arrows about one spacing long.

    `speed` are the lengths of the arrows in pixels.
    """
    long = float(np.percentile(speed, 95)) if speed.size else 0.0
    if long <= 0:
        return 1.0
    # At most a hundredfold, so that noise does not look like motion.
    wanted = min(max(spacing / long, 0.01), 100.0)
    factors = [base * 10.0**power for power in range(-2, 3) for base in (1, 2, 5)]
    return min(factors[:13], key=lambda factor: abs(math.log(factor / wanted)))


def _room(data: NDArray[np.float32], length: float, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the part of each arrow that lies in the image when drawn at a length, (N,)."""
    part = np.ones(len(data), np.float32)
    for axis, size in zip((1, 2), shape, strict=True):
        start, shift = data[:, 0, axis], length * data[:, 1, axis]
        # The image ends half a pixel beyond the centre of its last pixel.
        room = np.where(shift > 0, size - 0.5 - start, start + 0.5)
        with np.errstate(divide="ignore"):
            part = np.minimum(part, np.where(shift == 0, 1.0, room / np.abs(shift)))
    return part.astype(np.float32)


def _enough(spacing: int, height: int, width: int, times: int) -> int:
    while times * math.ceil(height / spacing) * math.ceil(width / spacing) > MAX_ARROWS:
        spacing = max(spacing + 1, int(spacing * 1.05))
        if spacing >= 2 * max(height, width):
            break
    return spacing
