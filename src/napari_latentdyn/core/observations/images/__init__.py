"""Reading image files, each format through the library that knows it."""

from __future__ import annotations

from napari_latentdyn.core.observations.images.files import load, read_image, read_mask, read_stack
from napari_latentdyn.core.observations.images.model import ImageFile, Stack
from napari_latentdyn.core.observations.images.selection import Selection, parse_source, select

__all__ = [
    "ImageFile",
    "Selection",
    "Stack",
    "load",
    "parse_source",
    "read_image",
    "read_mask",
    "read_stack",
    "select",
]
