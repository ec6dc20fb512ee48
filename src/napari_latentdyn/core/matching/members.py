"""All ensemble members on one pyramid: the levels are matched for several members at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from napari_latentdyn.core.matching.features import MemberParameters, features
from napari_latentdyn.core.matching.guidance import Guidance, LevelGuidance
from napari_latentdyn.core.matching.linearisation import Schedule, refine
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.physics.constraints import Constraint
from napari_latentdyn.core.physics.motion import Motion, pixel_ends
from napari_latentdyn.core.physics.operators import resize

__all__ = [
    "LARGE",
    "MARGIN",
    "TILE",
    "Members",
    "Shape",
    "half_reach",
    "pyramid_shapes",
    "scale_velocity",
]

Shape = tuple[int, int]

#: Shortest side of the coarsest level in pixels: there, half of the image has moved by few pixels.
COARSEST = 16
#: Shorter side in pixels up to which a level is small, and the ratio of the sides of two small
#: levels: more levels take little time there, and find motion that the halves miss.
_SMALL, _SMALL_FACTOR = 128, 0.7
#: Number of pixels above which a level is large: each side is half of the next one's, and members
#: of negligible weight are left out.
LARGE = 1 << 20
#: Number of pixels, over several members, that are matched at once on a processor: more exceed its
#: caches. On other devices, one launch for more pixels saves time.
_AT_ONCE, _AT_ONCE_ELSEWHERE = 1 << 16, 1 << 23
#: Number of pixels of a level above which it is matched tile by tile: tensors of more
#: pixels do not fit into the caches, and their memory is mapped again at every step.
_WHOLE, _WHOLE_ELSEWHERE = 1 << 21, 1 << 26
#: Side of the tiles, and the margin around each, beside the way of its points: velocities depend on
#: their surroundings.
TILE, MARGIN = 1024, 32
#: Way of a point in pixels that no margin is wider for: single wrong velocities can be larger.
_FARTHEST = 256
#: Standard deviation of the neighbourhood in which two velocities are compared, as a fraction of
#: the longer side of the image; the ratio of both differences below which the second velocity is
#: taken; the largest difference that counts.
_SIGMA, _CLEARLY, _LARGEST = 0.12, 0.95, 0.15
#: Standard deviation in pixels of the neighbourhood in which a known velocity is compared, and the
#: ratio of both differences below which it is taken at a known point.
_NEAR, _WORSE = 4.0, 1.1


def pyramid_shapes(shape: Shape, factor: float = 0.5) -> list[Shape]:
    """Return the sizes of the levels, the coarsest first.

    The sides of a level are those of the next one, reduced by a factor; large levels are
    halved, and small ones reduced by 0.7.
    """
    shapes = [shape]
    while True:
        height, width = shapes[-1]
        ratio = max(factor, _SMALL_FACTOR) if min(height, width) <= _SMALL else factor
        if min(height, width) * ratio < COARSEST:
            return shapes[::-1]
        if height * width > LARGE:
            shapes.append((-(-height // 2), -(-width // 2)))
        else:
            shapes.append((round(height * ratio), round(width * ratio)))


def scale_velocity(velocity: Tensor, shape: Shape) -> Tensor:
    """Resize velocities (B, 2, H, W) in pixels, and scale their values with the pixel size."""
    ratio = [new / old for new, old in zip(shape, velocity.shape[-2:], strict=True)]
    return resize(velocity, shape) * velocity.new_tensor(ratio).view(1, 2, 1, 1)


def half_reach(velocity: Tensor) -> int:
    """Return the largest way, up to a limit, of points to an image from half way, in pixels."""
    return math.ceil(min(float(velocity.abs().max()) / 2, _FARTHEST))


class Members:
    """Improves the velocities of several members on the levels of one pyramid.

    Parameters
    ----------
    pair : MaskedPair
        Images of shape (1, 1, H, W), normalised to about [0, 1].
    parameters : sequence of MemberParameters
        One for each of the M members.
    motion : {"steady", "inertial", "local"}
        Acceleration along the paths.
    guidance : Guidance, optional
        What the user knows of the velocity.
    constraint : Constraint, optional
        Condition on the velocities.
    """

    def __init__(
        self,
        pair: MaskedPair,
        parameters: Sequence[MemberParameters],
        motion: Motion,
        guidance: Guidance | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        self._pair = pair
        self._parameters = tuple(parameters)
        self._motion: Motion = motion
        self._guidance = guidance
        self._constraint = constraint
        self._levels: dict[Shape, MaskedPair] = {}

    @property
    def parameters(self) -> tuple[MemberParameters, ...]:
        """Features and stiffness of each member."""
        return self._parameters

    def keep(self, numbers: Sequence[int]) -> None:
        """Forget all other members."""
        self._parameters = tuple(self._parameters[number] for number in numbers)

    def level(self, shape: Shape) -> MaskedPair:
        """Return both images at the size of a level."""
        if shape not in self._levels:
            self._levels[shape] = self._pair.resized(shape)
        return self._levels[shape]

    @torch.no_grad()
    def refine(
        self, velocity: Tensor, schedule: Schedule, hidden: Tensor | None = None
    ) -> Generator[None, None, Tensor]:
        """Improve the velocities of all members on the level of their size.

        Parameters
        ----------
        velocity : Tensor, shape (M, 2, h, w)
            Velocities half way in pixels per interval.
        schedule : Schedule
            Number of iterations.
        hidden : Tensor of bool, shape (1, 1, h, w), optional
            Where the images are not compared.

        Yields
        ------
        None
            Between the iterations.

        Returns
        -------
        Tensor, shape (M, 2, h, w)
        """
        whole = _WHOLE if velocity.device.type == "cpu" else _WHOLE_ELSEWHERE
        shape = (velocity.shape[-2], velocity.shape[-1])
        steps = self._in_tiles if math.prod(shape) > whole else self._at_once
        known = None if self._guidance is None else self._guidance.level(shape)
        return (yield from steps(velocity, schedule, hidden, known))

    def _at_once(
        self,
        velocity: Tensor,
        schedule: Schedule,
        hidden: Tensor | None,
        known: LevelGuidance | None,
    ) -> Generator[None, None, Tensor]:
        shape = (velocity.shape[-2], velocity.shape[-1])
        on_cpu = velocity.device.type == "cpu"
        limit = _AT_ONCE if on_cpu else _AT_ONCE_ELSEWHERE
        at_once = max(1, limit // (shape[0] * shape[1]))
        found = []
        for first in range(0, len(self._parameters), at_once):
            some = self._parameters[first : first + at_once]
            stiffness = velocity.new_tensor([one.stiffness for one in some]).view(-1, 1, 1, 1)
            start = velocity[first : first + at_once]
            pair = self._features(shape, some)
            refining = refine(
                pair, start, stiffness, self._motion, schedule, hidden, known, self._constraint
            )
            found.append((yield from refining))
        return torch.cat(found)

    def _in_tiles(
        self,
        velocity: Tensor,
        schedule: Schedule,
        hidden: Tensor | None,
        known: LevelGuidance | None,
    ) -> Generator[None, None, Tensor]:
        """Improve velocities tile by tile, each with a margin around it."""
        shape = (velocity.shape[-2], velocity.shape[-1])
        level, found = self.level(shape), torch.empty_like(velocity)
        for tile in covering(shape, TILE):
            window = tile.grown(MARGIN + half_reach(velocity[(..., *tile.slices)]), shape).even()
            part = (..., *window.slices)
            constraint = self._constraint and self._constraint.crop(window, shape)
            members = Members(
                level.crop(window), self._parameters, self._motion, constraint=constraint
            )
            of_tile = None if hidden is None else hidden[part]
            guidance = None if known is None else known.crop(window)
            improved = yield from members._at_once(velocity[part], schedule, of_tile, guidance)
            found[(..., *tile.slices)] = improved[(..., *tile.within(window).slices)]
        return found

    @torch.no_grad()
    def better(self, given: Tensor, found: Tensor) -> Tensor:
        """Return `found` where it fits clearly better than `given`, at the size of `found`."""
        shape = (found.shape[-2], found.shape[-1])
        given = scale_velocity(given, shape)
        pair = self._features(shape, self._parameters)
        sigma = _SIGMA * max(shape)
        before, after = (
            pair.half_way(pixel_ends(velocity, self._motion)).local_distance(_LARGEST, sigma)
            for velocity in (given, found)
        )
        return torch.where(after < _CLEARLY * before, found, given)

    @torch.no_grad()
    def offer_known(self, velocity: Tensor) -> Tensor:
        """Return the known velocity where it fits better than those of the members, (M, 2, h, w).

        Next to known points it is also taken where it fits a little worse: without visible
        texture, other velocities fit by chance.
        """
        shape = (velocity.shape[-2], velocity.shape[-1])
        offer = None if self._guidance is None else self._guidance.offer(shape)
        if offer is None:
            return velocity
        known, nearness = offer
        pair = self._features(shape, self._parameters)
        carried = [
            pair.half_way(pixel_ends(one, self._motion))
            for one in (velocity, known.expand_as(velocity))
        ]
        before, after = (one.local_distance(_LARGEST, _NEAR) for one in carried)
        factor = _CLEARLY + (_WORSE - _CLEARLY) * nearness
        # A velocity that leads out of the images differs from nothing.
        return torch.where((after < factor * before) & carried[1].seen, known, velocity)

    def _features(self, shape: Shape, parameters: Sequence[MemberParameters]) -> MaskedPair:
        """Return the features of both images on a level, one batch of members."""
        level = self.level(shape)
        # Members that differ in stiffness alone have the same features.
        kinds = {(p.intensity, p.contrast, p.sigma): p for p in parameters}
        known = {
            kind: [
                features(image, parameter, mask)
                for image, mask in zip(level.images, level.masks or (None, None), strict=True)
            ]
            for kind, parameter in kinds.items()
        }
        each = [known[p.intensity, p.contrast, p.sigma] for p in parameters]
        first, last = (torch.cat([images[end] for images in each]) for end in (0, 1))
        return dataclasses.replace(level, images=(first, last))
