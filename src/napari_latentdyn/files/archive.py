"""Arrays in ``.npz`` files, checked before anything is allocated."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["ArrayType", "read_arrays"]

_KINDS = {"real": "fiu", "bool": "b"}
_WIDEST = 8
#: Longest header of a member; NumPy refuses to parse longer ones.
_HEADER = 10_000
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class ArrayType:
    """Kind ("real" or "bool") and shape that an array must have.

    In `shape`, a letter stands for a length that is the same wherever the letter is, and a leading
    "..." for any number of other axes.
    """

    kind: str
    shape: tuple[int | str, ...]


def read_arrays(
    path: Path,
    types: Mapping[str, ArrayType],
    sizes: Mapping[str, int],
    needed: tuple[str, ...] = (),
) -> dict[str, NDArray[Any]]:
    """Read arrays of an ``.npz`` file; check all headers before any array is read.

    Members of run folders are never compressed, so that arrays take no more memory than their file
    takes on the disk. `types` has the known arrays, others are ignored; `sizes` has known lengths
    of axes by letter. A missing array of `needed`, or a wrong type or shape, is a ValueError.
    """
    found: dict[str, NDArray[Any]] = {}
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise ValueError("two arrays have the same name")
        if sum(info.file_size for info in members.values()) > path.stat().st_size:
            raise ValueError("the arrays are compressed or longer than the file")
        for name in needed:
            if name not in members:
                raise ValueError(f"'{name}' is missing")
        known = dict(sizes)
        wanted = [name for name in types if name in members]
        for name in wanted:
            _check(archive, members[name], name, types[name], known)
        for name in wanted:
            with archive.open(members[name]) as stream:
                array = npy.read_array(stream, allow_pickle=False)
            found[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return found


def _check(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    name: str,
    expected: ArrayType,
    sizes: dict[str, int],
) -> None:
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & _ENCRYPTED:
        raise ValueError(f"'{name}' is compressed or encrypted")
    with archive.open(info) as stream:
        head = io.BytesIO(stream.read(_HEADER))
    shape, dtype = _header(head, name)
    if dtype.kind not in _KINDS[expected.kind] or dtype.itemsize > _WIDEST:
        raise ValueError(f"'{name}' holds values of type {str(dtype)[:40]}")
    if info.file_size != head.tell() + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"'{name}' does not have the length of its shape {_short(shape)}")
    if not _fits(shape, expected.shape, sizes):
        known = tuple(sizes.get(str(length), length) for length in expected.shape)
        wanted = ", ".join(map(str, known))
        raise ValueError(f"'{name}' has shape {_short(shape)} where ({wanted}) is expected")


def _header(head: io.BytesIO, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    # The parser raises errors of many kinds: of syntax, of tokens, of recursion, of types.
    try:
        shape, _, dtype = readers[npy.read_magic(head)](head)
    except Exception:  # noqa: BLE001
        raise ValueError(f"'{name}' is not an array") from None
    if any(length < 0 for length in shape):
        raise ValueError(f"'{name}' has the shape {_short(shape)}")
    return shape, dtype


def _fits(shape: tuple[int, ...], expected: tuple[int | str, ...], sizes: dict[str, int]) -> bool:
    if expected and expected[0] == "...":
        expected = expected[1:]
        shape = shape[len(shape) - len(expected) :] if len(shape) >= len(expected) else shape
    if len(shape) != len(expected):
        return False
    return all(
        length == (sizes.setdefault(wanted, length) if isinstance(wanted, str) else wanted)
        for length, wanted in zip(shape, expected, strict=True)
    )


def _short(shape: tuple[int, ...]) -> str:
    return str(shape) if len(shape) < 8 and max(shape, default=0) < 2**63 else "too large"
