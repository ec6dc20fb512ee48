"""The field extraction F of equation 3b, coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_latentdyn.core.networks.architectures import UNet
from napari_latentdyn.core.physics.halfway import carry_half_way
from napari_latentdyn.core.physics.motion import pixel_ends
from napari_latentdyn.core.physics.operators import halve
from napari_latentdyn.settings import ModelSettings, PhysicsSettings

__all__ = ["FieldExtraction", "correlation", "enlarge"]

#: Shortest side of a level in pixels: the U-net pools three times.
_SMALLEST = 8
#: Divisor that brings displacements of tens of pixels to the scale of the other inputs.
_MOTION_UNIT = 16.0


class FieldExtraction(nn.Module):
    """Finds the advection fields on a pyramid of images with one U-net for all levels.

    On each level both latent states are carried half way along the current velocity. The
    U-net computes its change from both states and from their correlation under small shifts.

    Parameters
    ----------
    latent : int
        Channels of a latent state.
    images : int
        Number of leading channels that are the image itself, and not learned.
    model : ModelSettings
        `levels`, `coarsening`, `correlation`, `fields_from`, `timing`, `stages`
        and `extractor_width` are used.
    physics : PhysicsSettings
        `motion` is used.
    """

    def __init__(
        self, latent: int, images: int, model: ModelSettings, physics: PhysicsSettings
    ) -> None:
        super().__init__()
        self._model = model
        self._physics = physics
        self._images = images
        #: Number of times that images are halved for the finest level.
        self.coarsening = model.coarsening
        self._both = model.fields_from == "both"
        self._radius = model.correlation if self._both else 0
        # The published F has only the first state as input.
        self._refines = model.levels > 1 or model.initial_fields != "zero" or self._both
        inputs = latent * (2 if self._both else 1) + (2 if self._refines else 0)
        inputs += (2 * self._radius + 1) ** 2 if self._radius else 0
        self.outputs = 1 if model.timing == "even" else model.stages
        self.unet = UNet(
            inputs,
            2 * self.outputs,
            model.extractor_width,
            zero_output=self._refines,
            growth=model.extractor_growth,
        )

    def levels(
        self, first: Tensor, last: Tensor, start: Tensor, encode: Callable[[Tensor], Tensor]
    ) -> list[Tensor]:
        """Return the changes of a velocity, level by level, the coarsest first.

        Parameters
        ----------
        first, last : Tensor, shape (B, C, H, W)
            Normalised images.
        start : Tensor, shape (B, 2, H, W)
            Initial velocity in pixels per interval.
        encode : callable
            Returns the latent state of images.

        Returns
        -------
        list of Tensor, shape (B, 2 * outputs, h, w)
            In pixels of their level: per interval with one output, otherwise per stage.
        """
        pyramid = [(first, last, start)]
        for number in range(self._model.levels + self.coarsening - 1):
            if min(pyramid[-1][0].shape[-2:]) < 2 * _SMALLEST:
                break
            a, b, s = (halve(values) for values in pyramid[-1])
            pyramid.append((a, b, s / 2))
            if number < self.coarsening:
                pyramid.pop(0)
        found: Tensor | None = None
        every = []
        for a, b, s in reversed(pyramid):
            if found is not None:
                found = enlarge(found, 2.0, (a.shape[-2], a.shape[-1]))
            change: Tensor = self.unet(self._inputs(a, b, s, found, encode))
            if self._radius:
                # A level cannot find more than the radius of its correlation.
                change = (self._radius + 1) * torch.tanh(change / (self._radius + 1))
            found = change if found is None else found + change
            every.append(found)
        return every

    def fields(self, finest: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the change of the fields of each stage, (B, n, 2, H, W), from the finest level."""
        factor = shape[0] / finest.shape[-2]
        whole = enlarge(finest, 2.0 ** round(math.log2(factor)), shape)
        per_stage = whole.view(len(whole), self.outputs, 2, *shape)
        if self.outputs == 1:
            return (per_stage / self._model.stages).expand(-1, self._model.stages, -1, -1, -1)
        return per_stage

    def _inputs(
        self,
        a: Tensor,
        b: Tensor,
        start: Tensor,
        found: Tensor | None,
        encode: Callable[[Tensor], Tensor],
    ) -> Tensor:
        first = encode(a)
        if not self._refines:
            return first
        motion = start if found is None else start + self._motion(found.detach())
        if not self._both:
            return torch.cat([first, motion / _MOTION_UNIT], dim=1)
        ends = pixel_ends(motion, self._physics.motion)
        carried = carry_half_way((first, encode(b)), ends)
        parts = [carried.first, carried.last, motion / _MOTION_UNIT]
        if self._radius:
            learned = [state[:, self._images :] for state in parts[:2]]
            parts.append(correlation(learned[0], learned[1], self._radius))
        return torch.cat(parts, dim=1)

    def _motion(self, found: Tensor) -> Tensor:
        """Velocity per interval, (B, 2, h, w)."""
        if self.outputs == 1:
            return found
        return found.view(len(found), self.outputs, 2, *found.shape[-2:]).sum(dim=1)


def correlation(first: Tensor, last: Tensor, radius: int) -> Tensor:
    """Return the cosine of two states under all shifts of the second one up to a radius.

    Parameters
    ----------
    first, last : Tensor, shape (B, c, H, W)
        Latent states; the border is repeated.
    radius : int
        In pixels.

    Returns
    -------
    Tensor, shape (B, (2 * radius + 1) ** 2, H, W)
        From -1 to 1, row by row of shifts.
    """
    height, width = first.shape[-2:]
    a, b = (functional.normalize(_standard(state), dim=1) for state in (first, last))
    b = functional.pad(b, (radius, radius, radius, radius), mode="replicate")
    side = 2 * radius + 1
    return torch.stack(
        [
            (a * b[..., y : y + height, x : x + width]).sum(dim=1)
            for y in range(side)
            for x in range(side)
        ],
        dim=1,
    )


def _standard(state: Tensor) -> Tensor:
    """Subtract the mean over the image and divide by the deviation."""
    deviation, mean = torch.std_mean(state, dim=(2, 3), keepdim=True)
    return (state - mean) / (deviation + 1e-3)


def enlarge(field: Tensor, factor: float, shape: tuple[int, int]) -> Tensor:
    """Resize a field in pixels to a shape that is larger by a factor."""
    if factor == 1.0:
        return field
    return factor * functional.interpolate(field, shape, mode="bilinear", align_corners=False)
