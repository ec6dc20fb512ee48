"""Tracks from files: tables (CSV) and GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.overlap import check_outside, that_meet
from napari_latentdyn.core.knowledge.tracks import SIGMA, Tracks
from napari_latentdyn.core.observations.known.geojson import SUFFIXES, Feature, read_geojson
from napari_latentdyn.core.observations.known.places import SIGMAS, places_of
from napari_latentdyn.core.observations.known.space import ImageSpace
from napari_latentdyn.core.observations.known.tables import Table
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import named
from napari_latentdyn.settings.text import shorten, shown

__all__ = ["read_tracks"]

Floats = NDArray[np.float64]

#: Columns and properties that tell buoys apart; `id` beside them may be that of a row.
_BUOYS = ("buoy", "buoy_id", "buoyid", "drifter", "drifter_id", "station")
_PROPERTIES = (*_BUOYS, "track", "track_id", "id", "name")
_TIME = ("time", "t", "date", "datetime", "timestamp")
_POINTS = ("Point", "MultiPoint", "LineString")
#: Intervals before and after two images, up to which numbers can be fractions of the interval.
_BEYOND = 1.0


def read_tracks(source: str, space: ImageSpace) -> tuple[Tracks, int]:
    """Read tracks of points, such as buoys.

    Parameters
    ----------
    source : str
        A table (CSV) with a row for each position: the name or number of the track (``id``,
        ``track``, ``buoy``, ...), its time (``t``, ``time``, ``date``, ...), a number in the unit
        of the images or a date, and its place: ``y`` and ``x`` in pixels, ``lat`` and ``lon``, or
        ``northing`` and ``easting`` in the reference system of the images. A column ``sigma``
        is the standard deviation of each coordinate, in pixels, of places on the Earth in
        metres. Or GeoJSON: points with the properties ``id`` and ``time``, or lines with a list
        ``times`` or ``coordTimes``.
    space : ImageSpace
        Place and times of the images.

    Returns
    -------
    tracks : Tracks
        Those that are in the images at some time between the first and the last one.
    left_out : int
        Number of the other ones.

    Raises
    ------
    ObservationError
        If the file cannot be read, or has no track of two positions; `OutsideError` if no
        track meets the images.
    """
    if Path(source).suffix.lower() in SUFFIXES:
        return _of_geojson(source, space)
    table = Table.read(source)
    where = named(table.path)
    name = table.first_of(_BUOYS) or table.track or table.first_of(("name",))
    time = table.time
    if name is None or (time is None and table.frame is None):
        raise ObservationError(
            f"{where} must have the columns id, time and the place of tracks; got "
            f"{shown(list(table.columns))}."
        )
    entries: Sequence[object] = []
    if time is not None:
        entries = table.columns[time]
        times = space.moments(entries, where)
    else:
        assert table.frame is not None
        times = space.times[table.indices(table.frame, space.count)]
    places, sigma, hint = places_of(table, space)
    rows = _Rows(table.columns[name], times, places, sigma)
    return rows.tracks(space, where, hint, entries)


def _of_geojson(source: str, space: ImageSpace) -> tuple[Tracks, int]:
    data = read_geojson(source)
    where = named(data.path)
    other = next((f.kind for f in data.features if f.kind not in _POINTS), None)
    if other is not None:
        raise ObservationError(
            f"{where} must have points, or lines with times, as tracks; got a {other}."
        )
    pixels = space.points(np.concatenate([f.parts[0] for f in data.features]), data.crs, where)
    names: list[str] = []
    times: list[object] = []
    sigma: list[Floats] = []
    for number, feature in enumerate(data.features):
        told = {str(name).lower(): value for name, value in feature.properties.items()}
        moments = _moments(feature, told, where)
        name = next((told[n] for n in _PROPERTIES if n in told), None)
        if name is None and feature.kind == "Point":
            raise ObservationError(f"the points in {where} must have the property id of a track.")
        count = len(feature.parts[0])
        names += [f"line {number}" if name is None else str(name)] * count
        times += moments
        sigma.append(_spread(told, count, space, where))
    rows = _Rows(names, space.moments(times, where), pixels, np.concatenate(sigma))
    return rows.tracks(space, where, space.systems(data.crs), times)


def _moments(feature: Feature, told: Mapping[str, Any], where: str) -> list[object]:
    count = len(feature.parts[0])
    if feature.kind == "Point":
        wanted = "time"
        found: Any = [next((told[name] for name in _TIME if name in told), None)]
    else:
        wanted = f"times with a time of each of {count} places"
        inner = told.get("coordinateproperties")
        told = {**(inner if isinstance(inner, dict) else {}), **told}
        found = next((told[name] for name in ("times", "coordtimes") if name in told), None)
    if not isinstance(found, list) or len(found) != count or None in found:
        raise ObservationError(
            f"each {feature.kind} in {where} must have the property {wanted}; got {shown(found)}."
        )
    return found


def _spread(told: Mapping[str, Any], count: int, space: ImageSpace, where: str) -> Floats:
    given = next((told[name] for name in SIGMAS if name in told), None)
    if given is None:
        return np.full(count, SIGMA)
    try:
        return np.broadcast_to(np.asarray(given, np.float64), (count,)) / space.metres
    except (TypeError, ValueError):
        raise ObservationError(
            f"sigma in {where} must be a number of metres for each place; got {shown(given)}."
        ) from None


class _Rows(NamedTuple):
    """Positions of a file: names (N), times (N,), places (N, 2) and uncertainties, (N,) or ()."""

    names: Sequence[str]
    times: Floats
    places: Floats
    sigma: Floats

    def tracks(
        self, space: ImageSpace, where: str, hint: str | None, entries: Sequence[object]
    ) -> tuple[Tracks, int]:
        """Return the tracks that meet the images, and the number of the other ones.

        `where` is the name of the file, `hint` a reason for places outside of the images, and
        `entries` are the times in the file.
        """
        words = space.words(entries)
        low, high = float(self.times.min()), float(self.times.max())
        if space.count == 2 and words is None and (low < -_BEYOND or high > 1 + _BEYOND):
            raise ObservationError(
                f"the times in {where} must be fractions of the interval, 0 to 1; got "
                f"{low:g} to {high:g}: divide them by the interval, or give dates."
            )
        number, spread = _numbers(self.names), np.broadcast_to(self.sigma, len(self.times))
        chosen = that_meet(number, self.times, self.places, space.times, space.shape)
        found = Tracks.from_rows(
            number[chosen],
            self.times[chosen],
            self.places[chosen],
            spread[chosen],
            name=np.array([shorten(name) for name in self.names])[chosen],
        )
        check_outside(found, space.times, space.shape, f"the tracks in {where}", hint, words)
        return found, len(np.unique(number)) - len(found)


def _numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """Return whole numbers for the names of tracks: their own, or those of their order."""
    try:
        own = np.array(names, np.float64)
        if np.array_equal(own, np.rint(own)) and (np.abs(own) < 2.0**53).all():
            return own.astype(np.int64)
    except ValueError:
        pass
    _, first, which = np.unique(np.array(names), return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[which].astype(np.int64)
