"""Arrays in ``.npz`` files: checked before anything is allocated, large ones mapped."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["MAPPED", "ArrayType", "Parts", "read_arrays", "write_arrays"]

#: Length in bytes from which an array of a file is mapped instead of read.
MAPPED = 100_000_000

_KINDS = {"real": "fiu", "bool": "b"}
_WIDEST = 8
#: Longest header of a member; NumPy refuses to parse longer ones.
_HEADER = 10_000
_ENCRYPTED = 0x1
#: Bytes in front of the name in the header of a member, and the length of its entry of 64 bits.
_LOCAL, _ZIP64 = 30, 20
#: Multiple of bytes at which arrays start, and the number of an entry of zeros in front of them.
_ALIGNED, _PADDING = 64, 0xD935
#: Bytes that are read at once.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ArrayType:
    """Kind ("real" or "bool") and shape that an array must have.

    In `shape`, a letter stands for a length that is the same wherever the letter is, and a leading
    "..." for any number of other axes.
    """

    kind: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Parts:
    """An array that is made part by part along its first axis, once.

    Attributes
    ----------
    shape, dtype
        Those of the whole array.
    parts : iterable of ndarray
        The parts in their order.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    parts: Iterable[NDArray[Any]]


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any] | Parts]) -> None:
    """Write arrays without compression, as `numpy.savez` does, at places that can be mapped."""
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            begin = file.tell() + _LOCAL + len(member.filename.encode()) + _ZIP64 + 4
            gap = -begin % _ALIGNED
            member.extra = struct.pack("<HH", _PADDING, gap) + bytes(gap)
            whole = array if isinstance(array, Parts) else Parts(array.shape, array.dtype, [array])
            with archive.open(member, "w", force_zip64=True) as stream:
                described = {
                    "descr": npy.dtype_to_descr(whole.dtype),
                    "fortran_order": False,
                    "shape": whole.shape,
                }
                npy.write_array_header_1_0(stream, described)
                for part in whole.parts:
                    # Slice by slice: a copy of a mapped array would not fit into the memory.
                    for plane in part if part.ndim else [part]:
                        stream.write(np.ascontiguousarray(plane, whole.dtype).data)


def read_arrays(
    path: Path,
    types: Mapping[str, ArrayType],
    sizes: Mapping[str, int],
    needed: tuple[str, ...] = (),
) -> dict[str, NDArray[Any]]:
    """Read arrays of an ``.npz`` file; check all headers before any array is read.

    Members of run folders are never compressed, so that arrays take no more memory than their file
    takes on the disk; those longer than `MAPPED` are mapped where their place in the file allows.
    `types` has the known arrays, others are ignored; `sizes` has known lengths of axes by letter.
    A missing array of `needed`, or a wrong type or shape, is a ValueError.
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
            array = _mapped(path, archive, members[name], name)
            if array is None:
                with archive.open(members[name]) as stream:
                    array = npy.read_array(stream, allow_pickle=False)
            found[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return found


def _mapped(
    path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str
) -> NDArray[Any] | None:
    """Map a long array into the memory; None where it is short, or lies between two words."""
    if info.file_size <= MAPPED:
        return None
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL)
    start = info.header_offset + _LOCAL + sum(struct.unpack("<HH", header[-4:]))
    with archive.open(info) as stream:
        head = io.BytesIO(stream.read(_HEADER))
        shape, fortran, dtype = _header(head, name)
        start += head.tell()
        if start % dtype.itemsize or fortran or not dtype.isnative:
            return None
        # The end of the stream compares its checksum.
        while stream.read(_BLOCK):
            pass
    # Writable, as an array that was read; changed pages are copies.
    return np.asarray(np.memmap(path, dtype, "c", start, shape))


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
    shape, _, dtype = _header(head, name)
    if dtype.kind not in _KINDS[expected.kind] or dtype.itemsize > _WIDEST:
        raise ValueError(f"'{name}' holds values of type {str(dtype)[:40]}")
    if info.file_size != head.tell() + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"'{name}' does not have the length of its shape {_short(shape)}")
    if not _fits(shape, expected.shape, sizes):
        known = tuple(sizes.get(str(length), length) for length in expected.shape)
        wanted = ", ".join(map(str, known))
        raise ValueError(f"'{name}' has shape {_short(shape)} where ({wanted}) is expected")


def _header(head: io.BytesIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    # The parser raises errors of many kinds: of syntax, of tokens, of recursion, of types.
    try:
        shape, fortran, dtype = readers[npy.read_magic(head)](head)
    except Exception:  # noqa: BLE001
        raise ValueError(f"'{name}' is not an array") from None
    if any(length < 0 for length in shape):
        raise ValueError(f"'{name}' has the shape {_short(shape)}")
    return shape, fortran, dtype


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
