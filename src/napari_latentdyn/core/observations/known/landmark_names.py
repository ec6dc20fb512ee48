"""Names of landmarks in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.known.tables import Table
from napari_latentdyn.settings.text import shorten

__all__ = ["in_one_order", "landmark_names", "or_numbers"]

Part = tuple[NDArray[Any], ...]

_NAMES = ("landmark", "name", "id")


def landmark_names(table: Table) -> NDArray[np.str_]:
    """Return the name in each row of a table, (N,); ``""`` where it has none."""
    column = table.first_of(_NAMES)
    if column is None:
        return np.full(len(table), "")
    return np.array([shorten(name) for name in table.columns[column]])


def or_numbers(names: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return names with the number of the landmark, from 0, where there is none."""
    return np.where(names == "", np.arange(len(names)).astype(str), names)


def in_one_order(parts: Sequence[Part]) -> Sequence[Part]:
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
