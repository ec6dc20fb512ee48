"""PNG and JPEG as cameras and scientific programs write them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_latentdyn.core.observations.images import read_image
from napari_latentdyn.errors import ImageFileError

RANDOM = np.random.default_rng(4)
ORIENTATION = 274
#: How an image is stored that an orientation tag turns upright.
STORED = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


def exif(code: int) -> bytes:
    about = Image.Exif()
    about[ORIENTATION] = code
    return about.tobytes().removeprefix(b"Exif\0\0")


def png(path: Path, data: NDArray[np.integer], bits: int, kind: int, **extra: bytes) -> str:
    """Write a PNG file of any bits, with more chunks."""

    def chunk(name: str, content: bytes) -> bytes:
        named = name.encode() + content
        return struct.pack(">I", len(content)) + named + struct.pack(">I", zlib.crc32(named))

    if bits >= 8:
        rows = [row.astype(f">u{bits // 8}").tobytes() for row in data]
    else:
        places = np.arange(bits - 1, -1, -1)
        rows = [np.packbits((row[:, None] >> places) & 1).tobytes() for row in data]
    head = struct.pack(">IIBBBBB", data.shape[1], data.shape[0], bits, kind, 0, 0, 0)
    parts = [chunk("IHDR", head), *(chunk(name, part) for name, part in extra.items())]
    parts += [chunk("IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk("IEND", b""))
    return str(path)


@pytest.mark.parametrize("code", STORED)
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_of_16_bits_is_turned_upright(tmp_path: Path, code: int, channels: int) -> None:
    data = RANDOM.integers(1, 60000, (20, 26, channels)).astype(np.uint16)
    if channels % 2 == 0:
        data[3, 4, -1] = 0
    kind = {2: 4, 3: 2, 4: 6}[channels]
    found = read_image(png(tmp_path / "a.png", STORED[code](data), 16, kind, eXIf=exif(code)))
    colours = data[..., : channels - (channels % 2 == 0)]
    np.testing.assert_array_equal(found.array, colours if channels > 2 else colours[..., 0])
    assert (found.missing is None) == (channels == 3)
    if found.missing is not None:
        assert np.argwhere(found.missing).tolist() == [[3, 4]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_clear_value_of_a_grey_png_is_missing(tmp_path: Path, bits: int) -> None:
    data = RANDOM.integers(0, 1 << bits, (20, 26))
    clear = int(data[5, 5])
    path = png(tmp_path / "a.png", data, bits, 0, tRNS=struct.pack(">H", clear))
    found = read_image(path)
    assert found.missing is not None
    np.testing.assert_array_equal(found.missing, data == clear)


def photograph(path: Path, other: tuple[int, int]) -> str:
    image = Image.fromarray(RANDOM.integers(0, 256, (24, 30, 3)).astype(np.uint8))
    image.save(path, format="MPO", save_all=True, append_images=[image.resize(other)])
    return str(path)


def test_the_preview_in_a_photograph_is_no_image(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg", (15, 12))
    with Image.open(path) as picture:
        assert picture.n_frames == 2
        np.testing.assert_array_equal(read_image(path).array, np.asarray(picture))


def test_two_images_in_a_photograph_are_chosen_by_index(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg", (30, 24))
    with pytest.raises(ImageFileError, match="holds 2 images: choose one"):
        read_image(path)
    assert read_image(f"{path}:1").array.shape == (24, 30, 3)


@pytest.mark.parametrize("code", [None, 3, 6])
@pytest.mark.parametrize("shape", [(24, 32), (24, 32, 3)])
def test_jpeg_of_12_bits(tmp_path: Path, shape: tuple[int, ...], code: int | None) -> None:
    y, x = np.mgrid[:24, :32]
    data = np.broadcast_to((100 * x + 30 * y).reshape(24, 32, *[1] * (len(shape) - 2)), shape)
    stored = data if code is None else STORED[code](data)
    content = imagecodecs.jpeg_encode(
        np.ascontiguousarray(stored, np.uint16), bitspersample=12, level=98
    )
    if code is not None:
        part = b"Exif\0\0" + exif(code)
        content = content[:2] + b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part + content[2:]
    (tmp_path / "a.jpg").write_bytes(content)
    found = read_image(str(tmp_path / "a.jpg"))
    assert found.array.shape == shape
    assert found.rgb == (len(shape) == 3)
    assert np.abs(found.array.astype(int) - data).max() < 60


def test_a_damaged_jpeg_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(40))
    with pytest.raises(ImageFileError, match="cannot be read as an image"):
        read_image(str(tmp_path / "a.jpg"))


def test_an_animation_of_grey_and_colours(tmp_path: Path) -> None:
    grey = np.repeat(RANDOM.integers(0, 9, (20, 24, 1)), 3, axis=-1).astype(np.uint8) * 20
    colour = RANDOM.integers(0, 5, (20, 24, 3)).astype(np.uint8) * 50
    frames = [Image.fromarray(grey[..., 0]), Image.fromarray(colour)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(str(tmp_path / "a.gif") + ":0").array.shape == (20, 24, 3)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.gif") + ":0").array, grey)
