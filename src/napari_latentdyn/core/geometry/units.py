"""Units of length and time through pint: their sizes, and their names in file formats."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from napari_latentdyn.errors import GeometryError
from napari_latentdyn.settings.text import shown

__all__ = [
    "SECONDS",
    "check_unit",
    "duration",
    "in_names",
    "known_units",
    "length",
    "metres",
    "ngff_unit",
    "ome_length",
    "ome_time",
    "parse_unit",
    "udunits",
    "unit_symbol",
]

#: Length in seconds of the units of time that settings know, the longest first.
SECONDS = {"day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}
#: Symbols of units that OME knows.
_LENGTHS = {"pixel", "km", "m", "dm", "cm", "mm", "µm", "nm", "pm", "Å", "in", "ft", "mi"}
_TIMES = {"a", "d", "h", "min", "s", "ms", "µs", "ns"}
_LONGEST = 100
_NAME = r"[^\W\d][\w%°]*(?:\s*(?:\*\*|\^)\s*-?\d{1,2})?"
#: Products and quotients of named units; pint would evaluate any expression, also endless powers.
_PRODUCT = re.compile(rf"\s*(?:1\s*/\s*)?(?:{_NAME}|[%°])(?:\s*[*/]\s*{_NAME})*\s*")
#: Symbols that are not ASCII, or that have another meaning in UDUNITS.
_ASCII = {"µm": "um", "µs": "us", "Å": "angstrom", "in": "inch", "mi": "mile", "a": "year"}


@functools.lru_cache(maxsize=1000)
def parse_unit(name: str) -> Any:
    """Return a unit of pint such as ``meter / second ** 2``, or None if the name is unknown.

    Numbers other than small powers are not accepted.
    """
    import pint

    if len(name) > _LONGEST or not _PRODUCT.fullmatch(name):
        return None
    # pint raises errors of many kinds for text without a unit.
    try:
        return pint.get_application_registry().Unit(name)  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001
        return None


def check_unit(name: str) -> None:
    """Refuse a unit that pint does not know.

    Raises
    ------
    GeometryError
        If pint does not know it.
    """
    # Most geometries are in pixels, and importing pint takes time.
    if name != "pixel" and parse_unit(name) is None:
        raise GeometryError(
            f"there is no unit {shown(name)}; known are pixel, meter, micrometer, degree, second, "
            "hour, day and the other units of pint."
        )


def known_units(units: Sequence[str]) -> tuple[str, ...]:
    """Return names of units, with "pixel" in place of those that pint does not know."""
    return tuple("pixel" if parse_unit(str(unit)) is None else str(unit) for unit in units)


def _symbol(name: str) -> str:
    unit = parse_unit(name.strip())
    # A micron is µ in pint.
    return "" if unit is None else "µm" if str(unit) == "micron" else f"{unit:~D}"


def ome_length(name: str) -> str | None:
    """Return the OME symbol of a unit of length such as ``meter``, or None if it has none."""
    symbol = _symbol(name)
    return symbol if symbol in _LENGTHS else None


def ome_time(name: str) -> str | None:
    """Return the OME symbol of a unit of time such as ``hour``, or None if it has none."""
    symbol = _symbol(name)
    return symbol if symbol in _TIMES else None


def unit_symbol(name: str) -> str:
    """Return the symbol of a unit of length or time, such as ``m``; other names unchanged."""
    return ome_length(name) or ome_time(name) or name


def ngff_unit(symbol: str) -> str | None:
    """Return the name of a unit in OME-NGFF, or None for pixels and units without a name."""
    lacks = symbol in ("pixel", "a") or symbol not in _LENGTHS | _TIMES
    return None if lacks else str(parse_unit(symbol))


def udunits(symbol: str) -> str:
    """Return a unit in the spelling of UDUNITS, which CF requires; a pixel has the unit 1."""
    return "1" if symbol in ("pixel", "") else _ASCII.get(symbol, symbol)


def in_names(symbol: str) -> str:
    """Return a unit as part of the name of a column."""
    return _ASCII.get(symbol, symbol).replace(" ", "_")


@functools.cache
def metres(name: str) -> float | None:
    """Return the length of a unit in metres, or None if it is not a unit of length."""
    spelled = name.lower().replace(" ", "_") if " " in name else name
    unit = parse_unit(spelled.replace("us_survey", "survey"))
    if unit is None or not unit.is_compatible_with("meter"):
        return None
    return float((1.0 * unit).to("meter").magnitude)


@functools.cache
def duration(name: str) -> tuple[float, str] | None:
    """Return a factor and one of ``day``, ``hour``, ``minute``, ``second``, else None.

    Units longer than a day are in days, and those shorter than a second in seconds.
    """
    unit = parse_unit(name)
    if unit is None or not unit.is_compatible_with("second"):
        return None
    seconds = float((1.0 * unit).to("second").magnitude)
    for known, size in SECONDS.items():
        if seconds >= size:
            return seconds / size, known
    return seconds, "second"


def length(name: str | None) -> tuple[float, str] | None:
    """Return a factor and the OME symbol of a unit of length, else None.

    The name is spelled as in files: ``micron``, ``um``, an escaped µm, ``US survey foot``.
    """
    if not name or not name.strip() or len(name) > 40:
        return None
    text = name.strip().replace("\\u00B5", "µ").replace("μ", "µ").strip("\0")
    for spelling in dict.fromkeys((text, text.lower())):
        symbol = ome_length(spelling)
        if symbol is not None:
            return None if symbol == "pixel" else (1.0, symbol)
        factor = metres(spelling)
        if factor is not None:
            return factor, "m"
    return None
