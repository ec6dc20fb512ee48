"""Fusion of the states that several members carry from both observations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_latentdyn.core.physics.operators import area_ratio, smooth
from napari_latentdyn.equations import Equation, Meeting

__all__ = [
    "Carried",
    "Meet",
    "agreement",
    "border_weight",
    "fuse",
    "is_seen",
    "scatter",
    "visibility",
]

#: Weight of an observation that does not contain a place: weights have to be positive.
UNSEEN = 1e-3
#: Standard deviation in pixels of the neighbourhood over which scatter is averaged.
_REACH = 3.0
#: Standard deviation of the normalised intensity at which the confidence is one half.
_DOUBT = 0.05

#: Largest width in pixels of the transition between one observation and both, at the border of an
#: image: their brightness differs, and a sharp transition would be a visible line.
_TAPER = 24.0


@dataclass
class Carried:
    """The state that one member carries from one observation to a time.

    Attributes
    ----------
    state : Tensor, shape (1, c, h, w)
        Latent state.
    seen : Tensor, shape (1, 1, h, w)
        Visibility of the place in the observation, from 0 to 1.
    share : float
        Weight of the observation at this time.
    places : Tensor, shape (1, 2, h, w), optional
        Beginnings of the paths in the observation, in pixels.
    """

    state: Tensor
    seen: Tensor
    share: float
    places: Tensor | None = None

    @property
    def weight(self) -> Tensor:
        """Weight of the state, positive everywhere, shape (1, 1, h, w)."""
        return self.share * (self.seen + UNSEEN)

    @property
    def known(self) -> Tensor:
        """Coverage of the place by the observation, from 0 to 1, shape (1, 1, h, w).

        Places near the border are covered, although their weight is low to avoid seams.
        """
        return (2.0 * self.seen).clamp(0.0, 1.0)


def visibility(places: Tensor) -> Tensor:
    """Return the area of a pixel at the beginning of its path, at most 1, (1, 1, h, w).

    `places` are the beginnings of the paths in pixels, (1, 2, h, w). The water in a crack,
    for example, has no area before the crack opens.
    """
    return smooth(area_ratio(places).clamp(0.0, 1.0), 1.0)


def border_weight(places: Tensor, grid: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a weight from 0 to 1, (1, 1, h, w), that decreases near the border of the image.

    `places` and `grid` are the beginnings and ends of the paths in pixels, (1, 2, h, w).
    """
    height, width = shape
    limits = places.new_tensor([height - 1, width - 1]).view(1, 2, 1, 1)
    depth = torch.minimum(places, limits - places).amin(dim=1, keepdim=True)
    way = places - grid
    moved = torch.hypot(way[:, :1], way[:, 1:])
    # The transition is as wide as the strip that only one observation contains.
    weight: Tensor = (depth + 0.5) / moved.clamp(1.0, _TAPER)
    return weight.clamp(0.0, 1.0)


Meet = Callable[[Sequence[Carried]], Meeting]


def fuse(
    members: list[list[Carried]],
    shares: Sequence[float | Tensor],
    equation: Equation,
    meet: Meet | None = None,
    channels: int | None = None,
) -> Tensor:
    """Return the weighted mean of the members, (1, c, h, w).

    Parameters
    ----------
    members : list of list of Carried
        States of each member from each observation.
    shares : sequence of float, or of Tensor of shape (1, 1, h, w)
        Weights of the members; not all zero.
    equation : Equation
        Blends the states of one member.
    meet : callable, optional
        Returns where the states of a member meet; for an equation that is `joint`.
    channels : int, optional
        Number of leading channels of the states to which such an equation applies; all by default.
    """
    total: Tensor | None = None
    every = sum(shares)
    for ends, share in zip(members, shares, strict=True):
        weights = [end.weight for end in ends]
        whole = sum(weights[1:], weights[0])
        states, weights = [end.state for end in ends], [w / whole for w in weights]
        if equation.joint and meet is not None:
            own = equation.between([s[:, :channels] for s in states], weights, meet(ends))
            rest = [s[:, own.shape[1] :] for s in states]
            # Features only move. The copy is because `fuse` uses the memory of the state.
            state = torch.cat([own, equation.blend(rest, weights)], dim=1)
        else:
            state = equation.blend(states, weights)
        part = state.mul_(share / every)
        total = part if total is None else total.add_(part)
    assert total is not None
    return total


def is_seen(ends: list[Carried]) -> Tensor:
    """Return one where at least one observation contains the place, (1, 1, h, w)."""
    most = torch.stack([end.seen for end in ends]).amax(dim=0)
    return (most > 0).to(most.dtype)


def scatter(
    members: list[list[Carried]], shares: Sequence[float | Tensor], channels: int
) -> Tensor:
    """Return the variance of all states around a place, (1, 1, h, w).

    States have the same weights as in `fuse`. A place that only one observation contains
    has no variance between observations.

    Parameters
    ----------
    members, shares
        As in `fuse`.
    channels : int
        Number of leading channels of the state that are compared.
    """
    states = torch.stack([end.state[:, :channels] for ends in members for end in ends])
    weights = torch.stack(
        [s * end.weight for ends, s in zip(members, shares, strict=True) for end in ends]
    )
    weights = weights / weights.sum(dim=0)
    mean = (weights * states).sum(dim=0)
    squares = (weights * (states - mean) ** 2).sum(dim=0).mean(dim=1, keepdim=True)
    return smooth(squares, _REACH)


def agreement(
    members: list[list[Carried]], shares: Sequence[float | Tensor], channels: int
) -> Tensor:
    """Return the confidence from the variance of all states, (1, 1, h, w), from 0 to 1.

    A place that only one observation contains has no variance; the weight that the other one
    would have lowers the confidence. The arguments are those of `scatter`.
    """
    coverage = torch.stack(
        [s * end.share * end.known for ends, s in zip(members, shares, strict=True) for end in ends]
    ).sum(dim=0)
    asked = sum(s * end.share for ends, s in zip(members, shares, strict=True) for end in ends)
    agreed = 1.0 / (1.0 + scatter(members, shares, channels) / _DOUBT**2)
    return agreed * coverage / asked
