"""Brightness of pack ice and land for generated scenes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

__all__ = ["MARGIN", "WATER", "Pack", "land", "noise"]

Array = NDArray[np.float64]
# Brightness of open water, and width of the border of material that may drift into the scene.
WATER = 0.06
MARGIN = 48


class Pack:
    """Brightness of pack ice at any position: floes, brash, refrozen leads and ridges.

    The material covers `size` pixels and a border of `MARGIN`.
    """

    def __init__(self, random: np.random.Generator, size: int) -> None:
        side = size + 2 * MARGIN
        y, x = np.mgrid[:side, :side].astype(np.float64)
        wobble = [noise(random, (side, side), 9.0) * 2.5 for _ in range(2)]
        place = np.stack([y + wobble[0], x + wobble[1]], axis=-1)
        big, big_edge = _cells(random, place, side, 52.0)
        small, small_edge = _cells(random, place, side, 17.0)
        crushed = random.random(big.max() + 1) < 0.45
        brash = crushed[big]
        floe = np.where(brash, big.max() + 1 + small, big)
        edge = np.where(brash, np.minimum(small_edge, big_edge), big_edge)
        count = floe.max() + 1
        albedo = random.normal(0.66, 0.09, count)
        thin = random.random(count) < 0.10
        albedo[thin] = random.uniform(0.22, 0.36, int(thin.sum()))
        value = albedo[floe]
        value += 0.05 * noise(random, (side, side), 9.0)
        value += 0.035 * noise(random, (side, side), 2.0)
        # Ridges stand bright where two floes were pressed together.
        pressed = noise(random, (side, side), 10.0) > 0.5
        value += 0.16 * pressed * np.exp(-(((big_edge - 5.0) / 1.4) ** 2))
        lead = 1.5 + 0.9 * noise(random, (side, side), 14.0)
        water = np.clip(lead - edge + 0.5, 0.0, 1.0)
        value = value * (1 - water) + water * (WATER + 0.10 * random.random())
        value += 0.02 * noise(random, (side, side), 0.7)
        self.spline = ndimage.spline_filter(np.clip(value, 0.02, 1.0), order=3, output=np.float64)

    def __call__(self, y: Array, x: Array, depth: Array) -> Array:
        """Return the brightness at (y, x), and zero where `depth` says outside the ice."""
        inside = depth > -0.5
        places = np.stack([y[inside] + MARGIN, x[inside] + MARGIN])
        value = ndimage.map_coordinates(
            self.spline, places, order=3, mode="mirror", prefilter=False
        )
        image = np.zeros(depth.shape)
        image[inside] = np.clip(value, 0.0, 1.0)
        return image


def land(random: np.random.Generator, size: int) -> Array:
    """Return the brightness of snow-covered land, (size, size)."""
    widths = (30.0, 13.0, 6.0, 2.5)
    height = sum(noise(random, (size, size), width) * width**1.2 for width in widths)
    down, right = np.gradient(np.asarray(height))
    # Snow-covered relief, lit from the upper left.
    grain = 0.012 * noise(random, (size, size), 0.7)
    return np.asarray(np.clip(0.76 - 0.035 * (down + 0.4 * right) + grain, 0.4, 1.0))


def noise(random: np.random.Generator, shape: tuple[int, int], width: float) -> Array:
    """Return Gaussian noise of unit variance that varies over `width` pixels."""
    # Wide noise is drawn on a coarse grid and enlarged: a wide filter takes too long.
    zoom = max(1, int(width / 2))
    coarse = tuple(-(-side // zoom) + 3 if side > 1 else 1 for side in shape)
    noise = ndimage.gaussian_filter(random.standard_normal(coarse), width / zoom, mode="wrap")
    if zoom > 1:
        factors = [zoom if side > 1 else 1 for side in shape]
        noise = ndimage.zoom(noise, factors, order=1, mode="nearest")
    noise = noise[: shape[0], : shape[1]]
    return np.asarray((noise - noise.mean()) / noise.std())


def _cells(
    random: np.random.Generator, place: Array, side: int, width: float
) -> tuple[NDArray[np.intp], Array]:
    """Return cells of about `width` pixels: their numbers and the distance to their edges."""
    count = int((side / width + 2) ** 2)
    seeds = random.uniform(-width, side + width, (count, 2))
    distance, index = cKDTree(seeds).query(place.reshape(-1, 2), k=2)
    nearest, second = (seeds[index[:, k]] for k in range(2))
    apart = np.linalg.norm(second - nearest, axis=1)
    edge = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * np.maximum(apart, 1e-9))
    shape = place.shape[:2]
    return index[:, 0].reshape(shape), edge.reshape(shape)
