"""Two images of one scene: checked, aligned, with missing pixels marked, normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.observations.images.arrays import plain_array
from napari_latentdyn.core.observations.intensities import (
    bounds,
    channels_first,
    check_range,
    fill,
    own_mask,
    single_keeps_digits,
    size_text,
    valid_pixels,
)
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.errors import PairError
from napari_latentdyn.settings import ImageSettings

__all__ = ["MIN_SIDE", "ImagePair"]

MIN_SIDE = 16


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
        a = channels_first(plain_a.values, channel_axis, settings.channel, "first")
        b = channels_first(plain_b.values, axis_last, settings.channel, "last")
        if a.shape[1:] != b.shape[1:]:
            raise PairError(
                f"the first image has {size_text(a)} pixels and the last {size_text(b)}: "
                "crop or resample them to the same grid first."
            )
        if a.shape[0] != b.shape[0]:
            raise PairError(
                f"the first image has {a.shape[0]} channel(s) and the last {b.shape[0]}: choose "
                "one channel under Images, or convert one of the images."
            )
        if min(a.shape[1:]) < MIN_SIDE:
            raise PairError(
                f"the images have {size_text(a)} pixels; "
                f"at least {MIN_SIDE} x {MIN_SIDE} are needed."
            )
        own_a = own_mask(plain_a, channel_axis, settings.channel)
        own_b = own_mask(plain_b, axis_last, settings.channel)
        valid_a = valid_pixels(a, settings.missing_value, mask_first, "first", own_a)
        valid_b = valid_pixels(b, settings.missing_value, mask_last, "last", own_b)
        for image, valid, name in ((a, valid_a, "first"), (b, valid_b, "last")):
            if not valid.any():
                raise PairError(
                    f"the {name} image has no valid pixel: all are NaN, infinite or masked."
                )
            check_range(image[:, valid], name)
        both = valid_a & valid_b
        if np.array_equal(valid_a, valid_b) and np.array_equal(a[:, both], b[:, both]):
            constant = all(np.ptp(channel[both]) == 0 for channel in a)
            raise PairError(
                "both images are constant: there is nothing to learn from them."
                if constant
                else "both images are the same: choose two images of different times."
            )
        if single_keeps_digits(a, b, valid_a, valid_b):
            with np.errstate(over="ignore"):  # Of missing pixels.
                a, b = a.astype(np.float32), b.astype(np.float32)
        low, high = bounds(a, b, valid_a, valid_b, settings.normalisation)
        for image, valid, name in ((a, valid_a, "first"), (b, valid_b, "last")):
            if all(np.ptp(channel[valid]) == 0 for channel in image):
                raise PairError(f"the {name} image is constant: there is nothing to follow in it.")
        return cls(
            first=fill(a, valid_a),
            last=fill(b, valid_b),
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

        Their brightness changes evenly from that of the first image to that of
        the last.
        """
        if self.brightness is not None:
            gain, offset = self.brightness.T[:, :, None, None]
            t = np.asarray(times, np.float32)[:, None, None, None]
            frames = frames * (1 + (gain - 1) * t) + offset * t
        return frames * (self.high - self.low)[:, None, None] + self.low[:, None, None]

    @property
    def zeros(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values of zero intensity in both normalised images, each of shape (1, C, 1, 1)."""
        first = (-self.low / (self.high - self.low)).astype(np.float32)[None, :, None, None]
        if self.brightness is None:
            return first, first
        gain, offset = self.brightness.T[:, None, :, None, None]
        return first, ((first - offset) / gain).astype(np.float32)

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
