"""Sparse sources: a few places change, one after the other, and all others only move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_latentdyn.equations.base import Equation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_latentdyn.equations.base import Compared, Meeting

__all__ = ["DURATION", "SparseSource", "smoothed_change", "sources"]

#: Standard deviation in pixels with which the change is smoothed, least change of a source as a
#: part of the intensity range and in median deviations, and the part of it at the edge of a source.
_SMOOTH, _LEAST, _DEVIATIONS, _EDGE = 0.7, 0.15, 6.0, 0.5
#: Least number of pixels of a source.
_PIXELS = 12
#: Distance in pixels in which a source of opposite sign means that a thing moved, and the least
#: ratio of the sum of changes to that of their sizes.
_BESIDE, _ONE_SIGN = 4, 0.6
#: Part of the largest change of a source beyond which a place belongs to its core.
_CORE = 0.3
#: Least number of pixels at which matter touches a source that grows from there, the largest part
#: of its edge, and the largest number of such places.
_TOUCHING, _ALONG, _ROOTS = 3, 0.25, 2
#: Largest area of a compact source, in squares of its largest depth: that of two discs.
_COMPACT = 7.0
#: Part of the interval in which a place changes.
DURATION = 0.15


class SparseSource(Equation):
    """A source that acts at a few places, at each of them for a short time.

    A source is where both observations, carried along the paths, disagree clearly and with one
    sign. Matter that touches the source spreads into it at a constant speed, or else the source
    spreads from its thickest place; what vanishes shrinks in the same way. Elsewhere the
    observations are averaged.
    """

    name = "sparse_source"
    title = "sparse sources"
    formula = (
        r"\partial_t z + v \cdot \nabla z = s\, \delta(t - \tau), "
        r"\qquad \partial_t \tau + v \cdot \nabla \tau = 0"
    )
    conserves = "every value outside of the places where a source acts"
    choose = (
        "A few things appear, spread or vanish (cracks that grow, cells that divide, a front), and "
        "everything else only moves. They appear in sequence instead of fading in everywhere."
    )
    joint = True
    constants = ("onset", "sudden")

    def coefficients(
        self, compared: Compared, given: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return maps (H, W) of the onset, from 0 to 1, and of where a source acts, 0 or 1."""
        import numpy as np
        from scipy import ndimage

        first, last = compared.first.mean(dim=0).numpy(), compared.last.mean(dim=0).numpy()
        allowed = compared.seen if compared.allowed is None else compared.seen & compared.allowed
        labels = sources(smoothed_change(compared), compared.seen.numpy(), allowed.numpy())
        size = np.abs(last - first)
        onset = np.full(labels.shape, np.nan)
        ordered = np.zeros(labels.shape, bool)
        for number, box in enumerate(ndimage.find_objects(labels), 1):
            around = _grown(box, labels.shape, 2 * _BESIDE)
            whole, others = labels[around] == number, labels[around] == 0
            # Without the slopes at the edge, at which both images are mixed.
            inside = whole & (size[around] > _CORE * np.percentile(size[around][whole], 90))
            course = _course(inside, others, first[around], last[around])
            onset[around][inside] = course[inside]
            ordered[around][whole] = np.isfinite(course).any()
        if not ordered.any():
            onset[:] = 0.5
        rows, columns = ndimage.distance_transform_edt(
            np.isnan(onset), return_distances=False, return_indices=True
        )
        return {
            "onset": np.asarray(onset[rows, columns], np.float32),
            "sudden": ndimage.binary_dilation(ordered).astype(np.float32),
        }

    def between(
        self, states: Sequence[Tensor], weights: Sequence[Tensor], meeting: Meeting
    ) -> Tensor:
        """Return the mean of both states, or the one that the onset says where a source acts."""
        if len(states) == 1:
            return states[0]
        (before, after), time = weights, meeting.time
        onset = meeting.coefficients["onset"] * (1 - DURATION)
        sudden = meeting.coefficients["sudden"].clamp(0.0, 1.0)
        passed = ((time - onset) / DURATION).clamp(0.0, 1.0)
        # The weights also say how far each observation shows the place.
        early, late = before / (1.0 - time) * (1 - passed), after / time * passed
        share = late / (early + late).clamp(min=1e-6)
        share = after + sudden * (share - after)
        return states[0] + share * (states[1] - states[0])


def smoothed_change(compared: Compared) -> NDArray[np.floating]:
    """Return the change of the mean of the channels along the paths, (H, W), 0 where not seen."""
    import numpy as np
    from scipy import ndimage

    change = (compared.last - compared.first).mean(dim=0).numpy()
    seen = compared.seen.numpy()
    return np.asarray(ndimage.gaussian_filter(np.where(seen, change, 0.0), _SMOOTH))


def sources(
    smooth: NDArray[np.floating], seen: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> NDArray[Any]:
    """Return labels (H, W) of the places where a source acts, 0 elsewhere.

    Parameters
    ----------
    smooth : ndarray, shape (H, W)
        `smoothed_change`.
    seen, allowed : ndarray of bool, shape (H, W)
        True where both images show the place, and where a source may act.
    """
    import numpy as np
    from scipy import ndimage

    found = np.zeros(smooth.shape, np.int32)
    if not allowed.any():
        return found
    usual = float(np.median(np.abs(smooth[seen])))
    least = max(_LEAST, _DEVIATIONS * usual)
    count = 0
    for sign in (1, -1):
        candidates, number = ndimage.label(
            (sign * smooth > _EDGE * least) & allowed, np.ones((3, 3))
        )
        if not number:
            continue
        index = np.arange(1, number + 1)
        most = ndimage.maximum(sign * smooth, candidates, index)
        size = ndimage.sum_labels(np.ones(smooth.shape), candidates, index)
        boxes = ndimage.find_objects(candidates)
        for k in np.flatnonzero((most > least) & (size >= _PIXELS)):
            around = _grown(boxes[k], smooth.shape, 2 * _BESIDE)
            inside = candidates[around] == k + 1
            near = ndimage.binary_dilation(inside, iterations=_BESIDE)
            values = smooth[around][near]
            if abs(values.sum()) > _ONE_SIGN * np.abs(values).sum():
                count += 1
                found[around][inside] = count
    return found


def _course(
    inside: NDArray[np.bool_],
    others: NDArray[np.bool_],
    first: NDArray[np.floating],
    last: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Return when the places inside of a source change, from 0 to 1."""
    import numpy as np
    from scipy import ndimage

    ring = ndimage.binary_dilation(inside, iterations=2) & others
    if not ring.any():
        return np.full(inside.shape, np.nan)
    contrasts = [
        abs(float(np.median(image[inside]) - np.median(image[ring]))) for image in (first, last)
    ]
    # The image in which the source differs from its surroundings shows the matter.
    appears = contrasts[1] >= contrasts[0]
    with_it, without = (last, first) if appears else (first, last)
    matter, ground = float(np.median(with_it[inside])), float(np.median(without[inside]))
    touching = ring & (np.abs(without - matter) < np.abs(without - ground))
    _, roots = ndimage.label(ndimage.binary_dilation(touching, iterations=2), np.ones((3, 3)))
    if roots > _ROOTS or not _TOUCHING <= touching.sum() < _ALONG * ring.sum():
        # Matter all along the edge does not say from where the source spreads.
        touching = _nuclei(inside)
    passed = _spread(inside, touching)
    return passed if appears else 1.0 - passed


def _nuclei(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the thickest places of a compact source, none of another one."""
    import numpy as np
    from scipy import ndimage
    from skimage.feature import peak_local_max

    starts = np.zeros_like(inside)
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    thickest = float(depth.max())
    if inside.sum() > _COMPACT * thickest**2:
        return starts
    smooth = np.where(inside, ndimage.gaussian_filter(depth, 1.0), 0.0)
    peaks = peak_local_max(
        smooth, min_distance=math.ceil(thickest), threshold_rel=0.6, exclude_border=False
    )
    starts[tuple(peaks.T)] = True
    return starts


def _spread(inside: NDArray[np.bool_], starts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the part of the longest way from places inside of a source to its starts.

    NaN outside of the source, and everywhere without a start.
    """
    import numpy as np
    from skimage.graph import MCP_Geometric

    if not starts.any():
        return np.full(inside.shape, np.nan)
    costs = np.where(inside | starts, 1.0, np.inf)
    distance, _ = MCP_Geometric(costs).find_costs(np.argwhere(starts))
    known = inside & np.isfinite(distance)
    farthest = float(distance[known].max()) if known.any() else 0.0
    return np.where(known, distance, np.nan) / max(farthest, 1e-6)


def _grown(box: tuple[slice, ...], shape: tuple[int, ...], margin: int) -> tuple[slice, slice]:
    rows, columns = (
        slice(max(0, part.start - margin), min(side, part.stop + margin))
        for part, side in zip(box, shape, strict=True)
    )
    return rows, columns
