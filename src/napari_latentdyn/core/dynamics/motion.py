"""Fields of all intervals, and quantities derived from them without images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.carrying import Kind, carry
from napari_latentdyn.core.dynamics.deformation import Deformation, deformation
from napari_latentdyn.core.dynamics.trajectories import Interpolation, trajectories
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings.text import shown

__all__ = ["Motion", "times_at"]


def times_at(observation_times: NDArray[np.float64], fractions: ArrayLike) -> NDArray[np.float64]:
    """Return the times at fractions, 0 to 1, of the time from the first to the last image."""
    first, last = observation_times[0], observation_times[-1]
    # Rounding must not lead beyond the last image.
    return np.asarray(np.clip(first + np.asarray(fractions) * (last - first), first, last))


class Motion:
    """The motion between K observations.

    Parameters
    ----------
    fields : ndarray of float32, shape ((K - 1) n, 2, H, W)
        Advection fields (dy, dx) in pixels per stage, n stages for each interval
        between neighbours. They have numbers outside of the region of interest, too, where
        `velocity` and `shown_fields` are NaN: points near its edge are followed with them.
    report : RunReport
        Times of the observations, their place, and the interval are used.
    """

    def __init__(self, fields: NDArray[np.float32], report: RunReport) -> None:
        self.fields = fields
        self.report = report

    @property
    def observation_times(self) -> NDArray[np.float64]:
        """Times of the images, shape (K,); 0 and 1 for two images."""
        return np.asarray(self.report.observation_times, np.float64)

    @property
    def regions(self) -> Regions:
        """Regions that the user knows; none where no images are known."""
        return Regions()

    @property
    def shown_fields(self) -> NDArray[np.float32]:
        """The fields, with NaN where the motion was not computed."""
        outside = self.regions.outside
        return (
            self.fields if outside is None else np.where(outside, np.float32(np.nan), self.fields)
        )

    @property
    def field_times(self) -> NDArray[np.float64]:
        """Start of each stage, shape ((K - 1) n,), in the unit of `observation_times`."""
        known = self.observation_times
        position = np.arange(len(self.fields)) * (len(known) - 1) / len(self.fields)
        return np.interp(position, np.arange(len(known)), known)

    @property
    def stage_edges(self) -> NDArray[np.float64]:
        """Start of each stage and end of the last one, shape ((K - 1) n + 1,)."""
        return np.append(self.field_times, self.observation_times[-1])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the images."""
        return self.fields.shape[-2], self.fields.shape[-1]

    @property
    def placement(self) -> Geometry:
        """Place of the layers of the images."""
        placed = self.report.placement
        return Geometry() if placed is None else placed.geometry

    @property
    def interval(self) -> tuple[float, str] | None:
        """Length of a unit of `observation_times` and its unit, None if it is unknown.

        For two images, whose times are 0 and 1, that is the time between them.
        """
        known = self.report.interval
        return None if known is None or known.value is None else (known.value, known.unit)

    @property
    def duration(self) -> float:
        """Time from the first image to the last in `time_unit`."""
        return float(self.elapsed(self.observation_times[-1]))

    @property
    def stage_durations(self) -> NDArray[np.float64]:
        """Duration of each stage in `time_unit`, shape ((K - 1) n,)."""
        if self.interval is None:
            return np.ones(len(self.fields))
        spans = np.diff(self.observation_times) * self.interval[0]
        stages = len(self.fields) // len(spans)
        return np.repeat(spans / stages, stages)

    def elapsed(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the time since the first image in `time_unit`, for times of frames."""
        when = np.asarray(times, np.float64)
        if self.interval is None:
            return self._progress(when) * len(self.fields)
        return np.asarray((when - self.observation_times[0]) * self.interval[0])

    @property
    def time_unit(self) -> str:
        """Unit of `duration`."""
        return self.interval[1] if self.interval else "stage"

    @property
    def geometry(self) -> Geometry:
        """Place of the pixels: that of the layers, else their size on the map."""
        place = self.map_geometry
        if place is not None and place.units[0] == "metre" and self.placement == Geometry():
            return Geometry.from_pixel_size(place.pixel_size, "meter")
        return self.placement

    @property
    def map_geometry(self) -> Geometry | None:
        """Place of the first image on the Earth, None if it is not known."""
        inputs = self.report.inputs
        return Geometry.on_map(inputs[0].geo if inputs else None)

    def times(self) -> NDArray[np.float64]:
        """Return the start of each stage and the end of the last one."""
        return self.stage_edges

    def checked_times(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return times as an array, shape (T,).

        Raises
        ------
        SettingsError
            If a time lies outside of the observations.
        """
        try:
            chosen = np.atleast_1d(np.asarray(times, np.float64))
        except (TypeError, ValueError):
            raise SettingsError(f"times must be numbers; got {shown(times)}.") from None
        first, last = self.report.observation_times[0], self.report.observation_times[-1]
        inside = bool(np.all((chosen >= first) & (chosen <= last)))
        if chosen.ndim != 1 or not chosen.size or not inside:
            raise SettingsError(
                f"times must be numbers between {first:g} and {last:g}; got "
                f"{np.array2string(chosen, threshold=8)}."
            )
        return chosen

    def velocity(self, times: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return the velocity at any times, constant within a stage.

        Parameters
        ----------
        times : array_like, shape (T,), optional
            Between the first and the last observation, fractions in [0, 1] for two;
            the start of each stage by default.

        Returns
        -------
        ndarray of float32, shape (T, 2, H, W)
            (dy, dx) in pixels per `time_unit`.

        Raises
        ------
        SettingsError
            If a time lies outside of the observations.
        """
        stage = self.stages_at(times)
        duration = self.stage_durations[stage].astype(np.float32)
        return np.asarray(self.shown_fields[stage] / duration[:, None, None, None])

    def stages_at(self, times: ArrayLike | None = None) -> NDArray[np.intp]:
        """Return the number of the stage at each time, (T,); arguments as in `velocity`."""
        if times is None:
            return np.arange(len(self.fields))
        # A time belongs to the stage that it begins, that of the last observation to the last.
        chosen = self.checked_times(times)
        return np.asarray(np.searchsorted(self.field_times, chosen, side="right") - 1)

    def trajectories(
        self,
        points: ArrayLike,
        times: ArrayLike | None = None,
        start_time: ArrayLike | None = None,
        *,
        interpolation: Interpolation = "cubic",
        extend: bool = False,
    ) -> NDArray[np.float64]:
        """Follow points along the fields, forwards and backwards; see `core.dynamics.trajectories`.

        Parameters
        ----------
        points : array_like, shape (P, 2)
            Places (y, x) in pixels at `start_time`.
        times : array_like, shape (T,), optional
            Between the first and the last observation, fractions in [0, 1] for two;
            those of `times` by default.
        start_time : float or array_like of shape (P,), optional
            Time of `points`; that of the first observation by default.
        interpolation : {"cubic", "linear"}
            Interpolation of the velocity between pixels; linear where it jumps.
        extend : bool
            Follow points outside of the image, too, with the velocity at its border.

        Returns
        -------
        ndarray of float64, shape (P, T, 2)
            (y, x) in pixels; NaN where they are outside of the image or of the region of interest,
            unless `extend`.

        Raises
        ------
        DerivedError
            If shapes do not fit.
        SettingsError
            If a time lies outside of the observations.
        """
        chosen = self.times() if times is None else self.checked_times(times)
        start = self.observation_times[0] if start_time is None else start_time
        start = self.checked_times(start).reshape(np.shape(start))
        spans = np.diff(self.observation_times)
        even = np.allclose(spans, spans[0], rtol=1e-6)
        stages = len(self.fields) // len(spans)
        found = trajectories(
            self.fields,
            points,
            self._progress(chosen),
            self._progress(start),
            interpolation=interpolation,
            extend=extend,
            breaks=() if even else range(stages, len(self.fields), stages),
            blocked=self.regions.blocked_intervals,
        )
        outside = self.regions.outside
        if outside is not None and not extend:
            limits = np.array(self.shape) - 1
            rows, columns = np.rint(np.clip(np.nan_to_num(found), 0, limits)).astype(np.intp).T
            found[outside[rows, columns].T] = np.nan
        return found

    def carry(
        self,
        what: ArrayLike,
        times: ArrayLike | None = None,
        start_time: ArrayLike | None = None,
        *,
        kind: Kind | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_frame: Callable[[int, int], None] | None = None,
    ) -> NDArray[Any]:
        """Carry an image, labels or points from one time to others along the motion.

        Parameters
        ----------
        what : array_like
            An image (H, W) or (C, H, W), whose intensities are interpolated; labels (H, W), or
            (K, H, W) with one plane for each observation, of which the nearest in time is
            carried; or points (P, 2), (y, x) in pixels.
        times : array_like, shape (T,), optional
            Between the first and the last observation, fractions in [0, 1] for two; those of
            `times` by default.
        start_time : float or array_like of shape (P,), optional
            Time of `what`, or of each point; that of the first observation by default.
        kind : {"labels", "image", "points"}, optional
            By default whole numbers of the size of the images are labels, real numbers an
            image, and (P, 2) points.
        should_stop : callable, optional
            Called at every time; true raises `errors.Stopped`.
        on_frame : callable, optional
            Called with the number of finished times and that of all times.

        Returns
        -------
        ndarray, shape (T, H, W), (T, C, H, W) or (T, P, 2)
            Labels keep their type, and are 0 where the place was outside of the image.
            Images are real, within the range of the pixels around, and NaN where the place was
            outside or missing. Points are NaN where they are outside.

        Raises
        ------
        DerivedError
            If shape or values do not fit `kind`, or all points are outside of the image.
        SettingsError
            If a time lies outside of the observations.
        """
        chosen = self.times() if times is None else self.checked_times(times)
        begin = None if start_time is None else self.checked_times(start_time)
        return carry(self, what, chosen, begin, kind, should_stop, on_frame)

    def _progress(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the part of all stages that is over at times, from 0 to 1."""
        known = self.observation_times
        return np.asarray(np.interp(times, known, np.linspace(0.0, 1.0, len(known))))

    def deformation(self, smooth: float = 0.0) -> Deformation:
        """Return divergence, vorticity and strain rates of each stage, in real units.

        Directions are those of the rows and columns of the image, also where the
        image is turned.

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
        place = self.geometry
        place.check_angles()
        return deformation(
            self.fields,
            blocked=self.regions.blocked_intervals,
            outside=self.regions.outside,
            pixel_size=place.pixel_size,
            duration=self.stage_durations,
            length_unit=place.length_unit,
            time_unit=self.time_unit,
            smooth=smooth,
        )
