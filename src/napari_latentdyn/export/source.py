"""What there is to export: frames and fields with their times, places and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import unit_symbol
from napari_latentdyn.core.runfolder.folder import read_run
from napari_latentdyn.errors import ExportError
from napari_latentdyn.settings import Settings

__all__ = ["Source"]


@dataclass(frozen=True, eq=False)
class Source:
    """Frames and fields with what is known of them.

    Attributes
    ----------
    frames : ndarray
        (T, Y, X) or (T, C, Y, X), in the intensity units of the inputs.
    times : ndarray
        (T,) fractions of the interval.
    velocity : ndarray
        (n, 2, Y, X), (dy, dx) in pixels per stage; n is 0 where there are no fields.
    settings : Settings or None
        Settings of the run, if there was one.
    report : mapping
        What is known about the run.
    placement : Geometry
        Where the inputs lie.
    interval : (float, str) or None
        Time between the inputs and its unit.
    name : str
        Name of the result.
    tracks : ndarray, optional
        (N, 4) points of tracks: id, time as a fraction of the interval, y and x in pixels.
    confidence : ndarray, optional
        (T, Y, X) how far the frames can be trusted, from 0 to 1.
    folder : Path, optional
        The run folder.
    """

    frames: NDArray[Any]
    times: NDArray[np.float64]
    velocity: NDArray[np.float32]
    settings: Settings | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    placement: Geometry = field(default_factory=Geometry)
    interval: tuple[float, str] | None = None
    name: str = "result"
    tracks: NDArray[np.float64] | None = None
    confidence: NDArray[np.float32] | None = None
    folder: Path | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim not in (3, 4) or self.times.shape != self.frames.shape[:1]:
            raise ValueError(
                f"{self.times.size} times do not fit frames of shape {self.frames.shape}"
            )
        if self.velocity.ndim != 4 or self.velocity.shape[1:] != (2, *self.shape):
            raise ValueError(
                f"fields of shape {self.velocity.shape} do not fit frames of shape "
                f"{self.frames.shape}"
            )

    @classmethod
    def from_run(cls, folder: str | Path) -> Self:
        """Read a run folder.

        Raises
        ------
        RunFolderError
            If it is no run folder, is incomplete, or was written by a newer version.
        """
        run = read_run(folder)
        given = run.report.get("interval") or {}
        known = bool(given.get("value"))
        return cls(
            frames=run.frames,
            times=run.times,
            velocity=run.velocity,
            settings=run.settings,
            report=run.report,
            placement=Geometry.from_report(run.report.get("placement")),
            interval=(float(given["value"]), str(given["unit"])) if known else None,
            name=run.path.resolve().name,
            confidence=run.confidence,
            folder=run.path.resolve(),
        )

    def at(self, times: ArrayLike) -> Self:
        """Return the source with only the frames at some of its times, in their order.

        Raises
        ------
        ExportError
            If there is no frame at one of the times.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        index = [int(np.argmin(np.abs(self.times - time))) for time in wanted]
        for time, found in zip(wanted, index, strict=True):
            if abs(self.times[found] - time) > 1e-6:
                raise ExportError(
                    f"there is no frame at {time:g} of the interval; choose one of the times of "
                    "the frames, or export from the run folder, which can make others."
                )
        return self.with_frames(
            self.frames[index],
            self.times[index],
            None if self.confidence is None else self.confidence[index],
        )

    def with_frames(
        self,
        frames: NDArray[Any],
        times: NDArray[np.float64],
        confidence: NDArray[np.float32] | None = None,
    ) -> Self:
        """Return the source with other frames at other times."""
        return replace(self, frames=frames, times=times, confidence=confidence)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.frames.shape[-2]), int(self.frames.shape[-1])

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.frames.shape[1]) if self.frames.ndim == 4 else 1

    @property
    def stages(self) -> int:
        """Number of stages, 0 where there are no fields."""
        return len(self.velocity)

    @property
    def rgb(self) -> bool:
        """Whether the channels are red, green and blue."""
        first = (self.report.get("inputs") or {}).get("first") or {}
        return self.channels in (3, 4) and bool(first.get("rgb"))

    @property
    def geo(self) -> Geometry | None:
        """Where the frames lie on the Earth, if the first input was a GeoTIFF."""
        return Geometry.on_map(self.report)

    # Time -------------------------------------------------------------------------------------

    @property
    def duration(self) -> float:
        """The interval in `time_unit`; 1 where it is not known."""
        return self.interval[0] if self.interval else 1.0

    @property
    def time_unit(self) -> str | None:
        """Symbol of the unit of time, or None where times are fractions of the interval."""
        return unit_symbol(self.interval[1]) if self.interval else None

    @property
    def moments(self) -> NDArray[np.float64]:
        """Times of the frames, (T,), in `time_unit`."""
        return self.times * self.duration

    @property
    def field_moments(self) -> NDArray[np.float64]:
        """Middles of the stages, (n,), in `time_unit`."""
        return (np.arange(self.stages) + 0.5) / max(self.stages, 1) * self.duration

    def stage_at(self, time: float) -> int:
        """Return the stage that a fraction of the interval belongs to."""
        return int(np.clip(np.floor(time * self.stages + 1e-6), 0, self.stages - 1))

    # Space ------------------------------------------------------------------------------------

    @property
    def matrix(self) -> NDArray[np.float64]:
        """3x3 matrix from the centre of a pixel (y, x, 1) to its place in `length_units`.

        A georeference goes before the placement; y then points north.
        """
        return (self.geo or self.placement).matrix

    @property
    def length_units(self) -> tuple[str, str]:
        """Symbols of the units along y and x."""
        y, x = (self.geo or self.placement).units
        return unit_symbol(y), unit_symbol(x)

    @property
    def in_degrees(self) -> bool:
        """Whether places are longitudes and latitudes, which make no length together."""
        return any(unit.startswith("degree") for unit in self.length_units)

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Distance between neighbouring pixels down and to the right, in `length_units`."""
        height, width = np.linalg.norm(self.matrix[:2, :2], axis=0)
        return float(height), float(width)

    @property
    def upright(self) -> bool:
        """Whether rows and columns of pixels run along the axes of the world."""
        linear = self.matrix[:2, :2]
        return bool(np.allclose(linear, np.diag(np.diag(linear)), atol=1e-12 * abs(linear).max()))

    def world(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the places of pixels (..., 2), (y, x), in `length_units`."""
        matrix = self.matrix
        return np.asarray(points, dtype=np.float64) @ matrix[:2, :2].T + matrix[:2, 2]

    def coordinates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return y of every row and x of every column, in `length_units`.

        Where rows and columns do not run along the axes of the world, these are
        the distances from the first pixel along columns and rows.
        """
        rows, columns = (np.arange(size, dtype=np.float64) for size in self.shape)
        if not self.upright:
            height, width = self.pixel_size
            return rows * height, columns * width
        matrix = self.matrix
        return matrix[0, 0] * rows + matrix[0, 2], matrix[1, 1] * columns + matrix[1, 2]

    def physical(self, displacement: ArrayLike) -> NDArray[np.float64]:
        """Return velocities in `length_units` per `time_unit`.

        Parameters
        ----------
        displacement : array_like, shape (..., 2)
            (dy, dx) in pixels per stage.

        Returns
        -------
        ndarray, shape (..., 2)
            Along y and x of the world; per interval where its length is not known.
        """
        turned = np.asarray(displacement, dtype=np.float64) @ self.matrix[:2, :2].T
        return turned * (self.stages / self.duration)

    def physical_velocity(self) -> NDArray[np.float32]:
        """Return the fields, (n, 2, Y, X), as `physical` does."""
        turned = np.einsum("ij,njyx->niyx", self.matrix[:2, :2], self.velocity)
        return np.asarray(turned * (self.stages / self.duration), dtype=np.float32)
