"""Factor and exponents of standard deviations, fitted to errors of generated scenes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from napari_latentdyn.core.matching.calibration import Calibration

__all__ = ["calibrated"]

#: Degrees of freedom of Student's t distribution: a few errors are much larger than the others.
_FREEDOM = 3.0
#: Parts of the errors that one and 1.96 standard deviations cover.
_COVERED = ((0.68, 1.0), (0.95, 1.96))

Array = NDArray[np.floating]


def calibrated(terms: Array, errors: Array) -> Calibration:
    """Return the most likely exponents, and the factor that covers the errors.

    Parameters
    ----------
    terms : ndarray, shape (N, F)
        Logarithms of the terms.
    errors : ndarray, shape (N, P)
        Signed errors; their components are independent and equally large.
    """
    columns = np.column_stack([np.ones(len(terms)), terms.astype(np.float64)])
    squares = errors.astype(np.float64) ** 2

    def unlikely(chosen: Array) -> tuple[float, Array]:
        logarithm = columns @ chosen
        ratio = squares * np.exp(-2 * logarithm)[:, None] / _FREEDOM
        loss = logarithm[:, None] + (_FREEDOM + 1) / 2 * np.log1p(ratio)
        slope = 1 - (_FREEDOM + 1) * ratio / (1 + ratio)
        return float(loss.mean()), columns.T @ slope.mean(axis=1) / len(columns)

    bounds = [(None, None)] + [(0.0, None)] * terms.shape[1]
    start = np.zeros(columns.shape[1])
    found = optimize.minimize(unlikely, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    powers = np.round(found[1:], 2)
    scaled = np.abs(errors) * np.exp(-terms @ powers)[:, None]
    # Between the factors that cover 68 and 95 %: heavy tails make the second one larger.
    factors = [np.quantile(scaled, part) / wide for part, wide in _COVERED]
    factor = float(np.sqrt(factors[0] * factors[1]))
    return Calibration(float(f"{factor:.3g}"), tuple(powers.tolist()))
