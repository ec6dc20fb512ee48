"""Random numbers and the canvas that everything in a scene is drawn on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from scipy import fft
from torch import Tensor

T = TypeVar("T")

FINE = 2  # Samples of material per pixel: bicubic lookup between them is sharp at every phase.


class Draws:
    """Random numbers from one generator.

    Parameters
    ----------
    generator : torch.Generator
        All randomness of a scene.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Draw one number between two bounds."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def log_uniform(self, low: float, high: float) -> float:
        """Draw one number whose logarithm is uniform."""
        return low * math.pow(high / low, self.uniform())

    def integer(self, low: int, high: int) -> int:
        """Draw an integer, both bounds included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def chance(self, probability: float) -> bool:
        """Say yes with a probability."""
        return self.uniform() < probability

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """Pick one of several, with weights that need not sum to one."""
        if weights is None:
            return options[self.integer(0, len(options) - 1)]
        left = self.uniform(0, sum(weights))
        for option, weight in zip(options, weights, strict=True):
            left -= weight
            if left < 0:
                return option
        return options[-1]

    def direction(self, length: float = 1.0) -> Tensor:
        """Draw a vector (dy, dx) of this length."""
        angle = self.uniform(0, 2 * math.pi)
        return torch.tensor([math.sin(angle), math.cos(angle)]) * length

    def rand(self, *shape: int) -> Tensor:
        """Draw a tensor, uniform in [0, 1)."""
        return torch.rand(shape, generator=self.generator)

    def randn(self, *shape: int) -> Tensor:
        """Draw a tensor, normal."""
        return torch.randn(shape, generator=self.generator)


@dataclass(frozen=True)
class Canvas:
    """The rectangle that material and velocity fields are known on: the crop and a margin.

    Attributes
    ----------
    size : tuple of int
        Height and width of the crop, in pixels.
    margin : int
        How far the canvas reaches beyond the crop, so that real content flows in.
    """

    size: tuple[int, int]
    margin: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels, of lengths that have a fast Fourier transform."""
        height, width = (2 * fft.next_fast_len((n + 2 * self.margin + 1) // 2) for n in self.size)
        return height, width

    @property
    def fine(self) -> tuple[int, int]:
        """Height and width in samples of material."""
        return self.shape[0] * FINE, self.shape[1] * FINE

    def pixels(self) -> Tensor:
        """Return the positions (2, H, W) of the pixels of the crop."""
        height, width = self.size
        return torch.stack(
            torch.meshgrid(
                torch.arange(height, dtype=torch.float32),
                torch.arange(width, dtype=torch.float32),
                indexing="ij",
            )
        )

    def positions(self, per_pixel: int = FINE) -> Tensor:
        """Return the positions (2, h, w) of the samples of a canvas, in pixels of the crop."""
        height, width = self.shape
        return torch.stack(
            torch.meshgrid(
                torch.arange(height * per_pixel) / per_pixel - self.margin,
                torch.arange(width * per_pixel) / per_pixel - self.margin,
                indexing="ij",
            )
        )

    def lookup(
        self, values: Tensor, points: Tensor, *, mode: str = "bicubic", padding: str = "reflection"
    ) -> Tensor:
        """Look values up between the samples of a canvas.

        Parameters
        ----------
        values : Tensor of shape (C, h, w)
            On the canvas, with any number of samples per pixel.
        points : Tensor of shape (T, 2, H, W)
            Where, in pixels of the crop.
        mode, padding : str
            As in `torch.nn.functional.grid_sample`. A mirrored canvas is an endless material.

        Returns
        -------
        Tensor of shape (T, C, H, W)
        """
        frames, _, height, width = points.shape
        rows, columns = values.shape[-2:]
        per_pixel = rows // self.shape[0]
        grid = torch.stack(
            [
                (points[:, 1] + self.margin) * (2 * per_pixel / (columns - 1)) - 1,
                (points[:, 0] + self.margin) * (2 * per_pixel / (rows - 1)) - 1,
            ],
            dim=-1,
        )
        found = F.grid_sample(
            values[None],
            grid.reshape(1, frames * height, width, 2),
            mode=mode,
            padding_mode=padding,
            align_corners=True,
        )
        return found[0].reshape(-1, frames, height, width).transpose(0, 1)
