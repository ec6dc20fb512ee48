"""Missing values of CF data beside the fill value that a file names."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["default_fill", "within_valid_range"]

#: Values of netCDF where nothing was written (NC_FILL_*). Bytes have no such value.
_FILLS: dict[str, float | int] = {
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
    "i2": -32767,
    "u2": 65535,
    "i4": -2147483647,
    "u4": 4294967295,
    "i8": -9223372036854775806,
    "u8": 18446744073709551614,
}


def default_fill(array: Any) -> Any:
    """Return the fill value of netCDF if a stored variable holds it and names none, or None."""
    named = {"_FillValue", "missing_value"} & (set(array.attrs) | set(array.encoding))
    fill = _FILLS.get(f"{array.dtype.kind}{array.dtype.itemsize}")
    if named or fill is None:
        return None
    value = np.asarray(fill).astype(array.dtype)[()]
    return value if bool((array.values == value).any()) else None


def within_valid_range(array: Any) -> Any:
    """Return decoded values with NaN outside of valid_range, valid_min and valid_max."""
    low, high = _limits(array)
    valid = np.ones(array.shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        if low is not None:
            valid &= ~(array.values < low)
        if high is not None:
            valid &= ~(array.values > high)
    return array if valid.all() else array.where(array.copy(data=valid))


def _limits(array: Any) -> list[Any]:
    """Return the lowest and the highest valid value, in the units of the decoded values."""
    attributes, packing = array.attrs, array.encoding
    both = _numbers(attributes.get("valid_range"), 2)
    limits = [None, None] if both is None else [both[0], both[1]]
    for side, name in enumerate(("valid_min", "valid_max")):
        found = _numbers(attributes.get(name), 1)
        limits[side] = limits[side] if found is None else found[0]
    stored = np.dtype(packing.get("dtype") or array.dtype)
    scale, offset = (
        float(np.asarray(packing.get(name, default)).ravel()[0])
        for name, default in (("scale_factor", 1.0), ("add_offset", 0.0))
    )
    packed = "scale_factor" in packing or "add_offset" in packing
    known = [limit for limit in limits if limit is not None]
    # Limits are stored values, by CF, unless a limit has a wider type than these.
    if packed and not (stored.kind in "iu" and any(limit.dtype.kind == "f" for limit in known)):
        if str(packing.get("_Unsigned", "")).lower() == "true":
            size = 2.0 ** (8 * stored.itemsize)
            limits = [None if v is None else float(v) + size * bool(v < 0) for v in limits]
        # Half a step, as decoding rounds.
        step = 0.5 if stored.kind in "iu" else 0.0
        limits = [
            None if limit is None else (float(limit) + side) * scale + offset
            for limit, side in zip(limits, (-step, step), strict=True)
        ]
        limits = limits[::-1] if scale < 0 else limits
    if array.dtype.kind == "f":
        # A limit in double precision must not exclude the same value in single precision.
        limits = [None if limit is None else array.dtype.type(limit) for limit in limits]
    return limits


def _numbers(values: Any, count: int) -> Any:
    if values is None:
        return None
    found = np.asarray(values).ravel()
    return found if found.size == count and found.dtype.kind in "iuf" else None
