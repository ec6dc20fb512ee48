"""What follows from the fields and frames of a result: rates, tracers, a Dataset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.dataset import make_dataset
from napari_latentdyn.core.dynamics.deformation import Deformation
from napari_latentdyn.core.dynamics.trajectories import Interpolation, checked_times, trajectories
from napari_latentdyn.core.geometry.calibration import Calibration
from napari_latentdyn.core.geometry.placement import Placement
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    import xarray

__all__ = ["Derived"]


class Derived(ABC):
    """Base of results: derives from fields and frames what needs no model.

    Attributes
    ----------
    fields : ndarray of float32, shape (n, 2, H, W)
        Advection fields (dy, dx) in pixels per stage.
    settings : Settings
        All settings.
    placement : mapping or None
        Scale, translation, units and so on of the images.
    report : mapping
        Report of the run.
    """

    fields: NDArray[np.float32]
    settings: Settings
    placement: Mapping[str, Any] | None
    report: dict[str, Any]

    @abstractmethod
    def times(self) -> NDArray[np.float64]:
        """Return the times of the frames that the settings ask for."""

    @abstractmethod
    def frames(
        self,
        times: ArrayLike | None = None,
        *,
        should_stop: Callable[[], bool] | None = None,
        on_frame: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Return frames at any times."""

    @abstractmethod
    def confidence(
        self, times: ArrayLike | None = None, *, should_stop: Callable[[], bool] | None = None
    ) -> NDArray[np.float32]:
        """Return the confidence of frames at any times."""

    @property
    def calibration(self) -> Calibration:
        """Pixel size, units and offset of `placement`, and the interval of `settings`."""
        images = self.settings.images
        return Calibration.from_placement(
            self.placement, interval=images.interval, interval_unit=images.interval_unit
        )

    def trajectories(
        self,
        points: ArrayLike,
        times: ArrayLike | None = None,
        start_time: ArrayLike = 0.0,
        *,
        interpolation: Interpolation = "cubic",
    ) -> NDArray[np.float64]:
        """Follow points along the fields, back and forth; see `core.trajectories`.

        Parameters
        ----------
        points : array_like, shape (P, 2)
            Where they are at `start_time`, (y, x) in pixels.
        times : array_like, shape (T,), optional
            Fractions of the interval; those of `times` by default.
        start_time : float or array_like of shape (P,)
            When they are at `points`, as fractions of the interval.
        interpolation : {"cubic", "linear"}
            How the velocity is read between pixels; linear where it jumps.

        Returns
        -------
        ndarray of float64, shape (P, T, 2)
            (y, x) in pixels; NaN where they are outside of the image.

        Raises
        ------
        DerivedError
            If shapes do not fit.
        SettingsError
            If a time lies outside of [0, 1].
        """
        chosen = self.times() if times is None else times
        return trajectories(self.fields, points, chosen, start_time, interpolation=interpolation)

    def deformation(self, smooth: float = 0.0) -> Deformation:
        """Return divergence, vorticity and strain rates of each stage, in real units.

        Directions are those of the rows and columns of the image, also where
        `placement` turns it.

        Parameters
        ----------
        smooth : float
            Standard deviation in pixels of a Gaussian that smooths the fields
            first; 0 for none.

        Raises
        ------
        CalibrationError
            If the image is sheared, or measured in one unit down and another to
            the right.
        DerivedError
            If `smooth` is negative.
        """
        return Deformation.of(self.fields, self.calibration, smooth=smooth)

    def to_xarray(
        self,
        times: ArrayLike | None = None,
        *,
        should_stop: Callable[[], bool] | None = None,
        on_frame: Callable[[int, int], None] | None = None,
    ) -> xarray.Dataset:
        """Return frames and velocities as a Dataset with coordinates and units.

        Parameters
        ----------
        times : array_like of float, optional
            Fractions of the interval in [0, 1]; those of `times` by default.
        should_stop, on_frame : callable, optional
            As in `frames`.

        Returns
        -------
        xarray.Dataset
            ``frames`` (time, [channel,] y, x), ``velocity_y`` and ``velocity_x``
            (stage_time, y, x), and the confidence where the settings ask for it;
            see `core.dynamics.dataset.make_dataset`.

        Raises
        ------
        SettingsError
            If a time lies outside of [0, 1].
        """
        chosen = self.times() if times is None else checked_times(times)
        images, output = self.settings.images, self.settings.output
        return make_dataset(
            frames=self.frames(chosen, should_stop=should_stop, on_frame=on_frame),
            times=chosen,
            velocity=self.fields,
            report=self.report,
            settings=self.settings.model_dump(mode="json"),
            placement=Placement.from_dict(self.placement),
            interval=(images.interval, images.interval_unit) if images.interval else None,
            confidence=self.confidence(chosen, should_stop=should_stop)
            if output.confidence
            else None,
        )
