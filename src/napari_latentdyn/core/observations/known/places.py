"""Places and uncertainties of the points of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.tracks import SIGMA
from napari_latentdyn.core.observations.known.space import (
    LONGITUDE_LATITUDE,
    ImageSpace,
    are_degrees,
    seems_swapped,
)
from napari_latentdyn.core.observations.known.tables import Table
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import named

__all__ = ["SIGMAS", "places_of", "sigma_of"]

Floats = NDArray[np.float64]

#: Columns and properties of an uncertainty.
SIGMAS = ("sigma", "uncertainty", "error", "std")
#: Columns of places on the Earth: north and east, and their reference system.
_ON_EARTH = (
    (("lat", "latitude"), ("lon", "lng", "long", "longitude"), LONGITUDE_LATITUDE),
    (("northing",), ("easting",), None),
)


def places_of(table: Table, space: ImageSpace) -> tuple[Floats, Floats, str | None]:
    """Return places (y, x) in pixels, (N, 2), their standard deviation, (N,) or (), and a hint.

    The hint tells why places on the Earth may lie outside of the images.
    """
    sigma = sigma_of(table)
    for norths, easts, crs in _ON_EARTH:
        north, east = table.first_of(norths), table.first_of(easts)
        if north is None or east is None:
            continue
        if space.place is None and {"y", "x"} <= set(table.columns):
            break
        places = np.column_stack([table.numbers(north), table.numbers(east)])
        _check_degrees(places, crs, named(table.path))
        found = space.points(places, crs, named(table.path))
        spread = sigma / space.metres if table.first_of(SIGMAS) else sigma
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


def sigma_of(table: Table) -> Floats:
    """Return the standard deviation of the places in a table, (N,) or ()."""
    name = table.first_of(SIGMAS)
    return np.array(SIGMA) if name is None else table.numbers(name)
