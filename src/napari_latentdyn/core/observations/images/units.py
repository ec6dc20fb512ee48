"""Units of length and time in files, through pint."""

from __future__ import annotations

import functools
import math

from napari_latentdyn.core.observations.units import parse_unit
from napari_latentdyn.files.ometiff import length_unit

__all__ = ["length", "metres", "plane_size", "square_size"]


def length(name: str | None) -> tuple[float, str] | None:
    r"""Return a factor and the OME symbol of a unit of length, or None if it is none.

    Parameters
    ----------
    name : str or None
        As files spell it: ``micron``, ``um``, ``\u00B5m``, ``US survey foot``.
    """
    if not name or not name.strip() or len(name) > 40:
        return None
    text = name.strip().replace("\\u00B5", "µ").replace("μ", "µ").strip("\0")
    for spelling in dict.fromkeys((text, text.lower())):
        symbol = length_unit(spelling)
        if symbol is not None:
            return None if symbol == "pixel" else (1.0, symbol)
        factor = metres(spelling)
        if factor is not None:
            return factor, "m"
    return None


@functools.cache
def metres(name: str) -> float | None:
    """Return how many metres a unit measures, or None if it is no unit of length."""
    spelled = {"in": "inch", "mi": "mile", "ft": "foot", "Å": "angstrom"}.get(name, name)
    spelled = spelled.lower().replace(" ", "_") if " " in spelled else spelled
    unit = parse_unit(spelled.replace("us_survey", "survey"))
    if unit is None or not unit.is_compatible_with("meter"):
        return None
    return float((1.0 * unit).to("meter").magnitude)


def square_size(
    height: float | None, width: float | None, unit: str | None
) -> tuple[tuple[float, float] | None, str | None, str | None]:
    """Return the size of a pixel, its unit, and a note where one side was assumed.

    Parameters
    ----------
    height, width : float or None
        As a file gives them; one that is unknown is taken to equal the other.
    unit : str or None
        Unit of both.
    """
    known = [v if v is not None and math.isfinite(v) and v > 0 else None for v in (height, width)]
    found = length(unit)
    if found is None or known == [None, None]:
        return None, None, None
    note = None
    if None in known:
        side = "height" if known[0] is None else "width"
        note = f"The file gives no {side} of a pixel; pixels are assumed to be square."
    both = [value for value in known if value is not None]
    factor, symbol = found
    size = (both[0] * factor, both[-1] * factor)
    return size, symbol, note


def plane_size(
    height: float | None, width: float | None, units: tuple[str | None, str | None]
) -> tuple[tuple[float, float] | None, str | None, str | None]:
    """Return what `square_size` does, where height and width have a unit each."""
    if height is None or width is None or units[0] == units[1]:
        return square_size(height, width, units[0] if height is not None else units[1])
    (first, symbol, _), (last, other, _) = (
        square_size(value, value, unit) for value, unit in zip((height, width), units, strict=True)
    )
    if first is None or last is None or symbol is None or other is None:
        return None, None, None
    lengths = metres(symbol), metres(other)
    if lengths[0] is None or lengths[1] is None:
        return None, None, None
    return (first[0] * lengths[0] / lengths[1], last[1]), other, None
