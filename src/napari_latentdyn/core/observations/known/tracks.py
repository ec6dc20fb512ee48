"""Tracks and landmarks from files: tables (CSV) and GeoJSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.overlap import that_meet
from napari_latentdyn.core.knowledge.tracks import SIGMA, Tracks
from napari_latentdyn.core.observations.known.geojson import SUFFIXES, Feature, read_geojson
from napari_latentdyn.core.observations.known.landmark_names import (
    in_one_order,
    landmark_names,
    or_numbers,
)
from napari_latentdyn.core.observations.known.space import (
    LONGITUDE_LATITUDE,
    ImageSpace,
    are_degrees,
    seems_swapped,
)
from napari_latentdyn.core.observations.known.tables import Table
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import named
from napari_latentdyn.settings.text import shorten, shown

__all__ = ["read_landmarks", "read_tracks"]

Floats = NDArray[np.float64]

#: Columns and properties that tell buoys apart; `id` beside them may be that of a row.
_BUOYS = ("buoy", "buoy_id", "buoyid", "drifter", "drifter_id", "station")
_SIGMA = ("sigma", "uncertainty", "error", "std")
_PROPERTIES = (*_BUOYS, "track", "track_id", "id", "name")
_TIME = ("time", "t", "date", "datetime", "timestamp")
_POINTS = ("Point", "MultiPoint", "LineString")
#: Columns of places on the Earth: north and east, and their reference system.
_ON_EARTH = (
    (("lat", "latitude"), ("lon", "lng", "long", "longitude"), LONGITUDE_LATITUDE),
    (("northing",), ("easting",), None),
)
#: Intervals before and after two images, up to which numbers can be fractions of the interval.
_BEYOND = 1.0
_MARKED = re.compile(r"([yx])(\d{1,4})")


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
    places, sigma, hint = _places(table, space)
    rows = _Rows(table.columns[name], times, places, sigma)
    return rows.tracks(space, where, hint, entries)


def read_landmarks(sources: Sequence[str], space: ImageSpace) -> Tracks:
    """Read points that were marked in several images.

    Parameters
    ----------
    sources : sequence of str
        One table (CSV): either a row for each point, with the columns ``y0``, ``x0``, ``y1``,
        ``x1``, where the number is the index of the image, and an empty cell says that the point
        was not marked; or a row for each mark, as napari saves points of a stack, with the same
        points in the same order in each image. Or one table of points for each image. A column
        ``landmark``, ``name`` or ``id`` has their names.
    space : ImageSpace
        Place and times of the images.

    Raises
    ------
    ObservationError
        If a file cannot be read, or the images have different numbers of points.
    """
    if len(sources) == 1:
        table = Table.read(sources[0])
        return _of_columns(table, space) if "y0" in table.columns else _of_marks(table, space)
    if len(sources) != space.count:
        raise ObservationError(
            f"landmarks must be one table, or one for each of {space.count} images; got "
            f"{len(sources)}."
        )
    tables = [Table.read(source) for source in sources]
    parts = [_marks(table, space) for table in tables]
    names = [named(table.path) for table in tables]
    return _of_images(range(space.count), parts, space, names)


def _of_columns(table: Table, space: ImageSpace) -> Tracks:
    where = named(table.path)
    found = [match for name in table.columns if (match := _MARKED.fullmatch(name))]
    images = sorted({int(match[2]) for match in found})
    for image in images:
        if image >= space.count or not {f"y{image}", f"x{image}"} <= set(table.columns):
            raise ObservationError(
                f"{where} must have the columns y and x with the index of an image, 0 to "
                f"{space.count - 1}; got {shown([match[0] for match in found])}."
            )
    every = [
        np.column_stack([table.numbers(f"{axis}{image}", blank=True) for axis in "yx"])
        for image in images
    ]
    place = np.stack(every)
    marked = np.isfinite(place).all(axis=-1)
    if (np.isfinite(place).any(axis=-1) != marked).any() or (marked.sum(axis=0) < 2).any():
        raise ObservationError(
            f"each row of {where} must have y and x in two images or more; got empty cells."
        )
    which, number = np.nonzero(marked)
    sigma = np.broadcast_to(_sigma(table), len(table))
    times = space.times[images][which]
    called = or_numbers(landmark_names(table))[number]
    return Tracks.from_rows(number, times, place[marked], sigma[number], name=called, marked=True)


def _of_marks(table: Table, space: ImageSpace) -> Tracks:
    where = named(table.path)
    if table.frame is None:
        raise ObservationError(
            f"{where} must have the columns y0, x0, y1 and x1 of landmarks, or the index of the "
            f"image of each point, as napari saves points of a stack; got "
            f"{shown(list(table.columns))}."
        )
    index = table.indices(table.frame, space.count)
    every = _marks(table, space)
    images = np.unique(index).tolist()
    parts = [tuple(column[index == image] for column in every) for image in images]
    return _of_images(images, parts, space, [f"image {image} of {where}" for image in images])


def _marks(table: Table, space: ImageSpace) -> tuple[NDArray[Any], ...]:
    """Return places, uncertainties and names of the rows of a table."""
    places, sigma, _ = _places(table, space)
    return places, np.broadcast_to(sigma, len(table)), landmark_names(table)


def _of_images(
    images: Sequence[int],
    parts: Sequence[tuple[NDArray[Any], ...]],
    space: ImageSpace,
    names: Sequence[str],
) -> Tracks:
    """Return tracks of the points of several images, which are in the same order in each.

    Each part has places, uncertainties and names, which go before the order.
    """
    count = len(parts[0][0])
    for (places, *_), name in zip(parts, names, strict=True):
        if len(places) != count:
            raise ObservationError(
                f"landmarks must have the same points in each image; got {count} in {names[0]} and "
                f"{len(places)} in {name}."
            )
        if not np.isfinite(places).all():
            raise ObservationError(
                f"{name} has places without a value in the reference system of the images: leave "
                "them out."
            )
    parts = in_one_order(parts)
    return Tracks.from_rows(
        np.tile(np.arange(count), len(parts)),
        np.repeat(space.times[list(images)], count),
        np.concatenate([places for places, *_ in parts]),
        np.concatenate([sigma for _, sigma, _ in parts]),
        name=np.tile(or_numbers(parts[0][2]), len(parts)),
        marked=True,
    )


def _places(table: Table, space: ImageSpace) -> tuple[Floats, Floats, str | None]:
    """Return places (y, x) in pixels, (N, 2), their standard deviation, (N,) or (), and a hint.

    The hint tells why places on the Earth may lie outside of the images.
    """
    sigma = _sigma(table)
    for norths, easts, crs in _ON_EARTH:
        north, east = table.first_of(norths), table.first_of(easts)
        if north is None or east is None:
            continue
        if space.place is None and {"y", "x"} <= set(table.columns):
            break
        places = np.column_stack([table.numbers(north), table.numbers(east)])
        _check_degrees(places, crs, named(table.path))
        found = space.points(places, crs, named(table.path))
        spread = sigma / space.metres if table.first_of(_SIGMA) else sigma
        return found, spread, space.systems(crs)
    return table.pixels(), sigma, None


def _check_degrees(places: Floats, crs: str | None, where: str) -> None:
    if crs is not None and not are_degrees(places):
        hint = "name coordinates of a map northing and easting"
        raise ObservationError(
            f"latitude and longitude in {where} must be degrees, at most 90 and 360; got "
            f"{np.abs(places[:, 0]).max():g} and {np.abs(places[:, 1]).max():g}: "
            f"{seems_swapped(crs) if are_degrees(places[:, ::-1]) else hint}."
        )


def _sigma(table: Table) -> Floats:
    name = table.first_of(_SIGMA)
    return np.array(SIGMA) if name is None else table.numbers(name)


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
    given = next((told[name] for name in _SIGMA if name in told), None)
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
        name = f"the tracks in {where}"
        found.fits(space.times, space.shape, name, hint, words)
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
