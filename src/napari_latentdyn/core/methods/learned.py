"""The learned dynamics as one method among the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.methods.interface import Interpolation, OnProgress, ShouldStop
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.errors import Stopped
from napari_latentdyn.settings import Settings

__all__ = ["Learned"]


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
        from napari_latentdyn.core.fit import fit

        fitting = fit(
            pair, self.settings.updated({"output.preview": False}), should_stop=should_stop
        )
        while True:
            try:
                on_progress(next(fitting))
            except StopIteration as end:
                dynamics = end.value
                break
        if should_stop():
            raise Stopped
        frames = dynamics.frames(times, should_stop=should_stop)
        return Interpolation(frames if pair.multichannel else frames[:, None], dynamics.fields)
