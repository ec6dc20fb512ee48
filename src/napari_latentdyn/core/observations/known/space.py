"""Pixels, place and times of the images, to which files of the user are brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.crs import metres_of_pixel, pixels_of
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import SECONDS
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.times import date_of
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import ImageSettings
from napari_latentdyn.settings.text import shown

__all__ = ["LONGITUDE_LATITUDE", "ImageSpace"]

Floats = NDArray[np.float64]

LONGITUDE_LATITUDE = "OGC:CRS84"


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
                "images that have one, such as GeoTIFF, or give places in pixels."
            )
        found = pixels_of(places, self.place.crs if crs is None else crs, self.place)
        if found is None:
            raise ObservationError(
                f"{source} has places that cannot be brought from the reference system "
                f"{shown(crs)} to the images: give longitude and latitude."
            )
        return found

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


def _number(entry: object) -> float | None:
    if isinstance(entry, bool) or not isinstance(entry, (int, float, str)):
        return None
    try:
        value = float(entry)
    except (ValueError, OverflowError):
        return None
    return value if np.isfinite(value) else None
