"""The fields of one ensemble member around a window."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["MemberFields"]


@dataclass
class MemberFields:
    """Stage fields of a member around a window, and its weight.

    Attributes
    ----------
    velocity : Tensor, shape (1, n, 2, h, w)
        Pixels per stage.
    origin : (int, int)
        Position of the first pixel.
    share : float
        Weight of the member.
    moves : bool
        False for the member without motion.
    """

    velocity: Tensor
    origin: tuple[int, int]
    share: float = 1.0
    moves: bool = True
