"""What is odd about two images: refused, or said in one sentence. The same for all ways to run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.georeference import pixels_in, same_place
from napari_latentdyn.core.observations.images.grid import Grid
from napari_latentdyn.core.observations.images.units import metres
from napari_latentdyn.errors import PairError
from napari_latentdyn.files.ometiff import length_unit

if TYPE_CHECKING:
    from napari_latentdyn.core.geometry.placement import Placement
    from napari_latentdyn.core.observations.pair import ImagePair

__all__ = ["Described", "check_grids", "place_oddities", "value_oddities"]

_SAME_SIZE = 0.01
_SAME_SPAN = 10.0
_SAME_PLACE = 1e-3  # pixels


@dataclass(frozen=True)
class Described:
    """What is known of an image without looking at its pixels.

    Attributes
    ----------
    name : str
        What the image is called in sentences.
    pixel_size : (float, float), optional
        Height and width of a pixel.
    units : (str, str), optional
        Units of height and width; "pixel" where the size has no unit.
    geo : dict, optional
        Place on the Earth, as `georeference.read_geo` returns it.
    placement : Placement, optional
        Place of a layer in a viewer.
    notes : sequence of str
        Sentences on how the image was read.
    grid : Grid, optional
        Coordinates of rows and columns, where they are known.
    """

    name: str
    pixel_size: tuple[float, float] | None = None
    units: tuple[str, str] | None = None
    geo: dict[str, Any] | None = None
    placement: Placement | None = None
    notes: Sequence[str] = field(default=())
    grid: Grid | None = None


def check_grids(first: Described, last: Described) -> None:
    """Check that the pixels of both images have one size and one order, where both are known.

    Raises
    ------
    PairError
        If the sizes differ by more than 1 %, or one image is upside down on the map.
    """
    _check_order(first, last)
    _check_turn(first, last)
    for a, b in ((_sizes(first), _sizes(last)), (_steps(first), _steps(last))):
        # A viewer measures in pixels what has no length, such as degrees: both count.
        if a is not None and b is not None and not _same_sizes(a, b):
            raise PairError(
                f"the pixels of {first.name} measure {_text(a)} and those of {last.name} "
                f"{_text(b)}: resample the images to the same grid first."
            )


_Sides = tuple[tuple[float, float], tuple[str, str]]


def _sizes(image: Described) -> _Sides | None:
    if image.pixel_size is None or image.units is None:
        return None
    return image.pixel_size, image.units


def _steps(image: Described) -> _Sides | None:
    if image.grid is None:
        return None
    y, x = image.grid.step
    return (abs(y), abs(x)), image.grid.units


def _same_sizes(first: _Sides, last: _Sides) -> bool:
    for a, b, unit, other in zip(first[0], last[0], first[1], last[1], strict=True):
        ratio = _ratio(unit, other)
        if ratio is not None and not math.isclose(a * ratio, b, rel_tol=_SAME_SIZE):
            return False
    return True


def _check_order(first: Described, last: Described) -> None:
    """Check that rows and columns of both images run the same way on the map."""
    a, b = _directions(first), _directions(last)
    if a is None or b is None:
        return
    for k, place in enumerate(("south", "east")):
        if a[k] * b[k] < 0:
            # Rows usually run from north to south, and columns from west to east.
            odd = first if (a[k] > 0) == (k == 0) else last
            raise PairError(
                f"{odd.name} is flipped on the map: it begins in the {place}, and the other image "
                "does not; flip it to the orientation of the other image first."
            )


def _directions(image: Described) -> tuple[float, float] | None:
    """Return how coordinates change down the rows and along the columns, if that is known."""
    if image.geo:
        a, b, _, d, e, _ = image.geo["transform"]
        return (e, a) if b == d == 0 else None
    return None if image.grid is None else image.grid.step


def _check_turn(first: Described, last: Described) -> None:
    """Check that the images are not turned against each other, where one is turned on the map."""
    if not first.geo or not last.geo:
        return
    if not any(geo["transform"][k] for geo in (first.geo, last.geo) for k in (1, 3)):
        return
    places = pixels_in(first.geo, last.geo, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    if places is None:
        return
    across, down = places[1] - places[0], places[2] - places[0]
    angles = np.arctan2(across[1], across[0]), np.arctan2(-down[0], down[1])
    # North differs a little between reference systems.
    limit = _SAME_SIZE if first.geo["crs_wkt"] == last.geo["crs_wkt"] else np.pi / 4
    if max(abs(angle) for angle in angles) <= limit:
        return
    mirrored = across[0] * down[1] - across[1] * down[0] < 0
    how = "mirrored" if mirrored else f"turned by {np.degrees(abs(angles[0])):.3g} degrees"
    raise PairError(
        f"{first.name} and {last.name} are {how} against each other on the map: warp one of them "
        "to the grid of the other first, with gdalwarp or in a GIS."
    )


def place_oddities(first: Described, last: Described) -> list[str]:
    """Return a sentence if two images do not lie at one place."""
    if first.geo and last.geo:
        same = same_place(first.geo, last.geo)
    else:
        same = first.placement is None or last.placement is None
        if first.placement is not None and last.placement is not None:
            same = _same_placement(first.placement, last.placement)
        if first.grid is not None and last.grid is not None:
            same = same and _same_grid(first.grid, last.grid)
    if same:
        return []
    sentence = (
        f"{first.name} and {last.name} lie at different places or in different reference systems: "
        "positions are ignored, and the result is placed on the first image."
    )
    return [sentence]


def value_oddities(
    pair: ImagePair,
    names: tuple[str, str],
    arrays: tuple[NDArray[Any], NDArray[Any]],
) -> list[str]:
    """Return a sentence for each oddity of the values of two images.

    Parameters
    ----------
    pair : ImagePair
        The pair that was made of the images.
    names : tuple of str
        What the images are called.
    arrays : tuple of ndarray
        Their values as they were read.
    """
    found = []
    infinite = [
        f"{count} in {name}"
        for name, array in zip(names, arrays, strict=True)
        if (count := int(np.count_nonzero(np.isinf(array))))
    ]
    if infinite:
        found.append(f"Infinite values count as missing: {', '.join(infinite)}.")
    for channel in range(pair.channels):
        a = _range(pair.first[channel][pair.valid_first])
        b = _range(pair.last[channel][pair.valid_last])
        spans = sorted((a[1] - a[0], b[1] - b[0]))
        apart = a[0] > b[1] or b[0] > a[1]
        if apart or spans[1] > _SAME_SPAN * spans[0]:
            which = f"Channel {channel} of {names[0]}" if pair.channels > 1 else names[0]
            found.append(
                f"{which} has values from {a[0]:.4g} to {a[1]:.4g} and {names[1]} from "
                f"{b[0]:.4g} to {b[1]:.4g}: are the units the same?"
            )
            break
    return found


def _range(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Lowest and highest value without single extreme ones, unless almost all are equal."""
    low, high = float(values.min()), float(values.max())
    robust = np.percentile(values.astype(np.float64), (0.5, 99.5))
    if robust[1] - robust[0] > 1e-3 * (high - low):
        low, high = float(robust[0]), float(robust[1])
    return low, high


def _ratio(unit: str, other: str) -> float | None:
    """Return how many of the other unit are one unit, or None if nobody knows."""
    if unit == other:
        return 1.0
    lengths = metres(unit), metres(other)
    if lengths[0] is None or lengths[1] is None:
        return None
    return lengths[0] / lengths[1]


def _same_placement(first: Placement, last: Placement) -> bool:
    a, b = first.matrix(), last.matrix()
    for axis, (unit, other) in enumerate(zip(first.units, last.units, strict=True)):
        ratio = _ratio(unit, other)
        if ratio is None:
            return False
        a[axis] *= ratio
    pixel = float(np.abs(b[:2, :2]).max())
    # A size that differs by less than a hundredth moves the far corner alone.
    return bool(
        np.abs(a[:2, 2] - b[:2, 2]).max() <= _SAME_PLACE * pixel
        and np.abs(a[:2, :2] - b[:2, :2]).max() <= _SAME_SIZE * pixel
    )


def _same_grid(first: Grid, last: Grid) -> bool:
    """Whether both first pixels have one place, within what their coordinates can tell."""
    for k in range(2):
        unit, other = first.units[k], last.units[k]
        ratio = _ratio(unit, other)
        if ratio is None:
            # A unit that is left out may be the other one.
            if unit and other:
                return False
            continue
        apart = abs(first.start[k] * ratio - last.start[k])
        if k == 1 and unit == "degree":
            # Longitudes run from -180 to 180 or from 0 to 360.
            apart = abs((apart + 180) % 360 - 180)
        error = first.error[k] * ratio + last.error[k]
        if apart > max(_SAME_PLACE * abs(last.step[k]), error):
            return False
    return True


def _text(sides: _Sides) -> str:
    height, width = sides[0]
    # In the short form of the files, whatever a viewer calls the unit.
    y, x = (length_unit(unit) or unit for unit in sides[1])
    text = f"{height:g} x {width:g} {y}" if y == x else f"{height:g} {y} x {width:g} {x}"
    return text.strip()
