"""Scenes: what is visible at several times between two images, and its exact motion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.scenes.draws import Canvas, Draws
from training.scenes.layers import Painting
from training.scenes.recipes import RECIPES, Setting, plain


@dataclass(frozen=True, eq=False)
class Scene:
    """A sequence of clean frames and the motion that made it.

    Attributes
    ----------
    frames : Tensor of shape (T, H, W)
        Clean radiance, roughly in [0, 1].
    velocity : Tensor of shape (2, H, W)
        For what is visible at a pixel half way: its place at t = 1 less its place at t = 0,
        (dy, dx) in pixels.
    known : Tensor of shape (1, H, W)
        1 where something visible defines this velocity, 0 where it is a convention.
    """

    frames: Tensor
    velocity: Tensor
    known: Tensor


def make_scene(
    random: torch.Generator,
    size: tuple[int, int] = (128, 128),
    times: Sequence[float] = (0, 0.25, 0.5, 0.75, 1),
    longest: float = 24.0,
    *,
    simple: bool = False,
) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    random : torch.Generator
        Source of all randomness: the same state makes the same scene.
    size : tuple of int
        Height and width in pixels.
    times : sequence of float
        When to show it, in [0, 1].
    longest : float
        Bounds the displacement of most things over the interval, in pixels.
    simple : bool
        One layer that moves fast: of such scenes motion is learned quickly,
        while of all others networks at first learn only to stand still.

    Returns
    -------
    Scene
    """
    draws = Draws(random)
    # Material is named by where it is half way: nothing comes from farther than half the longest
    # displacement, and what bends or expands from a little more.
    canvas = Canvas(size, math.ceil(0.6 * longest) + 8)
    setting = Setting.draw(canvas, draws, longest)
    recipe = draws.pick(list(RECIPES), list(RECIPES.values()))
    if simple:
        setting, recipe = replace(setting, speed=draws.uniform(0.2, 1.0) * longest), plain
    painting = Painting(canvas, times)
    for layer in recipe(setting):
        layer.paint(painting)
    shown = [painting.moments.index(float(time)) for time in times]
    return Scene(
        frames=painting.frames[shown],
        velocity=painting.ends[1] - painting.ends[0],
        known=painting.known(),
    )
