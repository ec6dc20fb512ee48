"""Coarse to fine, once for each member of the ensemble."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.ensemble import Ensemble, held_out_weights
from napari_latentdyn.core.matching.features import RECIPES, Recipe, features
from napari_latentdyn.core.matching.holdout import FOLDS, HoldOut
from napari_latentdyn.core.matching.level import Level
from napari_latentdyn.core.matching.middle import middle_velocity
from napari_latentdyn.core.matching.solver import (
    FULL,
    SHORT_FINE,
    SHORT_HALF,
    Effort,
    refine,
)
from napari_latentdyn.core.motion import Motion, pixel_ends
from napari_latentdyn.core.operators import resize, smooth
from napari_latentdyn.core.physics import sample
from napari_latentdyn.core.relay import relay

__all__ = ["match_members", "match_one", "pyramid_shapes", "scaled"]

#: Shortest side of the coarsest level: there, half of the image has moved by a few pixels.
_COARSEST = 16
#: Levels that remain where a velocity is given: it is looked at again from a sixteenth of the size.
_REMAIN = 5
#: Neighbourhood in which two velocities are compared, as a part of the image's longer side, the
#: part of the difference that has to be left at most, and the difference that counts at most.
_AROUND, _CLEARLY, _WORST = 0.12, 0.95, 0.15


def pyramid_shapes(shape: tuple[int, int], factor: float) -> list[tuple[int, int]]:
    """Return the sizes of the levels, the coarsest first."""
    shapes = [shape]
    while min(shapes[-1]) * factor >= _COARSEST:
        height, width = shapes[-1]
        shapes.append((round(height * factor), round(width * factor)))
    return shapes[::-1]


def match_members(
    images: tuple[NDArray[np.float32], NDArray[np.float32]],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    start: NDArray[np.float32],
    members: int,
    motion: Motion,
    device: torch.device,
    *,
    weigh: bool = False,
    short: bool = False,
) -> Generator[tuple[int, float], None, Ensemble]:
    """Find the velocity half way between two images, once for each recipe.

    Parameters
    ----------
    images : two ndarrays of float32, shape (H, W)
        Normalised to about [0, 1].
    valid : two ndarrays of bool, shape (H, W)
        False where a pixel is missing.
    start : ndarray of float32, shape (2,) or (2, H, W)
        Motion of the scene as a whole from which the coarsest level starts, in
        pixels, or a velocity half way that needs no more than its detail.
    members : int
        Number of recipes.
    motion : {"steady", "inertial", "local"}
        How points travel.
    device : torch.device
        Where to compute.
    weigh : bool
        Weigh the members by how well they predict hidden blocks; otherwise all
        count alike.
    short : bool
        Where a velocity is given: improve it on small images once for all
        members, and at half and full size only a little.

    Yields
    ------
    (int, float)
        Members done, and the part of the running one that is.

    Returns
    -------
    Ensemble
    """
    tensors = [
        torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device) for image in images
    ]
    masks = [
        torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(device, torch.float32)
        for mask in valid
    ]
    judge = HoldOut(tensors, masks, motion) if weigh else None
    given = torch.from_numpy(start).to(device)
    remain = None
    if short and given.ndim == 3:
        shape = (tensors[0].shape[-2], tensors[0].shape[-1])
        shapes = pyramid_shapes(shape, 0.5)[-_REMAIN:]
        large = shapes[-2:]
        remain = list(zip(large, (SHORT_HALF, SHORT_FINE)[-len(large) :], strict=True))
        steps = [(size, FULL) for size in shapes[:-2]]
        if steps:
            common = _Member(tensors, masks, RECIPES[0], motion, None)
            seed = yield from relay(common.run(given, steps), partial(_numbered, 0))
            given = scaled(common.better(given[None], seed), shape)[0]
    found, missed = [], []
    for number, recipe in enumerate(RECIPES[:members]):
        member = _Member(tensors, masks, recipe, motion, judge)
        searching = member.run(given, remain)
        velocity = yield from relay(searching, partial(_numbered, number))
        found.append(velocity[0].cpu().numpy())
        missed.append(member.missed)
    velocities = np.stack(found)
    if judge is None:
        return Ensemble.equal(velocities)
    errors = np.array([_root_mean_square(sums) for sums in missed])
    with torch.no_grad():
        still = [judge.missed(None, fold) for fold in range(FOLDS)]
    places = sum(weight for _, weight in still)
    weights, rest = held_out_weights(errors, _root_mean_square(still), places)
    middle = middle_velocity(
        torch.from_numpy(velocities).to(device),
        torch.from_numpy(weights).to(device),
        tensors,
        masks,
        motion,
    )
    return Ensemble(velocities, weights, rest, middle.cpu().numpy())


def match_one(
    images: list[Tensor],
    masks: list[Tensor],
    start: Tensor,
    recipe: Recipe,
    motion: Motion,
) -> Generator[None, None, Tensor]:
    """Find the velocity half way of one recipe; arguments as tensors of shape (1, 1, H, W).

    A velocity that is given is improved a little only.
    """
    shape = (images[0].shape[-2], images[0].shape[-1])
    steps = None if start.ndim == 1 else [(shape, SHORT_HALF)]
    return relay(_Member(images, masks, recipe, motion, None).run(start, steps), _nothing)


def _nothing(_: float) -> None:
    return None


def _numbered(number: int, part: float) -> tuple[int, float]:
    return number, part


def _always(part: float) -> Callable[[None], float]:
    return lambda _: part


class _Member:
    """One recipe on its way from the coarsest level to the finest."""

    def __init__(
        self,
        images: list[Tensor],
        masks: list[Tensor],
        recipe: Recipe,
        motion: Motion,
        judge: HoldOut | None,
    ) -> None:
        self._images = images
        self._masks = masks
        self._recipe = recipe
        self._motion: Motion = motion
        self._judge = judge
        #: Sums of squares of what was missed in hidden blocks, and their weights.
        self.missed: list[tuple[float, float]] = []

    @torch.no_grad()
    def run(
        self, start: Tensor, steps: list[tuple[tuple[int, int], Effort]] | None = None
    ) -> Generator[float, None, Tensor]:
        """Find the velocity; yields the part of the work that is done.

        Parameters
        ----------
        start : Tensor, shape (2,) or (2, H, W)
            A drift as a whole, or a velocity of which the detail is missing.
        steps : list of ((int, int), Effort), optional
            Sizes to work on, the smallest first, and how long on each. By
            default all that are needed, at full effort.
        """
        like = self._images[0]
        shape = (like.shape[-2], like.shape[-1])
        if steps is None:
            shapes = pyramid_shapes(shape, self._recipe.factor)
            if start.ndim == 3:
                least = min(shape) / 2 ** (_REMAIN - 1)
                shapes = [size for size in shapes if min(size) >= least - 1]
            steps = [(size, FULL) for size in shapes]
        if start.ndim == 1:
            start = start.view(2, 1, 1).expand(2, *shape)
        shapes = [size for size, _ in steps]
        judged = _nearest_to_half(shapes) if self._judge is not None else -1
        pixels = [float(h * w) for h, w in shapes]
        work = [n * (1 + FOLDS * (i == judged)) for i, n in enumerate(pixels)]
        velocity = scaled(start[None].to(like.dtype), shapes[0])
        for number, (size, effort) in enumerate(steps):
            part = sum(work[:number]) / sum(work)
            velocity = scaled(velocity, size)
            if number == judged:
                yield from relay(self._judged(velocity, size, effort), _always(part))
                part += FOLDS * pixels[number] / sum(work)
            velocity = yield from relay(self._refined(velocity, size, effort), _always(part))
        return velocity

    @torch.no_grad()
    def better(self, given: Tensor, found: Tensor) -> Tensor:
        """Return what was found where it clearly fits better around a place than what was given.

        Parameters
        ----------
        given : Tensor, shape (1, 2, H, W)
            A velocity of the whole image.
        found : Tensor, shape (1, 2, h, w)
            Another one, of a smaller image.
        """
        size = (found.shape[-2], found.shape[-1])
        level = self._level(size)
        before = scaled(given, size)
        apart = []
        for velocity in (before, found):
            origins, goals = pixel_ends(velocity, self._motion)
            difference = (sample(level.first, origins) - sample(level.last, goals)).abs()
            seen = level.seen(origins, goals).to(difference.dtype)
            cost = difference.clamp(max=_WORST).sum(dim=1, keepdim=True) * seen
            reach = _AROUND * max(size)
            apart.append(smooth(cost, reach) / (smooth(seen, reach) + 1e-3))
        return torch.where(apart[1] < _CLEARLY * apart[0], found, before)

    def _level(self, size: tuple[int, int], hidden: Tensor | None = None) -> Level:
        first, last = (features(resize(image, size), self._recipe) for image in self._images)
        valid_first, valid_last = (resize(mask, size) for mask in self._masks)
        return Level(first, last, valid_first, valid_last, hidden)

    def _judged(
        self, start: Tensor, size: tuple[int, int], effort: Effort
    ) -> Generator[None, None, None]:
        """Find the velocity without some blocks, and see how well it is predicted there."""
        assert self._judge is not None
        for fold in range(FOLDS):
            hidden = self._judge.hidden(fold, size)
            velocity = yield from self._refined(start, size, effort, hidden)
            self.missed.append(self._judge.missed(scaled(velocity, self._judge.shape), fold))

    def _refined(
        self, start: Tensor, size: tuple[int, int], effort: Effort, hidden: Tensor | None = None
    ) -> Generator[None, None, Tensor]:
        return refine(self._level(size, hidden), start, self._recipe, self._motion, effort)


def _nearest_to_half(shapes: list[tuple[int, int]]) -> int:
    """Return the number of the level whose sides are nearest to half of the last one's."""
    ratios = [abs(math.log(2 * height / shapes[-1][0])) for height, _ in shapes]
    return ratios.index(min(ratios))


def _root_mean_square(sums: list[tuple[float, float]]) -> float:
    """Return the root of the mean of squares from weighted sums and weights; without any, inf."""
    total, count = (sum(part) for part in zip(*sums, strict=True))
    return math.sqrt(total / count) if count > 0 else math.inf


def scaled(velocity: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring a field in pixels to another size; its values change with the image."""
    grown = resize(velocity, shape)
    ratio = [new / old for new, old in zip(shape, velocity.shape[-2:], strict=True)]
    return grown * velocity.new_tensor(ratio).view(1, 2, 1, 1)
