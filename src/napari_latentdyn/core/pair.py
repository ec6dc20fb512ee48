"""Two images of one scene: checked, aligned, with missing pixels marked, normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.core.images.arrays import PlainArray, mask_of_bands, plain_array
from napari_latentdyn.core.patches import Window
from napari_latentdyn.errors import PairError
from napari_latentdyn.settings import ImageSettings

__all__ = ["MIN_SIDE", "ImagePair"]

MIN_SIDE = 16
_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Two images of one scene on the same grid.

    Attributes
    ----------
    first, last : ndarray of float32 or float64, shape (C, H, W)
        The images in their own units, in double precision where single
        precision would lose digits, such as of a relief in millimetres on a
        large height; missing pixels hold the nearest valid value, so that
        convolutions see nothing odd there.
    valid_first, valid_last : ndarray of bool, shape (H, W)
        False where a pixel is missing (NaN, infinite, masked, or the missing
        value).
    low, high : ndarray of the type of the images, shape (C,)
        Intensities that are mapped to 0 and 1, the same for both images.
    multichannel : bool
        Whether the inputs had a channel axis, which the results then keep.
    brightness : ndarray of float32, shape (C, 2), optional
        Gain and offset, in normalised units, that turn the brightness of the
        first image into that of the last.
    """

    first: NDArray[np.floating[Any]]
    last: NDArray[np.floating[Any]]
    valid_first: NDArray[np.bool_]
    valid_last: NDArray[np.bool_]
    low: NDArray[np.floating[Any]]
    high: NDArray[np.floating[Any]]
    multichannel: bool = False
    brightness: NDArray[np.float32] | None = None

    @classmethod
    def from_arrays(
        cls,
        first: ArrayLike,
        last: ArrayLike,
        settings: ImageSettings | None = None,
        *,
        channel_axis: int | None = None,
        channel_axis_last: int | None = None,
        mask_first: ArrayLike | None = None,
        mask_last: ArrayLike | None = None,
    ) -> ImagePair:
        """Check two arrays and make a pair of them.

        Parameters
        ----------
        first, last : array_like, shape (H, W), or 3-D with a channel axis
            Any boolean, integer or real type. NaN and infinite values are
            missing pixels, and so are masked ones of `numpy.ma` and dask arrays.
            ``xarray.DataArray`` and tensors are taken as well.
        settings : ImageSettings, optional
            Channel, normalisation and missing value.
        channel_axis : int, optional
            Axis of the channels; without it the images have two dimensions.
        channel_axis_last : int, optional
            Axis of the channels of the last image, where it differs: a colour
            image can be compared with a grey one once a channel is chosen.
        mask_first, mask_last : array_like of bool, shape (H, W), optional
            True where a pixel is missing.

        Raises
        ------
        PairError
            If the images do not fit together or there is nothing to learn.
        """
        settings = settings or ImageSettings()
        axis_last = channel_axis if channel_axis_last is None else channel_axis_last
        plain_a, plain_b = plain_array(first, "first image"), plain_array(last, "last image")
        if plain_a.channel_axis is not None:
            channel_axis = plain_a.channel_axis
        if plain_b.channel_axis is not None:
            axis_last = plain_b.channel_axis
        if plain_b.values.ndim == 2:
            axis_last = None
        if plain_a.values.ndim == 2:
            channel_axis = None
        if channel_axis is None and axis_last is None and (settings.channel or 0) > 0:
            raise PairError(
                f"the images have one channel, so there is no channel {settings.channel}: leave "
                "the channel out."
            )
        a = _channels_first(plain_a.values, channel_axis, settings.channel, "first")
        b = _channels_first(plain_b.values, axis_last, settings.channel, "last")
        if a.shape[1:] != b.shape[1:]:
            raise PairError(
                f"the first image has {_size(a)} pixels and the last {_size(b)}: crop or resample "
                "them to the same grid first."
            )
        if a.shape[0] != b.shape[0]:
            raise PairError(
                f"the first image has {a.shape[0]} channel(s) and the last {b.shape[0]}: choose "
                "one channel under Images, or convert one of the images."
            )
        if min(a.shape[1:]) < MIN_SIDE:
            raise PairError(
                f"the images have {_size(a)} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed."
            )
        own_a = _own_mask(plain_a, channel_axis, settings.channel)
        own_b = _own_mask(plain_b, axis_last, settings.channel)
        valid_a = _valid(a, settings.missing_value, mask_first, "first", own_a)
        valid_b = _valid(b, settings.missing_value, mask_last, "last", own_b)
        for image, valid, name in ((a, valid_a, "first"), (b, valid_b, "last")):
            if not valid.any():
                raise PairError(
                    f"the {name} image has no valid pixel: all are NaN, infinite or masked."
                )
            _check_size(image[:, valid], name)
        both = valid_a & valid_b
        if np.array_equal(valid_a, valid_b) and np.array_equal(a[:, both], b[:, both]):
            constant = all(np.ptp(channel[both]) == 0 for channel in a)
            raise PairError(
                "both images are constant: there is nothing to learn from them."
                if constant
                else "both images are the same: choose two images of different times."
            )
        if _single_keeps_digits(a, b, valid_a, valid_b):
            with np.errstate(over="ignore"):  # Of missing pixels.
                a, b = a.astype(np.float32), b.astype(np.float32)
        low, high = _bounds(a, b, valid_a, valid_b, settings.normalisation)
        for image, valid, name in ((a, valid_a, "first"), (b, valid_b, "last")):
            if all(np.ptp(channel[valid]) == 0 for channel in image):
                raise PairError(f"the {name} image is constant: there is nothing to follow in it.")
        return cls(
            first=_fill(a, valid_a),
            last=_fill(b, valid_b),
            valid_first=valid_a,
            valid_last=valid_b,
            low=low,
            high=high,
            multichannel=channel_axis is not None and settings.channel is None,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.first.shape[1], self.first.shape[2]

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return int(self.first.shape[0])

    def normalised(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return both images, shape (C, H, W), with `low` at 0 and `high` at 1.

        The last one has the brightness of the first.
        """
        low, span = self.low[:, None, None], (self.high - self.low)[:, None, None]
        first = ((self.first - low) / span).astype(np.float32, copy=False)
        last = ((self.last - low) / span).astype(np.float32, copy=False)
        if self.brightness is not None:
            gain, offset = self.brightness.T[:, :, None, None]
            last = (last - offset) / gain
        return first, last

    def denormalise(
        self, frames: NDArray[np.float32], times: Sequence[float]
    ) -> NDArray[np.floating[Any]]:
        """Bring frames of shape (T, C, H, W) at times back to the input's units.

        Their brightness goes over evenly from that of the first image to that of
        the last.
        """
        if self.brightness is not None:
            gain, offset = self.brightness.T[:, :, None, None]
            t = np.asarray(times, np.float32)[:, None, None, None]
            frames = frames * (1 + (gain - 1) * t) + offset * t
        return frames * (self.high - self.low)[:, None, None] + self.low[:, None, None]

    def with_brightness(self, brightness: NDArray[np.float32] | None) -> ImagePair:
        """Return the pair with a change of brightness, shape (C, 2), or without one."""
        return replace(self, brightness=brightness)

    def crop(self, window: Window) -> ImagePair:
        """Return a window of the pair, with the same normalisation."""
        part = window.slices
        return replace(
            self,
            first=self.first[(slice(None), *part)],
            last=self.last[(slice(None), *part)],
            valid_first=self.valid_first[part],
            valid_last=self.valid_last[part],
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_saved` needs, as arrays by name."""
        known = {} if self.brightness is None else {"brightness": self.brightness}
        return known | {
            "first": self.first,
            "last": self.last,
            "valid_first": self.valid_first,
            "valid_last": self.valid_last,
            "low": self.low,
            "high": self.high,
            "multichannel": np.asarray(self.multichannel),
        }

    @classmethod
    def from_saved(cls, arrays: dict[str, NDArray[Any]]) -> ImagePair:
        """Make the pair that `to_arrays` described."""
        images: dict[str, Any] = {**arrays, "multichannel": bool(arrays["multichannel"])}
        return cls(**images)

    def same_as(self, other: ImagePair) -> bool:
        """Whether the other pair holds the same pixels."""
        return all(
            np.array_equal(value, other.to_arrays()[name])
            for name, value in self.to_arrays().items()
            if name not in ("low", "high", "brightness")
        )


def _channels_first(
    array: NDArray[Any], channel_axis: int | None, channel: int | None, name: str
) -> NDArray[np.float64]:
    if array.dtype.kind not in "buif":
        kind = "complex values" if array.dtype.kind == "c" else f"values of type {array.dtype}"
        raise PairError(
            f"the {name} image holds {kind}, which are no intensities: "
            "convert it to integers or real numbers."
        )
    expected = 2 if channel_axis is None else 3
    if array.ndim != expected:
        raise PairError(
            f"the {name} image has {array.ndim} dimensions where {expected} are expected: choose "
            "one frame of a stack."
        )
    if channel_axis is None:
        array = array[None]
    elif channel_axis not in range(-3, 3):
        raise PairError(
            f"there is no axis {channel_axis!r} of channels: an image has the axes 0, 1 and 2."
        )
    else:
        array = np.moveaxis(array, channel_axis, 0)
        if channel is not None:
            if channel >= array.shape[0]:
                raise PairError(
                    f"the {name} image has no channel {channel}: its channels are 0 to "
                    f"{array.shape[0] - 1}."
                )
            array = array[channel : channel + 1]
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float64)


def _own_mask(
    image: PlainArray, channel_axis: int | None, channel: int | None
) -> NDArray[np.bool_] | None:
    """Return where an array marks pixels of the chosen channels as missing."""
    masked = image.masked
    if masked is None:
        return None
    if channel_axis is not None and channel is not None:
        return np.asarray(np.take(masked, channel, axis=channel_axis))
    return mask_of_bands(masked, channel_axis, real=image.values.dtype.kind == "f")


def _single_keeps_digits(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    valid_a: NDArray[np.bool_],
    valid_b: NDArray[np.bool_],
) -> bool:
    """Whether single precision resolves a ten thousandth of the range of each channel."""
    for one, other in zip(a, b, strict=True):
        values = np.concatenate([one[valid_a], other[valid_b]])
        top, span = float(np.abs(values).max()), float(values.max() / 2 - values.min() / 2) * 2
        if not top < float(np.finfo(np.float32).max) / 4:
            return False
        if span > 0 and top * 2.0**-24 > 1e-4 * span:
            return False
    return True


def _valid(
    image: NDArray[np.float64],
    missing_value: float | None,
    mask: ArrayLike | None,
    name: str,
    own: NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    present = np.isfinite(image)
    if missing_value is not None:
        # Values of single precision are compared as they were written.
        with np.errstate(over="ignore"):
            single = np.float64(np.float32(missing_value))
        present &= (image != missing_value) & (image != single)
    valid: NDArray[np.bool_] = np.logical_and.reduce(present, axis=0)
    if own is not None:
        valid &= ~own
    if mask is not None:
        masked = plain_array(mask, f"mask of the {name} image").values
        if masked.shape != valid.shape or masked.dtype.kind not in "buif":
            raise PairError(
                f"the mask of the {name} image has shape {masked.shape} and type {masked.dtype}, "
                f"the image {valid.shape}: give true or false for each pixel."
            )
        valid &= ~masked.astype(bool)
    return valid


def _bounds(
    a: NDArray[np.floating[Any]],
    b: NDArray[np.floating[Any]],
    valid_a: NDArray[np.bool_],
    valid_b: NDArray[np.bool_],
    normalisation: str,
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    low, high = np.empty(len(a)), np.empty(len(a))
    for c in range(len(a)):
        values = np.concatenate([a[c][valid_a], b[c][valid_b]]).astype(np.float64)
        low[c], high[c] = values.min(), values.max()
        if normalisation == "percentile":
            robust = np.percentile(values, _PERCENTILES)
            # Tracers on a dark ground: almost all pixels can have one value.
            if robust[1] - robust[0] > 1e-3 * (high[c] - low[c]):
                low[c], high[c] = robust
        if a.dtype.type(high[c]) <= a.dtype.type(low[c]):
            high[c] = low[c] + max(1.0, abs(low[c]))
    return low.astype(a.dtype), high.astype(a.dtype)


def _check_size(values: NDArray[np.float64], name: str) -> None:
    """Refuse intensities that single precision, in which frames are written, cannot hold."""
    single = np.finfo(np.float32)
    least, most, largest = float(single.tiny), float(single.max), float(np.abs(values).max())
    if largest > most or 0 < largest < least:
        raise PairError(
            f"the largest size of the intensities of the {name} image must lie between "
            f"{least:.1e} and {most:.1e}; got {largest:.1e}: multiply both images by a number "
            "first, or give the value of missing pixels."
        )


def _fill(image: NDArray[np.floating[Any]], valid: NDArray[np.bool_]) -> NDArray[np.floating[Any]]:
    if valid.all():
        return image
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return np.ascontiguousarray(image[:, nearest[0], nearest[1]])


def _size(image: NDArray[np.floating[Any]]) -> str:
    return f"{image.shape[1]} x {image.shape[2]}"
