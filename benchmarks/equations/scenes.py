"""Generated scenes with true frames, each of which follows one equation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["SCENES", "TIMES", "Scene", "generate"]

Array = NDArray[np.float64]
#: Side of the images in pixels, and times of the frames.
SIDE = 160
TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Margin in pixels of the moved plane around the image.
_MARGIN = 40
#: Motion over the interval: radians, and displacement (dy, dx) in pixels.
_TURN, _DRIFT = 0.06, (7.0, -5.0)
#: Cells in which a flow converges and diverges: the largest divergence over the interval, their
#: distance in pixels, and the steps in which the flow is followed.
_DIVERGENCE, _CELLS, _STEPS = 0.55, 200.0, 20
#: Standard deviation of the noise of the two images, as a part of the intensity range.
_NOISE = 0.01


@dataclass(frozen=True)
class Scene:
    """Frames of a scene between two images.

    Attributes
    ----------
    name : str
        Name of the equation that the scene follows.
    images : ndarray of float32, shape (3, H, W)
        First image, image half way and last image, with noise.
    truth : ndarray of float32, shape (T, H, W)
        True frames at `TIMES`, without noise.
    """

    name: str
    images: NDArray[np.float32]
    truth: NDArray[np.float32]


class _Plane:
    """A plane that moves: values are given where its points were at the first time."""

    def __init__(self, seed: int, *, drifts: bool = True) -> None:
        self.random = np.random.default_rng(seed)
        self.side = SIDE + 2 * _MARGIN
        turn = self.random.choice([-1, 1])
        self._turn, self._drift = turn * _TURN, turn * drifts * np.array(_DRIFT)

    def texture(self, sigma: float) -> Array:
        """Return a random texture of zero mean and unit deviation."""
        values = ndimage.gaussian_filter(self.random.normal(size=(self.side,) * 2), sigma)
        return (values - values.mean()) / values.std()

    def at(self, plane: Array, time: float) -> Array:
        """Return the image of values on the plane at a time."""
        centre = (SIDE - 1) / 2
        rows, columns = np.mgrid[:SIDE, :SIDE] - centre
        rows, columns = rows - self._drift[0] * time, columns - self._drift[1] * time
        cos, sin = np.cos(self._turn * time), np.sin(self._turn * time)
        places = np.stack([cos * rows + sin * columns, cos * columns - sin * rows])
        return ndimage.map_coordinates(plane, places + centre + _MARGIN, order=3, mode="nearest")

    @property
    def places(self) -> Array:
        """Positions of the plane from the centre of the image, (2, side, side)."""
        return np.mgrid[: self.side, : self.side] - (self.side - 1) / 2


def _brightening(seed: int) -> Callable[[float], Array]:
    """Ice or cells of constant shape, of which some parts brighten and others fade."""
    plane = _Plane(seed)
    base, change = 0.5 + 0.12 * plane.texture(2.0), 0.15 * plane.texture(8.0)
    return lambda time: plane.at(base + time * change, time)


def _gathering(seed: int) -> Callable[[float], Array]:
    """A density in a flow that converges and diverges in cells."""
    plane = _Plane(seed, drifts=False)
    base = np.exp(0.5 * plane.texture(2.0)) * 0.2
    wave, phase = 2 * np.pi / _CELLS, plane.random.uniform(0, 2 * np.pi, (2, 1, 1))

    def velocity(places: Array) -> tuple[Array, Array]:
        """Return the velocity and its divergence."""
        (sin, other), (cos, across) = np.sin(wave * places + phase), np.cos(wave * places + phase)
        speed = _DIVERGENCE / (2 * wave)
        return -speed * np.stack([sin * across, cos * other]), -_DIVERGENCE * cos * across

    def frame(time: float) -> Array:
        places, gained, step = plane.places, np.zeros(base.shape), time / _STEPS
        for _ in range(_STEPS):
            half_way = places - step / 2 * velocity(places)[0]
            moved, divergence = velocity(half_way)
            places, gained = places - step * moved, gained - step * divergence
        origins = places + (plane.side - 1) / 2
        start = ndimage.map_coordinates(base, origins, order=3, mode="nearest")
        return plane.at(start * np.exp(gained), time)

    return frame


def _spreading(seed: int) -> Callable[[float], Array]:
    """A dye that spreads."""
    plane = _Plane(seed)
    kappa = float(plane.random.uniform(3.0, 8.0))
    base = np.clip(0.4 + 0.2 * plane.texture(2.2), 0.0, None)

    def frame(time: float) -> Array:
        return plane.at(ndimage.gaussian_filter(base, np.sqrt(2 * kappa * time)), time)

    return frame


def _growing(seed: int) -> Callable[[float], Array]:
    """Colonies and tracers that decay to 0.8 times or grow up to 6 times their density."""
    plane = _Plane(seed)
    base, rate = np.exp(0.6 * plane.texture(2.5)) * 0.08, 0.8 + np.tanh(plane.texture(14.0))
    return lambda time: plane.at(base * np.exp(rate * time), time)


def _saturating(seed: int) -> Callable[[float], Array]:
    """Colonies that grow from little up to the largest density."""
    plane = _Plane(seed)
    start = np.clip(0.12 * np.exp(0.8 * plane.texture(2.5)), 0.0, 0.9)
    rate = 3.5 + 0.8 * plane.texture(14.0)

    def frame(time: float) -> Array:
        factor = np.exp(rate * time)
        return plane.at(start * factor / (1 + start * (factor - 1)), time)

    return frame


def _cracking(seed: int) -> Callable[[float], Array]:
    """Ice with a lead, from which cracks grow, and floes of new ice that spread."""
    plane = _Plane(seed)
    random, side = plane.random, plane.side
    base = 0.5 + 0.06 * plane.texture(1.5)
    rows, columns = np.mgrid[:side, :side].astype(np.float64)
    # The lead runs from the left to the right, with cracks to both sides.
    lead = side / 2 + 10 * np.sin(np.arange(side) / 20 + random.uniform(0, 6))
    base[np.abs(rows - lead) < 3] = 0.1
    onset = np.full(base.shape, np.inf)
    for x in random.permutation(np.arange(_MARGIN + 10, side - _MARGIN - 10, 20))[:5]:
        y, angle = lead[x], random.choice([-1, 1]) * random.uniform(0.9, 2.2)
        length = int(random.integers(35, 65))
        at = np.array([y, float(x)])
        for step in range(length):
            angle += random.normal() * 0.08
            at = at + np.array([np.sin(angle), np.cos(angle)])
            near = np.hypot(rows - at[0], columns - at[1]) < 2.2
            onset[near] = np.minimum(onset[near], step / length)
    spots = [(random.uniform(_MARGIN, side - _MARGIN, 2), random.uniform(7, 12)) for _ in range(5)]

    def frame(time: float) -> Array:
        values = np.where(onset < time, 0.1, base)
        for place, radius in spots:
            reach = np.hypot(rows - place[0], columns - place[1])
            values = np.where(reach < radius * time, 0.95, values)
        return plane.at(ndimage.gaussian_filter(values, 0.7), time)

    return frame


#: Makes the frames of a scene from a seed, by the name of its equation.
SCENES: dict[str, Callable[[int], Callable[[float], Array]]] = {
    "source": _brightening,
    "continuity": _gathering,
    "diffusion": _spreading,
    "growth": _growing,
    "limited_growth": _saturating,
    "sparse_source": _cracking,
}


def generate(name: str, seed: int) -> Scene:
    """Return the scene of an equation."""
    frame = SCENES[name](seed)
    truth = np.stack([frame(time) for time in TIMES]).astype(np.float32)
    noise = np.random.default_rng(seed).normal(size=(3, SIDE, SIDE))
    images = truth[[0, len(TIMES) // 2, -1]] + _NOISE * (truth.max() - truth.min()) * noise
    return Scene(name, images.astype(np.float32), truth)
