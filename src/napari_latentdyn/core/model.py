"""The model of HLG equation 3: encode, extract the fields, evolve, decode."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_latentdyn.core.networks import Encoder, UNet
from napari_latentdyn.core.operators import smooth
from napari_latentdyn.core.physics import Advection, inside, pixel_grid, sample
from napari_latentdyn.settings import Settings

__all__ = ["Batch", "LatentDynamics", "Prediction"]

#: Stages into which the way to the middle is cut while fields are refined coarse to fine.
_HALFWAY_STAGES = 4
#: Brings displacements of tens of pixels to the size of the other inputs of the U-net.
_MOTION_UNIT = 16.0
#: Standard deviation in pixels of the neighbourhood in which trained fields are judged, the part
#: of the initial difference that has to be left at most, and the difference that counts at most.
_GUARD_REACH = 6.0
_CLEARLY = 0.98
_FORGIVEN = 0.2


@dataclass
class Batch:
    """Pairs of patches.

    Attributes
    ----------
    first, last : Tensor, shape (B, C, H, W)
        Normalised patches.
    valid_first, valid_last : Tensor of bool, shape (B, 1, H, W)
        False where a pixel is missing.
    start : Tensor, shape (B, n, 2, H, W)
        Initial fields, in pixels per stage.
    """

    first: Tensor
    last: Tensor
    valid_first: Tensor
    valid_last: Tensor
    start: Tensor


@dataclass
class Prediction:
    """What the model makes of a batch.

    Attributes
    ----------
    fields : Tensor, shape (B, n, 2, H, W)
        Advection fields in pixels per stage.
    coded_first, coded_last : Tensor, shape (B, C, H, W)
        Each image encoded and decoded.
    arrived : list of (Tensor, Tensor, Tensor)
        Decoded state that was carried to the other end, the image it should
        equal, and where it counts, as (B, C, H, W), (B, C, H, W), (B, 1, H, W).
    """

    fields: Tensor
    coded_first: Tensor
    coded_last: Tensor
    arrived: list[tuple[Tensor, Tensor, Tensor]]


class LatentDynamics(nn.Module):
    """Encoder E, field extraction F, advection and decoder D, wired as in equation 3.

    Parameters
    ----------
    channels : int
        Channels of the images.
    settings : Settings
        The groups `model` and `physics` are used.
    """

    def __init__(self, channels: int, settings: Settings) -> None:
        super().__init__()
        model = settings.model
        self.settings = settings
        self.channels = channels
        self.stages = model.stages
        self.physics = Advection(settings.physics)
        self.encoder = Encoder(
            channels, model.latent_channels, model.encoder_width, model.encoder_kernel
        )
        self.latent_channels = model.latent_channels + (channels if model.image_in_latent else 0)
        self._both = model.fields_from == "both"
        self._refines = model.levels > 1 or model.initial_fields != "zero"
        inputs = self.latent_channels * (2 if self._both else 1) + (2 if self._refines else 0)
        self.extractor = UNet(inputs, 2 * self.stages, model.unet_width, zero_output=self._refines)
        self.decoder = UNet(
            self.latent_channels, channels, model.unet_width, zero_output=model.image_in_latent
        )
        # Convolutions of few channels run about 1.5 times as fast in this layout.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, image: Tensor) -> Tensor:
        """Equation 3a: images (B, C, H, W) to latent states (B, c, H, W)."""
        state: Tensor = self.encoder(image)
        return torch.cat([image, state], dim=1) if self.settings.model.image_in_latent else state

    def decode(self, state: Tensor) -> Tensor:
        """Equation 3d: latent states (B, c, H, W) to images (B, C, H, W)."""
        image: Tensor = self.decoder(state)
        return state[:, : self.channels] + image if self.settings.model.image_in_latent else image

    def extract(self, first: Tensor, last: Tensor, start: Tensor) -> Tensor:
        """Equation 3b: the advection fields of a pair.

        With several levels the images are halved again and again; the same
        networks find the fields on the smallest and refine them on each larger
        one.

        Parameters
        ----------
        first, last : Tensor, shape (B, C, H, W)
            Normalised images.
        start : Tensor, shape (B, n, 2, H, W)
            Initial fields in pixels per stage.

        Returns
        -------
        Tensor, shape (B, n, 2, H, W)
            Pixels per stage.
        """
        pyramid = [(first, last, start.sum(dim=1))]
        for _ in range(self.settings.model.levels - 1):
            if min(pyramid[-1][0].shape[-2:]) < 2 * 8:
                break
            pyramid.append(
                (_halve(pyramid[-1][0]), _halve(pyramid[-1][1]), _halve(pyramid[-1][2]) / 2)
            )
        found: Tensor | None = None
        for a, b, s in reversed(pyramid):
            if found is not None:
                found = 2 * functional.interpolate(
                    found, size=a.shape[-2:], mode="bilinear", align_corners=False
                )
            change: Tensor = self.extractor(self._field_inputs(a, b, s, found))
            found = change if found is None else found + change
        assert found is not None
        batch, _, height, width = found.shape
        change_of_stages = found.view(batch, self.stages, 2, height, width)
        if self.settings.model.timing == "even":
            change_of_stages = change_of_stages.mean(dim=1, keepdim=True)
        return change_of_stages + start

    def keep_better(self, first: Tensor, last: Tensor, start: Tensor, fields: Tensor) -> Tensor:
        """Go back to the initial fields wherever the trained ones do not meet better half way.

        Fitting one scene can worsen a place while it improves others; what the
        two images say half way tells which, without a true frame.

        Parameters
        ----------
        first, last : Tensor, shape (B, C, H, W)
            Normalised images.
        start, fields : Tensor, shape (B, n, 2, H, W)
            Initial and trained fields in pixels per stage.

        Returns
        -------
        Tensor, shape (B, n, 2, H, W)
            A smooth mixture of both.
        """
        before, after = (self._apart(first, last, f) for f in (start, fields))
        share = smooth((after < _CLEARLY * before).to(fields.dtype), _GUARD_REACH)
        # Where nothing speaks for a change, none is made: also between two places that improved.
        share = ((share - 0.5) * 2).clamp(0.0, 1.0)
        return start + share[:, None] * (fields - start)

    def _apart(self, first: Tensor, last: Tensor, fields: Tensor) -> Tensor:
        """Return how far both images carried half way are apart, (B, 1, H, W)."""
        grid = pixel_grid(*first.shape[-2:], device=first.device).expand(len(first), -1, -1, -1)
        kernel = self.settings.physics.interpolation
        a = sample(first, self.physics.trace_back(fields, grid, 0.5), kernel)
        b = sample(last, self.physics.trace_on(fields, grid, 0.5), kernel)
        difference = (a - b).abs().clamp(max=_FORGIVEN).mean(dim=1, keepdim=True)
        return smooth(difference, _GUARD_REACH)

    def _field_inputs(self, a: Tensor, b: Tensor, start: Tensor, found: Tensor | None) -> Tensor:
        state = self.encode(a)
        if not self._refines:
            return torch.cat([state, self.encode(b)], dim=1) if self._both else state
        motion = start
        if found is not None:
            motion = motion + found.detach().view(len(a), self.stages, 2, *a.shape[-2:]).sum(dim=1)
        parts = [state]
        if self._both:
            grid = pixel_grid(*a.shape[-2:], device=a.device).expand(len(a), -1, -1, -1)
            steady = (motion / _HALFWAY_STAGES)[:, None].expand(-1, _HALFWAY_STAGES, -1, -1, -1)
            parts = [
                sample(state, self.physics.trace_back(steady, grid, 0.5)),
                sample(self.encode(b), self.physics.trace_on(steady, grid, 0.5)),
            ]
        return torch.cat([*parts, motion / _MOTION_UNIT], dim=1)

    def forward(self, batch: Batch) -> Prediction:
        """Carry a batch from end to end."""
        first, last = self.encode(batch.first), self.encode(batch.last)
        fields = self.extract(batch.first, batch.last, batch.start)
        physics = self.settings.physics
        shape = (first.shape[-2], first.shape[-1])
        grid = pixel_grid(*shape, device=first.device).expand(len(first), -1, -1, -1)

        states, targets, weights = [first, last], [], []
        origins = self.physics.trace_back(fields, grid, 1.0)
        states.append(
            sample(first, origins, physics.interpolation)
            if physics.transport == "characteristics"
            else self.physics.carry(first, fields, 1.0)
        )
        targets.append(batch.last)
        weights.append(batch.valid_last & self.seen(batch.valid_first, origins))
        if physics.ends == "both":
            goals = self.physics.trace_on(fields, grid, 0.0)
            states.append(
                sample(last, goals, physics.interpolation)
                if physics.transport == "characteristics"
                else self.physics.carry_back(last, fields, 0.0)
            )
            targets.append(batch.first)
            weights.append(batch.valid_first & self.seen(batch.valid_last, goals))
        decoded = self.decode(torch.cat(states)).split(len(first))
        return Prediction(
            fields=fields,
            coded_first=decoded[0],
            coded_last=decoded[1],
            arrived=list(zip(decoded[2:], targets, weights, strict=True)),
        )

    def seen(self, valid: Tensor, positions: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Return where positions meet pixels that are there, as (B, 1, h, w) of bool.

        Positions outside of the image count as seen with the border rule
        "clamp", and as not seen with "exclude".
        """
        with torch.no_grad():
            met = sample(valid.float(), positions, "nearest", origin) > 0.5
            if self.settings.physics.border == "exclude":
                shifted = positions - positions.new_tensor(origin).view(1, 2, 1, 1)
                met &= inside(shifted, (valid.shape[-2], valid.shape[-1]))
        return met


def _halve(values: Tensor) -> Tensor:
    return functional.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)
