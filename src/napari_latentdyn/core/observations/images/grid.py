"""Coordinates of rows and columns that belong to no reference system."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid:
    """Coordinates of the pixels of an image, (y, x).

    Attributes
    ----------
    start : (float, float)
        Of the first pixel.
    step : (float, float)
        From one pixel to the next; negative where the coordinates fall.
    units : (str, str)
        As the file spells them; "degree" for all degrees, "" where none is given.
    error : (float, float)
        How exact a coordinate is.
    """

    start: tuple[float, float]
    step: tuple[float, float]
    units: tuple[str, str]
    error: tuple[float, float] = (0.0, 0.0)
