"""Movies: MP4 and GIF, drawn with Matplotlib and encoded with PyAV, one frame at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import Format, Option, Steps
from napari_latentdyn.export.grid import pixel_size, shape, stage_at
from napari_latentdyn.export.look import LOOK, Arrows, Look, draw_bar, outline, time_labels
from napari_latentdyn.export.target import as_os_error, new_target

if TYPE_CHECKING:
    import xarray

__all__ = ["GIF", "MP4", "paint", "write_movie"]

#: GIF delays are hundredths of a second, and viewers slow down frames below two hundredths.
_FASTEST = {".gif": 50, ".mp4": 240}
_SMALLEST, _LARGEST = 480, 1920
_DPI = 100


def write_movie(
    pictures: Iterable[NDArray[np.uint8]],
    path: str | Path,
    *,
    fps: float = 10.0,
    total: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write pictures of any origin as a movie, one at a time.

    Parameters
    ----------
    pictures : iterable of ndarray of uint8, shape (H, W, 3) or (H, W, 4)
        All of one size; transparency is left out, and an odd row or column of an
        MP4. They are taken one by one, so that a generator may draw them.
    path : str or Path
        File to write, ``.mp4`` or ``.gif``.
    fps : float
        Frames per second.
    total : int, optional
        Number of pictures, for `on_progress`.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `format.Steps`.

    Raises
    ------
    ExportError
        If there is no picture, their sizes differ, or the file is there or
        cannot be written.
    Stopped
        If the user asked for it.
    """
    steps = Steps(on_progress, should_stop)
    with new_target(path, overwrite=overwrite, what="the movie") as file:
        _encode(pictures, file, steps, fps, total or 0)
    return Path(path)


def paint(
    data: xarray.Dataset,
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
    """Yield the frames one by one as pictures (H, W, 3) of bytes, of even height and width.

    The pictures are `width` pixels wide; by default small frames are enlarged by a whole factor.
    `limits` default to percentiles, `spacing` to arrows that can be read.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look = Look.of(data, colormap, limits, channel)
    columns, rows = _size(data, width)
    figure = Figure(figsize=(columns / _DPI, rows / _DPI), dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    smoothing = "nearest" if columns >= shape(data)[1] else "antialiased"
    image = look.show(axes, 0, aspect="auto", interpolation=smoothing)
    fontsize = max(9.0, min(columns, rows) / 24 * 72 / _DPI)
    if scale_bar:
        draw_bar(axes, data, fontsize=fontsize)
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
        visible=label,
    )
    drawn = Arrows.of(data, spacing) if arrows else None
    if drawn is not None:
        thickness = max(1.5, columns / 16 / 18)
        quiver = drawn.draw(
            axes,
            0,
            cmap="autumn_r",
            units="dots",
            width=thickness,
            path_effects=outline(thickness / 2),
        )
    for index, (moment, shown) in enumerate(zip(data.time.values, time_labels(data), strict=True)):
        image.set_data(look.picture(index))
        text.set_text(shown)
        if drawn is not None:
            quiver.set_UVC(*drawn.parts(stage_at(data, float(moment))))
        canvas.draw()
        yield np.array(np.asarray(canvas.buffer_rgba())[..., :3], order="C")


def _size(data: xarray.Dataset, width: int | None) -> tuple[int, int]:
    """Return even width and height of a picture, with square pixels of the world."""
    height, own = shape(data)
    pixel = pixel_size(data)
    ratio = (height * pixel[0]) / (own * pixel[1])
    if width is None:
        longer = own * max(1.0, ratio)
        factor = max(1, math.ceil(_SMALLEST / longer))
        width = round(own * (factor if factor > 1 else min(1.0, _LARGEST / longer)))
    if not 16 <= width <= 8192:
        raise ExportError(f"movie width must be 16 to 8192 pixels; got {width}.")
    rows = round(width * ratio)
    return max(2, width + width % 2), max(2, rows + rows % 2)


def _write(
    data: xarray.Dataset, path: Path, steps: Steps, *, fps: float, suffix: str, **look: Any
) -> None:
    if path.suffix.lower() != suffix:
        raise ExportError(f"the name of the movie must end in {suffix}; got '{path.suffix}'.")
    _encode(paint(data, **look), path, steps, fps, data.sizes["time"])


def _encode(
    pictures: Iterable[NDArray[np.uint8]], path: Path, steps: Steps, fps: float, total: int
) -> None:
    import av

    suffix = path.suffix.lower()
    if suffix not in _FASTEST:
        raise ExportError(f"the name of a movie must end in .mp4 or .gif; got '{suffix}'.")
    if not 0 < fps <= _FASTEST[suffix]:
        raise ExportError(
            f"frames per second must be above 0 and at most {_FASTEST[suffix]}; got {fps:g}."
        )
    iterator = iter(pictures)
    first = next(iterator, None)
    if first is None:
        raise ExportError("a movie needs at least one picture; got 0.")
    gif = suffix == ".gif"
    size = first.shape
    if len(size) != 3 or size[2] not in (3, 4) or min(size[:2]) < 2:
        raise ExportError(
            f"a picture of a movie must have the shape (height, width, 3); got {size}."
        )
    height, width = (side if gif else side - side % 2 for side in size[:2])
    rate = Fraction(fps).limit_denominator(1001)
    with as_os_error(path, av.FFmpegError), av.open(str(path), "w") as container:
        if gif:
            stream = container.add_stream("gif", rate=rate)
            stream.pix_fmt, stream.time_base = "pal8", Fraction(1, 100)
        else:
            # Better than the usual 23: small changes between frames must stay visible.
            stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
            stream.pix_fmt, stream.time_base = "yuv420p", 1 / rate
            # Colours of matrix 709, which players assume.
            stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
            stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU709
        stream.height, stream.width = height, width
        graph = None
        for index, picture in enumerate(steps.over(chain([first], iterator), total)):
            if picture.shape != size or picture.dtype != np.uint8:
                raise ExportError(
                    f"the pictures of a movie must be of one size and of bytes; got "
                    f"{picture.shape} {picture.dtype} after {size}."
                )
            cropped = np.ascontiguousarray(picture[:height, :width, :3])
            frame = av.VideoFrame.from_ndarray(cropped, format="rgb24")
            if gif:
                # The sum is rounded to hundredths of a second, not each delay.
                frame.pts, frame.time_base = round(index * 100 / rate), stream.time_base
                graph = graph or _palette_graph(av, frame)
                graph.push(frame)
                frame = graph.pull()
                # The encoder refuses picture types of the filter.
                frame.pict_type = 0
            else:
                frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
                frame.pts, frame.time_base = index, stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _palette_graph(av: Any, frame: Any) -> Any:
    """Return the filter that finds the best 256 colours of every frame."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 100)
    )
    split = graph.add("split")
    generate = graph.add("palettegen", "stats_mode=single")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(generate, 0, 0)
    split.link_to(use, 1, 0)
    generate.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


_OPTIONS = (
    Option("fps", float, 10.0, "Frames per second."),
    Option("width", int, None, "Width of the movie in pixels."),
    Option("arrows", bool, False, "Draw the arrows of each stage over its frames."),
    Option("label", bool, True, "Show the time of each frame."),
    Option("scale_bar", bool, True, "Show a scale bar."),
    *LOOK,
)
MP4, GIF = (
    Format(
        name,
        f"Movie ({name.upper()})",
        (f".{name}",),
        partial(_write, suffix=f".{name}"),
        about=about,
        what="the movie",
        extra="export",
        modules=("matplotlib", "av"),
        options=_OPTIONS,
    )
    for name, about in (
        ("mp4", "The frames as a movie for all players, optionally with arrows."),
        ("gif", "The frames as an animated GIF, optionally with arrows."),
    )
)
