"""Values of images before they become observations: axes, missing pixels, range, precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.core.observations.images.arrays import PlainArray, mask_of_bands, plain_array
from napari_latentdyn.errors import ObservationError

__all__ = [
    "bounds",
    "channel_values",
    "channels_first",
    "check_range",
    "fill",
    "own_mask",
    "valid_pixels",
]

_PERCENTILES = (0.5, 99.5)


def channels_first(
    array: NDArray[Any], channel_axis: int | None, channel: int | None, name: str
) -> NDArray[np.float64]:
    """Return an image as (C, H, W) in double precision, of one channel if it is chosen."""
    if array.dtype.kind not in "buif":
        kind = "complex values" if array.dtype.kind == "c" else f"values of type {array.dtype}"
        raise ObservationError(
            f"the {name} image must hold integers or real numbers; got {kind}: convert the image "
            "first."
        )
    expected = 2 if channel_axis is None else 3
    if array.ndim != expected:
        raise ObservationError(
            f"the {name} image has {array.ndim} dimensions where {expected} are expected: choose "
            "one frame of a stack."
        )
    if channel_axis is None:
        array = array[None]
    elif channel_axis not in range(-3, 3):
        raise ObservationError(
            f"there is no axis {channel_axis!r} of channels: an image has the axes 0, 1 and 2."
        )
    else:
        array = np.moveaxis(array, channel_axis, 0)
        if channel is not None:
            if channel >= array.shape[0]:
                raise ObservationError(
                    f"the {name} image has no channel {channel}: its channels are 0 to "
                    f"{array.shape[0] - 1}."
                )
            array = array[channel : channel + 1]
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float64)


def own_mask(
    image: PlainArray, channel_axis: int | None, channel: int | None
) -> NDArray[np.bool_] | None:
    """Return where an array marks pixels of the chosen channels as missing."""
    masked = image.masked
    if masked is None:
        return None
    if channel_axis is not None and channel is not None:
        return np.asarray(np.take(masked, channel, axis=channel_axis))
    return mask_of_bands(masked, channel_axis, real=image.values.dtype.kind == "f")


def channel_values(
    images: Sequence[NDArray[np.floating[Any]]], valid: Sequence[NDArray[np.bool_]]
) -> Iterator[NDArray[np.floating[Any]]]:
    """Yield the valid values of all images, channel by channel."""
    for c in range(len(images[0])):
        yield np.concatenate([image[c][seen] for image, seen in zip(images, valid, strict=True)])


def valid_pixels(
    image: NDArray[np.floating[Any]],
    missing_value: float | None,
    mask: ArrayLike | None,
    name: str,
    own: NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    """Return where all channels have a value, shape (H, W)."""
    present = np.isfinite(image)
    if missing_value is not None:
        # Values of single precision are compared as they were written.
        with np.errstate(over="ignore"):
            single = np.float64(np.float32(missing_value))
        present &= (image != missing_value) & (image != single)
    valid: NDArray[np.bool_] = np.logical_and.reduce(present, axis=0)
    if own is not None:
        valid &= ~own
    if mask is not None:
        masked = plain_array(mask, f"mask of the {name} image").values
        if masked.shape != valid.shape or masked.dtype.kind not in "buif":
            raise ObservationError(
                f"the mask of the {name} image must be boolean, of the shape {valid.shape}; got "
                f"{masked.dtype} of shape {masked.shape}."
            )
        valid &= ~masked.astype(bool)
    return valid


def bounds(
    images: Sequence[NDArray[np.floating[Any]]],
    valid: Sequence[NDArray[np.bool_]],
    normalisation: str,
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Return the intensities of each channel that are mapped to 0 and 1."""
    channels, dtype = len(images[0]), images[0].dtype
    low, high = np.empty(channels), np.empty(channels)
    for c, chosen in enumerate(channel_values(images, valid)):
        values = chosen.astype(np.float64)
        low[c], high[c] = values.min(), values.max()
        if normalisation == "percentile":
            robust = np.percentile(values, _PERCENTILES)
            # Tracers on a dark ground: almost all pixels can have one value.
            if robust[1] - robust[0] > 1e-3 * (high[c] - low[c]):
                low[c], high[c] = robust
        if dtype.type(high[c]) <= dtype.type(low[c]):
            high[c] = low[c] + max(1.0, abs(low[c]))
    return low.astype(dtype), high.astype(dtype)


def check_range(values: NDArray[np.float64], name: str) -> None:
    """Refuse intensities that single precision, in which frames are written, cannot hold."""
    single = np.finfo(np.float32)
    least, most, largest = float(single.tiny), float(single.max), float(np.abs(values).max())
    if largest > most or 0 < largest < least:
        raise ObservationError(
            f"the largest size of the intensities of the {name} image must lie between "
            f"{least:.1e} and {most:.1e}; got {largest:.1e}: multiply both images by a number "
            "first, or give the value of missing pixels."
        )


def fill(image: NDArray[np.floating[Any]], valid: NDArray[np.bool_]) -> NDArray[np.floating[Any]]:
    """Return an image with the nearest valid value where pixels are missing."""
    if valid.all():
        return image
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return np.ascontiguousarray(image[:, nearest[0], nearest[1]])
