"""Scenes that a prior of motion between two images is trained on."""

from __future__ import annotations

from training.scenes.scene import Scene, make_scene
from training.scenes.sensor import photometry

__all__ = ["Scene", "make_scene", "photometry"]
