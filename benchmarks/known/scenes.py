"""Generated scenes of which a user knows something: land, walls, tracks, landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.knowledge.tracks import Tracks

Floats = NDArray[np.float64]
Flow = Callable[[Floats, float], Floats]


@dataclass(frozen=True)
class Scene:
    """Texture that a flow moves, and the inverse of the flow: places (N, 2) at time 0 and t."""

    side: int
    there: Flow
    back: Flow
    sigma: float = 2.0
    margin: int = 60

    def image(self, time: float) -> Floats:
        whole = texture((self.side + 2 * self.margin,) * 2, seed=3, sigma=self.sigma)
        places = self.back(pixels(self.side), time) + self.margin
        return ndimage.map_coordinates(whole, places.T, order=3).reshape(self.side, self.side)

    def tracks(
        self, starts: list[tuple[float, float]], times: Floats, sigma: float, seed: int = 0
    ) -> Tracks:
        noise = sigma * np.random.default_rng(seed).normal(size=(len(times), len(starts), 2))
        places = np.stack([self.there(np.array(starts), t) for t in times]) + noise
        number = np.tile(np.arange(len(starts)), len(times))
        return Tracks.from_rows(number, np.repeat(times, len(starts)), places.reshape(-1, 2), sigma)

    def error(self, dynamics: Dynamics, points: Floats, times: Floats) -> Floats:
        """Distance of tracers to the truth, (P, T)."""
        truth = np.stack([self.there(points, t) for t in times], axis=1)
        return np.hypot(*np.moveaxis(dynamics.trajectories(points, times) - truth, -1, 0))


def texture(shape: tuple[int, int], seed: int = 0, sigma: float = 2.0) -> Floats:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return 100.0 + 20.0 * noise / noise.std()


def pixels(side: int) -> Floats:
    return np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2).astype(np.float64)


def grid(low: float, high: float, step: float) -> Floats:
    axis = np.arange(low, high, step)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def rotation(centre: float, angle: float) -> tuple[Flow, Flow]:
    def turned(places: Floats, by: float) -> Floats:
        cos, sin = np.cos(by), np.sin(by)
        return centre + (places - centre) @ np.array([[cos, sin], [-sin, cos]])

    return lambda p, t: turned(p, angle * t), lambda p, t: turned(p, -angle * t)


def turning_at_noon(side: int = 96) -> Scene:
    """A drift that turns by a right angle half way, and rotates slowly."""
    there, back = rotation(side / 2, 0.05)

    def drift(time: float) -> Floats:
        return min(time, 0.5) * np.array([12.0, 4.0]) + max(time - 0.5, 0) * np.array([-2.0, 14.0])

    return Scene(side, lambda p, t: there(p, t) + drift(t), lambda p, t: back(p - drift(t), t))


def far(side: int = 128) -> Scene:
    """A displacement of 60 pixels in fine texture, with a rotation."""
    there, back = rotation(side / 2, 0.15)
    way = np.array([45.0, -40.0])
    return Scene(
        side,
        lambda p, t: there(p, t) + way * t,
        lambda p, t: back(p - way * t, t),
        sigma=0.8,
        margin=100,
    )


def drifting(side: int) -> Scene:
    """A drift by (9, 6)."""
    way = np.array([9.0, 6.0])
    return Scene(side, lambda p, t: p + t * way, lambda p, t: p - t * way)


def past_land(side: int = 96) -> tuple[list[Floats], NDArray[np.bool_]]:
    """Ice that drifts by (9, 6) past static land with a bay, at times 0, 1/2 and 1; the land."""
    rows, columns = np.mgrid[:side, :side]
    land = columns < 22 + 8 * np.sin(rows / 14.0)
    still = texture((side, side), seed=8, sigma=1.5) + 60.0
    ice = drifting(side)
    return [np.where(land, still, ice.image(t)) for t in (0.0, 0.5, 1.0)], land


def channel(side: int = 96) -> tuple[list[Floats], NDArray[np.bool_], Floats]:
    """A parabolic flow to the right between two walls, at times 0 and 1; walls; speed of rows."""
    row = np.arange(side, dtype=np.float64)
    speed = 9.0 * np.clip(1 - ((row - side / 2) / (side / 2 - 18)) ** 2, 0, None)
    wall = np.repeat((speed == 0)[:, None], side, axis=1)
    way = np.stack([np.zeros(side), speed], axis=1)

    def back(places: Floats, time: float) -> Floats:
        return places - time * way[places[:, 0].astype(int)]

    flow, bank = Scene(side, back, back), texture((side, side), seed=5)
    noise = np.random.default_rng(0).normal(scale=2.0, size=(2, side, side))
    images = [np.where(wall, bank, flow.image(t) + noise[t]) for t in (0, 1)]
    return images, wall, speed
