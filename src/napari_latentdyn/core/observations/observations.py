"""Images of one scene at several times: checked, aligned, with missing pixels marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.observations.checks import (
    check_change,
    check_mask,
    check_observations,
    check_shapes,
    checked_times,
    names_of,
)
from napari_latentdyn.core.observations.images.arrays import (
    channel_axes,
    plain_array,
    single_keeps_digits,
)
from napari_latentdyn.core.observations.intensities import (
    bounds,
    channel_values,
    channels_first,
    check_range,
    fill,
    own_mask,
    valid_pixels,
)
from napari_latentdyn.core.observations.patches import Window
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import ImageSettings

__all__ = ["Observations"]


@dataclass(frozen=True, eq=False)
class Observations:
    """K images of one scene on the same grid, K >= 2, in order of time.

    No array holds NaN or infinity: what is missing is in `valid` alone. `from_arrays` takes
    images with NaN, and fills their missing pixels.

    Attributes
    ----------
    times : ndarray of float64, shape (K,)
        Increasing. 0 and 1 for two images, whose times are fractions of the interval.
    images : ndarray of float32 or float64, shape (K, C, H, W)
        In their own units, in double precision where single precision would
        lose digits, such as of a relief in millimetres on a large height.
        Missing pixels hold the nearest valid value of their image, which no
        result may depend on.
    valid : ndarray of bool, shape (K, H, W)
        False where a pixel is missing (NaN, infinite, masked, or the missing
        value).
    low, high : ndarray of the type of the images, shape (C,)
        Intensities that are mapped to 0 and 1, the same for all images.
    multichannel : bool
        Whether the inputs had a channel axis, which the results then keep.
    brightness : ndarray of float32, shape (K, C, 2), optional
        Gain and offset, in normalised units, that turn the brightness of the
        first image into that of each image.
    geometry : Geometry, optional
        Place of the pixels; None if unknown.
    sources : tuple of K mappings
        Description of each input image, as returned by `describe_input`; empty if unknown.
    estimated : ndarray of bool, shape (K, H, W), optional
        Missing pixels that hold an estimate from other images; frames show it, and nothing is
        compared with it.
    known : Knowledge
        Regions and tracks that the user knows; none by default.

    Raises
    ------
    ObservationError
        If the arrays do not have these shapes, types and values.
    """

    times: NDArray[np.float64]
    images: NDArray[np.floating[Any]]
    valid: NDArray[np.bool_]
    low: NDArray[np.floating[Any]]
    high: NDArray[np.floating[Any]]
    multichannel: bool = False
    brightness: NDArray[np.float32] | None = None
    geometry: Geometry | None = None
    sources: tuple[Mapping[str, Any], ...] = ()
    estimated: NDArray[np.bool_] | None = None
    known: Knowledge = field(default_factory=Knowledge)

    def __post_init__(self) -> None:
        check_observations(
            self.images, self.valid, self.low, self.high, self.brightness, len(self.sources)
        )
        if self.estimated is not None:
            check_mask("estimated", self.estimated, self.valid.shape)
        checked_times(self.times, len(self.images))

    @classmethod
    def from_arrays(
        cls,
        *images: ArrayLike,
        settings: ImageSettings | None = None,
        times: ArrayLike | None = None,
        channel_axis: int | Sequence[int | None] | None = None,
        masks: Sequence[ArrayLike | None] | None = None,
    ) -> Observations:
        """Check arrays and make observations of them.

        Parameters
        ----------
        *images : K array_like, shape (H, W), or 3-D with a channel axis
            In order of time. Any boolean, integer or real type. NaN and infinite values are
            missing pixels, and so are masked ones of `numpy.ma` and dask arrays.
            ``xarray.DataArray`` and tensors are taken as well.
        settings : ImageSettings, optional
            Channel, normalisation and missing value.
        times : array_like of float, shape (K,), optional
            Increasing, in units of the setting `images.interval`; 0, 1, 2 ... by default.
        channel_axis : int or sequence of K int, optional
            Axis of the channels, of all images or of each image: with a channel chosen, a
            colour image fits a grey image. None for images of two dimensions.
        masks : sequence of K array_like of bool, shape (H, W), optional
            True where a pixel is missing; None for an image without a mask.

        Raises
        ------
        ObservationError
            If the images do not fit together or show no change.
        """
        settings = settings or ImageSettings()
        names = names_of(len(images))
        when = checked_times(times, len(images))
        if masks is not None and len(masks) != len(images):
            raise ObservationError(
                f"{len(images)} images must have {len(images)} masks, None for an image without "
                f"one; got {len(masks)}."
            )
        plain = [
            plain_array(image, f"{name} image") for image, name in zip(images, names, strict=True)
        ]
        axes = channel_axes(plain, channel_axis)
        if not any(axis is not None for axis in axes) and (settings.channel or 0) > 0:
            raise ObservationError(
                f"the images have one channel, so there is no channel {settings.channel}: leave "
                "the channel out."
            )
        arrays = [
            channels_first(image.values, axis, settings.channel, name)
            for image, axis, name in zip(plain, axes, names, strict=True)
        ]
        check_shapes(arrays, names)
        valid = []
        for k, (image, name) in enumerate(zip(arrays, names, strict=True)):
            own = own_mask(plain[k], axes[k], settings.channel)
            mask = None if masks is None else masks[k]
            valid.append(valid_pixels(image, settings.missing_value, mask, name, own))
            if not valid[k].any():
                raise ObservationError(
                    f"the {name} image has no valid pixel: all are NaN, infinite or masked."
                )
            check_range(image[:, valid[k]], name)
        check_change(arrays, valid)
        if all(map(single_keeps_digits, channel_values(arrays, valid))):
            with np.errstate(over="ignore"):  # Of missing pixels.
                arrays = [image.astype(np.float32) for image in arrays]
        low, high = bounds(arrays, valid, settings.normalisation)
        for image, seen, name in zip(arrays, valid, names, strict=True):
            if all(np.ptp(channel[seen]) == 0 for channel in image):
                raise ObservationError(f"the {name} image is constant: it shows no motion.")
        return cls(
            times=when,
            images=np.stack([fill(i, v) for i, v in zip(arrays, valid, strict=True)]),
            valid=np.stack(valid),
            low=low,
            high=high,
            multichannel=axes[0] is not None and settings.channel is None,
        )

    def __len__(self) -> int:
        """Return the number of images K."""
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[-2], self.images.shape[-1]

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return int(self.images.shape[1])

    def interval(self, index: int) -> Observations:
        """Return observations `index` and `index` + 1, with the same normalisation."""
        both = slice(index, index + 2)
        return replace(
            self,
            times=np.array([0.0, 1.0]),
            images=self.images[both],
            valid=self.valid[both],
            brightness=None if self.brightness is None else self.brightness[both],
            sources=self.sources[both],
            estimated=None if self.estimated is None else self.estimated[both],
            known=self.known.between(index, index + 1, self.times),
        )

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Pixels that frames show: valid or estimated, shape (K, H, W)."""
        return self.valid if self.estimated is None else self.valid | self.estimated

    def intervals(self) -> Iterator[Observations]:
        """Yield the K - 1 intervals between neighbours, in order of time."""
        return (self.interval(index) for index in range(len(self) - 1))

    def locate(self, times: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return for each time its interval, and the fraction of that interval."""
        given = np.asarray(times, np.float64)
        index = np.searchsorted(self.times, given, side="right") - 1
        index = np.clip(index, 0, len(self) - 2)
        start, end = self.times[index], self.times[index + 1]
        return index, np.clip((given - start) / (end - start), 0.0, 1.0)

    def normalised(self) -> NDArray[np.float32]:
        """Return the images, (K, C, H, W), with `low` at 0, `high` at 1, and one brightness."""
        return self.normalise(self.images, self.times)

    def denormalise(
        self, frames: NDArray[np.float32], times: Sequence[float]
    ) -> NDArray[np.floating[Any]]:
        """Bring frames of shape (T, C, H, W) at times back to the units of the images.

        Their brightness changes evenly from observation to observation.
        """
        if self.brightness is not None:
            gain, offset = self._brightness_at(times)
            frames = frames * gain + offset
        return frames * (self.high - self.low)[:, None, None] + self.low[:, None, None]

    def normalise(self, images: NDArray[np.floating[Any]], times: ArrayLike) -> NDArray[np.float32]:
        """Bring images of shape (T, C, H, W) at times to normalised units; see `denormalise`."""
        low, span = self.low[:, None, None], (self.high - self.low)[:, None, None]
        found = ((images - low) / span).astype(np.float32, copy=False)
        if self.brightness is not None:
            gain, offset = self._brightness_at(times)
            found = (found - offset) / gain
        return found

    def _brightness_at(self, times: ArrayLike) -> NDArray[np.float32]:
        """Return gain and offset at times, each (T, C, 1, 1)."""
        assert self.brightness is not None
        index, part = self.locate(times)
        share = part.astype(np.float32)[:, None, None]
        before, after = self.brightness[index], self.brightness[index + 1]
        return np.moveaxis(before + share * (after - before), -1, 0)[..., None, None]

    @property
    def zeros(self) -> NDArray[np.float32]:
        """Value of zero intensity in each normalised image, shape (K, C, 1, 1)."""
        zero = (-self.low / (self.high - self.low)).astype(np.float32)
        zeros = np.broadcast_to(zero, (len(self), self.channels))
        if self.brightness is not None:
            zeros = ((zeros - self.brightness[..., 1]) / self.brightness[..., 0]).astype(np.float32)
        return np.ascontiguousarray(zeros)[..., None, None]

    def described(
        self, geometry: Geometry | None, sources: Sequence[Mapping[str, Any]]
    ) -> Observations:
        """Return the observations with their place and the description of each image.

        Raises
        ------
        GeometryError
            If pint does not know a unit of the geometry.
        """
        place = None if geometry is None else geometry.checked()
        return replace(self, geometry=place, sources=tuple(sources))

    def with_knowledge(self, known: Knowledge) -> Observations:
        """Return the observations with this knowledge of the user; errors of `Knowledge.fits`."""
        return replace(self, known=known.fits(self.times, self.shape, self.valid))

    def with_brightness(self, brightness: NDArray[np.float32] | None) -> Observations:
        """Return the observations with a change of brightness, shape (K, C, 2), or without one."""
        return replace(self, brightness=brightness)

    def with_brightness_of(self, index: int, brightness: NDArray[np.float32]) -> Observations:
        """Return the observations with gain and offset, shape (C, 2), of one image."""
        known = self.brightness
        if known is None:
            known = np.zeros((len(self), self.channels, 2), np.float32)
            known[..., 0] = 1.0
        changed = known.copy()
        changed[index] = brightness
        return replace(self, brightness=changed)

    def crop(self, window: Window) -> Observations:
        """Return a window of all images, with the same normalisation."""
        part = (..., *window.slices)
        estimated = None if self.estimated is None else self.estimated[part]
        return replace(
            self,
            images=self.images[part],
            valid=self.valid[part],
            estimated=estimated,
            known=self.known.crop(window.slices),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that `from_saved` reads, by name."""
        known = self.known.to_arrays()
        if self.brightness is not None:
            known["brightness"] = self.brightness
        if self.estimated is not None:
            known["estimated"] = self.estimated
        return known | {
            "times": self.times,
            "images": self.images,
            "valid": self.valid,
            "low": self.low,
            "high": self.high,
            "multichannel": np.asarray(self.multichannel),
        }

    @classmethod
    def from_saved(cls, arrays: Mapping[str, NDArray[Any]]) -> Observations:
        """Make the observations that `to_arrays` described."""
        own = [part.name for part in fields(cls)]
        saved: dict[str, Any] = {name: arrays[name] for name in own if name in arrays}
        saved["multichannel"] = bool(arrays["multichannel"])
        found, known = cls(**saved), Knowledge.from_arrays(arrays)
        return found if known.is_empty else found.with_knowledge(known)

    def same_as(self, other: Observations) -> bool:
        """Return whether the other observations hold the same pixels and knowledge."""
        return (
            self.multichannel == other.multichannel
            and np.array_equal(self.images, other.images)
            and np.array_equal(self.valid, other.valid)
            and self.known.same_as(other.known)
        )
