"""What is explored: a result just made, or a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.timescale import TimeScale
from napari_latentdyn.core.runfolder.folder import read_run
from napari_latentdyn.errors import GeometryError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.reference import interval_of
from napari_latentdyn.viewer.timeline import Timeline

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["Subject"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A result and where it lies.

    Attributes
    ----------
    run_id : str
        That of its layers.
    name : str
        Start of the layers' names.
    velocity : ndarray of float32, shape (n, 2, H, W)
        Advection fields (dy, dx) in pixels per stage.
    times : ndarray, shape (T,)
        Of the frames that are shown, as fractions of the interval.
    settings : Settings
        Settings of the run.
    report : dict
        ``interval`` and ``inputs`` are used.
    placement : Geometry
        Where the images lie.
    folder : Path or None
        The run folder that it was saved to or opened from.
    """

    run_id: str
    name: str
    velocity: NDArray[np.float32]
    times: NDArray[np.float64]
    settings: Settings
    report: Mapping[str, Any]
    placement: Geometry
    folder: Path | None = None
    _dynamics: list[Dynamics] = field(default_factory=list, repr=False)

    @classmethod
    def from_run(cls, folder: str | Path, run_id: str) -> Self:
        """Read a run folder; its networks are loaded when they are needed.

        Raises
        ------
        RunFolderError
            If it is damaged, incomplete, or of another version.
        """
        run = read_run(folder)
        return cls(
            run_id,
            Path(folder).resolve().name,
            run.velocity,
            np.asarray(run.times, dtype=np.float64),
            run.settings,
            run.report,
            Geometry.from_report(run.report.get("placement")),
            Path(folder).resolve(),
        )

    @classmethod
    def from_dynamics(cls, dynamics: Dynamics, info: Mapping[str, Any], name: str) -> Self:
        """Take a result of this process, with the metadata of its layers."""
        report = {**dynamics.report, "inputs": info.get("inputs"), "interval": info.get("interval")}
        return cls(
            str(info["run_id"]),
            name,
            np.asarray(dynamics.fields),
            np.asarray(info["times"], dtype=np.float64),
            dynamics.settings,
            report,
            Geometry.from_report(info.get("placement")),
            Path(info["folder"]) if info.get("folder") else None,
            [dynamics],
        )

    def at(self, times: NDArray[np.float64]) -> Self:
        """Return the same with frames at other times."""
        return replace(self, times=np.asarray(times, dtype=np.float64))

    @property
    def interval(self) -> tuple[float, str] | None:
        """Time between the images and its unit, None if it is not known."""
        known = interval_of(self.report, self.settings)
        return (known["value"], known["unit"]) if known else None

    @property
    def timeline(self) -> Timeline:
        """The time axis of all its layers."""
        return Timeline(self.times, len(self.velocity), self.interval)

    @property
    def timescale(self) -> TimeScale:
        """Length of the interval."""
        return TimeScale(*self.interval) if self.interval else TimeScale()

    @property
    def geometry(self) -> Geometry:
        """Where the pixels lie.

        That of the layers; where these have none, that of the map they came from.
        """
        place = Geometry.on_map(self.report)
        if place is not None and place.units[0] == "metre" and self.placement == Geometry():
            return Geometry.from_pixel_size(place.pixel_size, "meter")
        return self.placement

    @property
    def pixel_per_stage(self) -> tuple[float, str]:
        """What one pixel per stage is in physical units, and their name.

        1.0 of its own kind where pixels are not square or rows and columns not
        at right angles: a pixel is not the same length in all directions then.
        """
        place, time = self.geometry, self.timescale
        try:
            place.check_angles()
            unit = f"{place.length_unit}/{time.unit}"
        except GeometryError:
            return 1.0, "pixel/stage"
        height, width = place.pixel_size
        if not np.isclose(height, width, rtol=1e-6):
            return 1.0, "pixel/stage"
        return width / time.stage_duration(len(self.velocity)), unit

    @property
    def duration(self) -> float:
        """World time of the whole interval: its length, or the number of stages."""
        return self.interval[0] if self.interval else float(len(self.velocity))

    @property
    def time_unit(self) -> str:
        """Unit of `duration`."""
        return self.interval[1] if self.interval else "stage"

    def time_at(self, point: Sequence[float]) -> float:
        """Return the time of a point in the world, as a fraction of the interval.

        Parameters
        ----------
        point : sequence of float
            World coordinates of all axes; time stands before (y, x).
        """
        if len(point) < 3:
            return 0.0
        scale, start = self.timeline.of_frames
        position = (float(point[-3]) - start) / scale
        time = np.interp(position, np.arange(len(self.times)), self.times)
        return float(np.clip(time, 0.0, 1.0))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the images."""
        height, width = self.velocity.shape[-2:]
        return int(height), int(width)

    def frames(
        self,
        should_stop: Callable[[], bool] | None = None,
        on_frame: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Draw the frames at its times, shape (T, H, W) or (T, C, H, W).

        Raises
        ------
        RunFolderError
            If the folder's networks cannot be read.
        Stopped
            If `should_stop` became true.
        """
        return self.dynamics().frames(self.times, should_stop=should_stop, on_frame=on_frame)

    def latents(self, should_stop: Callable[[], bool] | None = None) -> NDArray[np.float32]:
        """Return the latent states at its times, shape (T, c, H, W); as `frames`."""
        return self.dynamics().latents(self.times, should_stop=should_stop)

    def dynamics(self) -> Dynamics:
        """Return the networks and all, loaded from the folder if need be."""
        if not self._dynamics:
            from napari_latentdyn.core.dynamics.result import Dynamics

            assert self.folder is not None
            self._dynamics.append(Dynamics.load(self.folder))
        return self._dynamics[0]
