"""Names of tracks as numbers, because the files of a run folder hold numbers alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ObservationError

__all__ = ["LONGEST", "from_codes", "to_codes"]

#: Longest name of a track.
LONGEST = 40


def to_codes(names: NDArray[np.str_]) -> NDArray[np.uint32]:
    """Return the code points (N, L) of names (N,), filled up with 0."""
    return np.ascontiguousarray(names).view(np.uint32).reshape(len(names), -1)


def from_codes(codes: NDArray[Any]) -> NDArray[np.str_]:
    """Return the names (N,) of code points (N, L); ObservationError if one is not text."""
    try:
        if codes.dtype.kind not in "iu":
            raise ValueError
        text = codes.astype("<u4").tobytes().decode("utf-32-le")
    except ValueError:
        raise ObservationError("the names of tracks must be text; got other numbers.") from None
    length = codes.shape[1]
    return np.array([text[k * length : (k + 1) * length].rstrip("\0") for k in range(len(codes))])
