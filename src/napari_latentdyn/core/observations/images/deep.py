"""Pictures of more bits than Pillow keeps: PNG colours of 16 bits, JPEG of 12 and 16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images.gdal import turned
from napari_latentdyn.core.observations.images.limits import check_claim
from napari_latentdyn.core.observations.images.model import Stack
from napari_latentdyn.errors import ImageFileError
from napari_latentdyn.files.paths import named

__all__ = ["deep_jpeg", "deep_png"]

_ORIENTATION = 274
_EXIF = b"Exif\0\0"
#: Markers of JPEG: starts of frames, and others.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EXIF_SEGMENT, _SCAN, _END = 0xE1, 0xDA, 0xD9


def deep_png(path: Path) -> Stack:
    """Read a PNG file with colours or transparency of 16 bits."""
    import imagecodecs
    from PIL import Image

    with Image.open(path) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise ImageFileError(
                f"{named(path)} is an animation of 16 bits, of which one image can be read; save "
                "the image to use as a file of its own."
            )
        code = picture.getexif().get(_ORIENTATION, 1)
    data = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    data, missing = _upright(data, code), None
    if data.shape[-1] in (2, 4):
        missing = data[..., -1] == 0
        data = data[..., :-1]
    return Stack(data, ("Y", "X", "C"), missing, rgb=data.shape[-1] == 3)


def deep_jpeg(path: Path) -> Stack | None:
    """Read a JPEG file of more than eight bits; None for other files."""
    import imagecodecs

    content = path.read_bytes()
    bits, size, code = _about(content)
    if bits <= 8:
        return None
    check_claim(path, 2 * size)
    data = np.asarray(imagecodecs.jpeg_decode(content))
    if data.ndim == 3 and data.shape[-1] not in (1, 3):
        raise ImageFileError(
            f"{named(path)} has {data.shape[-1]} inks as colours; save the image as RGB or grey."
        )
    data = _upright(data, code)
    colour = data.ndim == 3 and data.shape[-1] == 3
    return Stack(data, ("Y", "X", "C") if data.ndim == 3 else ("Y", "X"), rgb=colour)


def _about(content: bytes) -> tuple[int, int, int]:
    """Return bits of a value, number of values and orientation that a JPEG file states."""
    from PIL import Image

    bits, size, code, at = 0, 0, 1, 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (_SCAN, _END):
            break
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        part = content[at + 4 : at + 2 + length]
        if marker in _FRAMES and len(part) >= 6:
            sides = int.from_bytes(part[1:3], "big") * int.from_bytes(part[3:5], "big")
            bits, size = part[0], sides * part[5]
        elif marker == _EXIF_SEGMENT and part.startswith(_EXIF):
            about = Image.Exif()
            about.load(part)
            code = about.get(_ORIENTATION, 1)
        at += 2 + length
    return bits, size, code


def _upright(data: NDArray[Any], code: Any) -> NDArray[Any]:
    """Turn and mirror an image by its EXIF orientation."""
    return turned(data, 0, 1, code if code in range(1, 9) else 1)
