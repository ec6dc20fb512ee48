"""Names of units as the formats want them."""

from __future__ import annotations

from napari_latentdyn.files.ometiff import length_unit, time_unit

__all__ = ["in_names", "length_symbol", "ngff_unit", "time_symbol", "udunits"]

_LONG = {
    "km": "kilometer",
    "m": "meter",
    "dm": "decimeter",
    "cm": "centimeter",
    "mm": "millimeter",
    "µm": "micrometer",
    "nm": "nanometer",
    "pm": "picometer",
    "Å": "angstrom",
    "in": "inch",
    "ft": "foot",
    "mi": "mile",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "ms": "millisecond",
    "µs": "microsecond",
    "ns": "nanosecond",
}
_ASCII = {"µm": "um", "µs": "us", "Å": "angstrom", "in": "inch", "mi": "mile", "a": "year"}


def length_symbol(name: str) -> str:
    """Return the symbol of a unit of length, such as ``m`` for ``meter``; others as they are."""
    return length_unit(name) or name


def time_symbol(name: str) -> str:
    """Return the symbol of a unit of time, such as ``h`` for ``hour``; others as they are."""
    return time_unit(name) or name


def ngff_unit(symbol: str) -> str | None:
    """Return the name that OME-NGFF has for a unit, or None for pixels and what it lacks."""
    return _LONG.get(symbol)


def udunits(symbol: str) -> str:
    """Return a unit in the spelling of UDUNITS, as CF wants it; a pixel has no unit."""
    return "1" if symbol in ("pixel", "") else _ASCII.get(symbol, symbol)


def in_names(symbol: str) -> str:
    """Return a unit as part of the name of a column."""
    return _ASCII.get(symbol, symbol).replace(" ", "_")
