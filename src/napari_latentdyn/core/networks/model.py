"""The model of HLG equation 3: encode, extract the fields, evolve, decode."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_latentdyn.core.networks.architectures import Encoder, UNet
from napari_latentdyn.core.networks.extraction import FieldExtraction
from napari_latentdyn.core.physics.operators import local_contrast, smooth
from napari_latentdyn.core.physics.sampling import Interpolant, inside, pixel_grid, sample
from napari_latentdyn.core.physics.transport import Transport
from napari_latentdyn.settings import Settings

__all__ = ["CONTRAST_REACH", "Batch", "LatentDynamics", "Prediction"]

#: Standard deviation in pixels of the neighbourhood of the local contrast, and the distance up to
#: which an image pixel changes it.
_CONTRAST_SIGMA = 2.0
CONTRAST_REACH = 12

Zero = tuple[Tensor | float, Tensor | float]

#: Standard deviation in pixels of the neighbourhood in which trained fields are compared with the
#: initial ones, the ratio of the differences below which they are taken, and the largest
#: difference that counts.
_SIGMA = 6.0
_CLEARLY = 0.98
_LARGEST = 0.2


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
    """Output of the model for a batch.

    Attributes
    ----------
    fields : Tensor, shape (B, n, 2, H, W)
        Advection fields in pixels per stage.
    coded_first, coded_last : Tensor, shape (B, C, H, W)
        Each image, encoded and decoded.
    arrived : list of (Tensor, Tensor, Tensor)
        Decoded state that was carried to the other observation (B, C, H, W), its target
        (B, C, H, W), and where it counts (B, 1, H, W).
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
        # With the image in the latent state the networks are the same for all channels: E has their
        # mean as input, D one channel of the image and the learned channels.
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
        """Distance in pixels up to which an image pixel changes a latent one."""
        return self.encoder.reach + (CONTRAST_REACH if self._contrast else 0)

    @property
    def is_image_alone(self) -> bool:
        """Whether the learned channels change no frame, because D adds zero to the image.

        That holds for networks that start from random weights, until they are trained.
        """
        return self._keeps_image and not any(
            bool(weights.any()) for weights in self.decoder.output.parameters()
        )

    def follow(self, settings: Settings) -> None:
        """Follow another equation from now on; all other settings must be those of the model."""
        self.settings = settings
        self.transport = Transport(settings.physics, self.channels if self._keeps_image else None)

    @property
    def compared(self) -> int:
        """Number of leading channels of a state that are compared: those of the image, if kept."""
        return self.channels if self._keeps_image else self.latent_channels

    def encode(self, image: Tensor) -> Tensor:
        """Equation 3a: images (B, C, H, W) to latent states (B, c, H, W)."""
        grey = image.mean(dim=1, keepdim=True) if self._keeps_image else image
        state: Tensor = self.encoder(
            torch.cat([grey, local_contrast(grey, _CONTRAST_SIGMA)], dim=1)
            if self._contrast
            else grey
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
        # The channels are decoded as a batch.
        each = torch.cat(
            [
                image.reshape(-1, 1, *image.shape[-2:]),
                learned.repeat_interleave(self.channels, dim=0),
            ],
            dim=1,
        )
        residual: Tensor = self.decoder(each)
        return image + residual.view_as(image)

    def read(self, state: Tensor | Interpolant, places: Tensor) -> Tensor:
        """Interpolate a latent state (B, c, H, W) at positions; see `sample`.

        An `Interpolant` holds the image without learned channels.
        """
        physics = self.settings.physics
        kernel, limiter = physics.interpolation, physics.limiter
        if isinstance(state, Interpolant):
            return state.at(places, kernel, limiter=limiter)
        if not self._keeps_image:
            return sample(state, places, kernel, limiter=limiter)
        # The learned channels have little detail and do not need the better kernel.
        image = sample(state[:, : self.channels], places, kernel, limiter=limiter)
        if state.shape[1] == self.channels:
            return image
        return torch.cat([image, sample(state[:, self.channels :], places, "bilinear")], 1)

    def carry(
        self,
        state: Tensor | Interpolant,
        fields: Tensor,
        end: int,
        time: float,
        places: Tensor,
        zero: Tensor | float = 0.0,
    ) -> Tensor:
        """Carry the latent state of an observation to a time.

        Parameters
        ----------
        state : Tensor, shape (B, c, H, W), or Interpolant
            Latent state of the observation; an interpolant with transport along whole paths.
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage, at the pixels of the state.
        end : int
            0 for the first observation, 1 for the last one.
        time : float
            Fraction of the interval in [0, 1].
        places : Tensor, shape (B, 2, h, w)
            Positions in the observation of the points at the pixels; not used with
            transport by stages, which returns all pixels of the state.
        zero : Tensor or float
            Normalised value of zero intensity, (B, C, 1, 1).

        Returns
        -------
        Tensor, shape (B, c, h, w)
        """
        # A latent state without the image has no zero intensity.
        zero = zero if self._keeps_image else 0.0
        if self.settings.physics.transport == "stages" and isinstance(state, Tensor):
            return self.transport.by_stages(state, fields, end, time, zero)
        read = self.read(state, places)
        return self.transport.along(read, places, time - end, zero)

    def extract(self, first: Tensor, last: Tensor, start: Tensor) -> Tensor:
        """Equation 3b: the fields between two images, (B, n, 2, H, W) in pixels per stage.

        `first` and `last` are normalised images (B, C, H, W), `start` the initial fields.
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
        """Return the initial fields where the trained ones do not bring the images closer.

        Training on one scene can improve some places and worsen others. The difference of both
        images, carried half way, distinguishes these places without a true frame.

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
        share = smooth((after < _CLEARLY * before).to(fields.dtype), _SIGMA)
        # Also between two improved places the initial fields are kept.
        share = ((share - 0.5) * 2).clamp(0.0, 1.0)
        return start + share[:, None] * (fields - start)

    def _apart(self, first: Tensor, last: Tensor, fields: Tensor, zero: Zero) -> Tensor:
        """Return the local difference of both images carried half way, (B, 1, H, W)."""
        kernel = self.settings.physics.interpolation
        carried = self.transport.half_way((first, last), fields, kernel, zero)
        return smooth(carried.distance(_LARGEST).mean(dim=1, keepdim=True), _SIGMA)

    def forward(self, batch: Batch) -> Prediction:
        """Carry both images of a batch to the other observation."""
        first, last = self.encode(batch.first), self.encode(batch.last)
        fields = self.extract(batch.first, batch.last, batch.start)
        grid = pixel_grid(*first.shape[-2:], device=first.device).expand(len(first), -1, -1, -1)
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
        """Return True where positions lie at valid pixels, (B, 1, h, w).

        Positions outside the image count as valid with the border rule "clamp".
        """
        with torch.no_grad():
            met = sample(valid.float(), positions, "nearest", origin) > 0.5
            if self.settings.physics.border == "exclude":
                shifted = positions - positions.new_tensor(origin).view(1, 2, 1, 1)
                met &= inside(shifted, (valid.shape[-2], valid.shape[-1]))
        return met
