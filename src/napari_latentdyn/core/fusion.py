"""One state out of those that several members carry from both ends."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_latentdyn.core.operators import area_ratio, smooth

__all__ = ["Carried", "agreement", "fuse", "visibility"]

#: Share of an end that is not seen at a place; keeps weights positive where neither is seen.
UNSEEN = 1e-3
#: Standard deviation in pixels of the neighbourhood over which scatter is averaged.
_REACH = 3.0
#: Scatter of the normalised intensity at which a confidence is one half.
_DOUBT = 0.05


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


def fuse(members: list[list[Carried]]) -> Tensor:
    """Mean over the members of what each makes of its ends, shape (1, c, h, w)."""
    total: Tensor | None = None
    for ends in members:
        weights = [end.weight for end in ends]
        state = torch.stack([e.state * w for e, w in zip(ends, weights, strict=True)]).sum(dim=0)
        state = state / torch.stack(weights).sum(dim=0)
        total = state if total is None else total + state
    assert total is not None
    return total / len(members)


def agreement(members: list[list[Carried]], channels: int) -> Tensor:
    """Confidence from the scatter of all members and ends, shape (1, 1, h, w), from 0 to 1."""
    states = torch.stack([end.state[:, :channels] for ends in members for end in ends])
    weights = torch.stack([end.seen + UNSEEN for ends in members for end in ends])
    weights = weights / weights.sum(dim=0)
    mean = (weights * states).sum(dim=0)
    scatter = (weights * (states - mean) ** 2).sum(dim=0).mean(dim=1, keepdim=True)
    return 1.0 / (1.0 + smooth(scatter, _REACH) / _DOUBT**2)
