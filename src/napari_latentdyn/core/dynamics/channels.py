"""Frames of other images of the scene, such as another channel, with the same motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.observations.images.arrays import plain_array, single_keeps_digits
from napari_latentdyn.core.observations.intensities import bounds, fill
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import DerivedError

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["frames_of"]


def frames_of(
    dynamics: Dynamics,
    images: ArrayLike,
    times: ArrayLike | None = None,
    *,
    should_stop: Callable[[], bool] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Return frames of one other image for each observation, at any times.

    Both images of an interval are carried along the motion of the result and fused, as in
    `Dynamics.frames`. Networks that were trained on the images of the result take no part.

    Parameters
    ----------
    dynamics : Dynamics
        The result.
    images : array_like, shape (K, H, W) or (K, C, H, W)
        Images at the times of the K observations; missing pixels are NaN.
    times, should_stop, on_frame
        As in `Dynamics.frames`.

    Returns
    -------
    ndarray of float32, shape (T, H, W) or (T, C, H, W)
        In the units of the images, within their range.

    Raises
    ------
    DerivedError
        If the images do not have the shape of the observations, or one has no valid pixel.
    SettingsError
        If a time lies outside of the observations.
    OutOfMemoryError
        If a window does not fit into the memory.
    """
    chosen = dynamics.times() if times is None else dynamics.checked_times(times)
    other = _observed(dynamics, images)
    fitted = dynamics.fitted.for_images(other, dynamics.fields, dynamics.settings)
    frames = fitted.render(
        "frames", other, dynamics.fields, chosen, dynamics.settings, should_stop, on_frame
    )
    return frames if other.multichannel else frames[:, 0]


def _observed(dynamics: Dynamics, images: ArrayLike) -> Observations:
    plain = plain_array(images, "stack of images")
    values: NDArray[Any] = plain.values
    known, shape = dynamics.observation_times, dynamics.shape
    right = values.ndim in (3, 4) and values.shape[-2:] == shape and len(values) == len(known)
    if not right or not values.size:
        raise DerivedError(
            f"other images must be one for each of {len(known)} observations, with the shape "
            f"{(len(known), *shape)} or with channels after the first axis; got {values.shape}."
        )
    if values.dtype.kind not in "biuf":
        raise DerivedError(f"images must hold real numbers; got values of type {values.dtype}.")
    stack = values.astype(np.float64)
    stack[~np.isfinite(stack)] = np.nan
    if plain.masked is not None:
        stack[plain.masked] = np.nan
    stack = stack if stack.ndim == 4 else stack[:, None]
    valid: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(stack), axis=1)
    for number, seen in enumerate(valid):
        if not seen.any():
            raise DerivedError(
                f"every image must have valid pixels; image {number} has only missing ones."
            )
    if single_keeps_digits(stack):
        stack = stack.astype(np.float32)
    low, high = bounds(list(stack), list(valid), "pair")
    filled = [fill(image, seen) for image, seen in zip(stack, valid, strict=True)]
    return Observations(known, np.stack(filled), valid, low, high, values.ndim == 4)
