"""True frames: selects the frames of a stack between the images, and their times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ObservationError

__all__ = ["Truth", "place_truth", "times_of"]

#: Largest ratio of the distances of the end of a stack to the image and to its neighbour.
_CLOSER = 0.1
#: Greatest number of times in a sentence.
_NAMED = 4
#: True frames have another scale if their range is wider or narrower by this factor, or if the two
#: ranges overlap by less than this part of the narrower one. Single pixels do not make a range.
_UNLIKE, _OVERLAP, _RANGE = 3.0, 0.25, (1.0, 99.0)
#: Number of pixels of a frame from which its range is found.
_SEEN = 1 << 15


@dataclass(frozen=True, eq=False)
class Truth:
    """True frames (K, C, H, W) between two images, at ascending fractions of the interval.

    `assumed` tells that no times were given, `missing` is the part of pixels without a value,
    and `scales` are the intensity ranges of frames and images if these differ in scale.
    """

    frames: NDArray[np.float32]
    times: NDArray[np.float64]
    assumed: bool = False
    missing: float = 0.0
    scales: tuple[tuple[float, float], tuple[float, float]] | None = None

    @property
    def doubtful(self) -> bool:
        """Whether missing values or different scales affect the measures."""
        return self.missing > 0 or self.scales is not None

    @property
    def notable(self) -> bool:
        """Whether `describe` has information that is new for the user."""
        return self.assumed or self.doubtful

    def describe(self, interval: tuple[float, str] | None = None) -> str:
        """Describe the true frames and what was assumed, with times in the unit of `interval`."""
        length, unit = interval or (1.0, "")
        said = [f"{length * time:.3g}" for time in self.times]
        at = f"at {', '.join(said)}" if len(said) <= _NAMED else f"from {said[0]} to {said[-1]}"
        of = f"{unit}s" if unit else "of the interval"
        some = _count(len(said), "true frame")
        why = ", assumed evenly spaced (no times given)" if self.assumed else ""
        text = f"{some} {at} {of}{why}."
        if self.missing > 0:
            part = "Less than 1" if self.missing < 0.01 else f"{100 * self.missing:.0f}"
            text += f" {part} % of their pixels have no value and do not count."
        if self.scales is not None:
            (low, high), (least, most) = self.scales
            text += (
                f" Their intensities go from {low:.3g} to {high:.3g}, those of the images from "
                f"{least:.3g} to {most:.3g}: bring them to one scale, or the errors "
                "include the difference."
            )
        return text


def times_of(text: str, length: float = 1.0) -> NDArray[np.float64] | None:
    """Return the times in a text of numbers from 0 to `length`, separated by commas.

    The times are fractions of the interval; None where they are not different times in it.
    """
    try:
        times = np.array([float(part) for part in text.split(",") if part.strip()]) / length
    except ValueError:
        return None
    fit = np.all((times >= 0) & (times <= 1)) and len(set(times.tolist())) == len(times)
    return times if len(times) and fit else None


def place_truth(
    stack: NDArray[np.float32],
    times: NDArray[np.float64] | None,
    ends: tuple[NDArray[Any], NDArray[Any]],
    name: str,
) -> Truth:
    """Return the frames of a stack that lie between two images, in the order of their times.

    The stack (K, C, H, W) holds true frames, with or without the two images at its ends. The
    `times` are fractions of the interval, one for each frame or for each except those at both
    ends; None if they are evenly spaced. Pixels of the images `ends` that are not finite do
    not count, and messages call the stack `name`. ObservationError if the frames do not fit the
    images or the times, or none lies between the images.
    """
    if stack.shape[1:] != ends[0].shape:
        raise ObservationError(
            f"the true frames in {name} have shape {stack.shape[1:]} (channels, height, width), "
            f"the images {ends[0].shape}: they must agree."
        )
    if times is None or len(times) == len(stack) - 2:
        known = _has_ends(stack, ends)
        if not known and _scales(stack, np.stack(ends)) is not None:
            known = _has_ends(_in_scale(stack, ends), ends)
        if known:
            stack = stack[1:-1]
    assumed = times is None
    if times is None:
        times = np.linspace(0, 1, len(stack) + 2)[1:-1]
    if len(times) != len(stack):
        there, given = _count(len(stack), "frame"), _count(len(times), "time")
        raise ObservationError(
            f"{name} has {there}, but {given} {'is' if len(times) == 1 else 'are'} given: give "
            "one for each, or none where frames are evenly spaced."
        )
    order = [i for i in np.argsort(times) if 0 < times[i] < 1]
    if not order:
        raise ObservationError(f"{name} has no frame between the two images to compare with.")
    for i in order:
        _check(stack[i], ends, i, name)
    frames = stack[order]
    missing = 1 - float(np.isfinite(frames).all(axis=1).mean())
    return Truth(frames, times[order], assumed, missing, _scales(frames, np.stack(ends)))


def _check(
    frame: NDArray[np.float32], ends: tuple[NDArray[Any], NDArray[Any]], number: int, name: str
) -> None:
    """Raise if a frame cannot be a true one: it is empty, or one of the images themselves."""
    known = np.isfinite(frame).all(axis=0)
    if not known.any():
        raise ObservationError(
            f"frame {number + 1} of {name} has no value in any pixel: leave it out."
        )
    if _same(*ends):
        return
    for end, image in zip(("first", "last"), ends, strict=True):
        if _same(frame, image):
            raise ObservationError(
                f"frame {number + 1} of {name} is the {end} image itself and not between the "
                "two: leave it out, or choose other true frames."
            )


def _scales(
    frames: NDArray[np.float32], images: NDArray[Any]
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the intensity ranges of frames and images if these differ in scale."""
    ranges = [_range(values) for values in (frames, images)]
    if ranges[0] is None or ranges[1] is None:
        return None
    (low, high), (least, most) = ranges[0], ranges[1]
    narrow, wide = sorted((high - low, most - least))
    if narrow <= 0:
        # Constant images have no scale.
        return None
    overlap = min(high, most) - max(low, least)
    alike = wide < _UNLIKE * narrow and overlap > _OVERLAP * narrow
    return None if alike else (ranges[0], ranges[1])


def _range(values: NDArray[Any]) -> tuple[float, float] | None:
    """Return the range of nearly all values, from a sample of pixels of large frames."""
    apart = max(1, round(math.sqrt(values.shape[-2] * values.shape[-1] / _SEEN)))
    some = values[..., ::apart, ::apart]
    finite = some[np.isfinite(some)].astype(np.float64)
    if not finite.size:
        return None
    low, high = np.percentile(finite, _RANGE)
    return float(low), float(high)


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    valid = np.isfinite(one).all(axis=0) & np.isfinite(other).all(axis=0)
    return bool(valid.any()) and np.array_equal(one[:, valid], other[:, valid])


def _has_ends(stack: NDArray[np.float32], ends: tuple[NDArray[Any], NDArray[Any]]) -> bool:
    """Return whether a stack starts with the first image and ends with the last.

    The ends may be rounded: each has to be much closer to its image than to its neighbour
    in the stack.
    """
    if len(stack) < 3:
        return False
    valid = np.isfinite(stack).all(axis=(0, 1)) & np.isfinite(np.stack(ends)).all(axis=(0, 1))
    if not valid.any():
        return False
    both = ((stack[0], ends[0], stack[1]), (stack[-1], ends[1], stack[-2]))
    return all(
        _distance(end, image, valid) < _CLOSER * _distance(end, neighbour, valid)
        for end, image, neighbour in both
    )


def _in_scale(stack: NDArray[np.float32], ends: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[Any]:
    """Bring a stack to the scale on which its first and last frame are closest to the images."""
    images = np.stack(ends)
    outer = stack[[0, -1]].astype(np.float64)
    valid = np.isfinite(outer) & np.isfinite(images)
    if valid.sum() < 2 or not np.ptp(outer[valid]):
        return stack
    factor, offset = np.polyfit(outer[valid], images[valid].astype(np.float64), 1)
    return np.asarray(factor * stack + offset)


def _distance(a: NDArray[Any], b: NDArray[Any], valid: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.mean((a[:, valid].astype(np.float64) - b[:, valid]) ** 2)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
