"""Known positions out of layers: tracks, and landmarks that are marked on two images or more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.overlap import check_outside, that_meet
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.viewer.context import mark_of

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.layers import Tracks as TracksLayer

    from napari_latentdyn.viewer.knowledge.grid import ImageGrid

__all__ = ["NAMES", "SIGMAS", "End", "landmarks_of", "tracks_of"]

Floats = NDArray[np.float64]
#: Image in which all points of a layer lie; None if the layer has an axis of time.
End = Literal["first", "last"] | None

#: Features with the uncertainty of a position in pixels, and with the name of a landmark.
SIGMAS = ("sigma", "uncertainty")
NAMES = ("landmark", "pair", "name", "id")


class _Marks(NamedTuple):
    """Points of a layer: times (N,), places (N, 2), uncertainties (N,), and names, if any."""

    times: Floats
    places: Floats
    sigma: Floats
    names: list[str] | None


def tracks_of(layer: TracksLayer, grid: ImageGrid, sigma: float) -> tuple[Tracks, int]:
    """Return the tracks of a layer that meet the images, and the number of the other ones.

    Parameters
    ----------
    layer : napari.layers.Tracks
        Track, time, y and x of each position.
    grid : ImageGrid
        Pixels and times of the images.
    sigma : float
        Uncertainty in pixels, unless the layer has a feature `SIGMAS`.

    Raises
    ------
    ObservationError
        If the layer has no axis of time, or as `Tracks.from_rows` and `check_outside`.
    """
    positions = np.asarray(layer.data, np.float64)
    moments = grid.moment(layer, positions[:, 1:])
    if moments is None:
        raise ObservationError(
            f"the layer “{layer.name}” must have tracks in time, y and x; got no axis of time."
        )
    numbers, places = positions[:, 0].astype(np.int64), grid.pixels(layer, positions[:, 1:])
    chosen = that_meet(numbers, moments, places, grid.times, grid.shape)
    known = mark_of(layer).get("names", {})
    names = np.array([known.get(number, str(number)) for number in numbers.tolist()], np.str_)
    found = Tracks.from_rows(
        numbers[chosen],
        moments[chosen],
        places[chosen],
        _sigma(layer, sigma)[chosen],
        name=names[chosen],
    )
    check_outside(found, grid.times, grid.shape, f"the tracks of the layer “{layer.name}”")
    return found, len(np.unique(numbers)) - len(found)


def landmarks_of(layers: Sequence[tuple[Points, End]], grid: ImageGrid, sigma: float) -> Tracks:
    """Return landmarks, each of which is a track.

    Points of one landmark have the same value of a feature `NAMES`, or the same place in the order
    of the points of their image. A layer with an axis of time has landmarks of its own; layers of
    the first and of the last image have theirs together.

    Raises
    ------
    ObservationError
        If a landmark is not marked on two images.
    """
    found: list[Tracks] = []
    ends: dict[str, list[_Marks]] = {"first": [], "last": []}
    for layer, end in layers:
        if not len(layer.data):
            raise ObservationError(
                f"the layer “{layer.name}” must have points; got none: add points, or remove it "
                "from the list."
            )
        moments = grid.moment(layer, layer.data) if end is None else None
        places, spread = grid.pixels(layer, layer.data), _sigma(layer, sigma)
        if end is not None:
            when = float(grid.times[0 if end == "first" else -1])
            moments = np.full(len(places), when)
            ends[end].append(_Marks(moments, places, spread, _names(layer)))
        elif moments is None:
            raise ObservationError(
                f"the layer “{layer.name}” must have an axis of time; got points of a plane: "
                "choose the image that they lie on as their role."
            )
        else:
            marks = _Marks(moments, places, spread, _names(layer))
            _check_counts(marks, f"the layer “{layer.name}”", grid)
            found.append(_paired(marks))
    first, last = (_together(ends[end]) for end in ("first", "last"))
    if first is not None or last is not None:
        counts = [0 if marks is None else len(marks.times) for marks in (first, last)]
        if first is None or last is None or counts[0] != counts[1]:
            raise ObservationError(
                f"landmarks must be marked on both images; got {counts[0]} points on the first "
                f"and {counts[1]} on the last image: mark the same points in the same order."
            )
        both = _together([first, last])
        assert both is not None
        found.append(_paired(both))
    return reduce(Tracks.joined, found)


def _check_counts(marks: _Marks, what: str, grid: ImageGrid) -> None:
    """Refuse points in order that are not as many on each image."""
    if marks.names is not None:
        return
    when, counts = np.unique(marks.times, return_counts=True)
    images = [f"image {k + 1}" if k >= 0 else "a frame between" for k in grid.image_at(when)]
    if len(when) < 2:
        raise ObservationError(
            f"{what} must have points on two images or more; got points on {images[0]} alone: mark "
            "the same points on another image, in the same order."
        )
    if len(set(counts.tolist())) > 1:
        told = [f"{n} on {name}" for n, name in zip(counts.tolist(), images, strict=True)]
        raise ObservationError(
            f"{what} must have as many points on each image; got {', '.join(told[:-1])} and "
            f"{told[-1]}: mark the same points in the same order, or name them in a feature "
            f"{NAMES[0]}."
        )


def _paired(marks: _Marks) -> Tracks:
    """Return the landmarks of points by name, or by their order at each time."""
    numbers = np.zeros(len(marks.times), np.int64)
    if marks.names is not None:
        known = {name: number for number, name in enumerate(dict.fromkeys(marks.names))}
        numbers[:] = [known[name] for name in marks.names]
        once = [name for name in known if marks.names.count(name) < 2]
        if once:
            raise ObservationError(
                "a landmark must be marked on two images; got one point of the landmark "
                f"“{once[0]}”: mark it on another image, or delete it."
            )
    else:
        for when in np.unique(marks.times):
            own = marks.times == when
            numbers[own] = np.arange(own.sum())
    return Tracks.from_rows(
        numbers, marks.times, marks.places, marks.sigma, name=marks.names, marked=True
    )


def _together(marks: Sequence[_Marks]) -> _Marks | None:
    if not marks:
        return None
    named = all(one.names is not None for one in marks)
    names = [name for one in marks for name in one.names or ()] if named else None
    times, places, sigma = (
        np.concatenate([getattr(one, part) for one in marks])
        for part in ("times", "places", "sigma")
    )
    return _Marks(times, places, sigma, names)


def _column(layer: Any, names: Sequence[str]) -> Any:
    """Return a feature of a layer by its name in any case, None if there is none."""
    known = {str(column).lower(): column for column in layer.features.columns}
    name = next((known[name] for name in names if name in known), None)
    return None if name is None else layer.features[name]


def _names(layer: Points) -> list[str] | None:
    column = _column(layer, NAMES)
    # New points have the value of an earlier point, or none.
    if column is None or column.isna().any():
        return None
    return [str(value) for value in column]


def _sigma(layer: Any, default: float) -> Floats:
    column = _column(layer, SIGMAS)
    if column is None:
        return np.full(len(layer.data), default)
    try:
        values = np.asarray(column, np.float64)
    except (TypeError, ValueError):
        raise ObservationError(
            f"the uncertainties of the layer “{layer.name}” must be numbers in pixels; got text."
        ) from None
    return np.where(np.isfinite(values), values, default)
