"""Pixels, place and times of the images, to which files of the user are brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.crs import crs_name, metres_of_pixel, pixels_of, same_place
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.pixels import inside
from napari_latentdyn.core.geometry.units import SECONDS
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.times import date_of
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import ImageSettings
from napari_latentdyn.settings.text import shown

__all__ = ["LONGITUDE_LATITUDE", "ImageSpace", "are_degrees", "seems_swapped", "swapped"]

Floats = NDArray[np.float64]

LONGITUDE_LATITUDE = "OGC:CRS84"
#: Latitudes run to 90 degrees, longitudes to 180 or to 360.
_LIMIT = np.array([90.0, 360.0])


@dataclass(frozen=True, eq=False)
class ImageSpace:
    """Where and when K images lie.

    Attributes
    ----------
    shape : (int, int)
        Height and width in pixels.
    times : ndarray of float64, shape (K,)
        Times of the images.
    place : Geometry, optional
        Place on the Earth, with a reference system.
    start : datetime, optional
        Date of the first image, with its time zone.
    seconds : float, optional
        Length of a unit of the times.
    """

    shape: tuple[int, int]
    times: Floats
    place: Geometry | None = None
    start: datetime | None = None
    seconds: float | None = None

    @classmethod
    def of(
        cls,
        observations: Observations,
        settings: ImageSettings | None = None,
        start: datetime | None = None,
        place: Geometry | None = None,
    ) -> ImageSpace:
        """Return the space of observations.

        Parameters
        ----------
        observations : Observations
            The images.
        settings : ImageSettings, optional
            They have the unit of the times.
        start : datetime, optional
            Date of the first image, in UTC unless it has a time zone. Dates in files need it, and
            the unit.
        place : Geometry, optional
            Place on the Earth, such as `ImageFile.coordinates`; by default that in the
            description of the images.
        """
        if place is None and observations.geometry is not None:
            place = observations.geometry
        if place is None or place.crs is None:
            geo = observations.sources[0].get("geo") if observations.sources else None
            place = Geometry.on_map(geo)
        seconds = None
        if settings is not None and settings.interval is not None:
            seconds = settings.interval * SECONDS[settings.interval_unit]
        if start is not None and start.tzinfo is None:
            start = start.replace(tzinfo=UTC)
        return cls(observations.shape, observations.times, place, start, seconds)

    @property
    def count(self) -> int:
        """Number of images K."""
        return len(self.times)

    @cached_property
    def metres(self) -> float:
        """Mean side of a pixel in metres; only of images on the Earth."""
        assert self.place is not None
        return metres_of_pixel(self.place, self.shape)

    def pixels(self, places: Floats, crs: str | None, source: str) -> Floats:
        """Return the pixels (y, x) of places (y, x) in a reference system, (N, 2).

        `crs` is anything that pyproj understands, None for the system of the images; `source` names
        the places in a sentence. Pixels are NaN where the transform has no value.

        Raises
        ------
        ObservationError
            If the images have no reference system, or there is no transform.
        """
        if self.place is None:
            raise ObservationError(
                f"{source} has places on the Earth, and the images have no reference system: use "
                "images that have one, such as GeoTIFF, or give a table (CSV) with places in "
                "pixels."
            )
        found = pixels_of(places, self.place.crs if crs is None else crs, self.place)
        if found is None:
            raise ObservationError(
                f"{source} has places that cannot be brought from the reference system "
                f"{shown(crs)} to the images: give longitude and latitude."
            )
        return found

    def points(self, places: Floats, crs: str | None, source: str) -> Floats:
        """Return the pixels of places as `pixels` does.

        Raises
        ------
        ObservationError
            If they lie in the images only when x and y are swapped, or as `pixels`.
        """
        found = self.pixels(places, crs, source)
        if not inside(found, self.shape).any():
            turned, other = swapped(places, crs)
            if inside(self.pixels(turned, other, source), self.shape).any():
                raise ObservationError(
                    f"{source} must have places in the images; got {len(places)} outside of them: "
                    f"{seems_swapped(other)}."
                )
        return found

    def words(self, times: Sequence[object]) -> Callable[[float], str] | None:
        """Return a function that tells times as dates, None unless entries of a file are dates."""
        start, seconds = self.start, self.seconds
        if start is None or seconds is None or None not in map(_number, times):
            return None

        def date(time: float) -> str:
            since = timedelta(seconds=(time - float(self.times[0])) * seconds)
            return (start + since).isoformat(timespec="minutes").removesuffix("+00:00")

        return date

    def systems(self, crs: str | None) -> str:
        """Return in words the reference systems of places on the Earth and of the images."""
        assert self.place is not None
        own = crs_name(self.place.crs)
        if crs is None:
            return f"the places are read in the reference system of the images, {own}"
        given = "as longitude and latitude"
        if crs != LONGITUDE_LATITUDE:
            given = f"in the reference system {crs_name(crs)}"
        return f"the places are read {given}, and the images have the reference system {own}"

    def check_same_pixels(self, other: ImageSpace) -> None:
        """Check that other images have the pixels of these ones.

        Raises
        ------
        ObservationError
            If their size differs, or their place on the Earth where both are known.
        """
        if self.shape != other.shape:
            (height, width), (h, w) = self.shape, other.shape
            raise ObservationError(
                f"the images must have the size {height} x {width} of those of the run; got {h} x "
                f"{w}."
            )
        here, there = self.place, other.place
        if here is not None and there is not None and not same_place(here, there):
            raise ObservationError(
                "the images must lie at the place of those of the run; got another place or "
                "reference system."
            )

    def moments(self, entries: Sequence[object], source: str) -> Floats:
        """Return times, numbers or dates such as ``2024-03-01T12:00``, in the unit of the images.

        Raises
        ------
        ObservationError
            If an entry is neither, or the dates of the images are not known.
        """
        numbers = [_number(entry) for entry in entries]
        # Digits such as 20240301 are numbers and dates.
        if None not in numbers:
            return np.array(numbers, np.float64)
        dates = [date_of(entry) if isinstance(entry, str) else None for entry in entries]
        if None in dates:
            found = zip(entries, numbers, dates, strict=True)
            wrong = next((e for e, n, d in found if n is None and d is None), entries[0])
            raise ObservationError(
                f"the times in {source} must be all numbers, or all dates such as "
                f"2024-03-01T12:00; got {shown(wrong)}."
            )
        if self.start is None or self.seconds is None:
            raise ObservationError(
                f"the times in {source} are dates, and the dates of the images are not known: give "
                "the images dates, or the times as numbers in the unit of the images."
            )
        begin = float(self.times[0])
        since = [(date - self.start).total_seconds() for date in dates if date is not None]
        return begin + np.array(since) / self.seconds


def are_degrees(places: Floats) -> bool:
    """Return whether places (y, x), (N, 2), can be latitude and longitude."""
    return bool((np.abs(places) <= _LIMIT).all())


def swapped(places: Floats, crs: str | None) -> tuple[Floats, str | None]:
    """Return places with x and y swapped, and the reference system in which they are read then."""
    turned = places[:, ::-1]
    return turned, LONGITUDE_LATITUDE if crs is None and are_degrees(turned) else crs


def seems_swapped(crs: str | None) -> str:
    """Return a hint for places in a reference system that meet the images when they are swapped."""
    axes = "longitude and latitude" if crs == LONGITUDE_LATITUDE else "x and y"
    return f"the order of {axes} seems swapped"


def _number(entry: object) -> float | None:
    if isinstance(entry, bool) or not isinstance(entry, (int, float, str)):
        return None
    try:
        value = float(entry)
    except (ValueError, OverflowError):
        return None
    return value if np.isfinite(value) else None
