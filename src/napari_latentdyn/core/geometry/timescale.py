"""How long the interval between two images is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from napari_latentdyn.errors import GeometryError
from napari_latentdyn.settings.text import shown

__all__ = ["TimeScale"]


@dataclass(frozen=True)
class TimeScale:
    """Length of the interval: from stages to real time.

    Attributes
    ----------
    interval : float or None
        Time between the images in `interval_unit`; None where it is not known.
    interval_unit : str
        Unit of time.

    Raises
    ------
    GeometryError
        If the interval is not positive and finite.
    """

    interval: float | None = None
    interval_unit: str = "hour"

    def __post_init__(self) -> None:
        try:
            good = self.interval is None or (math.isfinite(self.interval) and self.interval > 0)
        except (TypeError, ValueError, OverflowError):
            good = False
        if not good:
            raise GeometryError(
                f"the interval {shown(self.interval)} is no time: give a positive number."
            )

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> Self:
        """Return what a report, or the metadata of the layers of a result, say of the interval."""
        known = report.get("interval") or {}
        value = known.get("value")
        return cls(None if not value else float(value), str(known.get("unit") or "hour"))

    @property
    def unit(self) -> str:
        """Unit in which times are told: that of the interval, or "stage"."""
        return "stage" if self.interval is None else self.interval_unit

    def stage_duration(self, stages: int) -> float:
        """Return how long one of `stages` stages takes, in `unit`."""
        return 1.0 if self.interval is None else self.interval / stages
