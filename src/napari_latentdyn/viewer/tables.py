"""Vectors layers as CSV tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.transform import world_matrix

__all__ = ["axis_names", "column_names", "read_vector_table", "write_vector_table"]


def axis_names(meta: Mapping[str, Any], ndim: int) -> list[str]:
    """Return unique names of the axes for the header of a table."""
    labels = [str(label) for label in meta.get("axis_labels") or ()]
    good = len(labels) == ndim and len(set(labels)) == ndim
    if good and all(label and not label.startswith("-") for label in labels):
        return labels
    return [f"axis-{axis}" for axis in range(ndim)]


def column_names(meta: Mapping[str, Any], ndim: int) -> tuple[list[str], list[str]]:
    """Return the column names of the start and of the projection."""
    names = axis_names(meta, ndim)
    return names, [f"d{name}" for name in names]


def write_vector_table(path: Path, data: NDArray[Any], meta: Mapping[str, Any]) -> None:
    """Write vectors as CSV.

    Each row has the start and projection of a vector in pixels (``t, y, x, dt, dy, dx``), features
    such as ``speed``, and start and projection in world units (``world_t``, ...). The data is
    (N, 2, D).
    """
    ndim = data.shape[-1]
    start, projection = column_names(meta, ndim)
    matrix = world_matrix(meta, ndim)
    vectors = data.astype(np.float64)
    placed = vectors[:, 0] @ matrix[:-1, :-1].T + matrix[:-1, -1]
    turned = vectors[:, 1] @ matrix[:-1, :-1].T
    columns: dict[str, Sequence[Any]] = {}
    for names, values in ((start, data[:, 0]), (projection, data[:, 1])):
        columns |= {name: _texts(values[:, axis]) for axis, name in enumerate(names)}
    features: Any = meta.get("features")
    for name in () if features is None else features:
        label = str(name) if str(name) not in columns else f"feature_{name}"
        columns[label] = _texts(np.asarray(features[name]))
    for names, values in ((start, placed), (projection, turned)):
        columns |= {f"world_{name}": _texts(values[:, axis]) for axis, name in enumerate(names)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read_vector_table(
    path: Path, start: Sequence[str], projection: Sequence[str], features: Sequence[str]
) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Read vectors, (N, 2, D), and the given features from a table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        table = list(zip(*rows, strict=True))
    columns = dict(zip(header, table or [()] * len(header), strict=True))
    data = np.stack(
        [
            np.stack([np.asarray(columns[name], dtype=np.float32) for name in names], axis=-1)
            for names in (start, projection)
        ],
        axis=1,
    )
    return data, {name: _numbers(columns[name]) for name in features}


def _texts(values: NDArray[Any]) -> list[str]:
    # The shortest text that gives the same number when it is read.
    texts: list[str] = values.astype(str).tolist()
    return texts


def _numbers(texts: Sequence[str]) -> NDArray[Any]:
    for kind in (np.int64, np.float64):
        try:
            return np.asarray(texts, dtype=str).astype(kind)
        except ValueError:
            continue
    return np.asarray(texts, dtype=str)
