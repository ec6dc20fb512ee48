"""What motions are drawn for the layers of a scene."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.scenes.draws import Canvas, Draws
from training.scenes.motions import (
    Affine,
    Clock,
    Composed,
    Drift,
    Flow,
    Motion,
    Still,
    divergence,
    rotation,
    shear,
    strain,
)
from training.scenes.textures import frequencies, noise

# What a velocity gradient may reach over the interval: more would fold structures beyond what
# two images can tell.
STEEPEST = 1.2
MOST_ROTATION = 0.6


def draw_clock(draws: Draws) -> Clock:
    """Draw a steady motion, or one whose amplitude varies."""
    if draws.chance(0.6):
        return Clock()
    return Clock(draws.uniform(-0.5, 0.5), draws.uniform(-0.15, 0.3))


def draw_drift(draws: Draws, speed: float) -> Motion:
    """Draw a translation, sometimes an accelerating one along a bent path."""
    bend = draws.direction(speed * draws.uniform(0, 0.6)) if draws.chance(0.3) else torch.zeros(2)
    return Drift(draws.direction(speed), bend)


def draw_affine(canvas: Canvas, draws: Draws, speed: float) -> Motion:
    """Draw a sum of rotation, strain, shear and expansion about a point in the crop."""
    gradient = torch.zeros(2, 2)
    kinds = draws.pick(["r", "r", "s", "h", "d", "rs", "rsd", "hd"])
    if "r" in kinds:
        gradient = gradient + rotation(draws.pick([-1.0, 1.0]) * draws.uniform(0.4, 1))
    if "s" in kinds:
        gradient = gradient + strain(draws.uniform(0.3, 1), draws.uniform(0, math.pi))
    if "h" in kinds:
        gradient = gradient + shear(draws.uniform(0.4, 1), draws.uniform(0, math.pi))
    if "d" in kinds:
        gradient = gradient + divergence(draws.uniform(-1, 1))
    norm = float(torch.linalg.matrix_norm(gradient, 2))
    lever = 0.55 * max(canvas.size)
    gradient = gradient * (min(speed / lever, MOST_ROTATION) / max(norm, 1e-6))
    place = 0.2 + 0.6 * draws.rand(2)
    centre = place * torch.tensor(canvas.size, dtype=torch.float32)
    return Affine(gradient, centre, draw_clock(draws))


def vortices(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw a few vortices (2, h, w), from Lamb-Oseen to nearly Rankine ones."""
    y, x = canvas.positions(1)
    field = torch.zeros(2, *canvas.shape)
    for _ in range(draws.integer(1, 6)):
        place = draws.rand(2) * 1.2 - 0.1
        centre = place * torch.tensor(canvas.size, dtype=torch.float32)
        core = draws.log_uniform(6, 32)
        dy, dx = y - centre[0], x - centre[1]
        square = (dy**2 + dx**2) / core**2 + 1e-4
        if draws.chance(0.5):
            swirl = (1 - torch.exp(-square)) / square
        else:
            # Vatistas' family: Rankine's vortex, with its kink rounded so that characteristics
            # stay accurate.
            swirl = (1 + square**2) ** -0.5
        strength = draws.pick([-1.0, 1.0]) * draws.uniform(0.4, 1) / core**0.5
        field += strength * swirl * torch.stack([dx, -dy])
    return field


def random_field(canvas: Canvas, draws: Draws, *, solenoidal: bool) -> Tensor:
    """Draw a random field (2, h, w) without divergence, or without rotation, at some scales."""
    scales = [draws.log_uniform(8, 64) for _ in range(draws.integer(1, 3))]
    potentials = noise(canvas, draws, [2 * s for s in scales], octaves=0.4, per_pixel=1)
    weights = torch.tensor([s * draws.uniform(0.3, 1) for s in scales])
    spectrum = torch.fft.rfft2((potentials * weights[:, None, None]).sum(0))
    fy, fx = frequencies(canvas.shape)
    parts = [2j * math.pi * fy * spectrum, 2j * math.pi * fx * spectrum]
    if solenoidal:
        parts = [parts[1], -parts[0]]
    field: Tensor = torch.fft.irfft2(torch.stack(parts), s=canvas.shape)
    return field


def scaled(field: Tensor, canvas: Canvas, speed: float) -> Tensor:
    """Scale a field so that nothing in the crop is faster, and no gradient too steep."""
    inner = field[:, canvas.margin : -canvas.margin, canvas.margin : -canvas.margin]
    fastest = math.sqrt(float((inner * inner).sum(0).amax()))
    steepest = max(float(field.diff(dim=-1).abs().amax()), float(field.diff(dim=-2).abs().amax()))
    return field * min(speed / max(fastest, 1e-6), STEEPEST / max(steepest, 1e-6))


def draw_field(canvas: Canvas, draws: Draws, speed: float) -> Tensor:
    """Draw a velocity field (2, h, w) that nothing in the crop exceeds the speed of."""
    kind = draws.pick(["vortices", "solenoidal", "potential", "both"], [3, 4, 1, 3])
    if kind == "vortices":
        field = vortices(canvas, draws)
    elif kind == "both":
        field = random_field(canvas, draws, solenoidal=True)
        field = scaled(field, canvas, 1.0)
        other = scaled(random_field(canvas, draws, solenoidal=False), canvas, 1.0)
        field = field + draws.uniform(0.2, 0.8) * other
    else:
        field = random_field(canvas, draws, solenoidal=kind == "solenoidal")
    return scaled(field, canvas, speed)


def draw_flow(canvas: Canvas, draws: Draws, speed: float) -> Motion:
    """Draw a flow of one field, or of two with amplitudes of their own."""
    if draws.chance(0.25):
        share = draws.uniform(0.3, 0.7)
        fields = [draw_field(canvas, draws, speed * s) for s in (share, 1 - share)]
    else:
        fields = [draw_field(canvas, draws, speed)]
    clocks = [draw_clock(draws) for _ in fields]
    return Flow(canvas, torch.stack(fields), clocks)


def draw_motion(canvas: Canvas, draws: Draws, speed: float) -> Motion:
    """Draw any motion of a deformable layer, with a scale of its speed in pixels."""
    if speed <= 0:
        return Still()
    kind = draws.pick(
        ["drift", "affine", "flow", "drift affine", "drift flow"], [1.5, 2, 4, 1.5, 3]
    )
    share = draws.uniform(0.2, 0.8) if " " in kind else 1.0
    if kind == "drift":
        return draw_drift(draws, speed)
    inner: Motion
    if "affine" in kind:
        inner = draw_affine(canvas, draws, speed * share)
    else:
        inner = draw_flow(canvas, draws, speed * share)
    if "drift" not in kind:
        return inner
    return Composed(draw_drift(draws, speed * (1 - share)), inner)
