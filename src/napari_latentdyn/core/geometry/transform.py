"""Transforms of napari layers, of any number of axes, as plain numbers and as matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["plain_transform", "world_matrix"]

Floats = NDArray[np.float64]


def plain_transform(parameters: Mapping[str, Any], ndim: int) -> dict[str, Any]:
    """Return the transform of a napari layer as lists, numbers and strings."""
    given = parameters.get
    return {
        "scale": _array(given("scale"), np.ones(ndim)).tolist(),
        "translate": _array(given("translate"), np.zeros(ndim)).tolist(),
        "rotate": _array(given("rotate"), np.eye(ndim)).tolist(),
        "shear": _shear(given("shear"), ndim).tolist(),
        "affine": _array(given("affine"), np.eye(ndim + 1)).tolist(),
        "units": [str(unit) for unit in given("units") or ("pixel",) * ndim],
        "axis_labels": [str(label) for label in given("axis_labels") or range(-ndim, 0)],
    }


def world_matrix(parameters: Mapping[str, Any], ndim: int) -> Floats:
    """Return the matrix, in homogeneous coordinates, from the data of a layer to the world."""
    plain = plain_transform(parameters, ndim)
    inner = np.eye(ndim + 1)
    inner[:-1, :-1] = np.asarray(plain["rotate"]) @ np.asarray(plain["shear"])
    inner[:-1, :-1] = inner[:-1, :-1] @ np.diag(plain["scale"])
    inner[:-1, -1] = plain["translate"]
    return np.asarray(np.asarray(plain["affine"]) @ inner)


def _array(value: Any, default: Floats) -> Floats:
    # A transform object of napari, or its matrix.
    value = getattr(value, "affine_matrix", value)
    return default if value is None else np.asarray(value, dtype=np.float64)


def _shear(value: Any, ndim: int) -> Floats:
    values = _array(value, np.eye(ndim))
    if values.ndim == 2:
        return values
    matrix = np.eye(ndim)
    matrix[np.triu_indices(ndim, k=1)] = values
    return matrix
