"""Landmarks out of tables: points that were marked in the images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.known.places import places_of, sigma_of
from napari_latentdyn.core.observations.known.space import ImageSpace
from napari_latentdyn.core.observations.known.tables import Table
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.files.paths import named
from napari_latentdyn.settings.text import shorten, shown

__all__ = ["read_landmarks"]

Floats = NDArray[np.float64]
Part = tuple[NDArray[Any], ...]
_NAMES = ("landmark", "name", "id")
_MARKED = re.compile(r"([yx])(\d{1,4})")


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
    sigma = np.broadcast_to(sigma_of(table), len(table))
    times = space.times[images][which]
    called = _or_numbers(_names(table))[number]
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
    places, sigma, _ = places_of(table, space)
    return places, np.broadcast_to(sigma, len(table)), _names(table)


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
    parts = _in_one_order(parts)
    return Tracks.from_rows(
        np.tile(np.arange(count), len(parts)),
        np.repeat(space.times[list(images)], count),
        np.concatenate([places for places, *_ in parts]),
        np.concatenate([sigma for _, sigma, _ in parts]),
        name=np.tile(_or_numbers(parts[0][2]), len(parts)),
        marked=True,
    )


def _names(table: Table) -> NDArray[np.str_]:
    """Return the name in each row of a table, (N,); ``""`` where it has none."""
    column = table.first_of(_NAMES)
    if column is None:
        return np.full(len(table), "")
    return np.array([shorten(name) for name in table.columns[column]])


def _or_numbers(names: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return names with the number of the landmark, from 0, where there is none."""
    return np.where(names == "", np.arange(len(names)).astype(str), names)


def _in_one_order(parts: Sequence[Part]) -> Sequence[Part]:
    """Return the rows of each image in the order of the first one, if they have the same names.

    The columns of a part, each of one length, end with the names. Names that occur twice in an
    image, or not in all, may be those of rows: then the rows stay in their order.
    """
    every = [np.unique(part[-1], return_index=True, return_inverse=True) for part in parts]
    names, _, back = every[0]
    if any(len(u) != len(part[-1]) for (u, *_), part in zip(every, parts, strict=True)) or any(
        not np.array_equal(names, others) for others, *_ in every
    ):
        return parts
    return [
        tuple(column[rows[back]] for column in part)
        for (_, rows, _), part in zip(every, parts, strict=True)
    ]
