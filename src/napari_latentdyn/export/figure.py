"""A publication figure: selected frames, and below them the motion between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_latentdyn.core.dynamics.dataset import at_times
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import Format, Option, Steps
from napari_latentdyn.export.grid import observed, pixel_size, shape, stage_at
from napari_latentdyn.export.look import LOOK, Arrows, Look, draw_bar, time_labels

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

__all__ = ["FORMAT", "draw_figure"]

_SUFFIXES = (".png", ".svg", ".pdf")
_MM = 1 / 25.4
_FONT, _SMALL = 8.0, 7.0
# Millimetres: between pictures, above the upper and the lower row, around all.
_GAP, _TITLE, _TITLE_BELOW, _SIDE, _BOTTOM = 1.5, 9.0, 6.5, 0.5, 1.5
_OBSERVED = "#d95f02"


def _write(
    data: xarray.Dataset, path: Path, steps: Steps, *, width_mm: float, dpi: int, **look: Any
) -> None:
    """Write a figure as PNG, SVG or PDF, chosen by the end of the name."""
    import matplotlib as mpl

    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ExportError(f"the name of a figure must end in .png, .svg or .pdf; got '{suffix}'.")
    if not 40 <= width_mm <= 1000 or not 50 <= dpi <= 1200:
        raise ExportError("a figure must be 40 to 1000 mm wide and have 50 to 1200 dpi.")
    figure = draw_figure(data, width_mm=width_mm, **look)
    steps.check()
    # Text stays text, and the same figure gives the same file.
    style: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "latentdyn",
        "pdf.fonttype": 42,
    }
    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with mpl.rc_context(style):
        figure.savefig(path, format=suffix[1:], dpi=dpi, metadata=undated.get(suffix))


def draw_figure(
    data: xarray.Dataset,
    *,
    width_mm: float = 180.0,
    shown: Sequence[float] | None = None,
    colormap: str = "gray",
    limits: tuple[float, float] | None = None,
    channel: int = 0,
    spacing: int | None = None,
) -> Figure:
    """Draw a figure without a window and without pyplot.

    Above are frames at the fractions `shown`, by default the nearest to five evenly spaced times,
    with coloured frames around those at the time of an image. Below, between two frames each, are
    the arrows of the stage in the middle. All arrows share one scale and one colour bar.
    """
    from matplotlib.figure import Figure

    look = Look.of(data, colormap, limits, channel)
    frames = _chosen(data, shown)
    times, labels, seen = data.fraction.values, time_labels(data), observed(data)
    count = len(frames)
    ratio = shape(data)[0] * pixel_size(data)[0] / (shape(data)[1] * pixel_size(data)[1])
    side = (width_mm - 2 * _SIDE - (count - 1) * _GAP) / count
    with_fields = "velocity_x" in data and count > 1
    height = _SIDE + _TITLE + side * ratio + _BOTTOM
    height += (_TITLE_BELOW + side * ratio) if with_fields else 0.0
    figure = Figure(figsize=(width_mm * _MM, height * _MM))

    def add(left: float, top: float, width: float, tall: float) -> Any:
        return figure.add_axes(
            (left / width_mm, 1 - (top + tall) / height, width / width_mm, tall / height)
        )

    above = _SIDE + _TITLE
    for column, index in enumerate(frames):
        axes = add(_SIDE + column * (side + _GAP), above, side, side * ratio)
        look.show(axes, index, aspect="auto", interpolation="nearest")
        # Frames at the time of an image are decoded, and not the images that were read.
        name = {0.0: "first frame", 1.0: "last frame"}.get(float(times[index]), "observed")
        title, colour = labels[index], "black"
        if seen[index]:
            title, colour = f"{name}\n{title}", _OBSERVED
            _framed(axes, _OBSERVED, 1.8)
        axes.set_title(title, fontsize=_FONT, pad=3, loc="left", color=colour)
        if column == 0:
            draw_bar(axes, data, fontsize=_SMALL, share=0.4)
    if not with_fields:
        return figure
    arrows = Arrows.of(data, spacing, across=12 if count > 3 else 18)
    stages = data.sizes["stage_time"]
    below = above + side * ratio + _TITLE_BELOW
    half = (side + _GAP) / 2
    last: Any = None
    for column, (a, b) in enumerate(pairwise(frames)):
        axes = add(_SIDE + half + column * (side + _GAP), below, side, side * ratio)
        look.show(axes, a, aspect="auto", interpolation="nearest", alpha=0.25)
        stage = stage_at(data, float(data.time.values[[a, b]].mean()))
        last = arrows.draw(axes, stage, cmap=_dark_end("plasma"), width=0.009, units="width")
        axes.set_title(f"stage {stage + 1} of {stages}", fontsize=_FONT, pad=3, loc="left")
        _framed(axes, "0.6", 0.5)
    room = half - 2 * _GAP
    bar = add(width_mm - _SIDE - room, below, min(2.2, room / 4), side * ratio)
    colours = figure.colorbar(last, cax=bar, extend="max")
    colours.ax.tick_params(labelsize=_SMALL, width=0.5, length=2)
    colours.ax.locator_params(nbins=4)
    colours.outline.set_linewidth(0.5)
    # In two lines, because "per interval" is wider than the room beside the bar.
    unit = arrows.unit.replace(" per ", " per\n")
    colours.ax.set_title(unit, fontsize=_SMALL, loc="left", pad=2)
    figure.text(
        (_SIDE + half - 2 * _GAP) / width_mm,
        1 - (below + side * ratio / 2) / height,
        f"arrows\n{arrows.length:g}× the\nmotion of\na stage",
        fontsize=_SMALL,
        ha="right",
        va="center",
    )
    return figure


def _chosen(data: xarray.Dataset, shown: Sequence[float] | None) -> list[int]:
    times = data.fraction.values
    wanted = np.linspace(0, 1, min(5, len(times))) if shown is None else np.asarray(shown)
    if wanted.ndim != 1 or not wanted.size or not np.all((wanted >= 0) & (wanted <= 1)):
        raise ExportError("times of a figure are fractions of the interval, from 0 to 1.")
    if shown is not None:
        wanted = at_times(data, wanted).fraction.values
    chosen = sorted({int(np.abs(times - time).argmin()) for time in wanted})
    if len(chosen) > 12:
        raise ExportError(f"{len(chosen)} frames are too many for a figure; choose up to 12 times.")
    return chosen


def _framed(axes: Any, color: str, width: float) -> None:
    axes.set_axis_on()
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=width)


def _dark_end(name: str) -> Any:
    """Return a colour map without its lightest part, which would vanish on white."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[name](np.linspace(0.0, 0.75, 256)))


FORMAT = Format(
    "figure",
    "Figure",
    _SUFFIXES,
    _write,
    about="Publication figure: selected frames and the motion between them.",
    what="the figure",
    extra="export",
    modules=("matplotlib",),
    options=(
        Option("width_mm", float, 180.0, "Width of the figure in millimetres."),
        Option("shown", float, None, "Fractions of the interval to show.", count=0),
        Option("dpi", int, 300, "Pixels per inch."),
        *LOOK,
    ),
)
