"""What is odd about two images: refused, or said on standard error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.images import ImageFile
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.errors import PairError
from napari_latentdyn.georeference import same_place

__all__ = ["check_pixel_sizes", "oddities"]

_METRES = {
    "km": 1e3,
    "m": 1.0,
    "dm": 1e-1,
    "cm": 1e-2,
    "mm": 1e-3,
    "µm": 1e-6,
    "nm": 1e-9,
    "Å": 1e-10,
    "pm": 1e-12,
    "in": 0.0254,
    "ft": 0.3048,
    "mi": 1609.344,
}
_SAME_SIZE = 0.01
_SAME_SPAN = 10.0


def check_pixel_sizes(first: ImageFile, last: ImageFile) -> None:
    """Check that the pixels of both images are of one size, where both sizes are known.

    Raises
    ------
    PairError
        If they differ by more than 1 %.
    """
    sizes = _in_metres(first), _in_metres(last)
    if sizes[0] is None or sizes[1] is None:
        return
    if not np.allclose(sizes[0], sizes[1], rtol=_SAME_SIZE, atol=0.0):
        raise PairError(
            f"the pixels of {first.name} measure {_text(first)} and those of {last.name} "
            f"{_text(last)}: resample the images to the same grid first."
        )


def oddities(pair: ImagePair, first: ImageFile, last: ImageFile) -> list[str]:
    """Return a sentence for everything that may not be meant as it is."""
    found = list(dict.fromkeys((*first.notes, *last.notes)))
    infinite = [
        f"{count} in {image.name}"
        for image in (first, last)
        if (count := int(np.count_nonzero(np.isinf(image.array))))
    ]
    if infinite:
        found.append(f"Infinite values count as missing: {', '.join(infinite)}.")
    if first.geo and last.geo and not same_place(first.geo, last.geo):
        found.append(
            f"{first.name} and {last.name} lie at different places or in different reference "
            "systems: pixels are compared as they are, and the place of the first is kept."
        )
    for channel in range(pair.channels):
        a = _range(pair.first[channel][pair.valid_first])
        b = _range(pair.last[channel][pair.valid_last])
        spans = sorted((a[1] - a[0], b[1] - b[0]))
        apart = a[0] > b[1] or b[0] > a[1]
        if apart or spans[1] > _SAME_SPAN * spans[0]:
            which = f"Channel {channel} of {first.name}" if pair.channels > 1 else first.name
            found.append(
                f"{which} has values from {a[0]:.4g} to {a[1]:.4g} and {last.name} from "
                f"{b[0]:.4g} to {b[1]:.4g}: are the units the same?"
            )
            break
    return found


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Lowest and highest value without single extreme ones, unless almost all are equal."""
    low, high = float(values.min()), float(values.max())
    robust = np.percentile(values.astype(np.float64), (0.5, 99.5))
    if robust[1] - robust[0] > 1e-3 * (high - low):
        low, high = float(robust[0]), float(robust[1])
    return low, high


def _in_metres(image: ImageFile) -> tuple[float, float] | None:
    metres = _METRES.get(image.unit or "")
    if metres is None or image.pixel_size is None:
        return None
    return image.pixel_size[0] * metres, image.pixel_size[1] * metres


def _text(image: ImageFile) -> str:
    height, width = image.pixel_size or (1.0, 1.0)
    return f"{height:g} x {width:g} {image.unit}"
