"""The command ``carry``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.learn import interruptible
from napari_latentdyn.cli.output import run_folder
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.core.dynamics.channels import frames_of
from napari_latentdyn.core.dynamics.marks import CARRIED_AS, carry_shape, fill_tracks, touches
from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.core.dynamics.trajectories import inside
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images import ImageFile
from napari_latentdyn.core.observations.images.series import read_series
from napari_latentdyn.core.observations.known.tables import Marks, read_marks
from napari_latentdyn.core.observations.ometiff import write_ome_tiff
from napari_latentdyn.errors import DerivedError, SettingsError, Stopped
from napari_latentdyn.export.target import check_free, new_target
from napari_latentdyn.files.paths import check_writable, output_path
from napari_latentdyn.files.tables import write_rows
from napari_latentdyn.settings import Settings, parse_value
from napari_latentdyn.settings.text import shorten

__all__ = ["KINDS", "carry"]

KINDS = ("labels", "image", "points", "shapes", "tracks")
#: Kinds of images; the others are tables.
_PIXELS = KINDS[:2]
_TABLE, _IMAGE = ".csv", ".ome.tif"

#: Computes, with functions that say when to stop and take the progress, and returns a function
#: that writes a file.
Work = Callable[[Callable[[], bool], Callable[[int, int], None]], Callable[[Path], None]]


def carry(arguments: argparse.Namespace) -> int:
    """Carry files that lie on the images of a run to other times."""
    targets = _targets(arguments)
    dynamics = Dynamics.load(run_folder(arguments.folder))
    given = _times(arguments, dynamics)
    start = None
    if arguments.start is not None:
        start = dynamics.checked_times(_numbers("--from", arguments.start))
        if len(start) != 1:
            raise UsageError(f"--from must be one time; got '{shorten(arguments.start)}'.")
    line = ProgressLine(quiet=arguments.quiet)
    works: list[Work] = []
    for source in arguments.what:
        read = _pixel_work if _suffix(source) == _IMAGE else _table_work
        works.append(read(source, arguments.kind, dynamics, start, given, line))
    with interruptible(line, "Stopping. Press Ctrl-C again to stop at once.") as interrupt:
        try:
            for source, target, work in zip(arguments.what, targets, works, strict=True):
                with _naming(source):
                    write = work(interrupt.should_stop, lambda *done: line.step("carry", *done))
                line.close()
                with new_target(target, overwrite=arguments.overwrite, what="the result") as file:
                    write(file)
                sys.stdout.write(f"{target}\n")
        except Stopped:
            line.close()
            line.note("Stopped; the files named above are complete, and nothing else was written.")
        return interrupt.code


def _suffix(source: str) -> str:
    return _TABLE if source.lower().endswith(_TABLE) else _IMAGE


def _targets(arguments: argparse.Namespace) -> list[Path]:
    """Return a free path for each result."""
    kind, output, sources = arguments.kind, arguments.output, arguments.what
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--as must be {', '.join(KINDS[:-1])} or {KINDS[-1]}; got '{kind}'.")
    if output is None:
        raise UsageError("carry needs -o PATH: the file to write, or a folder for several files.")
    for source in sources:
        if kind is not None and (kind in _PIXELS) != (_suffix(source) == _IMAGE):
            form = "an image file" if kind in _PIXELS else "a table, a file whose name ends in .csv"
            raise UsageError(f"--as {kind} must be used with {form}; got {source}.")
    place = output_path(output, UsageError)
    suffixes = (".tif", ".tiff", _TABLE)
    if len(sources) == 1 and output.lower().endswith(suffixes) and not place.is_dir():
        suffix = _suffix(sources[0])
        if output.lower().endswith(_TABLE) != (suffix == _TABLE):
            raise UsageError(
                f"the name of the result must end in {suffix} for {sources[0]}; got {output}."
            )
        targets = [place]
    else:
        names = [Path(source).name.partition(".")[0] or "result" for source in sources]
        targets = [
            place / f"{name}_carried{_suffix(source)}"
            for name, source in zip(names, sources, strict=True)
        ]
    if len(set(targets)) < len(targets):
        raise UsageError("several files have the same name: carry them one by one.")
    for target in targets:
        check_free(target, overwrite=arguments.overwrite, error=UsageError)
        check_writable(target, UsageError, folder=False)
    return targets


def _numbers(flag: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise UsageError(f"{flag} must be numbers, such as 0,0.5; got '{shorten(text)}'.") from None


def _times(arguments: argparse.Namespace, dynamics: Dynamics) -> NDArray[np.float64] | None:
    """Return the times that were asked for, in the unit of the run."""
    if arguments.times is not None:
        return dynamics.checked_times(_numbers("--times", arguments.times))
    if arguments.frames is not None:
        count = parse_value("output.frames", arguments.frames)
        chosen = Settings().updated({"output.frames": count})
        return frame_times(chosen, dynamics.observation_times)
    return None


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Begin the sentence of an error with the name of a file."""
    try:
        yield
    except (DerivedError, SettingsError) as error:
        raise type(error)(f"{source}: {error}") from None


# ------------------------------------------------------------------------- images


def _pixel_work(
    source: str,
    kind: str | None,
    dynamics: Dynamics,
    start: NDArray[np.float64] | None,
    given: NDArray[np.float64] | None,
    line: ProgressLine,
) -> Work:
    images = read_series([source]).images
    count = len(dynamics.observation_times)
    if len(images) not in (1, count):
        raise UsageError(
            f"{source} must hold one image, or one for each of {count} observations; got "
            f"{len(images)}: {source}:0 takes the first."
        )
    if len(images) > 1 and start is not None:
        raise UsageError(
            f"{source} holds one image for each observation, whose times are known: leave --from "
            f"out, or take one image, such as {source}:0."
        )
    whole = all(image.array.dtype.kind in "biu" and image.channel_axis is None for image in images)
    assumed = kind is None and whole
    kind = kind or ("labels" if whole else "image")
    data = [_array(image, kind) for image in images]
    stack = np.stack(data) if len(data) > 1 else data[0]
    times = dynamics.times() if given is None else given
    if kind == "image" and len(images) > 1:
        # The import takes seconds; later, Ctrl-C would have to wait for it.
        import napari_latentdyn.core.dynamics.fitted  # noqa: F401

    def work(
        should_stop: Callable[[], bool], on_frame: Callable[[int, int], None]
    ) -> Callable[[Path], None]:
        if kind == "image" and len(images) > 1:
            found: NDArray[Any] = frames_of(
                dynamics, stack, times, should_stop=should_stop, on_frame=on_frame
            )
        else:
            found = dynamics.carry(
                stack,
                times,
                start,
                kind="labels" if kind == "labels" else "image",
                should_stop=should_stop,
                on_frame=on_frame,
            )
        if assumed:
            line.tell(
                f"{source} holds whole numbers, which are carried as labels; --as image "
                "interpolates them."
            )
        return lambda path: _write_stack(path, found, dynamics, times, kind)

    return work


def _array(image: ImageFile, kind: str) -> NDArray[Any]:
    """Return an image with channels first; missing pixels are 0 in labels, and NaN in images."""
    values = image.array
    if image.channel_axis is not None:
        if kind == "labels":
            raise UsageError(f"{image.name} has channels: take one with {image.name}:c=0.")
        values = np.moveaxis(values, image.channel_axis, 0)
    if image.missing is None:
        return values
    if kind == "labels":
        return np.where(image.missing, values.dtype.type(0), values)
    return np.where(image.missing, np.nan, values)


def _write_stack(
    path: Path, found: NDArray[Any], dynamics: Dynamics, times: NDArray[np.float64], kind: str
) -> None:
    place, known = dynamics.placement, dynamics.interval is not None
    write_ome_tiff(
        path,
        found,
        "TYX" if found.ndim == 3 else "TCYX",
        pixel_size=None if place == Geometry() else place.pixel_size,
        pixel_unit=place.units,
        times=dynamics.elapsed(times) if known else None,
        times_unit=dynamics.time_unit if known else None,
        name=kind,
        description=f"times: {', '.join(f'{time:.9g}' for time in times)}",
        compression="zlib" if kind == "labels" else None,
    )


# ------------------------------------------------------------------------- tables


def _table_work(
    source: str,
    kind: str | None,
    dynamics: Dynamics,
    start: NDArray[np.float64] | None,
    given: NDArray[np.float64] | None,
    line: ProgressLine,
) -> Work:
    marks = read_marks(source, kind, dynamics.observation_times)
    if marks.times is not None and start is not None:
        raise UsageError(f"{source} has a column of times: leave --from out.")
    first = dynamics.observation_times[:1] if start is None else start
    starts = np.broadcast_to(first if marks.times is None else marks.times, len(marks.places))
    with _naming(source):
        dynamics.checked_times(starts)
    times = dynamics.times() if given is None else given

    def work(
        should_stop: Callable[[], bool], on_frame: Callable[[int, int], None]
    ) -> Callable[[Path], None]:
        if marks.kind == "tracks":
            names, rows = _tracks(dynamics, marks, given)
        elif marks.kind == "shapes":
            names, rows = _shapes(dynamics, marks, starts, times)
        else:
            names, rows = _points(dynamics, marks, starts, times)
            lost = int((~inside(marks.places, dynamics.shape)).sum())
            if lost:
                line.note(
                    f"{lost} of {len(starts)} points of {source} lie outside of the image and "
                    "are left out."
                )
        if should_stop():
            raise Stopped
        on_frame(1, 1)
        return lambda path: write_rows(path, names, rows)

    return work


def _points(
    dynamics: Dynamics, marks: Marks, starts: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[list[str], list[list[Any]]]:
    found = dynamics.carry(marks.places, times, starts, kind="points")
    rows: list[list[Any]] = [
        [frame, *place.tolist(), float(times[frame]), point]
        for frame, places in enumerate(found)
        for point, place in enumerate(places)
        if np.isfinite(place).all()
    ]
    names = ["index", "axis-0", "axis-1", "axis-2", "time", "point"]
    return names, [[number, *row] for number, row in enumerate(rows)]


def _shapes(
    dynamics: Dynamics, marks: Marks, starts: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[list[str], list[list[Any]]]:
    rows: list[list[Any]] = []
    number = 0
    for shape in np.unique(marks.groups):
        chosen = np.flatnonzero(marks.groups == shape)
        kind, begin = marks.types[chosen[0]], starts[chosen[0]]
        if (starts[chosen] != begin).any():
            raise DerivedError(f"shape {shape:g} must lie at one time; got several.")
        carried = carry_shape(dynamics, marks.places[chosen], kind, times, float(begin))
        for frame, vertices in enumerate(carried):
            if not touches(vertices, dynamics.shape):
                continue
            rows += [
                [number, CARRIED_AS[kind], k, frame, *vertex, float(times[frame]), int(shape)]
                for k, vertex in enumerate(vertices.tolist())
            ]
            number += 1
    axes = ["axis-0", "axis-1", "axis-2"]
    return ["index", "shape-type", "vertex-index", *axes, "time", "shape"], rows


def _tracks(
    dynamics: Dynamics, marks: Marks, times: NDArray[np.float64] | None
) -> tuple[list[str], list[list[Any]]]:
    assert marks.times is not None
    table = np.column_stack([marks.groups, marks.times, marks.places])
    found, filled = fill_tracks(dynamics, table, times)
    rows = [
        [int(number), *place, int(new)]
        for (number, *place), new in zip(found.tolist(), filled, strict=True)
    ]
    return ["ID", "t", "y", "x", "filled"], rows
