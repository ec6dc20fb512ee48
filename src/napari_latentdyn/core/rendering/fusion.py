"""One state out of those that several members carry from both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_latentdyn.core.physics.operators import area_ratio, smooth
from napari_latentdyn.equations import Equation

__all__ = ["Carried", "agreement", "border_weight", "fuse", "is_seen", "visibility"]

#: Share of an end that is not seen at a place; keeps weights positive where neither is seen.
UNSEEN = 1e-3
#: Standard deviation in pixels of the neighbourhood over which scatter is averaged.
_REACH = 3.0
#: Scatter of the normalised intensity at which a confidence is one half.
_DOUBT = 0.05

#: Widest strip in pixels over which one end takes over from both, where the other one's image
#: ends: images of two days differ in brightness, and a sharp change would be seen as a line.
_TAPER = 24.0


@dataclass
class Carried:
    """What one member carries from one end to a time.

    Attributes
    ----------
    state : Tensor, shape (1, c, h, w)
        Latent state.
    seen : Tensor, shape (1, 1, h, w)
        How well the end shows the place, from 0 to 1.
    share : float
        Weight of the end at this time.
    """

    state: Tensor
    seen: Tensor
    share: float

    @property
    def weight(self) -> Tensor:
        """Weight of the state, positive everywhere, shape (1, 1, h, w)."""
        return self.share * (self.seen + UNSEEN)

    @property
    def known(self) -> Tensor:
        """How much the end can say of the place, from 0 to 1, shape (1, 1, h, w).

        More is known than counts: also what lies at the border of the image, and
        is given little weight to make no seam, is known.
        """
        return (2.0 * self.seen).clamp(0.0, 1.0)


def visibility(places: Tensor) -> Tensor:
    """How much of a pixel's area there is where its value comes from, from 0 to 1.

    A place that was squeezed to nothing, like the water in a crack before it
    opened, cannot be seen there.

    Parameters
    ----------
    places : Tensor, shape (1, 2, h, w)
        Where values come from, in pixels.
    """
    return smooth(area_ratio(places).clamp(0.0, 1.0), 1.0)


def border_weight(places: Tensor, grid: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a weight that falls off where places near the border of the image.

    Parameters
    ----------
    places : Tensor, shape (1, 2, h, w)
        Where values come from, in pixels.
    grid : Tensor, shape (1, 2, h, w)
        Where they are carried to.
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    Tensor, shape (1, 1, h, w)
        From 0 to 1.
    """
    height, width = shape
    limits = places.new_tensor([height - 1, width - 1]).view(1, 2, 1, 1)
    depth = torch.minimum(places, limits - places).amin(dim=1, keepdim=True)
    way = places - grid
    moved = torch.hypot(way[:, :1], way[:, 1:])
    # The strip that one end alone shows is as wide as things moved, and so is the passage.
    weight: Tensor = (depth + 0.5) / moved.clamp(1.0, _TAPER)
    return weight.clamp(0.0, 1.0)


def fuse(
    members: list[list[Carried]], shares: Sequence[float | Tensor], equation: Equation
) -> Tensor:
    """Mean over the members of what each makes of its ends, shape (1, c, h, w).

    Parameters
    ----------
    members : list of list of Carried
        What each member carries from each end.
    shares : sequence of float, or of Tensor of shape (1, 1, h, w)
        How much each member counts; not zero for all.
    equation : Equation
        Says how the ends of one member are blended.
    """
    total: Tensor | None = None
    every = sum(shares)
    for ends, share in zip(members, shares, strict=True):
        weights = [end.weight for end in ends]
        whole = sum(weights[1:], weights[0])
        state = equation.blend([end.state for end in ends], [w / whole for w in weights])
        part = state.mul_(share / every)
        total = part if total is None else total.add_(part)
    assert total is not None
    return total


def is_seen(ends: list[Carried]) -> Tensor:
    """Return where any end shows a place at all, as ones in (1, 1, h, w)."""
    most = torch.stack([end.seen for end in ends]).amax(dim=0)
    return (most > 0).to(most.dtype)


def agreement(
    members: list[list[Carried]], shares: Sequence[float | Tensor], channels: int
) -> Tensor:
    """Confidence from the scatter of all members and ends, shape (1, 1, h, w), from 0 to 1.

    Members and ends count as they do in the state itself: close to an end, the
    other one has no say. What one end alone shows cannot be compared, and is
    trusted the less the more the other one would have had to say.

    Parameters
    ----------
    members : list of list of Carried
        What each member carries from each end.
    shares : sequence of float, or of Tensor of shape (1, 1, h, w)
        How much each member counts; not zero for all.
    channels : int
        Leading channels of the state that are compared.
    """
    states = torch.stack([end.state[:, :channels] for ends in members for end in ends])
    weights = torch.stack(
        [s * end.weight for ends, s in zip(members, shares, strict=True) for end in ends]
    )
    coverage = torch.stack(
        [s * end.share * end.known for ends, s in zip(members, shares, strict=True) for end in ends]
    ).sum(dim=0)
    asked = sum(s * end.share for ends, s in zip(members, shares, strict=True) for end in ends)
    weights = weights / weights.sum(dim=0)
    mean = (weights * states).sum(dim=0)
    scatter = (weights * (states - mean) ** 2).sum(dim=0).mean(dim=1, keepdim=True)
    agreed = 1.0 / (1.0 + smooth(scatter, _REACH) / _DOUBT**2)
    return agreed * coverage / asked
