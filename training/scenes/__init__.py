"""Scenes that a prior of motion between two images is trained on."""

from __future__ import annotations

from training.scenes.scene import Scene, make_scene
from training.scenes.sensor import photometry

# What a trainer calls each time that it uses a scene.
draw = photometry

__all__ = ["Scene", "draw", "make_scene", "photometry"]
