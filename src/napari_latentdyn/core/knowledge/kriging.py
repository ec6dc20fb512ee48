"""Interpolation between scattered points with its variance (Gaussian process, kriging).

The values are a linear trend in space, of which little is known beforehand, and a random field with
a Gaussian covariance. Source: C. E. Rasmussen, C. K. I. Williams, *Gaussian Processes for Machine
Learning*, 2006, sections 2.2, 2.7 and 5.4.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

__all__ = ["Kriging"]

Floats = NDArray[np.float64]

#: Lengths of the covariance as a fraction of the size, and amplitudes in units of the least one,
#: from which the most likely is taken; those of too few points to compare.
_LENGTHS, _AMPLITUDES = (0.1, 0.2, 0.4, 0.8), (1.0, 2.0, 4.0, 8.0)
_FEW, _LENGTH = 4, 0.3
#: Standard deviations of the mean and of the slope of the trend over the size, in units of the
#: largest value.
_MEAN, _SLOPE = 3.0, 0.5


class Kriging:
    """A field that is known at T points.

    Parameters
    ----------
    places : ndarray, shape (T, 2)
        Positions.
    values : ndarray, shape (T, d)
        Components with equal statistics.
    sigma : ndarray, shape (T,)
        Standard deviation of the values.
    size : float
        Extent of the region, in the unit of the positions.
    least : float
        Least amplitude of the part that is not a trend; more is taken where the values show it.
    """

    def __init__(
        self, places: Floats, values: Floats, sigma: Floats, size: float, least: float
    ) -> None:
        self._origin, self._size = places.mean(axis=0), size
        self._places = (places - self._origin) / size
        scale = max(float(np.abs(values).max(initial=0.0)), least)
        self._trend = (_MEAN * scale, _SLOPE * scale)
        self._length, self._amplitude = _LENGTH, least
        self._noise = np.asarray(sigma, np.float64) ** 2
        if len(places) >= _FEW:
            options = list(itertools.product(_LENGTHS, (least * part for part in _AMPLITUDES)))
            self._length, self._amplitude = max(options, key=lambda o: self._likelihood(values, *o))
        self._factor = self._factored(self._length, self._amplitude)
        self._weights = linalg.cho_solve(self._factor, values)

    def at(self, places: Floats) -> tuple[Floats, Floats]:
        """Return mean (P, d) and variance (P,) at places (P, 2)."""
        where = (places - self._origin) / self._size
        cross = self._covariance(where, self._places, self._length, self._amplitude)
        mean = cross @ self._weights
        half = linalg.solve_triangular(self._factor[0], cross.T, lower=True)
        own = self._amplitude**2 + self._trend[0] ** 2 + self._trend[1] ** 2 * (where**2).sum(1)
        return mean, np.maximum(own - (half**2).sum(axis=0), 0.0)

    def grid(self, shape: tuple[int, int], step: float) -> tuple[Floats, Floats]:
        """Return mean (d, h, w) and variance (h, w) at the centres of cells of pixels.

        Pixels have integer positions from zero, and h by w cells of `step` pixels cover them.
        """
        axes = [step * (np.arange(side) + 0.5) - 0.5 for side in shape]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        mean, variance = self.at(places)
        return mean.T.reshape(-1, *shape), variance.reshape(shape)

    def _covariance(self, a: Floats, b: Floats, length: float, amplitude: float) -> Floats:
        squares = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        smooth = amplitude**2 * np.exp(-squares / (2 * length**2))
        return np.asarray(smooth + self._trend[0] ** 2 + self._trend[1] ** 2 * (a @ b.T))

    def _factored(self, length: float, amplitude: float) -> tuple[Floats, bool]:
        matrix = self._covariance(self._places, self._places, length, amplitude)
        matrix[np.diag_indices_from(matrix)] += self._noise + 1e-9 * amplitude**2
        lower, is_lower = linalg.cho_factor(matrix, lower=True)
        return lower, is_lower

    def _likelihood(self, values: Floats, length: float, amplitude: float) -> float:
        """Return the logarithm of the likelihood of the values, up to a constant."""
        factor = self._factored(length, amplitude)
        explained = (values * linalg.cho_solve(factor, values)).sum()
        return float(-explained / 2 - values.shape[1] * np.log(np.diag(factor[0])).sum())
