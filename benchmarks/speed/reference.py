"""The method of Han, Lee and Gelb (2023, arXiv:2310.09495) as the paper describes it.

Plain PyTorch, never optimised: the time to beat. It shares no code with the package. Numbers
that the paper does not give (channels, weights of the loss, learning rate, steps) are those of
the preset `paper`. Numbers in brackets are those of the equations of the paper.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["STEPS", "Draw", "interpolate"]

PATCH, STRIDE, BATCH, STEPS = 64, 32, 4, 800
STAGES, LATENT, WIDTH = 8, 8, 16
RATE, FINAL_RATE, LARGEST_GRADIENT = 1e-3, 0.1, 1.0
#: Of the match, the auto-encoding, and the changes of the fields in space and in time.
WEIGHTS = (1.0, 1.0, 1e-3, 1.0)

Image = NDArray[np.float32]
Draw = Callable[[], Image]
OnStep = Callable[[int, float, Draw], None]


def interpolate(
    first: Image,
    last: Image,
    times: Sequence[float],
    *,
    steps: int = STEPS,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Image:
    """Train the three networks on two images and return frames between them.

    Parameters
    ----------
    first, last : ndarray of float32, shape (H, W)
        The images.
    times : sequence of float
        Times of the frames, as fractions of the interval.
    steps : int
        Steps of the training.
    seed : int
        Decides about initial weights and the order of patches.
    on_step : callable, optional
        Called after each step with its number, its loss, and a function that returns
        the frames with the networks as they are.

    Returns
    -------
    ndarray of float32, shape (T, H, W)
    """
    torch.manual_seed(seed)
    images = torch.from_numpy(np.stack([first, last]))[:, None]
    size = min(PATCH, *first.shape)
    windows = list(itertools.product(*(_starts(side, size, STRIDE) for side in first.shape)))
    model = Model()
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, FINAL_RATE ** (1 / steps))

    def draw() -> Image:
        return _draw(model, images, times, size)

    for step in range(1, steps + 1):
        chosen = torch.randint(len(windows), (BATCH,)).tolist()
        pairs = [_scaled(images, windows[index], size)[0] for index in chosen]
        loss = model.loss(*torch.stack(pairs, dim=1))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        if on_step is not None:
            on_step(step, loss.item(), draw)
    return draw()


class Model(nn.Module):
    """Encoder E, field extraction F and decoder D (3)."""

    def __init__(self) -> None:
        super().__init__()
        hidden = [_layer(1 if i == 0 else WIDTH, WIDTH) for i in range(6)]
        self.encode = nn.Sequential(*hidden, _convolution(WIDTH, LATENT))
        self.extract = UNet(LATENT, 2 * STAGES)
        self.decode = UNet(LATENT, 1)

    def fields(self, state: Tensor) -> Tensor:
        """Return the velocities of all stages (3b), (B, n, 2, H, W) in pixels per stage."""
        fields: Tensor = self.extract(state).unflatten(1, (STAGES, 2))
        return fields

    def evolve(self, state: Tensor, fields: Tensor, time: float) -> Tensor:
        """Carry a latent state from the first image to a time (3c)."""
        for stage in range(STAGES):
            part = min(max(time * STAGES - stage, 0.0), 1.0)
            if part > 0:
                state = _advect(state, part * fields[:, stage])
        return state

    def loss(self, first: Tensor, last: Tensor) -> Tensor:
        """Return the loss of patches (B, 1, H, W)."""
        start, end = self.encode(first), self.encode(last)
        fields = self.fields(start)
        match = _square(self.decode(self.evolve(start, fields, 1.0)) - last)  # (7)
        code = _square(self.decode(start) - first) + _square(self.decode(end) - last)  # (8)
        space = _square(fields.diff(dim=-1)) + _square(fields.diff(dim=-2))
        steady = _square(fields.diff(dim=1))
        terms = torch.stack([match, code, space, steady])
        return (torch.tensor(WEIGHTS) * terms).sum()  # (9)


class UNet(nn.Module):
    """Three stages down and three up, with two hidden convolutions each."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = [WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH]
        before = [inputs, *widths[:-1]]
        self.down = nn.ModuleList(_double(a, b) for a, b in zip(before, widths, strict=True))
        self.resize = nn.ModuleList(_layer(2 * width, width) for width in widths[2::-1])
        self.up = nn.ModuleList(_double(2 * width, width) for width in widths[2::-1])
        self.output = _convolution(WIDTH, outputs)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for number, stage in enumerate(self.down):
            x = stage(x if number == 0 else functional.max_pool2d(x, 2, ceil_mode=True))
            skips.append(x)
        for resize, stage, skip in zip(self.resize, self.up, skips[2::-1], strict=True):
            x = functional.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=False)
            x = stage(torch.cat([resize(x), skip], dim=1))
        result: Tensor = self.output(x)
        return result


def _advect(state: Tensor, velocity: Tensor) -> Tensor:
    """Move the values of a state along a velocity and interpolate them to the pixels (5, 6)."""
    height, width = state.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = rows - velocity[:, 0], columns - velocity[:, 1]
    places = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1)
    return functional.grid_sample(state, places, padding_mode="border", align_corners=True)


def _draw(model: Model, images: Tensor, times: Sequence[float], size: int) -> Image:
    """Draw frames window by window, without overlap."""
    shape = images.shape[-2:]
    frames = np.zeros((len(times), *shape), np.float32)
    for row, column in itertools.product(*(_starts(side, size, size) for side in shape)):
        pair, low, span = _scaled(images, (row, column), size)
        with torch.no_grad():
            state = model.encode(pair[:1])
            fields = model.fields(state)
            for number, time in enumerate(times):
                frame = model.decode(model.evolve(state, fields, time))[0, 0] * span + low
                frames[number, row : row + size, column : column + size] = frame.numpy()
    return frames


def _scaled(images: Tensor, start: tuple[int, int], size: int) -> tuple[Tensor, float, float]:
    """Return both patches (2, 1, h, w), brought to [0, 1] jointly, with offset and scale."""
    row, column = start
    pair = images[..., row : row + size, column : column + size]
    low, span = pair.min().item(), max((pair.max() - pair.min()).item(), 1e-6)
    return (pair - low) / span, low, span


def _starts(length: int, size: int, step: int) -> list[int]:
    """Return where windows start; the last one ends at the border."""
    return [*range(0, length - size, step), length - size]


def _square(values: Tensor) -> Tensor:
    return values.square().mean()


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_layer(inputs, outputs), _layer(outputs, outputs))


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs), nn.LeakyReLU(0.2))


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")
    nn.init.kaiming_normal_(layer.weight, a=0.2)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
