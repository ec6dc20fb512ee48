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

    World time is the time since the first image, or the stage if the interval is unknown; of a
    series it is the time of the images, or the number of the image. If
    frames are unevenly spaced, the axis counts frames. Then, if there are more frames than stages,
    and if stages have different lengths, every frame gets the fields of its stage.

    Attributes
    ----------
    times, world : ndarray, shape (T,)
        Times of the frames, in the unit of the images and as world times.
    edges : ndarray, shape (n + 1,)
        World times of the start of each stage and of the end of the last one.
    interval : (float, str), optional
        Length of the unit of `times`, and the unit of world times.
    """

    times: NDArray[np.float64]
    world: NDArray[np.float64]
    edges: NDArray[np.float64]
    interval: tuple[float, str] | None = None

    @cached_property
    def step(self) -> float | None:
        """World time between two frames, None if uneven."""
        return even_step(self.world)

    @property
    def is_even(self) -> bool:
        """Whether the axis has times instead of frame numbers."""
        return self.step is not None

    @property
    def unit(self) -> str:
        """Unit of the time axis; "pixel" if the axis counts frames."""
        return self.interval[1] if self.interval and self.is_even else "pixel"

    @property
    def of_frames(self) -> tuple[float, float]:
        """Scale and translation of frames along the time axis."""
        return (1.0, 0.0) if self.step is None else (self.step, float(self.world[0]))

    @property
    def of_fields(self) -> tuple[float, float]:
        """Scale and translation of fields along the time axis."""
        stage = even_step(self.edges)
        if self.shown is None and stage is not None:
            return stage, float(self.edges[0])
        return self.of_frames

    @cached_property
    def shown(self) -> NDArray[np.intp] | None:
        """Stage that each frame shows, (T,); None if stages have their own positions."""
        # Between two stages napari shows the nearest stage or nothing.
        stage = even_step(self.edges)
        if self.step is not None and stage is not None and self.step >= stage * (1 - 1e-6):
            return None
        late = self.world + 1e-6 * np.diff(self.edges).min()
        found = np.searchsorted(self.edges, late, side="right") - 1
        return np.clip(found, 0, len(self.edges) - 2)

    def time_at(self, point: Sequence[float]) -> float:
        """Return the time of a point in world coordinates, in the unit of `times`."""
        if len(point) < 3:
            return float(self.times[0])
        scale, start = self.of_frames
        position = (float(point[-3]) - start) / scale
        return float(np.interp(position, np.arange(len(self.times)), self.times))


def timeline_of(motion: Motion) -> Timeline:
    """Return the time axis of all layers of a result."""
    times, edges = motion.times(), motion.stage_edges
    if len(motion.observation_times) == 2:
        return Timeline(times, motion.elapsed(times), motion.elapsed(edges), motion.interval)
    # Frames of a series lie on the axis of the stack that they come from.
    unit = 1.0 if motion.interval is None else motion.interval[0]
    return Timeline(times, times * unit, edges * unit, motion.interval)
