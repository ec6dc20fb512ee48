"""Arrays in safetensors files: written one after the other, read when they are used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

__all__ = ["TensorFile", "write_tensors"]

#: Types of arrays in the order of a file, with their names in it.
_TYPES = {
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
    "float32": "F32",
    "uint32": "U32",
    "int32": "I32",
    "float16": "F16",
    "uint16": "U16",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


def write_tensors(
    path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays of numbers as `safetensors.numpy.save_file` does, without holding all of them.

    Each array is taken from the mapping twice: for its shape, and to be written. The same content
    gives the same file.
    """
    kinds = {}
    for name, array in arrays.items():
        kinds[name] = (array.dtype.name, array.shape, array.nbytes)
    order = {kind: number for number, kind in enumerate(_TYPES)}
    names = sorted(kinds, key=lambda name: (order[kinds[name][0]], name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    end = 0
    for name in names:
        kind, shape, size = kinds[name]
        offsets = [end, end := end + size]
        header[name] = {"dtype": _TYPES[kind], "shape": list(shape), "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = arrays[name]
            plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            file.write(plain.reshape(-1).view(np.uint8).data)


class TensorFile(Mapping[str, NDArray[Any]]):
    """Arrays of a safetensors file by name, each read when it is used.

    Attributes
    ----------
    metadata : dict of str to str
        Texts of the header.
    shapes : dict of str to tuple of int
        Shape of each array.

    Raises
    ------
    ValueError
        If an array does not hold numbers, or the file was replaced since it was opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = self._now()
        with safe_open(path, framework="numpy") as file:
            self.metadata: dict[str, str] = dict(file.metadata() or {})
            self.shapes: dict[str, tuple[int, ...]] = {}
            for name in file.keys():  # noqa: SIM118
                part = file.get_slice(name)
                if part.get_dtype() not in _TYPES.values():
                    raise ValueError(f"'{name[:80]}' is not an array of numbers")
                self.shapes[name] = tuple(part.get_shape())

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.shapes:
            raise KeyError(name)
        if self._now() != self._version:
            raise ValueError("it was replaced after it was opened")
        with safe_open(self.path, framework="numpy") as file:
            array: NDArray[Any] = file.get_tensor(name)
        return array

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def _now(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_mtime_ns, found.st_size
