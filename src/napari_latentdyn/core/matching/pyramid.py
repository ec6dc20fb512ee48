"""Matching from coarse to fine, for each ensemble member."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.consensus import consensus_velocity
from napari_latentdyn.core.matching.ensemble import Ensemble, held_out_weights
from napari_latentdyn.core.matching.features import MEMBERS, MemberParameters, features
from napari_latentdyn.core.matching.holdout import FOLDS, HoldOut
from napari_latentdyn.core.matching.linearisation import FULL, SHORT, Schedule, refine
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import resize
from napari_latentdyn.core.runfolder.evidence import MotionEvidence
from napari_latentdyn.generators import mapped

__all__ = ["match_members", "match_one", "pyramid_shapes", "scale_velocity"]

#: Shortest side of the coarsest level in pixels: there, half of the image has moved by few pixels.
_COARSEST = 16
#: Size of a level, as a fraction of the image: where a prior is first refined; up to where
#: levels are matched once for all members (short matching), and from a prior (full matching).
_PRIOR_FROM, _SHORT_FROM, _FULL_FROM = 1 / 24, 1 / 4, 1 / 8
#: Standard deviation of the neighbourhood in which two velocities are compared, as a fraction of
#: the longer side of the image; the ratio of both differences below which the second velocity is
#: taken; the largest difference that counts.
_SIGMA, _CLEARLY, _LARGEST = 0.12, 0.95, 0.15

Shape = tuple[int, int]


def pyramid_shapes(shape: Shape, factor: float) -> list[Shape]:
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
    """Find the velocity half way between two images, for each ensemble member.

    Parameters
    ----------
    images : two ndarrays of float32, shape (H, W)
        Normalised to about [0, 1].
    valid : two ndarrays of bool, shape (H, W)
        False where a pixel is missing.
    start : ndarray of float32, shape (2,)
        Displacement of the whole scene in pixels, the initial velocity on the coarsest level.
    members : int
        Number of members.
    motion : {"steady", "inertial", "local"}
        Acceleration along the paths.
    device : torch.device
        Device of the computation.
    prior : ndarray of float32, shape (2, H, W), optional
        Velocity half way extracted by networks. It is refined on coarse levels, and kept
        where no other velocity fits better.
    weigh : bool
        Weigh the members by their prediction error in hidden blocks. Otherwise all weights are
        equal, and the blocks only give the evidence for motion.
    short : bool
        Match coarse levels once for all members, and refine the velocity of each member with
        few iterations on the finest level.

    Yields
    ------
    (int, float)
        Number of finished members, and the finished fraction of the current one.

    Returns
    -------
    Ensemble
    """
    pair = MaskedPair.from_arrays((images[0][None], images[1][None]), valid, device)
    holdout = HoldOut(pair, motion)
    drift = torch.from_numpy(start).to(device).view(1, 2, 1, 1).expand(1, 2, *pair.shape)
    given = None if prior is None else torch.from_numpy(prior).to(device)[None]
    coarse = _SHORT_FROM if short else 0.0 if given is None else _FULL_FROM
    if short:
        common = _Member(pair, MEMBERS[0], motion)
        seeking = (
            common.run(drift, common.shapes(up_to=coarse), FULL)
            if given is None
            else common.seed([given], coarse)
        )
        given = yield from common.reported(0, seeking)
    found, errors = [], []
    for number, parameters in enumerate(MEMBERS[:members]):
        member = _Member(pair, parameters, motion)
        velocity = drift if given is None else given
        if given is not None and not short:
            velocity = yield from member.reported(number, member.seed([given, drift], coarse))
        shapes = member.shapes(above=coarse)
        # A small image has no coarser level on which its velocity was found already.
        finest = SHORT if short and (given is not drift or len(shapes) > 1) else FULL
        steps = member.run(velocity, shapes, FULL, holdout, finest)
        velocity = yield from member.reported(number, steps)
        found.append(velocity[0].cpu().numpy())
        errors.append(_root_mean_square(member.errors))
    velocities = np.stack(found)
    with torch.no_grad():
        still = [holdout.errors(None, fold) for fold in range(FOLDS)]
        unmoved = [holdout.unmoved(fold) for fold in range(FOLDS)]
    pixels = sum(weight for _, weight in unmoved)
    evidence = MotionEvidence(float(min(errors)), _root_mean_square(unmoved), pixels)
    if not weigh:
        return Ensemble.equal(velocities, evidence)
    pixels = sum(weight for _, weight in still)
    weights, rest = held_out_weights(np.array(errors), _root_mean_square(still), pixels)
    stack, each = (torch.from_numpy(array).to(device) for array in (velocities, weights))
    consensus = consensus_velocity(stack, each, pair, motion)
    return Ensemble(velocities, weights, rest, consensus.cpu().numpy(), evidence)


def match_one(
    pair: MaskedPair, start: Tensor, parameters: MemberParameters, motion: Motion
) -> Generator[None, None, Tensor]:
    """Find the velocity half way, (1, 2, H, W), for one member.

    `start` is the displacement of the whole scene (2,), or a velocity (2, H, W) that only
    lacks detail.
    """
    member = _Member(pair, parameters, motion)
    if start.ndim == 3:
        return member.run(start[None], [pair.shape], SHORT)
    return member.run(start.view(1, 2, 1, 1).expand(1, 2, *pair.shape), member.shapes(), FULL)


class _Member:
    """Matching of one ensemble member from the coarsest level to the finest."""

    def __init__(self, pair: MaskedPair, parameters: MemberParameters, motion: Motion) -> None:
        self._pair = pair
        self._parameters = parameters
        self._motion: Motion = motion
        #: Finished fraction of `run` with hidden blocks.
        self._done = 0.0
        #: Sums of squared errors in hidden blocks, and of their weights.
        self.errors: list[tuple[float, float]] = []

    def reported(
        self, number: int, steps: Generator[None, None, Tensor]
    ) -> Generator[tuple[int, float], None, Tensor]:
        """Yield the number of the member and its progress with each step."""
        return mapped(steps, lambda _: (number, self._done))

    def shapes(self, above: float = 0.0, up_to: float = 1.0) -> list[Shape]:
        """Return the sizes of the levels between two fractions of the image's, coarsest first."""
        # Sizes are rounded: one per cent is tolerated.
        low, high = (1.01 * fraction * min(self._pair.shape) for fraction in (above, up_to))
        return [
            size
            for size in pyramid_shapes(self._pair.shape, self._parameters.factor)
            if low < min(size) <= max(high, float(_COARSEST))
        ]

    @torch.no_grad()
    def run(
        self,
        velocity: Tensor,
        shapes: list[Shape],
        schedule: Schedule,
        holdout: HoldOut | None = None,
        finest: Schedule | None = None,
    ) -> Generator[None, None, Tensor]:
        """Improve a velocity (1, 2, h, w) of any size on levels of these sizes, coarsest first.

        `finest` is the schedule of the last level and of the hidden blocks, if it differs.
        With `holdout`, also measure the errors in hidden blocks, near half of the finest size.
        """
        held_out = -1 if holdout is None else _nearest_to_half(shapes)
        work = [h * w * (1 + FOLDS * (i == held_out)) for i, (h, w) in enumerate(shapes)]
        for number, size in enumerate(shapes):
            velocity = scale_velocity(velocity, size)
            if holdout is not None:
                self._done = sum(work[:number]) / sum(work)
                if number == held_out:
                    yield from self._hold_out(velocity, finest or schedule, holdout)
                    self._done += FOLDS * size[0] * size[1] / sum(work)
            last = number == len(shapes) - 1
            velocity = yield from self._refine(velocity, (last and finest) or schedule)
        return velocity

    @torch.no_grad()
    def seed(self, starts: list[Tensor], fraction: float) -> Generator[None, None, Tensor]:
        """Find the initial velocity of the fine levels, (1, 2, h, w), on the coarse ones.

        The levels have at most this fraction of the image's size. The first of the `starts`,
        each (1, 2, H, W), is the prior, which is not refined on the coarsest levels; it is
        replaced where another velocity fits clearly better.
        """
        best = starts[0]
        for number, start in enumerate(starts):
            above = 0.0 if number else _PRIOR_FROM
            shapes = self.shapes(above, fraction) or self.shapes(0.0, fraction)
            found = yield from self.run(start, shapes, FULL)
            best = self._better(best, found)
        return best

    def _better(self, given: Tensor, found: Tensor) -> Tensor:
        """Return `found` where it fits clearly better than `given`, at the size of `found`."""
        given = scale_velocity(given, (found.shape[-2], found.shape[-1]))
        pair = self._level(found)
        sigma = _SIGMA * max(pair.shape)
        before, after = (
            pair.half_way(pixel_ends(velocity, self._motion)).local_distance(_LARGEST, sigma)
            for velocity in (given, found)
        )
        return torch.where(after < _CLEARLY * before, found, given)

    def _level(self, velocity: Tensor) -> MaskedPair:
        """Return the features of both images at the size of a velocity."""
        pair = self._pair.resized((velocity.shape[-2], velocity.shape[-1]))
        first, last = (features(image, self._parameters) for image in pair.images)
        return MaskedPair((first, last), pair.masks)

    def _hold_out(
        self, start: Tensor, schedule: Schedule, holdout: HoldOut
    ) -> Generator[None, None, None]:
        """Match without the hidden blocks, and measure the errors in them."""
        # Propagation cannot change hidden blocks, and takes half of the time.
        schedule = dataclasses.replace(schedule, propagate_before=())
        for fold in range(FOLDS):
            hidden = holdout.hidden(fold, (start.shape[-2], start.shape[-1]))
            velocity = yield from self._refine(start, schedule, hidden)
            self.errors.append(holdout.errors(scale_velocity(velocity, holdout.shape), fold))

    def _refine(
        self, start: Tensor, schedule: Schedule, hidden: Tensor | None = None
    ) -> Generator[None, None, Tensor]:
        stiffness = self._parameters.stiffness
        return refine(self._level(start), start, stiffness, self._motion, schedule, hidden)


def _nearest_to_half(shapes: list[Shape]) -> int:
    """Return the index of the level whose sides are nearest to half of those of the last one."""
    ratios = [abs(math.log(2 * height / shapes[-1][0])) for height, _ in shapes]
    return ratios.index(min(ratios))


def _root_mean_square(sums: list[tuple[float, float]]) -> float:
    """Return the root mean square from weighted sums of squares and weights; inf without any."""
    total, count = (sum(part) for part in zip(*sums, strict=True))
    return math.sqrt(total / count) if count > 0 else math.inf


def scale_velocity(velocity: Tensor, shape: Shape) -> Tensor:
    """Resize a velocity (1, 2, H, W) in pixels, and scale its values with the pixel size."""
    ratio = [new / old for new, old in zip(shape, velocity.shape[-2:], strict=True)]
    return resize(velocity, shape) * velocity.new_tensor(ratio).view(1, 2, 1, 1)
