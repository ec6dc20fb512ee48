"""Times of a comparison: as the user reads and writes them, and as fractions of the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import SettingsError, UserError
from napari_latentdyn.settings import ImageSettings
from napari_latentdyn.viewer.samples import INTERVAL_KEY

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["Interval", "interval_between", "parse_times"]

#: Time between two images and its unit.
Interval = tuple[float, str]


def interval_between(*layers: Image | None) -> Interval | None:
    """Return the time between two images that the metadata of one of them tells, or None."""
    for layer in layers:
        mark = {} if layer is None else layer.metadata.get(INTERVAL_KEY)
        try:
            images = ImageSettings.parse({"interval": mark["value"], "interval_unit": mark["unit"]})
        except (KeyError, TypeError, UserError):
            continue
        if images.interval:
            return images.interval, images.interval_unit
    return None


def parse_times(text: str, interval: Interval | None = None) -> NDArray[np.float64] | None:
    """Return times that a user wrote as fractions of the interval, None for an empty text.

    Parameters
    ----------
    text : str
        Numbers with commas between them.
    interval : (float, str), optional
        Time between the images and its unit: the numbers are times in this unit.

    Raises
    ------
    SettingsError
        If they are no different times within the interval.
    """
    if not text.strip():
        return None
    from napari_latentdyn.core.baselines import times_of

    length, unit = interval or (1.0, "")
    times = times_of(text, length)
    if times is None:
        wanted = f"times in {unit}s from 0 to {length:g}" if unit else "fractions"
        some = ", ".join(f"{part * length:g}" for part in (0.25, 0.5))
        raise SettingsError(
            f"Could not read “{text}”. Enter {wanted} separated by commas, e.g. {some}."
        )
    return times
