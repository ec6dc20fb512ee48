"""The learned dynamics, as one of the methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from benchmarks.accuracy.fields import total_displacement
from benchmarks.accuracy.outcome import Image, Outcome
from numpy.typing import NDArray

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.generators import drain

__all__ = ["learned"]


def learned(first: Image, last: Image, times: Sequence[float], settings: Any) -> Outcome:
    """Fit the model to two images and draw its frames.

    Parameters
    ----------
    first, last : ndarray of float32, shape (H, W)
        The images.
    times : sequence of float
        Fractions of the interval.
    settings : Settings
        All settings of the fit.
    """
    observations = Observations.from_arrays(first, last, settings=settings.images)
    dynamics = drain(fit(observations, settings))
    frames = _grey(dynamics.frames(times))
    went = total_displacement(dynamics.fields, dynamics.settings.physics)
    return Outcome(frames, went, _grey(dynamics.confidence(times)))


def _grey(frames: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return frames without an axis of channels."""
    frames = np.asarray(frames, dtype=np.float32)
    return frames[:, 0] if frames.ndim == 4 else frames
