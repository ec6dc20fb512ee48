"""Quality of the frames of a method, with true frames and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.baselines.interface import Frames, Interpolation
from napari_latentdyn.core.baselines.scores import Score, error_map, score, value_range
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import ObservationError, SettingsError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Assessment", "assess"]

#: Difference below which two times are the same.
_SAME_TIME = 1e-6
#: Fixed-point iterations of the characteristics: a field may have one long stage.
_ITERATIONS = 4


@dataclass(frozen=True, eq=False)
class Assessment:
    """Quality of the frames of a method.

    Attributes
    ----------
    times : ndarray, shape (T,)
        Times of the frames.
    intensity_error : ndarray, shape (T,)
        Difference between the total intensity of each frame and the straight line between
        those of the images before and after it, as a part of their mean. Intensity counts
        from the darkest pixel of all images.
    end_error_on, end_error_back : float or None
        Difference between the first image of an interval carried along the field to the end
        and the last image, and the other way round: root mean square over all intervals, as
        a part of the range. None for methods without a field, and where nothing can be
        compared.
    consistency_error : float or None
        Difference half way of both images, carried there along the field; else as above.
    truth_times : ndarray, shape (K,)
        Times of the true frames; of length 0 if there are none.
    scores : tuple of Score
        One for each true frame.
    errors : ndarray of the type of the frames, shape (K, C, H, W)
        Absolute errors, NaN where a frame or the true one has no value.
    """

    times: NDArray[np.float64]
    intensity_error: NDArray[np.float64]
    end_error_on: float | None
    end_error_back: float | None
    consistency_error: float | None
    truth_times: NDArray[np.float64]
    scores: tuple[Score, ...]
    errors: Frames

    @property
    def conservation_error(self) -> float:
        """The largest absolute `intensity_error`."""
        return float(np.abs(self.intensity_error).max())

    @property
    def end_error(self) -> float | None:
        """Root mean square of both end errors."""
        both = [e for e in (self.end_error_on, self.end_error_back) if e is not None]
        return float(np.sqrt(np.mean(np.square(both)))) if both else None

    def mean(self, measure: str) -> float | None:
        """Return the mean over true frames of an attribute of `Score`; None without truth."""
        return float(np.mean([getattr(s, measure) for s in self.scores])) if self.scores else None

    def to_dict(self) -> dict[str, Any]:
        """Return everything except the map of errors as plain data."""
        described: dict[str, Any] = {
            "end_error_on": self.end_error_on,
            "end_error_back": self.end_error_back,
            "consistency_error": self.consistency_error,
            "conservation_error": self.conservation_error,
            "intensity_error": self.intensity_error.tolist(),
        }
        if self.scores:
            names = ("psnr", "ssim", "gradient_error")
            described |= {name: self.mean(name) for name in names}
            described["frames"] = [
                {"time": float(t), **{name: getattr(s, name) for name in names}}
                for t, s in zip(self.truth_times, self.scores, strict=True)
            ]
        return described


def assess(
    observations: Observations,
    interpolation: Interpolation,
    times: ArrayLike,
    truth: NDArray[np.floating] | None = None,
    truth_times: ArrayLike | None = None,
) -> Assessment:
    """Measure the quality of the frames and the field of a method.

    Parameters
    ----------
    observations : Observations
        The images.
    interpolation : Interpolation
        Result of the method.
    times : array_like, shape (T,)
        Times of its frames, in the unit of the observations, fractions for two images.
    truth : ndarray, shape (K, C, H, W), optional
        True frames; pixels that are not finite are left out.
    truth_times : array_like, shape (K,), optional
        Times of the true frames, all of which have to be among `times`; evenly spaced
        between the first and the last image by default.

    Raises
    ------
    ObservationError
        If the true frames have another shape than the images.
    SettingsError
        If there is no frame at the time of a true one.
    """
    at = np.asarray(times, np.float64)
    frames = interpolation.frames
    shape, dtype = observations.images.shape[1:], observations.images.dtype
    known = np.empty((0, *shape), np.float32) if truth is None else truth
    if known.shape[1:] != shape:
        raise ObservationError(
            f"the true frames have shape {known.shape[1:]} (channels, height, width), the images "
            f"{shape}: they must agree."
        )
    start, end = observations.times[[0, -1]]
    moments = (
        np.linspace(start, end, len(known) + 2)[1:-1]
        if truth_times is None
        else np.asarray(truth_times, np.float64)
    )
    if len(moments) != len(known):
        raise SettingsError(
            f"there are {len(known)} true frames and {len(moments)} times: give one for each."
        )
    index = [_index(at, float(moment)) for moment in moments]
    known = known.astype(dtype)
    made = [(frames[i], true) for i, true in zip(index, known, strict=True)]
    on, back, consistency = _along(observations, interpolation.velocity)
    return Assessment(
        times=at,
        intensity_error=_intensity_error(observations, frames, at),
        end_error_on=on,
        end_error_back=back,
        consistency_error=consistency,
        truth_times=moments,
        scores=tuple(score(observations, frame, true) for frame, true in made),
        errors=np.stack([error_map(*two) for two in made]) if made else known,
    )


def _index(times: NDArray[np.float64], moment: float) -> int:
    nearest = int(np.argmin(np.abs(times - moment)))
    if abs(times[nearest] - moment) > _SAME_TIME:
        raise SettingsError(
            f"there is no frame at the time {moment:g} of a true one; compute one with the method."
        )
    return nearest


def _intensity_error(
    observations: Observations, frames: Frames, times: NDArray[np.float64]
) -> NDArray[np.float64]:
    images = observations.images.astype(np.float64)
    ground = images.min(axis=(0, 2, 3))[:, None, None]
    errors = []
    for frame, index, part in zip(frames, *observations.locate(times), strict=True):
        seen = np.isfinite(frame).all(axis=0)
        first, last, total = (
            float((image - ground)[:, seen].sum())
            for image in (images[index], images[index + 1], frame.astype(np.float64))
        )
        line, mean = (1 - part) * first + part * last, (first + last) / 2
        errors.append((total - line) / mean if mean > 0 else 0.0)
    return np.array(errors)


def _along(
    observations: Observations, velocity: NDArray[np.float32] | None
) -> tuple[float | None, float | None, float | None]:
    """Return the differences of the carried images at the last end, at the first, and half way.

    Of several intervals it is the root mean square.
    """
    if velocity is None:
        return None, None, None
    span = value_range(observations)
    stages = np.split(velocity, len(observations) - 1)
    pairs = zip(observations.intervals(), stages, strict=True)
    found = zip(*(_left(pair, own, span) for pair, own in pairs), strict=True)
    on, back, middle = (
        None if None in errors else float(np.sqrt(np.mean(np.square(errors)))) for errors in found
    )
    return on, back, middle


def _left(
    observations: Observations, velocity: NDArray[np.float32], span: float
) -> tuple[float | None, float | None, float | None]:
    import torch

    from napari_latentdyn.core.physics.characteristics import Characteristics
    from napari_latentdyn.core.physics.halfway import carry_half_way
    from napari_latentdyn.core.physics.sampling import pixel_grid

    paths = Characteristics(iterations=_ITERATIONS)
    fields = torch.from_numpy(np.ascontiguousarray(velocity, np.float32))[None]
    grid = pixel_grid(*observations.shape)
    first, last = (torch.from_numpy(image)[None] for image in observations.images)
    masks = (torch.from_numpy(mask)[None, None] for mask in observations.valid)
    valid_first, valid_last = (mask.float() for mask in masks)

    def left(early: Tensor, late: Tensor) -> float | None:
        carried = carry_half_way((first, last), (early, late), (valid_first, valid_last), "spline")
        seen = carried.seen[0, 0]
        if not seen.any():
            return None
        return float(carried.difference[0][:, seen].double().square().mean().sqrt()) / span

    return (
        left(paths.trace(0, fields, grid, 1.0), grid),
        left(grid, paths.trace(1, fields, grid, 0.0)),
        left(paths.trace(0, fields, grid, 0.5), paths.trace(1, fields, grid, 0.5)),
    )
