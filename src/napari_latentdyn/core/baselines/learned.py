"""The learned dynamics as methods: fitted with a preset, or fitted before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
        frames = dynamics.frames(times, should_stop=should_stop)
        return Interpolation(
            frames if observations.multichannel else frames[:, None], dynamics.fields
        )


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
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress,
    ) -> Interpolation:
        """Compute the frames of the result, which must be one of the same two images."""
        dynamics = self.load()
        self._check(dynamics.observations, observations)
        frames = dynamics.frames(
            times,
            should_stop=should_stop,
            on_frame=lambda done, total: on_progress(Progress("render", done, total)),
        )
        return Interpolation(
            frames if observations.multichannel else frames[:, None], dynamics.fields
        )

    def _check(self, own: Observations, observations: Observations) -> None:
        if len(own) != len(observations):
            raise ObservationError(
                f"the result “{self.title}” must be of these {len(observations)} images; got one "
                f"of {len(own)} images."
            )
        if (
            own.images[0].shape != observations.images[0].shape
            or own.multichannel != observations.multichannel
        ):
            raise ObservationError(
                f"the result “{self.title}” must be of these two images, "
                f"{observations.images[0].shape} (channels, height, width); got one of "
                f"{own.images[0].shape}."
            )
        seen = (own.valid & observations.valid)[:, None]
        if not np.array_equal(
            np.where(seen, own.images, 0), np.where(seen, observations.images, 0)
        ):
            raise ObservationError(
                f"the result “{self.title}” must be of these two images; it was found on other "
                "images or in the opposite order."
            )
