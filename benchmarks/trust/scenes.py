"""Generated scenes with known motion: textures that move, are noisy, faint or partly missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["KINDS", "TIMES", "TrueScene", "generate", "make_scene"]

#: Times of the true frames as fractions of the interval.
TIMES = (0.25, 0.5, 0.75)
SIDE, _PAD = 112, 40
#: Steps of the integration of half an interval, and the largest displacement in pixels.
_STEPS, _LONGEST = 6, 14.0

Array = NDArray[np.float64]
Flow = Callable[[Array], Array]
Random = np.random.Generator


@dataclass(frozen=True)
class TrueScene:
    """Two images, true frames between them, and the true velocity half way.

    Attributes
    ----------
    name : str
        Kind of the scene.
    images : ndarray of float32, shape (2, H, W)
        On a scale of about 0 to 1, with noise; NaN where a pixel is missing.
    truth : ndarray of float32, shape (T, H, W)
        Frames at `TIMES`, with noise like that of the images.
    velocity : ndarray of float32, shape (2, H, W)
        For the point at a pixel half way: position in the last image minus that in the first.
    """

    name: str
    images: NDArray[np.float32]
    truth: NDArray[np.float32]
    velocity: NDArray[np.float32]


@dataclass(frozen=True)
class _Body:
    """A sheet of texture that moves, and the part of the plane that it covers half way."""

    texture: Array
    flow: Flow
    covers: Callable[[Array], NDArray[np.bool_]]

    def moved(self, places: Array, time: float) -> Array:
        """Return the positions after a time of the points at places (2, H, W)."""
        step = time / _STEPS
        for _ in range(_STEPS):
            first = self.flow(places)
            second = self.flow(places + step / 2 * first)
            third = self.flow(places + step / 2 * second)
            last = self.flow(places + step * third)
            places = places + step / 6 * (first + 2 * second + 2 * third + last)
        return places

    def shown(self, places: Array) -> Array:
        """Return the intensities at places half way."""
        image: Array = ndimage.map_coordinates(self.texture, places + _PAD, order=3, mode="mirror")
        return image


def generate(count: int, seed: int) -> Iterator[TrueScene]:
    """Yield scenes of all kinds in turn."""
    for number in range(count):
        yield make_scene(KINDS[number % len(KINDS)], np.random.default_rng([seed, number]))


def make_scene(kind: str, random: Random) -> TrueScene:
    """Draw a scene of a kind."""
    bodies = _BODIES[kind](random)
    places = np.mgrid[:SIDE, :SIDE].astype(float)
    noise = float(np.exp(random.uniform(*np.log((0.002, 0.01)))))
    if kind in ("noise", "faint"):
        noise = float(np.exp(random.uniform(*np.log((0.015, 0.15 if kind == "noise" else 0.05)))))
    if kind == "flat":
        noise *= random.choice([0.0, 1.0])
    growth = _growth(random) if kind == "changes" else np.zeros((SIDE, SIDE))
    whole = [_drawn(bodies, places, at) + at * growth for at in (0.0, 1.0, *TIMES)]
    frames = np.stack(whole) + noise * random.normal(size=(2 + len(TIMES), SIDE, SIDE))
    if kind == "missing":
        for image in frames[:2]:
            image[_holes(random)] = np.nan
    velocity = np.zeros_like(places)
    for body in bodies:
        way = body.moved(places, 0.5) - body.moved(places, -0.5)
        velocity = np.where(body.covers(places), way, velocity)
    first, rest, flow = (part.astype(np.float32) for part in (frames[:2], frames[2:], velocity))
    return TrueScene(kind, first, rest, flow)


def _drawn(bodies: list[_Body], places: Array, time: float) -> Array:
    image = np.zeros(places.shape[1:])
    for body in bodies:
        half_way = body.moved(places, 0.5 - time)
        image = np.where(body.covers(half_way), body.shown(half_way), image)
    return image


def _texture(random: Random, contrast: str = "full") -> Array:
    """Filtered noise of several scales between 0 and 1, in some scenes with sharp outlines."""
    side = SIDE + 2 * _PAD
    whole = np.zeros((side, side))
    for sigma in np.exp(random.uniform(*np.log((0.9, 9.0)), size=3)):
        part = ndimage.gaussian_filter(random.normal(size=whole.shape), sigma, mode="wrap")
        whole += random.uniform(0.2, 1.0) * part / part.std()
    if random.random() < 0.4:
        part = ndimage.gaussian_filter(random.normal(size=whole.shape), 5.0, mode="wrap")
        whole = np.where(part > 0.4 * part.std(), whole + 3.0, whole)
        whole = ndimage.gaussian_filter(whole, 0.7)
    whole = (whole - whole.min()) / np.ptp(whole)
    if contrast == "full":
        return whole
    part = ndimage.gaussian_filter(random.normal(size=whole.shape), 12.0, mode="wrap")
    share = 1 / (1 + np.exp(-4 * part / part.std()))
    # Contrast from nearly nothing to all of it, or constant patches beside full contrast.
    share = 0.03 + share if contrast == "faint" else np.clip(4 * share - 1.5, 0.0, 1.0)
    return np.asarray(0.5 + (whole - 0.5) * share)


def _speed(random: Random) -> float:
    return float(np.exp(random.uniform(*np.log((0.7, _LONGEST)))))


def _direction(random: Random, length: float) -> Array:
    angle = random.uniform(0, 2 * np.pi)
    return length * np.array([np.sin(angle), np.cos(angle)])[:, None, None]


def _affine(matrix: Array, drift: Array, centre: Array) -> Flow:
    return lambda places: np.einsum("ij,jyx->iyx", matrix, places - centre) + drift


def _everywhere(places: Array) -> NDArray[np.bool_]:
    return np.ones(places.shape[1:], bool)


def _centre(random: Random) -> Array:
    return random.uniform(0.25, 0.75, size=(2, 1, 1)) * SIDE


def _translation(random: Random, contrast: str = "full") -> list[_Body]:
    drift = _direction(random, _speed(random))
    flow = _affine(np.zeros((2, 2)), drift, _centre(random))
    return [_Body(_texture(random, contrast), flow, _everywhere)]


def _turning(random: Random, contrast: str = "full") -> list[_Body]:
    rate = random.choice([-1, 1]) * min(_speed(random), 12.0) / (SIDE / 2)
    flow = _affine(np.array([[0, rate], [-rate, 0]]), _direction(random, 1.0), _centre(random))
    return [_Body(_texture(random, contrast), flow, _everywhere)]


def _sheared(random: Random) -> list[_Body]:
    matrix = random.normal(size=(2, 2))
    matrix *= min(_speed(random), 12.0) / (SIDE / 2) / np.abs(matrix).max()
    flow = _affine(matrix, _direction(random, 1.0), _centre(random))
    return [_Body(_texture(random), flow, _everywhere)]


def _vortices(random: Random, contrast: str = "full") -> list[_Body]:
    count, drift = random.integers(2, 7), _direction(random, random.uniform(0, 4))
    places = random.uniform(0, SIDE, size=(count, 2, 1, 1))
    widths = random.uniform(0.08, 0.25, size=count) * SIDE
    speeds = random.choice([-1, 1], size=count) * random.uniform(0.2, 1.0, size=count)
    speeds *= _speed(random)

    def flow(at: Array) -> Array:
        total = np.broadcast_to(drift, at.shape).copy()
        for place, width, speed in zip(places, widths, speeds, strict=True):
            y, x = at - place
            fade = speed / width * np.exp(0.5 - (y**2 + x**2) / (2 * width**2))
            total += fade * np.stack([-x, y])
        return total

    return [_Body(_texture(random, contrast), flow, _everywhere)]


def _several(random: Random) -> list[_Body]:
    """Discs that move on their own over a background that moves or stands still."""
    behind = _translation(random)[0]
    if random.random() < 0.5:
        behind = _Body(behind.texture, lambda places: np.zeros_like(places), _everywhere)
    bodies = [behind]
    for _ in range(random.integers(1, 4)):
        centre, radius = _centre(random), random.uniform(0.1, 0.25) * SIDE
        rate = random.uniform(-0.1, 0.1)
        flow = _affine(
            np.array([[0, rate], [-rate, 0]]), _direction(random, 0.7 * _speed(random)), centre
        )

        def covers(
            places: Array, centre: Array = centre, radius: float = radius
        ) -> NDArray[np.bool_]:
            return np.asarray(np.hypot(*(places - centre)) < radius)

        bodies.append(_Body(_texture(random), flow, covers))
    return bodies


def _any(random: Random) -> list[_Body]:
    makers = (_translation, _turning, _sheared, _vortices, _several)
    return makers[random.integers(len(makers))](random)


def _faint(random: Random) -> list[_Body]:
    return (_translation if random.random() < 0.5 else _vortices)(random, "faint")


def _flat(random: Random) -> list[_Body]:
    return (_turning if random.random() < 0.5 else _vortices)(random, "flat")


def _growth(random: Random) -> Array:
    """Spots that grow or fade evenly between the images."""
    total = np.zeros((SIDE, SIDE))
    places = np.mgrid[:SIDE, :SIDE].astype(float)
    for _ in range(random.integers(1, 5)):
        width = random.uniform(3, 14)
        square = ((places - _centre(random)) ** 2).sum(axis=0)
        total += random.uniform(-0.6, 0.6) * np.exp(-square / (2 * width**2))
    return total


def _holes(random: Random) -> NDArray[np.bool_]:
    """Discs and a strip at a side."""
    places = np.mgrid[:SIDE, :SIDE].astype(float)
    holes = np.zeros((SIDE, SIDE), bool)
    for _ in range(random.integers(1, 4)):
        holes |= np.hypot(*(places - _centre(random))) < random.uniform(4, 18)
    if random.random() < 0.3:
        holes[: random.integers(4, 20)] = True
    return holes


_BODIES: dict[str, Callable[[Random], list[_Body]]] = {
    "translation": _translation,
    "rotation": _turning,
    "shear": _sheared,
    "vortices": _vortices,
    "bodies": _several,
    "noise": _any,
    "faint": _faint,
    "flat": _flat,
    "missing": _any,
    "changes": _any,
}
KINDS = tuple(_BODIES)
