"""Helpers of the tests of generated scenes."""

from __future__ import annotations

import torch
from torch import Tensor
from training.scenes.draws import Canvas
from training.scenes.layers import Body, Painting, Sheet

TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)


def sampled(image: Tensor, points: Tensor) -> Tensor:
    """Look an image (H, W) up at points (2, H, W)."""
    return Canvas((image.shape[0], image.shape[1]), 0).lookup(image[None], points[None])[0, 0]


def painted(canvas: Canvas, *layers: Sheet | Body) -> Painting:
    painting = Painting(canvas, TIMES)
    for layer in layers:
        layer.paint(painting)
    return painting


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
