"""The value that GDAL writes for missing pixels, as tags spell it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEARLY", "Nodata", "spelled_nodata"]

NEARLY = "Values that differ from the nodata value in their last digits count as missing."
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
#: Spellings of NaN and infinity, in lower case.
_NAN = re.compile(r"[+-]?(?:nan|1\.#(?:qnan|snan|ind))")
_INFINITE = re.compile(r"[+-]?(?:inf(?:inity)?|1\.#inf)")
#: Double precision holds all whole numbers up to the first.
_EXACT, _LARGEST = 2**53, 2.0**64


@dataclass(frozen=True)
class Nodata:
    """The value of missing pixels, as the file gives it.

    A large whole number may differ by `rounded`, because it was written with the digits of a real
    number.
    """

    value: int | float
    rounded: int = 0

    def missing(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where values of a file are missing."""
        nowhere = np.zeros(values.shape, bool)
        if values.dtype.kind in "biu":
            return self._whole(values, nowhere)
        if values.dtype.kind not in "fc":
            return nowhere
        if np.isnan(self.value):
            return np.asarray(np.isnan(values))
        kind = np.dtype(values.real.dtype)
        if not np.isfinite(self.value):
            return np.asarray(values == self.value)
        # As GDAL compares real numbers: within two of the last digits.
        with np.errstate(over="ignore", invalid="ignore"):
            exact = values == kind.type(self.value)
            apart = np.abs(values.astype(np.result_type(values, np.float64)) - self.value)
            near = apart <= 2.0 * float(np.finfo(kind).eps) * abs(float(self.value))
        return np.asarray(exact | near)

    def _whole(self, values: NDArray[Any], nowhere: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not np.isfinite(self.value) or self.value != int(self.value):
            return nowhere
        limits = np.iinfo(np.uint8 if values.dtype.kind == "b" else values.dtype)
        low, high = int(self.value) - self.rounded, int(self.value) + self.rounded
        low, high = max(low, int(limits.min)), min(high, int(limits.max))
        return (values >= low) & (values <= high) if low <= high else nowhere

    def nearly(self, values: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Return where real values differ from the nodata value in the last digits only.

        Programs write pixels in single and the tag in double precision, or print the tag with a
        few digits. Only nodata values far from all other values are compared.
        """
        if values.dtype.kind != "f" or not np.isfinite(self.value) or abs(self.value) < 1e30:
            return None
        plain = values.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.abs(plain - self.value) <= 1e-2 * abs(self.value)
            near &= plain != np.float64(values.dtype.type(self.value))
        return near if near.any() else None


def spelled_nodata(text: object) -> Nodata | None:
    """Read the value of missing pixels from the text of a tag; None if it has no number."""
    word = str(text if text is not None else "").strip("\0 \t\r\n")
    low = word.lower()
    if _NAN.match(low):
        return Nodata(float("nan"))
    if _INFINITE.match(low):
        return Nodata(float("-inf") if low.startswith("-") else float("inf"))
    found = _NUMBER.match(word)
    if found is None:
        return None
    number = found[0].replace(",", ".")
    value = float(number)
    if re.fullmatch(r"[+-]?\d+", number) and abs(value) < _LARGEST:
        return Nodata(int(number))
    if np.isfinite(value) and value == int(value) and _EXACT <= abs(value) <= _LARGEST:
        digits = len(re.sub(r"[eE].*|\D", "", number).lstrip("0")) or 1
        last = 10 ** max(0, len(str(abs(int(value)))) - digits)
        # Half of the last digit, or the rounding of double precision.
        return Nodata(int(value), max(last // 2, int(np.spacing(abs(value)) // 2)))
    return Nodata(value)
