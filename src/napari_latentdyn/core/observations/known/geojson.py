"""GeoJSON files: their features, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.known.space import (
    LONGITUDE_LATITUDE,
    are_degrees,
    swapped,
)
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import input_file, named, why
from napari_latentdyn.settings.text import read_json, shown

__all__ = ["SUFFIXES", "Feature", "GeoJson", "read_geojson"]

Floats = NDArray[np.float64]

SUFFIXES = (".geojson", ".json")
#: Depth of the lists of coordinates above a single position.
_DEPTHS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


@dataclass(frozen=True)
class Feature:
    """A geometry of one type and its properties.

    Attributes
    ----------
    kind : str
        Type, such as "Polygon"; a geometry of several parts is one feature.
    parts : list of ndarray of float64, shape (N, 2)
        Positions (y, x) of each point list, in the order of the file.
    shells : list of int
        Number of the polygon to which each part belongs.
    properties : mapping
        Properties of the feature, with `id` of the feature among them if it has one.
    """

    kind: str
    parts: list[Floats]
    shells: list[int]
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class GeoJson:
    """All features of a file, and the reference system of their positions.

    `crs` is None where the positions are in the system of the images.
    """

    path: Path
    features: list[Feature]
    crs: str | None

    def swapped(self) -> GeoJson:
        """Return the features with x and y swapped."""
        features = [
            replace(one, parts=[part[:, ::-1] for part in one.parts]) for one in self.features
        ]
        every = np.concatenate([part for one in self.features for part in one.parts])
        return GeoJson(self.path, features, swapped(every, self.crs)[1])


def read_geojson(source: str) -> GeoJson:
    """Read a GeoJSON file.

    Positions are longitude and latitude, as the standard has them. A member ``crs`` of earlier
    versions names another reference system; without it, numbers beyond 360 and 90 are coordinates
    in the reference system of the images.

    Raises
    ------
    ObservationError
        If the file is not GeoJSON, or has no feature.
    """
    path = input_file(source, ObservationError)
    try:
        data = read_json(path)
    except OSError as error:
        raise ObservationError(f"cannot read {named(path)}: {why(error)}.") from None
    except ValueError:
        raise ObservationError(f"{named(path)} is not a JSON file; give GeoJSON.") from None
    features = [feature for feature in _features(path, data, {}) if feature.parts]
    if not features:
        raise ObservationError(f"{named(path)} must have a feature; got none.")
    return GeoJson(path, features, _crs(path, data, features))


def _crs(path: Path, data: Any, features: list[Feature]) -> str | None:
    told = data.get("crs")
    if told is not None:
        try:
            name = told["properties"]["name"]
        except (TypeError, KeyError):
            name = None
        if not isinstance(name, str):
            raise ObservationError(
                f"crs in {named(path)} must have the name of a reference system, such as "
                f"EPSG:3413; got {shown(told)}."
            )
        return name
    every = np.concatenate([part for feature in features for part in feature.parts])
    return LONGITUDE_LATITUDE if are_degrees(every) else None


def _features(path: Path, data: Any, properties: Mapping[str, Any]) -> Iterator[Feature]:
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "FeatureCollection":
        for one in _listed(path, data, "features"):
            yield from _features(path, one, properties)
    elif kind == "Feature":
        own = data.get("properties") or {}
        if not isinstance(own, dict):
            raise ObservationError(
                f"the properties of a feature in {named(path)} must be a mapping; got {shown(own)}."
            )
        if "id" in data:
            own = {"id": data["id"], **own}
        if data.get("geometry") is not None:
            yield from _features(path, data["geometry"], own)
    elif kind == "GeometryCollection":
        for one in _listed(path, data, "geometries"):
            yield from _features(path, one, properties)
    elif isinstance(kind, str) and kind in _DEPTHS:
        parts, shells = _parts(path, data.get("coordinates"), _DEPTHS[kind])
        yield Feature(kind, parts, shells, properties)
    else:
        raise ObservationError(
            f"{named(path)} must have the type FeatureCollection of GeoJSON; got {shown(kind)}."
        )


def _listed(path: Path, data: Mapping[str, Any], name: str) -> list[Any]:
    found = data.get(name)
    if not isinstance(found, list):
        raise ObservationError(f"{name} in {named(path)} must be a list; got {shown(found)}.")
    return found


def _parts(path: Path, coordinates: Any, depth: int) -> tuple[list[Floats], list[int]]:
    if depth < 2:
        return [_positions(path, [coordinates] if depth == 0 else coordinates)], [0]
    if not isinstance(coordinates, list):
        _positions(path, coordinates)
    parts: list[Floats] = []
    shells: list[int] = []
    for number, inner in enumerate(coordinates):
        found, _ = _parts(path, inner, depth - 1)
        parts += found
        shells += [number if depth == 3 else 0] * len(found)
    return parts, shells


def _positions(path: Path, coordinates: Any) -> Floats:
    """Return positions (y, x), of which a file has x first, and perhaps a height last."""
    try:
        places = np.array([[one[1], one[0]] for one in coordinates], np.float64).reshape(-1, 2)
        if not np.isfinite(places).all() or not len(places):
            raise ValueError
    except (TypeError, ValueError, LookupError, OverflowError):
        raise ObservationError(
            f"the coordinates in {named(path)} must be lists of two numbers; got "
            f"{shown(coordinates)}."
        ) from None
    return places
