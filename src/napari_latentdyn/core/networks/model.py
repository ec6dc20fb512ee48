"""The model of HLG equation 3: encode, extract the fields, evolve, decode."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_latentdyn.core.networks.architectures import (
    CONTRAST_REACH,
    Encoder,
    UNet,
    local_contrast,
)
from napari_latentdyn.core.networks.extraction import FieldExtraction
from napari_latentdyn.core.physics.operators import smooth
from napari_latentdyn.core.physics.sampling import inside, pixel_grid, sample
from napari_latentdyn.core.physics.transport import Transport
from napari_latentdyn.settings import Settings

__all__ = ["Batch", "LatentDynamics", "Prediction"]

Zero = tuple[Tensor | float, Tensor | float]

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
    zero_first, zero_last : Tensor or float
        Normalised value of zero intensity in both images, (B, C, 1, 1).
    """

    first: Tensor
    last: Tensor
    valid_first: Tensor
    valid_last: Tensor
    start: Tensor
    zero_first: Tensor | float = 0.0
    zero_last: Tensor | float = 0.0


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
    """Encoder E, field extraction F, transport and decoder D, wired as in equation 3.

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
        self._keeps_image = model.image_in_latent
        self.transport = Transport(settings.physics, channels if self._keeps_image else None)
        # With the image in the latent state the networks are the same for every channel: E sees
        # their mean, and D adds to each what it finds from it and from the learned channels.
        seen = 1 if self._keeps_image else channels
        self._contrast = model.contrast
        self.encoder = Encoder(
            seen * (2 if model.contrast else 1),
            model.latent_channels,
            model.encoder_width,
            model.encoder_kernel,
        )
        self.latent_channels = model.latent_channels + (channels if self._keeps_image else 0)
        shared = model.latent_channels + (1 if self._keeps_image else 0)
        self.extractor = FieldExtraction(
            shared, 1 if self._keeps_image else 0, model, settings.physics
        )
        self.decoder = UNet(shared, seen, model.unet_width, zero_output=self._keeps_image)
        # Convolutions of few channels run about 1.5 times as fast in this layout.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def reach(self) -> int:
        """How many pixels away an image pixel can lie and still change a latent one."""
        return self.encoder.reach + (CONTRAST_REACH if self._contrast else 0)

    @property
    def is_image_alone(self) -> bool:
        """Whether the learned channels change no frame, because D adds zero to the image.

        That holds for networks that start from random weights, until they are trained.
        """
        return self._keeps_image and not any(
            bool(weights.any()) for weights in self.decoder.output.parameters()
        )

    def encode(self, image: Tensor) -> Tensor:
        """Equation 3a: images (B, C, H, W) to latent states (B, c, H, W)."""
        grey = image.mean(dim=1, keepdim=True) if self._keeps_image else image
        state: Tensor = self.encoder(
            torch.cat([grey, local_contrast(grey)], dim=1) if self._contrast else grey
        )
        return torch.cat([image, state], dim=1) if self._keeps_image else state

    def decode(self, state: Tensor) -> Tensor:
        """Equation 3d: latent states (B, c, H, W) to images (B, C, H, W).

        A state without learned channels is the image itself.
        """
        if not self._keeps_image:
            decoded: Tensor = self.decoder(state)
            return decoded
        if state.shape[1] == self.channels:
            return state
        image, learned = state[:, : self.channels], state[:, self.channels :]
        # Each channel with its own image, as if it were an image of a batch.
        each = torch.cat(
            [
                image.reshape(-1, 1, *image.shape[-2:]),
                learned.repeat_interleave(self.channels, dim=0),
            ],
            dim=1,
        )
        residual: Tensor = self.decoder(each)
        return image + residual.view_as(image)

    def read(self, state: Tensor, places: Tensor, origin: tuple[int, int] = (0, 0)) -> Tensor:
        """Read a latent state between its pixels.

        Parameters
        ----------
        state : Tensor, shape (B, c, H, W)
            Latent states.
        places : Tensor, shape (B, 2, h, w)
            Where to read, in pixels.
        origin : (int, int)
            Position of the state's first pixel.

        Returns
        -------
        Tensor, shape (B, c, h, w)
        """
        physics = self.settings.physics
        kernel, limiter = physics.interpolation, physics.limiter
        if not self._keeps_image:
            return sample(state, places, kernel, origin, limiter=limiter)
        # Detail is in the image; a costly kernel for what the networks add would buy nothing.
        image = sample(state[:, : self.channels], places, kernel, origin, limiter=limiter)
        if state.shape[1] == self.channels:
            return image
        return torch.cat([image, sample(state[:, self.channels :], places, "bilinear", origin)], 1)

    def carry(
        self,
        state: Tensor,
        fields: Tensor,
        end: int,
        time: float,
        places: Tensor,
        zero: Tensor | float = 0.0,
        origin: tuple[int, int] = (0, 0),
    ) -> Tensor:
        """Carry the latent state of an observation to a time.

        Parameters
        ----------
        state : Tensor, shape (B, c, H, W)
            Latent state of the observation.
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage, at the pixels of the state.
        end : int
            0 for the first observation, 1 for the last one.
        time : float
            Fraction of the interval in [0, 1].
        places : Tensor, shape (B, 2, h, w)
            Where the paths of the pixels meet the observation; not used where the
            state is carried stage by stage, which gives all its pixels.
        zero : Tensor or float
            Normalised value of zero intensity, (B, C, 1, 1).
        origin : (int, int)
            Position of the state's first pixel.

        Returns
        -------
        Tensor, shape (B, c, h, w)
        """
        # Without the image in it, a latent state has a zero of its own.
        zero = zero if self._keeps_image else 0.0
        if self.settings.physics.transport == "stages":
            return self.transport.by_stages(state, fields, end, time, zero)
        read = self.read(state, places, origin)
        return self.transport.along(read, places, time - end, zero)

    def extract(self, first: Tensor, last: Tensor, start: Tensor) -> Tensor:
        """Equation 3b: the advection fields of a pair.

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
        found = self.velocities(first, last, start.sum(dim=1))[-1]
        return start + self.extractor.fields(found, (first.shape[-2], first.shape[-1]))

    def velocities(self, first: Tensor, last: Tensor, start: Tensor) -> list[Tensor]:
        """Return what F adds to a start, level by level; see `FieldExtraction.levels`."""
        if self._keeps_image:
            first, last = (image.mean(dim=1, keepdim=True) for image in (first, last))
        return self.extractor.levels(first, last, start, self.encode)

    def keep_better(
        self,
        first: Tensor,
        last: Tensor,
        start: Tensor,
        fields: Tensor,
        zero: Zero = (0.0, 0.0),
    ) -> Tensor:
        """Go back to the initial fields wherever the trained ones do not meet better half way.

        Fitting one scene can worsen a place while it improves others; what the
        two images say half way tells which, without a true frame.

        Parameters
        ----------
        first, last : Tensor, shape (B, C, H, W)
            Normalised images.
        start, fields : Tensor, shape (B, n, 2, H, W)
            Initial and trained fields in pixels per stage.
        zero : pair of Tensor or float
            Normalised value of zero intensity in both images, (B, C, 1, 1).

        Returns
        -------
        Tensor, shape (B, n, 2, H, W)
            A smooth mixture of both.
        """
        before, after = (self._apart(first, last, f, zero) for f in (start, fields))
        share = smooth((after < _CLEARLY * before).to(fields.dtype), _GUARD_REACH)
        # Where nothing speaks for a change, none is made: also between two places that improved.
        share = ((share - 0.5) * 2).clamp(0.0, 1.0)
        return start + share[:, None] * (fields - start)

    def _apart(self, first: Tensor, last: Tensor, fields: Tensor, zero: Zero) -> Tensor:
        """Return how far both images carried half way are apart, (B, 1, H, W)."""
        kernel = self.settings.physics.interpolation
        (a, b), _ = self.transport.half_way((first, last), fields, kernel, zero)
        difference = (a - b).abs().clamp(max=_FORGIVEN).mean(dim=1, keepdim=True)
        return smooth(difference, _GUARD_REACH)

    def forward(self, batch: Batch) -> Prediction:
        """Carry a batch from end to end."""
        first, last = self.encode(batch.first), self.encode(batch.last)
        fields = self.extract(batch.first, batch.last, batch.start)
        shape = (first.shape[-2], first.shape[-1])
        grid = pixel_grid(*shape, device=first.device).expand(len(first), -1, -1, -1)

        states, targets, weights = [first, last], [], []
        images = (batch.first, batch.last)
        valid = (batch.valid_first, batch.valid_last)
        zero = (batch.zero_first, batch.zero_last)
        for end in self.transport.equation.ends:
            other, time = 1 - end, 1.0 - end
            places = self.transport.paths.trace(end, fields, grid, time)
            states.append(self.carry((first, last)[end], fields, end, time, places, zero[end]))
            targets.append(images[other])
            weights.append(valid[other] & self.seen(valid[end], places))
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
