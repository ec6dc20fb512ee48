"""Regions from files: images, shapes of napari, and GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.crs import pixels_in, same_place
from napari_latentdyn.core.observations.images import ImageFile, parse_source
from napari_latentdyn.core.observations.images.series import read_series
from napari_latentdyn.core.observations.known.geojson import SUFFIXES, GeoJson, read_geojson
from napari_latentdyn.core.observations.known.outlines import (
    draw_lines,
    draw_polygons,
    draw_shape,
)
from napari_latentdyn.core.observations.known.space import ImageSpace, seems_swapped
from napari_latentdyn.core.observations.known.tables import read_marks
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import named
from napari_latentdyn.settings.text import shown

__all__ = ["OUTLINES", "check_size", "read_region", "why_empty"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

_SHAPES = ".csv"
#: Ends of the names of files that have outlines.
OUTLINES = (_SHAPES, *SUFFIXES)
#: Number of parts of all edges together of an outline that is brought to another system.
_PARTS = 2048
_LINES = ("LineString", "MultiLineString")
#: Files of shapes that no library here reads.
_OTHER = {".shp", ".gpkg", ".kml", ".kmz", ".gml", ".zip"}


def read_region(
    sources: Sequence[str], space: ImageSpace, *, spreads: bool = True, labels: bool = False
) -> NDArray[Any]:
    """Read a mask for all images, (1, H, W), or one for each, (K, H, W).

    Parameters
    ----------
    sources : sequence of str
        One file, or one for each image in their order. A file is

        - an image: inside, it is not zero, not missing and not transparent; a stack has one plane
          for each image. An image on the Earth with another place than the images is resampled to
          the nearest pixel;
        - a table (CSV) of shapes as napari saves them: rectangles, ellipses and polygons have the
          pixels whose centres they contain, lines and paths all pixels that they touch. The
          first of three axes is the index of the image;
        - GeoJSON: polygons and lines.
    space : ImageSpace
        Place and times of the images.
    spreads : bool
        Whether a region that is drawn on a single image of a stack holds for all images.
    labels : bool
        Whether to return whole numbers: the labels of an image, and a number for each shape or
        feature.

    Raises
    ------
    ObservationError, ImageFileError
        If a file cannot be read, or does not fit the images.
    """
    if len(sources) == 1:
        found = _planes(sources[0], space, labels)
        drawn = np.flatnonzero(found.any(axis=(1, 2)))
        return found[drawn] if spreads and len(drawn) == 1 else found
    if len(sources) != space.count:
        raise ObservationError(
            f"a region must be one file, or one for each of {space.count} images; got "
            f"{len(sources)}."
        )
    planes = [_planes(source, space, labels) for source in sources]
    for source, found in zip(sources, planes, strict=True):
        if len(found) != 1:
            raise ObservationError(
                f"{named(source)} must hold one mask, because other images have files of their "
                f"own; got {len(found)}."
            )
    return np.concatenate(planes)


def check_size(name: str, shape: Sequence[int], images: Sequence[int]) -> None:
    """Raise ObservationError if the mask of a file has not the shape (H, W) of the images."""
    if tuple(shape) != tuple(images):
        size, found = (" x ".join(map(str, one)) for one in (images, shape))
        raise ObservationError(
            f"{name} must have the size of the images, {size}; got {found}: draw the mask on one "
            "of the images, or resample it."
        )


def why_empty(source: str, space: ImageSpace) -> str:
    """Return the likely reason why a file has no pixel of the images inside, and the remedy."""
    if Path(source).suffix.lower() not in SUFFIXES:
        return "draw it, or leave it out"
    data = read_geojson(source)
    return _if_swapped(data, space) or space.systems(data.crs)


def _planes(source: str, space: ImageSpace, labels: bool) -> NDArray[Any]:
    suffix = Path(source).suffix.lower()
    if suffix == _SHAPES:
        return _of_shapes(source, space, labels)
    if suffix in SUFFIXES:
        return _of_geojson(read_geojson(source), space, labels)
    if suffix in _OTHER:
        raise ObservationError(
            f"{named(source)} has a format that is not read; save it as GeoJSON, for example with "
            "QGIS or ogr2ogr."
        )
    images = read_series([source]).images
    if len(images) not in (1, space.count):
        raise ObservationError(
            f"{named(source)} must hold one mask, or one for each of {space.count} images; got "
            f"{len(images)}: {named(parse_source(source).path)}:0 takes the first."
        )
    return np.stack([_of_image(image, space, labels) for image in images])


def _of_image(image: ImageFile, space: ImageSpace, labels: bool) -> NDArray[Any]:
    values = image.array
    inside = values != 0
    if values.dtype.kind in "fc":
        inside &= ~np.isnan(values)
    if image.channel_axis is not None:
        inside = inside.any(axis=image.channel_axis)
    if image.missing is not None:
        inside &= ~image.missing
    if labels:
        inside = _labels(image, inside)
    here = image.coordinates
    if here is not None and here.crs is not None and space.place is not None:
        if inside.shape == space.shape and same_place(space.place, here):
            return np.asarray(inside)
        rows, columns = np.indices(space.shape).reshape(2, -1)
        places = pixels_in(space.place, here, np.column_stack([rows, columns]))
        if places is not None:
            nearest = np.rint(places)
            within = np.all((nearest >= 0) & (nearest < inside.shape), axis=1)
            y, x = np.where(within[:, None], nearest, 0).astype(np.intp).T
            return np.where(within, inside[y, x], 0).astype(inside.dtype).reshape(space.shape)
    check_size(image.name, inside.shape, space.shape)
    return np.asarray(inside)


def _labels(image: ImageFile, inside: Mask) -> NDArray[np.int32]:
    values = image.array
    if values.ndim != 2 or (values[inside] != np.rint(values[inside].real)).any():
        raise ObservationError(
            f"{image.name} must hold labels, whole numbers in one channel; got {values.dtype} of "
            f"the shape {values.shape}."
        )
    if np.abs(values[inside].astype(np.float64)).max(initial=0) > np.iinfo(np.int32).max:
        raise ObservationError(f"the labels in {image.name} must be less than 2147483648.")
    return np.where(inside, values.real, 0).astype(np.int32)


def _of_shapes(source: str, space: ImageSpace, labels: bool) -> NDArray[Any]:
    marks = read_marks(source, "shapes", space.times)
    count = 1 if marks.times is None else space.count
    found = np.zeros((count, *space.shape), np.int32 if labels else bool)
    for label, number in enumerate(np.unique(marks.groups), 1):
        rows = np.flatnonzero(marks.groups == number)
        image, name = 0, f"shape {number:g} in {named(source)}"
        if marks.times is not None:
            known = np.flatnonzero(space.times == marks.times[rows[0]])
            if not len(known) or (marks.times[rows] != marks.times[rows[0]]).any():
                raise ObservationError(
                    f"{name} must lie on one image, at one of their times; got "
                    f"{shown(marks.times[rows].tolist())}."
                )
            image = int(known[0])
        kind = marks.types[rows[0]].lower()
        found[image][draw_shape(kind, marks.places[rows], space.shape, name=name)] = label
    return found


def _of_geojson(data: GeoJson, space: ImageSpace, labels: bool) -> NDArray[Any]:
    where = named(data.path)
    found = _drawn(data, space, labels)
    if found is None:
        hint = _if_swapped(data, space) or "clip them to the area of the images"
        raise ObservationError(
            f"{where} has outlines with vertices that have no place in the reference system of "
            f"the images: {hint}."
        )
    return found[None]


def _if_swapped(data: GeoJson, space: ImageSpace) -> str:
    """Return a hint if outlines meet the images when x and y are swapped, else ``""``."""
    turned = data.swapped()
    found = _drawn(turned, space, labels=False)
    return seems_swapped(turned.crs) if found is not None and found.any() else ""


def _drawn(data: GeoJson, space: ImageSpace, labels: bool) -> NDArray[Any] | None:
    """Return the pixels of outlines, (H, W); None if the images have no place of a vertex."""
    where = named(data.path)
    found = np.zeros(space.shape, np.int32 if labels else bool)
    for label, feature in enumerate(data.features, 1):
        is_line = feature.kind in _LINES
        if not is_line and not feature.kind.endswith("Polygon"):
            raise ObservationError(
                f"{where} must have polygons or lines as a region; got a {feature.kind}: give "
                "points as tracks or landmarks."
            )
        rings, least = [], 2 if is_line else 3
        for part in feature.parts:
            if len(part) < least:
                raise ObservationError(
                    f"a {feature.kind} in {where} must have {least} vertices or more; got "
                    f"{len(part)}."
                )
            ring = space.pixels(_finer(part) if data.crs else part, data.crs, where)
            if not np.isfinite(ring).all():
                return None
            rings.append(ring)
        if is_line:
            found[draw_lines(rings, space.shape)] = label
        else:
            numbered = list(zip(rings, feature.shells, strict=True))
            shells = [[r for r, s in numbered if s == shell] for shell in {*feature.shells}]
            found[draw_polygons(shells, space.shape)] = label
    return found


def _finer(places: Floats) -> Floats:
    """Return an outline with more vertices: an edge that is straight in one system bends in others.

    Long outlines have short edges, and stay as they are.
    """
    parts = max(1, _PARTS // len(places))
    step = np.arange((len(places) - 1) * parts + 1) / parts
    return np.column_stack([np.interp(step, np.arange(len(places)), p) for p in places.T])
