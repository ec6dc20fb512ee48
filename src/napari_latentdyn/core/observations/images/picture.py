"""PNG, JPEG, GIF and other pictures, through Pillow and imagecodecs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.deep import deep_jpeg, deep_png
from napari_latentdyn.core.observations.images.model import Stack, joined

__all__ = ["read_picture"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PLAIN = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N", "RGB")


def read_picture(path: Path) -> Stack:
    """Read a picture, turned by its EXIF orientation, with colours as red, green, blue.

    Transparent pixels are missing. The frames of an animation are images; the previews that cameras
    store beside a photograph are left out.
    """
    from PIL import Image, UnidentifiedImageError

    with path.open("rb") as file:
        head = file.read(26)
    bits, kind = (head[24], head[25]) if head.startswith(_PNG) and len(head) == 26 else (8, -1)
    if bits == 16 and kind in (2, 4, 6):
        # Pillow keeps eight bits of such colours.
        return deep_png(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as picture:
                frames = [_frame(frame, bits) for frame in _images(picture)]
        except UnidentifiedImageError:
            # Pillow knows no JPEG of more than eight bits.
            stack = deep_jpeg(path) if head.startswith(_JPEG) else None
            if stack is None:
                raise
            return stack
    # A frame of an animation whose colours are all grey may come as grey values.
    colour = any(array.ndim == 3 for array, _ in frames)
    axes = ("Y", "X", "C") if colour else ("Y", "X")
    stacks = [
        Stack(np.repeat(a[..., None], 3, -1) if a.ndim < len(axes) else a, axes, mask, rgb=colour)
        for a, mask in frames
    ]
    return joined(path, stacks, "I")


def _images(picture: Any) -> Any:
    """Yield the frames of a picture; of a photograph those of its own size."""
    from PIL import ImageSequence

    size, photograph = picture.size, picture.format in ("MPO", "JPEG")
    for frame in ImageSequence.Iterator(picture):
        if not photograph or frame.size == size:
            yield frame


def _frame(frame: Any, bits: int) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    from PIL import ImageOps

    frame = ImageOps.exif_transpose(frame)
    clear = frame.info.get("transparency")
    if frame.mode in ("LA", "La"):
        both = np.asarray(frame.convert("LA"))
        return both[..., 0], both[..., 1] == 0
    if frame.mode in ("RGBA", "RGBa", "PA") or (clear is not None and frame.mode == "P"):
        four = np.asarray(frame.convert("RGBA"))
        return four[..., :3], four[..., 3] == 0
    array = np.asarray(frame if frame.mode in _PLAIN else frame.convert("RGB"))
    if clear is None or not isinstance(clear, int | tuple):
        return array, None
    clear = np.asarray(clear) & ((1 << bits) - 1)
    if frame.mode == "L" and bits < 8:
        # Pillow stretches grey values of a few bits to eight, but not the transparent value.
        clear = clear * (255 // ((1 << bits) - 1))
    same = array == clear
    return array, same.all(-1) if array.ndim == 3 else same
