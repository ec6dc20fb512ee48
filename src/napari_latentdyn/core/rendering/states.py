"""Latent states of both observations around the beginnings of the paths of a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.core.physics.sampling import Interpolant
from napari_latentdyn.core.physics.spline import MARGIN

__all__ = ["States", "WindowStates"]


@dataclass(frozen=True)
class States:
    """Latent states of a part of an image.

    Attributes
    ----------
    state : Tensor, shape (1, c, h, w)
        The states.
    origin : (int, int)
        Position of the first pixel of the part in the image.
    """

    state: Tensor
    origin: tuple[int, int]

    @cached_property
    def interpolant(self) -> Interpolant:
        """The states, to interpolate several times."""
        return Interpolant(self.state)

    def contains(self, box: Window) -> bool:
        """Return whether a part of the image lies within this one."""
        y, x = self.origin
        height, width = self.state.shape[-2:]
        return (
            y <= box.y
            and x <= box.x
            and y + height >= box.y + box.height
            and x + width >= box.x + box.width
        )

    def at(self, window: Window) -> Tensor:
        """Return the states of a window within the part, (1, c, h, w)."""
        top, left = window.y - self.origin[0], window.x - self.origin[1]
        return self.state[..., top : top + window.height, left : left + window.width]


class WindowStates:
    """Encodes both images around one window, and again only where paths leave the encoded part.

    Parameters
    ----------
    model : LatentDynamics
        Encodes.
    images : sequence of two Tensors, shape (1, C, H, W)
        The whole images.
    window : Window
        Window of the image.
    low, span : Tensor, shape (1, C or 1, 1, 1)
        Minimum and range with which images are normalised.
    """

    def __init__(
        self,
        model: LatentDynamics,
        images: Sequence[Tensor],
        window: Window,
        low: Tensor,
        span: Tensor,
        learned: bool = True,
    ) -> None:
        self._model = model
        self._learned = learned
        self._images = images
        self._shape = (images[0].shape[-2], images[0].shape[-1])
        self._window = window
        self._low = low
        self._span = span
        self._held: dict[int, States] = {}

    def near(self, end: int, places: Tensor) -> States:
        """Return the states of the first image (0) or the last one (1) around places.

        `places` (1, 2, h, w) are in pixels of the image.
        """
        box = self._box(places)
        held = self._held.get(end)
        if held is not None and held.contains(box):
            return held
        wide = box.grown(self._model.reach if self._learned else 0, self._shape)
        image = self._images[end][(..., *wide.slices)].to(self._low.device)
        state = (image - self._low) / self._span
        if self._learned:
            state = self._model.encode(state)
        top, left = box.y - wide.y, box.x - wide.x
        state = state[..., top : top + box.height, left : left + box.width]
        self._held[end] = States(state, (box.y, box.x))
        return self._held[end]

    def _box(self, places: Tensor) -> Window:
        """Return the smallest part of the image that contains the window and the places."""
        window = self._window
        bounds = []
        for axis, (start, size, length) in enumerate(
            (
                (window.y, window.height, self._shape[0]),
                (window.x, window.width, self._shape[1]),
            )
        ):
            # The margin is for the kernel, and for other times: encoding twice is slow.
            low = min(float(places[:, axis].min()), start) - MARGIN
            high = max(float(places[:, axis].max()), start + size - 1) + MARGIN
            first = max(0, math.floor(low))
            bounds.append((first, min(length, math.ceil(high) + 1) - first))
        return Window(bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1])
