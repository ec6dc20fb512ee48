"""What follows from the fields and frames of a result: rates, tracers, a Dataset."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.dataset import check_xarray, make_dataset
from napari_latentdyn.core.dynamics.deformation import Deformation
from napari_latentdyn.core.dynamics.trajectories import Interpolation, checked_times, trajectories
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.timescale import TimeScale
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
    """

    fields: NDArray[np.float32]
    settings: Settings
    placement: Mapping[str, Any] | None

    @abstractmethod
    def times(self) -> NDArray[np.float64]:
        """Return the times of the frames that the settings ask for."""

    @abstractmethod
    def frames(self, times: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return frames at any times."""

    @property
    def geometry(self) -> Geometry:
        """Where the pixels lie, as `placement` says."""
        return Geometry.from_report(self.placement)

    @property
    def timescale(self) -> TimeScale:
        """The interval of `settings`."""
        return TimeScale(self.settings.images.interval, self.settings.images.interval_unit)

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
        GeometryError
            If the image is sheared, or measured in one unit down and another to
            the right.
        DerivedError
            If `smooth` is negative.
        """
        return Deformation.of(self.fields, self.geometry, self.timescale, smooth=smooth)

    def to_xarray(self, times: ArrayLike | None = None) -> xarray.Dataset:
        """Return frames and fields as a Dataset with coordinates and units.

        Parameters
        ----------
        times : array_like of float, optional
            Fractions of the interval in [0, 1]; those of `times` by default.

        Returns
        -------
        xarray.Dataset
            ``frames`` (time, [channel,] y, x), ``u`` and ``v`` (stage, y, x); see
            `core.dataset.make_dataset`.

        Raises
        ------
        MissingLibraryError
            If xarray is not installed: it comes with ``napari-latentdyn[export]``.
        SettingsError
            If a time lies outside of [0, 1].
        """
        check_xarray()
        chosen = self.times() if times is None else checked_times(times)
        return make_dataset(
            frames=self.frames(chosen),
            times=chosen,
            fields=self.fields,
            geometry=self.geometry,
            timescale=self.timescale,
            source=f"napari-latentdyn {importlib.metadata.version('napari-latentdyn')}",
        )
