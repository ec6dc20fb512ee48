"""The two kinds of network: a plain convolutional encoder and a U-net (HLG section 3).

The paper does not give numbers of channels; here they are settings.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Encoder", "UNet"]

_SLOPE = 0.2


class Encoder(nn.Module):
    """The encoder E of equation 3a: image to latent state of the same height and width.

    Six hidden convolutions with LeakyReLU, without pooling and dense layers: a latent
    pixel depends only on its neighbourhood.

    Parameters
    ----------
    channels : int
        Channels of the image.
    latent : int
        Channels of the latent state.
    width : int
        Channels of the hidden layers.
    kernel : int
        Side of the kernels, 3 or 5.
    """

    HIDDEN_LAYERS = 6

    def __init__(self, channels: int, latent: int, width: int, kernel: int) -> None:
        super().__init__()
        sizes = [channels] + [width] * self.HIDDEN_LAYERS
        self.hidden = nn.ModuleList(
            _convolution(i, o, kernel) for i, o in itertools.pairwise(sizes)
        )
        self.output = _convolution(width, latent, kernel)

    @property
    def reach(self) -> int:
        """Distance in pixels up to which an image pixel changes a latent one."""
        kernel: int = self.output.kernel_size[0]
        return (self.HIDDEN_LAYERS + 1) * (kernel // 2)

    def forward(self, image: Tensor) -> Tensor:
        """Encode images (B, C, H, W) to latent states (B, c, H, W)."""
        for layer in self.hidden:
            image = functional.leaky_relu(layer(image), _SLOPE)
        state: Tensor = self.output(image)
        return state


class UNet(nn.Module):
    """The U-net of F and D (equations 3b and 3d).

    Three down- and three up-sampling stages with two hidden convolutions each, max-pooling
    and resize-convolutions, which avoid chessboard artefacts. Up-sampling resizes to the
    skip connection, so that images of any height and width can be used.

    Parameters
    ----------
    inputs, outputs : int
        Channels in and out.
    width : int
        Channels at full resolution.
    zero_output : bool
        Initialise the last layer with zeros.
    growth : int
        Factor of the number of channels at each down-sampling.
    """

    STAGES = 3

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        *,
        zero_output: bool = False,
        growth: int = 2,
    ) -> None:
        super().__init__()
        widths = [width * growth**i for i in range(self.STAGES + 1)]
        self.down = nn.ModuleList(
            _DoubleConvolution(i, o) for i, o in itertools.pairwise([inputs, *widths[:-1]])
        )
        self.bottom = _DoubleConvolution(widths[-2], widths[-1])
        self.resize = nn.ModuleList(
            _convolution(o, i, 3) for i, o in reversed(list(itertools.pairwise(widths)))
        )
        self.up = nn.ModuleList(_DoubleConvolution(2 * w, w) for w in reversed(widths[:-1]))
        self.output = _convolution(width, outputs, 3)
        if zero_output:
            self.start_at_zero()

    def start_at_zero(self) -> None:
        """Set the weights of the last layer to zero, so that the output is zero until trained."""
        for weights in self.output.parameters():
            nn.init.zeros_(weights)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2, ceil_mode=True)
        x = self.bottom(x)
        for resize, stage in zip(self.resize, self.up, strict=True):
            skip = skips.pop()
            x = functional.interpolate(
                x, size=skip.shape[-2:], mode="bilinear", align_corners=False
            )
            x = functional.leaky_relu(resize(x), _SLOPE)
            x = stage(torch.cat([x, skip], dim=1))
        result: Tensor = self.output(x)
        return result


class _DoubleConvolution(nn.Module):
    """Two hidden convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, 3)
        self.second = _convolution(outputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.first(x), _SLOPE)
        return functional.leaky_relu(self.second(x), _SLOPE)


def _convolution(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    # With zeros around the image the border would be a dark frame.
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="replicate")
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
