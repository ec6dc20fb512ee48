"""All that the user knows, from files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import ROLES, Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.images import parse_source
from napari_latentdyn.core.observations.known.landmarks import read_landmarks
from napari_latentdyn.core.observations.known.regions import read_region, why_empty
from napari_latentdyn.core.observations.known.space import ImageSpace
from napari_latentdyn.core.observations.known.tracks import read_tracks
from napari_latentdyn.errors import ObservationError, OutsideError
from napari_latentdyn.files.paths import named

__all__ = ["read_knowledge"]


def read_knowledge(
    space: ImageSpace,
    *,
    still: Sequence[str] = (),
    wall: Sequence[str] = (),
    interest: Sequence[str] = (),
    source: Sequence[str] = (),
    rigid: Sequence[str] = (),
    missing: Sequence[str] = (),
    tracks: Sequence[str] = (),
    landmarks: Sequence[str] = (),
    hold_back: float = 0.0,
) -> Knowledge:
    """Read regions, tracks and landmarks from files.

    Parameters
    ----------
    space : ImageSpace
        Place and times of the images, from `ImageSpace.of`.
    still, wall, interest, source, rigid : sequence of str
        One file of a region for all images, or one for each image: an image, a table (CSV) of
        shapes as napari saves them, or GeoJSON. None without the region. Each label, shape or
        feature of `rigid` is a body.
    missing : sequence of str
        Files of missing pixels, which are named among the sources: `Observations` read them.
    tracks : sequence of str
        Tables (CSV) or GeoJSON files of tracks.
    landmarks : sequence of str
        One table (CSV) of landmarks, or one table of points for each image.
    hold_back : float
        Part of the tracks and landmarks, below 1, or their number, that is held back to measure
        how well the others predict them.

    Returns
    -------
    Knowledge
        It is checked against the images by `Observations.with_knowledge`.

    Raises
    ------
    ObservationError, ImageFileError
        If a file cannot be read, or does not fit the images.
    """
    files = dict(zip(ROLES, (still, wall, interest, source, rigid), strict=True))
    masks = {role: _region(role, given, space) for role, given in files.items() if given}
    for given in (tracks, landmarks):
        _check_once(given)
    files["missing"] = missing
    sources = [_described(role, file) for role, given in files.items() for file in given]
    parts: list[Tracks] = []
    outside: list[OutsideError] = []
    for file in tracks:
        try:
            found, left_out = read_tracks(file, space)
            parts.append(found)
        except OutsideError as error:
            outside.append(error)
            left_out = error.count
        sources.append(_described("tracks", file) | ({"left_out": left_out} if left_out else {}))
    if landmarks:
        parts.append(read_landmarks(landmarks, space))
        sources += [_described("landmarks", file) for file in landmarks]
    if outside and not parts:
        raise outside[0]
    known = reduce(Tracks.joined, parts) if parts else None
    part = 0.0
    if hold_back:
        part = _part(known, hold_back)
        known = None if known is None else known.hold_back(part)
    return Knowledge(Regions.from_masks(**masks), known, tuple(sources), part)


def _check_once(sources: Sequence[str]) -> None:
    """Raise ObservationError if a file is among those of one role twice."""
    seen = set()
    for source in sources:
        own = _place(source)
        if own in seen:
            raise ObservationError(f"{named(source)} is given twice: give each file once.")
        seen.add(own)


def _place(source: str) -> tuple[Path, str]:
    """Return what tells a file, or an image of it, from others."""
    return parse_source(source).path.expanduser().resolve(), _choice(source)


def _region(role: str, sources: Sequence[str], space: ImageSpace) -> NDArray[Any]:
    found = read_region(sources, space, labels=role == "rigid")
    # Some images of a series may have the same region, but one file is enough for all.
    if len({*map(_place, sources)}) == 1:
        _check_once(sources)
    if not found.any():
        first = named(sources[0])
        more = " or another file of this region" if len(sources) > 1 else ""
        raise ObservationError(
            f"{first}{more} must mark at least one pixel of the images; got none: "
            f"{why_empty(sources[0], space)}."
        )
    return found


def _part(known: Tracks | None, part: float) -> float:
    """Return the part of the tracks to hold back, below 1, from a part or a number."""
    if known is None:
        raise ObservationError(
            "hold_back needs tracks or landmarks; got none: give some, or leave hold_back out."
        )
    count = len(known)
    if count < 2 or not 0 < part < count or (part > 1 and part != int(part)):
        raise ObservationError(
            "the tracks to hold back must be a part of two tracks or more, such as 0.2, or a "
            f"number below that of the tracks; got {part:g} of {count} "
            f"track{'s' if count > 1 else ''}."
        )
    return part if part < 1 else part / count


def _choice(source: str) -> str:
    """Return the end of a name that chooses an image of a file, such as ``:3``, or ``""``."""
    chosen = parse_source(source)
    whole = chosen.index is None and chosen.variable is None and not chosen.named
    return "" if whole else source[source.rindex(":") :]


def _described(role: str, source: str) -> dict[str, Any]:
    """Return role, name, path and SHA-256 of a file; of a folder, of all its files."""
    chosen = parse_source(source)
    path = chosen.path.expanduser().absolute()
    label = _choice(source)
    digest = hashlib.sha256()
    inner = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in inner:
        if file.is_file():
            digest.update(file.read_bytes())
    return {
        "role": role,
        "name": path.name + label,
        "path": str(path) + label,
        "sha256": digest.hexdigest(),
    }
