"""The learned dynamics as methods among the others: fitted with a preset, or fitted before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.baselines.interface import Interpolation, OnProgress, ShouldStop
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.errors import PairError, Stopped
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["Learned", "Trained"]


@dataclass(frozen=True)
class Learned:
    """The learned dynamics, with the settings of a preset.

    One field for all channels. Both ends are what the decoder makes of the two
    images, which differs a little from them; pixels that neither image shows
    are NaN.
    """

    settings: Settings

    def __call__(
        self,
        pair: ImagePair,
        times: NDArray[np.float64],
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress,
    ) -> Interpolation:
        """Fit the model and draw its frames."""
        from napari_latentdyn.core.training.fit import fit

        fitting = fit(
            pair, self.settings.updated({"output.preview": False}), should_stop=should_stop
        )
        dynamics = drain(fitting, on_progress)
        if should_stop():
            raise Stopped
        frames = dynamics.frames(times, should_stop=should_stop)
        return Interpolation(frames if pair.multichannel else frames[:, None], dynamics.fields)


@dataclass(frozen=True)
class Trained:
    """A result that is already there: its frames are computed, and nothing is trained.

    Attributes
    ----------
    title : str
        What a message calls the result.
    load : callable
        Returns the result; raises `UserError` if it cannot be read.
    """

    title: str
    load: Callable[[], Dynamics]

    def __call__(
        self,
        pair: ImagePair,
        times: NDArray[np.float64],
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress,
    ) -> Interpolation:
        """Compute the frames of the result, which must be one of the same two images."""
        from napari_latentdyn.core.training.fit import Progress

        dynamics = self.load()
        self._check(dynamics.pair, pair)
        frames = dynamics.frames(
            times,
            should_stop=should_stop,
            on_frame=lambda done, total: on_progress(Progress("render", done, total)),
        )
        return Interpolation(frames if pair.multichannel else frames[:, None], dynamics.fields)

    def _check(self, own: ImagePair, pair: ImagePair) -> None:
        if own.first.shape != pair.first.shape or own.multichannel != pair.multichannel:
            raise PairError(
                f"the result “{self.title}” must be of these two images, {pair.first.shape} "
                f"(channels, height, width); got one of {own.first.shape}."
            )
        ends = (
            (own.first, pair.first, own.valid_first & pair.valid_first),
            (own.last, pair.last, own.valid_last & pair.valid_last),
        )
        if not all(np.array_equal(a[:, seen], b[:, seen]) for a, b, seen in ends):
            raise PairError(
                f"the result “{self.title}” must be of these two images; it was found on other "
                "images or in the opposite order."
            )
