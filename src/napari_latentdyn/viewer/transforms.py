"""The arguments of a layer as plain numbers, as writers get and readers give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["axis_names", "plain_transform", "world_matrix"]


def axis_names(meta: Mapping[str, Any], ndim: int) -> list[str]:
    """Return names of the axes that can stand in the head of a table."""
    labels = [str(label) for label in meta.get("axis_labels") or ()]
    good = len(labels) == ndim and len(set(labels)) == ndim
    if good and all(label and not label.startswith("-") for label in labels):
        return labels
    return [f"axis-{axis}" for axis in range(ndim)]


def plain_transform(meta: Mapping[str, Any], ndim: int) -> dict[str, Any]:
    """Return the transform of a layer as lists, numbers and strings."""
    return {
        "scale": _vector(meta.get("scale"), np.ones(ndim)).tolist(),
        "translate": _vector(meta.get("translate"), np.zeros(ndim)).tolist(),
        "rotate": _matrix(meta.get("rotate"), ndim).tolist(),
        "shear": _shear(meta.get("shear"), ndim).tolist(),
        "affine": _matrix(meta.get("affine"), ndim + 1).tolist(),
        "units": [str(unit) for unit in meta.get("units") or ("pixel",) * ndim],
        "axis_labels": [str(label) for label in meta.get("axis_labels") or range(-ndim, 0)],
    }


def world_matrix(meta: Mapping[str, Any], ndim: int) -> NDArray[np.float64]:
    """Return the matrix, in homogeneous coordinates, from the data to the world."""
    plain = plain_transform(meta, ndim)
    inner = np.eye(ndim + 1)
    inner[:-1, :-1] = np.asarray(plain["rotate"]) @ np.asarray(plain["shear"])
    inner[:-1, :-1] = inner[:-1, :-1] @ np.diag(plain["scale"])
    inner[:-1, -1] = plain["translate"]
    return np.asarray(np.asarray(plain["affine"]) @ inner)


def _vector(value: Any, default: NDArray[np.float64]) -> NDArray[np.float64]:
    return default if value is None else np.asarray(value, dtype=np.float64)


def _matrix(value: Any, size: int) -> NDArray[np.float64]:
    if value is None:
        return np.eye(size)
    # A transform object of napari, or its matrix.
    return np.asarray(getattr(value, "affine_matrix", value), dtype=np.float64)


def _shear(value: Any, ndim: int) -> NDArray[np.float64]:
    values = _vector(value, np.zeros(ndim * (ndim - 1) // 2))
    if values.ndim == 2:
        return values
    matrix = np.eye(ndim)
    matrix[np.triu_indices(ndim, k=1)] = values
    return matrix
