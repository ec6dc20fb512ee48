"""Times of a comparison: text of the user, and fractions of the interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import SettingsError

__all__ = ["Interval", "parse_times"]

#: Time between two images and its unit.
Interval = tuple[float, str]


def parse_times(text: str, interval: Interval | None = None) -> NDArray[np.float64] | None:
    """Return numbers between commas as fractions of the interval, None for an empty text.

    With an interval, the numbers are times in its unit.
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
