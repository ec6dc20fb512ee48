"""Motion whose velocities and frames have standard deviations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.fitted import Fitted
    from napari_latentdyn.core.dynamics.intervals import Rendered

__all__ = ["OnFrame", "ShouldStop", "UncertainMotion"]

OnFrame = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


class UncertainMotion(Motion):
    """The motion between K observations, with standard deviations.

    They are computed from the images and the ensembles when they are asked for.
    """

    settings: Settings

    @property
    def observations(self) -> Observations:
        """The images."""
        raise NotImplementedError

    @property
    def fitted(self) -> Fitted:
        """The ensembles."""
        raise NotImplementedError

    def velocity_std(
        self, times: ArrayLike | None = None, *, should_stop: ShouldStop | None = None
    ) -> NDArray[np.float32]:
        """Return the standard deviation of `velocity`, of each component, shape (T, H, W).

        It follows from the spread of the members, from the difference of both images along the
        paths and from their texture, and is calibrated on generated scenes: the true velocity
        lies within one standard deviation in about 68 % of all places, and within 1.96 in 95 %.

        Parameters
        ----------
        times : array_like, shape (T,), optional
            As in `velocity`.
        should_stop : callable, optional
            Called before every interval; true raises `errors.Stopped`.

        Returns
        -------
        ndarray of float32, shape (T, H, W)
            Pixels per `time_unit`; at most an eighth of the shorter side of the image in an
            interval. It is large where the images do not show the motion: see `is_measured`.

        Raises
        ------
        SettingsError
            If a time lies outside of the observations.
        """
        std = self.stage_deviations(times, should_stop=should_stop)[0]
        spans = self.stage_durations[self.stages_at(times)].astype(np.float32)
        return np.asarray(std / spans[:, None, None])

    def is_measured(
        self, times: ArrayLike | None = None, *, should_stop: ShouldStop | None = None
    ) -> NDArray[np.bool_]:
        """Return where the images show the motion, shape (T, H, W); arguments as `velocity_std`.

        False where one of both images does not contain a place, where both have no texture above
        their noise, and everywhere where hidden blocks show no motion: there, the velocity
        continues that of the surroundings.
        """
        return self.stage_deviations(times, should_stop=should_stop)[1]

    def stage_deviations(
        self, times: ArrayLike | None = None, *, should_stop: ShouldStop | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return `velocity_std`, but in pixels per stage, and `is_measured`."""
        stages = self.stages_at(times)
        return self.fitted.velocity_std(
            self.observations, self.fields, stages, self.settings, should_stop
        )

    def frame_std(
        self,
        times: ArrayLike | None = None,
        *,
        should_stop: ShouldStop | None = None,
        on_frame: OnFrame | None = None,
    ) -> NDArray[np.float32]:
        """Return the standard deviation of each pixel of frames at any times.

        It follows from the difference of both images along the paths, and is calibrated on
        generated scenes as that of `velocity_std`. The frame at the time of an image is the
        image, and has the deviation 0. Arguments and errors are those of `Dynamics.frames`.

        Returns
        -------
        ndarray of float32, shape (T, H, W), or (T, C, H, W) for several channels
            In the units of the images; at most 29 % of their range, which is the deviation
            where the images of the frame do not contain the place. NaN where both miss it.
        """
        chosen = None if times is None else self.checked_times(times)
        std = self._array("deviation", chosen, should_stop, on_frame)[:, None]
        observed = self.observations
        when = (self.times() if chosen is None else chosen).tolist()
        # Brightness and range scale a deviation; their offsets do not.
        zero = observed.denormalise(np.zeros_like(std), when)
        scaled = np.abs(observed.denormalise(std, when) - zero).astype(np.float32)
        return scaled if observed.multichannel else scaled[:, 0]

    def _array(
        self,
        what: Rendered,
        times: ArrayLike | None,
        should_stop: ShouldStop | None,
        on_frame: OnFrame | None,
    ) -> NDArray[np.float32]:
        raise NotImplementedError
