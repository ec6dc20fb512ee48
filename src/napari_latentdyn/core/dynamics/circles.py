"""Standard deviations of velocities as circles around the tips of arrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS, Arrows
from napari_latentdyn.core.dynamics.grids import evenly_spaced

__all__ = ["Circles", "make_circles"]

#: Sides of a circle: as many as `MAX_ARROWS` allow, but at least the fewest.
_SIDES, _FEWEST_SIDES = 24, 4
#: Half the width of a cross, relative to the spacing of the arrows.
_CROSS = 0.18


@dataclass(frozen=True)
class Circles:
    """Line segments of a vectors layer: circles, and crosses at places without information.

    `data` (N, 2, 3) are start and projection along (t, y, x), with an integer t. `features` of each
    segment are ``deviation``, the standard deviation of each component in pixels per stage,
    ``stage``, and ``measured``: 1 in a circle, 0 in a cross. `width` is that of the lines in
    pixels, and `unknown` the part of places with a cross.
    """

    data: NDArray[np.float32]
    features: dict[str, NDArray[Any]]
    width: float
    unknown: float


def make_circles(
    arrows: Arrows,
    velocity: NDArray[np.float32],
    std: NDArray[np.float32],
    measured: NDArray[np.bool_],
    stages: NDArray[np.integer] | None = None,
    *,
    deviations: float = 1.0,
) -> Circles:
    """Draw the standard deviations of the velocity at the scale of the arrows.

    A circle stands at the tip of each arrow. A cross stands at a place whose velocity is not
    measured, or whose arrow is hidden, unless the motion is given and has no deviation, as that of
    a still region. Nothing stands where the velocity is not finite. The deviations of both
    components are equal in pixels, so that a circle becomes an ellipse where pixels are not square.

    Parameters
    ----------
    arrows : Arrows
        As `make_arrows` returns them for the same velocity and stages; `length` may be another.
        Arrows at other places have no circle.
    velocity : ndarray of float32, shape (n, 2, H, W)
        Advection fields (dy, dx) in pixels per stage.
    std : ndarray of float32, shape (n, H, W)
        Standard deviation of each component, in pixels per stage.
    measured : ndarray of bool, shape (n, H, W)
        Where the images show the motion.
    stages : ndarray of int, shape (T,), optional
        Stages shown at each position along the time axis, by default all.
    deviations : float
        Radius in standard deviations. A circle is at least as wide as its line.
    """
    chosen = np.arange(len(velocity)) if stages is None else np.asarray(stages)
    rows, columns = (evenly_spaced(size, arrows.spacing) for size in velocity.shape[-2:])
    thin = np.ix_(chosen, rows, columns)
    spread = std[thin]
    inside = np.all(np.isfinite(velocity[:, :, rows][..., columns]), axis=1).take(chosen, axis=0)
    grid = np.meshgrid(np.arange(len(chosen)), rows, columns, indexing="ij")
    places = np.stack(grid, axis=-1).astype(np.float32)
    tips, has_arrow = places.copy(), np.zeros(inside.shape, bool)
    t, y, x = np.rint(arrows.data[:, 0]).astype(np.intp).T
    known = np.flatnonzero((t < len(chosen)) & np.isin(y, rows) & np.isin(x, columns))
    there = t[known], np.searchsorted(rows, y[known]), np.searchsorted(columns, x[known])
    tips[there] = arrows.data[known, 0] + np.float32(arrows.length) * arrows.data[known, 1]
    has_arrow[there] = True
    # Nothing needs to show a motion that is given.
    sure = (measured[thin] & has_arrow & np.isfinite(spread)) | np.equal(spread, 0)
    circled, crossed = inside & sure, inside & ~sure

    width = arrows.width / 3
    radii = np.maximum(deviations * arrows.length * spread[circled], width)
    sides = min(_SIDES, max(_FEWEST_SIDES, MAX_ARROWS // max(1, len(radii))))
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    corners = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    ring = np.stack([corners, np.roll(corners, -1, axis=0) - corners], axis=1)

    cross = _CROSS * arrows.spacing * np.array([[[-1, -1], [2, 2]], [[-1, 1], [2, -2]]])

    numbers = int(circled.sum()), int(crossed.sum())
    rings = _placed(tips[circled], ring, radii)
    data = np.concatenate([rings, _placed(places[crossed], cross, np.ones(numbers[1]))])
    counts = np.repeat([sides, len(cross)], numbers)
    features = {
        "deviation": np.concatenate([spread[circled], spread[crossed]]),
        "stage": chosen[np.concatenate([mask.nonzero()[0] for mask in (circled, crossed)])],
        "measured": np.repeat([1, 0], numbers),
    }
    repeated = {name: np.repeat(values, counts) for name, values in features.items()}
    return Circles(data, repeated, width, numbers[1] / max(1, sum(numbers)))


def _placed(
    places: NDArray[Any], figure: NDArray[np.float64], sizes: NDArray[Any]
) -> NDArray[np.float32]:
    """Return a figure (S, 2, 2), (y, x), at places (P, 3) in sizes (P,), as (P S, 2, 3)."""
    data = np.zeros((len(places), len(figure), 2, 3), np.float32)
    data[..., 1:] = sizes[:, None, None, None] * figure
    data[:, :, 0] += places[:, None]
    return data.reshape(-1, 2, 3)
