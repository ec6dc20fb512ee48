"""Where an image lies in the world: the part of a layer's transform that its plane has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["Placement"]

Pair = tuple[float, float]
Matrix = tuple[tuple[float, ...], ...]
IDENTITY2: Matrix = ((1.0, 0.0), (0.0, 1.0))
IDENTITY3: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Placement:
    """The (Y, X) part of a layer's transform, in plain numbers.

    A pixel at p = (y, x) lies in the world at
    ``affine @ (rotate @ shear @ diag(scale) @ p + translate)``, as in napari.

    Attributes
    ----------
    scale, translate : tuple of float
        Per axis, in `units`.
    rotate, shear : tuple of tuple of float
        2x2 matrices; the shear is triangular.
    affine : tuple of tuple of float
        3x3 matrix in homogeneous coordinates.
    units, axis_labels : tuple of str
        Per axis.
    """

    scale: Pair = (1.0, 1.0)
    translate: Pair = (0.0, 0.0)
    rotate: Matrix = IDENTITY2
    shear: Matrix = IDENTITY2
    affine: Matrix = IDENTITY3
    units: tuple[str, str] = ("pixel", "pixel")
    axis_labels: tuple[str, str] = ("y", "x")

    @classmethod
    def from_layer(cls, layer: Layer, index: Sequence[int] = ()) -> Self:
        """Return the placement of the plane of a layer.

        Parameters
        ----------
        layer : napari.layers.Layer
            A layer of two or more dimensions.
        index : sequence of int
            Which plane: the position along each axis but the last two. It
            matters only where the transform mixes these axes with the plane.
        """
        ndim = layer.ndim
        axis_labels = tuple(
            # napari's own names of axes without one are their negative numbers.
            default if label.startswith("-") else label
            for label, default in zip(layer.axis_labels[-2:], "yx", strict=True)
        )
        units = tuple(str(unit) for unit in layer.units[-2:])
        rotate = np.asarray(layer.rotate, dtype=np.float64)
        shear = _shear_matrix(layer.shear, ndim)
        affine = np.asarray(layer.affine.affine_matrix, dtype=np.float64)
        common = {"units": units, "axis_labels": axis_labels}
        if not any(_mixes(matrix, ndim) for matrix in (rotate, shear, affine[:-1, :-1])):
            rows = [ndim - 2, ndim - 1, ndim]
            return cls.from_dict(
                {
                    "scale": layer.scale[-2:],
                    "translate": layer.translate[-2:],
                    "rotate": rotate[-2:, -2:],
                    "shear": shear[-2:, -2:],
                    "affine": affine[np.ix_(rows, rows)],
                    **common,
                }
            )
        inner = np.eye(ndim + 1)
        inner[:-1, :-1] = rotate @ shear @ np.diag(layer.scale)
        inner[:-1, -1] = layer.translate
        whole = affine @ inner
        plane = np.eye(3)
        plane[:2, :2] = whole[-3:-1, -3:-1]
        plane[:2, 2] = whole[-3:-1, :-3] @ np.asarray(index, dtype=np.float64) + whole[-3:-1, -1]
        if abs(np.linalg.det(plane)) < 1e-9 * max(1.0, float(np.abs(plane[:2, :2]).max()) ** 2):
            # The plane stands upright on the view; napari refuses such a layer.
            return cls.from_dict({"scale": layer.scale[-2:], **common})
        return cls.from_dict({"affine": plane, **common})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Self:
        """Build a placement from what `to_dict` returned; what is missing keeps its default."""
        data = data or {}
        values: dict[str, Any] = {
            name: tuple(float(value) for value in data[name])
            for name in ("scale", "translate")
            if data.get(name) is not None
        }
        for name in ("rotate", "shear", "affine"):
            if data.get(name) is not None:
                values[name] = tuple(tuple(float(value) for value in row) for row in data[name])
        for name in ("units", "axis_labels"):
            if data.get(name) is not None:
                values[name] = tuple(str(value) for value in data[name])
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the placement as JSON-able lists, numbers and strings."""
        return {
            "scale": list(self.scale),
            "translate": list(self.translate),
            "rotate": [list(row) for row in self.rotate],
            "shear": [list(row) for row in self.shear],
            "affine": [list(row) for row in self.affine],
            "units": list(self.units),
            "axis_labels": list(self.axis_labels),
        }

    def matrix(self) -> NDArray[np.float64]:
        """Return the 3x3 matrix from a pixel (y, x, 1) to its place in `units`."""
        inner = np.eye(3)
        inner[:2, :2] = np.asarray(self.rotate) @ np.asarray(self.shear) @ np.diag(self.scale)
        inner[:2, 2] = self.translate
        matrix: NDArray[np.float64] = np.asarray(self.affine, dtype=np.float64) @ inner
        return matrix

    @property
    def pixel_size(self) -> Pair:
        """Distance between neighbouring pixels down and to the right, in `units`."""
        height, width = np.linalg.norm(self.matrix()[:2, :2], axis=0)
        return float(height), float(width)

    def layer_kwargs(
        self,
        *,
        scale: Sequence[float] = (),
        translate: Sequence[float] = (),
        units: Sequence[str] = (),
        axis_labels: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the arguments of a napari layer with more axes before (Y, X).

        Parameters
        ----------
        scale, translate, units, axis_labels : sequence
            Of the axes in front, all of the same length; none for a 2-D layer.
        """
        front = len(scale)
        ndim = front + 2
        # A leading axis must not take the name of one of the plane's own axes.
        labels = [f"{n}_" if n in self.axis_labels else n for n in axis_labels]
        return {
            "scale": (*map(float, scale), *self.scale),
            "translate": (*map(float, translate), *self.translate),
            "rotate": _embedded(self.rotate, ndim),
            "shear": _embedded(self.shear, ndim),
            "affine": _embedded(self.affine, ndim + 1),
            "units": (*units, *self.units),
            "axis_labels": (*labels, *self.axis_labels),
        }


def _embedded(matrix: Matrix, size: int) -> NDArray[np.float64]:
    whole = np.eye(size)
    inner = len(matrix)
    whole[size - inner :, size - inner :] = matrix
    return whole


def _shear_matrix(shear: Any, ndim: int) -> NDArray[np.float64]:
    values = np.asarray(shear, dtype=np.float64)
    if values.ndim == 2:
        return values
    matrix = np.eye(ndim)
    matrix[np.triu_indices(ndim, k=1)] = values
    return matrix


def _mixes(matrix: NDArray[np.float64], ndim: int) -> bool:
    front = ndim - 2
    off = np.concatenate([matrix[:front, front:].ravel(), matrix[front:, :front].ravel()])
    return bool(np.any(np.abs(off) > 1e-12))
