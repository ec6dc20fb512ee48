"""The time axis that all layers of a result share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.ometiff import even_step

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.motion import Motion

__all__ = ["Timeline", "timeline_of"]


@dataclass(frozen=True, eq=False)
class Timeline:
    """Times of frames and fields in world coordinates.

    World time is the time since the first image, or the stage if the interval is unknown. If
    frames are unevenly spaced, the axis counts frames. Then, and if there are more frames than
    stages, every frame gets the fields of its stage. `times`, (T,), are fractions of the interval,
    which is a length and a unit.
    """

    times: NDArray[np.float64]
    stages: int
    interval: tuple[float, str] | None = None

    @cached_property
    def step(self) -> float | None:
        """Spacing of the frames as a fraction of the interval, None if uneven."""
        return even_step(np.asarray(self.times, dtype=np.float64))

    @property
    def is_even(self) -> bool:
        """Whether the axis has times instead of frame numbers."""
        return self.step is not None

    @property
    def stage_length(self) -> float:
        """World time of one stage on an even axis."""
        return self.interval[0] / self.stages if self.interval else 1.0

    @property
    def unit(self) -> str:
        """Unit of the time axis; "pixel" if the axis counts frames."""
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
        """Scale and translation of fields along the time axis."""
        return (self.stage_length, 0.0) if self.shown is None else self.of_frames

    @cached_property
    def shown(self) -> NDArray[np.intp] | None:
        """Stage that each frame shows, (T,); None if stages have their own positions."""
        # Between two stages napari shows the nearest stage or nothing.
        if self.step is not None and self.step * self.stages >= 1 - 1e-6:
            return None
        stage = np.floor(np.asarray(self.times) * self.stages + 1e-6).astype(np.intp)
        return np.clip(stage, 0, self.stages - 1)

    def time_at(self, point: Sequence[float]) -> float:
        """Return the time of a point in world coordinates, as a fraction of the interval."""
        if len(point) < 3:
            return float(self.times[0])
        scale, start = self.of_frames
        position = (float(point[-3]) - start) / scale
        return float(np.interp(position, np.arange(len(self.times)), self.times))


def timeline_of(motion: Motion) -> Timeline:
    """Return the time axis of all layers of a result."""
    return Timeline(motion.times(), len(motion.fields), motion.interval)
