"""When frames and fields are: the time axis that all layers of a result share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.ometiff import even_step

__all__ = ["Timeline"]


@dataclass(frozen=True, eq=False)
class Timeline:
    """Times of frames and fields in the world of the layers.

    World time is the stage times the interval divided by the number of stages,
    or the stage itself where the interval is not known. Where frames are not
    evenly spaced no scale can say their times: the time axis then counts the
    frames, and every frame has the fields of the stage it belongs to. It has
    them, too, where there are more frames than stages.

    Attributes
    ----------
    times : ndarray, shape (T,)
        Of the frames, as fractions of the interval.
    stages : int
        Number n of fields.
    interval : (float, str) or None
        Time between the images and its unit.
    """

    times: NDArray[np.float64]
    stages: int
    interval: tuple[float, str] | None = None

    @cached_property
    def step(self) -> float | None:
        """Distance of two frames as a fraction of the interval, None if they differ."""
        return even_step(np.asarray(self.times, dtype=np.float64))

    @property
    def is_even(self) -> bool:
        """Whether the time axis tells times, and does not only count frames."""
        return self.step is not None

    @property
    def stage_length(self) -> float:
        """World time of one stage, on an even axis."""
        return self.interval[0] / self.stages if self.interval else 1.0

    @property
    def unit(self) -> str:
        """Unit of the time axis; napari's "pixel" where it only counts."""
        return self.interval[1] if self.interval and self.is_even else "pixel"

    @property
    def of_frames(self) -> tuple[float, float]:
        """Scale and translation of frames along the time axis."""
        if self.step is None:
            return 1.0, 0.0
        whole = self.stages * self.stage_length
        return self.step * whole, float(self.times[0]) * whole

    @property
    def of_fields(self) -> tuple[float, float]:
        """Scale and translation of what there is for each stage, or for each frame."""
        return (self.stage_length, 0.0) if self.shown is None else self.of_frames

    @cached_property
    def shown(self) -> NDArray[np.intp] | None:
        """Stage that each frame shows, (T,); None where the stages have positions of their own."""
        # Between the stages napari would show what belongs to the nearest one, or nothing.
        if self.step is not None and self.step * self.stages >= 1 - 1e-6:
            return None
        stage = np.floor(np.asarray(self.times) * self.stages + 1e-6).astype(np.intp)
        return np.clip(stage, 0, self.stages - 1)
