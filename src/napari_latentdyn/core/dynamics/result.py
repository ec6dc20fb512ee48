"""The result of a fit: frames at any time, velocity, tracers, deformation, confidence."""

from __future__ import annotations

import copy
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.dataset import make_dataset
from napari_latentdyn.core.dynamics.deviations import add_deviations
from napari_latentdyn.core.dynamics.intervals import Rendered, computed, frame_times, is_large
from napari_latentdyn.core.dynamics.uncertain import OnFrame, ShouldStop, UncertainMotion
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.folder import read_fields, read_settings, write_run
from napari_latentdyn.core.runfolder.inputs import read_observations
from napari_latentdyn.core.runfolder.members import (
    CONFIDENCE,
    LATENTS,
    read_frames,
    read_optional,
)
from napari_latentdyn.core.runfolder.report import read_report
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.paths import input_folder
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    import xarray

    from napari_latentdyn.core.dynamics.fitted import Fitted

__all__ = ["Dynamics", "frame_times"]


class Dynamics(UncertainMotion):
    """The dynamics between K observations.

    A result of a run folder reads its images, frames and networks
    when they are used, and PyTorch is imported when frames are computed.

    Parameters
    ----------
    settings : Settings
        All settings of the fit.
    fields : ndarray of float32, shape ((K - 1) n, 2, H, W)
        Advection fields (dy, dx) in pixels per stage, n stages for each interval
        between neighbours; they have numbers outside of the region of interest, too.
    report : RunReport
        Version, seed, device, steps, seconds, losses, inputs.
    observations : Observations, optional
        The images; those of the folder by default.
    fitted : Fitted, optional
        Networks, ensembles and checkpoint; those of the folder by default.
    folder : Path, optional
        Run folder of the result.
    times : ndarray, shape (T,), optional
        Times of its frames; those of the settings by default.
    name : str
        Start of the names of layers and files.
    """

    def __init__(
        self,
        settings: Settings,
        fields: NDArray[np.float32],
        report: RunReport,
        *,
        observations: Observations | None = None,
        fitted: Fitted | None = None,
        folder: Path | None = None,
        times: NDArray[np.float64] | None = None,
        name: str = "dynamics",
    ) -> None:
        super().__init__(fields, report)
        self.settings = settings
        self.folder = folder
        self.name = name
        #: Equal for results that share their layers.
        self.run_id = uuid.uuid4().hex
        self._observations = observations
        self._fitted = fitted
        self._times = times
        # Arrays at the times, and the folder that also holds them.
        self._arrays: dict[str, NDArray[Any]] = {}
        self._stored_in = folder

    @property
    def observations(self) -> Observations:
        """The images; RunFolderError if they cannot be read from the run folder."""
        if self._observations is None:
            assert self.folder is not None
            self._observations = read_observations(self.folder, self.report, self.shape)
        return self._observations

    @property
    def fitted(self) -> Fitted:
        """Networks, ensembles and checkpoint; errors as those of `observations`."""
        if self._fitted is None:
            from napari_latentdyn.core.dynamics.fitted import Fitted

            assert self.folder is not None
            self._fitted = Fitted.read(
                self.folder, self.settings, self.report, self.observations, self.fields
            )
        return self._fitted

    @property
    def regions(self) -> Regions:
        """Regions that the user knows; errors as those of `observations`."""
        return Regions() if self.report.known is None else self.observations.known.regions

    def times(self) -> NDArray[np.float64]:
        """Return the times of its frames, both ends included, shape (T,)."""
        if self._times is None:
            self._times = frame_times(self.settings, self.observation_times)
        return self._times

    def at(self, times: ArrayLike, *, name: str | None = None) -> Self:
        """Return the same result with frames at other times, and another name if one is given.

        Raises
        ------
        SettingsError
            If a time lies outside of the observations.
        """
        other = copy.copy(self)
        other.name = name or self.name
        other._show(self.checked_times(times))  # noqa: SLF001
        return other

    def _show(self, times: NDArray[np.float64]) -> None:
        if not np.array_equal(times, self.times()):
            self._times, self._arrays, self._stored_in = times, {}, None

    def frames(
        self,
        times: ArrayLike | None = None,
        *,
        should_stop: ShouldStop | None = None,
        on_frame: OnFrame | None = None,
    ) -> NDArray[np.float32]:
        """Return frames at any times; those at the times of the result are cached.

        Parameters
        ----------
        times : array_like of float, optional
            Between the first and the last observation: fractions in [0, 1] for two
            images. Those of `times` by default.
        should_stop : callable, optional
            Called now and then; true raises `errors.Stopped`.
        on_frame : callable, optional
            Called with the finished and the total work.

        Returns
        -------
        ndarray of float32, shape (T, H, W), or (T, C, H, W) for several channels
            In the units of the images; NaN where a place is missing in all images of the
            frame: in both of its interval, or in the one at its time.

        Raises
        ------
        SettingsError
            If a time lies outside of the observations.
        OutOfMemoryError
            If a window does not fit into the memory.
        """
        return self._array("frames", times, should_stop, on_frame)

    def latents(
        self, times: ArrayLike | None = None, *, should_stop: ShouldStop | None = None
    ) -> NDArray[np.float32]:
        """Return the latent states at any times, shape (T, c, H, W); as `frames`.

        Where no network was trained, the state is the image alone.
        """
        return self._array("latents", times, should_stop, None)

    def confidence(
        self, times: ArrayLike | None = None, *, should_stop: ShouldStop | None = None
    ) -> NDArray[np.float32]:
        """Return how far frames can be trusted, shape (T, H, W), from 0 to 1; as `frames`.

        The states that each member carries from each end to the same place are
        compared: where all agree, the confidence is 1; it is 0.5 where they
        scatter by 5 % of the intensity range.
        """
        return self._array("confidence", times, should_stop, None)

    def stored(self, what: Rendered) -> NDArray[np.float32] | None:
        """Return an array at its times that was computed or saved before, else None."""
        if what not in self._arrays and self._stored_in is not None and what != "deviation":
            if what == "frames":
                self._arrays[what] = read_frames(self._stored_in, self.report)
            else:
                file = LATENTS if what == "latents" else CONFIDENCE
                found = read_optional(self._stored_in, self.report, file)
                if found is not None:
                    self._arrays[what] = found
        return self._arrays.get(what)

    def render(
        self, *, should_stop: ShouldStop | None = None, on_frame: OnFrame | None = None
    ) -> None:
        """Compute the arrays of the settings at its times: frames, latent states, confidence.

        Large frames of a long series are computed when they are used.
        """
        if is_large(self):
            return
        self.frames(should_stop=should_stop, on_frame=on_frame)
        if self.settings.output.latents:
            self.latents(should_stop=should_stop)
        if self.settings.output.confidence:
            self.confidence(should_stop=should_stop)

    def _array(
        self,
        what: Rendered,
        times: ArrayLike | None,
        should_stop: ShouldStop | None,
        on_frame: OnFrame | None,
    ) -> NDArray[np.float32]:
        own = self.times()
        chosen = own if times is None else self.checked_times(times)
        kept = self.stored(what) if np.array_equal(chosen, own) else None
        if kept is None:
            observations = self.observations
            kept = self.fitted.render(
                what, observations, self.fields, chosen, self.settings, should_stop, on_frame
            )
            single = what == "frames" and not observations.multichannel
            if single or what in ("confidence", "deviation"):
                kept = kept[:, 0]
            if np.array_equal(chosen, own):
                self._arrays[what] = kept
        return kept

    def to_xarray(
        self,
        times: ArrayLike | None = None,
        *,
        tracers: NDArray[np.float64] | None = None,
        std: bool = False,
        should_stop: ShouldStop | None = None,
        on_frame: OnFrame | None = None,
    ) -> xarray.Dataset:
        """Return frames, velocity and confidence as a Dataset with coordinates and units.

        See `core.dynamics.dataset.make_dataset` and `frames`. The confidence and latent
        states are included if they were computed or saved before, standard deviations with `std`.
        """
        here = self if times is None else self.at(times)
        data = make_dataset(
            frames=here.frames(should_stop=should_stop, on_frame=on_frame),
            times=here.times(),
            velocity=self.shown_fields,
            edges=self.stage_edges,
            observation_times=self.observation_times,
            report=self.report,
            settings=self.settings.model_dump(mode="json"),
            placement=self.placement,
            interval=self.interval,
            title=self.name,
            confidence=here.stored("confidence"),
            latents=here.stored("latents"),
            tracers=tracers,
        )
        if std:
            add_deviations(data, here, should_stop, on_frame)
        if self.folder is not None:
            # Source of a dataset, by the convention of xarray.
            data.encoding["source"] = str(self.folder)
        return data

    def save(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        should_stop: ShouldStop | None = None,
        on_frame: OnFrame | None = None,
    ) -> Path:
        """Compute the missing arrays and write a run folder, complete or not at all.

        Parameters
        ----------
        folder : path
            Where to write.
        overwrite : bool
            Replace an earlier run folder there.
        should_stop, on_frame : callable, optional
            See `frames`; nothing is written after a stop.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        RunFolderError
            If the folder cannot be written.
        """
        times, output = self.times(), self.settings.output
        wanted = frame_times(self.settings, self.observation_times)
        complete = bool(np.isin(wanted, times).all())
        written = write_run(
            folder,
            frames=computed(self, "frames", should_stop, on_frame),
            times=times,
            velocity=self.fields,
            field_times=self.field_times,
            settings=self.settings,
            report=self.report.model_copy(update={"frames_complete": complete}),
            tensors=self.fitted.to_arrays(),
            tensor_metadata={"channels": str(self.observations.channels)},
            inputs=self.observations.to_arrays(),
            latents=computed(self, "latents", should_stop) if output.latents else None,
            confidence=computed(self, "confidence", should_stop) if output.confidence else None,
            overwrite=overwrite,
        )
        self.folder = written.resolve()
        return written

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a run folder.

        Raises
        ------
        RunFolderError
            If it is damaged, incomplete, or of another version.
        """
        path = input_folder(folder, RunFolderError, what="the folder of a run")
        report = read_report(path)
        if report.frames_shape is None:
            frames = read_frames(path, report)
            report = report.model_copy(update={"frames_shape": list(frames.shape)})
        fields = read_fields(path, report)
        times = np.asarray(report.times, np.float64)
        where = path.resolve()
        settings = read_settings(path)
        return cls(settings, fields, report, folder=where, times=times, name=where.name)
