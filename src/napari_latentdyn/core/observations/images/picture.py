"""PNG, JPEG, GIF and other pictures, through Pillow and imagecodecs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.model import Stack

__all__ = ["read_picture"]

_PNG = b"\x89PNG\r\n\x1a\n"
_PLAIN = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N", "RGB")


def read_picture(path: Path) -> Stack:
    """Read a picture, turned as its EXIF orientation says, with colours as red, green, blue.

    Transparent pixels are missing. The frames of an animation are images.
    """
    from PIL import Image, ImageSequence

    with path.open("rb") as file:
        head = file.read(26)
    if head.startswith(_PNG) and head[24] == 16 and head[25] in (2, 4, 6):
        # Pillow keeps eight bits of such colours.
        return _wide_png(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as picture:
            frames = [_frame(frame) for frame in ImageSequence.Iterator(picture)]
    arrays, masks = [frame[0] for frame in frames], [frame[1] for frame in frames]
    data = np.stack(arrays)
    missing = None
    if any(mask is not None for mask in masks):
        blank = np.zeros(data.shape[1:3], bool)
        missing = np.stack([blank if mask is None else mask for mask in masks])
    colour = data.ndim == 4
    return Stack(data, ("I", "Y", "X", "C") if colour else ("I", "Y", "X"), missing, rgb=colour)


def _frame(frame: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    from PIL import ImageOps

    frame = ImageOps.exif_transpose(frame)
    clear = frame.info.get("transparency")
    if frame.mode in ("LA", "La"):
        both = np.asarray(frame.convert("LA"))
        return both[..., 0], _marked(both[..., 1] == 0)
    if frame.mode in ("RGBA", "RGBa", "PA") or (clear is not None and frame.mode == "P"):
        four = np.asarray(frame.convert("RGBA"))
        return four[..., :3], _marked(four[..., 3] == 0)
    array = np.asarray(frame if frame.mode in _PLAIN else frame.convert("RGB"))
    if clear is None or not isinstance(clear, int | tuple):
        return array, None
    same = array == np.asarray(clear)
    return array, _marked(same.all(-1) if array.ndim == 3 else same)


def _wide_png(path: Path) -> Stack:
    import imagecodecs

    data = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    missing = None
    if data.shape[-1] in (2, 4):
        missing = _marked(data[..., -1] == 0)
        data = data[..., :-1]
    return Stack(data, ("Y", "X", "C"), missing, rgb=data.shape[-1] == 3)


def _marked(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return mask if mask.any() else None
