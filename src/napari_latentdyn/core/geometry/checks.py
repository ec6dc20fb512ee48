"""Checks of images: errors, and warnings of one sentence. The same for all ways to run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.crs import pixels_in, same_place
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import metres, unit_symbol
from napari_latentdyn.errors import ObservationError

if TYPE_CHECKING:
    from napari_latentdyn.core.observations.observations import Observations

__all__ = ["Described", "check_grids", "place_oddities", "value_oddities"]

_SAME_SIZE = 0.01
_SAME_SPAN = 10.0
_SAME_PLACE = 1e-3  # pixels


@dataclass(frozen=True)
class Described:
    """Description of an image without its pixels.

    `name` is used in sentences. `geometry` is the size of the pixels in the file, or the place
    of a layer in a viewer; `coordinates` are those of rows and columns of the file, or its
    place on the Earth; `notes` are sentences on how the image was read.
    """

    name: str
    geometry: Geometry | None = None
    coordinates: Geometry | None = None
    notes: Sequence[str] = field(default=())

    @property
    def on_map(self) -> Geometry | None:
        """Place on the Earth, if it is known."""
        known = self.coordinates
        return None if known is None or known.crs is None else known


def check_grids(*images: Described) -> None:
    """Raise ObservationError where neighbouring images have pixels of different sizes or orders.

    Sizes may differ by 1 %.
    """
    for first, last in itertools.pairwise(images):
        _check_order(first, last)
        _check_turn(first, last)
        _check_sizes(first, last)


def _check_sizes(first: Described, last: Described) -> None:
    measured = _measured(first), _measured(last)
    for a, b in (measured, (first.coordinates, last.coordinates)):
        # Both are compared, because a viewer measures degrees in pixels.
        if a is not None and b is not None and not _same_sizes(a, b):
            raise ObservationError(
                f"the pixels of {first.name} measure {_text(a)} and those of {last.name} "
                f"{_text(b)}: resample the images to the same grid first."
            )


def _measured(image: Described) -> Geometry | None:
    """Return the geometry to compare: the map where the image itself has no unit of length."""
    own, place = image.geometry, image.on_map
    no_length = own is not None and metres(own.units[0]) is None
    return place if place is not None and no_length and place.units[0] != "degree" else own


def _same_sizes(first: Geometry, last: Geometry) -> bool:
    ratios = map(_ratio, first.units, last.units)
    return all(
        ratio is None or math.isclose(a * ratio, b, rel_tol=_SAME_SIZE)
        for ratio, a, b in zip(ratios, first.pixel_size, last.pixel_size, strict=True)
    )


def _check_order(first: Described, last: Described) -> None:
    """Check that rows and columns of both images have the same direction on the map."""
    if first.coordinates is None or last.coordinates is None:
        return
    if not (first.coordinates.is_upright and last.coordinates.is_upright):
        return
    a, b = first.coordinates.steps, last.coordinates.steps
    for k, place in enumerate(("south", "east")):
        if a[k] * b[k] < 0:
            # Rows usually run from north to south, and columns from west to east.
            odd = first if (a[k] > 0) == (k == 0) else last
            raise ObservationError(
                f"{odd.name} is flipped on the map: it begins in the {place}, and the other image "
                "does not; flip it to the orientation of the other image first."
            )


def _check_turn(first: Described, last: Described) -> None:
    """Check that neither image is turned relative to the other, where one is turned on the map."""
    a, b = first.on_map, last.on_map
    if a is None or b is None or (a.is_upright and b.is_upright):
        return
    places = pixels_in(a, b, np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    if places is None:
        return
    across, down = places[1] - places[0], places[2] - places[0]
    angles = np.arctan2(across[0], across[1]), np.arctan2(-down[1], down[0])
    # North differs a little between reference systems.
    limit = _SAME_SIZE if a.crs == b.crs else np.pi / 4
    if max(abs(angle) for angle in angles) <= limit:
        return
    mirrored = across[1] * down[0] - across[0] * down[1] < 0
    how = "mirrored" if mirrored else f"turned by {np.degrees(abs(angles[0])):.3g} degrees"
    raise ObservationError(
        f"{first.name} and {last.name} are {how} against each other on the map: warp one of them "
        "to the grid of the other first, with gdalwarp or in a GIS."
    )


def place_oddities(*images: Described) -> list[str]:
    """Return a sentence for any two neighbours at different places."""
    return [
        f"{first.name} and {last.name} lie at different places or in different reference systems: "
        "positions are ignored, and the result is placed on the first image."
        for first, last in itertools.pairwise(images)
        if not _lie_together(first, last)
    ]


def _lie_together(first: Described, last: Described) -> bool:
    if first.on_map is not None and last.on_map is not None:
        return same_place(first.on_map, last.on_map)
    near = _near(first.geometry, last.geometry)
    return near and _same_grid(first.coordinates, last.coordinates)


def value_oddities(
    observations: Observations,
    names: tuple[str, str],
    arrays: tuple[NDArray[Any], NDArray[Any]],
) -> list[str]:
    """Return a sentence for each oddity of the values of two images, `arrays` as they were read."""
    found = []
    infinite = [
        f"{count} in {name}"
        for name, array in zip(names, arrays, strict=True)
        if (count := int(np.count_nonzero(np.isinf(array))))
    ]
    if infinite:
        found.append(f"Infinite values count as missing: {', '.join(infinite)}.")
    for channel in range(observations.channels):
        a = _range(observations.images[0][channel][observations.valid[0]])
        b = _range(observations.images[1][channel][observations.valid[1]])
        spans = sorted((a[1] - a[0], b[1] - b[0]))
        apart = a[0] > b[1] or b[0] > a[1]
        if apart or spans[1] > _SAME_SPAN * spans[0]:
            which = f"Channel {channel} of {names[0]}" if observations.channels > 1 else names[0]
            found.append(
                f"{which} has values from {a[0]:.4g} to {a[1]:.4g} and {names[1]} from "
                f"{b[0]:.4g} to {b[1]:.4g}: are the units the same?"
            )
            break
    return found


def _range(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Lowest and highest value without single extreme values, unless almost all are equal."""
    low, high = float(values.min()), float(values.max())
    robust = np.percentile(values.astype(np.float64), (0.5, 99.5))
    if robust[1] - robust[0] > 1e-3 * (high - low):
        low, high = float(robust[0]), float(robust[1])
    return low, high


def _ratio(unit: str, other: str) -> float | None:
    """Return the factor from one unit to the other, or None if it is not known."""
    if unit == other:
        return 1.0
    lengths = metres(unit), metres(other)
    if lengths[0] is None or lengths[1] is None:
        return None
    return lengths[0] / lengths[1]


def _near(first: Geometry | None, last: Geometry | None) -> bool:
    """Whether two images lie at one place in a viewer."""
    if first is None or last is None:
        return True
    a, b = first.matrix, last.matrix
    for axis, (unit, other) in enumerate(zip(first.units, last.units, strict=True)):
        ratio = _ratio(unit, other)
        if ratio is None:
            return False
        a[axis] *= ratio
    pixel = float(np.abs(b[:2, :2]).max())
    # A size that differs by less than a hundredth only moves the far corner.
    return bool(
        np.abs(a[:2, 2] - b[:2, 2]).max() <= _SAME_PLACE * pixel
        and np.abs(a[:2, :2] - b[:2, :2]).max() <= _SAME_SIZE * pixel
    )


def _same_grid(first: Geometry | None, last: Geometry | None) -> bool:
    """Whether both first pixels have one place, within the precision of their coordinates."""
    if first is None or last is None:
        return True
    for k in range(2):
        unit, other = first.units[k], last.units[k]
        ratio = _ratio(unit, other)
        if ratio is None:
            # A missing unit may equal the other unit.
            if unit and other:
                return False
            continue
        apart = abs(first.offset[k] * ratio - last.offset[k])
        if k == 1 and unit == "degree":
            # Longitudes run from -180 to 180 or from 0 to 360.
            apart = abs((apart + 180) % 360 - 180)
        error = first.error[k] * ratio + last.error[k]
        if apart > max(_SAME_PLACE * last.pixel_size[k], error):
            return False
    return True


def _text(image: Geometry) -> str:
    height, width = image.pixel_size
    # In the short form of the files, whichever name a viewer has for the unit.
    y, x = map(unit_symbol, image.units)
    text = f"{height:g} x {width:g} {y}" if y == x else f"{height:g} {y} x {width:g} {x}"
    return text.strip()
