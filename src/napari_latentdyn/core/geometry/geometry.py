"""Place of the pixels of an image: affine, units, names of the axes and reference system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.geometry.transform import plain_transform, world_matrix
from napari_latentdyn.core.geometry.units import check_unit, known_units
from napari_latentdyn.errors import GeometryError
from napari_latentdyn.settings.text import shown

__all__ = ["Geometry"]

Pair = tuple[float, float]
Matrix = tuple[tuple[float, ...], ...]
Floats = NDArray[np.float64]
_IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
#: Cosine of the angle between the axes above which an image counts as sheared.
_SKEW = 1e-6


@dataclass(frozen=True)
class Geometry:
    """Affine map from the pixels of an image to the world.

    Attributes
    ----------
    affine : tuple of tuple of float
        3x3 matrix from the centre of a pixel (row, column, 1) to (y, x, 1) in `units`;
        given as any array.
    units : (str, str)
        Units of y and x; "pixel" where there is no scale.
    axis_labels : (str, str)
        Names of y and x.
    crs : str or None
        Coordinate reference system of y and x as well-known text, where the image lies
        on the Earth.
    error : (float, float)
        Precision of y and x, in `units`.

    Raises
    ------
    GeometryError
        If the pixels have no size or no place.
    """

    affine: Matrix = _IDENTITY
    units: tuple[str, str] = ("pixel", "pixel")
    axis_labels: tuple[str, str] = ("y", "x")
    crs: str | None = None
    error: Pair = (0.0, 0.0)

    def __post_init__(self) -> None:
        matrix = np.asarray(self.affine, dtype=np.float64)
        object.__setattr__(self, "affine", tuple(map(tuple, matrix.tolist())))
        sizes = np.asarray(self.pixel_size)
        if not np.all(np.isfinite(sizes) & (sizes > 0)):
            raise GeometryError(_no_size(self.pixel_size))
        if not np.all(np.isfinite(self.offset)):
            raise GeometryError(f"the offset must be two finite numbers; got {self.offset}.")
        if np.linalg.det(matrix[:2, :2] / sizes) == 0:
            raise GeometryError("the rows and columns of the image lie on one line.")

    @classmethod
    def from_pixel_size(
        cls,
        pixel_size: float | Pair | None = None,
        units: str | tuple[str, str] | None = None,
        offset: Pair = (0.0, 0.0),
    ) -> Self:
        """Return the geometry of an image whose rows and columns lie along x and y.

        Parameters
        ----------
        pixel_size : float or (float, float), optional
            For both directions, or down and to the right.
        units : str or (str, str), optional
            Units of the pixel size, such as "meter".
        offset : (float, float)
            Position of the first pixel (y, x), in `units`.

        Raises
        ------
        GeometryError
            If one is given without the other, the size is not positive, or pint does not know
            a unit.
        """
        if (pixel_size is None) != (units is None):
            given, lacking = "pixel_size", "units"
            if pixel_size is None:
                given, lacking = lacking, given
            raise GeometryError(
                f"{given} needs {lacking}: give both, such as pixel_size=100.0, "
                'units="meter", or neither.'
            )
        place = _numbers(offset)
        if place is None or place.shape != (2,):
            raise GeometryError(f"the offset must be two numbers (y, x); got {shown(offset)}.")
        sizes = _numbers(1.0 if pixel_size is None else pixel_size)
        if sizes is None or sizes.shape not in ((), (1,), (2,)):
            raise GeometryError(
                "pixel_size must be one or two numbers, such as 100.0 or (100.0, 100.0); got "
                f"{shown(pixel_size)}."
            )
        height, width = np.broadcast_to(sizes, 2).tolist()
        if not (height > 0 and width > 0):
            raise GeometryError(_no_size((height, width)))
        affine: Any = [[height, 0.0, place[0]], [0.0, width, place[1]], [0.0, 0.0, 1.0]]
        return cls(affine, _units("pixel" if units is None else units)).checked()

    @classmethod
    def from_layer(
        cls, parameters: Mapping[str, Any], ndim: int, index: Sequence[float] = ()
    ) -> Self:
        """Return the geometry of one plane of a napari layer.

        Parameters
        ----------
        parameters : mapping
            ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and
            ``axis_labels`` of the layer, any of which may be missing.
        ndim : int
            Number of axes of the layer.
        index : sequence of float
            Position of the plane along each axis except the last two. It only
            matters where the transform mixes these axes with the plane.
        """
        plain = plain_transform(parameters, ndim)
        # napari's own names of axes without one are their negative numbers.
        y, x = (
            default if label.startswith("-") else label
            for label, default in zip(plain["axis_labels"][-2:], "yx", strict=True)
        )
        # Earlier versions wrote unknown units into run folders.
        down, right = known_units(plain["units"][-2:])
        whole = world_matrix(parameters, ndim)
        front = np.asarray(index if len(index) else [0.0] * (ndim - 2), dtype=np.float64)
        plane: Any = np.eye(3)
        plane[:2, :2] = whole[-3:-1, -3:-1]
        plane[:2, 2] = whole[-3:-1, :-3] @ front + whole[-3:-1, -1]
        mixed = np.concatenate([whole[:-3, -3:-1].ravel(), whole[-3:-1, :-3].ravel()])
        largest = max(1.0, float(np.abs(plane[:2, :2]).max()))
        if np.abs(mixed).max(initial=0) > 1e-12 and abs(np.linalg.det(plane)) < 1e-9 * largest**2:
            # The plane stands upright on the view; napari refuses such a layer.
            plane = np.diag([*map(abs, plain["scale"][-2:]), 1.0])
        return cls(plane, (down, right), (y, x))

    @classmethod
    def from_map(cls, transform: Sequence[float], crs: str | None, unit: str) -> Self:
        """Return the geometry of an image on a map, as GeoTIFF and CF describe it.

        Parameters
        ----------
        transform : sequence of six float
            (a, b, c, d, e, f): the corner (column, row) of the grid of pixels lies
            at x = a * column + b * row + c, y = d * column + e * row + f.
        crs : str or None
            Well-known text of the coordinate reference system.
        unit : str
            Unit of x and y, such as ``metre`` or ``degree``.
        """
        a, b, c, d, e, f = (float(value) for value in transform)
        # The centre of the first pixel is the corner (0.5, 0.5).
        y, x = f + 0.5 * (d + e), c + 0.5 * (a + b)
        return cls(((e, d, y), (b, a, x), (0.0, 0.0, 1.0)), (unit, unit), crs=crs)

    @classmethod
    def from_report(cls, described: Mapping[str, Any] | None) -> Self:
        """Return the geometry that `to_report` wrote, also of earlier versions."""
        described = described or {}
        if "crs_wkt" in described:
            unit = str(described.get("units") or "metre")
            return cls.from_map(described["transform"], str(described["crs_wkt"]), unit)
        return cls.from_layer(described, 2)

    @classmethod
    def on_map(cls, described: Mapping[str, Any] | None) -> Self | None:
        """Return the place of an image on the Earth from its report; None if it has none."""
        known = described or {}
        try:
            usable = isinstance(known["crs_wkt"], str) and bool(known["crs_wkt"])
            return cls.from_report(known) if usable else None
        except (KeyError, TypeError, ValueError):
            return None

    def to_report(self) -> dict[str, Any]:
        """Return the description that `from_report` reads, as lists, numbers and strings."""
        if self.crs is not None:
            transform = list(self.map_transform)
            return {"crs_wkt": self.crs, "transform": transform, "units": self.units[1]}
        named = {"units": list(self.units), "axis_labels": list(self.axis_labels)}
        if self._is_diagonal:
            return {"scale": self.steps.tolist(), "translate": list(self.offset), **named}
        return {"affine": [list(row) for row in self.affine], **named}

    @property
    def matrix(self) -> Floats:
        """`affine` as a new array."""
        return np.array(self.affine, dtype=np.float64)

    @property
    def pixel_size(self) -> Pair:
        """Distance between neighbouring pixels down and to the right, in `units`."""
        height, width = np.hypot(*self.matrix[:2, :2])
        return float(height), float(width)

    @property
    def offset(self) -> Pair:
        """Position of the centre of the first pixel (y, x), in `units`."""
        return self.affine[0][2], self.affine[1][2]

    @property
    def map_transform(self) -> tuple[float, float, float, float, float, float]:
        """The transform for `from_map`."""
        (e, d, y), (b, a, x), _ = self.affine
        return a, b, x - 0.5 * (a + b), d, e, y - 0.5 * (d + e)

    @property
    def length_unit(self) -> str:
        """Unit of length of both directions.

        Raises
        ------
        GeometryError
            If the units of both directions differ.
        """
        if self.units[0] != self.units[1]:
            raise GeometryError(
                f"the image is measured in {self.units[0]} down and in {self.units[1]} to the "
                "right: give its scale in one unit."
            )
        return self.units[0]

    @property
    def is_upright(self) -> bool:
        """Whether the rows of the image lie along x and its columns along y."""
        linear = self.matrix[:2, :2]
        return bool(np.allclose(linear, np.diag(np.diag(linear)), atol=1e-9 * abs(linear).max()))

    @property
    def steps(self) -> Floats:
        """Steps (y, x) from pixel to pixel along the `coordinates`; may be negative."""
        return np.diag(self.matrix)[:2] if self.is_upright else np.asarray(self.pixel_size)

    def coordinates(self, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        """Return y of the rows and x of the columns of an image, in `units`.

        An image that is turned has no such axes in the world; for it they are
        distances along its own axes, from its first pixel.
        """
        offset = self.offset if self.is_upright else (0.0, 0.0)
        y, x = (
            start + step * np.arange(size)
            for start, step, size in zip(offset, self.steps, shape, strict=True)
        )
        return y, x

    def world(self, points: ArrayLike) -> Floats:
        """Return the places (y, x) of pixels (row, column), shape (..., 2)."""
        matrix = self.matrix
        return np.asarray(points, dtype=np.float64) @ matrix[:2, :2].T + matrix[:2, 2]

    def checked(self) -> Self:
        """Return the geometry if pint knows its units, else raise `GeometryError`."""
        for unit in self.units:
            check_unit(unit)
        return self

    def check_angles(self) -> None:
        """Refuse a sheared image.

        Raises
        ------
        GeometryError
            If rows and columns are not at right angles, so that rates of deformation in
            pixels do not hold in the world.
        """
        down, right = (self.matrix[:2, :2] / self.pixel_size).T
        if abs(down @ right) > _SKEW:
            raise GeometryError(
                "the image is sheared, so that its rows and columns are not at right angles: "
                "resample it to square axes first."
            )

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
        simple = self._is_diagonal
        affine = np.eye(len(scale) + 3)
        if not simple:
            affine[-3:, -3:] = self.affine
        # A leading axis must not take the name of one of the plane's own axes.
        labels = [f"{n}_" if n in self.axis_labels else n for n in axis_labels]
        return {
            "scale": (*map(float, scale), *(self.steps.tolist() if simple else (1.0, 1.0))),
            "translate": (*map(float, translate), *(self.offset if simple else (0.0, 0.0))),
            "affine": affine,
            "units": (*units, *self.units),
            "axis_labels": (*labels, *self.axis_labels),
        }

    @property
    def _is_diagonal(self) -> bool:
        return self.affine[0][1] == self.affine[1][0] == 0


def _no_size(pixel_size: Pair) -> str:
    return f"the pixel size must be one or two positive numbers; got {pixel_size}."


def _numbers(value: Any) -> Floats | None:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _units(units: str | tuple[str, str]) -> tuple[str, str]:
    both: Any = (units, units) if isinstance(units, str) else units
    if not isinstance(both, (tuple, list, np.ndarray)):
        both = ()
    if len(both) != 2 or not all(isinstance(unit, str) and unit.strip() for unit in both):
        raise GeometryError(f'units must be one or two names, such as "meter"; got {shown(units)}.')
    return str(both[0]), str(both[1])
