"""Regions of the images with a role: still, wall, or region of interest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.errors import ObservationError

__all__ = ["ROLES", "Regions", "extended", "nearest_free"]

Mask = NDArray[np.bool_]

_PREFIX = "region."
#: Names of the roles in messages.
_NAMES = {
    "still": "still regions",
    "wall": "walls",
    "interest": "the region of interest",
    "source": "sources",
    "rigid": "rigid bodies",
}


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of K images; each mask is (1, H, W) for all images, or (K, H, W).

    Attributes
    ----------
    still : ndarray of bool, optional
        Nothing moves here, such as land. Motion next to it does not depend on it.
    wall : ndarray of bool, optional
        Nothing moves here, and nothing flows in or out; along its edge the motion is free.
    interest : ndarray of bool, optional
        The motion is computed here only.
    source : ndarray of bool, optional
        New values appear here only, for equations with sparse sources.
    rigid : ndarray of int32, optional
        Number of the rigid body of each pixel: its pixels move and turn together. 0 is free.
    """

    still: Mask | None = None
    wall: Mask | None = None
    interest: Mask | None = None
    source: Mask | None = None
    rigid: NDArray[np.int32] | None = None

    @classmethod
    def from_masks(cls, **masks: ArrayLike | None) -> Regions:
        """Make regions from masks (H, W) or (K, H, W) by their role.

        A mask is boolean or has whole numbers, such as labels: all that are not 0 belong to it.
        Each label of the role rigid is a body.

        Raises
        ------
        ObservationError
            If a mask has another number of axes or type, or no pixel.
        """
        return cls(**{role: _mask(role, mask) for role, mask in masks.items() if mask is not None})

    @property
    def is_empty(self) -> bool:
        """Whether there is no region."""
        return not self.masks

    @property
    def masks(self) -> dict[str, NDArray[Any]]:
        """The masks by their role, each (1, H, W) or (K, H, W); labels of rigid bodies."""
        named = {role: getattr(self, role) for role in ROLES}
        return {role: mask for role, mask in named.items() if mask is not None}

    @property
    def blocked(self) -> Mask | None:
        """Where nothing moves, still or wall, (1, H, W) or (K, H, W); None if nowhere."""
        if self.still is None or self.wall is None:
            return self.wall if self.still is None else self.still
        return self.still | self.wall

    @property
    def blocked_intervals(self) -> Mask | None:
        """Where nothing moves between neighbouring images, (1, H, W) or (K - 1, H, W).

        A region of one image alone does not stay. None if there is no region.
        """
        blocked = self.blocked
        if blocked is None or len(blocked) == 1:
            return blocked
        return blocked[:-1] & blocked[1:]

    @property
    def blocked_between(self) -> Mask | None:
        """Where nothing moves between two images, (H, W); None if nowhere."""
        blocked = self.blocked_intervals
        return None if blocked is None else blocked[0]

    @property
    def outside(self) -> Mask | None:
        """Where the motion is not computed, (H, W); None if nowhere."""
        return None if self.interest is None else ~np.asarray(self.interest.any(axis=0))

    def fits(self, count: int, shape: tuple[int, int], valid: Mask | None = None) -> Regions:
        """Return the regions after a check against K images of a shape (H, W).

        `valid`, (K, H, W), is False where a pixel is missing; by default no pixel is.

        Raises
        ------
        ObservationError
            If a mask has another size, or leaves nothing to compute.
        """
        for role, mask in self.masks.items():
            if mask.shape[1:] != shape:
                found = " x ".join(map(str, mask.shape[1:]))
                raise ObservationError(
                    f"the mask of {_NAMES[role]} must have the size of the images, {shape[0]} x "
                    f"{shape[1]}; got {found}: draw it on one of the images, or resample it."
                )
            if len(mask) not in (1, count):
                raise ObservationError(
                    f"the mask of {_NAMES[role]} must have one plane, or one for each of {count} "
                    f"images; got {len(mask)}."
                )
        free = np.ones((1, *shape), bool) if self.blocked is None else ~self.blocked
        if not free.any(axis=(1, 2)).all():
            raise ObservationError(
                "the masks of still regions and walls must leave a part of every image; got masks "
                "that cover all: invert them, or make them smaller."
            )
        seen = free if valid is None else free & valid
        if self.outside is not None:
            seen = seen & ~self.outside
        empty = np.flatnonzero(~seen.any(axis=(1, 2)))
        if len(empty):
            where = "every image" if len(seen) == 1 else f"image {empty[0] + 1} of {count}"
            what = "the images" if self.interest is None else "the region of interest"
            raise ObservationError(
                f"{what} must contain pixels that can move, neither still, wall nor missing; got "
                f"none in {where}: change the masks, or leave one out."
            )
        return self

    def of_images(self, *indices: int) -> Regions:
        """Return the regions of some of the images."""
        chosen = list(indices)
        return replace(self, **{r: m if len(m) == 1 else m[chosen] for r, m in self.masks.items()})

    def crop(self, slices: tuple[slice, slice]) -> Regions:
        """Return a window of the regions."""
        return replace(self, **{role: mask[(..., *slices)] for role, mask in self.masks.items()})

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the masks by names of arrays, as `from_arrays` reads them."""
        return {_PREFIX + role: mask for role, mask in self.masks.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Regions:
        """Make the regions that `to_arrays` described."""
        return cls(**{role: arrays[_PREFIX + role] for role in ROLES if _PREFIX + role in arrays})


#: Names of the roles.
ROLES = tuple(part.name for part in fields(Regions))


def nearest_free(blocked: Mask) -> NDArray[np.intp]:
    """Return the indices (2, H, W) of the nearest pixel that is not blocked, for each pixel.

    `blocked`, (H, W), must not be true everywhere.
    """
    found = ndimage.distance_transform_edt(blocked, return_distances=False, return_indices=True)
    return np.asarray(found, np.intp)


def extended(values: NDArray[Any], blocked: Mask | None) -> NDArray[Any]:
    """Return values (..., H, W) that continue into blocked pixels from the nearest other ones."""
    if blocked is None or not blocked.any() or blocked.all():
        return values
    rows, columns = nearest_free(blocked)
    return np.asarray(values[..., rows, columns])


def _mask(role: str, mask: ArrayLike) -> NDArray[Any]:
    values = np.asarray(mask)
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise ObservationError(
            f"the mask of {_NAMES[role]} must have the shape (H, W), or (K, H, W) for K images; "
            f"got {values.shape}."
        )
    whole = values.dtype.kind == "f" and np.array_equal(values, np.rint(values))
    if values.dtype.kind not in "biu" and not whole:
        raise ObservationError(
            f"the mask of {_NAMES[role]} must be boolean, or have labels; got {values.dtype}."
        )
    chosen = values.astype(np.int32 if role == "rigid" else bool)
    if not chosen.any():
        raise ObservationError(
            f"the mask of {_NAMES[role]} must have at least one pixel; got none: draw it, or "
            "leave it out."
        )
    return chosen if chosen.ndim == 3 else chosen[None]
