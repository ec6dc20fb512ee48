"""Checks of images, their times, and the arrays of observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings.text import shown

__all__ = [
    "MIN_SIDE",
    "check_change",
    "check_observations",
    "check_shapes",
    "checked_times",
    "names_of",
]

MIN_SIDE = 16


def names_of(count: int) -> list[str]:
    """Return names of images for messages."""
    if count < 2:
        raise ObservationError(f"at least two images are needed; got {count}.")
    return ["first", *(_ordinal(k) for k in range(2, count)), "last"]


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}th" if number % 100 in (11, 12, 13) else f"{number}{ending}"


def checked_times(times: ArrayLike | None, count: int) -> NDArray[np.float64]:
    """Return the times of K images, (K,); by default 0, 1, 2 ..."""
    if times is None:
        return np.arange(count, dtype=np.float64)
    wanted = f"the times of {count} images must be {count} increasing numbers; got"
    try:
        given = np.asarray(times)
        when = given.astype(np.float64)
    except (TypeError, ValueError):
        raise ObservationError(f"{wanted} {shown(times)}.") from None
    if given.dtype.kind in "mM":
        raise ObservationError(
            f"{wanted} dates or durations: divide the time since the first image by its unit."
        )
    if when.shape != (count,) or not np.isfinite(when).all() or not (np.diff(when) > 0).all():
        raise ObservationError(f"{wanted} {shown(when.tolist())}.")
    return when


def check_shapes(images: Sequence[NDArray[np.floating[Any]]], names: Sequence[str]) -> None:
    """Refuse images (C, H, W) of different or too small shapes."""
    first = images[0]
    sizes = [f"{image.shape[1]} x {image.shape[2]}" for image in images]
    for image, name, size in zip(images[1:], names[1:], sizes[1:], strict=True):
        if size != sizes[0]:
            raise ObservationError(
                f"the first image has {sizes[0]} pixels and the {name} {size}: crop "
                "or resample them to the same grid first."
            )
        if first.shape[0] != image.shape[0]:
            raise ObservationError(
                f"the first image has {first.shape[0]} channel(s) and the {name} {image.shape[0]}: "
                "choose one channel under Images, or convert one of the images."
            )
    if min(first.shape[1:]) < MIN_SIDE:
        raise ObservationError(
            f"the images have {sizes[0]} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed."
        )


def check_change(
    images: Sequence[NDArray[np.floating[Any]]], valid: Sequence[NDArray[np.bool_]]
) -> None:
    """Refuse images that are all the same."""
    first, seen = images[0], valid[0]
    for image, mask in zip(images[1:], valid[1:], strict=True):
        both = seen & mask
        if not np.array_equal(seen, mask) or not np.array_equal(first[:, both], image[:, both]):
            return
    few = "both" if len(images) == 2 else "all"
    constant = all(np.ptp(channel[seen]) == 0 for channel in first)
    raise ObservationError(
        f"{few} images are constant: they show no motion."
        if constant
        else f"{few} images are the same: choose two images of different times."
    )


def check_mask(name: str, mask: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuse a mask of observations that is not boolean or of another shape."""
    if mask.shape != shape:
        raise ObservationError(f"{name} must have the shape {shape}; got {mask.shape}.")
    if mask.dtype != bool:
        raise ObservationError(f"{name} must be boolean; got {mask.dtype}.")


def check_observations(
    images: NDArray[np.floating[Any]],
    valid: NDArray[np.bool_],
    low: NDArray[np.floating[Any]],
    high: NDArray[np.floating[Any]],
    brightness: NDArray[np.float32] | None,
    sources: int,
) -> None:
    """Refuse arrays that are not those of `Observations`; `sources` is their number."""
    if images.ndim != 4 or len(images) < 2:
        raise ObservationError(
            f"images must have the shape (K, C, H, W), K >= 2; got {images.shape}."
        )
    count, channels, *plane = images.shape
    floats = {"images": images, "low": low, "high": high}
    wanted: dict[str, tuple[Any, tuple[int, ...]]] = {
        "low": (low, (channels,)),
        "high": (high, (channels,)),
    }
    if brightness is not None:
        floats["brightness"] = brightness
        wanted["brightness"] = (brightness, (count, channels, 2))
    for name, (array, shape) in wanted.items():
        if array.shape != shape:
            raise ObservationError(f"{name} must have the shape {shape}; got {array.shape}.")
    check_mask("valid", valid, (count, *plane))
    for name, array in floats.items():
        if array.dtype.kind != "f":
            raise ObservationError(f"{name} must be of a real type; got {array.dtype}.")
        if not np.isfinite(array).all():
            raise ObservationError(f"{name} must be finite; got values that are not finite.")
    if not (low < high).all():
        raise ObservationError(
            "low must be less than high in each channel; got no range of intensities."
        )
    if brightness is not None and not brightness[..., 0].all():
        raise ObservationError("a change of brightness must have a gain; got the factor 0.")
    if sources not in (0, count):
        raise ObservationError(f"{count} images must have {count} sources or none; got {sources}.")
