"""Images, labels and points that lie on an observation, carried to other times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.core.dynamics.sources import source_places
from napari_latentdyn.core.dynamics.trajectories import checked_points, inside
from napari_latentdyn.core.knowledge.regions import nearest_free
from napari_latentdyn.core.observations.images.arrays import plain_array, single_keeps_digits
from napari_latentdyn.core.observations.intensities import fill
from napari_latentdyn.errors import DerivedError, Stopped

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.motion import Motion

__all__ = ["Kind", "carry", "check_finite", "check_some_inside", "kind_of"]

Kind = Literal["labels", "image", "points"]
Floats = NDArray[np.float64]

#: Largest coordinate in pixels.
_FARTHEST = 1e9


def carry(
    motion: Motion,
    what: ArrayLike,
    times: Floats,
    start_time: Floats | None,
    kind: Kind | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> NDArray[Any]:
    """Carry an image, labels or points; parameters and errors are those of `Motion.carry`.

    `times` (T,) and `start_time` (1,), or (P,) for points, have been checked.
    """
    plain = plain_array(what, "array to carry")
    values: NDArray[Any] = plain.values
    chosen = kind_of(values, motion.shape) if kind is None else kind
    if chosen not in get_args(Kind):
        raise DerivedError(f"kind must be labels, image or points; got {kind!r}.")
    starts = motion.observation_times[:1] if start_time is None else start_time
    if chosen == "points":
        points = checked_points(values)
        check_some_inside(points, motion.shape, "points")
        return np.ascontiguousarray(motion.trajectories(points, times, starts).swapaxes(0, 1))
    if len(starts) > 1:
        raise DerivedError(f"an image or labels must have one start time; got {len(starts)}.")
    begin = float(starts[0])
    every = np.arange(len(times))
    parts: list[tuple[float, NDArray[np.intp], _Reader]]
    if chosen == "labels":
        _check_labels(values, plain.masked, motion, start_time)
        parts, shape, dtype = [(begin, every, _Labels(values))], motion.shape, values.dtype
        if values.ndim == 3:
            known = motion.observation_times
            nearest = np.abs(times[:, None] - known).argmin(axis=1)
            parts = [
                (float(known[k]), np.flatnonzero(nearest == k), _Labels(values[k]))
                for k in np.unique(nearest)
            ]
    else:
        image = _checked_image(values, plain.masked, motion.shape)
        parts, shape, dtype = [(begin, every, _Image(image))], image.shape, image.dtype
    result = np.empty((len(times), *shape), dtype)
    blocked = motion.regions.blocked
    # A region of one image alone moves.
    always = None if blocked is None else np.asarray(blocked.all(axis=0))
    done = 0
    for start, indices, read in parts:
        found = source_places(motion, times[indices], start)
        for index, places in zip(indices, found, strict=True):
            if should_stop is not None and should_stop():
                raise Stopped
            result[index] = read(_beside_blocked(places, always))
            done += 1
            if on_frame is not None:
                on_frame(done, len(times))
    return result


def kind_of(values: NDArray[Any], shape: tuple[int, int]) -> Kind:
    """Return how an array on a grid of a shape (H, W) is carried, by its own shape and type.

    Raises
    ------
    DerivedError
        If the shape is neither that of an image nor of points.
    """
    if values.shape[-2:] == shape:
        return "labels" if values.dtype.kind in "biu" else "image"
    if values.ndim == 2 and values.shape[1] == 2:
        return "points"
    raise DerivedError(
        f"the array to carry must have the shape of the images, {shape} after leading axes, or "
        f"(P, 2) for points; got {values.shape}."
    )


def check_some_inside(points: Floats, shape: tuple[int, int], name: str) -> None:
    """Refuse points (P, 2) that are not finite, or of which none lies in the image."""
    check_finite(points, name)
    if not inside(points, shape).any():
        raise DerivedError(
            f"{name} must lie in the image of {shape[0]} x {shape[1]} pixels; got (y, x) from "
            f"{_pair(points.min(axis=0))} to {_pair(points.max(axis=0))}."
        )


def check_finite(points: Floats, name: str) -> None:
    """Refuse no points at all, and points (P, 2) that are not finite or beyond any image."""
    if not len(points):
        raise DerivedError(f"{name} must be one or more; got none.")
    if not (np.abs(points) < _FARTHEST).all():
        raise DerivedError(
            f"{name} must be finite numbers; got NaN, infinity or more than {_FARTHEST:g}."
        )


def _beside_blocked(places: Floats, blocked: NDArray[np.bool_] | None) -> Floats:
    """Return places (2, H, W) that stay in blocked pixels, (H, W), and do not lead into others."""
    if blocked is None or not blocked.any() or blocked.all():
        return places
    rows, columns, _ = _nearest(places, blocked.shape)
    nearest = nearest_free(blocked)[:, rows, columns]
    places = np.where(blocked[rows, columns], nearest, places)
    return np.where(blocked, np.indices(blocked.shape), places)


class _Reader(Protocol):
    """Reads a plane at places (2, H, W) in pixels."""

    def __call__(self, places: Floats) -> NDArray[Any]: ...


class _Labels:
    """Reads labels (H, W) at the nearest pixel; 0 outside of the image."""

    def __init__(self, labels: NDArray[Any]) -> None:
        self._labels = labels

    def __call__(self, places: Floats) -> NDArray[Any]:
        rows, columns, within = _nearest(places, self._labels.shape)
        return np.where(within, self._labels[rows, columns], self._labels.dtype.type(0))


class _Image:
    """Reads an image (..., H, W) with cubic B-splines, limited to the four pixels around.

    NaN outside of the image, and where the nearest pixel is NaN.
    """

    def __init__(self, image: NDArray[np.floating[Any]]) -> None:
        self._image = image
        channels = image.reshape(-1, *image.shape[-2:])
        self._known = np.isfinite(channels)
        self._channels = [
            fill(channel[None], seen)[0] if seen.any() else np.zeros_like(channel)
            for channel, seen in zip(channels, self._known, strict=True)
        ]
        self._splines = [
            ndimage.spline_filter(channel.astype(np.float64), 3, mode="mirror")
            for channel in self._channels
        ]

    def __call__(self, places: Floats) -> NDArray[Any]:
        size = self._image.shape[-2:]
        rows, columns, within = _nearest(places, size)
        limit = np.array(size, np.float64)[:, None, None] - 1
        at = np.clip(places, 0.0, limit)
        top, left = np.floor(at).astype(np.intp)
        bottom, right = np.minimum(top + 1, size[0] - 1), np.minimum(left + 1, size[1] - 1)
        found = []
        for channel, spline, known in zip(self._channels, self._splines, self._known, strict=True):
            read = ndimage.map_coordinates(spline, at, order=3, mode="mirror", prefilter=False)
            corners = [channel[y, x] for y in (top, bottom) for x in (left, right)]
            read = np.clip(read, np.minimum.reduce(corners), np.maximum.reduce(corners))
            read[~(within & known[rows, columns])] = np.nan
            found.append(read)
        return np.stack(found).reshape(self._image.shape)


def _nearest(
    places: Floats, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return row and column of the nearest pixels, and which places lie in the image."""
    within = inside(np.moveaxis(places, 0, -1), shape)
    rows, columns = np.rint(places).astype(np.intp)
    return np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1), within


def _check_labels(
    labels: NDArray[Any], masked: NDArray[np.bool_] | None, motion: Motion, start: Floats | None
) -> None:
    count = len(motion.observation_times)
    if labels.shape not in (motion.shape, (count, *motion.shape)):
        raise DerivedError(
            f"labels must have the shape of the images, {motion.shape}, or of {count} of them, "
            f"one for each observation; got {labels.shape}."
        )
    if labels.ndim == 3 and start is not None:
        raise DerivedError(
            "labels of all observations have their times; leave the start time out, or give the "
            "labels of one observation."
        )
    whole = labels.dtype.kind in "biu"
    if labels.dtype.kind == "f":
        whole = bool(np.isfinite(labels).all() and (labels == np.rint(labels)).all())
    if not whole or masked is not None:
        problem = "masked pixels" if masked is not None else _fraction(labels)
        raise DerivedError(f"labels must be whole numbers; got {problem}: carry them as an image.")


def _fraction(labels: NDArray[Any]) -> str:
    if labels.dtype.kind != "f":
        return f"values of type {labels.dtype}"
    wrong = labels[labels != np.rint(labels)]
    # NaN differs from itself; infinity does not.
    return f"{wrong.flat[0]:g}" if wrong.size else "infinity"


def _checked_image(
    values: NDArray[Any], masked: NDArray[np.bool_] | None, shape: tuple[int, int]
) -> NDArray[np.floating[Any]]:
    """Return an image (H, W) or (C, H, W) of real numbers with NaN for missing pixels."""
    if values.dtype.kind not in "biuf":
        raise DerivedError(f"an image must hold real numbers; got values of type {values.dtype}.")
    if values.ndim not in (2, 3) or values.shape[-2:] != shape or not values.size:
        raise DerivedError(
            f"an image must have the shape {shape}, or (C, {shape[0]}, {shape[1]}) for C channels; "
            f"got {values.shape}."
        )
    image = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    if masked is not None:
        image[masked] = np.nan
    if not np.isfinite(image).any():
        raise DerivedError("an image must have valid pixels; got only NaN, infinity or a mask.")
    return image.astype(np.float32) if single_keeps_digits(image) else image


def _pair(point: Floats) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in point) + ")"
