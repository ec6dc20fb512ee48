"""All prior knowledge of the scene together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.contradictions import check_still
from napari_latentdyn.core.knowledge.regions import ROLES, Regions
from napari_latentdyn.core.knowledge.tracks import Tracks

__all__ = ["Knowledge", "in_words"]

_COUNTED = ("masks", "tracks", "landmarks", "held_back")
#: Roles of files and layers that count as masks.
_MASKS = (*ROLES, "missing")


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Prior knowledge of K images: regions with a role, and tracks of points.

    Attributes
    ----------
    regions : Regions
        Masks by their role.
    tracks : Tracks, optional
        Known positions at known times.
    sources : tuple of mappings
        Role, name, and as far as they are known path and SHA-256 of each file or layer, and
        as `left_out` the number of its tracks that do not meet the images. Masks of missing pixels
        are among them; `Observations.valid` has their pixels.
    part : float
        Part of the tracks, 0 to 1, that was to be held back; 0 if the user gave none.
    """

    regions: Regions = field(default_factory=Regions)
    tracks: Tracks | None = None
    sources: tuple[Mapping[str, Any], ...] = ()
    part: float = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether there are no regions and no tracks."""
        return self.regions.is_empty and self.tracks is None

    def fits(
        self,
        times: NDArray[np.float64],
        shape: tuple[int, int],
        valid: NDArray[np.bool_] | None = None,
    ) -> Knowledge:
        """Return the knowledge after a check against images at times (K,) of a shape (H, W).

        `valid`, (K, H, W), is False where a pixel is missing; by default no pixel is.

        Raises
        ------
        ObservationError
            If a mask or the tracks do not fit; see `Regions.fits` and `Tracks.fits`.
        """
        self.regions.fits(len(times), shape, valid)
        if self.tracks is not None:
            self.tracks.fits(times, shape)
            blocked = self.regions.blocked
            if blocked is not None:
                check_still(self.tracks, np.asarray(blocked.all(axis=0)))
        return self

    def between(self, first: int, last: int, times: NDArray[np.float64]) -> Knowledge:
        """Return the knowledge of the images `first` and `last` of times (K,).

        Times of tracks become fractions of the time between both images.
        """
        start, end = float(times[first]), float(times[last])
        tracks = None if self.tracks is None else self.tracks.within(start, end)
        if tracks is not None:
            when = np.clip((tracks.time - start) / (end - start), 0.0, 1.0)
            tracks = replace(tracks, time=when)
        return replace(self, regions=self.regions.of_images(first, last), tracks=tracks)

    def crop(self, slices: tuple[slice, slice]) -> Knowledge:
        """Return the knowledge of a window; tracks may lie outside of it."""
        tracks = self.tracks
        if tracks is not None:
            tracks = tracks.moved((-float(slices[0].start), -float(slices[1].start)))
        return replace(self, regions=self.regions.crop(slices), tracks=tracks)

    def counts(self) -> dict[str, int]:
        """Return the numbers of masks, tracks, landmarks, and of those that are held back.

        Each layer of a region or of missing pixels is a mask. Files with one role are one mask:
        there is one file, or one for each image.
        """
        masks = [source for source in self.sources if source.get("role") in _MASKS]
        files = [source["role"] for source in masks if source.get("path")]
        given = len(masks) - len(files) + len(set(files))
        landmarks = 0 if self.tracks is None else self.tracks.landmark_count
        back = None if self.tracks is None else self.tracks.kept_back
        return {
            # Without files or layers, in Python, each region is one.
            "masks": max(given, len(self.regions.masks)),
            "tracks": 0 if self.tracks is None else len(self.tracks) - landmarks,
            "landmarks": landmarks,
            "held_back": 0 if back is None else len(back),
        }

    def sentence(self) -> str:
        """Return the counts that are not 0 in words, such as "2 masks, 3 tracks, 1 held back"."""
        return in_words(self.counts())

    def sentences(self) -> list[str]:
        """Return what is known, and how many tracks of files do not meet the images."""
        found = [f"Known: {said}."] if (said := self.sentence()) else []
        return found + self.left_out()

    def left_out(self) -> list[str]:
        """Return a sentence on each file or layer with tracks that do not meet the images."""
        found = []
        for source in self.sources:
            count = source.get("left_out", 0)
            if count:
                found.append(
                    f"{count} track{'s' if count > 1 else ''} of {source['name']} "
                    f"{'do' if count > 1 else 'does'} not meet the images in place and time, and "
                    f"{'are' if count > 1 else 'is'} left out."
                )
        return found

    def to_report(self) -> dict[str, Any] | None:
        """Return sources, counts, and the part of the pixels in each region; None without any."""
        if self.is_empty and not self.sources:
            return None
        covered = {role: float((mask != 0).mean()) for role, mask in self.regions.masks.items()}
        told = {"sources": list(map(dict, self.sources)), "regions": covered, **self.counts()}
        return told | ({"part": self.part} if self.part else {})

    def same_as(self, other: Knowledge) -> bool:
        """Return whether the other one has the same regions and tracks."""
        own, others = self.to_arrays(), other.to_arrays()
        return own.keys() == others.keys() and all(
            np.array_equal(array, others[name]) for name, array in own.items()
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, as `from_arrays` reads them."""
        return self.regions.to_arrays() | ({} if self.tracks is None else self.tracks.to_arrays())

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Knowledge:
        """Make the knowledge that `to_arrays` described."""
        return cls(Regions.from_arrays(arrays), Tracks.from_arrays(arrays))


def in_words(counts: Mapping[str, int]) -> str:
    """Return the counts of `Knowledge.counts` that are not 0, such as "2 masks, 1 track"."""
    return ", ".join(
        f"{count} {name.replace('_', ' ') if name == 'held_back' or count > 1 else name[:-1]}"
        for name in _COUNTED
        if (count := counts.get(name, 0))
    )
