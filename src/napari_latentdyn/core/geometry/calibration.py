"""Where an image lies and how long the interval is: from pixels and stages to real units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import CalibrationError
from napari_latentdyn.settings.text import shown

__all__ = ["Calibration"]

Pair = tuple[float, float]
#: Cosine of the angle between the axes above which an image counts as sheared.
_SKEW = 1e-6


@dataclass(frozen=True)
class Calibration:
    """Scale of an image and length of the interval.

    Attributes
    ----------
    pixel_size : (float, float)
        Distance between neighbouring pixels down and to the right, in `units`.
    units : (str, str)
        Units of length, down and to the right; "pixel" where there is no scale.
    offset : (float, float)
        Where the first pixel lies (y, x), in `units`.
    interval : float or None
        Time between the images, in `interval_unit`; None where it is not known.
    interval_unit : str
        Unit of time.
    placement : dict
        All that is known of where the image lies, as `placement.Placement`
        writes it: also what turns or shears it. Empty where there is no more to
        say than the fields above.

    Raises
    ------
    CalibrationError
        If a pixel size or the interval is not positive and finite.
    """

    pixel_size: Pair = (1.0, 1.0)
    units: tuple[str, str] = ("pixel", "pixel")
    offset: Pair = (0.0, 0.0)
    interval: float | None = None
    interval_unit: str = "hour"
    placement: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not all(np.isfinite(size) and size > 0 for size in self.pixel_size):
            raise CalibrationError(
                f"the pixel size {self.pixel_size} is no size: give one or two positive numbers."
            )
        if not np.all(np.isfinite(self.offset)):
            raise CalibrationError(f"the offset {self.offset} is no place: give two numbers.")
        if self.interval is not None and not (np.isfinite(self.interval) and self.interval > 0):
            raise CalibrationError(
                f"the interval {self.interval} is no time: give a positive number."
            )

    @classmethod
    def of(
        cls,
        pixel_size: float | Pair | None = None,
        units: str | tuple[str, str] | None = None,
        offset: Pair = (0.0, 0.0),
        *,
        interval: float | None = None,
        interval_unit: str = "hour",
    ) -> Self:
        """Build a calibration from what a caller knows.

        Parameters
        ----------
        pixel_size : float or (float, float), optional
            For both directions, or down and to the right.
        units : str or (str, str), optional
            Units of the pixel size, such as "meter".
        offset : (float, float)
            Where the first pixel lies (y, x), in `units`.
        interval, interval_unit
            Time between the images.

        Raises
        ------
        CalibrationError
            If one is given without the other, or is no size.
        """
        if (pixel_size is None) != (units is None):
            there, lacks = (
                ("units", "pixel_size") if pixel_size is None else ("pixel_size", "units")
            )
            raise CalibrationError(
                f"{there} says nothing without {lacks}: give both, such as pixel_size=100.0, "
                'units="meter", or neither.'
            )
        place = _numbers(offset)
        if place is None or place.shape != (2,):
            raise CalibrationError(
                f"the offset {shown(offset)} is no place: give two numbers (y, x)."
            )
        length = None if interval is None else _numbers(interval)
        if interval is not None and (length is None or length.shape != ()):
            raise CalibrationError(
                f"the interval {shown(interval)} is no time: give a positive number."
            )
        return cls(
            pixel_size=(1.0, 1.0) if pixel_size is None else _two(pixel_size, "pixel_size"),
            units=_units("pixel" if units is None else units),
            offset=_two(offset, "offset"),
            interval=None if length is None else float(length),
            interval_unit=interval_unit,
        )

    @classmethod
    def from_placement(
        cls,
        placement: Mapping[str, Any] | None,
        *,
        interval: float | None = None,
        interval_unit: str = "hour",
    ) -> Self:
        """Build a calibration from the ``placement`` of a report, which may be missing."""
        placed = dict(placement or {})
        linear, offset = _affine(placed)
        height, width = np.linalg.norm(linear, axis=0)
        y_unit, x_unit = list(placed.get("units") or ("pixel", "pixel"))[-2:]
        return cls(
            pixel_size=(float(height), float(width)),
            units=(str(y_unit), str(x_unit)),
            offset=(float(offset[0]), float(offset[1])),
            interval=interval,
            interval_unit=interval_unit,
            placement=placed,
        )

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> Self:
        """Build a calibration from a report, or from the metadata of a result's layers."""
        known = report.get("interval") or {}
        value = known.get("value")
        return cls.from_placement(
            report.get("placement"),
            interval=None if value is None else float(value),
            interval_unit=str(known.get("unit") or "hour"),
        )

    def to_placement(self) -> dict[str, Any] | None:
        """Return the ``placement`` for a report; None where there is no scale."""
        if self.placement:
            return dict(self.placement)
        if self == Calibration(interval=self.interval, interval_unit=self.interval_unit):
            return None
        return {
            "scale": list(self.pixel_size),
            "translate": list(self.offset),
            "units": list(self.units),
        }

    @property
    def time_unit(self) -> str:
        """Unit in which times are told: that of the interval, or "stage"."""
        return "stage" if self.interval is None else self.interval_unit

    def stage_duration(self, stages: int) -> float:
        """Return how long one of `stages` stages takes, in `time_unit`."""
        return 1.0 if self.interval is None else self.interval / stages

    @property
    def length_unit(self) -> str:
        """Unit of length of both directions.

        Raises
        ------
        CalibrationError
            If they have different ones.
        """
        if self.units[0] != self.units[1]:
            raise CalibrationError(
                f"the image is measured in {self.units[0]} down and in {self.units[1]} to the "
                "right: give its scale in one unit."
            )
        return self.units[0]

    @property
    def is_upright(self) -> bool:
        """Whether the rows of the image lie along x and its columns along y."""
        linear, _ = _affine(self._placed())
        return bool(np.allclose(linear, np.diag(np.diag(linear)), atol=1e-9 * abs(linear).max()))

    def check_angles(self) -> None:
        """Refuse a sheared image.

        Raises
        ------
        CalibrationError
            If rows and columns are not at right angles, so that rates of
            deformation in pixels say nothing about the world.
        """
        linear, _ = _affine(self._placed())
        down, right = linear.T / np.linalg.norm(linear, axis=0)[:, None]
        if abs(down @ right) > _SKEW:
            raise CalibrationError(
                "the image is sheared, so that its rows and columns are not at right angles: "
                "resample it to square axes first."
            )

    def steps(self) -> NDArray[np.float64]:
        """Return the steps (y, x) from pixel to pixel along the coordinates; may be negative."""
        linear, _ = _affine(self._placed())
        return np.diag(linear).copy() if self.is_upright else np.asarray(self.pixel_size)

    def coordinates(
        self, shape: tuple[int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return y of the rows and x of the columns of an image, in `units`.

        An image that is turned has no such axes in the world; for it they are
        distances along its own axes, from its first pixel.
        """
        offset = self.offset if self.is_upright else (0.0, 0.0)
        y, x = (
            start + step * np.arange(size)
            for start, step, size in zip(offset, self.steps(), shape, strict=True)
        )
        return y, x

    def _placed(self) -> dict[str, Any]:
        return dict(self.placement) or {"scale": self.pixel_size, "translate": self.offset}


def _affine(placed: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrix and the offset that lead from pixels to the world, as in napari."""
    whole = np.asarray(placed.get("affine") or np.eye(3), dtype=np.float64)
    inner = np.diag(np.asarray(placed.get("scale") or (1.0, 1.0), dtype=np.float64))
    for part in ("shear", "rotate"):
        inner = np.asarray(placed.get(part) or np.eye(2), dtype=np.float64) @ inner
    translate = np.asarray(placed.get("translate") or (0.0, 0.0), dtype=np.float64)
    return whole[:2, :2] @ inner, whole[:2, :2] @ translate + whole[:2, 2]


def _two(value: float | Pair, name: str) -> Pair:
    values = _numbers(value)
    if values is None or values.shape not in ((), (1,), (2,)):
        raise CalibrationError(
            f"{name} takes one or two numbers, such as 100.0 or (100.0, 100.0), not {shown(value)}."
        )
    both = np.broadcast_to(values, 2)
    return float(both[0]), float(both[1])


def _numbers(value: Any) -> NDArray[np.float64] | None:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _units(units: str | tuple[str, str]) -> tuple[str, str]:
    both: Any = (units, units) if isinstance(units, str) else units
    if not isinstance(both, (tuple, list, np.ndarray)):
        both = ()
    if len(both) != 2 or not all(isinstance(unit, str) and unit.strip() for unit in both):
        raise CalibrationError(
            f'units takes one or two names, such as "meter", not {shown(units)}.'
        )
    return str(both[0]), str(both[1])
