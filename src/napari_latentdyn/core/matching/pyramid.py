"""Coarse to fine, once for each member of the ensemble."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.ensemble import Ensemble, held_out_weights
from napari_latentdyn.core.matching.features import RECIPES, Recipe, features
from napari_latentdyn.core.matching.holdout import FOLDS, HoldOut
from napari_latentdyn.core.matching.level import Level
from napari_latentdyn.core.matching.middle import middle_velocity
from napari_latentdyn.core.matching.solver import FULL, SHORT, Effort, refine
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import resize, smooth
from napari_latentdyn.core.physics.sampling import sample
from napari_latentdyn.core.runfolder.evidence import MotionEvidence
from napari_latentdyn.generators import mapped

__all__ = ["match_members", "match_one", "pyramid_shapes", "scaled"]

#: Shortest side of the coarsest level: there, half of the image has moved by a few pixels.
_COARSEST = 16
#: Part of the size from which a prior is matched again, and up to which images count as small in
#: short matching, and in full matching with a prior.
_PRIOR_FROM, _SHORT_FROM, _FULL_FROM = 1 / 24, 1 / 4, 1 / 8
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
    prior: NDArray[np.float32] | None = None,
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
    start : ndarray of float32, shape (2,)
        Motion of the scene as a whole from which the coarsest level starts, in
        pixels.
    members : int
        Number of recipes.
    motion : {"steady", "inertial", "local"}
        How points travel.
    device : torch.device
        Where to compute.
    prior : ndarray of float32, shape (2, H, W), optional
        Velocity half way that networks extracted: on small images it is made
        better, and kept wherever nothing fits better.
    weigh : bool
        Weigh the members by how well they predict hidden blocks; otherwise all
        count alike, and the blocks tell only whether there is motion at all.
    short : bool
        Look at small images once for all members, and at full size only a
        little.

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
    judge = HoldOut(tensors, masks, motion)
    drift = torch.from_numpy(start).to(device).view(1, 2, 1, 1).expand(1, 2, *images[0].shape)
    given = None if prior is None else torch.from_numpy(prior).to(device)[None]
    least = _SHORT_FROM if short else 0.0 if given is None else _FULL_FROM
    if short:
        common = _Member(tensors, masks, RECIPES[0], motion, None)
        seeking = (
            common.run(drift, common.shapes(up_to=least), FULL)
            if given is None
            else common.seed([given], least)
        )
        given = yield from mapped(seeking, _first)
    found, missed = [], []
    for number, recipe in enumerate(RECIPES[:members]):
        member = _Member(tensors, masks, recipe, motion, judge)
        velocity = drift if given is None else given
        if given is not None and not short:
            seeking = member.seed([given, drift], least)
            velocity = yield from mapped(seeking, partial(_numbered, number))
        searching = member.run(velocity, member.shapes(above=least), FULL, SHORT if short else FULL)
        velocity = yield from mapped(searching, partial(_numbered, number))
        found.append(velocity[0].cpu().numpy())
        missed.append(member.missed)
    velocities = np.stack(found)
    errors = np.array([_root_mean_square(sums) for sums in missed])
    with torch.no_grad():
        still = [judge.missed(None, fold) for fold in range(FOLDS)]
        unmoved = [judge.unmoved(fold) for fold in range(FOLDS)]
    evidence = MotionEvidence(
        float(errors.min()), _root_mean_square(unmoved), sum(weight for _, weight in unmoved)
    )
    if not weigh:
        return Ensemble.equal(velocities, evidence)
    places = sum(weight for _, weight in still)
    weights, rest = held_out_weights(errors, _root_mean_square(still), places)
    middle = middle_velocity(
        torch.from_numpy(velocities).to(device),
        torch.from_numpy(weights).to(device),
        tensors,
        masks,
        motion,
    )
    return Ensemble(velocities, weights, rest, middle.cpu().numpy(), evidence)


def match_one(
    images: list[Tensor],
    masks: list[Tensor],
    start: Tensor,
    recipe: Recipe,
    motion: Motion,
) -> Generator[None, None, Tensor]:
    """Find the velocity half way of one recipe; arguments as tensors of shape (1, 1, H, W).

    A velocity that is given, and not only a drift, is improved a little only.
    """
    shape = (images[0].shape[-2], images[0].shape[-1])
    member = _Member(images, masks, recipe, motion, None)
    if start.ndim == 3:
        return mapped(member.run(start[None], [shape], SHORT), _nothing)
    drift = start.view(1, 2, 1, 1).expand(1, 2, *shape)
    return mapped(member.run(drift, member.shapes(), FULL), _nothing)


def _nothing(_: float) -> None:
    return None


def _never(_: float) -> float:
    return 0.0


def _first(_: float) -> tuple[int, float]:
    return 0, 0.0


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

    def shapes(self, above: float = 0.0, up_to: float = 1.0) -> list[tuple[int, int]]:
        """Return the sizes of the levels between two parts of the images', the coarsest first."""
        shape = (self._images[0].shape[-2], self._images[0].shape[-1])
        # A hundredth for sizes that were rounded.
        low, high = (1.01 * part * min(shape) for part in (above, up_to))
        return [
            size
            for size in pyramid_shapes(shape, self._recipe.factor)
            if low < min(size) <= max(high, float(_COARSEST))
        ]

    @torch.no_grad()
    def run(
        self,
        velocity: Tensor,
        shapes: list[tuple[int, int]],
        effort: Effort,
        finest: Effort | None = None,
    ) -> Generator[float, None, Tensor]:
        """Improve a velocity level by level; yields the part of the work that is done.

        Parameters
        ----------
        velocity : Tensor, shape (1, 2, h, w)
            Where to start, at any size.
        shapes : list of (int, int)
            Sizes to work on, the smallest first.
        effort : Effort
            How long on each.
        finest : Effort, optional
            How long on the last one, and without the hidden blocks.
        """
        finest = finest or effort
        judged = _nearest_to_half(shapes) if self._judge is not None else -1
        pixels = [float(h * w) for h, w in shapes]
        work = [n * (1 + FOLDS * (i == judged)) for i, n in enumerate(pixels)]
        for number, size in enumerate(shapes):
            part = sum(work[:number]) / sum(work)
            velocity = scaled(velocity, size)
            if number == judged:
                yield from mapped(self._judged(velocity, size, finest), _always(part))
                part += FOLDS * pixels[number] / sum(work)
            spent = finest if number == len(shapes) - 1 else effort
            velocity = yield from mapped(self._refined(velocity, size, spent), _always(part))
        return velocity

    @torch.no_grad()
    def seed(self, starts: list[Tensor], part: float) -> Generator[float, None, Tensor]:
        """Find what to start large images from: a prior, or what fits better on small ones.

        Parameters
        ----------
        starts : list of Tensor, shape (1, 2, H, W)
            Velocities of the whole image. The first one is the prior, of which the coarsest
            levels are not looked at again.
        part : float
            Small are images of up to this part of the whole one.

        Returns
        -------
        Tensor, shape (1, 2, h, w)
            At the size of the largest of them.
        """
        judge, self._judge = self._judge, None
        try:
            best = starts[0]
            for number, start in enumerate(starts):
                shapes = self.shapes(0.0 if number else _PRIOR_FROM, part) or self.shapes(0.0, part)
                found = yield from mapped(self.run(start, shapes, FULL), _never)
                best = self._better(best, found)
            return best
        finally:
            self._judge = judge

    def _better(self, given: Tensor, found: Tensor) -> Tensor:
        """Return what was found where it clearly fits better around a place than what was given.

        Parameters
        ----------
        given, found : Tensor, shape (1, 2, H, W) and (1, 2, h, w)
            Velocities; compared are they at the size of what was found.
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
        # Nothing hidden can be taken over from a neighbour, and looking for it takes half the time.
        calm = dataclasses.replace(effort, propagate_before=())
        for fold in range(FOLDS):
            hidden = self._judge.hidden(fold, size)
            velocity = yield from self._refined(start, size, calm, hidden)
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
