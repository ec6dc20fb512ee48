"""All that the user knows, from files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import reduce
from typing import Any

from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import ROLES, Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.images import parse_source
from napari_latentdyn.core.observations.known.regions import read_region
from napari_latentdyn.core.observations.known.space import ImageSpace
from napari_latentdyn.core.observations.known.tracks import read_landmarks, read_tracks
from napari_latentdyn.errors import ObservationError

__all__ = ["read_knowledge"]


def read_knowledge(
    space: ImageSpace,
    *,
    still: Sequence[str] = (),
    wall: Sequence[str] = (),
    interest: Sequence[str] = (),
    source: Sequence[str] = (),
    rigid: Sequence[str] = (),
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
    masks = {
        role: read_region(named, space, labels=role == "rigid")
        for role, named in files.items()
        if named
    }
    sources = [_described(role, file) for role, named in files.items() for file in named]
    parts: list[Tracks] = []
    for file in tracks:
        found, left_out = read_tracks(file, space)
        parts.append(found)
        sources.append(_described("tracks", file) | ({"left_out": left_out} if left_out else {}))
    if landmarks:
        parts.append(read_landmarks(landmarks, space))
        sources += [_described("landmarks", file) for file in landmarks]
    known = reduce(Tracks.joined, parts) if parts else None
    if hold_back:
        known = _held_back(known, hold_back)
    return Knowledge(Regions.from_masks(**masks), known, tuple(sources))


def _held_back(known: Tracks | None, part: float) -> Tracks:
    count = 0 if known is None else len(known)
    if known is None or count < 2 or not 0 < part < count or (part > 1 and part != int(part)):
        raise ObservationError(
            "the tracks to hold back must be a part of two tracks or more, such as 0.2, or a "
            f"number below that of the tracks; got {part:g} of {count} tracks."
        )
    return known.hold_back(part if part < 1 else part / count)


def _described(role: str, source: str) -> dict[str, Any]:
    """Return role, name, path and SHA-256 of a file; of a folder, of all its files."""
    chosen = parse_source(source)
    path = chosen.path.expanduser().absolute()
    label = source[len(str(chosen.path)) :]
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
