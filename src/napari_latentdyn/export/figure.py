"""A publication figure: selected frames, and below them the motion between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.look import ArrowGrid, Bar, Look, draw_bar, speed_text, time_text
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_file, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_figure", "write_figure"]

SUFFIXES = (".png", ".svg", ".pdf")
_MM = 1 / 25.4
#: Difference below which two times are the same.
_SAME_TIME = 1e-6
_FONT, _SMALL = 8.0, 7.0
# Millimetres: between pictures, above the upper and the lower row, around all.
_GAP, _TITLE, _TITLE_BELOW, _SIDE, _BOTTOM = 1.5, 9.0, 6.5, 0.5, 1.5
_INPUT = "#d95f02"


def write_figure(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    width_mm: float = 180.0,
    shown: Sequence[float] | None = None,
    dpi: int = 300,
    colormap: str = "gray",
    limits: tuple[float, float] | None = None,
    channel: int = 0,
    spacing: int | None = None,
) -> Path:
    """Write a figure as PNG, SVG or PDF, chosen by the end of the name.

    Above, frames at some times, the two inputs with coloured frames; below,
    between two frames each, the arrows of the stage in the middle between them.
    All arrows share one scale and one colour bar.

    Parameters
    ----------
    source : Source
        What to draw.
    path : str or Path
        File to write.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.
    width_mm : float
        Width of the figure in millimetres; a page of a journal has 180.
    shown : sequence of float, optional
        Times of the frames as fractions of the interval; the nearest frames are
        drawn. By default five evenly spaced ones.
    dpi : int
        Pixels per inch of a PNG, and of the frames within SVG and PDF.
    colormap, limits, channel, spacing
        As for movies.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If Matplotlib is missing, an option cannot be met, or the file is there
        or cannot be written.
    Stopped
        If the user asked for it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ExportError(f"{path} is no name of a figure; let it end in .png, .svg or .pdf.")
    if not 40 <= width_mm <= 1000 or not 50 <= dpi <= 1200:
        raise ExportError("a figure is 40 to 1000 mm wide and has 50 to 1200 dpi; choose others.")
    matplotlib = require("matplotlib", "export", "a figure")
    steps = Steps(2, on_progress, should_stop)
    figure = draw_figure(
        source,
        width_mm=width_mm,
        shown=shown,
        colormap=colormap,
        limits=limits,
        channel=channel,
        spacing=spacing,
    )
    steps.next()
    # Text stays text, and the same figure gives the same file.
    style: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "latentdyn",
        "pdf.fonttype": 42,
    }
    undated: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with (
        new_file(path, overwrite=overwrite, what="the figure") as file,
        matplotlib.rc_context(style),
    ):
        figure.savefig(file, format=suffix[1:], dpi=dpi, metadata=undated.get(suffix))
        steps.next()
    return Path(path)


def draw_figure(
    source: Source,
    *,
    width_mm: float = 180.0,
    shown: Sequence[float] | None = None,
    colormap: str = "gray",
    limits: tuple[float, float] | None = None,
    channel: int = 0,
    spacing: int | None = None,
) -> Figure:
    """Draw the figure of `write_figure`, without a window and without pyplot.

    Raises
    ------
    ExportError
        If Matplotlib is missing, or an option cannot be met.
    """
    require("matplotlib", "export", "a figure")
    from matplotlib.figure import Figure

    look = Look.of(source, colormap, limits, channel)
    frames = _chosen(source, shown)
    count = len(frames)
    pixel = source.pixel_size
    ratio = source.shape[0] * pixel[0] / (source.shape[1] * pixel[1])
    side = (width_mm - 2 * _SIDE - (count - 1) * _GAP) / count
    with_fields = source.stages > 0 and count > 1
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
        time = float(source.times[index])
        _title(axes, time_text(source, time), _end_of(time))
        if time in (0.0, 1.0):
            _framed(axes, _INPUT, 1.8)
        if column == 0:
            draw_bar(axes, Bar.of(source, 0.4), fontsize=_SMALL)
    if not with_fields:
        return figure
    grid = ArrowGrid.of(source, spacing, across=12 if count > 3 else 18)
    below = above + side * ratio + _TITLE_BELOW
    half = (side + _GAP) / 2
    last: Any = None
    for column, (a, b) in enumerate(pairwise(frames)):
        axes = add(_SIDE + half + column * (side + _GAP), below, side, side * ratio)
        look.show(axes, a, aspect="auto", interpolation="nearest", alpha=0.25)
        stage = source.stage_at(float(source.times[a] + source.times[b]) / 2)
        last = grid.draw(
            axes,
            stage,
            cmap=_dark_end("plasma"),
            width=0.009,
            units="width",
            headwidth=4,
            headlength=4.5,
            headaxislength=4,
        )
        _title(axes, f"stage {stage + 1} of {source.stages}")
        _framed(axes, "0.6", 0.5)
    room = half - 2 * _GAP
    bar = add(width_mm - _SIDE - room, below, min(2.2, room / 4), side * ratio)
    colours = figure.colorbar(last, cax=bar, extend="max")
    colours.ax.tick_params(labelsize=_SMALL, width=0.5, length=2)
    colours.ax.locator_params(nbins=4)
    colours.outline.set_linewidth(0.5)
    colours.ax.set_title(speed_text(source), fontsize=_SMALL, loc="left", pad=4)
    factor = f"{grid.length:g}×" if grid.length != 1 else "1×"
    figure.text(
        (_SIDE + half - 2 * _GAP) / width_mm,
        1 - (below + side * ratio / 2) / height,
        f"arrows\n{factor} the\nmotion of\na stage",
        fontsize=_SMALL,
        ha="right",
        va="center",
    )
    return figure


def _chosen(source: Source, shown: Sequence[float] | None) -> list[int]:
    wanted = np.linspace(0, 1, min(5, len(source.times))) if shown is None else np.asarray(shown)
    if wanted.ndim != 1 or not wanted.size or not np.all((wanted >= 0) & (wanted <= 1)):
        raise ExportError("times of a figure are fractions of the interval, from 0 to 1.")
    away = np.abs(source.times[:, None] - wanted)
    nearest: NDArray[np.intp] = away.argmin(axis=0)
    lacking = wanted[away.min(axis=0) > _SAME_TIME]
    if shown is not None and lacking.size:
        raise ExportError(
            f"there is no frame at {lacking[0]:g} of the interval; choose times of the frames, or "
            "make more frames first."
        )
    chosen = sorted({int(index) for index in nearest})
    if len(chosen) > 12:
        raise ExportError(f"{len(chosen)} frames are too many for a figure; choose up to 12 times.")
    return chosen


def _end_of(time: float) -> str:
    # Both ends are decoded frames, and not the images that were read.
    return {0.0: "first frame", 1.0: "last frame"}.get(time, "")


def _title(axes: Any, text: str, more: str = "") -> None:
    axes.set_title(text, fontsize=_FONT, pad=3, loc="left")
    if more:
        axes.annotate(
            more,
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, 3 + _FONT * 1.25),
            textcoords="offset points",
            fontsize=_SMALL,
            color=_INPUT,
            ha="left",
            va="bottom",
        )


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
