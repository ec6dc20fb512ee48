"""Prediction of hidden blocks and hidden images by equations, along velocities that are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_latentdyn.core.physics.operators import smooth
from napari_latentdyn.core.rendering.bothends import BothEnds
from napari_latentdyn.core.rendering.coefficients import coefficients_between
from napari_latentdyn.equations import Equation

__all__ = ["hidden_blocks", "hidden_image"]

#: Side of the blocks in pixels, the part of the image that is hidden, and the number of sets.
_BLOCK, _FRACTION, _FOLDS = 8, 0.4, 2
#: Standard deviations in pixels of the neighbourhoods from which the change in a block is taken.
_AROUND = (3.0, 12.0)
#: Largest error that counts: new structures cannot be predicted.
_LARGEST = 0.2
#: Step of the intensity for the steepness of a scale, and the standard deviation in pixels of the
#: neighbourhood in which the variance of noise is measured.
_STEP, _WIDE = 1e-3, 8.0
_SEED = 0


@torch.no_grad()
def hidden_blocks(equation: Equation, ends: BothEnds, noise: float = 0.0) -> NDArray[np.float64]:
    """Return the mean squared error of an equation in each block hidden from the change.

    Along the paths, the change between both images is taken from the neighbourhood of a block,
    and not from the block. With half of the change, both images should be the same half way.

    Parameters
    ----------
    equation : Equation
        The equation.
    ends : BothEnds
        Two images, at the time of the last one.
    noise : float
        Variance of the noise of the images. The part of the error that comes from it is
        subtracted, as far as the equation amplifies or smooths it.

    Returns
    -------
    ndarray of float64, shape (N,)
        As parts of the squared intensity range, in the same blocks for all equations; NaN where
        a block is not seen.
    """
    ends = ends.for_equation(equation)
    known = ends.meeting(coefficients_between(equation, ends))
    constants = known.coefficients
    zeros, scale = ends.zeros, ends.gain

    def carried(image: Tensor, zero: Tensor) -> Tensor:
        return equation.forward(ends.state(equation, 0, image, zero), known, 1.0) - zero

    moved, target = carried(ends.images[0], zeros[0]), ends.images[1] - zeros[1]
    # An equation that smooths or dilutes the first image does so with its noise.
    draw = torch.Generator().manual_seed(_SEED)
    white = torch.randn(moved.shape, generator=draw).to(moved)
    white = smooth(carried(white, 0 * zeros[0]) ** 2, _WIDE)
    start = equation.scaled(moved, constants)
    change = equation.scaled(target, constants) - start

    def slope(of: Callable[..., Tensor], at: Tensor) -> Tensor:
        return (of(at + _STEP, constants) - of(at - _STEP, constants)) / (2 * _STEP)

    # Variance of the change, and of the difference half way, for noise of unit variance.
    variance = slope(equation.scaled, moved) ** 2 * white + slope(equation.scaled, target) ** 2
    amplified = variance * slope(equation.unscaled, start + change / 2) ** 2
    found = []
    for around in (*_AROUND, None):
        errors = []
        for hidden in _blocks(ends.interval.shape, moved.device):
            half = _filled(change, ends.seen * (1 - hidden) / variance, around) / 2
            forwards = equation.unscaled(start + half, constants)
            backwards = equation.unscaled(start + change - half, constants)
            missed = ((forwards - backwards) * scale).abs().clamp(max=_LARGEST)
            squares = missed**2 - noise * amplified * scale**2
            errors.append(_means(squares, ends.seen * hidden, _BLOCK))
        found.append(np.concatenate(errors))
    return min(found, key=lambda blocks: float(np.nan_to_num(blocks).sum()))


@torch.no_grad()
def hidden_image(
    equation: Equation,
    ends: BothEnds,
    last: BothEnds,
    truth: NDArray[np.floating],
    valid: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the mean squared error of a frame in each block of a hidden image.

    Parameters
    ----------
    equation : Equation
        The equation.
    ends : BothEnds
        The neighbours of the hidden image, at its time.
    last : BothEnds
        The neighbours at the time of the later one, from which coefficients are estimated.
    truth : ndarray, shape (C, H, W)
        The hidden image in its own units.
    valid : ndarray of bool, shape (H, W)
        False where it is missing.

    Returns
    -------
    ndarray of float64, shape (N,)
        As parts of the squared intensity range; NaN where a block is not seen.
    """
    ends, last = ends.for_equation(equation), last.for_equation(equation)
    frame = ends.frame(equation, coefficients_between(equation, last))
    found = ends.interval.denormalise(frame.cpu().numpy(), [ends.time])[0]
    span = (ends.interval.high - ends.interval.low)[:, None, None]
    squares = torch.from_numpy(((found - truth) / span) ** 2)[None].to(ends.seen)
    seen = ends.seen * torch.from_numpy(valid).to(ends.seen)
    return _means(squares, seen, _BLOCK)


def _means(values: Tensor, counted: Tensor, side: int) -> NDArray[np.float64]:
    """Return the means of values (1, C, H, W) over blocks, with weights (1, 1, H, W)."""
    sums = [
        functional.avg_pool2d(v, side, ceil_mode=True, divisor_override=1).flatten()
        for v in (values.mean(dim=1, keepdim=True) * counted, counted)
    ]
    mean = torch.where(sums[1] > 0, sums[0] / sums[1], torch.nan)
    return np.asarray(mean.double().cpu().numpy())


def _filled(change: Tensor, weight: Tensor, around: float | None) -> Tensor:
    """Return the weighted mean of a change around each place, or in the whole image."""
    total = weight.sum(dim=(2, 3), keepdim=True).clamp(min=1e-9)
    mean = (change * weight).sum(dim=(2, 3), keepdim=True) / total
    if around is None:
        return mean
    # Far from all other places, the mean of the image counts a little.
    least = 1e-6 * weight.amax(dim=(2, 3), keepdim=True).clamp(min=1e-9)
    return (smooth(change * weight, around) + least * mean) / (smooth(weight, around) + least)


def _blocks(shape: tuple[int, int], device: torch.device) -> list[Tensor]:
    """Return masks (1, 1, H, W) of the hidden blocks of each set, one where hidden."""
    random = np.random.default_rng(_SEED)
    masks = []
    for _ in range(_FOLDS):
        hidden = random.random([-(-side // _BLOCK) for side in shape]) < _FRACTION
        whole = np.kron(hidden, np.ones((_BLOCK, _BLOCK), np.float32))[: shape[0], : shape[1]]
        masks.append(torch.from_numpy(np.ascontiguousarray(whole)).to(device)[None, None])
    return masks
