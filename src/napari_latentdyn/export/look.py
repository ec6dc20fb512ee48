"""How frames and fields look in movies and figures: colours, labels, scale bars, arrows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import readable_length
from napari_latentdyn.core.dynamics.grids import evenly_spaced
from napari_latentdyn.core.geometry.units import unit_symbol
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.contrast import contrast_limits
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ArrowGrid",
    "Bar",
    "Look",
    "draw_bar",
    "moment_text",
    "outline",
    "speed_text",
    "speeds",
    "time_text",
]

_PER_LINE = 16


def time_text(source: Source, time: float) -> str:
    """Return the time of a frame as text; as `moment_text`."""
    return moment_text(time, source.times, source.interval)


def moment_text(time: float, times: NDArray[np.float64], interval: tuple[float, str] | None) -> str:
    """Return a fraction of the interval as text, such as ``6.25 h``, or else ``t = 0.25``.

    Parameters
    ----------
    time : float
        As a fraction of the interval.
    times : ndarray, shape (T,)
        Of all frames: as many digits are taken for all, so that a label does not jump.
    interval : (float, str) or None
        Time between the inputs and its unit.
    """
    if interval is None:
        return f"t = {time:.4g}"
    duration, unit = interval
    shown = times * duration
    digits = next((d for d in range(4) if np.allclose(shown, shown.round(d), atol=1e-6)), 3)
    return f"{time * duration:.{digits}f} {unit_symbol(unit)}"


def speeds(source: Source, moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return speeds of motions (N, 2) (dy, dx) in pixels per stage, in the unit of `speed_text`.

    Where places are degrees, one to the east is not as long as one to the
    north: speeds stay in pixels.
    """
    if source.in_degrees:
        return np.asarray(np.linalg.norm(moved, axis=1) * (source.stages / source.duration))
    return np.asarray(np.linalg.norm(source.physical(moved), axis=1))


def speed_text(source: Source) -> str:
    """Return the unit of speeds, such as ``km/h``."""
    unit = source.length_units[1]
    unit = "px" if source.in_degrees or unit == "pixel" else unit
    return f"{unit}/{source.time_unit}" if source.time_unit else f"{unit} per interval"


@dataclass(frozen=True)
class Look:
    """Frames as pictures.

    Attributes
    ----------
    source : Source
        The frames.
    colormap : str
        Name of a colour map of Matplotlib, for frames of one channel.
    limits : (float, float)
        Intensities at the ends of the colour map.
    channel : int
        Channel that is shown, where they are no colours.
    """

    source: Source
    colormap: str
    limits: tuple[float, float]
    channel: int = 0

    @classmethod
    def of(
        cls,
        source: Source,
        colormap: str = "gray",
        limits: tuple[float, float] | None = None,
        channel: int = 0,
    ) -> Look:
        """Return the look that options ask for; limits hold nearly all values by default.

        Raises
        ------
        ExportError
            If there is no such colour map or channel, or the limits are none.
        """
        matplotlib = require("matplotlib", "export", "a picture")
        if colormap not in matplotlib.colormaps:
            raise ExportError(
                f"there is no colour map '{colormap}'; choose one of Matplotlib, such as gray, "
                "viridis or Blues_r."
            )
        if not 0 <= channel < source.channels:
            raise ExportError(
                f"there is no channel {channel}; the frames have {source.channels}, counted from 0."
            )
        if limits is None:
            ends = source.frames[[0, -1]]
            limits = contrast_limits(ends if source.rgb or ends.ndim == 3 else ends[:, channel])
            if source.rgb:
                limits = (0.0, 255.0 if limits[1] > 1.5 else 1.0)
        low, high = (float(value) for value in limits)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ExportError(
                f"limits must be a lower and a higher value; got {low:g} and {high:g}."
            )
        return cls(source, colormap, (low, high), channel)

    def picture(self, index: int) -> NDArray[Any]:
        """Return a frame to show: (Y, X), or (Y, X, 3) between 0 and 1 if it has colours."""
        frame = self.source.frames[index]
        if self.source.rgb:
            low, high = self.limits
            colours = (np.moveaxis(frame[:3], 0, -1) - low) / (high - low)
            return np.asarray(np.clip(np.nan_to_num(colours), 0, 1))
        return np.asarray(frame if frame.ndim == 2 else frame[self.channel])

    def show(self, axes: Axes, index: int, **options: Any) -> Any:
        """Draw a frame into axes, pixel centres on whole numbers, y down."""
        height, width = self.source.shape
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
class ArrowGrid:
    """Arrows of all stages at the same places and on the same scale.

    Attributes
    ----------
    source : Source
        The fields.
    rows, columns : ndarray
        Places, in pixels.
    length : float
        Factor by which arrows are longer than the motion of one stage.
    fastest : float
        Highest speed, in units of the world, for the colours.
    """

    source: Source
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    length: float
    fastest: float

    @classmethod
    def of(cls, source: Source, spacing: int | None = None, across: int = _PER_LINE) -> ArrowGrid:
        """Place arrows every `spacing` pixels, or `across` along the longer side.

        Raises
        ------
        ExportError
            If there are no fields, or the spacing is none.
        """
        if not source.stages:
            raise ExportError("arrows need fields, which this result lacks; leave the arrows out.")
        if spacing is not None and spacing < 1:
            raise ExportError(f"arrow spacing must be at least 1 pixel; got {spacing}.")
        step = spacing or max(1, math.ceil(max(source.shape) / across))
        rows, columns = evenly_spaced(source.shape[0], step), evenly_spaced(source.shape[1], step)
        grid = cls(source, rows, columns, 1.0, 1.0)
        moved = np.concatenate([grid.moved(stage) for stage in range(source.stages)])
        moved = moved[np.isfinite(moved).all(axis=1)]
        speed = speeds(source, moved) if len(moved) else np.zeros(1)
        length = readable_length(np.linalg.norm(moved, axis=1), step)
        fastest = float(np.percentile(speed, 99)) or 1.0
        return cls(source, rows, columns, length, fastest)

    def moved(self, stage: int) -> NDArray[np.float64]:
        """Return (N, 2) (dy, dx) in pixels per stage, NaN where there is no arrow."""
        field = self.source.velocity[stage][:, self.rows][..., self.columns]
        return np.asarray(field.reshape(2, -1).T, dtype=np.float64)

    def parts(self, stage: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return dx and dy in pixels per stage and the speed in the world, masked where missing."""
        moved = self.moved(stage)
        speed = speeds(self.source, moved)
        dy, dx, speed = (np.ma.masked_invalid(v) for v in (moved[:, 0], moved[:, 1], speed))
        return dx, dy, speed

    def draw(self, axes: Axes, stage: int, **options: Any) -> Any:
        """Draw the arrows of a stage into axes whose y points down."""
        y, x = np.meshgrid(self.rows, self.columns, indexing="ij")
        # In data coordinates an arrow points to where the motion leads, whatever way the axes
        # run; around its place, so that none is cut off at the border.
        return axes.quiver(
            x.ravel(),
            y.ravel(),
            *self.parts(stage),
            angles="xy",
            scale_units="xy",
            scale=1 / self.length,
            pivot="mid",
            clim=(0.0, self.fastest),
            **options,
        )


@dataclass(frozen=True)
class Bar:
    """A scale bar of a round length.

    Attributes
    ----------
    pixels : float
        Its length in pixels of the image.
    text : str
        Its length in units.
    """

    pixels: float
    text: str

    @classmethod
    def of(cls, source: Source, share: float = 0.25) -> Bar:
        """Return the longest bar of 1, 2 or 5 units that takes at most a share of the width."""
        size = source.pixel_size[1]
        unit = source.length_units[1]
        room = share * source.shape[1] * size
        power = 10.0 ** math.floor(math.log10(room))
        length = next(power * base for base in (5, 2, 1) if power * base <= room * (1 + 1e-9))
        names = {"pixel": " px"}
        text = "° of longitude" if source.in_degrees else names.get(unit, f" {unit}")
        if unit == "m" and length >= 1000:
            return cls(length / size, f"{length / 1000:g} km")
        return cls(length / size, f"{length:g}{text}")


def outline(width: float) -> list[Any]:
    """Return the effect that keeps white strokes readable on bright ground."""
    effects = require("matplotlib.patheffects", "export", "a picture")
    return [effects.withStroke(linewidth=width, foreground="black")]


def draw_bar(axes: Axes, bar: Bar, *, fontsize: float, margin: float = 0.04) -> None:
    """Draw a scale bar into the lower left corner of axes over an image, y down."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    inset = margin * min(abs(right - left), abs(bottom - top))
    x, y = left + inset, bottom - inset
    line = fontsize / 4
    stroke = outline(line + fontsize / 6)
    axes.plot(
        [x, x + bar.pixels],
        [y, y],
        color="white",
        linewidth=line,
        solid_capstyle="butt",
        path_effects=stroke,
    )
    axes.annotate(
        bar.text,
        (x, y),
        xytext=(0, fontsize * 0.3),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=fontsize,
        color="white",
        path_effects=outline(fontsize / 5),
    )
