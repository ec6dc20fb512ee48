"""Frames and velocities in movies and figures: colours, labels, scale bars, arrows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import readable_length
from napari_latentdyn.core.dynamics.grids import grid_points
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import Option
from napari_latentdyn.export.grid import (
    in_degrees,
    is_rgb,
    length_units,
    observed,
    pixel_size,
    pixel_velocity,
    shape,
    time_unit,
)
from napari_latentdyn.export.tables import SPACING

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

__all__ = [
    "LOOK",
    "Arrows",
    "Look",
    "bar_length",
    "contrast_limits",
    "draw_bar",
    "moment_texts",
    "outline",
    "time_labels",
]

#: Options of all pictures.
LOOK = (
    Option("colormap", str, "gray", "Colour map of Matplotlib."),
    Option("limits", float, None, "Intensities at the ends of the colour map.", count=2),
    Option("channel", int, 0, "Channel to show, if the frames have several."),
    SPACING,
)


def time_labels(data: xarray.Dataset, name: str = "time") -> list[str]:
    """Return the times of the frames, or of the stages, as texts of `moment_texts`."""
    return moment_texts(data.coords[name].values, time_unit(data))


def moment_texts(moments: NDArray[np.float64], unit: str | None) -> list[str]:
    """Return times as texts such as ``6.25 h``, or ``t = 0.25`` without a unit.

    All texts have the same number of digits, so that a label keeps its width.
    """
    if unit is None:
        return [f"t = {moment:.4g}" for moment in moments]
    digits = next((d for d in range(4) if np.allclose(moments, moments.round(d), atol=1e-6)), 3)
    return [f"{moment:.{digits}f} {unit}" for moment in moments]


def contrast_limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return limits between which nearly all finite values lie, the first below the second."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (0.5, 99.5)))
    if not low < high:
        low, high = float(finite.min()), float(finite.max())
    if not low < high:
        high = low + max(1.0, abs(low) * 1e-3)
    return low, high


@dataclass(frozen=True)
class Look:
    """Frames as pictures, (T, Y, X), or (T, Y, X, 3) for colours.

    `colormap` is a name of Matplotlib for grey frames; `limits` are the intensities at its ends.
    """

    frames: NDArray[Any]
    colormap: str
    limits: tuple[float, float]

    @classmethod
    def of(
        cls,
        data: xarray.Dataset,
        colormap: str,
        limits: tuple[float, float] | None,
        channel: int,
    ) -> Look:
        """Return the look for some options; by default nearly all values lie within the limits."""
        import matplotlib as mpl

        if colormap not in mpl.colormaps:
            raise ExportError(
                f"there is no colour map '{colormap}'; choose one of Matplotlib, such as gray, "
                "viridis or Blues_r."
            )
        channels = data.sizes.get("channel", 1)
        if not 0 <= channel < channels:
            raise ExportError(
                f"there is no channel {channel}; the frames have {channels}, counted from 0."
            )
        frames = data.frames.values
        if is_rgb(data):
            frames = np.moveaxis(frames[:, :3], 1, -1)
        elif frames.ndim == 4:
            frames = frames[:, channel]
        if limits is None:
            shown = observed(data)
            shown[[0, -1]] = True
            limits = contrast_limits(frames[shown])
            if is_rgb(data):
                limits = (0.0, 255.0 if limits[1] > 1.5 else 1.0)
        low, high = (float(value) for value in limits)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ExportError(
                f"limits must be a lower and a higher value; got {low:g} and {high:g}."
            )
        return cls(frames, colormap, (low, high))

    def picture(self, index: int) -> NDArray[Any]:
        """Return a frame to show: (Y, X), or colours (Y, X, 3) between 0 and 1."""
        frame: NDArray[Any] = self.frames[index]
        if frame.ndim == 2:
            return frame
        low, high = self.limits
        return np.asarray(np.clip(np.nan_to_num((frame - low) / (high - low)), 0, 1))

    def show(self, axes: Axes, index: int, **options: Any) -> Any:
        """Draw a frame into axes, pixel centres on whole numbers, y down."""
        height, width = self.frames.shape[1:3]
        image = axes.imshow(
            self.picture(index),
            cmap=self.colormap,
            vmin=self.limits[0],
            vmax=self.limits[1],
            extent=(-0.5, width - 0.5, height - 0.5, -0.5),
            **options,
        )
        axes.set_axis_off()
        return image


@dataclass(frozen=True)
class Arrows:
    """Arrows of all n stages at the same N places and on the same scale.

    Attributes
    ----------
    points : ndarray, shape (N, 2)
        Places (y, x) in pixels.
    moved : ndarray, shape (n, 2, N)
        (dy, dx) in pixels per stage, masked where there is no arrow.
    speed : ndarray, shape (n, N)
        Speeds in `unit`; `fastest` ends the colour scale.
    length : float
        Factor by which arrows are longer than the motion of one stage.
    """

    points: NDArray[np.float64]
    moved: NDArray[Any]
    speed: NDArray[Any]
    unit: str
    length: float
    fastest: float

    @classmethod
    def of(cls, data: xarray.Dataset, spacing: int | None = None, across: int = 16) -> Arrows:
        """Place arrows every `spacing` pixels, or `across` along the longer side."""
        if "velocity_x" not in data:
            raise ExportError(
                "arrows need velocities, which this result lacks; leave the arrows out."
            )
        if spacing is not None and spacing < 1:
            raise ExportError(f"arrow spacing must be at least 1 pixel; got {spacing}.")
        step = spacing or max(1, math.ceil(max(shape(data)) / across))
        points = grid_points(shape(data), step)
        y, x = points.astype(np.intp).T
        moved = np.ma.masked_invalid(pixel_velocity(data)[:, :, y, x])
        unit = length_units(data)[1]
        if in_degrees(data):
            # A degree east is shorter than a degree north.
            unit = "pixel"
            stages = np.diff(data.stage_bounds.values, axis=1)
            speed = np.hypot(moved[:, 0], moved[:, 1]) / stages
        else:
            speed = np.hypot(*(data[f"velocity_{axis}"].values[:, y, x] for axis in "yx"))
            speed = np.ma.masked_invalid(speed)
        known = np.ma.compressed(speed)
        per = f"/{time_unit(data)}" if time_unit(data) else " per interval"
        return cls(
            points=points,
            moved=moved,
            speed=speed,
            unit=f"{'px' if unit == 'pixel' else unit}{per}",
            length=readable_length(np.ma.compressed(np.hypot(moved[:, 0], moved[:, 1])), step),
            fastest=(float(np.percentile(known, 99)) if known.size else 0.0) or 1.0,
        )

    def parts(self, stage: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return dx and dy in pixels per stage and the speed."""
        return self.moved[stage, 1], self.moved[stage, 0], self.speed[stage]

    def draw(self, axes: Axes, stage: int, **options: Any) -> Any:
        """Draw the arrows of a stage into axes whose y points down."""
        # In data coordinates an arrow points along the motion for any direction of the axes. It is
        # centred on its place, so that no arrow is cut off at the border.
        return axes.quiver(
            self.points[:, 1],
            self.points[:, 0],
            *self.parts(stage),
            angles="xy",
            scale_units="xy",
            scale=1 / self.length,
            pivot="mid",
            headwidth=4,
            headlength=4.5,
            headaxislength=4,
            clim=(0.0, self.fastest),
            **options,
        )


def bar_length(data: xarray.Dataset, share: float = 0.25) -> tuple[float, str]:
    """Return pixels and text of the longest scale bar (1, 2 or 5 x 10^n units) within a share."""
    size, unit = pixel_size(data)[1], length_units(data)[1]
    room = share * shape(data)[1] * size
    power = 10.0 ** math.floor(math.log10(room))
    length = next(power * base for base in (5, 2, 1) if power * base <= room * (1 + 1e-9))
    if unit == "m" and length >= 1000:
        return length / size, f"{length / 1000:g} km"
    named = {"pixel": " px", "degree": "° of longitude"}.get(unit, f" {unit}")
    return length / size, f"{length:g}{named}"


def outline(width: float) -> list[Any]:
    """Return the effect that keeps white strokes readable on a bright background."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="black")]


def draw_bar(axes: Axes, data: xarray.Dataset, *, fontsize: float, share: float = 0.25) -> None:
    """Draw a scale bar into the lower left corner of an image whose y points down."""
    pixels, text = bar_length(data, share)
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    inset = 0.04 * min(abs(right - left), abs(bottom - top))
    x, y = left + inset, bottom - inset
    line = fontsize / 4
    axes.plot(
        [x, x + pixels],
        [y, y],
        color="white",
        linewidth=line,
        solid_capstyle="butt",
        path_effects=outline(line + fontsize / 6),
    )
    axes.annotate(
        text,
        (x, y),
        xytext=(0, fontsize * 0.3),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=fontsize,
        color="white",
        path_effects=outline(fontsize / 5),
    )
