"""The learned dynamics as methods: fitted with a preset, or fitted before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop, Times
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.errors import ObservationError, Stopped
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["Learned", "Trained"]


@dataclass(frozen=True)
class Learned:
    """The learned dynamics, with the settings of a preset.

    One field for all channels. The decoder computes both ends, which differ a little from
    the images; pixels that neither image shows are NaN.
    """

    settings: Settings

    def __call__(
        self,
        observations: Observations,
        times: Times,
        /,
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress,
    ) -> Interpolation:
        """Fit the model and compute its frames."""
        from napari_latentdyn.core.training.fit import fit

        fitting = fit(
            observations, self.settings.updated({"output.preview": False}), should_stop=should_stop
        )
        dynamics = drain(fitting, on_progress)
        if should_stop():
            raise Stopped
        return _interpolation(dynamics, dynamics.frames(times, should_stop=should_stop))


@dataclass(frozen=True)
class Trained:
    """An existing result: its frames are computed, and nothing is trained.

    `title` names the result in messages; `load` returns it, or raises `UserError`.
    """

    title: str
    load: Callable[[], Dynamics]

    def __call__(
        self,
        observations: Observations,
        times: Times,
        /,
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress,
    ) -> Interpolation:
        """Compute the frames of the result, which must be one of the same images."""
        dynamics = self.load()
        self._check(dynamics.observations, observations)
        frames = dynamics.frames(
            times,
            should_stop=should_stop,
            on_frame=lambda done, total: on_progress(Progress("render", done, total)),
        )
        return _interpolation(dynamics, frames)

    def _check(self, own: Observations, given: Observations) -> None:
        if len(own) != len(given):
            raise ObservationError(
                f"the result “{self.title}” must be of these {len(given)} images; got one of "
                f"{len(own)} images."
            )
        if own.images[0].shape != given.images[0].shape or own.multichannel != given.multichannel:
            raise ObservationError(
                f"the result “{self.title}” must be of these images, {given.images[0].shape} "
                f"(channels, height, width); got one of {own.images[0].shape}."
            )
        seen = (own.valid & given.valid)[:, None]
        if not np.array_equal(np.where(seen, own.images, 0), np.where(seen, given.images, 0)):
            raise ObservationError(
                f"the result “{self.title}” must be of these images; it was found on other "
                "images or in the opposite order."
            )


def _interpolation(dynamics: Dynamics, frames: NDArray[np.float32]) -> Interpolation:
    coloured = dynamics.observations.multichannel
    return Interpolation(frames if coloured else frames[:, None], dynamics.fields)
