"""Movies: MP4 and GIF, frame by frame.

They are encoded with PyAV: it is released with every version of FFmpeg, runs
in the process (so that a full disk is an error and not the silence of a pipe),
chooses the palette of each frame of a GIF while it is written, and reads back
what it wrote. imageio-ffmpeg starts a program and is seldom released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.canvas import paint
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_file, require

__all__ = ["write_gif", "write_movie", "write_mp4"]

#: The delay of a frame of a GIF is a whole number of hundredths, and viewers slow down below two.
_FASTEST_GIF = 50


def write_mp4(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    fps: float = 10.0,
    width: int | None = None,
    arrows: bool = False,
    label: bool = True,
    scale_bar: bool = True,
    colormap: str = "gray",
    limits: tuple[float, float] | None = None,
    channel: int = 0,
    spacing: int | None = None,
) -> Path:
    """Write the frames as a movie: H.264 in MP4, 4:2:0, which every player shows.

    Every frame is shown equally long, also where times are not evenly spaced.

    Parameters
    ----------
    source : Source
        What to write.
    path : str or Path
        File to write; ``.gif`` as its end makes an animated GIF.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.
    fps : float
        Frames per second.
    width : int, optional
        Width of the movie in pixels, made even. By default that of the frames,
        small ones enlarged by a whole factor.
    arrows : bool
        Draw the field of the stage over each frame.
    label, scale_bar : bool
        Show the time of each frame, and a scale bar.
    colormap : str
        Colour map of Matplotlib for frames of one channel.
    limits : (float, float), optional
        Intensities at its ends; nearly all values lie between them by default.
    channel : int
        Channel to show, where there are several that are no colours.
    spacing : int, optional
        Distance between arrows in pixels of the frames.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If a library is missing, an option cannot be met, or the file is there
        or cannot be written.
    Stopped
        If the user asked for it.
    """
    pictures = paint(
        source,
        width=width,
        arrows=arrows,
        label=label,
        scale_bar=scale_bar,
        colormap=colormap,
        limits=limits,
        channel=channel,
        spacing=spacing,
    )
    return write_movie(
        pictures,
        path,
        fps=fps,
        total=len(source.frames),
        overwrite=overwrite,
        on_progress=on_progress,
        should_stop=should_stop,
    )


def write_gif(source: Source, path: str | Path, **options: Any) -> Path:
    """Write the frames as an animated GIF that repeats for ever; as `write_mp4`."""
    if Path(path).suffix.lower() != ".gif":
        raise ExportError(f"{path} is no name of a GIF; let it end in .gif.")
    return write_mp4(source, path, **options)


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
        All of one size; an odd row or column is left out of an MP4, and
        transparency is. They are taken one by one, so that a generator may draw
        them as they are needed.
    path : str or Path
        File to write, ``.mp4`` or ``.gif``.
    fps : float
        Frames per second.
    total : int, optional
        Number of pictures, for `on_progress`.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If PyAV is not installed, there is no picture, their sizes differ, or the file is
        there or cannot be written.
    Stopped
        If the user asked for it.
    """
    av = require("av", "export", "a movie")
    gif = Path(path).suffix.lower() == ".gif"
    if not gif and Path(path).suffix.lower() != ".mp4":
        raise ExportError(f"the name of a movie must end in .mp4 or .gif; got {path}.")
    fastest = _FASTEST_GIF if gif else 240
    if not 0 < fps <= fastest:
        raise ExportError(f"frames per second must be above 0 and at most {fastest}; got {fps:g}.")
    steps = Steps(total or 0, on_progress, should_stop)
    with new_file(path, overwrite=overwrite, what="the movie", also=(av.FFmpegError,)) as file:
        iterator = iter(pictures)
        first = next(iterator, None)
        if first is None:
            raise ExportError("a movie needs at least one picture; got 0.")
        checked = _checked(chain([first], iterator), first.shape, even=not gif)
        rate = Fraction(fps).limit_denominator(1001)
        encode = _encode_gif if gif else _encode_mp4
        with av.open(str(file), "w") as container:
            encode(av, container, checked, rate, steps)
    return Path(path)


def _checked(
    pictures: Iterator[NDArray[np.uint8]], shape: tuple[int, ...], *, even: bool
) -> Iterator[NDArray[np.uint8]]:
    if len(shape) != 3 or shape[2] not in (3, 4) or min(shape[:2]) < 2:
        raise ExportError(
            f"a picture of a movie has the shape (height, width, 3), not {tuple(shape)}."
        )
    height, width = (side - side % 2 if even else side for side in shape[:2])
    for picture in pictures:
        if picture.shape != shape or picture.dtype != np.uint8:
            raise ExportError(
                f"the pictures of a movie are of one size and of bytes: {picture.shape} "
                f"{picture.dtype} after {tuple(shape)}."
            )
        yield np.ascontiguousarray(picture[:height, :width, :3])


def _encode_mp4(
    av: Any, container: Any, pictures: Iterator[NDArray[np.uint8]], rate: Fraction, steps: Steps
) -> None:
    stream = None
    for index, picture in enumerate(pictures):
        if stream is None:
            # What has to match between single frames must be seen: better than the usual 23.
            stream = container.add_stream("libx264", rate=rate, options={"crf": "18"})
            stream.height, stream.width = picture.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.time_base = 1 / rate
            # Colours of matrix 709, as players take them to be.
            stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
            stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU709
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = index, 1 / rate
        container.mux(stream.encode(frame))
        steps.next()
    if stream is not None:
        container.mux(stream.encode(None))


def _encode_gif(
    av: Any, container: Any, pictures: Iterator[NDArray[np.uint8]], rate: Fraction, steps: Steps
) -> None:
    stream = graph = None
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        # Hundredths of a second, rounded in sum and not each.
        frame.pts, frame.time_base = round(index * 100 / rate), Fraction(1, 100)
        if stream is None or graph is None:
            stream = container.add_stream("gif", rate=rate)
            stream.height, stream.width = picture.shape[:2]
            stream.pix_fmt = "pal8"
            stream.time_base = Fraction(1, 100)
            graph = _palette_graph(av, frame)
        graph.push(frame)
        container.mux(stream.encode(_pulled(graph)))
        steps.next()
    if stream is not None:
        container.mux(stream.encode(None))


def _palette_graph(av: Any, frame: Any) -> Any:
    """Return the filter that gives every frame the 256 colours that suit it best."""
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


def _pulled(graph: Any) -> Any:
    frame = graph.pull()
    # Each frame is written as its time comes; the encoder wants no picture types of the filter.
    frame.pict_type = 0
    return frame
