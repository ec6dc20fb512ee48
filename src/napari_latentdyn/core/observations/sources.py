"""Description of an input image: name, hash, shape and type."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["describe_input", "hash_arrays"]


def describe_input(name: str, array: NDArray[Any], *, rgb: bool = False) -> dict[str, Any]:
    """Return name, shape, type and rgb of an image, and the SHA-256 of shape, type and values."""
    digest = hashlib.sha256(f"{array.shape} {array.dtype.str}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return {
        "name": name,
        "sha256": digest.hexdigest(),
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "rgb": rgb,
    }


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...


def hash_arrays(content: _Hash, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Add names, types, shapes and values of arrays to a hash of `hashlib`, by order of names."""
    for name, array in sorted(arrays.items()):
        content.update(f"{name} {array.dtype} {array.shape}".encode())
        content.update(np.ascontiguousarray(array).data)
