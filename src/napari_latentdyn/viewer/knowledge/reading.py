"""All that layers tell together, checked against the images of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import SIGMA, Tracks
from napari_latentdyn.core.observations.sources import hash_arrays
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.viewer.context import mark_of
from napari_latentdyn.viewer.knowledge.grid import KNOWN, ImageGrid
from napari_latentdyn.viewer.knowledge.marks import landmarks_of, tracks_of
from napari_latentdyn.viewer.knowledge.masks import is_mask, region_of

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["KNOWN", "NOTHING", "ROLES", "Known", "KnownLayer", "read_layers", "roles_of"]

Mask = NDArray[np.bool_]

#: Names of the roles that a layer can have.
ROLES = {
    "still": "still (land)",
    "wall": "wall",
    "missing": "missing pixels",
    "interest": "region of interest",
    "source": "sources",
    "rigid": "rigid bodies",
    "landmarks": "landmarks",
    "first": "landmarks, first image",
    "last": "landmarks, last image",
    "tracks": "tracks",
}
_REGIONS = ("still", "wall", "missing", "interest", "source", "rigid")


@dataclass(frozen=True, eq=False)
class KnownLayer:
    """A layer with its role; `label` is the label that is a region, None for all labels."""

    layer: Layer
    role: str
    label: int | None = None


@dataclass(frozen=True, eq=False)
class Known:
    """Knowledge out of layers.

    Attributes
    ----------
    knowledge : Knowledge
        Regions and tracks.
    missing : ndarray of bool, shape (1, H, W) or (K, H, W), optional
        Pixels that are missing.
    """

    knowledge: Knowledge
    missing: Mask | None = None

    @cached_property
    def key(self) -> str:
        """A digest of all that is known, ``""`` if nothing is known."""
        arrays: dict[str, NDArray[Any]] = self.knowledge.to_arrays()
        if self.missing is not None:
            arrays["missing"] = self.missing
        if not arrays:
            return ""
        digest = hashlib.sha256()
        hash_arrays(digest, arrays)
        return digest.hexdigest()

    @property
    def sentence(self) -> str:
        """The number of masks, tracks and landmarks, such as "2 masks, 3 tracks, 1 held back"."""
        return self.knowledge.sentence()

    @property
    def notes(self) -> list[str]:
        """Sentences on tracks that do not meet the images."""
        return self.knowledge.left_out()

    def missing_of(self, image: int) -> Mask | None:
        """Return the missing pixels of an image, (H, W); None if there are none."""
        if self.missing is None:
            return None
        return self.missing[image if len(self.missing) > 1 else 0]


NOTHING = Known(Knowledge())


def roles_of(layer: Layer) -> tuple[str, ...]:
    """Return the roles that a layer can have, the most likely one first; none for other layers.

    Layers of a result have none, except those of what was known.
    """
    from napari.layers import Labels, Points, Shapes, Tracks

    mark = mark_of(layer)
    if layer.ndim < 2 or mark.get("role", KNOWN) != KNOWN:
        return ()
    if isinstance(layer, Labels | Shapes) or is_mask(layer):
        return tuple(sorted(_REGIONS, key=lambda role: role != mark.get("known_role")))
    if isinstance(layer, Points):
        return ("landmarks", "first", "last") if layer.ndim > 2 else ("first", "last")
    return ("tracks",) if isinstance(layer, Tracks) else ()


def read_layers(
    layers: Sequence[KnownLayer], grid: ImageGrid, sigma: float = SIGMA, hold_back: float = 0.0
) -> Known:
    """Return what layers tell about images.

    Parameters
    ----------
    layers : sequence of KnownLayer
        Layers with their roles.
    grid : ImageGrid
        Pixels and times of the images.
    sigma : float
        Uncertainty of positions in pixels, of layers without a feature of that name.
    hold_back : float
        Part of the tracks and landmarks that is held back, 0 to 1.

    Raises
    ------
    ObservationError
        If a layer does not fit the images, or layers contradict each other.
    """
    if not layers:
        return NOTHING
    masks: dict[str, NDArray[Any]] = {}
    for one in layers:
        if one.role not in _REGIONS:
            continue
        # Pixels of one image alone can be missing; land is the same in all of them.
        spreads = one.role != "missing"
        region = region_of(
            one.layer, grid, label=one.label, spreads=spreads, numbered=one.role == "rigid"
        )
        earlier = masks.get(one.role)
        if earlier is not None:
            # Labels of rigid bodies are numbered on.
            more = earlier.max() if one.role == "rigid" else False
            region = np.where(region > 0, region + more, earlier)
        masks[one.role] = region
    missing = masks.pop("missing", None)
    if missing is not None and missing.all(axis=(1, 2)).any():
        raise ObservationError(
            "the masks of missing pixels must leave a part of every image; got masks that cover "
            "all: invert them, or make them smaller."
        )
    parts: list[Tracks] = []
    sources: list[dict[str, Any]] = []
    for one in layers:
        role = "landmarks" if one.role in ("first", "last") else one.role
        # A layer of an opened run can hold several masks of that run.
        names = mark_of(one.layer).get("masks") if role in _REGIONS else None
        sources += [{"role": role, "name": name} for name in names or [one.layer.name]]
        if role == "tracks":
            moving: Any = one.layer
            found, left_out = tracks_of(moving, grid, sigma)
            parts.append(found)
            if left_out:
                sources[-1]["left_out"] = left_out
    marked: list[Any] = [
        (one.layer, None if one.role == "landmarks" else one.role)
        for one in layers
        if one.role in ("landmarks", "first", "last")
    ]
    if marked:
        parts.append(landmarks_of(marked, grid, sigma))
    tracks = reduce(Tracks.joined, parts).hold_back(hold_back) if parts else None
    part = 0.0 if tracks is None else hold_back
    knowledge = Knowledge(Regions.from_masks(**masks), tracks, tuple(sources), part)
    valid = None if missing is None else np.asarray(missing == 0)
    return Known(knowledge.fits(grid.times, grid.shape, valid), missing)
