"""All prior knowledge of the scene together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import Tracks

__all__ = ["Knowledge"]


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Prior knowledge of K images: regions with a role, and tracks of points.

    Attributes
    ----------
    regions : Regions
        Masks by their role.
    tracks : Tracks, optional
        Known positions at known times.
    """

    regions: Regions = field(default_factory=Regions)
    tracks: Tracks | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return self.regions.is_empty and self.tracks is None

    def fits(self, times: NDArray[np.float64], shape: tuple[int, int]) -> Knowledge:
        """Return the knowledge after a check against images at times (K,) of a shape (H, W).

        Raises
        ------
        ObservationError
            If a mask or the tracks do not fit; see `Regions.fits` and `Tracks.fits`.
        """
        self.regions.fits(len(times), shape)
        if self.tracks is not None:
            self.tracks.fits(times, shape)
        return self

    def between(self, first: int, last: int, times: NDArray[np.float64]) -> Knowledge:
        """Return the knowledge of the images `first` and `last` of times (K,).

        Times of tracks become fractions of the time between both images.
        """
        start, end = float(times[first]), float(times[last])
        tracks = None if self.tracks is None else self.tracks.within(start, end)
        if tracks is not None:
            when = np.clip((tracks.time - start) / (end - start), 0.0, 1.0)
            tracks = Tracks(tracks.track, when, tracks.place, tracks.sigma, tracks.held)
        return Knowledge(self.regions.of_images(first, last), tracks)

    def crop(self, slices: tuple[slice, slice]) -> Knowledge:
        """Return the knowledge of a window; tracks may lie outside of it."""
        tracks = self.tracks
        if tracks is not None:
            tracks = tracks.moved((-float(slices[0].start), -float(slices[1].start)))
        return Knowledge(self.regions.crop(slices), tracks)

    def sentence(self) -> str:
        """Return the number of masks, tracks and landmarks, such as "2 masks, 3 tracks"."""
        masks, tracks, landmarks = len(self.regions.masks), 0, 0
        if self.tracks is not None:
            landmarks = self.tracks.landmark_count
            tracks = len(self.tracks) - landmarks
        named = ((masks, "mask"), (tracks, "track"), (landmarks, "landmark"))
        return ", ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in named if n)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, as `from_arrays` reads them."""
        return self.regions.to_arrays() | ({} if self.tracks is None else self.tracks.to_arrays())

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Knowledge:
        """Make the knowledge that `to_arrays` described."""
        return cls(Regions.from_arrays(arrays), Tracks.from_arrays(arrays))
