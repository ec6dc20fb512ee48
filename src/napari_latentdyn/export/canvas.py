"""Pictures of a movie, drawn with Matplotlib one after another."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.look import ArrowGrid, Bar, Look, draw_bar, outline, time_text
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import require

__all__ = ["paint"]

_SMALLEST, _LARGEST = 480, 1920
_DPI = 100


def paint(
    source: Source,
    *,
    width: int | None = None,
    arrows: bool = False,
    label: bool = True,
    scale_bar: bool = True,
    colormap: str = "gray",
    limits: tuple[float, float] | None = None,
    channel: int = 0,
    spacing: int | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Draw the frames one by one; only one picture is in memory at a time.

    The arguments are checked when the first picture is asked for; they are
    those of `movie.write_mp4`.

    Yields
    ------
    ndarray of uint8, shape (H, W, 3)
        Height and width are even.

    Raises
    ------
    ExportError
        If Matplotlib is missing, or an option cannot be met.
    """
    agg = require("matplotlib.backends.backend_agg", "export", "a movie")
    from matplotlib.figure import Figure

    look = Look.of(source, colormap, limits, channel)
    columns, rows = _size(source, width)
    figure = Figure(figsize=(columns / _DPI, rows / _DPI), dpi=_DPI)
    canvas = agg.FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    smoothing = "nearest" if columns >= source.shape[1] else "antialiased"
    image = look.show(axes, 0, aspect="auto", interpolation=smoothing)
    fontsize = max(9.0, min(columns, rows) / 24 * 72 / _DPI)
    if scale_bar:
        draw_bar(axes, Bar.of(source), fontsize=fontsize)
    text = None
    if label:
        inset = 0.04 * min(columns, rows)
        text = axes.text(
            inset / columns,
            1 - inset / rows,
            "",
            transform=axes.transAxes,
            ha="left",
            va="top",
            fontsize=fontsize,
            color="white",
            path_effects=outline(fontsize / 5),
            bbox={"facecolor": "black", "edgecolor": "none", "alpha": 0.4, "pad": fontsize / 4},
        )
    quiver, grid, shown = None, None, -1
    if arrows:
        grid = ArrowGrid.of(source, spacing)
        thickness = max(1.5, columns / 16 / 18)
        stroke = outline(thickness / 2)
        quiver = grid.draw(
            axes,
            0,
            cmap="autumn_r",
            units="dots",
            width=thickness,
            headwidth=4,
            headlength=4.5,
            headaxislength=4,
            path_effects=stroke,
        )
    for index, time in enumerate(source.times):
        image.set_data(look.picture(index))
        if text is not None:
            text.set_text(time_text(source, float(time)))
        if quiver is not None and grid is not None:
            stage = source.stage_at(float(time))
            if stage != shown:
                quiver.set_UVC(*grid.parts(stage))
                shown = stage
        canvas.draw()
        yield np.array(np.asarray(canvas.buffer_rgba())[..., :3], order="C")


def _size(source: Source, width: int | None) -> tuple[int, int]:
    """Return even width and height of a picture, with square pixels of the world."""
    height, own = source.shape
    pixel = source.pixel_size
    ratio = (height * pixel[0]) / (own * pixel[1])
    if width is None:
        longer = own * max(1.0, ratio)
        factor = max(1, math.ceil(_SMALLEST / longer))
        factor_down = min(1.0, _LARGEST / longer)
        width = round(own * (factor if factor > 1 else factor_down))
    if not 16 <= width <= 8192:
        raise ExportError(f"movie width must be 16 to 8192 pixels; got {width}.")
    rows = round(width * ratio)
    return max(2, width + width % 2), max(2, rows + rows % 2)
