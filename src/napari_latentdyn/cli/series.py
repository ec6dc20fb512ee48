"""Images of the command ``run``, their times and masks."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.arguments import KNOWN
from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.flags import fractions_of
from napari_latentdyn.cli.runs import geometry_of, observe, report_of
from napari_latentdyn.core.geometry.units import SECONDS, duration
from napari_latentdyn.core.observations.images.series import ImageSeries, expand, read_series
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.times import (
    ImageTimes,
    in_readable_unit,
    times_from_names,
    times_from_table,
    times_from_text,
)
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.text import shown

__all__ = ["read_run"]

#: Largest number of times that are listed.
_SHOWN = 12
_FLAGS = ("times_of_images", "times_pattern", "times_table")


def read_run(
    arguments: argparse.Namespace, settings: Settings, frames_at: list[float] | None
) -> tuple[Observations, Settings]:
    """Read the images of a run and their times.

    `frames_at` are the times of the frames, as the user gave them: fractions of the interval of
    two images, and times of a series. The settings that are returned have these times as
    fractions, and the unit of the times of the images.
    """
    sources = expand(arguments.images)
    if frames_at is not None and len(sources) == 2:
        # Of a pair; wrong times are told before the images are read.
        settings = settings.updated({"output.times": frames_at, "output.frames": None})
    series = read_series(sources)
    count = len(series.images)
    if count < 2:
        raise UsageError(
            "run needs two images or more, FIRST LAST or a stack of images, or --resume DIR."
        )
    times = _times(arguments, series, sources)
    masks = arguments.mask
    if masks is not None and len(masks) == 1:
        masks = masks * count
    if masks is not None and len(masks) != count:
        raise UsageError(
            f"--mask must be one image for all, or one for each of {count} images; got "
            f"{len(masks)}."
        )
    order = np.arange(count)
    if times is not None and arguments.times_of_images is None:
        order = np.argsort(times.values, kind="stable")
        images = tuple(series.images[k] for k in order)
        masks = None if masks is None else [masks[k] for k in order]
        series = replace(series, images=images)
        times = times.in_order(order)
    settings = _with_unit(settings, times, count)
    if frames_at is not None and count == 2:
        settings = settings.updated({"output.times": frames_at, "output.frames": None})
    observations = observe(
        series.images, masks, settings, None if times is None or count == 2 else times.values
    )
    if count > 2:
        if times is None and settings.images.interval is None:
            sys.stderr.write(
                "The images are taken to be evenly spaced; their times can be given with "
                "--times-of-images, --times-pattern or --times-table.\n"
            )
        if frames_at is not None:
            settings = _with_frames(settings, frames_at, observations)
        if settings.images.interval is not None:
            moments = [f"{time * settings.images.interval:g}" for time in observations.times]
            if len(moments) > _SHOWN:
                moments = [*moments[:3], "..", moments[-1]]
            unit = settings.images.interval_unit
            sys.stderr.write(f"The images are at {', '.join(moments)} {unit}s.\n")
    reports = [
        report_of(image, None if masks is None else masks[k])
        for k, image in enumerate(series.images)
    ]
    observations = observations.described(geometry_of(*series.images), reports)
    start = None if times is None else times.start
    return _with_knowledge(arguments, observations, settings, start, order), settings


def _with_knowledge(
    arguments: argparse.Namespace,
    observations: Observations,
    settings: Settings,
    start: datetime | None,
    order: NDArray[np.intp],
) -> Observations:
    """Read the regions and tracks that the user knows, and say on standard error what they are.

    `order` has the index of each image in the order in which the user gave them.
    """
    files = {name: getattr(arguments, name) or [] for name in KNOWN}
    for name, given in files.items():
        if len(given) == len(order) and name != "tracks":
            files[name] = [given[k] for k in order]
    part = arguments.hold_back
    try:
        hold_back = 0.0 if part is None else float(part)
    except ValueError:
        raise UsageError(
            f"--hold-back must be a part such as 0.2, or a number of tracks; got {shown(part)}."
        ) from None
    files["missing"] = arguments.mask or []
    if part is None and not any(files.values()):
        return observations
    if part is not None and not (files["tracks"] or files["landmarks"]):
        raise UsageError(
            "--hold-back needs tracks or landmarks; got none: give some with --tracks or "
            "--landmarks, or leave --hold-back out."
        )
    from napari_latentdyn.core.observations.known import ImageSpace, read_knowledge

    space = ImageSpace.of(observations, settings.images, start)
    known = read_knowledge(space, **files, hold_back=hold_back)
    observations = observations.with_knowledge(known)
    sys.stderr.writelines(f"{sentence}\n" for sentence in known.sentences())
    return observations


def _times(
    arguments: argparse.Namespace, series: ImageSeries, sources: list[str]
) -> ImageTimes | None:
    """Return the times that flags give, or the file of a stack; None if they are unknown."""
    given = [name for name in _FLAGS if getattr(arguments, name) is not None]
    if len(given) > 1:
        both = " and ".join("--" + name.replace("_", "-") for name in given[:2])
        raise UsageError(f"{both} exclude each other; give only one of them.")
    if not given:
        if series.times is None:
            return None
        since = series.times - series.times[0]
        known = None if series.unit is None else duration(series.unit)
        if known is None:
            return ImageTimes(since, series.unit, series.start)
        return in_readable_unit(since * known[0] * SECONDS[known[1]], series.start)
    text = getattr(arguments, given[0])
    if given[0] != "times_of_images":
        if len(sources) < len(series.images):
            raise UsageError(
                f"--{given[0].replace('_', '-')} reads the times of files, and the images are one "
                "stack: give the times with --times-of-images."
            )
        names = [image.name for image in series.images]
        read = times_from_names if given[0] == "times_pattern" else times_from_table
        return read(names, text)
    times = times_from_text(text)
    if len(times.values) != len(series.images):
        raise UsageError(
            f"--times-of-images must be one time for each of {len(series.images)} images; got "
            f"{len(times.values)}."
        )
    return times


def _with_unit(settings: Settings, times: ImageTimes | None, count: int) -> Settings:
    """Return the settings with the length of a unit of the times."""
    if times is None:
        return settings
    known = None if times.unit is None else duration(times.unit)
    if known is None:
        return settings
    if settings.images.interval is not None:
        raise UsageError(
            "--interval is the unit of times without a unit, and the times of the images are in "
            f"{times.unit}: leave --interval out."
        )
    value, unit = known
    if count == 2:
        value *= float(times.values[1] - times.values[0])
    return settings.updated({"images.interval": value, "images.interval_unit": unit})


def _with_frames(settings: Settings, asked: list[float], observations: Observations) -> Settings:
    """Return the settings with frames at times of a series, as fractions of its duration."""
    parts = fractions_of(asked, observations.times)
    return settings.updated({"output.times": parts, "output.frames": None})
