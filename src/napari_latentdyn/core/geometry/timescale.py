"""Length of the interval between two images."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
                f"the interval must be a positive number; got {shown(self.interval)}."
            )

    @property
    def unit(self) -> str:
        """Unit of times: that of the interval, or "stage"."""
        return "stage" if self.interval is None else self.interval_unit

    def stage_duration(self, stages: int) -> float:
        """Return the duration of one of `stages` stages, in `unit`."""
        return 1.0 if self.interval is None else self.interval / stages
