"""The schema of reports, of what the user knows and of tracks beside the result."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat

from napari_latentdyn.core.runfolder.entries import Count, Described, Pair, Text

__all__ = ["ComparedReport", "HeldBackReport", "KnownReport", "KnownSource", "TrackReport"]


class KnownSource(Described):
    """A file or layer of the user: its role, and tracks that do not meet the images."""

    role: Text
    name: Text | None = None
    path: Text | None = None
    sha256: Text | None = None
    left_out: Count | None = None


class KnownReport(Described):
    """Regions and tracks that the user knows; see `Knowledge`."""

    sources: list[KnownSource] = Field(default_factory=list)
    regions: dict[Text, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    masks: Count = 0
    tracks: Count = 0
    landmarks: Count = 0
    held_back: Count = 0
    part: Annotated[float, Field(ge=0, le=1)] = 0.0


class TrackReport(Described):
    """A track or landmark beside its prediction by the result, from its first position.

    `place` is the first position (y, x) in pixels; `error` and `stated` are those of
    `HeldBackReport`, over `positions` after the first one. `agrees` is false where the error is
    larger than `allowed`, which follows from the stated uncertainty and that of matching. `lies`
    tells where the track is: ``outside`` of the region of interest or of the images, so that
    nothing is compared; ``missing``, on missing pixels; ``still``, in a still region.
    """

    name: Text
    landmark: bool = False
    place: Pair
    positions: Count = 0
    error: NonNegativeFloat | None = None
    stated: NonNegativeFloat | None = None
    allowed: NonNegativeFloat | None = None
    agrees: bool | None = None
    lies: Literal["outside", "missing", "still"] | None = None


class HeldBackReport(Described):
    """Error of the prediction of tracks that were held back, from their first position.

    `error` and `stated` are root mean squares over the other positions, of both coordinates in
    pixels: the distance to the prediction, and the stated uncertainty of the positions. `within` is
    the part of the positions within the 95 % region of the stated uncertainty. `landmarks` of the
    tracks are landmarks; `worst` is the track that disagrees most, if one does.
    """

    tracks: Count
    positions: Count
    error: NonNegativeFloat
    stated: NonNegativeFloat
    within: NonNegativeFloat
    landmarks: Count = 0
    worst: TrackReport | None = None


class ComparedReport(Described):
    """All tracks and landmarks that were not held back, beside the result.

    `takes_part` says whether the fit used them.
    """

    takes_part: bool = True
    tracks: list[TrackReport] = Field(default_factory=list)
