"""Coarse to fine, once for each member of the ensemble."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.matching.features import RECIPES, Recipe, features
from napari_latentdyn.core.matching.level import Level
from napari_latentdyn.core.matching.solver import refine
from napari_latentdyn.core.motion import Motion
from napari_latentdyn.core.operators import resize

__all__ = ["match_members", "pyramid_shapes"]

#: Shortest side of the coarsest level: there, half of the image has moved by a few pixels.
_COARSEST = 16
_ITERATIONS = 100


def pyramid_shapes(shape: tuple[int, int], factor: float) -> list[tuple[int, int]]:
    """Return the sizes of the levels, the coarsest first."""
    shapes = [shape]
    while min(shapes[-1]) * factor >= _COARSEST:
        height, width = shapes[-1]
        shapes.append((round(height * factor), round(width * factor)))
    return shapes[::-1]


def match_members(
    images: tuple[NDArray[np.float32], NDArray[np.float32]],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    drift: NDArray[np.float32],
    members: int,
    motion: Motion,
    device: torch.device,
) -> Generator[tuple[int, float], None, NDArray[np.float32]]:
    """Find the velocity half way between two images, once for each recipe.

    Parameters
    ----------
    images : two ndarrays of float32, shape (H, W)
        Normalised to about [0, 1].
    valid : two ndarrays of bool, shape (H, W)
        False where a pixel is missing.
    drift : ndarray of float32, shape (2,)
        Motion of the scene as a whole from which the coarsest level starts, in pixels.
    members : int
        Number of recipes.
    motion : {"steady", "inertial", "local"}
        How points travel.
    device : torch.device
        Where to compute.

    Yields
    ------
    (int, float)
        Members done, and the part of the running one that is.

    Returns
    -------
    ndarray of float32, shape (members, 2, H, W)
        Pixels per interval.
    """
    tensors = [
        torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device) for image in images
    ]
    masks = [
        torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(device, torch.float32)
        for mask in valid
    ]
    found = []
    for number, recipe in enumerate(RECIPES[:members]):
        steps = _member(tensors, masks, drift, recipe, motion)
        while True:
            try:
                with torch.no_grad():
                    part = next(steps)
            except StopIteration as end:
                found.append(end.value[0].cpu().numpy())
                break
            yield number, part
    return np.stack(found)


def _member(
    images: list[Tensor],
    masks: list[Tensor],
    drift: NDArray[np.float32],
    recipe: Recipe,
    motion: Motion,
) -> Generator[float, None, Tensor]:
    shape = (images[0].shape[-2], images[0].shape[-1])
    shapes = pyramid_shapes(shape, recipe.factor)
    work = [float(h * w) for h, w in shapes]
    velocity: Tensor | None = None
    for number, size in enumerate(shapes):
        scale = images[0].new_tensor([size[0] / shape[0], size[1] / shape[1]]).view(1, 2, 1, 1)
        if velocity is None:
            start = images[0].new_tensor(drift).view(1, 2, 1, 1) * scale
            velocity = start.expand(1, 2, *size).contiguous()
        else:
            velocity = _grow(velocity, size)
        first, last = (features(resize(image, size), recipe) for image in images)
        level = Level(first, last, *(resize(mask, size) for mask in masks))
        steps = refine(level, velocity, recipe, motion, _ITERATIONS)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                velocity = end.value
                break
            yield sum(work[:number]) / sum(work)
    assert velocity is not None
    return velocity


def _grow(velocity: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring a field in pixels to another size; its values grow with the image."""
    grown = functional.interpolate(velocity, shape, mode="bilinear", align_corners=False)
    ratio = [new / old for new, old in zip(shape, velocity.shape[-2:], strict=True)]
    return grown * velocity.new_tensor(ratio).view(1, 2, 1, 1)
