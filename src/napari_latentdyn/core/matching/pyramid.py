"""Matching from coarse to fine, for all ensemble members together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.matching.consensus import consensus_velocity
from napari_latentdyn.core.matching.ensemble import Ensemble, held_out_weights
from napari_latentdyn.core.matching.features import MEMBERS, MemberParameters
from napari_latentdyn.core.matching.guidance import Guidance
from napari_latentdyn.core.matching.holdout import FOLDS, HoldOut
from napari_latentdyn.core.matching.linearisation import BRIEF, FULL, SHORT, Schedule
from napari_latentdyn.core.matching.members import (
    COARSEST,
    LARGE,
    Members,
    Shape,
    pyramid_shapes,
    scale_velocity,
)
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.physics.constraints import Constraint
from napari_latentdyn.core.physics.motion import Motion
from napari_latentdyn.core.runfolder.evidence import MotionEvidence
from napari_latentdyn.generators import mapped

__all__ = ["match_finer", "match_members", "match_one"]

_Found = TypeVar("_Found")

#: Size of a level, as a fraction of the image: where a prior is first refined; up to where
#: levels are matched from a prior.
_PRIOR_FROM, _PRIOR_UP_TO = 1 / 24, 1 / 8
#: Ratio of the sides of two levels above the small ones, for short and for full matching.
_FACTOR, _FULL_FACTOR = 0.5, 0.7
#: Largest number of pixels of the level on which blocks are hidden: more do not change the weights.
_HELD_OUT_PIXELS = 1 << 17
#: Weight below which a member is left out of the finest level.
_NEGLIGIBLE = 0.15


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
    finer: int = 0,
    guidance: Guidance | None = None,
    constraint: Constraint | None = None,
) -> Generator[float, None, tuple[Ensemble, tuple[MemberParameters, ...]]]:
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
        Weigh the members by their prediction error in hidden blocks, and leave those of
        negligible weight out of the finest level. Otherwise all weights are equal, and the
        blocks only give the evidence for motion.
    short : bool
        Match with fewer iterations, and with few on the two finest levels.
    finer : int
        Number of larger levels of the same scene that are matched later, by `match_finer`.
    guidance : Guidance, optional
        What the user knows of the velocity.
    constraint : Constraint, optional
        Condition on the velocities.

    Yields
    ------
    float
        Finished fraction of the work.

    Returns
    -------
    ensemble : Ensemble
    parameters : tuple of MemberParameters
        Those of the members that are not left out.
    """
    pair = MaskedPair.from_arrays((images[0][None], images[1][None]), valid, device)
    drift = torch.from_numpy(start).to(device).view(1, 2, 1, 1).expand(members, 2, *pair.shape)
    given = None
    if prior is not None:
        given = torch.from_numpy(prior).to(device)[None].expand(members, -1, -1, -1)
    matching = _Matching(pair, MEMBERS[:members], motion, short, finer, guidance, constraint)
    ensemble = yield from matching.run(drift, given, weigh)
    return ensemble.constrained(constraint), matching.parameters


def match_finer(
    pair: MaskedPair,
    velocity: Tensor,
    parameters: Sequence[MemberParameters],
    motion: Motion,
    *,
    short: bool,
    finest: bool,
) -> Generator[None, None, Tensor]:
    """Improve the velocities of members on one finer level, or on a window of it.

    Parameters
    ----------
    pair : MaskedPair
        Images of shape (1, 1, H, W), normalised to about [0, 1].
    velocity : Tensor, shape (M, 2, H, W)
        Velocities half way of the next coarser level, scaled to this one.
    parameters : sequence of M MemberParameters
        Features and stiffness.
    motion : {"steady", "inertial", "local"}
        Acceleration along the paths.
    short : bool
        Match with fewer iterations.
    finest : bool
        Whether this is one of the two finest levels.

    Yields
    ------
    None
        Between the iterations.

    Returns
    -------
    Tensor, shape (M, 2, H, W)
    """
    return Members(pair, parameters, motion).refine(velocity, _schedule(short, finest))


def _schedule(short: bool, finest: bool) -> Schedule:
    if not short:
        return FULL
    return SHORT if finest else BRIEF


def match_one(
    pair: MaskedPair, start: Tensor, parameters: MemberParameters, motion: Motion
) -> Generator[None, None, Tensor]:
    """Find the velocity half way, (1, 2, H, W), for one member.

    `start` is the displacement of the whole scene (2,), or a velocity (2, H, W) that only
    lacks detail.
    """
    member = Members(pair, [parameters], motion)
    if start.ndim == 3:
        return member.refine(start[None], SHORT)
    return _through(member, start.view(1, 2, 1, 1), pyramid_shapes(pair.shape))


def _through(
    members: Members, velocity: Tensor, shapes: list[Shape]
) -> Generator[None, None, Tensor]:
    """Improve velocities of any size on levels of these sizes, coarsest first."""
    for shape in shapes:
        if velocity.shape[-2:] == (1, 1):
            velocity = velocity.expand(-1, -1, *members.level(shapes[-1]).shape)
        velocity = yield from members.refine(scale_velocity(velocity, shape), FULL)
    return velocity


class _Matching:
    """Matching of all members from the coarsest level to the finest."""

    def __init__(
        self,
        pair: MaskedPair,
        parameters: tuple[MemberParameters, ...],
        motion: Motion,
        short: bool,
        finer: int,
        guidance: Guidance | None,
        constraint: Constraint | None,
    ) -> None:
        self._pair = pair
        self._members = Members(pair, parameters, motion, guidance, constraint)
        self._motion: Motion = motion
        self._count = len(parameters)
        self._short = short
        #: Number of larger levels that are not matched here.
        self._finer = finer
        self._shapes = pyramid_shapes(pair.shape, _FACTOR if short else _FULL_FACTOR)
        #: Level on which blocks are hidden.
        self._held_out = _nearest_to_half(self._shapes)
        large = [number for number, shape in enumerate(self._shapes) if math.prod(shape) > LARGE]
        #: Level before which members of negligible weight are left out.
        self._dropping = min([*large, len(self._shapes) - (0 if finer else 1)])
        self._done = 0.0

    @property
    def parameters(self) -> tuple[MemberParameters, ...]:
        """Parameters of the members that are not left out."""
        return self._members.parameters

    def run(
        self, drift: Tensor, prior: Tensor | None, weigh: bool
    ) -> Generator[float, None, Ensemble]:
        """Match all levels, and weigh the members."""
        velocity = drift
        coarse: list[Shape] = []
        if prior is not None:
            limit = max(1.01 * _PRIOR_UP_TO * min(self._pair.shape), float(COARSEST))
            coarse = [shape for shape in self._shapes if min(shape) <= limit]
            velocity = yield from self._reported(self._seed(drift, prior, coarse))
        weights = np.full(self._count, 1.0 / self._count, np.float32)
        still, evidence = 0.0, None
        work = [
            h * w * (1 + FOLDS * (i == self._held_out)) for i, (h, w) in enumerate(self._shapes)
        ]
        for number, shape in enumerate(self._shapes):
            self._done = sum(work[:number]) / sum(work)
            velocity = self._members.offer_known(scale_velocity(velocity, shape))
            if number == self._held_out:
                holdout = HoldOut(self._members.level(shape), self._motion)
                errors = yield from self._reported(self._hold_out(velocity, holdout))
                evidence, found, rest = _judged(errors, holdout)
                self._done += FOLDS * shape[0] * shape[1] / sum(work)
                if weigh and self._count > 1:
                    weights, still = found, rest
            if weigh and number == self._dropping:
                velocity, weights = self._dropped(velocity, weights, still)
            if shape in coarse and number < len(self._shapes) - 1:
                continue
            # A small image has no coarser level on which its velocity was found already.
            finest = number > 0 and number >= len(self._shapes) + self._finer - 2
            schedule = _schedule(self._short, finest)
            velocity = yield from self._reported(self._members.refine(velocity, schedule))
        if weigh and self._dropping == len(self._shapes):
            velocity, weights = self._dropped(velocity, weights, still)
        if not weigh:
            return Ensemble.equal(velocity.cpu().numpy(), evidence)
        share = torch.from_numpy(weights).to(velocity.device)
        centre = consensus_velocity(velocity, share, self._pair, self._motion)
        return Ensemble(velocity.cpu().numpy(), weights, still, centre.cpu().numpy(), evidence)

    def _seed(
        self, drift: Tensor, prior: Tensor, shapes: list[Shape]
    ) -> Generator[None, None, Tensor]:
        """Find the velocities on the coarse levels from the prior, and from a common drift.

        The prior is not refined on the coarsest levels; it is replaced where the other
        velocity fits clearly better.
        """
        least = 1.01 * _PRIOR_FROM * min(self._pair.shape)
        fine = [shape for shape in shapes if min(shape) > least] or shapes
        best = yield from _through(self._members, prior, fine)
        found = yield from _through(self._members, drift, shapes)
        return self._members.better(best, found)

    def _hold_out(
        self, velocity: Tensor, holdout: HoldOut
    ) -> Generator[None, None, NDArray[np.float64]]:
        """Match without the hidden blocks; return the errors in them, (M, 2)."""
        # Propagation cannot change hidden blocks.
        schedule = dataclasses.replace(SHORT if self._short else FULL, propagate_before=())
        errors = np.zeros((len(velocity), 2))
        for fold in range(FOLDS):
            found = yield from self._members.refine(velocity, schedule, holdout.hidden(fold))
            errors += holdout.errors(found, fold)
        return errors

    def _dropped(
        self, velocity: Tensor, weights: NDArray[np.float32], still: float
    ) -> tuple[Tensor, NDArray[np.float32]]:
        """Leave out members of negligible weight."""
        kept = np.flatnonzero(weights >= min(_NEGLIGIBLE, float(weights.max())))
        self._members.keep(kept.tolist())
        weights = weights[kept] * ((1.0 - still) / weights[kept].sum())
        return velocity[kept.tolist()], weights.astype(np.float32)

    def _reported(self, steps: Generator[None, None, _Found]) -> Generator[float, None, _Found]:
        return mapped(steps, lambda _: self._done)


def _judged(
    errors: NDArray[np.float64], holdout: HoldOut
) -> tuple[MotionEvidence, NDArray[np.float32], float]:
    """Return the evidence of motion, the weights of the members, and that of no motion."""
    still, unmoved = (
        np.sum([one(fold)[0] for fold in range(FOLDS)], axis=0)
        for one in (holdout.still, holdout.unmoved)
    )
    roots = np.array([_root_mean_square(sums) for sums in errors])
    evidence = MotionEvidence(float(min(roots)), _root_mean_square(unmoved), float(unmoved[1]))
    weights, rest = held_out_weights(roots, _root_mean_square(still), float(still[1]))
    return evidence, weights, rest


def _nearest_to_half(shapes: list[Shape]) -> int:
    """Return the index of the level nearest to half of the size, or of a smaller one.

    A smaller one is taken where that level is large.
    """
    ratios = [abs(math.log(2 * height / shapes[-1][0])) for height, _ in shapes]
    number = ratios.index(min(ratios))
    while number and math.prod(shapes[number]) > _HELD_OUT_PIXELS:
        number -= 1
    return number


def _root_mean_square(sums: NDArray[np.float64]) -> float:
    """Return the root mean square from a sum of squares and one of weights; inf without any."""
    return math.sqrt(sums[0] / sums[1]) if sums[1] > 0 else math.inf
