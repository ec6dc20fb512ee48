"""What a sensor makes of clean radiance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from training.scenes.draws import Draws

MOST_DRIFT = 0.15


def photometry(frames: Tensor, times: Sequence[float], random: torch.Generator) -> Tensor:
    """Add what a sensor adds, and normalise all frames together.

    Gain and offset drift with time. Only the first and the last frame get noise, speckle and
    streaks: those between are what a decoder should make of the two.

    Parameters
    ----------
    frames : Tensor of shape (T, H, W)
        Clean radiance, roughly in [0, 1].
    times : sequence of float
        When they are, in [0, 1].
    random : torch.Generator
        Source of all randomness.

    Returns
    -------
    Tensor of shape (T, H, W)
        In [0, 1].
    """
    draws = Draws(random)
    values = frames.clamp(min=0)
    if draws.chance(0.5):
        values = values ** draws.log_uniform(0.6, 1.7)
    values = 0.5 + draws.uniform(0.6, 1.0) * (values - 0.5)
    if draws.chance(0.4):
        values = _blurred(values, draws.uniform(0.2, 0.7))
    if draws.chance(0.4):
        since = torch.as_tensor(times, dtype=values.dtype)[:, None, None] - draws.uniform()
        gain = 1 + draws.uniform(-MOST_DRIFT, MOST_DRIFT) * since
        offset = draws.uniform(-MOST_DRIFT, MOST_DRIFT) * since
        values = values * gain + offset
    ends = _noisy(values[[0, -1]], draws)
    values = torch.cat([ends[:1], values[1:-1], ends[1:]])[: len(frames)]
    low, high = _percentiles(ends)
    return ((values - low) / max(high - low, 1e-3)).clamp(0, 1)


def _noisy(ends: Tensor, draws: Draws) -> Tensor:
    """Add noise to both ends, independently."""
    if draws.chance(0.3):
        strength = draws.log_uniform(0.01, 0.12)
        ends = ends * (1 + strength * draws.randn(*ends.shape))
    if draws.chance(0.6):
        ends = ends + draws.log_uniform(0.002, 0.03) * draws.randn(*ends.shape)
    if draws.chance(0.15):
        rows = draws.randn(*ends.shape[:2], 1)
        ends = ends + draws.log_uniform(0.003, 0.03) * rows
    return ends


def _percentiles(ends: Tensor) -> tuple[float, float]:
    flat = ends.flatten()
    skip = round(0.005 * (len(flat) - 1))
    low = float(flat.kthvalue(skip + 1).values)
    high = float(flat.kthvalue(len(flat) - skip).values)
    return low, high


def _blurred(values: Tensor, sigma: float) -> Tensor:
    taps = torch.exp(-0.5 * (torch.arange(-2.0, 3.0) / sigma) ** 2)
    taps = taps / taps.sum()
    padded = F.pad(values[:, None], (2, 2, 2, 2), mode="replicate")
    rows = F.conv2d(padded, taps.reshape(1, 1, 5, 1))
    return F.conv2d(rows, taps.reshape(1, 1, 1, 5))[:, 0]
